"""Sets of gestures: the bundled ones by name, and files of one's own, defined or taught."""

from __future__ import annotations

from pathlib import Path

from poise.errors import suggest
from poise.gestures.definitions.definition import Definitions, parse_definitions
from poise.gestures.movements.move_file import parse_moves
from poise.gestures.movements.taught_moves import TaughtMoves
from poise.gestures.shapes.shape_file import parse_shapes
from poise.gestures.shapes.taught_shapes import TaughtShapes
from poise.skeletons.tomlfile import TomlFile, read_toml

_FOLDER = Path(__file__).with_name("sets")


def bundled_sets() -> list[str]:
    """Return the names of the sets that come with Poise."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def read_set(name: str | Path) -> Definitions | TaughtShapes | TaughtMoves:
    """Read a set of gestures, defined or taught; see :func:`read_definitions`."""
    file = _load(name)
    if file.table.get("kind") == "taught":
        return parse_shapes(file)
    if file.table.get("kind") == "moves":
        return parse_moves(file)
    return parse_definitions(file)


def read_definitions(name: str | Path) -> Definitions:
    """Read a set of defined gestures.

    Args:
        name: A name from :func:`bundled_sets`, or the path of a TOML file.

    Raises:
        ValueError: There is no such set; with the nearest name.
        FormatError: The file is wrong: its line, what was found, what was expected.
    """
    return parse_definitions(_load(name))


def _load(name: str | Path) -> TomlFile:
    path = Path(name)
    if path.suffix != ".toml":
        if str(name) not in bundled_sets():
            raise ValueError(
                f"no set of gestures named {str(name)!r}{suggest(str(name), bundled_sets())}; or give a .toml"
            )
        path = _FOLDER / f"{name}.toml"
    return read_toml(path)
