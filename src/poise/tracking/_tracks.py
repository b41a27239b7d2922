"""The columns of a tracker's people."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.geometry import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """M tracks, as columns; D = 4 + 2 K numbers are filtered of each (centre, width, height, then the keypoints).

    Attributes:
        state: ``(5, M, D)`` filters, see :mod:`poise.tracking.kalman`.
        anchor: ``(5, M, D)`` filters as they were right after the last measurement.
        last: ``(M, D)`` the last measurement, pixels.
        weight: ``(M, K)`` confidence of the keypoints when last seen.
        seen: ``(M,)`` time of the last measurement, seconds.
        missed: ``(M,)`` frames since.
        hits: ``(M,)`` frames in which it was seen.
        number: ``(M,)`` id; 0 as long as it is not confirmed.
        kind: ``(M,)`` class number.
        limbs: ``(M, E)`` limb lengths, see :mod:`poise.tracking.appearance`; NaN where never seen.
        look: ``(M, 6)`` colours.
    """

    state: Floats
    anchor: Floats
    last: Floats
    weight: Floats
    seen: Floats
    missed: NDArray[np.intp]
    hits: NDArray[np.intp]
    number: NDArray[np.intp]
    kind: NDArray[np.intp]
    limbs: Floats
    look: Floats

    def __len__(self) -> int:
        return len(self.seen)

    def take(self, rows: NDArray[Any]) -> Tracks:
        """Return the tracks of some rows."""
        return Tracks(
            *(
                value[:, rows] if value.ndim == 3 else value[rows]
                for value in (getattr(self, f.name) for f in fields(self))
            )
        )

    def join(self, other: Tracks) -> Tracks:
        """Return these tracks and others after them."""
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return Tracks(*(np.concatenate(pair, axis=1 if pair[0].ndim == 3 else 0) for pair in pairs))
