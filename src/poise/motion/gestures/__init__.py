"""Gestures of hands and bodies: defined in TOML or taught from examples, with "unknown" for everything else."""

from poise.motion.gestures.definitions import Condition, Definition, Definitions, bundled, read_definitions
from poise.motion.gestures.events import Gesture, GestureEvent, GestureEvents
from poise.motion.gestures.recognizer import DEFAULT_SETS, GestureRecognizer
from poise.motion.gestures.taught import UNKNOWN

__all__ = [
    "DEFAULT_SETS",
    "UNKNOWN",
    "Condition",
    "Definition",
    "Definitions",
    "Gesture",
    "GestureEvent",
    "GestureEvents",
    "GestureRecognizer",
    "bundled",
    "read_definitions",
]
