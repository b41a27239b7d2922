"""From results to people: each person's keypoints as arrays over time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from poise.bodies.points import read_coco_points
from poise.geometry import Bools, Floats, box_area, box_iou
from poise.results import Results


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One person over time.

    Attributes:
        id: Track id, from 1.
        frame: ``(T,)`` frame numbers.
        time: ``(T,)`` seconds, increasing.
        xy: ``(T, 17, 2)`` pixels in COCO's order, NaN where not predicted.
        conf: ``(T, 17)``.
        box: ``(T, 4)`` xyxy pixels.
    """

    id: int
    frame: Floats
    time: Floats
    xy: Floats
    conf: Floats
    box: Floats

    def __len__(self) -> int:
        return len(self.time)

    def part(self, keep: Bools | slice) -> Person:
        """Return some of the frames."""
        return Person(self.id, *(getattr(self, n)[keep] for n in ("frame", "time", "xy", "conf", "box")))


def drop_doubles(xy: Floats, conf: Floats, boxes: Floats, box_conf: Floats) -> list[int]:
    """Return the rows of one frame without second sightings of the same person.

    Two sightings are one person when their confident keypoints lie on average within a twelfth of the box's size of
    each other (people side by side are further apart), or their boxes nearly cover each other.
    """
    order = np.argsort(-box_conf, kind="stable")
    size = np.sqrt(np.maximum(box_area(boxes), 1.0))
    overlap = box_iou(boxes, boxes)
    kept: list[int] = []
    for i in order.tolist():
        for k in kept:
            both = (conf[i] > 0.2) & (conf[k] > 0.2)
            apart = np.linalg.norm(xy[i] - xy[k], axis=-1)[both]
            near = len(apart) >= 4 and float(np.median(apart)) < max(size[i], size[k]) / 12
            if near or overlap[i, k] > 0.8:
                break
        else:
            kept.append(i)
    return sorted(kept)


class Follower:
    """Gives ids to results that were not tracked: each person goes to the nearest one of the last second.

    A plain stand-in for people who stay in place, as in front of a phone that films an exercise; where people cross,
    track them.
    """

    def __init__(self, *, patience_s: float = 1.5, min_overlap: float = 0.2) -> None:
        self._patience = patience_s
        self._min = min_overlap
        self._next = 1
        self._last: dict[int, tuple[float, Floats]] = {}

    def update(self, boxes: Floats, time: float) -> list[int]:
        """Return an id for each of the ``(N, 4)`` boxes of one frame."""
        self._last = {i: seen for i, seen in self._last.items() if time - seen[0] <= self._patience}
        ids = [0] * len(boxes)
        known = list(self._last)
        if known and len(boxes):
            overlap = box_iou(np.array([self._last[i][1] for i in known]), boxes)
            for flat in np.argsort(-overlap, axis=None):
                a, b = divmod(int(flat), len(boxes))
                if overlap[a, b] < self._min:
                    break
                if ids[b] == 0 and known[a] not in ids:
                    ids[b] = known[a]
        for b in range(len(boxes)):
            if ids[b] == 0:
                ids[b] = self._beside(boxes[b], [i for i in known if i not in ids])
            if ids[b] == 0:
                ids[b], self._next = self._next, self._next + 1
            self._last[ids[b]] = (time, boxes[b])
        return ids

    def _beside(self, box: Floats, free: list[int]) -> int:
        """Return who of the free ones was near a box: a standing person who lies down overlaps little; or 0."""
        if not free:
            return 0
        others = np.array([self._last[i][1] for i in free])
        apart = np.linalg.norm((others[:, :2] + others[:, 2:] - box[:2] - box[2:]) / 2, axis=1)
        size = np.sqrt(np.maximum(np.minimum(box_area(others), box_area(box[None])), 1.0))
        best = int(np.argmin(apart / size))
        return free[best] if apart[best] < 0.7 * size[best] else 0


def identify_rows(
    result: Results, xy: Floats, conf: Floats, boxes: Floats, follower: Follower
) -> list[tuple[int, int]]:
    """Return row and id of everybody in a frame; 0 for one whose track is not sure yet."""
    ids = result.boxes.id
    if ids is not None:
        return [(i, int(n)) for i, n in enumerate(np.nan_to_num(np.asarray(ids)).tolist())]
    rows = drop_doubles(xy, conf, boxes, np.asarray(result.boxes.conf, dtype=np.float64))
    return list(zip(rows, follower.update(boxes[rows], result.time), strict=True))


def collect_people(results: Iterable[Results]) -> list[Person]:
    """Collect every person of a clip, the main one first: the one who is seen longest and largest.

    Results without ids are followed by :class:`Follower`; pieces of one track that do not overlap in time and meet in
    place are joined.
    """
    rows: dict[int, list[tuple[float, float, Floats, Floats, Floats]]] = {}
    follower = Follower()
    for result in results:
        xy, conf = read_coco_points(result)
        boxes = np.asarray(result.boxes.xyxy, dtype=np.float64)
        for i, number in identify_rows(result, xy, conf, boxes, follower):
            if number > 0:
                rows.setdefault(number, []).append((float(result.frame), result.time, xy[i], conf[i], boxes[i]))
    people = [Person(n, *(np.array(column) for column in zip(*seen, strict=True))) for n, seen in rows.items()]
    return sort_by_size(join_tracks(people))


def join_tracks(people: list[Person], *, max_gap_s: float = 4.0, min_overlap: float = 0.25) -> list[Person]:
    """Join tracks that follow one another in nearly the same place."""
    waiting = sorted(people, key=lambda p: p.time[0])
    done: list[Person] = []
    for later in waiting:
        best, score = -1, min_overlap
        for i, earlier in enumerate(done):
            gap = later.time[0] - earlier.time[-1]
            # A tracker may hold on to the old track a moment longer than it needs for the new one.
            if -0.5 < gap <= max_gap_s and earlier.time[0] < later.time[0]:
                last = max(0, int(np.searchsorted(earlier.time, later.time[0])) - 1)
                overlap = float(box_iou(earlier.box[last : last + 1], later.box[:1])[0, 0])
                if overlap > score:
                    best, score = i, overlap
        if best < 0:
            done.append(later)
        else:
            earlier = done[best].part(done[best].time < later.time[0])
            columns = ("frame", "time", "xy", "conf", "box")
            joined = (np.concatenate([getattr(earlier, n), getattr(later, n)]) for n in columns)
            done[best] = Person(earlier.id, *joined)
    return done


def sort_by_size(people: list[Person]) -> list[Person]:
    """Sort people by how much of the clip's picture they fill: the sum over frames of their box's diagonal."""

    def size(person: Person) -> float:
        return float(np.sqrt(np.nan_to_num(box_area(person.box))).sum())

    return sorted(people, key=size, reverse=True)
