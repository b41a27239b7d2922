"""The old name of :mod:`poise.results`, kept for code that imports it."""

from poise.results import Array, Boxes, Keypoints, Point

__all__ = ["Array", "Boxes", "Keypoints", "Point"]
