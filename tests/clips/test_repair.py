"""Cuts, points off the body, gaps."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from motion_kit import clip_of, walker

from poise.clips import cuts, fill_gaps, outliers
from poise.clips.repair import rolling_median

TIMES = np.arange(40) / 20.0


def test_a_short_gap_is_filled_with_a_straight_line_and_flagged() -> None:
    line = 3.0 * TIMES
    gap = line.copy()
    gap[10:15] = np.nan

    found, filled = fill_gaps(gap, TIMES, max_gap_s=0.5)

    np.testing.assert_allclose(found, line)
    assert np.flatnonzero(filled).tolist() == [10, 11, 12, 13, 14]


def test_a_longer_gap_and_the_ends_stay_missing() -> None:
    gap = 3.0 * TIMES
    gap[:3] = gap[10:25] = gap[38:] = np.nan

    found, filled = fill_gaps(gap, TIMES, max_gap_s=0.5)

    assert not filled.any()
    np.testing.assert_array_equal(found, gap)


def test_a_gap_is_measured_in_seconds_not_in_frames() -> None:
    gap = np.array([0.0, np.nan, 2.0])

    assert fill_gaps(gap, np.array([0.0, 0.2, 0.4]), max_gap_s=0.5)[1].any()
    assert not fill_gaps(gap, np.array([0.0, 0.3, 0.6]), max_gap_s=0.5)[1].any()


def test_no_gap_is_filled_across_a_cut() -> None:
    gap = 3.0 * TIMES
    gap[10:13] = np.nan
    cut = np.arange(40) == 11

    assert not fill_gaps(gap, TIMES, breaks=cut)[1].any()


@given(st.lists(st.floats(-100, 100) | st.just(float("nan")), min_size=1, max_size=40))
def test_what_was_seen_is_never_changed(values: list[float]) -> None:
    x = np.array(values)

    found, filled = fill_gaps(x, np.arange(len(x)) / 10)

    np.testing.assert_array_equal(found[np.isfinite(x)], x[np.isfinite(x)])
    assert (np.isfinite(found) == (np.isfinite(x) | filled)).all()


def test_a_jump_of_everybody_is_a_cut_and_one_wild_point_is_not() -> None:
    points = walker(30)
    points[10, 15] += 500.0
    points[20:] += [0.0, 900.0]

    assert np.flatnonzero(cuts(clip_of(points).replace(boxes=clip_of(walker(30)).boxes))[0]).tolist() == [20]


def test_a_foot_that_flies_off_is_left_out_and_nothing_else() -> None:
    points = walker(60)
    points[30, 15] += [150.0, -100.0]
    clip = clip_of(points).replace(boxes=clip_of(walker(60)).boxes)

    found = outliers(clip)

    assert np.argwhere(found).tolist() == [[0, 30, 15]]


def test_a_limb_that_points_at_the_camera_is_short_and_stays() -> None:
    points = walker(60)
    points[30, 15] = points[30, 13]
    clip = clip_of(points).replace(boxes=clip_of(walker(60)).boxes)

    assert not outliers(clip).any()


def test_rolling_median_equals_numpy() -> None:
    x = np.random.default_rng(0).normal(size=(30, 3))
    x[5:12, 1] = np.nan

    found = rolling_median(x, 7)

    for t in range(30):
        for k in range(3):
            part = x[max(t - 3, 0) : t + 4, k]
            part = part[np.isfinite(part)]
            if len(part):
                assert found[t, k] == np.median(part)
            else:
                assert np.isnan(found[t, k])
