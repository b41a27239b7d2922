"""Checks of the arguments that predictions and validations have in common."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from poise.errors import suggest


def check_common(settings: Any, *, counts: Collection[str], optional: bool) -> None:
    """Check ``conf``, ``iou``, ``imgsz`` and some whole numbers of settings.

    Args:
        settings: With these attributes; ``imgsz`` may be None.
        counts: Names of attributes that must be 1 or more.
        optional: ``conf`` and ``iou`` may be None too.

    Raises:
        ValueError: With the name, the value and what is expected.
    """
    for name in ("conf", "iou"):
        value = getattr(settings, name)
        if value is None and optional:
            continue
        if not (isinstance(value, (int, float)) and 0 <= value <= 1):
            raise ValueError(f"{name} must be from 0 to 1, got {value!r}")
    for name in counts:
        value = getattr(settings, name)
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a whole number from 1, got {value!r}")
    side = settings.imgsz
    if side is not None and not (isinstance(side, (int, float)) and 32 <= side <= 8192):
        raise ValueError(f"imgsz must be from 32 to 8192 pixels, got {side!r}")


def take_harmless(given: dict[str, Any], harmless: Mapping[str, Collection[Any]], where: str) -> None:
    """Take out the arguments that mean nothing here.

    Args:
        given: Name to value.
        harmless: Name to the values that change nothing.
        where: What does not support other values, in words.

    Raises:
        ValueError: A value that would change something.
    """
    for name, values in harmless.items():
        if name in given and (value := given.pop(name)) not in values:
            raise ValueError(f"{name}={value!r} is not supported {where}; leave it out")


def refuse_unknown(given: Collection[str], known: Collection[str], call: str) -> None:
    """Raise where an argument is not known.

    Raises:
        TypeError: With the nearest one that is.
    """
    for name in given:
        if name not in known:
            raise TypeError(f"{call}() has no argument {name!r}{suggest(name, known)}")
