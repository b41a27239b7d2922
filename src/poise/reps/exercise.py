"""Exercises as data: what moves, from where to where, and what must hold meanwhile.

A TOML file in ``reps/exercises`` is an exercise. A user's own is given by its path, or by its name when its folder is
passed along. Values are degrees, or torso lengths as :mod:`poise.reps.signals` measures them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from poise.errors import FormatError, suggest
from poise.reps.signals import SIDED, WHOLE
from poise.skeletons.tomlfile import TomlFile, read_toml

_FOLDER = Path(__file__).with_name("exercises")

SIDES = ("both", "either", "alternating")
MOMENTS = ("rest", "effort", "mean", "change", "range", "swing", "corr")
VIEWS = ("front", "side")


@dataclass(frozen=True, slots=True)
class Signal:
    """One measure that goes up and down once a repetition.

    Attributes:
        name: A name of :data:`poise.reps.signals.SIDED` or ``WHOLE``; or any name, with ``points``.
        rest: Its usual value in the rest position.
        effort: Its usual value at the peak.
        weight: How much it counts against the others, before noise is taken into account.
        points: Three keypoint indices for the angle at the second, or two for their distance; empty for a named one.
    """

    name: str
    rest: float
    effort: float
    weight: float = 1.0
    points: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold during a repetition.

    Attributes:
        signal: The measure; of a sided one, the side that moves (both: their mean).
        at: ``rest``, ``effort`` and ``mean``: its mean in those frames; ``change``: effort minus rest; ``range``: its
            range; ``swing``: its range about the straight way from the repetition's start to its end, which a view that
            turns adds; ``corr``: its correlation with the movement.
        min: Least value.
        max: Greatest value.
        soft: How far beyond the limits it still counts a little; falls linearly to nothing.
        over: Divide by the same of another measure.
        gate: Whether a repetition that breaks it is rejected even when the exercise was named.
        unseen: The score where it cannot be measured because a point is out of the picture: it neither speaks for the
            exercise nor rules it out.
        group: Of the rules of one group the one that holds best counts, for what shows in one way or in another.
        view: ``front`` or ``side``: where else it is seen from, the rule cannot be measured; empty: from anywhere.
        why: The reason that a rejected repetition carries.
    """

    signal: str
    at: str
    min: float = -float("inf")
    max: float = float("inf")
    soft: float = 0.0
    over: str = ""
    gate: bool = False
    unseen: float = 0.8
    group: str = ""
    view: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Exercise:
    """One exercise.

    Attributes:
        name: As the user writes it.
        summary: One sentence.
        signals: What moves; empty for a hold.
        rules: What must hold.
        sides: ``both`` limbs move together; ``either`` one of them is enough (the better seen one leads);
            ``alternating``: each side's repetitions count, those of both sides at once count once.
        min_depth: Share of the usual travel from rest to effort that a repetition must cover.
        min_rep_s: Shortest repetition, seconds.
        max_rep_s: Longest repetition, seconds.
        hold: Whether the exercise is kept still and measured in seconds.
        least_reps: Fewer repetitions than this are not recognised; named, they count.
        everyday: Whether daily life is full of movements like one or two of it, such as a hand to the face: few are
            only recognised when they fill most of what is seen, and more must follow one another.
        travels: Whether it goes from place to place; others are rejected while the person walks.
        aliases: Other names that it goes by.
        thresholds: Fixed progress (rest, effort) instead of the adaptive ones, as the plain angle counters have.
        source: The file.
    """

    name: str
    signals: tuple[Signal, ...]
    rules: tuple[Rule, ...] = ()
    summary: str = ""
    sides: str = "both"
    min_depth: float = 0.4
    min_rep_s: float = 0.4
    max_rep_s: float = 15.0
    hold: bool = False
    travels: bool = False
    least_reps: int = 1
    everyday: bool = False
    aliases: tuple[str, ...] = ()
    thresholds: tuple[float, float] | None = None
    source: str = field(default="", compare=False)


_Keys = Mapping[str, tuple[type, ...]]


def _keys_of(kind: type) -> _Keys:
    """Return the keys of a table and the types of their values, which are the attributes of what is made of it."""
    types: dict[Any, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}
    return {field.name: types.get(field.type, (list,)) for field in fields(kind)}


_SIGNAL_KEYS, _RULE_KEYS = _keys_of(Signal), _keys_of(Rule)
# Signals and rules are tables of their own; thresholds and the source are not in the file.
_OTHERS = ("signals", "rules", "thresholds", "source")
_KEYS: _Keys = {
    **{name: kinds for name, kinds in _keys_of(Exercise).items() if name not in _OTHERS},
    **{"signal": (list,), "rule": (list,)},
}
_MEASURES = (*SIDED, *WHOLE)


def exercise_names(folder: str | Path | None = None) -> list[str]:
    """Return the names of the bundled exercises, and of those in ``folder``."""
    found = {path.stem for path in _FOLDER.glob("*.toml")}
    if folder is not None:
        found |= {path.stem for path in Path(folder).glob("*.toml")}
    return sorted(found)


def get_exercise(name: str | Path, *, folder: str | Path | None = None) -> Exercise:
    """Return an exercise by its name, or a user's own by its path.

    Args:
        name: A name from :func:`exercise_names` (``push up``, ``Push-Up`` and ``push_up`` are the same), or the path
            of a ``.toml`` file.
        folder: Where a user's own exercises are; one of them hides a bundled one of the same name.

    Raises:
        ValueError: No exercise has this name; with the nearest one that there is.
        FormatError: The file is not an exercise; naming the line.
    """
    if Path(name).suffix.lower() == ".toml":
        return read_exercise(name)
    key = re.sub(r"[\s_]+", "-", str(name).strip().lower())
    for home in (folder, _FOLDER):
        path = Path(home) / f"{key}.toml" if home is not None else None
        if path is not None and path.is_file():
            return _bundled(key) if home is _FOLDER else read_exercise(path)
    plain = _plain(key)
    for other in exercise_names(folder):
        if _plain(other) == plain:
            return get_exercise(other, folder=folder)
    for exercise in all_exercises(folder):
        if plain in map(_plain, exercise.aliases):
            return exercise
    raise ValueError(
        f"no exercise named {str(name)!r}{suggest(key, exercise_names(folder))}; or give the path of a .toml file, "
        "or 'auto'"
    )


def _plain(name: str) -> str:
    """Return a name as it compares: letters only, singular."""
    return re.sub(r"[\s_-]+", "", name.lower()).removesuffix("s")


def all_exercises(folder: str | Path | None = None) -> tuple[Exercise, ...]:
    """Return all exercises."""
    return tuple(get_exercise(name, folder=folder) for name in exercise_names(folder))


@lru_cache(maxsize=64)
def _bundled(name: str) -> Exercise:
    return read_exercise(_FOLDER / f"{name}.toml")


def exercise_from_points(kpts: Sequence[int], *, up_angle: float = 145.0, down_angle: float = 90.0) -> Exercise:
    """Return the plain angle counter that users of this field know: three points and two angles.

    A repetition is counted when the angle, after it was below ``down_angle``, is above ``up_angle`` again.

    Args:
        kpts: Three keypoint indices; the angle is at the second.
        up_angle: Degrees.
        down_angle: Degrees.
    """
    points = tuple(int(k) for k in kpts)
    if len(points) != 3 or min(points) < 0:
        raise ValueError(f"kpts must be three keypoint indices such as [6, 8, 10], got {list(kpts)}")
    if not 0 <= down_angle < up_angle <= 180:
        raise ValueError(f"down_angle must be below up_angle, both from 0 to 180, got {down_angle} and {up_angle}")
    signal = Signal("angle", rest=up_angle, effort=down_angle, points=points)
    return Exercise(
        "angle-" + "-".join(map(str, points)), (signal,), min_rep_s=0.0, max_rep_s=60.0, thresholds=(0.0, 1.0)
    )


def read_exercise(path: str | Path) -> Exercise:
    """Read an exercise from a TOML file.

    Raises:
        FormatError: Naming the file and line, what was found and what was expected.
    """
    return _build(read_toml(path))


def _check(file: TomlFile, entry: Mapping[str, Any], keys: _Keys, *, table: str = "", nth: int = 0) -> None:
    file.check_keys(entry, keys, table=table, nth=nth)
    for key, value in entry.items():
        kinds = keys[key]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            wanted = {str: "text", int: "a number", bool: "true or false", list: "a list"}[kinds[0]]
            raise file.wrong(key, f"{key!r} must be {wanted}, got {value!r}", table=table, nth=nth)


def _one_of(value: str, known: Iterable[str], what: str, where: str) -> None:
    known = list(known)
    if value not in known:
        raise FormatError(f"{where}: {what} {value!r} is not known{suggest(value, known)}")


def _build(file: TomlFile) -> Exercise:
    table = file.table
    _check(file, table, _KEYS)
    if "sides" in table:
        _one_of(table["sides"], SIDES, "sides", file.at("sides"))
    signals, rules = [], []
    for n, entry in enumerate(table.get("signal", ())):
        _check(file, entry, _SIGNAL_KEYS, table="signal", nth=n)
        where = file.at("signal", table="signal", nth=n)
        for key in ("name", "rest", "effort"):
            if key not in entry:
                raise FormatError(f"{where}: a signal needs {key!r}")
        if "points" not in entry:
            _one_of(entry["name"], _MEASURES, "signal", file.at("name", table="signal", nth=n))
        elif len(entry["points"]) not in (2, 3) or not all(type(k) is int and k >= 0 for k in entry["points"]):
            raise FormatError(
                f"{file.at('points', table='signal', nth=n)}: 'points' must be two or three keypoint indices"
            )
        if entry["rest"] == entry["effort"]:
            raise FormatError(f"{file.at('effort', table='signal', nth=n)}: 'rest' and 'effort' must differ")
        signals.append(Signal(**(entry | {"points": tuple(entry.get("points", ()))})))
    for n, entry in enumerate(table.get("rule", ())):
        _check(file, entry, _RULE_KEYS, table="rule", nth=n)
        where = file.at("rule", table="rule", nth=n)
        for key in ("signal", "at"):
            if key not in entry:
                raise FormatError(f"{where}: a rule needs {key!r}")
        _one_of(entry["signal"], _MEASURES, "signal", file.at("signal", table="rule", nth=n))
        _one_of(entry["at"], MOMENTS, "at", file.at("at", table="rule", nth=n))
        if "over" in entry:
            _one_of(entry["over"], _MEASURES, "signal", file.at("over", table="rule", nth=n))
        if "view" in entry:
            _one_of(entry["view"], VIEWS, "view", file.at("view", table="rule", nth=n))
        if not {"min", "max"} & entry.keys():
            raise FormatError(f"{where}: a rule needs 'min', 'max' or both")
        rules.append(Rule(**entry))
    rest = {key: value for key, value in table.items() if key not in ("signal", "rule")}
    rest.setdefault("name", file.path.stem)
    rest["aliases"] = tuple(table.get("aliases", ()))
    if not all(isinstance(alias, str) for alias in rest["aliases"]):
        raise FormatError(f"{file.at('aliases')}: 'aliases' must be a list of names")
    made = Exercise(signals=tuple(signals), rules=tuple(rules), source=str(file.path), **rest)
    if not signals and not made.hold:
        raise FormatError(f"{file.path}: an exercise needs at least one [[signal]]")
    for key, low in (("min_depth", 0.0), ("min_rep_s", -1e-9), ("max_rep_s", made.min_rep_s)):
        if not getattr(made, key) > low:
            raise FormatError(f"{file.at(key)}: {key!r} must be greater than {max(low, 0.0):g}")
    return made
