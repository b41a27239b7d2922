"""What a room offers changes only on purpose: the names of each ``__all__`` are listed in room_names.txt.

After a wanted change, write the list anew: ``python tests/test_room_names.py``
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

LIST = Path(__file__).with_name("room_names.txt")
HOUSE = Path(__file__).resolve().parents[1] / "src/poise"


def current() -> list[str]:
    """Return every name that a room offers."""
    rooms = sorted(path.parent.name for path in HOUSE.glob("*/__init__.py"))
    return [
        f"{room}.{name}" for room in rooms for name in sorted(getattr(import_module(f"poise.{room}"), "__all__", ()))
    ]


def test_rooms_offer_the_listed_names_and_all_of_them_are_there() -> None:
    found = current()

    assert found == LIST.read_text(encoding="utf-8").split()
    for entry in found:
        room, _, name = entry.partition(".")
        assert hasattr(import_module(f"poise.{room}"), name), entry


if __name__ == "__main__":
    LIST.write_text("\n".join(current()) + "\n", encoding="utf-8")
