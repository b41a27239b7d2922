"""Where people were, and for how long."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poise.events.event import points_of
from poise.results import Results

# A gap between two frames longer than this counts as this: nobody knows where they were meanwhile.
_MOST_S = 0.5


class Heatmap:
    """Adds up the seconds that people stood at each place.

    A person's place is the middle of the box's lower edge. The memory is that of the grid, whatever the video's length.

    Args:
        cell: Side of the grid's cells, pixels.
    """

    def __init__(self, *, cell: int = 8) -> None:
        if cell < 1:
            raise ValueError(f"cell must be 1 pixel or more, got {cell}")
        self.cell = cell
        self.seconds: NDArray[np.float64] = np.zeros((0, 0))
        self._time: float | None = None

    def add(self, result: Results) -> None:
        """Take the next frame; pictures of another size begin anew."""
        height, width = result.orig_shape
        shape = (-(-height // self.cell), -(-width // self.cell))
        if self.seconds.shape != shape:
            self.seconds, self._time = np.zeros(shape), None
        passed = 0.0 if self._time is None else float(np.clip(result.time - self._time, 0.0, _MOST_S))
        self._time = result.time
        _, _, boxes = points_of(result)
        feet = np.stack([boxes[:, 3], (boxes[:, 0] + boxes[:, 2]) / 2], axis=-1)
        feet = feet[np.isfinite(feet).all(axis=1)]
        at = np.clip((feet / self.cell).astype(int), 0, np.array(shape) - 1)
        np.add.at(self.seconds, (at[:, 0], at[:, 1]), passed)

    def smooth(self, *, spread: float = 2.0) -> NDArray[np.float64]:
        """Return the ``(rows, columns)`` seconds spread by a bell of a standard deviation in cells."""
        reach = max(1, round(3 * spread))
        bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / spread) ** 2)
        bell /= bell.sum()
        heat = self.seconds
        for axis in (0, 1):
            padded = np.pad(heat, [(reach, reach) if a == axis else (0, 0) for a in (0, 1)])
            windows = np.lib.stride_tricks.sliding_window_view(padded, len(bell), axis=axis)
            heat = windows @ bell
        return heat
