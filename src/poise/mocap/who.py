"""Whose movement: one person out of a clip, cut into stretches that nothing interrupts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from poise.clips import Clip, cuts, outliers, repair_swaps
from poise.clips.packed import piece_of
from poise.errors import PoiseError
from poise.mocap.landmarks import SKELETON
from poise.mocap.people import people
from poise.mocap.sight import UNSEEN, axes_up, certainty
from poise.results import Results

Floats = NDArray[np.float64]

# How much the network's own sides count: a body turned round for long is no exchange, and a stretch at an end of the
# clip has one seam only, so that a short exchange near it would exchange all that comes before.
_TRUST = 60.0
# Somebody who was away for longer than this begins anew: what happened meanwhile is not made up.
AWAY_S = 2.0


class NobodySeen(PoiseError):
    """There is nobody in the clip whose movement could be captured."""


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One person's points, from the first frame to the last in which they were seen.

    Attributes:
        id: Track id.
        times: ``(T,)`` seconds.
        xy: ``(T, K, 2)`` pixels; NaN where missing.
        xyz: ``(T, K, 3)`` metres, y up, z towards the camera; NaN where missing.
        sure: ``(T, K)`` in [0, 1], 0 where missing.
        size: Width and height of the picture, pixels.
        stretches: First frame and end (exclusive) of each part that is solved by itself: between cuts and absences.
        notes: What was chosen and repaired, in sentences.
    """

    id: int
    times: Floats
    xy: Floats
    xyz: Floats
    sure: Floats
    size: tuple[int, int]
    stretches: tuple[tuple[int, int], ...]
    notes: tuple[str, ...]


def person(clip: Clip, id: int | None = None) -> Person:
    """Take one person out of a clip, left and right exchanged back and points off the body left out.

    Args:
        clip: Of a model with xyz: ``body-3d``.
        id: Whom; None: who is seen longest.

    Raises:
        TypeError: The id is no whole number.
        ValueError: The clip's points are not those of body-3d, or nobody has the id; with who is there, and how long.
        NobodySeen: There is nobody in it, or none of their points can be used.
    """
    if id is not None and (isinstance(id, bool) or not isinstance(id, Integral)):
        raise TypeError(f"id must be a whole number, got {id!r}")
    seen = people(clip)
    # A clip of nobody has no xyz, whatever made it.
    if clip.skeleton.name != SKELETON or (clip.xyz is None and seen):
        given = clip.skeleton.name if clip.skeleton.name != SKELETON else f"{SKELETON} without xyz"
        raise ValueError(
            f"{clip.source}: motion capture needs points in space, which body-3d gives ({SKELETON} with xyz), got "
            f"{given}; pose it with Pose('body-3d').track(…)"
        )
    if not seen:
        raise NobodySeen(f"{clip.source}: nobody is seen in {len(clip)} frames, so there is no movement to capture")
    notes: list[str] = []
    told = ", ".join(map(str, seen[:12]))
    if id is None:
        id = seen[0].id
        if len(seen) > 1:
            notes.append(f"{len(seen)} people are seen: id {told}; id {id} was taken, who is seen longest")
    elif id not in [one.id for one in seen]:
        raise ValueError(f"{clip.source}: nobody has the id {id}; seen are id {told}")
    one, row = piece_of(clip, clip.row(id))
    if len(one.ids) > 1:
        one = _only(one, row)
    broken = cuts(one)
    one, swaps = repair_swaps(one, trust=_TRUST, breaks=broken)
    if swaps:
        notes.append(f"left and right were exchanged back {len(swaps)} times")
    there = np.flatnonzero(one.present[0])
    span = slice(int(there[0]), int(there[-1]) + 1)
    xy = one.xy[0, span].astype(np.float64)
    xyz = axes_up(one.xyz[0, span]) if one.xyz is not None else np.full((*xy.shape[:2], 3), np.nan)
    sure = np.where(outliers(one)[0, span], 0.0, certainty(one.conf[0, span], xy, xyz))
    if not sure.any():
        raise NobodySeen(
            f"{clip.source}: no point of id {id} has a place in space (xyz) and a confidence of {UNSEEN:g} or more, so "
            "there is no movement to capture"
        )
    times = np.asarray(one.times[span], dtype=np.float64)
    stretches = _stretches(times, one.present[0, span], broken[0, span])
    if len(stretches) > 1:
        notes.append(f"the movement is in {len(stretches)} parts, between which the picture was cut or nobody was seen")
    return Person(id, times, xy, xyz, sure, clip.size, stretches, tuple(notes))


def rows_of_people(results: Results) -> Iterator[tuple[int, int]]:
    """Yield id and row of everybody in a frame who is to be followed; without ids the most confident is id 1."""
    ids = results.boxes.id
    if ids is not None:
        for row, id in enumerate(np.asarray(ids).tolist()):
            if id >= 1:  # NaN is not
                yield int(id), row
    elif len(results):
        yield 1, int(np.argmax(np.asarray(results.boxes.conf)))


def _only(clip: Clip, row: int) -> Clip:
    at = slice(row, row + 1)
    columns = {name: getattr(clip, name)[at] for name in ("ids", "boxes", "box_conf", "xy", "conf", "sigma", "xyz")}
    return clip.replace(**columns)


def _stretches(times: Floats, present: NDArray[np.bool_], broken: NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    """Split where the picture was cut and where the person was away for long; frames of absence belong to no part."""
    starts = [0]
    ends = []
    last = 0
    for t in range(1, len(times)):
        if present[t]:
            if broken[t] or times[t] - times[last] > AWAY_S:
                ends.append(last + 1)
                starts.append(t)
            last = t
    ends.append(len(times))
    return tuple(zip(starts, ends, strict=True))
