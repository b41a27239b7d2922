"""How far poses are from each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pose_tables import bodies
from search_kit import turned

from poise.bodies.pose_embedding import embed, layout, mirrored
from poise.search.fitting import fit
from poise.search.products import UNSEEN, distances, products_of, question_of
from poise.skeletons import get

COCO = get("coco17")
LAYOUT = layout(COCO)


def apart(
    rows: np.ndarray,
    asked: np.ndarray,
    conf: np.ndarray | None = None,
    seen: np.ndarray | None = None,
    *,
    up: bool = False,
) -> np.ndarray:
    """Return the ``(N, Q)`` distances of rows from what is asked for."""
    embedding, weight = embed(rows, conf, COCO)
    question = question_of(*embed(asked, seen, COCO), LAYOUT)
    return distances(products_of(embedding, weight), embedding[:, -1], question, upright=up)


def again(rows: np.ndarray, asked: np.ndarray, conf: np.ndarray | None = None, *, up: bool = False) -> np.ndarray:
    """Return the ``(N,)`` distances of rows from one pose, compared again."""
    embedding, weight = embed(rows, conf, COCO)
    one, seen = embed(asked, None, COCO)
    found: np.ndarray = fit(
        products_of(embedding, weight), embedding[:, -1], one[0], seen[0], LAYOUT.importance, upright=up
    )
    return found


def least_squares(a: np.ndarray, b: np.ndarray, weight: np.ndarray) -> float:
    """Return what is left when ``a`` is laid on ``b`` by the best similarity, as a share of the extent of ``b``."""
    x, y = (one[:, 0] + 1j * one[:, 1] for one in (a.astype(float), b.astype(float)))
    root = np.sqrt(weight)
    laid = np.stack([x, np.ones_like(x)], axis=1) * root[:, None]
    factors = np.linalg.lstsq(laid, y * root, rcond=None)[0]
    left = np.abs((laid @ factors) - y * root) ** 2
    middle = (weight * y).sum() / weight.sum()
    return float(np.sqrt(left.sum() / (weight * np.abs(y - middle) ** 2).sum()))


def test_distances_equal_those_of_least_squares() -> None:
    rows, asked = bodies(30), bodies(3, seed=9)

    found = apart(rows, asked)

    wanted = [[least_squares(q, r, LAYOUT.importance.astype(float)) for q in asked] for r in rows]
    np.testing.assert_allclose(found, wanted, atol=2e-3)  # float32, of differences of sums


@given(seed=st.integers(0, 500), degrees=st.floats(-180, 180), scale=st.floats(0.3, 3))
def test_turned_and_scaled_poses_are_the_same(seed: int, degrees: float, scale: float) -> None:
    xy = bodies(1, seed=seed)

    assert apart(turned(xy, degrees, scale), xy).item() < 5e-3
    assert again(turned(xy, degrees, scale), xy).item() < 5e-3


@pytest.mark.parametrize("compare", [apart, again])
def test_where_up_matters_a_tilt_is_free_and_more_is_not(compare: object) -> None:
    xy = bodies(1)
    rows = np.concatenate([turned(xy, degrees) for degrees in (0, 14, -14, 40, -40, 90, 180)])

    found = compare(rows, xy, up=True).ravel()  # type: ignore[operator]

    assert (found[:3] < 5e-3).all()
    assert found[3] == pytest.approx(found[4], abs=5e-3)
    assert (found[3:5] > 0.1).all()
    assert found[5] > found[3]
    assert found[6] > 0.5


def test_what_is_cut_off_is_compared_over_the_rest() -> None:
    xy = bodies(2)
    legs = np.ones((1, 17))
    legs[:, 13:] = 0

    # A picture of the upper half finds the whole body at once.
    assert apart(xy[:1], xy[:1], seen=legs).item() < 5e-3
    # The whole body finds the upper half too, but not as if all of it had been seen.
    share = LAYOUT.importance[13:].sum() / LAYOUT.importance.sum()
    assert apart(xy[:1], xy[:1], conf=legs).item() == pytest.approx(UNSEEN * np.sqrt(share), abs=5e-3)
    assert apart(xy[1:], xy[:1]).item() > apart(xy[:1], xy[:1], conf=legs).item()


def test_too_little_in_common_is_no_match() -> None:
    xy = bodies(1)
    above, below = np.ones((1, 17)), np.ones((1, 17))
    above[:, 11:], below[:, :11] = 0, 0

    assert np.isinf(apart(xy, xy, conf=above, seen=below)).all()
    assert np.isinf(apart(np.full((1, 17, 2), np.nan), xy)).all()
    assert np.isinf(again(np.full((1, 17, 2), np.nan), xy)).all()


def test_points_in_one_place_are_like_nobody() -> None:
    xy = bodies(1)

    assert apart(np.full((1, 17, 2), 50.0), xy).item() == pytest.approx(1.0)
    assert again(np.full((1, 17, 2), 50.0), xy).item() == pytest.approx(1.0)


def test_one_misplaced_point_spoils_squares_and_not_the_second_comparison() -> None:
    asked = bodies(1)
    wrong, others = asked.copy(), bodies(200, seed=5)
    wrong[0, 10] += 1.5 * np.ptp(asked[0, :, 1])
    nearest = apart(others, asked).min()

    assert apart(wrong, asked).item() > nearest
    assert again(wrong, asked).item() < again(others, asked).min()


def test_the_second_comparison_of_equal_errors_is_on_the_scale_of_the_first() -> None:
    asked = bodies(40, seed=3)
    noise = np.random.default_rng(0).normal(size=asked.shape) * 0.05
    size = np.sqrt(np.square(asked - asked.mean(axis=1, keepdims=True)).sum(axis=-1).mean(axis=1))[:, None, None]

    first = [apart(asked[i : i + 1] + noise[i] * size[i], asked[i : i + 1]).item() for i in range(40)]
    second = [again(asked[i : i + 1] + noise[i] * size[i], asked[i : i + 1]).item() for i in range(40)]

    assert np.median(second) == pytest.approx(np.median(first), rel=0.2)


def test_mirrored_poses_are_a_question_of_their_own() -> None:
    xy = bodies(1)
    mirror = (xy * [-1, 1])[:, list(COCO.flip_idx)]
    other = mirrored(*embed(xy, None, COCO), LAYOUT)
    embedding, weight = embed(mirror, None, COCO)
    products = products_of(embedding, weight)

    assert distances(products, embedding[:, -1], question_of(*other, LAYOUT)).item() < 5e-3
    assert apart(mirror, xy).item() > 0.05
