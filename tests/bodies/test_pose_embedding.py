"""Poses as vectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pose_tables import bodies

from poise.bodies.pose_embedding import embed, embed_placed, is_body, layout, mirrored, turned_back
from poise.skeletons import Skeleton, get

COCO = get("coco17")


def turned(xy: np.ndarray, degrees: float, scale: float = 1.0, move: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """Turn points clockwise in the picture, scale and move them."""
    a = np.deg2rad(degrees)
    return xy @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) * scale + np.array(move)


@given(
    seed=st.integers(0, 1000),
    degrees=st.floats(-170, 170),
    scale=st.floats(0.2, 5),
    x=st.floats(-500, 500),
    y=st.floats(-500, 500),
)
def test_place_size_and_turn_change_only_the_last_value(
    seed: int, degrees: float, scale: float, x: float, y: float
) -> None:
    xy = bodies(1, seed=seed)

    plain, _ = embed(xy, None, COCO)
    moved, _ = embed(turned(xy, degrees, scale, (x, y)), None, COCO)

    # Pixels in float32, of bodies that may be a few pixels tall.
    np.testing.assert_allclose(moved[:, :-1], plain[:, :-1], atol=2e-2)
    away = np.rad2deg(moved[0, -1] - plain[0, -1]) - degrees
    assert abs((away + 180) % 360 - 180) < 1.0


def test_points_are_centred_with_a_mean_square_of_one() -> None:
    embedding, weight = embed(bodies(50), None, COCO)

    points = embedding[:, :-1].reshape(50, 17, 2)
    shares = (weight * layout(COCO).importance)[..., None]
    np.testing.assert_allclose((shares * points).sum(axis=1), 0, atol=1e-4)
    np.testing.assert_allclose((shares * points**2).sum(axis=(1, 2)) / shares.sum(axis=(1, 2)), 1, atol=1e-4)


def test_a_trunk_that_lies_is_set_upright_and_the_turn_is_kept() -> None:
    xy = np.full((1, 17, 2), np.nan)
    # Shoulders to the right of the hips: lying, the head turned clockwise from up by 90 degrees.
    xy[0, [5, 6, 11, 12]] = [[200, 90], [200, 110], [100, 92], [100, 108]]

    embedding, weight = embed(xy, None, COCO)

    assert embedding[0, -1] == pytest.approx(np.pi / 2)
    shoulders, hips = (embedding[0, :-1].reshape(17, 2)[i].mean(axis=0) for i in ([5, 6], [11, 12]))
    assert shoulders[1] < hips[1]
    assert shoulders[0] == pytest.approx(hips[0], abs=1e-5)
    assert weight[0].tolist() == [float(i in (5, 6, 11, 12)) for i in range(17)]


def test_turning_back_and_placing_gives_the_pixels() -> None:
    xy = turned(bodies(20), 100.0)

    found = embed_placed(xy, None, COCO)

    placed = turned_back(found.embedding) * found.size[:, None, None] + found.centre[:, None]
    np.testing.assert_allclose(placed, xy, atol=0.01)


def test_a_mirrored_picture_gives_the_mirrored_embedding() -> None:
    xy = bodies(20)
    conf = np.random.default_rng(0).uniform(0, 1, (20, 17))
    flip = list(COCO.flip_idx)

    other = embed((xy * [-1, 1])[:, flip], conf[:, flip], COCO)

    for found, wanted in zip(mirrored(*embed(xy, conf, COCO), layout(COCO)), other, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_what_was_not_seen_is_zero_and_weighs_nothing() -> None:
    xy = bodies(4)
    xy[0, 9] = np.nan
    xy[1, 9] = np.inf
    xy[2, 9] = 1e30
    conf = np.ones((4, 17))
    conf[3, 9] = 0.04

    embedding, weight = embed(xy, conf, COCO)

    assert weight[:, 9].tolist() == [0, 0, 0, 0]
    assert (embedding[:, 18:20] == 0).all()
    assert np.isfinite(embedding).all()
    assert (weight[:, :9] == 1).all()


def test_nobody_and_nothing_seen_give_zeros() -> None:
    assert embed(np.empty((0, 17, 2)), None, COCO)[0].shape == (0, 35)

    embedding, weight = embed(np.full((2, 17, 2), np.nan), np.full((2, 17), np.nan), COCO)

    assert not embedding.any()
    assert not weight.any()


def test_one_place_for_all_points_has_no_size() -> None:
    found = embed_placed(np.full((1, 17, 2), 300.0), None, COCO)

    assert found.size.tolist() == [0.0]
    assert not found.embedding.any()


@pytest.mark.parametrize("name", ["blazepose33", "coco-wholebody133", "halpe26"])
def test_bodies_of_other_networks_are_the_same_vector(name: str) -> None:
    other = get(name)
    xy = bodies(5)
    more = COCO.convert(np.concatenate([xy, np.ones((5, 17, 1))], axis=-1), other)

    embedding, weight = embed(more[..., :2], more[..., 2], other)

    for found, wanted in zip((embedding, weight), embed(xy, None, COCO), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("name", ["crowdpose14", "mpii16"])
def test_bodies_without_a_face_compare_from_the_shoulders_down(name: str) -> None:
    other = get(name)
    xy = bodies(5)
    more = COCO.convert(np.concatenate([xy, np.ones((5, 17, 1))], axis=-1), other)

    embedding, weight = embed(more[..., :2], more[..., 2], other)

    assert embedding.shape == (5, 35)
    assert (weight[:, 5:] == 1).all()
    assert (weight[:, :5] == 0).all()


def test_hands_animals_and_objects_keep_their_own_points() -> None:
    box = Skeleton("box", ("a", "b", "c"), edges=((0, 1), (1, 2)))

    assert [is_body(one) for one in (get("hand21"), get("ap10k17"), box)] == [False, False, False]
    embedding, weight = embed([[[0, 0], [10, 0], [10, 10]]], None, box)
    assert embedding.shape == (1, 7)
    assert weight.tolist() == [[1, 1, 1]]
    assert embedding[0, -1] == 0


def test_shapes_that_do_not_fit_are_told() -> None:
    with pytest.raises(ValueError, match=r"xy must have shape \(N, 17, 2\) for 'coco17', got \(1, 16, 2\)"):
        embed(np.zeros((1, 16, 2)), None, COCO)
    with pytest.raises(ValueError, match=r"conf must have shape \(2, 17\) to match xy, got \(1, 17\)"):
        embed(np.zeros((2, 17, 2)), np.zeros((1, 17)), COCO)
