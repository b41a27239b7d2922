"""The old name of clips, filters, events, gestures and repetitions, kept for code that imports it."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

_ROOMS = {"angles": "clips.angles", "gestures": "gestures", "reps": "reps", "events": "events.event"}
_MODULES = {
    "falls": "events", "heatmap": "events", "posture": "events", "zonefile": "events", "zones": "events",
    "fix": "clips", "jitter": "clips", "repair": "clips", "swaps": "clips", "smoothing": "filters",
}  # fmt: skip
for _old, _new in (_ROOMS | {name: f"{room}.{name}" for name, room in _MODULES.items()}).items():
    sys.modules[f"{__name__}.{_old}"] = globals()[_old] = import_module(f"poise.{_new}")


def __getattr__(name: str) -> Any:
    for room in ("clips", "filters"):
        module = import_module(f"poise.{room}")
        if name in module.__all__:
            return getattr(module, name)
    raise AttributeError(f"module 'poise.motion' has no attribute {name!r}")
