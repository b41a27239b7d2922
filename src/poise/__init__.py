"""Poise finds people, hands, faces, animals and objects in pictures and video as keypoints.

    from poise import Pose          # the same class is also named YOLO
    results = Pose()("runner.jpg")
    results[0].show()

Public names are loaded when they are first used, so importing the package costs no more than importing numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from poise.extras.version import __version__

if TYPE_CHECKING:
    from poise.errors import FormatError, MissingExtra, ModelError, PoiseError, SourceError
    from poise.events.event import EventStream
    from poise.events.falls import FallWatch
    from poise.events.posture import PostureWatch
    from poise.events.zones import ZoneWatch
    from poise.gestures import GestureRecognizer
    from poise.gestures.streams.detector import GestureWatch
    from poise.mocap import LiveCapture, MotionCapture
    from poise.model import YOLO, Pose
    from poise.play import BodyController
    from poise.reps import RepCounter, RepWatch
    from poise.results import Boxes, Keypoints, Results
    from poise.skeletons import Skeleton

_HOME = {
    "Pose": "poise.model",
    "YOLO": "poise.model",
    "BodyController": "poise.play",
    "RepCounter": "poise.reps",
    "RepWatch": "poise.reps",
    "Results": "poise.results",
    "Boxes": "poise.results",
    "Keypoints": "poise.results",
    "Skeleton": "poise.skeletons",
    "GestureRecognizer": "poise.gestures",
    "MotionCapture": "poise.mocap",
    "LiveCapture": "poise.mocap",
    "EventStream": "poise.events.event",
    "FallWatch": "poise.events.falls",
    "GestureWatch": "poise.gestures.streams.detector",
    "PostureWatch": "poise.events.posture",
    "ZoneWatch": "poise.events.zones",
    "PoiseError": "poise.errors",
    "ModelError": "poise.errors",
    "SourceError": "poise.errors",
    "FormatError": "poise.errors",
    "MissingExtra": "poise.errors",
}

__all__ = [
    "YOLO",
    "BodyController",
    "Boxes",
    "EventStream",
    "FallWatch",
    "FormatError",
    "GestureRecognizer",
    "GestureWatch",
    "Keypoints",
    "LiveCapture",
    "MissingExtra",
    "ModelError",
    "MotionCapture",
    "PoiseError",
    "Pose",
    "PostureWatch",
    "RepCounter",
    "RepWatch",
    "Results",
    "Skeleton",
    "SourceError",
    "ZoneWatch",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name == "solutions":
        return import_module("poise.solutions")
    if name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'poise' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
