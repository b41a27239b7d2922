"""What a worker and the process that started it say to each other: lines of JSON through pipes."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from typing import Any, BinaryIO

Message = dict[str, Any]


class Link:
    """One end of two pipes; messages may be sent by several threads.

    Args:
        reads: What the other side says.
        writes: What it is told.
    """

    def __init__(self, reads: BinaryIO, writes: BinaryIO) -> None:
        self._reads, self._writes = reads, writes
        self._turn = threading.Lock()

    def send(self, message: Message) -> None:
        """Say something.

        Raises:
            OSError, ValueError: The other side is gone.
        """
        line = json.dumps(message).encode() + b"\n"
        with self._turn:
            self._writes.write(line)
            self._writes.flush()

    def receive(self) -> Message | None:
        """Wait for what the other side says; None: it is gone."""
        try:
            line = self._reads.readline()
        except (OSError, ValueError):
            return None
        if not line.endswith(b"\n"):
            return None
        message: Message = json.loads(line)
        return message

    def close(self) -> None:
        """Hang up."""
        for end in (self._writes, self._reads):
            with suppress(OSError):
                end.close()
