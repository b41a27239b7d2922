"""Assignment and likeness."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from poise.geometry import box_iou, oks
from poise.tracking import duplicates, match
from poise.tracking.association import box_similarity, pose_similarity


def test_cheapest_pairing_beats_greedy_choice() -> None:
    cost = np.array([[1.0, 2.0], [1.1, 9.0]])

    assert match(cost, max_cost=5.0).tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_nothing_to_match(shape: tuple[int, int]) -> None:
    assert match(np.empty(shape), max_cost=1.0).shape == (0, 2)


@given(cost=arrays(np.float64, (5, 4), elements=st.floats(0, 1)), limit=st.floats(0.1, 1))
def test_no_pair_costs_more_than_the_limit(cost: np.ndarray, limit: float) -> None:
    rows, columns = match(cost, max_cost=limit).T

    assert (cost[rows, columns] <= limit).all()
    assert len(set(rows)) == len(rows)
    assert len(set(columns)) == len(columns)


@pytest.mark.parametrize("limit", [1.0, np.inf])
def test_forbidden_pairs_are_never_made(limit: float) -> None:
    cost = np.array([[np.inf, np.nan], [0.2, np.inf], [0.1, np.inf]])

    assert match(cost, max_cost=limit).tolist() == [[2, 0]]


def test_total_cost_equals_that_of_every_possible_pairing() -> None:
    cost = np.random.default_rng(7).random((5, 5))

    rows, columns = match(cost, max_cost=np.inf).T

    least = min(cost[np.arange(5), list(order)].sum() for order in permutations(range(5)))
    assert cost[rows, columns].sum() == pytest.approx(least)


def test_exact_poses_are_as_alike_as_coco_says() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0, 50, (3, 17, 2)), rng.uniform(0, 50, (4, 17, 2))
    sigmas, area, sure = np.full(17, 0.08), np.array([900.0, 2500.0, 400.0]), np.ones((4, 17))

    similarity, evidence = pose_similarity(a, b, area=area, sigmas=sigmas, weight_a=sure[:3], weight_b=sure)

    expected = oks(b, a, area=area, visible=np.ones((3, 17), bool), sigmas=sigmas).T
    np.testing.assert_allclose(similarity, expected, rtol=1e-9)
    np.testing.assert_allclose(evidence, 17)


def test_whoever_may_be_anywhere_is_like_nobody() -> None:
    pose = np.zeros((1, 17, 2))
    given = {
        "area": np.array([2500.0]),
        "sigmas": np.full(17, 0.08),
        "weight_a": np.ones((1, 17)),
        "weight_b": np.ones((1, 17)),
    }

    sure, _ = pose_similarity(pose, pose, spread=np.zeros((1, 17)), **given)
    unsure, _ = pose_similarity(pose, pose, spread=np.full((1, 17), 1e4), **given)

    assert sure[0, 0] == pytest.approx(1)
    assert unsure[0, 0] < 0.1


def test_sure_boxes_are_as_alike_as_their_iou() -> None:
    boxes = np.array([[0, 0, 10, 20], [5, 5, 25, 30.0]])

    np.testing.assert_allclose(box_similarity(boxes, boxes, spread=np.zeros(2)), box_iou(boxes, boxes))


def test_people_who_hug_are_no_duplicates() -> None:
    boxes = np.array([[0, 0, 50, 100], [2, 0, 52, 100.0]])
    xy = np.random.default_rng(1).uniform(0, 100, (2, 17, 2))

    worse = duplicates(
        boxes, xy, np.ones((2, 17)), np.array([0.9, 0.8]), sigmas=np.full(17, 0.08), max_oks=0.85, max_iou=0.9
    )

    assert not worse.any()


def test_the_worse_of_two_equal_poses_is_a_duplicate() -> None:
    boxes = np.array([[0, 0, 50, 100], [2, 0, 52, 100.0]])
    xy = np.repeat(np.random.default_rng(1).uniform(0, 100, (1, 17, 2)), 2, axis=0)

    worse = duplicates(
        boxes, xy, np.ones((2, 17)), np.array([0.7, 0.8]), sigmas=np.full(17, 0.08), max_oks=0.85, max_iou=0.9
    )

    assert worse.tolist() == [True, False]
