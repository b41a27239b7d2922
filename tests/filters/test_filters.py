"""Filters that look both ways: equal to scipy's, and never across a gap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.filters import butterworth, savitzky_golay

TIMES = np.arange(90) / 30.0
WALK = np.random.default_rng(0).normal(size=(90, 4)).cumsum(axis=0)


def test_savitzky_golay_equals_scipy() -> None:
    signal = pytest.importorskip("scipy.signal")

    found = savitzky_golay(WALK, TIMES, window_s=0.3, order=2)

    np.testing.assert_allclose(found, signal.savgol_filter(WALK, 9, 2, axis=0), atol=1e-12)


def test_butterworth_equals_scipy_filtfilt_at_the_cutoff_of_one_pass() -> None:
    signal = pytest.importorskip("scipy.signal")
    single = 6.0 / (np.sqrt(2) - 1) ** 0.25

    found = butterworth(WALK, TIMES, cutoff_hz=6.0)

    np.testing.assert_allclose(found, signal.filtfilt(*signal.butter(2, single, fs=30), WALK, axis=0), atol=1e-12)


def test_butterworth_leaves_half_the_power_at_its_cutoff() -> None:
    times = np.arange(3000) / 100.0
    wave = np.sin(2 * np.pi * 6.0 * times)

    found = butterworth(wave, times, cutoff_hz=6.0)[500:-500]

    assert np.mean(found**2) / 0.5 == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("smooth", [savitzky_golay, butterworth])
def test_nan_stays_and_what_lies_beyond_it_has_no_influence(smooth) -> None:  # type: ignore[no-untyped-def]
    gap = WALK.copy()
    gap[40:45] = np.nan
    other = gap.copy()
    other[45:] += 1000.0

    found = smooth(gap, TIMES)

    assert (np.isnan(found) == np.isnan(gap)).all()
    np.testing.assert_array_equal(found[:40], smooth(other, TIMES)[:40])


@pytest.mark.parametrize("smooth", [savitzky_golay, butterworth])
def test_a_cut_separates_like_a_gap(smooth) -> None:  # type: ignore[no-untyped-def]
    cut = np.zeros(90, dtype=bool)
    cut[45] = True

    found = smooth(WALK, TIMES, breaks=cut)

    np.testing.assert_array_equal(found[:45], smooth(WALK[:45], TIMES[:45]))
    np.testing.assert_array_equal(found[45:], smooth(WALK[45:], TIMES[45:]))


@pytest.mark.parametrize("smooth", [savitzky_golay, butterworth])
def test_uneven_steps_are_resampled(smooth) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.choice([0.02, 0.05], size=300))
    slow = np.sin(times)

    found = smooth(slow, times)

    assert np.abs(found - slow)[10:-10].max() < 0.01


@given(value=st.floats(-1e4, 1e4), count=st.integers(1, 40))
def test_constant_stays_constant(value: float, count: int) -> None:
    still = np.full(count, value)

    for smooth in (savitzky_golay, butterworth):
        np.testing.assert_allclose(smooth(still, np.arange(count) / 30.0), still, rtol=1e-9, atol=1e-6)


def test_a_clip_slower_than_the_cutoff_is_returned_as_it_is() -> None:
    np.testing.assert_array_equal(butterworth(WALK, np.arange(90) / 5.0, cutoff_hz=6.0), WALK)


def test_no_frames_at_all() -> None:
    assert savitzky_golay(np.empty((0, 3)), np.empty(0)).shape == (0, 3)
