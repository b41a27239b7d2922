"""Maps of controls: which movement is which action, read from TOML."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from poise.errors import FormatError, suggest
from poise.files.text import brief
from poise.gestures import bundled_sets, read_definitions
from poise.gestures.definitions import body_measures
from poise.gestures.definitions.definition import Definition, Wrong, parse_definitions
from poise.play.inputs import AXES, BUTTONS, KEYS
from poise.skeletons.tomlfile import TomlFile, read_toml

_FOLDER = Path(__file__).with_name("controls")
# Where a player stands in the picture, beside the measures of gestures.
PLACES = ("place_x", "place_y")
MEASURES = (*body_measures.NAMES, *PLACES)
_TOP_KEYS = ("name", "summary", "sets", "players", "gesture", "button", "axis")
_BUTTON_KEYS = (
    "name", "summary", "gesture", "keep", "mode", "conf", "debounce_s", "release_s", "cooldown_s", "repeat_s", "key",
    "gamepad",
)  # fmt: skip
_AXIS_KEYS = (
    "name", "summary", "measure", "range", "to", "rest", "dead_zone", "curve", "smooth_s", "step", "key", "gamepad",
)  # fmt: skip
# Seconds beyond this are a slip of the decimal point.
_MOST_S = 60.0
# Ends of an axis beyond this are one too, and OSC has 32 bits for them.
_FARTHEST = 1e6
# Names are put into addresses of OSC and into labels.
_LONGEST_NAME = 64
MOST_PLAYERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A movement that presses something.

    Attributes:
        name: What the action is called.
        gestures: Any of these presses it.
        summary: What to do, for people.
        keep: Any of these keeps it down, besides those that press it; only with mode ``"hold"``.
        mode: ``"tap"``: pressed and let go again whatever the body does next; ``"hold"``: down as long as it is shown.
        conf: How well the gesture must fit, in [0, 1].
        debounce_s: How long it must be shown before it counts, seconds.
        release_s: How long it must be gone before it ends, seconds.
        cooldown_s: How long after a press there is no other, seconds.
        repeat_s: Press again so often while it is shown, seconds; None: once.
        key: A key, for sinks that press keys.
        gamepad: A button of a gamepad.
    """

    name: str
    gestures: tuple[str, ...]
    summary: str = ""
    keep: tuple[str, ...] = ()
    mode: Literal["tap", "hold"] = "tap"
    conf: float = 0.5
    debounce_s: float = 0.0
    release_s: float = 0.15
    cooldown_s: float = 0.3
    repeat_s: float | None = None
    key: str = ""
    gamepad: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A measure of the body that moves something.

    Attributes:
        name: What the action is called.
        measure: One of :data:`MEASURES`.
        summary: What to do, for people.
        range: Values of the measure at both ends, in trunks or degrees; the first may be the greater one.
        to: Values of the axis at both ends.
        rest: Where it is while nobody is seen.
        dead_zone: Share of the axis round ``rest`` that counts as ``rest``, in [0, 1).
        curve: Exponent: 1 straight, above 1 finer near ``rest``.
        smooth_s: Time constant of the filter, seconds; 0: none. A steady movement is followed this much later.
        step: Least change that is told.
        gamepad: An axis of a gamepad.
    """

    name: str
    measure: str
    summary: str = ""
    range: tuple[float, float]
    to: tuple[float, float] = (-1.0, 1.0)
    rest: float = 0.0
    dead_zone: float = 0.1
    curve: float = 1.0
    smooth_s: float = 0.05
    step: float = 0.02
    gamepad: str = ""


@dataclass(frozen=True, slots=True)
class ControlMap:
    """Which movement is which action.

    Attributes:
        name: Its name.
        summary: What it is for.
        buttons: In the order of the file.
        axes: In the order of the file.
        gestures: The definitions that the buttons ask for.
        players: How many may play.
    """

    name: str
    summary: str
    buttons: tuple[Button, ...]
    axes: tuple[Axis, ...]
    gestures: tuple[Definition, ...]
    players: int = 1


def bundled_maps() -> list[str]:
    """Return the names of the maps that come with Poise."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def read_map(name: str | Path) -> ControlMap:
    """Read a map of controls.

    Args:
        name: A name from :func:`bundled_maps`, or the path of a TOML file.

    Raises:
        ValueError: There is no such map; with the nearest name.
        FormatError: The file is wrong: its line, what was found, what was expected.
    """
    path = Path(name)
    if path.suffix.lower() != ".toml":
        if str(name) not in bundled_maps():
            raise ValueError(f"no map named {str(name)!r}{suggest(str(name), bundled_maps())}; or give a .toml")
        path = _FOLDER / f"{name}.toml"
    return parse_map(read_toml(path))


def parse_map(file: TomlFile) -> ControlMap:
    """Turn the content of a TOML file into a map; see :func:`read_map`."""
    _check_keys(file.table, _TOP_KEYS, file.wrong)
    known = _gestures(file)
    buttons = [_button(entry, wrong, known) for entry, wrong in _entries(file, "button")]
    axes = [_axis(entry, wrong) for entry, wrong in _entries(file, "axis")]
    if not buttons and not axes:
        raise FormatError(f"{file.path}: expected at least one [[button]] or [[axis]] table")
    named = [("button", nth, one.name) for nth, one in enumerate(buttons)]
    named += [("axis", nth, one.name) for nth, one in enumerate(axes)]
    seen: set[str] = set()
    for kind, nth, name in named:
        if name in seen:
            raise file.wrong("name", f"there are two actions named {name!r}", table=kind, nth=nth)
        seen.add(name)
    players = file.table.get("players", 1)
    if isinstance(players, bool) or not isinstance(players, int) or not 1 <= players <= MOST_PLAYERS:
        raise file.wrong("players", f"'players' must be a whole number from 1 to {MOST_PLAYERS}, got {players!r}")
    asked = {name for one in buttons for name in (*one.gestures, *one.keep)}
    needed = tuple(one for one in known if one.name in asked)
    title, summary = (_text(file.table, key, file.wrong) for key in ("name", "summary"))
    return ControlMap(title or file.path.stem, summary, tuple(buttons), tuple(axes), needed, players)


def _gestures(file: TomlFile) -> list[Definition]:
    """Return the gestures that the file may name: its own first, then those of its sets."""
    sets = file.table.get("sets", ["quick", "moves", "body"])
    if not isinstance(sets, list) or not all(isinstance(one, str) for one in sets):
        raise file.wrong("sets", f"'sets' must be a list of names of sets of gestures, got {sets!r}")
    own: tuple[Definition, ...] = ()
    if "gesture" in file.table:
        own = parse_definitions(TomlFile(file.path, file.text, {"gesture": file.table["gesture"]})).gestures
    found = list(own)
    for name in sets:
        if name not in bundled_sets():
            raise file.wrong("sets", f"no set of gestures named {name!r}{suggest(name, bundled_sets())}")
        mine = {one.name for one in found}
        found += [one for one in read_definitions(name).gestures if one.part == "body" and one.name not in mine]
    return found


def _entries(file: TomlFile, kind: str) -> list[tuple[dict[str, Any], Wrong]]:
    entries = file.table.get(kind, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise file.wrong(kind, f"{kind!r} must be tables: write [[{kind}]]")
    return [(entry, partial(file.wrong, table=kind, nth=nth)) for nth, entry in enumerate(entries)]


def _button(entry: dict[str, Any], wrong: Wrong, known: list[Definition]) -> Button:
    _check_keys(entry, _BUTTON_KEYS, wrong)
    name = _name(entry, "button", wrong)
    gestures = _names(entry, "gesture", wrong, known)
    if not gestures:
        raise wrong("name", f"button {name!r} needs a 'gesture'")
    mode = entry.get("mode", "tap")
    if mode not in ("tap", "hold"):
        raise wrong("mode", f"'mode' must be 'tap' or 'hold', got {mode!r}")
    if "keep" in entry and mode != "hold":
        raise wrong("keep", "'keep' is for mode = 'hold'; a tap ends by itself")
    base = Button(name=name, gestures=gestures)
    seconds = {
        key: _number(entry, key, wrong, low=0.0, high=_MOST_S, otherwise=getattr(base, key))
        for key in ("debounce_s", "release_s", "cooldown_s")
    }
    repeat = None
    if "repeat_s" in entry:
        repeat = _number(entry, "repeat_s", wrong, low=0.02, high=_MOST_S, otherwise=0.0)
    return Button(
        name=name,
        gestures=gestures,
        summary=_text(entry, "summary", wrong),
        keep=_names(entry, "keep", wrong, known),
        mode=mode,
        conf=_number(entry, "conf", wrong, low=0.0, high=1.0, otherwise=base.conf),
        repeat_s=repeat,
        key=_one_of(entry, "key", wrong, KEYS),
        gamepad=_one_of(entry, "gamepad", wrong, BUTTONS),
        **seconds,
    )


def _axis(entry: dict[str, Any], wrong: Wrong) -> Axis:
    _check_keys(entry, _AXIS_KEYS, wrong)
    name = _name(entry, "axis", wrong)
    if "key" in entry:
        raise wrong("key", "an axis has no key; give a [[button]] one")
    measure = _one_of(entry, "measure", wrong, MEASURES)
    if not measure:
        raise wrong("name", f"axis {name!r} needs a 'measure'")
    ends = _pair(entry, "range", wrong)
    if ends is None:
        raise wrong("name", f"axis {name!r} needs a 'range': the measure at both ends")
    to = _pair(entry, "to", wrong) or (-1.0, 1.0)
    low, high = min(to), max(to)
    return Axis(
        name=name,
        measure=measure,
        summary=_text(entry, "summary", wrong),
        range=ends,
        to=to,
        rest=_number(entry, "rest", wrong, low=low, high=high, otherwise=min(max(0.0, low), high)),
        dead_zone=_number(entry, "dead_zone", wrong, low=0.0, high=0.95, otherwise=0.1),
        curve=_number(entry, "curve", wrong, low=0.1, high=10.0, otherwise=1.0),
        smooth_s=_number(entry, "smooth_s", wrong, low=0.0, high=_MOST_S, otherwise=0.05),
        step=_number(entry, "step", wrong, low=0.0, high=2.0, otherwise=0.02),
        gamepad=_one_of(entry, "gamepad", wrong, AXES),
    )


def _check_keys(entry: dict[str, Any], known: Collection[str], wrong: Wrong) -> None:
    for key in entry:
        if key not in known:
            raise wrong(key, f"unknown key {key!r}{suggest(key, known)}")


def _name(entry: dict[str, Any], kind: str, wrong: Wrong) -> str:
    name = _text(entry, "name", wrong)
    # Names become parts of OSC addresses.
    if not name or not name.replace("_", "").isalnum() or not name.isascii() or len(name) > _LONGEST_NAME:
        raise wrong(
            "name", f"the name of a {kind} must be letters, digits and _, at most {_LONGEST_NAME}, got {brief(name)!r}"
        )
    return name


def _text(entry: dict[str, Any], key: str, wrong: Wrong) -> str:
    value = entry.get(key, "")
    if not isinstance(value, str):
        raise wrong(key, f"{key!r} must be a text, got {value!r}")
    return value


def _names(entry: dict[str, Any], key: str, wrong: Wrong, known: list[Definition]) -> tuple[str, ...]:
    """Return one name of a gesture or several."""
    value = entry.get(key, [])
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list):
        raise wrong(key, f"{key!r} must be the name of a gesture or a list of them, got {value!r}")
    bodies = {one.name for one in known}
    for name in names:
        if not isinstance(name, str) or name not in bodies:
            raise wrong(key, f"no gesture of a body named {str(name)!r}{suggest(str(name), bodies)}")
    return tuple(names)


def _one_of(entry: dict[str, Any], key: str, wrong: Wrong, known: Collection[str]) -> str:
    value = entry.get(key, "")
    if value != "" and (not isinstance(value, str) or value not in known):
        raise wrong(key, f"no {key} named {str(value)!r}{suggest(str(value), known)}")
    return str(value)


def _number(entry: dict[str, Any], key: str, wrong: Wrong, *, low: float, high: float, otherwise: float) -> float:
    value = entry.get(key, otherwise)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise wrong(key, f"{key!r} must be a number from {low:g} to {high:g}, got {value!r}")
    return float(value)


def _pair(entry: dict[str, Any], key: str, wrong: Wrong) -> tuple[float, float] | None:
    if key not in entry:
        return None
    value = entry[key]
    good = (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in value)
        and all(-_FARTHEST <= one <= _FARTHEST for one in value)
    )
    if not good or value[0] == value[1]:
        raise wrong(
            key, f"{key!r} must be two different numbers from -{_FARTHEST:g} to {_FARTHEST:g}, got {brief(str(value))}"
        )
    return float(value[0]), float(value[1])
