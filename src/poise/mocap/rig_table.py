"""How another program's characters name and turn their bones, as a TOML file: shipped ones and a user's own.

name = "Mixamo"
unit = "cm"                  # of one unit of length: m, cm, mm or in
up = "y"                     # or "z"
arms_down = 0                # degrees: 0 for a T-pose, 45 for an A-pose
prefix = "mixamorig:"        # before every name
root = ""                    # a bone on the ground above the hips, if there is one
[bones]                      # VRM's name = theirs
hips = "Hips"
chest = ["Spine1", "Spine2"]     # several in a row: the first one turns
[axes]                       # where a bone's own x, y and z point in the T-pose, for it and the bones below it
leftShoulder = "back left down"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import FormatError, suggest
from poise.files.text import brief
from poise.mocap import quaternions as quat
from poise.mocap.rig import BONES, PARENTS
from poise.skeletons.tomlfile import TomlFile, read_toml

Floats = NDArray[np.float64]

_FOLDER = Path(__file__).parent / "rigs"
# Metres.
UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254}
_UPS = ("y", "z")
_DIRECTIONS = {
    "left": (1.0, 0.0, 0.0),
    "right": (-1.0, 0.0, 0.0),
    "up": (0.0, 1.0, 0.0),
    "down": (0.0, -1.0, 0.0),
    "front": (0.0, 0.0, 1.0),
    "back": (0.0, 0.0, -1.0),
}
# One bone is at most so many in a row; names are read by other programs.
_MOST_IN_A_ROW, _LONGEST_NAME = 16, 200
_KEYS = ("name", "source", "unit", "up", "arms_down", "prefix", "root", "bones", "axes")


@dataclass(frozen=True, slots=True, eq=False)
class RigTable:
    """The names, axes and rest pose of another rig.

    Attributes:
        name: What people call it.
        bones: VRM's name of a bone to the names that stand for it, from the one that turns to its end.
        axes: VRM's name of a bone to ``(4,)``: how its own axes are turned in the T-pose, seen from the world's.
        unit: ``m``, ``cm``, ``mm`` or ``in``.
        up: ``y`` or ``z``.
        arms_down: Degrees by which the arms hang below the horizontal at rest.
        root: A bone on the ground above the hips; empty: none.
    """

    name: str
    bones: Mapping[str, tuple[str, ...]]
    axes: Mapping[str, Floats]
    unit: str = "m"
    up: str = "y"
    arms_down: float = 0.0
    root: str = ""

    @property
    def metres(self) -> float:
        """Of one unit."""
        return UNITS[self.unit]


def rig_names() -> list[str]:
    """Return the names of the shipped tables."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def rig_table(rig: str | Path | RigTable | None = None) -> RigTable:
    """Return a table by its name, or a user's own by its path.

    Args:
        rig: A name of :func:`rig_names`, the path of a ``.toml``, a table, or None for VRM's names.

    Raises:
        ValueError: No shipped table has this name; with the nearest that has.
        FormatError: The file is no such table; with the line, what was found and what was expected.
    """
    if isinstance(rig, RigTable):
        return rig
    if rig is None:
        rig = "vrm"
    if Path(rig).suffix.lower() == ".toml":
        return _build(read_toml(rig))
    if str(rig) not in rig_names():
        raise ValueError(f"no rig named {str(rig)!r}{suggest(str(rig), rig_names())}; or give the path of a .toml file")
    return _build(read_toml(_FOLDER / f"{rig}.toml"))


def _build(file: TomlFile) -> RigTable:
    table = file.table
    for key in table:
        if key not in _KEYS:
            raise file.wrong(key, f"unknown key {key!r}{suggest(key, _KEYS)}")
    unit, up = _one_of(file, "unit", "m", tuple(UNITS)), _one_of(file, "up", "y", _UPS)
    down = table.get("arms_down", 0)
    if isinstance(down, bool) or not isinstance(down, int | float) or not -90 <= down <= 90:
        raise file.wrong("arms_down", f"'arms_down' must be degrees from -90 to 90, got {down!r}")
    prefix, root = _text(file, "prefix"), _text(file, "root")
    for key, word in (("prefix", prefix), ("root", root)):
        if not word.isprintable() or len(word) > _LONGEST_NAME:
            what = f"{key!r} must be printable and at most {_LONGEST_NAME} characters"
            raise file.wrong(key, f"{what}, got {brief(repr(word))}")
    bones = _bones(file, prefix)
    return RigTable(
        name=_text(file, "name") or file.path.stem,
        bones=bones,
        axes=_axes(file),
        unit=unit,
        up=up,
        arms_down=float(down),
        root=prefix + root if root else "",
    )


def _bones(file: TomlFile, prefix: str) -> dict[str, tuple[str, ...]]:
    table = _subtable(file, "bones")
    if "hips" not in table:
        raise file.wrong("bones", "'bones' must name the hips: the path of a movement is theirs")
    bones: dict[str, tuple[str, ...]] = {}
    taken = {prefix + file.table["root"]: "root"} if file.table.get("root") else {}
    for bone, value in table.items():
        if bone not in BONES:
            raise file.wrong(bone, f"no bone is called {bone!r} in VRM{suggest(bone, BONES)}", table="bones")
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list) or not names or not all(isinstance(n, str) and n.strip() for n in names):
            raise file.wrong(bone, f"{bone} must be a name or a list of names, got {value!r}", table="bones")
        for name in names:
            if (first := taken.setdefault(prefix + name, bone)) != bone:
                raise file.wrong(bone, f"{name!r} stands for {bone} and for {first}; each bone once", table="bones")
            # A name with a line's end or an escape in it is no name in a text file.
            if not (prefix + name).isprintable() or len(prefix + name) > _LONGEST_NAME:
                what = f"{bone} must have a printable name of at most {_LONGEST_NAME} characters"
                raise file.wrong(bone, f"{what}, got {brief(repr(prefix + name))}", table="bones")
        if len(names) > _MOST_IN_A_ROW:
            raise file.wrong(bone, f"{bone} must be at most {_MOST_IN_A_ROW} in a row, got {len(names)}", table="bones")
        if len(set(names)) != len(names):
            raise file.wrong(bone, f"{bone} names one bone twice: {value!r}", table="bones")
        bones[bone] = tuple(prefix + name for name in names)
    return bones


def _axes(file: TomlFile) -> dict[str, Floats]:
    """Return the axes of every bone: a bone without a line has those of the bone above it."""
    table = _subtable(file, "axes")
    given: dict[str, Floats] = {}
    for bone, value in table.items():
        if bone not in BONES:
            raise file.wrong(bone, f"no bone is called {bone!r} in VRM{suggest(bone, BONES)}", table="axes")
        words = value.split() if isinstance(value, str) else []
        for word in words:
            if word not in _DIRECTIONS:
                raise file.wrong(
                    bone, f"{bone}: no direction is called {word!r}{suggest(word, _DIRECTIONS)}", table="axes"
                )
        if len(words) != 3:
            raise file.wrong(bone, f"{bone} must be three directions, as 'left up front', got {value!r}", table="axes")
        matrix = np.array([_DIRECTIONS[word] for word in words]).T
        if not np.isclose(np.linalg.det(matrix), 1.0):
            message = f"{bone}: {value!r} are no right-handed axes; the third is where x turned into y points along"
            raise file.wrong(bone, message, table="axes")
        given[bone] = quat.from_matrix(matrix)
    axes: dict[str, Floats] = {}
    for bone in BONES:
        above = PARENTS[bone]
        axes[bone] = given.get(bone, axes[above] if above else quat.IDENTITY)
    return axes


def _subtable(file: TomlFile, key: str) -> dict[str, Any]:
    table = file.table.get(key, {})
    if not isinstance(table, dict):
        raise file.wrong(key, f"{key!r} must be a table, as [{key}], got {table!r}")
    return table


def _text(file: TomlFile, key: str) -> str:
    value = file.table.get(key, "")
    if not isinstance(value, str):
        raise file.wrong(key, f"{key!r} must be text, got {value!r}")
    return value


def _one_of(file: TomlFile, key: str, usual: str, known: tuple[str, ...]) -> str:
    value = file.table.get(key, usual)
    if not isinstance(value, str) or value not in known:
        raise FormatError(f"{file.at(key)}: {key!r} must be one of {', '.join(known)}, got {value!r}")
    return value
