"""Join the pieces of broken tracks of a whole clip, with all of it in view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poise.bodies.limbs import relative_lengths
from poise.clips import Clip
from poise.clips.packed import PackedClip
from poise.geometry import Floats, xyxy_to_xywh
from poise.tracking.appearance import limb_distance
from poise.tracking.association import match

_FIT = 0.5  # seconds of a track's end over which its velocity is measured
# Standard deviations in sizes of the person: of a box's centre, of a measured velocity (a second), and of the change of
# velocity, as the tracker has them.
_OFF, _SPEED_OFF, _ACCELERATION = 0.15, 0.3, 0.8
_HEIGHT_OFF = 0.2  # standard deviation of the logarithm of somebody's height from before to after
_FAR = 9.21  # 99 % of chi-squared with 2 degrees of freedom


@dataclass(frozen=True, slots=True)
class Join:
    """Two tracks that were made one.

    Attributes:
        kept: Id of the earlier one, now that of both.
        joined: Id of the later one, which is gone.
        start: Time at which the earlier one ended, seconds.
        end: Time at which the later one began, seconds.
        cost: Mean square deviation of motion, height and proportions, in standard deviations.
    """

    kept: int
    joined: int
    start: float
    end: float
    cost: float

    def __str__(self) -> str:
        return (
            f"id {self.joined} joined to id {self.kept} over {self.start:.2f} to {self.end:.2f} s "
            f"(cost {self.cost:.2f})"
        )


def relink(clip: Clip, *, max_gap_seconds: float = 2.0, max_cost: float = 2.0) -> tuple[Clip, list[Join]]:
    """Join tracks that end with tracks that begin later and can be the same person.

    All pairs are decided at once, so that the sum of the costs is least: a track is continued by one other at most.

    Args:
        clip: Tracks.
        max_gap_seconds: Longest time between the end of a track and the beginning of its continuation.
        max_cost: Highest mean square deviation of a pair, in standard deviations; 1 is what the same person has.

    Returns:
        The clip with fewer ids, each the first of its pieces; and the joins in the order of time.

    Raises:
        ValueError: ``max_gap_seconds`` is negative.

    Source:
        Zhang, Li and Nevatia 2008, Global data association for multi-object tracking using network flows, section 3,
        for the view as a path cover; with disjoint pieces in time it is a bipartite assignment.
    """
    if not max_gap_seconds >= 0:
        raise ValueError(f"max_gap_seconds must be 0 or more, got {max_gap_seconds}")
    tracks = [_track(clip, row) for row in range(len(clip.ids))]
    rows = np.array([row for row, track in enumerate(tracks) if len(track.at)], dtype=np.intp)
    if len(rows) < 2:
        return clip, []
    cost = _costs(clip, [tracks[row] for row in rows], max_gap_seconds)
    pairs = match(cost, max_cost=max_cost)
    owner = np.arange(len(clip.ids))
    joins = []
    # In the order of time, so that a chain of pieces collects in its first.
    for a, b in sorted(pairs.tolist(), key=lambda pair: int(tracks[rows[pair[1]]].at[0])):
        i, j = rows[a], rows[b]
        owner[owner == j] = owner[i]
        start, end = float(clip.times[tracks[i].at[-1]]), float(clip.times[tracks[j].at[0]])
        joins.append(Join(int(clip.ids[owner[i]]), int(clip.ids[j]), start, end, float(cost[a, b])))
    return _merged(clip, owner), joins


@dataclass(frozen=True, slots=True, eq=False)
class _Track:
    """One id where it has a box.

    Attributes:
        at: ``(n,)`` its frames, indices into the clip's times.
        times: ``(n,)`` seconds.
        boxes: ``(n, 4)`` centre x, centre y, width and height, pixels.
        limbs: ``(E,)`` median relative lengths of its limbs; NaN for what was hardly seen.
    """

    at: NDArray[np.intp]
    times: Floats
    boxes: Floats
    limbs: Floats


def _track(clip: Clip, row: int) -> _Track:
    if isinstance(clip, PackedClip):
        at, columns = clip.rows(row)
        boxes, xy, conf = columns["boxes"], columns["xy"], columns["conf"]
    else:
        at, boxes, xy, conf = np.arange(len(clip)), clip.boxes[row], clip.xy[row], clip.conf[row]
    there = np.isfinite(boxes).all(axis=-1)
    edges = np.array(clip.skeleton.edges, dtype=np.intp).reshape(-1, 2)
    own = xyxy_to_xywh(np.asarray(boxes[there], dtype=np.float64))
    return _Track(at[there], clip.times[at[there]], own, _proportions(xy, conf, edges))


def _costs(clip: Clip, tracks: Sequence[_Track], max_gap_seconds: float) -> Floats:
    begins, stops = np.array([t.times[0] for t in tracks]), np.array([t.times[-1] for t in tracks])
    gap = begins[None] - stops[:, None]
    steps = np.diff(clip.times)
    # One usual step from frame to frame is no gap, and is always allowed.
    possible = (gap > 0) & (gap <= max_gap_seconds + (np.median(steps) if len(steps) else 0.0))
    ends, ending = _motion(tracks, -1)
    starts, starting = _motion(tracks, +1)
    size = np.array([np.median(np.sqrt(np.maximum(t.boxes[:, 2] * t.boxes[:, 3], 1.0))) for t in tracks])
    size = np.sqrt(size[:, None] * size[None])
    # Each walks on for half the gap, the one forwards, the other backwards: where they meet says whether they are one.
    half = np.maximum(gap, 0.0)[..., None] / 2
    apart = (ends[:, None] + ending[:, None] * half) - (starts[None] - starting[None] * half)
    wait = np.maximum(gap, 0.0)
    variance = _OFF**2 + (_SPEED_OFF * wait) ** 2 + _ACCELERATION**2 * wait**3 / 3
    far = np.square(apart).sum(axis=-1) / (np.square(size) * variance)
    tall = np.stack([_height(tracks, -1), _height(tracks, +1)])
    height = np.square((np.log(tall[0])[:, None] - np.log(tall[1])[None]) / _HEIGHT_OFF)
    limbs = np.stack([track.limbs for track in tracks])
    parts = np.stack([far / 2, height, limb_distance(limbs, limbs, spread=0.2)])
    known = np.isfinite(parts)
    mean = np.where(known, parts, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.where(possible & (far <= _FAR), mean, np.inf)


def _near(track: _Track, side: int) -> NDArray[np.bool_]:
    """Return which frames of a track are within ``_FIT`` seconds of one of its ends: -1 the last, 1 the first."""
    away = (track.times - track.times[-1 if side < 0 else 0]) * side
    return np.asarray((away >= 0) & (away <= _FIT))


def _motion(tracks: Sequence[_Track], side: int) -> tuple[Floats, Floats]:
    """Return ``(M, 2)`` where each track's centre is at an end, pixels, and how fast it moves, pixels a second."""
    place, speed = np.empty((len(tracks), 2)), np.zeros((len(tracks), 2))
    for i, track in enumerate(tracks):
        near = _near(track, side)
        place[i] = track.boxes[-1 if side < 0 else 0, :2]
        times = track.times[near]
        spread = times - times.mean()
        if len(times) >= 3 and spread.any():
            points = track.boxes[near, :2]
            speed[i] = spread @ (points - points.mean(axis=0)) / (spread @ spread)
    return place, speed


def _height(tracks: Sequence[_Track], side: int) -> Floats:
    """Return ``(M,)`` how high each track's box is near an end, pixels."""
    return np.array([np.median(track.boxes[_near(track, side), 3]) for track in tracks])


def _proportions(xy: Floats, conf: Floats, edges: NDArray[np.intp]) -> Floats:
    """Return ``(E,)`` median relative limb lengths over a track's whole life; NaN for what was hardly seen."""
    out = np.full(len(edges), np.nan)
    lengths = relative_lengths(xy, conf, edges)
    seen = np.isfinite(lengths).sum(axis=0) >= 3
    if seen.any():
        out[seen] = np.nanmedian(lengths[:, seen], axis=0)
    return out


def _merged(clip: Clip, owner: NDArray[np.intp]) -> Clip:
    """Return the clip with every row's frames copied into the row that owns it."""
    kept = np.unique(owner)
    if len(kept) == len(owner):
        return clip
    if isinstance(clip, PackedClip):
        return clip.merged(owner)
    present = np.asarray(np.isfinite(clip.boxes).all(axis=-1))
    columns = {}
    for name in ("boxes", "box_conf", "xy", "conf", "sigma", "xyz"):
        values = getattr(clip, name)
        if values is None:
            continue
        values = values.copy()
        for row in np.flatnonzero(owner != np.arange(len(owner))):
            values[owner[row], present[row]] = values[row, present[row]]
        columns[name] = values[kept]
    return clip.replace(ids=clip.ids[kept], **columns)
