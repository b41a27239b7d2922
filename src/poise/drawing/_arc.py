"""The arc between two limbs at a joint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from poise.drawing._shapes import limbs
from poise.frames import Image
from poise.geometry import Floats

_COLOUR = (40, 176, 255)


@dataclass(frozen=True, slots=True, eq=False)
class JointArc:
    """Where a joint is, and how far the second limb is turned from the first.

    Attributes:
        joint: ``(2,)`` pixels.
        first: Direction of the first limb, radians.
        turn: To the second one, radians, the shorter way.
        limb: Length of the shorter limb, pixels.
    """

    joint: Floats
    first: float
    turn: float
    limb: float

    @classmethod
    def of(cls, points: ArrayLike) -> JointArc:
        """Return the arc at the middle one of ``(3, 2)`` points, pixels."""
        a, b, c = np.asarray(points, dtype=np.float64)
        first, second = (float(np.arctan2(*(end - b)[::-1])) for end in (a, c))
        turn = (second - first + np.pi) % (2 * np.pi) - np.pi
        return cls(b, first, turn, float(min(np.linalg.norm(a - b), np.linalg.norm(c - b))))

    @property
    def degrees(self) -> float:
        """The inner angle."""
        return float(abs(np.degrees(self.turn)))

    @property
    def middle(self) -> float:
        """Direction half-way between both limbs, radians."""
        return self.first + 0.5 * self.turn

    def draw(self, picture: Image, radius: float, width: float) -> None:
        """Draw it in place, with a radius and a line of so many pixels."""
        steps = self.first + np.linspace(0, 1, 24) * self.turn
        arc = self.joint + radius * np.stack([np.cos(steps), np.sin(steps)], axis=1)
        limbs(picture, arc[:-1], arc[1:], _COLOUR, width, outline=1.0)
