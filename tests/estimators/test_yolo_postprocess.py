"""Which rows of a YOLO pose network's output are kept."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poise.estimators import postprocess
from poise.estimators.postprocess import Choice, Layout, Rows, choose, greedy, select
from poise.geometry import box_area, box_iou, nms, oks

SHARED = Path(os.environ.get("POISE_SHARED", Path(__file__).resolve().parents[3] / "shared"))
FIXTURES = SHARED / "fixtures/yolo"
needs_fixtures = pytest.mark.skipif(not FIXTURES.is_dir(), reason="the folder shared is not beside the repository")


def as_table(rows: Rows) -> np.ndarray:
    flat = rows.points.reshape(len(rows.conf), -1)
    return np.concatenate([rows.boxes, rows.conf[:, None], rows.classes[:, None], flat], axis=1)


def anchors(boxes: list[list[float]], scores: list[list[float]], k: int = 1) -> np.ndarray:
    """Return ``(4 + classes + 2 k, A)`` from xyxy boxes and a list of class scores for each; points are numbered."""
    xyxy = np.array(boxes, dtype=np.float32).reshape(-1, 4)
    xywh = np.concatenate([(xyxy[:, :2] + xyxy[:, 2:]) / 2, xyxy[:, 2:] - xyxy[:, :2]], axis=1)
    points = np.arange(len(xyxy) * 2 * k, dtype=np.float32).reshape(len(xyxy), 2 * k)
    return np.concatenate([xywh, np.array(scores, dtype=np.float32).reshape(len(xyxy), -1), points], axis=1).T


def random_anchors(seed: int, count: int = 700, classes: int = 2, k: int = 3) -> np.ndarray:
    random = np.random.default_rng(seed)
    centres, sizes = random.uniform(0, 300, (2, count)), random.uniform(20, 120, (2, count))
    return np.concatenate(
        [centres, sizes, random.random((classes, count)), random.uniform(0, 300, (2 * k, count))]
    ).astype(np.float32)


@needs_fixtures
@pytest.mark.parametrize(
    ("name", "choice"),
    [
        ("default", Choice()),
        ("val", Choice(conf=0.001, multi_label=True)),
        ("agnostic", Choice(iou=0.5, agnostic=True, max_det=20)),
        ("classes02", Choice(classes=(0, 2))),
    ],
)
def test_the_stored_suppressions(name: str, choice: Choice) -> None:
    arrays = np.load(FIXTURES / "ops.npz")
    for i, output in enumerate(arrays["nms/pred"]):
        found = as_table(choose(output, Layout(3, 2, 3, selected=False), choice))

        assert np.array_equal(found, arrays[f"nms/{name}/{i}"])


@needs_fixtures
def test_the_stored_selections() -> None:
    arrays = np.load(FIXTURES / "ops.npz")
    layout = Layout(3, 2, 3, selected=False)
    for i, output in enumerate(arrays["topk/pred"]):
        rows, index = select(output.T, layout, 300)
        best, _ = select(output.T, layout, 50, agnostic=True)

        # Two pairs of the second picture have the very same score, and no order.
        expected = arrays["topk/out"][i]
        assert np.array_equal(rows[:, 4], expected[:, 4])
        assert np.array_equal(rows[np.lexsort(rows.T)], expected[np.lexsort(expected.T)])
        assert np.array_equal(output[index, :4], rows[:, :4])
        assert np.array_equal(best, arrays["topk/out_agnostic_max50"][i])


def test_the_better_of_two_alike_stays() -> None:
    output = anchors([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]], [[0.6], [0.9], [0.5]])

    rows = choose(output, Layout(1, 1, 2, selected=False), Choice(iou=0.7))

    assert rows.index.tolist() == [1, 2]
    assert rows.boxes.tolist() == [[1, 0, 11, 10], [50, 50, 60, 60]]
    assert rows.points.tolist() == [[[2, 3]], [[4, 5]]]


def test_a_score_or_overlap_at_the_limit_is_not_beyond_it() -> None:
    boxes = [[0, 0, 10, 10], [0, 0, 10, 5], [40, 40, 50, 50]]
    output = anchors(boxes, [[0.75], [0.5], [0.25]])

    rows = choose(output, Layout(1, 1, 2, selected=False), Choice(conf=0.25, iou=0.5))

    assert rows.index.tolist() == [0, 1]


def test_classes_do_not_suppress_each_other_unless_asked() -> None:
    output = anchors([[0, 0, 10, 10], [0, 0, 10, 10]], [[0.9, 0.1], [0.2, 0.8]])
    layout = Layout(2, 1, 2, selected=False)

    apart = choose(output, layout, Choice())
    together = choose(output, layout, Choice(agnostic=True))

    assert apart.classes.tolist() == [0, 1]
    assert together.classes.tolist() == [0]


def test_an_anchor_gives_one_row_or_one_for_each_label() -> None:
    output = anchors([[0, 0, 10, 10]], [[0.6, 0.7]])
    layout = Layout(2, 1, 2, selected=False)

    one = choose(output, layout, Choice())
    each = choose(output, layout, Choice(multi_label=True))

    assert (one.classes.tolist(), each.classes.tolist()) == ([1], [1, 0])
    assert each.index.tolist() == [0, 0]


def test_wanted_classes_are_those_of_the_best_label() -> None:
    output = anchors([[0, 0, 10, 10], [30, 0, 40, 10]], [[0.6, 0.7], [0.9, 0.1]])

    rows = choose(output, Layout(2, 1, 2, selected=False), Choice(classes=(0,)))

    assert rows.index.tolist() == [1]


@pytest.mark.parametrize("selected", [False, True])
@pytest.mark.parametrize("count", [0, 40])
def test_nothing_above_the_confidence(selected: bool, count: int) -> None:
    layout = Layout(2, 5, 3, selected=selected)
    output = np.zeros((layout.columns, count) if not selected else (count, layout.columns), dtype=np.float32)

    rows = choose(output, layout, Choice(conf=0.0))

    assert (rows.boxes.shape, rows.points.shape, rows.conf.shape) == ((0, 4), (0, 5, 3), (0,))


def test_scores_that_are_not_numbers_are_dropped() -> None:
    output = anchors([[0, 0, 10, 10], [30, 0, 40, 10]], [[np.nan], [0.9]])

    assert choose(output, Layout(1, 1, 2, selected=False), Choice()).index.tolist() == [1]


@pytest.mark.parametrize("most", [1, 7, 299, 300])
def test_most_rows_are_the_best_ones(most: int) -> None:
    output = random_anchors(5)
    layout = Layout(2, 3, 2, selected=False)

    few = choose(output, layout, Choice(max_det=most, conf=0.01))
    more = choose(output, layout, Choice(max_det=10_000, conf=0.01))

    assert len(more.conf) > 300
    assert np.array_equal(few.index, more.index[:most])


@settings(max_examples=25)
@given(seed=st.integers(0, 1000), iou=st.floats(0.05, 0.95), count=st.sampled_from([1, 2, 127, 128, 129, 400]))
def test_strips_of_candidates_equal_one_matrix(seed: int, iou: float, count: int) -> None:
    output = random_anchors(seed, count, classes=1)

    rows = choose(output, Layout(1, 3, 2, selected=False), Choice(conf=0.0, iou=iou, max_det=10_000))

    half = output[2:4].T / 2
    boxes = np.concatenate([output[:2].T - half, output[:2].T + half], axis=1)
    assert rows.index.tolist() == nms(box_iou(boxes, boxes), output[4], max_similarity=np.float32(iou)).tolist()


@settings(max_examples=25)
@given(seed=st.integers(0, 1000), limit=st.floats(0.05, 0.6))
def test_suppression_by_keypoints_equals_the_definition(seed: int, limit: float) -> None:
    output = random_anchors(seed, 90, classes=1, k=4)
    output[5:] = output[5:] / 6 + 100
    sigmas = np.array([0.3, 0.5, 0.8, 1.0])

    rows = choose(output, Layout(1, 4, 2, selected=False), Choice(0.0, limit, 1000, sigmas=sigmas))

    xy = output[5:].T.reshape(-1, 4, 2).astype(np.float64)
    half = output[2:4].T / 2
    area = box_area(np.concatenate([output[:2].T - half, output[:2].T + half], axis=1))
    # Row: the one to judge; column: the better one, whose area counts.
    likeness = oks(xy, xy, area=area, visible=np.ones((90, 4), dtype=bool), sigmas=sigmas)
    gaps = np.abs(likeness - limit)
    if gaps.min() > 1e-5:  # else float32 may decide the other way
        assert rows.index.tolist() == nms(likeness.T, output[4], max_similarity=limit).tolist()


def test_people_in_one_box_with_other_poses_both_stay() -> None:
    output = anchors([[0, 0, 100, 100], [0, 0, 100, 100], [0, 0, 100, 100]], [[0.9], [0.8], [0.7]], k=2)
    output[5:, 0] = [10, 10, 90, 90]
    output[5:, 1] = [90, 10, 10, 90]
    output[5:, 2] = [11, 10, 90, 91]
    layout = Layout(1, 2, 2, selected=False)

    by_boxes = choose(output, layout, Choice())
    by_points = choose(output, layout, Choice(iou=0.9, sigmas=np.array([0.1, 0.1])))

    assert by_boxes.index.tolist() == [0]
    assert by_points.index.tolist() == [0, 1]


def test_only_the_best_of_too_many_candidates_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postprocess, "MAX_CANDIDATES", 5)
    output = random_anchors(0, 50, classes=1)

    rows = choose(output, Layout(1, 3, 2, selected=False), Choice(conf=0.0, iou=1.0, max_det=300))

    assert rows.index.tolist() == np.argsort(-output[4])[:5].tolist()


def test_forty_thousand_alike_candidates_leave_one() -> None:
    output = np.zeros((7, 40_000), dtype=np.float32)
    output[:4] = np.array([50, 50, 20, 20])[:, None]
    output[4] = np.linspace(0.3, 0.9, 40_000)

    rows = choose(output, Layout(1, 1, 2, selected=False), Choice())

    assert rows.index.tolist() == [39_999]


def test_boxes_without_area_do_not_suppress() -> None:
    output = anchors([[5, 5, 5, 5], [5, 5, 5, 5]], [[0.9], [0.8]])

    assert choose(output, Layout(1, 1, 2, selected=False), Choice(iou=0.0)).index.tolist() == [0, 1]


def test_selected_rows_keep_their_order() -> None:
    rows = np.array(
        [[0, 0, 9, 9, 0.9, 1, 1, 2], [0, 0, 9, 9, 0.8, 0, 3, 4], [0, 0, 9, 9, 0.7, 1, 5, 6], [0, 0, 0, 0, 0, 0, 0, 0]],
        dtype=np.float32,
    )
    layout = Layout(2, 1, 2, selected=True)

    assert choose(rows, layout, Choice()).index.tolist() == [0, 1, 2]
    assert choose(rows, layout, Choice(classes=(1,))).index.tolist() == [0, 2]
    assert choose(rows, layout, Choice(max_det=1)).index.tolist() == [0]
    assert choose(rows, layout, Choice(conf=0.75)).points.tolist() == [[[1, 2]], [[3, 4]]]


def test_selection_may_name_an_anchor_twice() -> None:
    output = anchors([[0, 0, 10, 10], [30, 0, 40, 10]], [[0.9, 0.8], [0.1, 0.2]])

    rows, index = select(output, Layout(2, 1, 2, selected=False), 2)

    assert index.tolist() == [0, 0]
    assert rows[:, 4:6].tolist() == [[np.float32(0.9), 0], [np.float32(0.8), 1]]


def test_half_floats_are_judged_as_they_are() -> None:
    output = random_anchors(2, 60).astype(np.float16)

    rows = choose(output, Layout(2, 3, 2, selected=False), Choice())

    assert rows.boxes.dtype == rows.conf.dtype == rows.points.dtype == np.float32
    assert np.array_equal(rows.conf, output[4:6, rows.index].max(axis=0).astype(np.float32))


@pytest.mark.parametrize("count", [0, 1, 5])
def test_greedy_keeps_all_that_differ(count: int) -> None:
    assert greedy(count, lambda a, b: np.eye(count)[np.ix_(a, b)], 0.5, 10, chunk=2).tolist() == list(range(count))
