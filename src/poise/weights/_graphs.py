"""Graphs that were built of checkpoints, kept so that the next start need not build them.

They lie in the folder ``graphs`` of the cache under what they are built of and how. None is believed: a file that is
not what was written there is built again.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from poise import files
from poise.errors import ModelError
from poise.graphs import said
from poise.graphs.protobuf import Damaged
from poise.weights._cache import home, pin, pinned, settle, temporary, unpin

# Where a graph says its own name, so that one that was renamed is noticed.
NAME = "poise.graph"
# And the name of the file that it was built of.
ORIGIN = "poise.origin"
# What all of them may take; those that were not used for longest go first.
_MOST_BYTES = 2 << 30

_log = logging.getLogger("poise")


def graphs() -> dict[Path, str]:
    """Return the kept graphs, each with the name of the checkpoint that it was built of."""
    found = {}
    for path in _files():
        with suppress(OSError, Damaged):
            found[path] = said(files.read_bytes(path, most=files.MOST_NETWORK)).get(ORIGIN, "")
    return found


def kept_graph(name: str, make: Callable[[], bytes]) -> bytes:
    """Return the graph of a name, built at the first call.

    Two processes that build it at the same time write the same, each whole. Where the cache cannot be written the
    graph lives in memory, and one line of log says so.

    Args:
        name: What it is built of and how; a plain file name without ending.
        make: Builds it; its metadata must say the name under :data:`NAME`.
    """
    place = _folder() / f"{name}.onnx"
    found = _read(place, name)
    if found is not None:
        return found
    made = make()
    try:
        _write(place, made)
    except (OSError, ModelError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        _log.warning("%s: the graph is not kept and will be built at every start: %s", place, reason or error)
    return made


def remove_graphs(name: str = "") -> list[Path]:
    """Remove the graphs whose name begins so, or all; returns what is gone."""
    gone = []
    for path in _files():
        if path.name.startswith(name):
            with suppress(OSError):
                path.unlink()
                unpin(path)
                gone.append(path)
    return gone


def _folder() -> Path:
    return home() / "graphs"


def _files() -> list[Path]:
    where = _folder()
    return sorted(where.glob("*.onnx")) if where.is_dir() else []


def _read(place: Path, name: str) -> bytes | None:
    """Return a graph that is as it was written, else None."""
    try:
        data = files.read_bytes(place, most=files.MOST_NETWORK)
        whole = hashlib.sha256(data).hexdigest() == pinned(place) and said(data).get(NAME) == name
    except (OSError, Damaged):
        return None
    if whole:
        with suppress(OSError):
            os.utime(place)  # it was used
    return data if whole else None


def _write(place: Path, data: bytes) -> None:
    with temporary(place) as (unique, file):
        file.write(data)
        settle(file)
        # Before the file: whoever reads in between builds it, and none is there without its sum.
        pin(place, hashlib.sha256(data).hexdigest())
        unique.replace(place)
    left = _MOST_BYTES
    for path in sorted(_files(), key=lambda path: path.stat().st_mtime, reverse=True):
        left -= path.stat().st_size
        if left < 0 and path != place:
            path.unlink()
            unpin(path)
