"""Workers that clients share: first in, first out for each client, and turns between clients."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar

from poise.errors import PoiseError

T = TypeVar("T")

# How much the last piece of work says of how long the next will take.
_NEWS = 0.1


class Full(PoiseError):
    """So much waits already that no more is taken.

    Attributes:
        after_s: Whole seconds after which there should be room.
    """

    def __init__(self, what: str, after_s: int) -> None:
        super().__init__(f"{what}; try again in {after_s} s")
        self.after_s = after_s


class Stopped(PoiseError):
    """The server is being stopped and takes no more work."""

    def __init__(self) -> None:
        super().__init__("the server is being stopped; try again later")


@dataclass(slots=True)
class _Piece:
    work: Callable[[], Any]
    future: Future[Any]


class Pool:
    """Threads that do pieces of work for clients in turn: who has waited longest since its last piece comes next.

    So a client that asks for a hundred pictures at once delays another by one of them, not by a hundred.

    Args:
        workers: Threads.
        queue: Pieces that may wait, of all clients together.
    """

    def __init__(self, workers: int, queue: int) -> None:
        self.workers = workers
        self.room = queue
        self._lanes: OrderedDict[Hashable, deque[_Piece]] = OrderedDict()
        self._waiting = 0
        self._running = 0
        self._seconds = 0.05
        self._stopped = False
        self._change = threading.Condition()
        self._threads: list[threading.Thread] = []

    @property
    def waiting(self) -> int:
        """Pieces that wait."""
        return self._waiting

    @property
    def busy(self) -> bool:
        """Whether anything waits or is worked on."""
        with self._change:
            return self._waiting + self._running > 0

    def submit(self, client: Hashable, work: Callable[[], T], *, always: bool = False) -> Future[T]:
        """Queue one piece of work.

        Args:
            client: Whose it is.
            work: Called in one of the threads.
            always: Also where the queue is full: of work that is bounded elsewhere.

        Raises:
            Full: Too much waits.
            Stopped: The pool was closed.
        """
        return self.submit_all(client, [work], always=always)[0]

    def submit_all(
        self, client: Hashable, works: Sequence[Callable[[], T]], *, always: bool = False
    ) -> list[Future[T]]:
        """Queue several pieces of one client, or none where there is no room for all.

        Raises:
            Full: Too much waits.
            Stopped: The pool was closed.
        """
        pieces = [_Piece(work, Future()) for work in works]
        with self._change:
            if self._stopped:
                raise Stopped()
            if not always and self._waiting + len(pieces) > self.room:
                after = max(1, math.ceil(self._seconds * (self._waiting + len(pieces)) / self.workers))
                raise Full(f"the server is busy: {self._waiting} pictures wait already", after)
            if not self._threads:
                self._start()
            self._lanes.setdefault(client, deque()).extend(pieces)
            self._waiting += len(pieces)
            self._change.notify(len(pieces))
        return [piece.future for piece in pieces]

    def close(self) -> None:
        """Take no more; what waits is given up, what runs is finished in its thread."""
        with self._change:
            self._stopped = True
            left = [piece for lane in self._lanes.values() for piece in lane]
            self._lanes.clear()
            self._waiting = 0
            self._change.notify_all()
        for piece in left:
            if piece.future.set_running_or_notify_cancel():
                piece.future.set_exception(Stopped())
        for thread in self._threads:
            thread.join(timeout=10.0)

    def _start(self) -> None:
        for number in range(self.workers):
            # Daemons: a network that hangs must not hold the process open for ever.
            thread = threading.Thread(target=self._work, name=f"poise-server-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _next(self) -> _Piece | None:
        """Wait for a piece and take it; None at the end."""
        with self._change:
            while not self._lanes:
                if self._stopped:
                    return None
                self._change.wait()
            client, lane = next(iter(self._lanes.items()))
            piece = lane.popleft()
            if lane:
                self._lanes.move_to_end(client)
            else:
                del self._lanes[client]
            self._waiting -= 1
            self._running += 1
            return piece

    def _work(self) -> None:
        while (piece := self._next()) is not None:
            started = perf_counter()
            try:
                if piece.future.set_running_or_notify_cancel():
                    try:
                        value = piece.work()
                    except BaseException as error:  # noqa: BLE001 - it is the caller's, and raised there
                        piece.future.set_exception(error)
                    else:
                        piece.future.set_result(value)
            finally:
                taken = perf_counter() - started
                with self._change:
                    self._running -= 1
                    self._seconds += _NEWS * (taken - self._seconds)
