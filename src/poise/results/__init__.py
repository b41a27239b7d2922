"""What was found in one frame: boxes and keypoints as frozen columns of numpy arrays."""

from __future__ import annotations

from poise.results.arrays import Array
from poise.results.columns import Boxes, Keypoints, Point
from poise.results.results import Results, Speed

__all__ = ["Array", "Boxes", "Keypoints", "Point", "Results", "Speed"]
