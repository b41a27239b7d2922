"""Gestures as data: what a TOML file says of each, and the conditions that follow from it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any

from poise.bodies import hands as hand_measures
from poise.errors import FormatError, suggest
from poise.gestures.definitions import body_measures
from poise.gestures.definitions.history import STATISTICS
from poise.skeletons import get
from poise.skeletons.tomlfile import TomlFile

# The longest part of the past that a moving gesture may look at, seconds.
MAX_PAST_S = 5.0
# From this bend a finger is half folded, and up to it half straight; the gap in between is where neither is sure. Of
# the fingers of benchmarks/gestures.py, straight ones bend by 2 to 69 degrees and folded ones by 92 to 200.
_STRAIGHT, _FOLDED, _BEND_SOFT = 78.0, 78.0, 24.0
_FINGERS = ("index", "middle", "ring", "pinky")
_SOFT = {"degrees": 20.0, "length": 0.15, "swings": 1.0, "gravity": 5.0}
_GESTURE_KEYS = ("name", "summary", "part", "straight", "folded", "thumb", "where", "sides", "over_s", "hold_s")
_WHERE_KEYS = ("measure", "distance", "min", "max", "soft", "as", "swing")
_TOP_KEYS = ("name", "summary", "gesture")
# Makes the error about a key, from the key and what is wrong with it.
Wrong = Callable[[str, str], FormatError]


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that must hold.

    Attributes:
        measure: A name of the part's measures, or ``"distance A B"``.
        low: Least value; -inf: none. Here the condition scores one half.
        high: Greatest value; inf: none.
        soft: Width of the ramp from score 0 to score 1 round a limit, in the measure's unit.
        statistic: What is taken of the measure's past; see :func:`poise.gestures.definitions.history.take_statistic`.
        swing: Least size of a swing, in the measure's unit.
    """

    measure: str
    low: float = -math.inf
    high: float = math.inf
    soft: float = 0.15
    statistic: str = "now"
    swing: float = 0.1


@dataclass(frozen=True, slots=True)
class Definition:
    """One gesture, or one of the ways to make it; several with one name are alternatives.

    Attributes:
        name: What it is called.
        part: ``"hand"`` or ``"body"``.
        conditions: What must hold, all at once.
        over_s: How much of the past the conditions see, seconds; 0: only the present.
        hold_s: How long it must be seen before it counts, seconds; None: the stream's own.
        line: Where the file defines it.
    """

    name: str
    part: str
    conditions: tuple[Condition, ...]
    over_s: float = 0.0
    hold_s: float | None = None
    line: str = ""


@dataclass(frozen=True, slots=True)
class Definitions:
    """A set of gestures.

    Attributes:
        name: Its name.
        gestures: In the order of the file.
    """

    name: str
    gestures: tuple[Definition, ...]

    @property
    def conflicts(self) -> list[str]:
        """One sentence for each two gestures that nothing tells apart.

        Two shapes of one hand exclude each other, so some condition must lie on different sides of a limit. Two
        gestures of a body may well be made at once; they conflict only where one is always there with the other.
        """
        found = []
        for a, b in combinations(self.gestures, 2):
            if a.part != b.part or a.name == b.name or a.over_s or b.over_s:
                continue
            clash = not _apart(a, b) if a.part == "hand" else _implies(a, b) or _implies(b, a)
            if clash:
                found.append(f"{b.line}: nothing tells {b.name!r} from {a.name!r} ({a.line})")
        return found


def parse_definitions(file: TomlFile) -> Definitions:
    """Turn the content of a TOML file into definitions; see :func:`poise.gestures.sets.read_definitions`."""
    file.check_keys(file.table, _TOP_KEYS)
    entries = file.table.get("gesture", [])
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise FormatError(f"{file.path}: expected at least one [[gesture]] table")
    gestures: list[Definition] = []
    for nth, entry in enumerate(entries):
        file.check_keys(entry, _GESTURE_KEYS, table="gesture", nth=nth)
        where = entry.get("where")
        for one in where if isinstance(where, list) else ():
            if isinstance(one, dict):
                file.check_keys(one, _WHERE_KEYS, table="gesture", nth=nth)
        line = file.at("name", table="gesture", nth=nth)
        gestures += _gesture(entry, partial(file.wrong, table="gesture", nth=nth), line)
    return Definitions(str(file.table.get("name", file.path.stem)), tuple(gestures))


def _gesture(entry: dict[str, Any], wrong: Wrong, line: str) -> list[Definition]:
    name, part = entry.get("name"), entry.get("part")
    if not isinstance(name, str) or not name or name in ("unknown", "none"):
        raise wrong("name", f"a gesture's name must be a text, and not 'unknown' or 'none'; got {name!r}")
    if part not in ("hand", "body"):
        raise wrong("part", f"'part' must be 'hand' or 'body', got {part!r}")
    over, hold = entry.get("over_s", 0.0), entry.get("hold_s")
    for key, value in (("over_s", over), ("hold_s", hold)):
        if value is not None and not (_number(value) and 0 <= value <= MAX_PAST_S):
            raise wrong(key, f"{key!r} must be seconds from 0 to {MAX_PAST_S:g}, got {value!r}")
    conditions = _fingers(entry, wrong) if part == "hand" else []
    for key in ("straight", "folded", "thumb"):
        if part == "body" and key in entry:
            raise wrong(key, f"{key!r} is for hands; a body's conditions go under 'where'")
    where = entry.get("where", [])
    if not isinstance(where, list) or not all(isinstance(one, dict) for one in where):
        raise wrong("where", "'where' must be a list of tables")
    sides = entry.get("sides", False)
    if not isinstance(sides, bool) or (sides and part == "hand"):
        raise wrong("sides", "'sides' must be true or false, and is for bodies")
    made = []
    for side in ("left", "right") if sides else ("",):
        ways = [*conditions, *(_condition(one, part, side, over, wrong) for one in where)]
        if not ways:
            raise wrong("name", f"gesture {name!r} has no conditions")
        full = f"{name}_{side}" if side else name
        made.append(Definition(full, part, tuple(ways), float(over), None if hold is None else float(hold), line))
    return made


def _fingers(entry: dict[str, Any], wrong: Wrong) -> list[Condition]:
    conditions = []
    said: dict[str, str] = {}
    for key, low, high in (("straight", -math.inf, _STRAIGHT), ("folded", _FOLDED, math.inf)):
        fingers = entry.get(key, [])
        if not isinstance(fingers, list):
            raise wrong(key, f"{key!r} must be a list of fingers, got {fingers!r}")
        for finger in fingers:
            if finger not in _FINGERS:
                raise wrong(key, f"no finger named {finger!r}{suggest(str(finger), _FINGERS)}")
            if said.setdefault(finger, key) != key:
                raise wrong(key, f"{finger!r} cannot be straight and folded at once")
            conditions.append(Condition(f"{finger}_bend", low, high, _BEND_SOFT))
    thumb = entry.get("thumb")
    if thumb not in (None, "out", "folded"):
        raise wrong("thumb", f"'thumb' must be 'out' or 'folded', got {thumb!r}")
    if thumb is not None:
        low, high = (0.0, math.inf) if thumb == "out" else (-math.inf, 0.0)
        conditions.append(Condition("thumb_open", low, high, 1.0))
    return conditions


def _condition(one: dict[str, Any], part: str, side: str, over: float, wrong: Wrong) -> Condition:
    if ("measure" in one) == ("distance" in one):
        raise wrong("where", "each condition needs either 'measure' or 'distance'")
    if "distance" in one:
        measure = _distance(one["distance"], part, wrong)
    else:
        measure = str(one["measure"]).replace("SIDE", side)
        other = {"left": "right", "right": "left", "": ""}[side]
        measure = measure.replace("OTHER", other)
        known = hand_measures.NAMES if part == "hand" else body_measures.NAMES
        if measure not in known:
            raise wrong("measure", f"no measure of a {part} named {measure!r}{suggest(measure, known)}")
    statistic = one.get("as", "now")
    if statistic not in STATISTICS:
        raise wrong("as", f"'as' must be one of {', '.join(STATISTICS)}, got {statistic!r}")
    if statistic != "now" and not over:
        raise wrong("as", f"'as = {statistic!r}' looks at the past: give the gesture 'over_s'")
    degrees = re.search(r"angle|bend|lean|upright|_up$|arm_lift|leg_lift|spread", measure)
    kind = statistic if statistic in ("swings", "gravity") else "degrees" if degrees else "length"
    numbers = {"min": -math.inf, "max": math.inf, "soft": _SOFT[kind], "swing": 0.15} | {
        key: one[key] for key in ("min", "max", "soft", "swing") if key in one
    }
    for key, value in numbers.items():
        if not _number(value):
            raise wrong(key, f"{key!r} must be a number, got {value!r}")
    if "min" not in one and "max" not in one:
        raise wrong("where", f"the condition on {measure!r} needs 'min', 'max' or both")
    if numbers["min"] > numbers["max"]:
        raise wrong("min", f"the condition on {measure!r} can never hold: min {one['min']} is above max {one['max']}")
    if numbers["soft"] <= 0:
        raise wrong("soft", f"'soft' must be above 0, got {numbers['soft']!r}")
    return Condition(
        measure, float(numbers["min"]), float(numbers["max"]), float(numbers["soft"]), statistic, numbers["swing"]
    )


def _distance(ends: Any, part: str, wrong: Wrong) -> str:
    points = get("hand21").keypoints
    if part != "hand" or not isinstance(ends, list) or len(ends) != 2:
        raise wrong("distance", f"'distance' must be two keypoints of a hand, got {ends!r}")
    for end in ends:
        if end not in points:
            raise wrong("distance", f"no keypoint named {end!r} in skeleton 'hand21'{suggest(str(end), points)}")
    return f"distance {ends[0]} {ends[1]}"


def _apart(a: Definition, b: Definition) -> bool:
    """Whether a condition of each, on the same measure, leaves no common value."""
    return any(
        one.measure == two.measure and one.statistic == two.statistic and (one.high <= two.low or two.high <= one.low)
        for one in a.conditions
        for two in b.conditions
    )


def _implies(a: Definition, b: Definition) -> bool:
    """Whether all that ``b`` asks for holds wherever ``a`` holds."""
    return all(
        any(one.measure == two.measure and one.low >= two.low and one.high <= two.high for one in a.conditions)
        for two in b.conditions
    )


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value)
