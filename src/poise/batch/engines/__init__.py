"""Where workers run: processes of this machine, or actors of a Ray cluster, behind one small protocol."""

from __future__ import annotations

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


class Engine(Protocol):
    """Workers that do items one after the other.

    A worker may be told of several items; it begins the next one when it has finished the one before.

    Attributes:
        workers: How many there are.
        where: In words, for people.
    """

    workers: int
    where: str

    def start(self) -> None:
        """Start all workers."""
        ...

    def do(self, worker: int, item: Item) -> None:
        """Give a worker an item."""
        ...

    def drop(self, worker: int) -> None:
        """Ask for the items back that a worker has not begun; it says ``dropped``."""
        ...

    def listen(self, seconds: float) -> list[Said]:
        """Return what was said, waiting at most so long for the first word."""
        ...

    def replace(self, worker: int) -> None:
        """End a worker at once, whatever it does, and start another in its place; nothing is said of it."""
        ...

    def name(self, worker: int) -> str:
        """Return who a worker is, as the manifest notes it."""
        ...

    def close(self) -> None:
        """End all workers at once."""
        ...
