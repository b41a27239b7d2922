"""Public names change only on purpose: they are listed in public_names.txt.

After a wanted change, write the list anew: ``python tests/test_public_names.py``
"""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path

LIST = Path(__file__).with_name("public_names.txt")
MODULES = ("poise.errors", "poise.frames", "poise.geometry", "poise.skeletons")
CLASSES = (
    "poise.results.Results",
    "poise.columns.Boxes",
    "poise.columns.Keypoints",
    "poise.columns.Point",
    "poise.columns.Array",
    "poise.skeletons.Skeleton",
    "poise.frames.Frame",
    "poise.frames.Media",
)


def current() -> list[str]:
    """Return every public name, a class's own members too."""
    names = [f"poise.{name}" for name in import_module("poise").__all__]
    for module in map(import_module, MODULES):
        listed = getattr(module, "__all__", None) or [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
        ]
        names += [f"{module.__name__}.{name}" for name in listed]
    for path in CLASSES:
        module, _, kind = path.rpartition(".")
        found = getattr(import_module(module), kind)
        inherited = {
            name for base in found.__mro__[1:] if base.__module__.partition(".")[0] != "poise" for name in vars(base)
        }
        members = {*dir(found), *inspect.get_annotations(found)} - (inherited - set(vars(found)))
        names += [f"{path}.{name}" for name in members if not name.startswith("_")]
    return sorted(set(names))


def test_public_names_are_the_listed_ones() -> None:
    listed = LIST.read_text(encoding="utf-8").split()
    found = current()

    assert sorted(set(found) - set(listed)) == [], "new: list them with python tests/test_public_names.py"
    assert sorted(set(listed) - set(found)) == [], "gone: code that uses them breaks"


if __name__ == "__main__":
    LIST.write_text("\n".join(current()) + "\n", encoding="utf-8")
