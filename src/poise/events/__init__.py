"""What happens in a scene: zones, lines, falls and postures, as events of one kind."""

from __future__ import annotations

from poise.events.event import Detector, Event, EventStream
from poise.events.falls import FallWatch
from poise.events.heatmap import Heatmap
from poise.events.posture import PostureWatch
from poise.events.zonefile import Line, Zone, ZoneFile, read_zones
from poise.events.zones import ZoneWatch

__all__ = [
    "Detector",
    "Event",
    "EventStream",
    "FallWatch",
    "Heatmap",
    "Line",
    "PostureWatch",
    "Zone",
    "ZoneFile",
    "ZoneWatch",
    "read_zones",
]
