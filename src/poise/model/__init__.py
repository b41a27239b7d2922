"""``Pose``, also named ``YOLO``: load, predict, track, train, validate, export."""

from __future__ import annotations

from poise.model.model import YOLO, Pose
from poise.model.settings import Settings

__all__ = ["YOLO", "Pose", "Settings"]
