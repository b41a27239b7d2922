"""Boxes, similarity and affine maps hold what their docstrings promise."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from poise import geometry
from poise.skeletons import get

COORDINATES = st.floats(-1000, 1000, width=32)
SIGMAS = get("coco17").sigmas


def boxes(width: int = 32) -> st.SearchStrategy[np.ndarray]:
    """Upright boxes, some without area; (N, 4)."""
    dtype = np.float32 if width == 32 else np.float64
    pairs = arrays(dtype, st.tuples(st.integers(1, 6), st.just(2), st.just(2)), elements=COORDINATES)
    return pairs.map(lambda p: np.concatenate([p.min(axis=1), p.max(axis=1)], axis=-1))


@given(boxes())
def test_box_layouts_round_trip(corners: np.ndarray) -> None:
    np.testing.assert_allclose(geometry.xywh_to_xyxy(geometry.xyxy_to_xywh(corners)), corners, atol=1e-3)


@given(boxes())
def test_area_is_width_times_height(corners: np.ndarray) -> None:
    _, _, width, height = geometry.xyxy_to_xywh(corners).T

    np.testing.assert_allclose(geometry.box_area(corners), width * height, rtol=1e-5)


def test_inverted_box_has_no_area() -> None:
    assert geometry.box_area(np.array([[10.0, 10.0, 5.0, 20.0], [10.0, 20.0, 5.0, 10.0]])).tolist() == [0, 0]


@given(boxes(), boxes())
def test_iou_is_symmetric_and_in_range(a: np.ndarray, b: np.ndarray) -> None:
    iou = geometry.box_iou(a, b)

    assert iou.shape == (len(a), len(b))
    np.testing.assert_array_equal(iou, geometry.box_iou(b, a).T)
    assert ((iou >= 0) & (iou <= 1)).all()


@given(boxes())
def test_iou_of_a_box_with_itself_is_one(corners: np.ndarray) -> None:
    with_area = geometry.box_area(corners) > 0

    np.testing.assert_array_equal(np.diag(geometry.box_iou(corners, corners)), with_area.astype(float))


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ([0, 0, 10, 10], 1.0),
        ([5, 0, 15, 10], 1 / 3),  # half overlaps
        ([10, 0, 20, 10], 0.0),  # touches
        ([20, 20, 30, 30], 0.0),  # apart
        ([2, 2, 4, 4], 0.04),  # inside
        ([np.nan, 0, 10, 10], 0.0),
        ([10, 10, 0, 0], 0.0),  # inverted
    ],
)
def test_iou_of_known_boxes(other: list[float], expected: float) -> None:
    iou = geometry.box_iou(np.array([[0.0, 0.0, 10.0, 10.0]]), np.array([other], dtype=np.float64))

    assert iou.item() == pytest.approx(expected)


def test_iou_of_whole_numbers_is_a_fraction() -> None:
    iou = geometry.box_iou(np.array([[0, 0, 10, 10]]), np.array([[5, 0, 15, 10]]))

    assert iou.item() == pytest.approx(1 / 3)


def test_iou_with_no_boxes_is_empty() -> None:
    assert geometry.box_iou(np.zeros((0, 4)), np.ones((3, 4))).shape == (0, 3)


POSES = arrays(np.float64, st.tuples(st.integers(1, 4), st.just(17), st.just(2)), elements=st.floats(0, 500))


@given(POSES)
def test_oks_of_a_pose_with_itself_is_one(poses: np.ndarray) -> None:
    seen = np.ones(poses.shape[:2], dtype=bool)
    oks = geometry.oks(poses, poses, area=np.full(len(poses), 900.0), visible=seen, sigmas=SIGMAS)

    np.testing.assert_allclose(np.diag(oks), 1.0)
    assert ((oks >= 0) & (oks <= 1)).all()


@pytest.mark.parametrize("seed", range(10))
def test_oks_is_pycocotools(seed: int) -> None:
    cocoeval = pytest.importorskip("pycocotools.cocoeval", reason="the oracle is pycocotools")
    rng = np.random.default_rng(seed)
    pred = rng.uniform(0, 200, (5, 17, 2))
    true = pred[:3] + rng.normal(0, 8, (3, 17, 2))
    visibility = rng.integers(0, 3, (3, 17))
    visibility[:, 0] = 2  # a target without labels is scored by another rule
    area = rng.uniform(500, 20000, 3)
    detections = [
        {"id": i, "score": 1 - i / 10, "keypoints": np.insert(p, 2, 1.0, axis=1).ravel().tolist()}
        for i, p in enumerate(pred)
    ]
    targets = [
        {
            "id": i,
            "keypoints": np.concatenate([p, v[:, None]], axis=1).ravel().tolist(),
            "area": a,
            "bbox": [0, 0, 200, 200],
        }
        for i, (p, v, a) in enumerate(zip(true, visibility, area, strict=True))
    ]
    reference = SimpleNamespace(params=cocoeval.Params("keypoints"), _gts={(1, 1): targets}, _dts={(1, 1): detections})
    expected = cocoeval.COCOeval.computeOks(reference, 1, 1)
    found = geometry.oks(pred, true, area=area, visible=visibility > 0, sigmas=SIGMAS)

    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_oks_counts_only_labelled_points() -> None:
    true = np.zeros((1, 17, 2))
    pred = np.full((1, 17, 2), 1e4)
    pred[0, :4] = 0
    labelled = np.zeros((1, 17), dtype=bool)
    labelled[0, :8] = True

    assert geometry.oks(pred, true, area=np.ones(1), visible=labelled, sigmas=SIGMAS).item() == 0.5


def test_oks_of_a_point_that_was_not_predicted_is_zero() -> None:
    true = np.zeros((1, 17, 2))
    pred = np.zeros((1, 17, 2))
    pred[0, 0] = np.nan
    oks = geometry.oks(pred, true, area=np.ones(1), visible=np.ones((1, 17), bool), sigmas=SIGMAS)

    assert oks.item() == pytest.approx(16 / 17)


def test_oks_of_a_target_without_labels_is_zero() -> None:
    poses = np.zeros((2, 17, 2))
    oks = geometry.oks(poses, poses, area=np.ones(2), visible=np.zeros((2, 17), bool), sigmas=SIGMAS)

    assert oks.tolist() == [[0, 0], [0, 0]]


@given(boxes(), st.data(), st.floats(0, 1))
def test_nms_keeps_the_best_and_nothing_alike(corners: np.ndarray, data: st.DataObject, limit: float) -> None:
    scores = data.draw(arrays(np.float64, len(corners), elements=st.floats(0, 1)))
    similarity = geometry.box_iou(corners, corners)
    kept = geometry.nms(similarity, scores, max_similarity=limit)
    dropped = np.setdiff1d(np.arange(len(corners)), kept)

    assert scores[kept[0]] == scores.max()
    assert (np.diff(scores[kept]) <= 0).all()
    alike = similarity > limit
    assert not np.triu(alike[np.ix_(kept, kept)], 1).any()
    assert all((alike[i, kept] & (scores[kept] >= scores[i])).any() for i in dropped)


def test_nms_of_equal_scores_keeps_the_first() -> None:
    assert geometry.nms(np.ones((3, 3)), np.ones(3), max_similarity=0.5).tolist() == [0]


def test_nms_of_nothing_is_nothing() -> None:
    kept = geometry.nms(np.zeros((0, 0)), np.zeros(0), max_similarity=0.5)

    assert (kept.shape, kept.dtype) == ((0,), np.intp)


def test_nms_puts_scores_that_are_not_a_number_last() -> None:
    assert geometry.nms(np.eye(3), np.array([np.nan, 0.2, 0.9]), max_similarity=0.5).tolist() == [2, 1, 0]


REGION = st.tuples(COORDINATES, COORDINATES, st.floats(1, 500), st.floats(1, 500), st.floats(-720, 720))


@given(st.lists(REGION, min_size=1, max_size=4), st.tuples(st.integers(1, 512), st.integers(1, 512)))
def test_region_corners_become_crop_corners(regions: list[tuple[float, ...]], out: tuple[int, int]) -> None:
    values = np.array(regions)
    centre, size, angle = values[:, :2], values[:, 2:4], values[:, 4]
    maps = geometry.roi_to_crop(centre, size, angle, out)
    down = np.deg2rad(angle)[:, None]
    across = np.concatenate([np.cos(down), np.sin(down)], axis=1)
    along = np.concatenate([-np.sin(down), np.cos(down)], axis=1)
    corners = np.stack(
        [
            centre + sx / 2 * size[:, :1] * across + sy / 2 * size[:, 1:] * along
            for sx, sy in ((-1, -1), (1, -1), (1, 1))
        ],
        axis=1,
    )
    expected = np.array([[0, 0], [out[0], 0], [out[0], out[1]]])

    np.testing.assert_allclose(
        geometry.affine_apply(maps, corners), np.broadcast_to(expected, corners.shape), atol=1e-6 * max(out) + 1e-6
    )


@given(st.lists(REGION, min_size=1, max_size=4), arrays(np.float64, (5, 2), elements=COORDINATES))
def test_affine_inverse_round_trips(regions: list[tuple[float, ...]], points: np.ndarray) -> None:
    values = np.array(regions)
    maps = geometry.roi_to_crop(values[:, :2], values[:, 2:4], values[:, 4], (256, 192))
    there = geometry.affine_apply(maps, np.broadcast_to(points, (len(maps), 5, 2)))

    np.testing.assert_allclose(
        geometry.affine_apply(geometry.affine_invert(maps), there), np.broadcast_to(points, there.shape), atol=1e-6
    )


def test_a_region_turned_clockwise_has_its_up_to_the_right() -> None:
    [matrix] = geometry.roi_to_crop(np.array([[50.0, 50.0]]), np.array([[20.0, 20.0]]), np.array([90.0]), (20, 20))
    right_of_centre = geometry.affine_apply(matrix, np.array([[60.0, 50.0]]))

    np.testing.assert_allclose(right_of_centre, [[10, 0]], atol=1e-9)  # the top of the crop


def test_nan_points_stay_nan() -> None:
    matrix = np.array([[1.0, 0.0, 5.0], [0.0, 1.0, 5.0]])
    moved = geometry.affine_apply(matrix, np.array([[np.nan, 1.0], [1.0, 1.0]]))

    assert np.isnan(moved[0]).any()
    assert moved[1].tolist() == [6.0, 6.0]
