"""Where workers run: processes of this machine, or actors of a Ray cluster, behind one small class."""

from __future__ import annotations

import queue
from abc import ABC, abstractmethod
from typing import Any, Protocol

from poise.batch.manifest import Item

# What an engine says of a worker: ``(worker, message)``. ``message["is"]`` is one of
#   open      its models are open
#   beat      it goes on: ``number``, ``frames``
#   done      an item is whole in a journal: ``number``, ``facts``
#   failed    an item cannot be done: ``number``, ``error``, ``seconds``
#   dropped   items are given back that were not begun: ``numbers``
#   full      the disk is full and it waits: ``where``;  room: it goes on
#   broken    no item can be done: ``error``
#   died      it is gone: ``reason``, ``killed`` where somebody else may have ended it, ``lost`` where its machine is
#             gone too; it has been replaced
Said = tuple[int, dict[str, Any]]


# What was said, after the one who said it.
Words = queue.SimpleQueue[tuple[Any, Said]]


class Worker(Protocol):
    """One worker; it begins an item when it has finished the one before."""

    @property
    def name(self) -> str:
        """Where it runs, for people."""
        ...

    def give(self, item: Item) -> None:
        """Give it an item."""
        ...

    def drop(self) -> None:
        """Ask for the items back that it has not begun; it says ``dropped``."""
        ...

    def end(self) -> None:
        """End it at once, whatever it does; nothing more is heard of it."""
        ...


class Engine(ABC):
    """Workers that do items one after the other.

    Args:
        workers: How many there are.
        where: In words, for people.
    """

    def __init__(self, workers: int, where: str) -> None:
        self.workers, self.where = workers, where
        self._said: Words = queue.SimpleQueue()
        self._workers: list[Worker] = []

    @abstractmethod
    def _begin(self, number: int) -> Worker:
        """Start the worker of a number, whose words go to ``_said``."""

    def start(self) -> None:
        """Start all workers."""
        self._workers = [self._begin(number) for number in range(self.workers)]

    def do(self, worker: int, item: Item) -> None:
        """Give a worker an item; it may be told of several."""
        self._workers[worker].give(item)

    def drop(self, worker: int) -> None:
        """Ask for the items back that a worker has not begun; it says ``dropped``."""
        self._workers[worker].drop()

    def listen(self, seconds: float) -> list[Said]:
        """Return what was said, waiting at most so long for the first word."""
        found: list[Said] = []
        try:
            speaker, said = self._said.get(timeout=seconds)
            while True:
                # What is left of a worker that was replaced is not said by the new one.
                if speaker in self._workers:
                    found.append(said)
                    if said[1]["is"] == "died":
                        self._workers[said[0]] = self._begin(said[0])
                speaker, said = self._said.get_nowait()
        except queue.Empty:
            return found

    def replace(self, worker: int) -> None:
        """End a worker at once, whatever it does, and start another in its place; nothing is said of it."""
        self._workers[worker].end()
        self._workers[worker] = self._begin(worker)

    def name(self, worker: int) -> str:
        """Return who a worker is, as the manifest notes it."""
        return f"{worker + 1} ({self._workers[worker].name})"

    def close(self) -> None:
        """End all workers at once."""
        for worker in self._workers:
            worker.end()
        self._workers = []
