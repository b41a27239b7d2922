"""The bundled exercises as plain values, for the manifest of a page that counts repetitions in the browser."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from typing import Any

from poise.reps import Exercise, all_exercises

# What only the Python needs: where the exercise was read, and the limits of the plain angle counter, which has no file.
_OWN = ("source", "thresholds")


def exercise_tables() -> list[dict[str, Any]]:
    """Return every bundled exercise as its TOML file says it, by name: what has its default is left out.

    Returns:
        Dictionaries that ``json.dumps`` takes, with the keys of the files: ``name``, ``signal`` and ``rule`` (lists of
        tables), ``sides``, ``min_depth``, … See docs/reps.md.
    """
    return [_table(exercise) for exercise in all_exercises()]


def _table(exercise: Exercise) -> dict[str, Any]:
    table = _told(exercise)
    for plural, singular in (("signals", "signal"), ("rules", "rule")):
        if plural in table:
            table[singular] = [_told(entry) for entry in table.pop(plural)]
    return table


def _told(entry: Any) -> dict[str, Any]:
    """Return the attributes of a dataclass that differ from their defaults, lists in place of tuples."""
    return {
        field.name: list(value) if isinstance(value, tuple) else value
        for field in fields(entry)
        if field.name not in _OWN and (value := getattr(entry, field.name)) != _default(field)
    }


def _default(field: Field[Any]) -> Any:
    return None if field.default is MISSING else field.default
