"""Measures of bodies: angles, lengths and heights of points that were placed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.bodies.angles import angle_between, joint_angle, lean, tilt
from poise.bodies.limbs import lengths, relative_lengths
from poise.bodies.measures import KINDS, MeasureTable, both_sides
from poise.bodies.points import extend_conf, extend_points, mean_of_seen
from poise.bodies.scale import median_trunk, standing_height, torso_length


def standing() -> np.ndarray:
    """Return ``(17, 2)`` pixels of somebody who stands, 400 tall: nose, eyes, ears, then left and right of the rest."""
    rows = [(100, 20), (105, 15), (95, 15), (110, 18), (90, 18)]
    for off, y in ((40, 80), (45, 154), (50, 212), (30, 195), (30, 293), (30, 391)):
        rows += [(100 + off, y), (100 - off, y)]
    return np.array(rows, dtype=np.float64)


@pytest.mark.parametrize(
    ("a", "b", "c", "expected"),
    [
        ((1, 0), (0, 0), (0, 2), 90.0),
        ((1, 0), (0, 0), (-3, 0), 180.0),
        ((1, 0), (0, 0), (5, 0), 0.0),
        ((1, 0, 0), (0, 0, 0), (0, 0, 2), 90.0),  # in space too
    ],
)
def test_angle_at_a_joint(a: tuple[int, ...], b: tuple[int, ...], c: tuple[int, ...], expected: float) -> None:
    assert joint_angle(*(np.array(one, dtype=np.float64) for one in (a, b, c))) == pytest.approx(expected, abs=1e-12)


def test_a_limb_without_length_has_no_angle() -> None:
    assert np.isnan(joint_angle(np.zeros(2), np.zeros(2), np.ones(2)))
    assert np.isnan(tilt(np.ones(2), np.ones(2)))


@given(degrees=st.floats(1e-6, 1e-3), turn=st.floats(0, 6.28))
def test_small_angles_keep_their_digits(degrees: float, turn: float) -> None:
    u, v = (np.array([np.cos(a), np.sin(a)]) for a in (turn, turn + np.radians(degrees)))

    # The vectors themselves are rounded to about 1e-14 degrees.
    assert angle_between(u, v) == pytest.approx(degrees, abs=1e-12)
    assert angle_between(u, -v) == pytest.approx(180 - degrees, abs=1e-12)


@pytest.mark.parametrize(
    ("high", "low", "expected"),
    [((0, 0), (0, 5), 0.0), ((5, 5), (0, 5), 90.0), ((0, 5), (5, 5), -90.0), ((0, 5), (0, 0), 180.0)],
)
def test_lean_grows_to_the_right(high: tuple[int, int], low: tuple[int, int], expected: float) -> None:
    points = np.array(high, dtype=np.float64), np.array(low, dtype=np.float64)

    assert lean(*points) == pytest.approx(expected)
    assert tilt(*points) == pytest.approx(abs(expected))


def test_every_kind_of_measure_by_hand() -> None:
    rows = {
        "angle": "angle left_shoulder left_elbow left_wrist",
        "distance": "distance left_wrist right_wrist",
        "above": "above left_shoulder left_hip",
        "right": "right left_hip right_hip",
        "across": "across right_hip left_hip",
        "level": "level nose left_eye",
        "tilt": "tilt shoulders hips",
        "lean": "lean left_shoulder hips",
    }
    points = standing()[None]
    points[0, 9] = (195, 154)  # the left forearm points to the picture's right
    middles = points[:, [[5, 6], [9, 10], [11, 12], [13, 14], [15, 16]]].mean(axis=2)

    values = MeasureTable(rows).measure(extend_points(points, middles))[0]

    assert set(rows) == set(KINDS)
    angle = 90.0 + np.degrees(np.arctan2(5, 74))
    expected = [angle, np.hypot(145, 58), 115.0, 60.0, 60.0, 5.0, 0.0, np.degrees(np.arctan2(40, 115))]
    np.testing.assert_allclose(values, expected, atol=1e-9)


def test_columns_keep_the_order_of_the_table() -> None:
    table = MeasureTable({"b": "tilt nose left_hip", "a": "angle nose left_hip left_knee", "c": "above nose left_hip"})
    points = standing()[None]

    values = table.measure(extend_points(points, np.zeros((1, 5, 2))))[0]

    assert table.names == ("b", "a", "c")
    assert table.lengths.tolist() == [False, False, True]
    assert values[2] == 175.0
    assert values[1] == pytest.approx(180.0 - values[0])


def test_a_measure_is_as_sure_as_its_least_sure_point_that_counts() -> None:
    conf = np.full((1, 17), 0.9)
    conf[0, [0, 9]] = 0.2, 0.5
    table = MeasureTable({"all": "distance nose left_wrist", "wrist": "distance nose? left_wrist"})

    assert table.confidence(extend_conf(conf, np.ones((1, 5)), 1.0)).tolist() == [[0.2, 0.5]]


def test_sides_exchange_own_and_other() -> None:
    assert dict(both_sides({"cross": "distance *wrist ~elbow"})) == {
        "left_cross": "distance left_wrist right_elbow",
        "right_cross": "distance right_wrist left_elbow",
    }


def test_nobody_has_no_measures() -> None:
    table = MeasureTable({"knee": "angle left_hip left_knee left_ankle"})

    assert table.measure(extend_points(np.empty((0, 17, 2)), np.empty((0, 5, 2)))).shape == (0, 1)


def test_the_mean_of_what_is_seen_leaves_out_the_rest() -> None:
    points = np.array([[[0.0, 0.0], [4.0, 2.0]]] * 3)
    seen = np.array([[True, True], [False, True], [False, False]])

    np.testing.assert_array_equal(mean_of_seen(points, seen), [[2.0, 1.0], [4.0, 2.0], [np.nan, np.nan]])


def test_one_long_limb_does_not_make_somebody_taller() -> None:
    shares = np.array([0.25, 0.25, 0.25, 0.25])

    height, seen = standing_height(np.array([[100.0, 100.0, 95.0, 300.0], [np.nan, 90.0, 100.0, np.nan]]), shares)

    assert height.tolist() == [400.0, 360.0]
    assert seen.tolist() == [4, 2]


def test_a_body_without_limbs_has_no_height() -> None:
    assert np.isnan(torso_length(np.full((1, 17, 2), np.nan), np.zeros((1, 17)))[0])
    assert np.isnan(median_trunk(np.full((2, 17, 2), np.nan)))


def test_the_torso_of_somebody_who_bends_forwards_is_told_by_the_limbs() -> None:
    upright, bent = standing(), standing()
    bent[5:7, 1] += 60  # the trunk points at the camera
    conf = np.ones((2, 17))

    long = torso_length(np.stack([upright, bent]), conf)

    assert long[1] == pytest.approx(long[0], rel=0.15)
    # By the trunk and the shoulders alone it would be less.
    assert median_trunk(bent[None]) < 0.99 * median_trunk(upright[None])


def test_relative_lengths_do_not_depend_on_size() -> None:
    points, edges = np.stack([standing(), 3 * standing()]), np.array([[5, 7], [7, 9], [11, 13], [13, 15]])

    relative = relative_lengths(points, np.ones((2, 17)), edges)

    np.testing.assert_allclose(relative[0], relative[1], atol=1e-12)
    np.testing.assert_allclose(lengths(points, edges)[1], 3 * lengths(points, edges)[0])
