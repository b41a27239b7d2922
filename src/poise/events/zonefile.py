"""Zones, lines and triggers as data: a TOML file, checked.

units = "relative"                  # or "pixels"
[zones.door]
polygon = [[0.1, 0.5], [0.4, 0.5], [0.4, 1.0], [0.1, 1.0]]
[lines.gate]
points = [[0.5, 0.2], [0.5, 1.0]]   # "in" is across it from the left to the right of who walks along it
[triggers]
hand_in_door = "left_wrist in door for 0.5 s"
step = "ankle crosses gate"
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import FormatError, suggest
from poise.skeletons.tomlfile import TomlFile, read_toml

# What may stand for a person besides a keypoint's name.
PLACES = ("foot", "centre", "any")
_TOP = ("units", "zones", "lines", "triggers")
_ZONE = ("polygon", "part", "hold_s", "leave_s", "dwell_s")
_LINE = ("points", "part", "margin", "hold_s")
_WHEN = re.compile(r"^\s*(\w+)\s+(?:(in)\s+(\w+)(?:\s+for\s+([0-9.]+)\s*s)?|(crosses)\s+(\w+))\s*$")


@dataclass(frozen=True, slots=True, eq=False)
class Zone:
    """An area.

    Attributes:
        name: As events call it.
        polygon: ``(V, 2)`` corners in units of the file.
        part: What of a person must be in it: ``"foot"`` (middle of the box's lower edge), ``"centre"`` (of the box),
            ``"any"`` (any keypoint), a keypoint, or a pair without its side, such as ``"wrist"``.
        hold_s: Seconds in it that make an entry.
        leave_s: Seconds out of it, or unseen, that make an exit.
        dwell_s: Seconds in it that make somebody stay; 0: never.
        where: ``file:line``.
    """

    name: str
    polygon: NDArray[np.float64]
    part: str = "foot"
    hold_s: float = 0.2
    leave_s: float = 0.5
    dwell_s: float = 0.0
    where: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line to be crossed.

    Attributes:
        name: As events call it.
        points: ``(2, 2)`` its ends in units of the file.
        part: As in :class:`Zone`.
        margin: Half the width of the band along it that is on neither side, in heights of the person's box. Who has
            crossed must get four times as far away before another crossing counts, so that who stands on it is counted
            once at most.
        hold_s: Seconds on the other side that make a crossing.
        where: ``file:line``.
    """

    name: str
    points: NDArray[np.float64]
    part: str = "foot"
    margin: float = 0.05
    hold_s: float = 0.2
    where: str = ""


@dataclass(frozen=True, slots=True)
class Trigger:
    """A sentence: a part of the body in a zone for a time, or across a line.

    Attributes:
        event: As events call it.
        part: As in :class:`Zone`.
        target: Name of the zone or line.
        crosses: The target is a line.
        hold_s: Seconds in the zone.
    """

    event: str
    part: str
    target: str
    crosses: bool
    hold_s: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class ZoneFile:
    """What a file defines.

    Attributes:
        zones: Areas.
        lines: Lines.
        triggers: Sentences.
        relative: Coordinates are shares of the picture's width and height instead of pixels.
        notes: What the user may want to know, one sentence each.
    """

    zones: tuple[Zone, ...] = ()
    lines: tuple[Line, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    relative: bool = False
    notes: tuple[str, ...] = ()

    @property
    def shapes(self) -> list[Zone | Line]:
        """Zones, then lines."""
        return [*self.zones, *self.lines]


def read_zones(path: str | Path, text: str | None = None) -> ZoneFile:
    """Read zones, lines and triggers.

    Args:
        path: The file, or what errors call the text.
        text: The TOML itself, where it does not lie in a file.

    Raises:
        FormatError: With file and line: not TOML, a key that does not exist, a polygon that crosses itself, has no area
            or lies outside the picture, a trigger without a meaning.
    """
    file = read_toml(path, text)
    return _Reader(file).read(file.table)


class _Reader:
    """Builds what a table says; knows in which line it says so."""

    def __init__(self, file: TomlFile) -> None:
        self.file = file
        self.notes: list[str] = []

    def read(self, table: dict[str, Any]) -> ZoneFile:
        self.file.check_keys(table, _TOP)
        units = table.get("units", "pixels")
        if units not in ("pixels", "relative"):
            raise self.file.wrong("units", f"units must be 'pixels' or 'relative', got {units!r}")
        relative = units == "relative"
        zones = tuple(self._zone(name, one, relative) for name, one in self._table(table, "zones").items())
        lines = tuple(self._line(name, one, relative) for name, one in self._table(table, "lines").items())
        if not zones and not lines:
            raise FormatError(f"{self.file.path}: defines no zone and no line; expected a table such as [zones.door]")
        names = [zone.name for zone in zones] + [line.name for line in lines]
        for one in lines:
            if names.count(one.name) > 1:
                raise FormatError(f"{one.where}: {one.name!r} is the name of a zone and of a line")
        triggers = tuple(
            self._trigger(event, when, [z.name for z in zones], [line.name for line in lines])
            for event, when in self._table(table, "triggers").items()
        )
        return ZoneFile(zones, lines, triggers, relative, tuple(self.notes))

    def _table(self, table: dict[str, Any], key: str) -> dict[str, Any]:
        found = table.get(key, {})
        if not isinstance(found, dict):
            raise self.file.wrong(key, f"{key!r} must be a table, got {found!r}")
        return found

    def _known(self, kind: str, name: str, one: Any, keys: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(one, dict):
            raise self.file.wrong(name, f"{kind}.{name} must be a table, got {one!r}", table=kind)
        self.file.check_keys(one, keys, table=f"{kind}.{name}")
        return one

    def _zone(self, name: str, one: Any, relative: bool) -> Zone:
        given = self._known("zones", name, one, _ZONE)
        where = self.file.at("polygon", table=f"zones.{name}")
        polygon = self._points(where, f"zones.{name}: polygon", given.get("polygon"), least=3, relative=relative)
        crossing = self_crossing(polygon)
        if crossing is not None:
            a, b = crossing
            raise FormatError(
                f"{where}: zones.{name}: the polygon crosses itself: edges {a + 1} and {b + 1} meet; "
                "list the corners in order around the area"
            )
        if abs(area(polygon)) < 1e-9:
            raise FormatError(f"{where}: zones.{name}: the polygon has no area; its corners lie on a line")
        times = {
            key: self._number("zones", name, key, given[key])
            for key in ("hold_s", "leave_s", "dwell_s")
            if key in given
        }
        return Zone(name, polygon, self._part("zones", name, given), where=where, **times)

    def _line(self, name: str, one: Any, relative: bool) -> Line:
        given = self._known("lines", name, one, _LINE)
        where = self.file.at("points", table=f"lines.{name}")
        points = self._points(where, f"lines.{name}: points", given.get("points"), least=2, relative=relative)
        if len(points) != 2 or np.allclose(points[0], points[1]):
            raise FormatError(f"{where}: lines.{name}: points must be two different points, got {points.tolist()}")
        more = {key: self._number("lines", name, key, given[key]) for key in ("margin", "hold_s") if key in given}
        return Line(name, points, self._part("lines", name, given), where=where, **more)

    def _part(self, kind: str, name: str, given: dict[str, Any]) -> str:
        part = given.get("part", "foot")
        if not isinstance(part, str):
            raise self.file.wrong("part", f"part must be text, got {part!r}", table=f"{kind}.{name}")
        return part

    def _number(self, kind: str, name: str, key: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e6:
            raise self.file.wrong(key, f"{key} must be a number from 0, got {value!r}", table=f"{kind}.{name}")
        return float(value)

    def _points(self, where: str, what: str, value: Any, *, least: int, relative: bool) -> NDArray[np.float64]:
        good = isinstance(value, list) and len(value) >= least
        good = good and all(
            isinstance(p, list) and len(p) == 2 and all(isinstance(v, (int, float)) and abs(v) < 1e6 for v in p)
            for p in value
        )
        if not good:
            raise FormatError(f"{where}: {what} must be a list of at least {least} points [x, y], got {value!r}")
        points = np.array(value, dtype=np.float64)
        if relative:
            note = outside(where, what, points, (1.0, 1.0), "relative units go from 0 to 1")
            if note:
                self.notes.append(note)
        return points

    def _trigger(self, event: str, when: Any, zones: list[str], lines: list[str]) -> Trigger:
        where = self.file.at(event, table="triggers")
        found = _WHEN.match(when) if isinstance(when, str) else None
        if found is None:
            raise FormatError(
                f"{where}: trigger {event!r} must read like 'left_wrist in ZONE for 0.5 s' or 'ankle crosses LINE', "
                f"got {when!r}"
            )
        part, _, zone, seconds, crosses, line = found.groups()
        target, known, kind = (line, lines, "line") if crosses else (zone, zones, "zone")
        if target not in known:
            raise FormatError(f"{where}: trigger {event!r}: no {kind} named {target!r}{suggest(target, known)}")
        try:
            hold_s = float(seconds or 0.0)
        except ValueError:
            raise FormatError(f"{where}: trigger {event!r}: {seconds!r} is not a number of seconds") from None
        return Trigger(event, part, target, bool(crosses), hold_s)


def outside(where: str, what: str, points: NDArray[np.float64], size: tuple[float, float], expected: str) -> str:
    """Return a sentence where points lie partly outside the picture, or nothing.

    Raises:
        FormatError: They lie outside altogether: nothing could ever happen there.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    if (high <= 0).any() or (low >= size).any():
        raise FormatError(f"{where}: {what} lies outside the picture, which is {size[0]:g} x {size[1]:g}; {expected}")
    if (low < 0).any() or (high > size).any():
        return f"{where}: {what} reaches beyond the picture, which is {size[0]:g} x {size[1]:g}"
    return ""


def area(polygon: NDArray[np.float64]) -> float:
    """Return the area of a polygon with its sign (the shoelace formula)."""
    x, y = polygon.T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)


def self_crossing(polygon: NDArray[np.float64]) -> tuple[int, int] | None:
    """Return the first two edges of a polygon that meet though they are no neighbours, or None."""
    start, end = polygon, np.roll(polygon, -1, axis=0)
    count = len(polygon)
    for a in range(count):
        for b in range(a + 1, count):
            neighbours = b == a + 1 or (a == 0 and b == count - 1)
            if not neighbours and bool(meet(start[a], end[a], start[b], end[b])):
                return a, b
    return None


def meet(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64], d: NDArray[np.float64]) -> bool:
    """Return whether the segments a-b and c-d have a point in common; ``(2,)`` each."""

    def side(p: NDArray[np.float64], q: NDArray[np.float64], r: NDArray[np.float64]) -> float:
        return float((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]))

    def between(p: NDArray[np.float64], q: NDArray[np.float64], r: NDArray[np.float64]) -> bool:
        return bool((np.minimum(p, q) <= r).all() and (r <= np.maximum(p, q)).all())

    s1, s2, s3, s4 = side(c, d, a), side(c, d, b), side(a, b, c), side(a, b, d)
    if s1 * s2 < 0 and s3 * s4 < 0:
        return True
    return bool(
        (s1 == 0 and between(c, d, a)) or (s2 == 0 and between(c, d, b))
        or (s3 == 0 and between(a, b, c)) or (s4 == 0 and between(a, b, d))
    )  # fmt: skip
