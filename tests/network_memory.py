"""What a network said to a picture is kept for all tests of a run.

Most of the time of the tests went into the same networks over the same frames of the same few clips. Everything around
a network runs as ever: only the engine's own run is spared, where the network, the threads and every byte that goes in
are the same. The tests of the engines switch it off (tests/runtime/conftest.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from memory_kit import recalled
from numpy.typing import NDArray

from poise.runtime import onnxruntime

# Below it a network runs faster than its input is told from others.
SMALLEST_NETWORK = 100_000
LARGEST_OUTPUT = 4_000_000

open_plainly = onnxruntime.open
MOST_OPENED = 16
_opened: dict[tuple[bytes, str, int], Any] = {}
_names: dict[tuple[str, int, int], str] = {}


class RememberingSession:
    """A session of ONNX Runtime that is asked only what it was not asked before.

    Args:
        session: What is asked.
        name: Tells the network, and how it is run, from every other.
    """

    def __init__(self, session: Any, name: str) -> None:
        self._session, self._name = session, name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, names: Sequence[str], feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Return the outputs of the network."""
        asked = hashlib.sha1(usedforsecurity=False)
        for name, value in sorted(feeds.items()):
            asked.update(repr((name, value.dtype.str, value.shape)).encode())
            asked.update(np.ascontiguousarray(value).data)
        answer: list[NDArray[Any]] = recalled(
            f"{self._name} {list(names)} {asked.hexdigest()}",
            lambda: self._session.run(names, feeds),
            largest=LARGEST_OUTPUT,
        )
        return answer


def open_shared(network: Path | bytes, *, device: str, threads: int | None, **more: Any) -> Any:
    """Open a network as ``poise.runtime.onnxruntime.open`` does, with what its engine made of the same bytes before.

    Sessions hold no state, and hundreds of tests open the same.
    """
    if isinstance(network, Path):  # of tests' own
        return open_plainly(network, device=device, threads=threads, **more)
    key = network, device, threads or onnxruntime.usable_cores()
    engine = _opened.get(key)
    if engine is None:
        session = open_plainly(network, device=device, threads=threads, **more)
        _opened[key] = session._session
        if len(_opened) > MOST_OPENED:
            _opened.pop(next(iter(_opened)))
        return session
    return onnxruntime.OnnxRuntimeSession(engine, device, more["name"])


def open_remembering(network: Path | bytes, *, device: str, threads: int | None, **more: Any) -> Any:
    """Open a network as ``poise.runtime.onnxruntime.open`` does, with a memory."""
    session = open_shared(network, device=device, threads=threads, **more)
    name = _name(network) if device == "cpu" else ""
    if name:
        cores = threads or onnxruntime.usable_cores()
        session._session = RememberingSession(session._session, f"network {name} {cores}")
    return session


def _name(network: Path | bytes) -> str:
    """Return what tells a network from all others; nothing for one that is not worth it or has weights beside it."""
    if isinstance(network, bytes):
        return _digest(network)
    stat = network.stat()
    place = (str(network.resolve()), stat.st_size, stat.st_mtime_ns)
    if place not in _names:
        _names[place] = _digest(network.read_bytes())
    return _names[place]


def _digest(data: bytes) -> str:
    if len(data) < SMALLEST_NETWORK or b"location" in data:
        return ""
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()
