"""Confidence from evidence: reading the weights, scoring, and how two sets of points agree."""

from dataclasses import replace

import numpy as np
import pytest

from poise import weights
from poise.errors import FormatError
from poise.estimators.blazepose import BlazePose
from poise.estimators.evidence import Scorer, apart, logit, newer
from poise.estimators.face import Face
from poise.estimators.hands import Hands
from poise.weights import Card

NAMES = ("loud", "near")


def card(**score: object) -> Card:
    return replace(weights.model("hands"), name="toy", settings={"score": score})


def test_confidence_is_the_logistic_of_weighted_evidence() -> None:
    scorer = Scorer.of(card(bias=-1.0, loud=[2.0, 0.0], near=[0.5, 0.0]), NAMES)

    conf = scorer(np.array([[0.5, 0.0], [1.0, 2.0]]))

    # log odds -1 + 1 + 0 = 0 and -1 + 2 + 1 = 2
    np.testing.assert_allclose(conf, [0.5, 1 / (1 + np.exp(-2))])


def test_unknown_evidence_counts_as_typical() -> None:
    scorer = Scorer.of(card(bias=0.0, loud=[1.0, 3.0], near=[1.0, -1.0]), NAMES)

    assert scorer(np.array([[np.nan, 0.5]])) == scorer(np.array([[3.0, 0.5]]))
    assert scorer(np.array([[np.nan, np.nan]])) == scorer(np.array([[3.0, -1.0]]))


def test_no_instances_have_no_confidence() -> None:
    assert Scorer.of(card(bias=0.0, loud=[1.0, 0.0], near=[1.0, 0.0]), NAMES)(np.empty((0, 2))).shape == (0,)


@pytest.mark.parametrize(
    ("score", "message"),
    [
        ({"bias": 0.0, "loud": [1.0, 0.0]}, "score lacks near"),
        ({"bias": 0.0, "loud": [1.0, 0.0], "near": [1.0, 0.0], "laud": [1.0, 0.0]}, "unknown evidence 'laud'.*'loud'"),
        ({"bias": 0.0, "loud": [1.0], "near": [1.0]}, r"must be \[weight, typical\]"),
        ({}, "score lacks bias, loud, near"),
    ],
)
def test_wrong_tables_are_explained(score: dict[str, object], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        Scorer.of(card(**score), NAMES)


@pytest.mark.parametrize(("name", "family"), [("hands", Hands), ("face", Face), ("body-3d", BlazePose)])
def test_no_evidence_of_the_bundled_models_counts_against_an_instance(name: str, family: type[Hands]) -> None:
    scorer = Scorer.of(weights.model(name), family.evidence)

    assert (scorer.weights >= 0).all()
    assert (scorer.weights > 0).any()
    # An ordinary instance is a sure one.
    assert scorer(scorer.typical[None])[0] > 0.7


def test_log_odds_are_limited() -> None:
    np.testing.assert_allclose(logit(np.array([0.0, 0.5, 0.9, 1.0])), [-12, 0, np.log(9), 12])


def test_points_a_tenth_of_the_size_apart() -> None:
    whole = np.array([[[0.0, 0], [20, 0], [0, 10]]])
    points = whole[:, :2]

    np.testing.assert_allclose(apart(points, points + [0, 2], whole), [-np.log(0.1)])


def test_agreement_has_ends_and_may_be_unknown() -> None:
    whole = np.array([[[0.0, 0], [20, 0]]] * 3)
    others = np.array([whole[0], whole[0] + 500, np.full((2, 2), np.nan)])

    np.testing.assert_allclose(apart(whole, others, whole), [6, 0, np.nan])


def test_fresh_evidence_replaces_what_was_known() -> None:
    fresh, known = np.array([[1.0, np.nan]]), np.array([[5.0, 7.0]])

    assert newer(fresh, known).tolist() == [[1.0, 7.0]]
