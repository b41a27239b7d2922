"""The old name of clips, filters, events, gestures and repetitions, kept for code that imports it."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_ROOMS = {
    "angles": "clips.angles", "gestures": "gestures", "reps": "reps", "reps.signals": "reps.signals",
    "events": "events.event",
}  # fmt: skip
_MODULES = {
    "falls": "events", "heatmap": "events", "posture": "events", "zonefile": "events", "zones": "events",
    "fix": "clips", "jitter": "clips", "repair": "clips", "swaps": "clips", "smoothing": "filters",
}  # fmt: skip
# Modules that were parted since, by what code imports from them.
_PARTED: dict[str, dict[str, dict[str, str]]] = {
    "gestures.examples": {"gestures.shapes.examples": {"find_shape_conflicts": "conflicts"}},
    "gestures.learning": {"gestures.movements.learning": {"find_move_conflicts": "alike"}},
    "gestures.looks": {
        "gestures.movements.observations": {
            "Observation": "Look", "observe_body": "body_look", "observe_hand": "hand_look",
            "observe_person": "person_look",
        },
    },
    "gestures.moving": {"gestures.movements.taught_moves": {}, "gestures.movements.spotter": {}},
    "gestures.setfile": {"gestures.shapes.shape_file": {"write_shapes": "write_taught"}},
    "gestures.taught": {
        "gestures.shapes.taught_shapes": {"TaughtShapes": "Taught"},
        "gestures.shapes.learning": {"learn_shapes": "learn", "leave_one_out_shapes": "leave_one_out"},
    },
    "gestures.tries": {"gestures.movements.examples": {"MoveExample": "Try", "trim_movement": "trimmed"}},
}  # fmt: skip
for _old, _new in (_ROOMS | {name: f"{room}.{name}" for name, room in _MODULES.items()}).items():
    sys.modules[f"{__name__}.{_old}"] = globals()[_old] = import_module(f"poise.{_new}")
for _old, _parts in _PARTED.items():
    _module = sys.modules[f"{__name__}.{_old}"] = ModuleType(f"{__name__}.{_old}")
    for _new, _renamed in _parts.items():
        _now = vars(import_module(f"poise.{_new}"))
        vars(_module).update(_now | {before: _now[name] for name, before in _renamed.items()})


def __getattr__(name: str) -> Any:
    for room in ("clips", "filters"):
        module = import_module(f"poise.{room}")
        if name in module.__all__:
            return getattr(module, name)
    raise AttributeError(f"module 'poise.motion' has no attribute {name!r}")
