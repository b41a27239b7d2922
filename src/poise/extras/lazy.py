"""Names of a room that are loaded when they are first used, for what only a few commands need."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any

from poise.errors import require


def lazy_names(room: str, homes: Mapping[str, str], *, torch: Collection[str] = ()) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a room's package.

    Args:
        room: The package, such as ``"poise.weights"``.
        homes: Name to the module below the package that has it.
        torch: Names that need torch (extra ``train``).
    """

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        if name in torch:
            require("torch", extra="train", feature=f"{room}.{name}")
        value = getattr(import_module(f"{room}.{homes[name]}"), name)
        setattr(sys.modules[room], name, value)
        return value

    return load
