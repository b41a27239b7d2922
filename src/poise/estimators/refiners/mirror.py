"""Turn what a network gives for mirrored crops, so that it can be averaged with what it gives for plain ones.

A crop of W pixels is mirrored pixel by pixel: pixel i becomes W - 1 - i. What a network learned to say of pixel i comes
back at a place that follows from how its cells or bins stand for pixels, which is seldom where the turned row has it.
With TinyPose on labelled boxes the average precision is 53.3 where turned maps are left as they are, 54.5 where they
are moved by a cell, and 55.0 where they are moved by the three quarters of a cell that this rule asks for
(benchmarks/zoo.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import Any

import numpy as np
from numpy.typing import NDArray


def turned(values: NDArray[Any], flip_idx: Sequence[int], shift: float = 0.0) -> NDArray[Any]:
    """Turn values for mirrored crops.

    Args:
        values: ``(N, K, ..., W)``, the last axis from left to right.
        flip_idx: The keypoint that each one becomes in a mirror.
        shift: How far the turned values are moved to the right, in cells; fractions are interpolated. At the rim the
            last value is repeated.
    """
    back = values[..., ::-1][:, list(flip_idx)]
    whole = floor(shift)
    part = shift - whole
    near = _moved(back, whole)
    return near if part == 0 else (1 - part) * near + part * _moved(back, whole + 1)


def _moved(values: NDArray[Any], cells: int) -> NDArray[Any]:
    if cells == 0:
        return values
    return np.take(values, np.clip(np.arange(values.shape[-1]) - cells, 0, values.shape[-1] - 1), axis=-1)
