"""The process that writes shards, beside the workers of any engine: it opens no model."""

from __future__ import annotations

import queue
import sys
from pathlib import Path
from typing import Any

from poise.batch.engines import Words
from poise.batch.engines.processes import Child
from poise.errors import PoiseError

# What comes of a writer that is gone, so often in a row.
_MOST_WRITERS = 3


class Writer:
    """Has shards written one after the other; its process starts with the first.

    Args:
        out: Folder of the batch.
        form: Of the shards.
    """

    def __init__(self, out: Path, form: str) -> None:
        self._out, self._form = out, form
        self._said: Words = queue.SimpleQueue()
        self._child: Child | None = None
        self._asked: dict[str, Any] | None = None
        self._died = 0

    def write(self, shard: int, items: list[int]) -> None:
        """Ask for a shard."""
        if self._child is None:
            job = {"role": "writer", "out": str(self._out), "path": sys.path}
            self._child = Child(0, job, self._said, 1)
        self._asked = {"do": "shard", "shard": shard, "form": self._form, "items": items}
        self._child.send(self._asked)

    def said(self) -> list[dict[str, Any]]:
        """Return what was said.

        Raises:
            PoiseError: It ends again and again.
        """
        found: list[dict[str, Any]] = []
        while True:
            try:
                child, (_, message) = self._said.get_nowait()
            except queue.Empty:
                return found
            if child is not self._child:
                continue
            if message["is"] == "died":
                self._died += 1
                if self._died >= _MOST_WRITERS:
                    raise PoiseError(f"{self._out}: a shard cannot be written: {message['reason']}")
                self._child = None
                if self._asked is not None:
                    self.write(self._asked["shard"], self._asked["items"])
            elif message["is"] != "open":
                if message["is"] in ("shard", "missing"):
                    self._asked, self._died = None, 0
                found.append(message)

    def close(self) -> None:
        """End it."""
        if self._child is not None:
            self._child.end()
