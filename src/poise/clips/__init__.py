"""A whole source of tracked instances as columns: kept, repaired, measured."""

from __future__ import annotations

from poise.clips.clip import Clip
from poise.clips.fix import FixReport, fix
from poise.clips.jitter import jitter_index, lag_s, wobble_index
from poise.clips.packed import PackedClip
from poise.clips.repair import cuts, fill_gaps, outliers
from poise.clips.swaps import Swap, repair_swaps

__all__ = [
    "Clip",
    "FixReport",
    "PackedClip",
    "Swap",
    "cuts",
    "fill_gaps",
    "fix",
    "jitter_index",
    "lag_s",
    "outliers",
    "repair_swaps",
    "wobble_index",
]
