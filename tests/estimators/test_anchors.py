"""Anchors, decoding and blending of single-shot detectors."""

import numpy as np
import pytest

from poise.estimators.anchors import anchor_centres, blend, decode


def test_anchors_lie_in_the_middle_of_the_cells_row_by_row() -> None:
    centres = anchor_centres(4, ((2, 2), (4, 1)))

    first = [[1, 1], [1, 1], [3, 1], [3, 1], [1, 3], [1, 3], [3, 3], [3, 3]]
    assert centres.tolist() == [*first, [2, 2]]


@pytest.mark.parametrize(("size", "count"), [(192, 2016), (128, 896)])
def test_there_is_an_anchor_for_each_output_row_of_the_networks(size: int, count: int) -> None:
    assert anchor_centres(size, ((8, 2), (16, 6))).shape == (count, 2)


def test_offsets_are_added_to_the_anchor_and_sizes_are_not() -> None:
    raw = np.array([[1.0, 2.0, 4.0, 6.0, -1.0, -2.0]])

    boxes, points, scores = decode(raw, np.array([0.0]), np.array([[10.0, 20.0]]), min_score=0.5)

    assert boxes.tolist() == [[9.0, 19.0, 13.0, 25.0]]
    assert points.tolist() == [[[9.0, 18.0]]]
    assert scores.tolist() == [0.5]


def test_low_scores_and_boxes_of_no_size_are_dropped() -> None:
    raw = np.array([[0, 0, 4.0, 4.0], [0, 0, 4.0, 4.0], [0, 0, -4.0, 4.0]])

    boxes, points, scores = decode(raw, np.array([-1.0, 900.0, 900.0]), np.zeros((3, 2)), min_score=0.5)

    assert boxes.shape == (1, 4)
    assert points.shape == (1, 0, 2)
    assert scores.tolist() == [pytest.approx(1.0)]


def test_overlapping_boxes_become_their_weighted_mean_and_keep_the_best_score() -> None:
    boxes = np.array([[0.0, 0, 10, 10], [2, 0, 12, 10], [50, 50, 60, 60]])
    points = boxes.reshape(3, 2, 2)

    merged, merged_points, scores = blend(boxes, points, np.array([0.6, 0.2, 0.9]), min_overlap=0.3)

    np.testing.assert_allclose(merged, [[50, 50, 60, 60], [0.5, 0, 10.5, 10]])
    np.testing.assert_allclose(merged_points, merged.reshape(2, 2, 2))
    np.testing.assert_allclose(scores, [0.9, 0.6])


def test_a_chain_of_overlaps_is_not_one_group() -> None:
    boxes = np.array([[0.0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]])

    _, _, scores = blend(boxes, np.zeros((3, 1, 2)), np.array([0.9, 0.8, 0.7]), min_overlap=0.3)

    assert scores.tolist() == [0.9, 0.7]


def test_nothing_blends_to_nothing() -> None:
    boxes, points, scores = blend(np.empty((0, 4)), np.empty((0, 7, 2)), np.empty(0), min_overlap=0.3)

    assert (boxes.shape, points.shape, scores.shape) == ((0, 4), (0, 7, 2), (0,))


def test_weak_detections_join_a_sure_one_without_weight() -> None:
    boxes = np.array([[0.0, 0, 10, 10], [2, 0, 12, 10], [50, 0, 60, 10], [52, 0, 62, 10]])
    points = boxes[:, None, :2]

    found, _, scores = blend(boxes, points, np.array([0.9, 0.4, 0.45, 0.15]), min_overlap=0.3, sure=0.5)

    # The first group keeps its sure box; the second has none, and its best stands for itself.
    np.testing.assert_allclose(found, [[0, 0, 10, 10], [50, 0, 60, 10]])
    assert scores.tolist() == [0.9, 0.45]
