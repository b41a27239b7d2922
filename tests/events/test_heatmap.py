"""Seconds spent at each place."""

from __future__ import annotations

import numpy as np
import pytest
from event_scenes import frame, person
from hypothesis import given
from hypothesis import strategies as st

from poise.events.heatmap import Heatmap


@given(count=st.integers(0, 4), frames=st.integers(2, 30), step=st.floats(0.01, 0.4))
def test_the_sum_is_people_times_seconds(count: int, frames: int, step: float) -> None:
    heat = Heatmap()
    for i in range(frames):
        heat.add(frame([person(at=(100 + 120 * n, 300)) for n in range(count)], time=i * step, index=i))

    assert heat.seconds.sum() == pytest.approx(count * (frames - 1) * step)


def test_time_is_spent_where_the_feet_are() -> None:
    heat = Heatmap(cell=10)
    for i in range(3):
        heat.add(frame([person(at=(325, 405))], time=i * 0.1, index=i))

    assert np.argwhere(heat.seconds).tolist() == [[40, 32]]


def test_memory_is_that_of_the_grid_however_long_the_video() -> None:
    heat = Heatmap(cell=8)
    for i in range(300):
        heat.add(frame([person(at=(i * 2.0, 400))], time=float(i), index=i))

    assert heat.seconds.shape == (60, 80)


def test_a_gap_in_the_video_counts_half_a_second() -> None:
    heat = Heatmap()
    heat.add(frame([person()], time=0.0))
    heat.add(frame([person()], time=100.0, index=1))

    assert heat.seconds.sum() == 0.5


def test_spreading_keeps_the_seconds() -> None:
    heat = Heatmap()
    for i in range(5):
        heat.add(frame([person()], time=i * 0.1, index=i))

    assert heat.smooth().sum() == pytest.approx(heat.seconds.sum())
    assert heat.smooth().shape == heat.seconds.shape


def test_a_cell_of_no_size_is_refused() -> None:
    with pytest.raises(ValueError, match="cell must be 1 pixel or more"):
        Heatmap(cell=0)
