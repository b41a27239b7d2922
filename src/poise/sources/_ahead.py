"""Run an iterator ahead of its consumer in one thread, with a bounded amount of finished work."""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Self

from poise.errors import SourceError
from poise.frames import Frame

# Finished frames together may take this many bytes; above it the thread waits, whatever the number of frames. Four
# frames of 4K video fit; of a 100-megapixel picture only one is held.
_MOST_BYTES = 100 * 2**20
_PATIENCE = 2.0  # seconds to wait for the thread at the end: it may be inside one read of the operating system


class _Buffer:
    """What thread and consumer share. Knows neither, so that a forgotten consumer can be collected."""

    def __init__(self, room: int, newest: bool) -> None:
        self.changed = threading.Condition()
        self.entries: deque[Any] = deque()
        self.bytes = 0
        self.room = room
        self.newest = newest
        self.live = False
        self.dropped = 0
        self.closed = False
        self.finished = False
        self.error: BaseException | None = None

    def wait_for_room(self) -> bool:
        """Return whether there is more to do, once there is room for it."""
        with self.changed:
            while not self.closed and self.entries and not (self.newest and self.live):
                if len(self.entries) < self.room and self.bytes < _MOST_BYTES:
                    break
                self.changed.wait()
            return not self.closed

    def put(self, entry: Any) -> None:
        with self.changed:
            self.live = isinstance(entry, Frame) and entry.media.kind == "stream"
            if self.newest and self.live and self.entries and isinstance(self.entries[-1], Frame):
                self.bytes -= self.entries.pop().image.nbytes
                self.dropped += 1
            self.entries.append(entry)
            self.bytes += entry.image.nbytes if isinstance(entry, Frame) else 0
            self.changed.notify_all()

    def finish(self, error: BaseException | None = None) -> None:
        with self.changed:
            self.finished = True
            self.error = error
            self.changed.notify_all()

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.entries.clear()
            self.bytes = 0
            self.changed.notify_all()


def _work(start: Callable[[], Iterator[Any]], buffer: _Buffer) -> None:
    error: BaseException | None = None
    entries: Any = None
    try:
        entries = start()
        while buffer.wait_for_room():
            entry = next(entries, _work)
            if entry is _work:
                break
            buffer.put(entry)
    except BaseException as caught:  # noqa: BLE001 - handed to the consumer, who raises it
        error = caught
    finally:
        try:
            if hasattr(entries, "close"):
                entries.close()
        finally:
            buffer.finish(error)


def _stop(buffer: _Buffer, thread: threading.Thread) -> None:
    buffer.close()
    if thread is not threading.current_thread():
        thread.join(_PATIENCE)


class Ahead(Iterator[Any]):
    """The items of an iterator, made in a thread of its own.

    The thread ends when the items do, at ``close()``, when this object is no longer used, and at interpreter exit.

    Args:
        start: Called in the thread; gives the iterator.
        room: Most finished items that wait.
        newest: Of streams hold only the newest frame; ``dropped`` counts the others.
        patience: Raise when nothing comes for this many seconds; None waits for ever.
        name: How an error calls the source.
    """

    def __init__(
        self,
        start: Callable[[], Iterator[Any]],
        *,
        room: int,
        newest: bool = False,
        patience: float | None = None,
        name: str = "",
    ) -> None:
        self._buffer = _Buffer(room, newest)
        self._patience = patience
        self._name = name
        # A daemon: a thread inside a system call that never returns must not keep the interpreter from ending.
        self._thread = threading.Thread(target=_work, args=(start, self._buffer), name="poise-sources", daemon=True)
        self._thread.start()
        self.close = weakref.finalize(self, _stop, self._buffer, self._thread)

    @property
    def dropped(self) -> int:
        """Frames that were replaced by a newer one before the consumer asked."""
        return self._buffer.dropped

    @property
    def waiting(self) -> int:
        """Finished items that wait."""
        return len(self._buffer.entries)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        buffer = self._buffer
        deadline = None if self._patience is None else time.monotonic() + self._patience
        with buffer.changed:
            while not buffer.entries:
                if buffer.error is not None:
                    error, buffer.error = buffer.error, None
                    raise error
                if buffer.finished or buffer.closed:
                    raise StopIteration
                # A wait without limit cannot be broken by Ctrl-C on Windows.
                buffer.changed.wait(0.5)
                if deadline is not None and not buffer.entries and time.monotonic() > deadline:
                    raise SourceError(f"{self._name}: no frame for {self._patience:.0f} seconds")
            entry = buffer.entries.popleft()
            buffer.bytes -= entry.image.nbytes if isinstance(entry, Frame) else 0
            buffer.changed.notify_all()
            return entry
