"""Average precision by the protocol of the original package."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from poise.evaluation.average_precision import THRESHOLDS, average_precision, match, yolo_oks
from poise.skeletons import get


@pytest.fixture(scope="module")
def stored(shared: Path) -> dict[str, np.ndarray]:
    with np.load(shared / "fixtures/yolo/ops.npz") as file:
        return dict(file)


def test_average_precision_equals_the_original(stored: dict[str, np.ndarray]) -> None:
    table = average_precision(stored["ap/tp"], stored["ap/conf"], stored["ap/pred_cls"], stored["ap/target_cls"])

    for name in ("p", "r", "f1", "ap"):
        np.testing.assert_allclose(getattr(table, name), stored[f"ap/out_{name}"], rtol=1e-12)
    assert table.classes.tolist() == stored["ap/out_classes"].tolist()


@pytest.mark.parametrize(("name", "sigmas"), [("coco", get("coco17").sigmas), ("uniform", np.full(17, 1 / 17))])
def test_oks_equals_the_original(stored: dict[str, np.ndarray], name: str, sigmas: np.ndarray) -> None:
    target = stored["oks/gt"]

    found = yolo_oks(
        stored["oks/pred"][..., :2], target[..., :2], area=stored["oks/area"], visible=target[..., 2] > 0, sigmas=sigmas
    )

    np.testing.assert_allclose(found.T, stored[f"oks/{name}"], atol=1e-6)  # the original runs in single precision


def test_a_perfect_find_reaches_the_protocols_ceiling() -> None:
    table = average_precision(np.ones((1, 10), bool), np.array([0.9]), np.array([0]), np.array([0]))

    # The drop to 0 at recall 1 costs half of the last of a hundred steps.
    np.testing.assert_allclose(table.ap, 0.995)


def test_a_class_that_is_never_found_scores_zero() -> None:
    table = average_precision(np.ones((1, 10), bool), np.array([0.9]), np.array([0]), np.array([0, 1]))

    assert table.ap[1].tolist() == [0.0] * 10
    assert table.r.tolist() == [1.0, 0.0]


def test_no_true_instances_give_an_empty_table() -> None:
    table = average_precision(np.zeros((2, 10), bool), np.array([0.9, 0.1]), np.array([0, 0]), np.empty(0, int))

    assert table.ap.shape == (0, 10)


def test_no_finds_score_zero() -> None:
    table = average_precision(np.zeros((0, 10), bool), np.empty(0), np.empty(0, int), np.array([0, 0]))

    assert table.ap.tolist() == [[0.0] * 10]


def test_better_find_takes_the_instance_and_the_next_takes_what_is_left() -> None:
    similarity = np.array([[0.9, 0.6], [0.95, 0.55]])

    pairs = match(similarity, np.array([0.5, 0.7]))

    assert pairs.tolist() == [[0, 0], [1, -1]]


@given(similarity=arrays(np.float64, (6, 4), elements=st.floats(-1, 1)))
def test_no_instance_is_taken_twice_and_none_below_the_threshold(similarity: np.ndarray) -> None:
    pairs = match(similarity)

    for column, threshold in zip(pairs.T, THRESHOLDS, strict=True):
        rows = np.flatnonzero(column >= 0)
        assert len(set(column[rows])) == len(rows)
        assert (similarity[rows, column[rows]] >= threshold).all()
