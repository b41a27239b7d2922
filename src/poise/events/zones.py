"""Who is in which zone, who crosses which line, and with which part of the body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from poise.errors import suggest
from poise.events.event import Event, IdLinks, points_of, track_ids
from poise.events.zonefile import PLACES, Line, Trigger, Zone, ZoneFile, meet, outside, read_zones
from poise.geometry import Bools, Floats
from poise.results import Results
from poise.skeletons import Skeleton

# Somebody unseen for longer comes back with another id.
_FORGET_S = 10.0
# The second ankle crosses a line a step after the first; together they are one crossing.
_STEP_S = 2.0
# Who has crossed a line is not counted again before being this many bands away from it: people stand on lines and sway.
_AWAY = 4.0
# Who crosses a line and is not seen for so long, such as at the picture's edge, has crossed it.
_LOST_S = 1.0


def inside(points: Floats, polygon: Floats) -> Bools:
    """Return which points lie in a polygon.

    Args:
        points: ``(..., 2)``; NaN is outside.
        polygon: ``(V, 2)`` corners in order.

    Source:
        Even-odd rule: a ray to the right crosses the edge from (x0, y0) to (x1, y1) where exactly one of y0, y1 is
        above it. W. R. Franklin, PNPOLY.
    """
    x, y = points[..., 0, None], points[..., 1, None]
    (x0, y0), (x1, y1) = polygon.T, np.roll(polygon, -1, axis=0).T
    spans = (y0 > y) != (y1 > y)
    rise = np.where(y1 == y0, 1.0, y1 - y0)
    with np.errstate(invalid="ignore"):
        hits: Bools = (spans & (x < (x1 - x0) * (y - y0) / rise + x0)).sum(axis=-1) % 2 == 1
    return hits


def place(xy: Floats, conf: Floats, boxes: Floats, columns: NDArray[np.intp] | str, *, min_conf: float) -> Floats:
    """Return where a part of each body is, ``(N, P, 2)`` pixels; NaN where it is not seen.

    Args:
        xy: ``(N, K, 2)`` keypoints, pixels.
        conf: ``(N, K)``.
        boxes: ``(N, 4)`` xyxy, pixels.
        columns: P keypoints, or ``"foot"`` or ``"centre"``, which are one point of the box.
        min_conf: Keypoints below this are not seen.
    """
    if isinstance(columns, str):
        middle = (boxes[:, 0] + boxes[:, 2]) / 2
        y = boxes[:, 3] if columns == "foot" else (boxes[:, 1] + boxes[:, 3]) / 2
        return np.stack([middle, y], axis=-1)[:, None]
    return np.where((conf[:, columns] >= min_conf)[..., None], xy[:, columns], np.nan)


def columns_of(part: str, skeleton: Skeleton) -> NDArray[np.intp] | str:
    """Return the keypoints that a part means: itself, both of a pair, all for ``"any"``; or a place of the box.

    Raises:
        ValueError: There is no such keypoint, with the nearest name.
    """
    if part in ("foot", "centre"):
        return part
    if part == "any":
        return np.arange(len(skeleton))
    names = [part] if part in skeleton else [name for name in (f"left_{part}", f"right_{part}") if name in skeleton]
    if not names:
        known = [*PLACES, *skeleton.keypoints]
        raise ValueError(f"no part {part!r} in skeleton {skeleton.name!r}{suggest(part, known)}")
    return np.array([skeleton.index(name) for name in names])


# Which zone or line, who, and of a line which point.
_Key = tuple[int, ...]
_State = TypeVar("_State")


@dataclass(slots=True)
class _Stay:
    """Somebody and a zone."""

    inside: bool = False  # as it was said
    since: float | None = None  # seconds: when what is seen now began, where it differs from what was said
    entered: float = 0.0
    seen: float = 0.0
    dwelt: bool = False
    conf: float = 0.0


@dataclass(slots=True)
class _Side:
    """One point of somebody and a line.

    Attributes:
        side: On which it is for sure.
        point: Where it was last on that side, pixels.
        seen: Seconds.
        near: It has crossed and has not been away from the line since.
        since: Seconds: from when on it was seen on the other side only; None: it was not.
        meets: It crosses the line itself on its way there, not what lies beyond its ends.
        times: How often it was seen there.
        conf: How sure the instance was there.
    """

    side: int = 0
    point: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    seen: float = 0.0
    near: bool = False
    since: float | None = None
    meets: bool = False
    times: int = 0
    conf: float = 0.0


@dataclass(slots=True)
class Counts:
    """What was counted at a zone or line.

    Attributes:
        now: Ids in the zone; of a line always empty.
        entered: Entries so far, or crossings inwards.
        left: Exits so far, or crossings outwards.
    """

    now: set[int] = field(default_factory=set)
    entered: int = 0
    left: int = 0


class ZoneWatch:
    """Says who enters, leaves and stays in zones, and crosses lines.

    Events: ``ZONE.enter`` (value: how many are in it now), ``ZONE.leave`` (value: seconds stayed), ``ZONE.dwell``
    (value: seconds stayed so far), ``LINE.in`` and ``LINE.out`` (value: count so far), and the name of a trigger
    (value: seconds in the zone, or ``"in"`` or ``"out"``).

    Args:
        zones: A file of zones, or what :func:`read_zones` returned.
        min_conf: Keypoints below this are not seen; the body networks' own limit for drawing.

    Attributes:
        counts: By name of zone or line.
        notes: What the user may want to know, one sentence each.
    """

    def __init__(self, zones: str | Path | ZoneFile, *, min_conf: float = 0.3) -> None:
        self.file = zones if isinstance(zones, ZoneFile) else read_zones(zones)
        self.min_conf = min_conf
        self.notes = list(self.file.notes)
        self._size: tuple[int, int] | None = None
        self._skeleton: Skeleton | None = None
        self._last = (0.0, 0)
        self._begin()

    def reset(self) -> None:
        """Forget who is where."""
        self.finish()

    def finish(self) -> list[Event]:
        """Let everybody leave; the counts stay until the first frame of the next source."""
        time, frame = self._last
        events = []
        for (rule, number, *_), stay in self._stays.items():
            if stay.inside:
                events += self._left(rule, number, stay, time, frame)
        events += self._unfinished(time, frame, patience=-1.0)
        self._stays.clear()
        self._sides.clear()
        self._steps.clear()
        self._ended = True
        return events

    def _begin(self) -> None:
        names = [one.name for one in self.file.shapes]
        self.counts: Mapping[str, Counts] = {name: Counts() for name in names}
        self._stays: dict[_Key, _Stay] = {}
        self._sides: dict[_Key, _Side] = {}
        self._steps: dict[_Key, tuple[int, int, float]] = {}  # side, point, time of the last crossing
        self._links = IdLinks()
        self._ended = False

    def polygons(self, size: tuple[int, int]) -> dict[str, NDArray[np.float64]]:
        """Return the corners of every zone and the ends of every line, pixels, for a picture of a width and height.

        Raises:
            FormatError: One lies outside the picture.
        """
        scale = np.array(size, dtype=np.float64) if self.file.relative else 1.0
        found = {one.name: one.polygon * scale for one in self.file.zones}
        return found | {one.name: one.points * scale for one in self.file.lines}

    def update(self, result: Results) -> list[Event]:
        """Take the next frame.

        Raises:
            FormatError: A zone lies outside the picture.
            ValueError: A part that the skeleton does not have.
        """
        if self._ended:
            self._begin()
        self._prepare(result)
        self._last = (result.time, result.frame)
        xy, conf, boxes = points_of(result)
        ids = track_ids(result)
        surely = np.asarray(result.boxes.conf, dtype=np.float64)
        for new, old in self._links.update(result, ids, boxes).items():
            self._inherit(old, new)
        events: list[Event] = []
        for rule, zone in enumerate(self._zones):
            where = self._within(place(xy, conf, boxes, self._columns[zone.part], min_conf=self.min_conf))
            hits: Bools = np.asarray(inside(where, self._shapes[zone.name]).any(axis=1))
            known: Bools = np.asarray(np.isfinite(where).all(axis=-1).any(axis=-1))
            for row, number in enumerate(ids):
                if known[row] and (hits[row] or (rule, number) in self._stays):
                    events += self._stay(rule, number, bool(hits[row]), result, float(surely[row]))
            events += self._gone(rule, result)
        for rule, line in enumerate(self._lines):
            where = place(xy, conf, boxes, self._columns[line.part], min_conf=self.min_conf)
            margins = line.margin * (boxes[:, 3] - boxes[:, 1])
            events += self._crossings(rule, line, where, margins, ids, result, surely)
        return events

    def _within(self, where: Floats) -> Floats:
        """Return points with those on the picture's right and lower edge just inside it, and so inside its zones."""
        assert self._size is not None
        edge = np.array(self._size, dtype=np.float64)
        return np.where((where > edge - 0.5) & (where <= edge + 0.5), edge - 0.5, where)

    def _inherit(self, old: int, new: int) -> None:
        """Let a new id continue what another one did."""
        _hand_over(self._stays, old, new)
        _hand_over(self._sides, old, new)
        _hand_over(self._steps, old, new)
        for count in self.counts.values():
            if old in count.now:
                count.now.remove(old)
                count.now.add(new)

    def _prepare(self, result: Results) -> None:
        """Bring zones to pixels, and parts to keypoints, when the picture or the skeleton is another."""
        size = (result.orig_shape[1], result.orig_shape[0])
        if size != self._size:
            self._size, self._shapes = size, self.polygons(size)
            if not self.file.relative:
                for one in self.file.shapes:
                    note = outside(one.where, one.name, self._shapes[one.name], size, "units are pixels")
                    if note and note not in self.notes:
                        self.notes.append(note)
        if result.skeleton is not self._skeleton:
            self._skeleton = result.skeleton
            # A trigger is one more zone or line, with a part and a name of its own.
            self._zones = list(self.file.zones) + [self._as_zone(t) for t in self.file.triggers if not t.crosses]
            self._lines = list(self.file.lines) + [self._as_line(t) for t in self.file.triggers if t.crosses]
            watched: list[Zone | Line] = [*self._zones, *self._lines]
            self._columns = {one.part: columns_of(one.part, result.skeleton) for one in watched}
            self._events = [t.event for t in self.file.triggers if not t.crosses]
            self._cross_events = [t.event for t in self.file.triggers if t.crosses]

    def _as_zone(self, trigger: Trigger) -> Zone:
        zone = next(one for one in self.file.zones if one.name == trigger.target)
        return Zone(zone.name, zone.polygon, trigger.part, hold_s=trigger.hold_s, leave_s=zone.leave_s)

    def _as_line(self, trigger: Trigger) -> Line:
        line = next(one for one in self.file.lines if one.name == trigger.target)
        return Line(line.name, line.points, trigger.part, line.margin, line.hold_s)

    def _stay(self, rule: int, number: int, hit: bool, result: Results, conf: float) -> list[Event]:
        zone, time = self._zones[rule], result.time
        stay = self._stays.setdefault((rule, number), _Stay())
        events: list[Event] = []
        if hit:
            stay.seen, stay.conf = time, conf
        if hit == stay.inside:
            stay.since = None
        elif stay.since is None:
            stay.since = time
        wait = zone.leave_s if stay.inside else zone.hold_s
        if stay.since is not None and time - stay.since >= wait - 1e-9:
            if hit:
                stay.inside, stay.entered, stay.dwelt = True, stay.since, False
                events.append(self._entered(rule, number, time - stay.since, result, conf))
            else:
                events += self._left(rule, number, stay, time, result.frame)
            stay.since = None
        if not hit and not stay.inside:
            del self._stays[rule, number]
        elif stay.inside and zone.dwell_s and not stay.dwelt and time - stay.entered >= zone.dwell_s:
            stay.dwelt = True
            events.append(Event(time, result.frame, number, f"{zone.name}.dwell", time - stay.entered, conf))
        return events

    def _entered(self, rule: int, number: int, held: float, result: Results, conf: float) -> Event:
        own = rule - len(self.file.zones)
        if own >= 0:
            return Event(result.time, result.frame, number, self._events[own], held, conf)
        name = self._zones[rule].name
        count = self.counts[name]
        count.entered += 1
        count.now.add(number)
        return Event(result.time, result.frame, number, f"{name}.enter", len(count.now), conf)

    def _left(self, rule: int, number: int, stay: _Stay, time: float, frame: int) -> list[Event]:
        stay.inside = False
        if rule >= len(self.file.zones):
            return []
        name = self._zones[rule].name
        count = self.counts[name]
        count.left += 1
        count.now.discard(number)
        stayed = stay.seen - stay.entered
        return [Event(time, frame, number, f"{name}.leave", stayed, stay.conf)]

    def _gone(self, rule: int, result: Results) -> list[Event]:
        """Let those leave who have not been seen in the zone for some time."""
        events: list[Event] = []
        patience = max(self._zones[rule].leave_s, 1.0)
        for key in [key for key in self._stays if key[0] == rule]:
            stay = self._stays[key]
            if result.time - stay.seen > patience:
                if stay.inside:
                    events += self._left(rule, key[1], stay, result.time, result.frame)
                del self._stays[key]
        return events

    def _crossings(
        self, rule: int, line: Line, where: Floats, margins: Floats, ids: list[int], result: Results, conf: Floats
    ) -> list[Event]:
        """Say who crosses a line: who was seen on one side of its band, and then on the other side for some time."""
        events: list[Event] = []
        a, b = self._shapes[line.name]
        along = (b - a) / np.linalg.norm(b - a)
        # y points down, so this is positive to the right of who walks from a to b.
        off = along[0] * (where[..., 1] - a[1]) - along[1] * (where[..., 0] - a[0])
        for row, number in enumerate(ids):
            crossed = 0
            for p in range(where.shape[1]):
                if not np.isfinite(off[row, p]):
                    continue
                state = self._sides.setdefault((rule, number, p), _Side())
                state.conf = float(conf[row])
                if self._side(state, where[row, p], float(off[row, p]), float(margins[row]), line, result.time):
                    crossed = self._step(rule, number, p, state.side, result.time) or crossed
            if crossed:
                events.append(self._crossed(rule, number, crossed, result.time, result.frame, float(conf[row])))
        events += self._unfinished(result.time, result.frame, patience=_LOST_S, only=rule)
        for key in [key for key, state in self._sides.items() if result.time - state.seen > _FORGET_S]:
            del self._sides[key]
        for step in [key for key, (_, _, time) in self._steps.items() if result.time - time > _FORGET_S]:
            del self._steps[step]
        return events

    def _side(
        self, state: _Side, point: NDArray[np.float64], off: float, margin: float, line: Line, time: float
    ) -> bool:
        """Follow a point to the other side; returns whether it has crossed the line just now.

        Args:
            state: What is known of it.
            point: ``(2,)`` where it is, pixels.
            off: Its distance from the line, positive to the right of who walks along it, pixels.
            margin: Half the band's width, pixels.
            line: The line.
            time: Seconds.
        """
        state.seen = time
        side = 1 if off > 0 else -1
        if abs(off) >= _AWAY * margin:
            state.near = False
        if state.side in (0, side):
            if abs(off) >= margin:
                state.side, state.point = side, point.copy()
                state.since = None
            return False
        if abs(off) < margin * (_AWAY if state.near else 1.0):
            state.since = None  # in the band: neither here nor there
            return False
        if state.since is None:
            state.since, state.times = time, 0
            state.meets = meet(state.point, point, *self._shapes[line.name])
        state.times += 1
        if time - state.since < line.hold_s - 1e-9:
            return False
        crossed, state.since = state.meets, None
        state.side, state.point, state.near = side, point.copy(), crossed and abs(off) < _AWAY * margin
        return crossed

    def _step(self, rule: int, number: int, p: int, side: int, time: float) -> int:
        """Return the side to which somebody crossed with point ``p``; 0 where another point did a step before."""
        last = self._steps.get((rule, number))
        other = last is not None and last[:2] != (side, p) and last[0] == side
        self._steps[rule, number] = (side, p, time)
        return 0 if last is not None and other and time - last[2] <= _STEP_S else side

    def _unfinished(self, time: float, frame: int, *, patience: float, only: int | None = None) -> list[Event]:
        """Count who was on the other side when they were last seen."""
        events: list[Event] = []
        for (rule, number, p), state in self._sides.items():
            if only not in (None, rule) or state.since is None or time - state.seen <= patience:
                continue
            if state.meets and state.times > 1:
                state.side = -state.side
                if side := self._step(rule, number, p, state.side, state.seen):
                    events.append(self._crossed(rule, number, side, time, frame, state.conf))
            state.since = None
        return events

    def _crossed(self, rule: int, number: int, side: int, time: float, frame: int, conf: float) -> Event:
        word, line = "in" if side > 0 else "out", self._lines[rule]
        own = rule - len(self.file.lines)
        if own >= 0:
            return Event(time, frame, number, self._cross_events[own], word, conf)
        count = self.counts[line.name]
        if side > 0:
            count.entered += 1
        else:
            count.left += 1
        total = count.entered if side > 0 else count.left
        return Event(time, frame, number, f"{line.name}.{word}", total, conf)


def _hand_over(states: dict[_Key, _State], old: int, new: int) -> None:
    """Give what is known of one id to another."""
    for key in [key for key in states if key[1] == old]:
        states[key[0], new, *key[2:]] = states.pop(key)


__all__ = ["Counts", "ZoneWatch", "columns_of", "inside", "place"]
