"""The body as a controller: what players do becomes actions, keys and axes of a game.

:class:`BodyController` turns results into :class:`Action`; a :class:`ControlMap` says which movement is which action.
"""

from __future__ import annotations

from poise.play.action import Action
from poise.play.controller import BodyController
from poise.play.latency import LatencyMeter
from poise.play.maps import Axis, Button, ControlMap, bundled_maps, read_map
from poise.play.sinks import ActionSink, JsonLines, OscSink, load_sink
from poise.play.stream import Played, play

__all__ = [
    "Action",
    "ActionSink",
    "Axis",
    "BodyController",
    "Button",
    "ControlMap",
    "JsonLines",
    "LatencyMeter",
    "OscSink",
    "Played",
    "bundled_maps",
    "load_sink",
    "play",
    "read_map",
]
