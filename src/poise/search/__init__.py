"""Poses that are alike, among those that a batch or ``poise predict --out`` has written.

:class:`PoseIndex` holds the poses, :func:`read_like` reads what is looked for, :func:`search` finds the nearest poses
and :func:`search_movements` the nearest stretches of time; :func:`write_sheet` shows what was found.

What a pose is as a vector is in ``poise.bodies.pose_embedding``; how far two are from each other in ``products``.
"""

from poise.search.hits import Hit
from poise.search.index import PoseIndex
from poise.search.likes import Like, read_like
from poise.search.movements import search_movements
from poise.search.nearest import search
from poise.search.sheet import write_sheet

__all__ = ["Hit", "Like", "PoseIndex", "read_like", "search", "search_movements", "write_sheet"]
