"""What a network said to a picture is kept for all tests of a run, in all its processes.

Most of the time of the tests went into the same networks over the same frames of the same few clips. Everything around
a network runs as ever: only the engine's own run is spared, where the network, the threads and every byte that goes in
are the same. The tests of the engines switch it off (tests/runtime/conftest.py).
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.runtime import onnxruntime

# Below it a network runs faster than its input is told from others.
SMALLEST_NETWORK = 100_000
LARGEST_OUTPUT = 4_000_000

open_plainly = onnxruntime.open
_names: dict[tuple[str, int, int], str] = {}


class RememberingSession:
    """A session of ONNX Runtime that is asked only what it was not asked before.

    Args:
        session: What is asked.
        folder: Where the answers lie.
        name: Tells the network, and how it is run, from every other.
    """

    def __init__(self, session: Any, folder: Path, name: str) -> None:
        self._session, self._folder, self._name = session, folder, name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, names: Sequence[str], feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        asked = hashlib.sha1(self._name.encode(), usedforsecurity=False)
        asked.update(repr(list(names)).encode())
        for name, value in sorted(feeds.items()):
            asked.update(repr((name, value.dtype.str, value.shape)).encode())
            asked.update(np.ascontiguousarray(value).data)
        path = self._folder / asked.hexdigest()
        try:
            answer: list[NDArray[Any]] = pickle.loads(path.read_bytes())  # noqa: S301 - written below
            return answer
        except FileNotFoundError:
            pass
        answer = self._session.run(names, feeds)
        if sum(one.nbytes for one in answer) <= LARGEST_OUTPUT:
            part = path.with_name(f"{path.name}.{os.getpid()}")
            part.write_bytes(pickle.dumps(answer, protocol=5))
            part.replace(path)
        return answer


def remembering(folder: Path) -> Callable[..., Any]:
    """Return what opens a network as ``poise.runtime.onnxruntime.open`` does, with a memory in a folder."""

    def opened(network: Path | bytes, *, device: str, threads: int | None, **more: Any) -> Any:
        session = open_plainly(network, device=device, threads=threads, **more)
        name = _name(network) if device == "cpu" else ""
        if name:
            session._session = RememberingSession(session._session, folder, f"{name} {threads}")
        return session

    return opened


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
