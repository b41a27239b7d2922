"""The nearest movements: stretches of time in which somebody goes through the same poses.

Movements are compared at a common rate. For a start in each sample of each person and for several tempos, the squared
distances of the poses are summed; each pose may come a sample earlier or later than the tempo says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poise.bodies.pose_embedding import embed, layout
from poise.clips import Clip
from poise.model import Pose
from poise.search.hits import Hit, hit_of
from poise.search.index import PoseIndex
from poise.search.likes import Like
from poise.search.nearest import check_numbers
from poise.search.products import Question
from poise.sources import frames_between

# Poses a second that are compared, and the most of one movement: longer ones are compared at fewer a second.
RATE_HZ, _MOST_POSES = 10.0, 48
# How much slower (above 1) or faster the same movement may be.
TEMPOS = (0.65, 0.8, 1.0, 1.25, 1.55)
# What a pose counts that is not there, or that shows too little.
_MISSING = 1.0
# Windows in which somebody is not seen for more than this share are left out.
_MOST_GONE = 0.3
# Two windows of one person are one hit when they share more of the shorter one.
_OVERLAP = 0.5
# Samples that are compared at a time.
_SAMPLES = 60_000
_LEAST_S = 0.3

# Distance, row of the first frame, start and end in seconds, and 1 where it is the mirrored movement.
Window = tuple[float, int, float, float, int]


def read_movement(file: str, start: float, end: float, *, model: Pose, person: int | None = None) -> Like:
    """Read the movement of one person in a stretch of a video.

    Args:
        file: The video.
        start: Seconds.
        end: Seconds.
        model: Finds the poses.
        person: Whose, numbered by size from 1; None: who is seen longest.

    Raises:
        ValueError: The stretch is too short, or nobody is seen in it.
        SourceError: The video cannot be read.
    """
    name = f"{file}@{start:g}-{end:g}"
    if end - start < _LEAST_S:
        raise ValueError(f"{name}: a movement lasts {_LEAST_S} s or more, got {end - start:g} s")
    results = list(model.track(frames_between(file, start, end), stream=True, verbose=False))
    if not any(len(result) for result in results):
        raise ValueError(f"{name}: nobody was found in it, so there is no movement to look for")
    row, clip = _person(Clip.of(results), person, name)
    seen = np.flatnonzero(clip.present[row])
    times = clip.times[seen]
    at = _samples(times, _rate(end - start))
    chosen = seen[_nearest_in_time(times, at)]
    embedding, weight = embed(clip.xy[row, chosen], clip.conf[row, chosen], clip.skeleton)
    pictures = tuple((results[i], _row_in(results[i], int(clip.ids[row]))) for i in chosen.tolist())
    whose = np.zeros(len(at), dtype=np.int64)
    return Like(embedding, weight, layout(clip.skeleton), whose, at - at[0], name, pictures)


def _person(clip: Clip, person: int | None, name: str) -> tuple[int, Clip]:
    present = clip.present
    if person is None:
        return int(np.argmax(present.sum(axis=1))), clip
    boxes = np.asarray(clip.boxes, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        areas = np.nan_to_num((boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1]))
    mean = areas.sum(axis=1) / np.maximum(present.sum(axis=1), 1)
    if not 1 <= person <= len(mean):
        raise ValueError(f"{name}: person must be from 1 (the largest) to {len(mean)}, got {person}")
    return int(np.argsort(-mean, kind="stable")[person - 1]), clip


def _row_in(result: object, track: int) -> int:
    ids = getattr(getattr(result, "boxes", None), "id", None)
    if ids is None:
        return 0
    rows = np.flatnonzero(np.asarray(ids) == track)
    return int(rows[0]) if len(rows) else 0


def _rate(duration: float) -> float:
    return min(RATE_HZ, (_MOST_POSES - 1) / max(duration, 1e-6))


def _samples(times: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
    """Return the times of samples from the first to the last of ``times``."""
    at: NDArray[np.float64] = times[0] + np.arange(int((times[-1] - times[0]) * rate + 1e-6) + 1) / rate
    return at


def _nearest_in_time(times: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return for each of ``at`` the place of the nearest of the increasing ``times``."""
    after = np.clip(np.searchsorted(times, at), 1, max(len(times) - 1, 1))
    after = np.minimum(after, len(times) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(at - times[before] <= times[after] - at, before, after)


@dataclass(frozen=True, slots=True, eq=False)
class _Sampled:
    """Samples of several persons, one after the other, with empty ones between them.

    Attributes:
        row: ``(G,)`` row in the index; -1 where nothing was seen.
        time: ``(G,)`` seconds.
    """

    row: NDArray[np.int64]
    time: NDArray[np.float64]


def search_movements(
    index: PoseIndex,
    like: Like,
    *,
    top: int = 20,
    mirror: bool = False,
    upright: bool = False,
    max_distance: float | None = None,
) -> list[Hit]:
    """Find who moves like this.

    Args:
        index: What is searched; tracked poses, or frames that follow each other closely.
        like: A movement of :func:`poise.search.read_like`.
        top: Most hits.
        mirror: Look for the mirrored movement too.
        upright: Up in the picture matters.
        max_distance: Leave out hits that are farther, 0 to 1.

    Returns:
        Hits by distance, the nearest first; ``start`` and ``end`` say when. Of one person they share less than half of
        their time.

    Raises:
        ValueError: The poses are of another kind than those of the index, it is no movement, or a number is out of
            range.
    """
    check_numbers(top=top, max_distance=max_distance)
    if len(like.times) < 2:
        raise ValueError(f"{like.name or 'the poses'}: no movement; give a stretch of a video, such as clip.mp4@10-12")
    question = like.question(index.layout, mirror=mirror)
    rate = (len(like.times) - 1) / float(like.times[-1])
    limit = np.inf if max_distance is None else max_distance
    found: list[Window] = []
    for sampled in _persons(index, rate, len(like)):
        found += _windows(index, sampled, question, len(like), rate, top, limit, upright=upright)
    return [
        hit_of(index, row, distance=distance, start=start, end=end, like=0, mirrored=bool(mirrored))
        for distance, row, start, end, mirrored in _apart(index, sorted(found))[:top]
    ]


def _apart(index: PoseIndex, windows: Iterable[Window]) -> list[Window]:
    """Return windows, which come nearest first, without those that share their time with a nearer one."""
    spans: dict[int, list[tuple[float, float]]] = {}
    kept = []
    for window in windows:
        _, row, start, end, _ = window
        mine = spans.setdefault(int(index.person[row]), [])
        if all(_shared(start, end, *span) <= _OVERLAP for span in mine):
            mine.append((start, end))
            kept.append(window)
    return kept


def _persons(index: PoseIndex, rate: float, poses: int) -> Iterator[_Sampled]:
    """Give the samples of everybody who is seen long enough, many people at a time."""
    order, person = index.order, index.person
    ends = np.flatnonzero(np.diff(person[order], append=-1)) + 1
    shortest = (poses - 1) * TEMPOS[0] / rate
    reach = int(poses * TEMPOS[-1]) + 2
    rows: list[NDArray[np.int64]] = []
    times: list[NDArray[np.float64]] = []
    total = begin = 0
    for end in ends.tolist():
        mine = order[begin:end]
        begin = end
        seen = index.time[mine]
        if len(mine) < 2 or seen[-1] - seen[0] < shortest:
            continue
        for part, at in _stretches(seen, rate):
            if at[-1] - at[0] < shortest:
                continue
            near = part[_nearest_in_time(seen[part], at)]
            far = np.abs(seen[near] - at) > 1.5 / rate
            rows += [np.where(far, -1, mine[near]), np.full(reach, -1)]
            times += [at, np.full(reach, at[-1])]
            total += len(at) + reach
            if total >= _SAMPLES:
                yield _Sampled(np.concatenate(rows), np.concatenate(times))
                rows, times, total = [], [], 0
    if rows:
        yield _Sampled(np.concatenate(rows), np.concatenate(times))


def _stretches(seen: NDArray[np.float64], rate: float) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
    """Give the parts of a person's frames without long gaps, and the times of their samples."""
    cuts = np.flatnonzero(np.diff(seen) > max(1.0, 5.0 / rate)) + 1
    for part in np.split(np.arange(len(seen)), cuts):
        # A recording of hours is sampled in pieces that share the longest movement.
        for at in range(0, len(part), _SAMPLES):
            piece = part[at : at + _SAMPLES + 2048]
            if len(piece) > 1:
                yield piece, _samples(seen[piece], rate)


def _windows(
    index: PoseIndex,
    sampled: _Sampled,
    question: Question,
    poses: int,
    rate: float,
    top: int,
    limit: float,
    *,
    upright: bool,
) -> list[Window]:
    """Return the nearest windows."""
    apart = np.full((len(sampled.row), len(question)), _MISSING, dtype=np.float32)
    there = np.flatnonzero(sampled.row >= 0)
    for at in range(0, len(there), 4096):
        some = there[at : at + 4096]
        apart[some] = np.minimum(index.each(question, sampled.row[some], upright=upright), _MISSING)
    warped = apart.copy()
    np.minimum(warped[1:], apart[:-1], out=warped[1:])
    np.minimum(warped[:-1], apart[1:], out=warped[:-1])
    np.square(warped, out=warped)
    best = np.full(len(sampled.row), np.inf, dtype=np.float32)
    last, other = np.zeros(len(best), dtype=np.int64), np.zeros(len(best), dtype=np.int64)
    for variant in range(len(question) // poses):
        part = warped[:, variant * poses : (variant + 1) * poses]
        for tempo in TEMPOS:
            offsets = np.round(np.arange(poses) * tempo).astype(int)
            length = len(best) - int(offsets[-1])
            if length <= 0:
                continue
            total = np.zeros(length, dtype=np.float32)
            for pose, offset in enumerate(offsets.tolist()):
                total += part[offset : offset + length, pose]
            better = np.flatnonzero(total < best[:length])
            best[better], last[better], other[better] = total[better], offsets[-1], variant
    best = np.sqrt(best / poses)
    # A movement begins where somebody is seen.
    best[sampled.row < 0] = np.inf
    gone = np.concatenate([[0], np.cumsum(sampled.row < 0)])
    out: list[Window] = []
    spans: dict[int, list[tuple[float, float]]] = {}
    for at in np.argsort(best, kind="stable").tolist():
        if len(out) == top or not best[at] <= min(limit, _MISSING - 1e-3):
            break
        until = at + int(last[at]) + 1
        if gone[min(until, len(best))] - gone[at] > _MOST_GONE * (until - at):
            continue
        start, end = float(sampled.time[at]), float(sampled.time[min(at + last[at], len(best) - 1)])
        mine = spans.setdefault(int(index.person[sampled.row[at]]), [])
        if any(_shared(start, end, *span) > _OVERLAP for span in mine):
            continue
        mine.append((start, end))
        out.append((float(best[at]), int(sampled.row[at]), start, end, int(other[at])))
    return out


def _shared(a: float, b: float, c: float, d: float) -> float:
    """Return which share of the shorter of two stretches both have."""
    shorter = max(min(b - a, d - c), 1e-9)
    return max(0.0, min(b, d) - max(a, c)) / shorter
