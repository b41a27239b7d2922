"""HOTA, CLEAR MOT and IDF1 against TrackEval and against hand-counted cases."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.evaluation import TrackingScores, evaluate_tracking

ORACLE = json.loads((Path(__file__).parents[1] / "assets/trackeval.json").read_text())["sequences"]


def score(true: list[list[int]], found: list[list[int]]) -> TrackingScores:
    """Score tracks that lie exactly on people, or nowhere: an id below 0 is a track on nobody."""
    similarity = [
        [[float(abs(p) % 100 == g) * (p >= 0) for p in fs] for g in gs] for gs, fs in zip(true, found, strict=True)
    ]
    return evaluate_tracking(true, found, similarity)


@pytest.mark.parametrize("case", ORACLE, ids=["four people", "six people", "one person"])
def test_scores_equal_trackeval(case: dict[str, Any]) -> None:
    scores = asdict(evaluate_tracking(case["true"], case["found"], case["similarity"]))

    # The same formulas in double precision: only the order of sums differs.
    assert {name: scores[name] for name in case["expected"]} == pytest.approx(case["expected"], rel=1e-9)


def test_perfect_tracks_score_one() -> None:
    scores = score([[1, 2]] * 5, [[1, 2]] * 5)

    assert (scores.hota, scores.idf1, scores.mota, scores.switches) == pytest.approx((1, 1, 1, 0))


def test_one_change_of_id_is_one_switch() -> None:
    scores = score([[1]] * 4, [[1], [1], [101], [101]])

    assert scores.switches == 1
    assert scores.idf1 == pytest.approx(0.5)
    assert scores.mota == pytest.approx(0.75)


def test_two_people_who_change_ids_are_two_switches() -> None:
    scores = score([[1, 2]] * 4, [[1, 2], [1, 2], [101, 102], [101, 102]])

    assert scores.switches == 2


def test_track_on_nobody_is_wrong() -> None:
    scores = score([[1]] * 2, [[1, -7], [1, -7]])

    assert (scores.wrong, scores.missed) == (2, 0)
    assert scores.mota == pytest.approx(0)


def test_nothing_found_misses_everybody() -> None:
    scores = score([[1, 2]] * 3, [[]] * 3)

    assert (scores.missed, scores.hota, scores.mota) == (6, 0, 0)


def test_nothing_to_find_has_no_mota() -> None:
    scores = evaluate_tracking([[], []], [[], []], [[], []])

    assert np.isnan(scores.mota)


def test_somebody_twice_in_a_frame_is_refused_with_the_frame() -> None:
    with pytest.raises(ValueError, match="frame 1: true_ids names somebody twice"):
        evaluate_tracking([[1], [1, 1]], [[1], [1]], [[[1.0]], [[1.0], [1.0]]])


def test_similarity_of_another_shape_is_refused_with_the_frame() -> None:
    with pytest.raises(ValueError, match=r"frame 0: similarity must have shape \(1, 2\), got \(1, 1\)"):
        evaluate_tracking([[1]], [[1, 2]], [[[1.0]]])


@given(st.lists(st.lists(st.integers(0, 4), unique=True, max_size=4), min_size=1, max_size=8), st.integers(1, 1000))
def test_names_of_ids_do_not_matter(frames: list[list[int]], shift: int) -> None:
    similarity = [np.eye(len(f)) for f in frames]
    renamed = [[(i * 7 + shift) for i in f] for f in frames]

    assert asdict(evaluate_tracking(frames, frames, similarity)) == pytest.approx(
        asdict(evaluate_tracking(renamed, renamed, similarity)), nan_ok=True
    )
