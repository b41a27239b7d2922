"""Motion of many numbers at once."""

import numpy as np

from poise.tracking import kalman

FOREVER = np.array([np.inf])


def step(state: np.ndarray, seconds: float, q: float = 2.0, memory: np.ndarray = FOREVER) -> np.ndarray:
    return kalman.predict(
        state, seconds, drift=np.zeros(state.shape[1:]), memory=memory, noise=np.full(state.shape[1:], q)
    )


def test_filter_equals_the_textbook_matrices() -> None:
    state = kalman.start(np.array([[3.0]]), np.array([[0.5]]), np.array([[4.0]]))
    x, p = np.array([3.0, 0.0]), np.diag([0.5, 4.0])
    for dt, z in ((0.1, 3.4), (0.3, 4.9), (0.05, 5.0)):
        state = kalman.update(step(state, dt), np.array([[z]]), np.array([[0.5]]), velocity_spread=np.array([[4.0]]))
        f = np.array([[1, dt], [0, 1]])
        x, p = f @ x, f @ p @ f.T + 2.0 * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
        gain = p[:, 0] / (p[0, 0] + 0.5)
        x, p = x + gain * (z - x[0]), p - np.outer(gain, p[0])

    np.testing.assert_allclose(state[:, 0, 0], [x[0], x[1], p[0, 0], p[0, 1], p[1, 1]], rtol=1e-9)


def test_missing_measurement_changes_nothing() -> None:
    state = step(kalman.start(np.array([[3.0]]), np.array([[0.5]]), np.array([[4.0]])), 0.1)

    after = kalman.update(state, np.array([[np.nan]]), np.array([[0.5]]), velocity_spread=np.array([[4.0]]))

    np.testing.assert_array_equal(after, state)


def test_point_seen_late_begins_at_its_first_measurement() -> None:
    state = kalman.start(np.array([[np.nan]]), np.array([[0.5]]), np.array([[4.0]]))

    after = kalman.update(step(state, 0.1), np.array([[7.0]]), np.array([[0.5]]), velocity_spread=np.array([[4.0]]))

    assert after[:, 0, 0].tolist() == [7.0, 0.0, 0.5, 0.0, 4.0]


def test_limb_forgets_its_swing_and_the_body_walks_on() -> None:
    state = kalman.start(np.zeros((1, 1)), np.ones((1, 1)), np.ones((1, 1)))
    state[kalman.VELOCITY] = 100.0

    after = kalman.predict(state, 10.0, drift=np.full((1, 1), 20.0), memory=np.array([0.2]), noise=np.ones((1, 1)))

    assert after[kalman.VELOCITY, 0, 0] == 20.0
    assert after[kalman.POSITION, 0, 0] == np.float64(20 * 10 + 80 * 0.2)


def test_replay_ends_with_the_speed_of_the_line() -> None:
    state = kalman.start(np.zeros((1, 1)), np.full((1, 1), 0.01), np.full((1, 1), 100.0))
    state[kalman.VELOCITY] = -50.0  # wrong

    after = kalman.replay(
        state, np.zeros((1, 1)), np.full((1, 1), 20.0), np.array([2.0]), np.full((1, 1), 0.01), steps=8,
        acceleration=np.ones((1, 1)), velocity_spread=np.full((1, 1), 100.0),
    )  # fmt: skip

    assert abs(after[kalman.POSITION, 0, 0] - 20) < 0.1
    assert abs(after[kalman.VELOCITY, 0, 0] - 10) < 0.5
