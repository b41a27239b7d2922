"""The Kalman smoother against the textbook's matrices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poise.filters import kalman


def textbook(z: NDArray, times: NDArray, r: float, q: float, speed: float) -> tuple[NDArray, NDArray]:  # type: ignore[type-arg]
    """Filter and smooth with 2 x 2 matrices, as Rauch, Tung and Striebel write it."""
    x, p = np.array([z[0], 0.0]), np.diag([r, speed**2])
    found, spread, ahead, ahead_spread = [x], [p], [x], [p]
    for t in range(1, len(z)):
        dt = times[t] - times[t - 1]
        f = np.array([[1, dt], [0, 1]])
        x, p = f @ x, f @ p @ f.T + q * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
        ahead.append(x)
        ahead_spread.append(p)
        if np.isfinite(z[t]):
            gain = p[:, 0] / (p[0, 0] + r)
            x, p = x + gain * (z[t] - x[0]), p - np.outer(gain, p[0])
        found.append(x)
        spread.append(p)
    for t in range(len(z) - 2, -1, -1):
        dt = times[t + 1] - times[t]
        c = spread[t] @ np.array([[1, 0], [dt, 1]]) @ np.linalg.inv(ahead_spread[t + 1])
        found[t] = found[t] + c @ (found[t + 1] - ahead[t + 1])
        spread[t] = spread[t] + c @ (spread[t + 1] - ahead_spread[t + 1]) @ c.T
    return np.array(found)[:, 0], np.sqrt(np.array(spread)[:, 0, 0])


def test_smoother_equals_the_textbook_with_uneven_steps_and_a_gap() -> None:
    rng = np.random.default_rng(1)
    z = np.cumsum(rng.normal(size=60) * 0.2)
    z[20:24] = np.nan
    times = np.cumsum(rng.uniform(0.02, 0.05, 60))
    one = np.ones((60, 1))

    x, deviation = kalman.smooth(z[:, None], times, 0.5 * one, 20.0 * one, speed=10.0 * one, max_gap_s=1.0)

    expected = textbook(z, times, 0.5, 20.0, 10.0)
    np.testing.assert_allclose(x[:, 0], expected[0], atol=1e-10)
    np.testing.assert_allclose(deviation[:, 0], expected[1], atol=1e-10)


def test_nothing_crosses_a_long_gap() -> None:
    times = np.arange(60) / 30.0
    z = np.where(np.arange(60) < 30, 0.0, 100.0)[:, None]
    z[25:45] = np.nan
    one = np.ones((60, 1))

    x, _ = kalman.smooth(z, times, one, one, speed=one, max_gap_s=0.5)

    assert np.isnan(x[25:45]).all()
    np.testing.assert_allclose(x[:25], 0.0, atol=1e-9)
    np.testing.assert_allclose(x[45:], 100.0, atol=1e-9)


def test_the_end_of_a_run_is_not_prolonged() -> None:
    z = np.zeros((20, 1))
    z[10:] = np.nan
    one = np.ones((20, 1))

    x, _ = kalman.smooth(z, np.arange(20) / 30.0, one, one, speed=one, max_gap_s=0.5)

    assert np.isfinite(x[:10]).all()
    assert np.isnan(x[10:]).all()
