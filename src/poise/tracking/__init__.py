"""Who is who over time."""

from poise.tracking._settings import TrackSettings, read_settings
from poise.tracking._tracker import Tracker, follow_stream
from poise.tracking.association import duplicates, match
from poise.tracking.relink import Join, relink

__all__ = [
    "Join",
    "TrackSettings",
    "Tracker",
    "duplicates",
    "follow_stream",
    "match",
    "read_settings",
    "relink",
]
