"""The process of a worker: it opens the models once, does what it is told, and keeps the rows in its journal.

What it is told comes through standard input, what it says goes through
standard output; what libraries print goes to standard error. When the process that started it is gone, it ends at once.
"""

from __future__ import annotations

import errno
import os
import queue
import signal
import sys
import threading
import time as clock
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from poise.batch.messages import Link, Message

if TYPE_CHECKING:
    from poise.batch.journal import Kept

T = TypeVar("T")
Told = queue.SimpleQueue[Message]

# Between two looks whether the disk has room again.
_PAUSE_S = 2.0
_FULL = (errno.ENOSPC, errno.EDQUOT)


def main() -> None:
    """Serve until told to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    link = Link(os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb"))
    # Whatever a library prints must not stand between messages.
    os.dup2(2, 1)
    job = link.receive()
    if job is None:
        return
    sys.path[:] = job["path"]
    told: Told = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(link, told), daemon=True).start()
    if job["role"] == "writer":
        _write(link, told, Path(job["out"]))
    else:
        _work(link, told, job)


def _listen(link: Link, told: Told) -> None:
    """Take what is said, and end the process when nobody is there to say anything."""
    while (message := link.receive()) is not None:
        told.put(message)
    os._exit(0)


class Listener(Protocol):
    """Is told things."""

    def send(self, message: Message) -> None:
        """Say something."""
        ...


def patient(call: Callable[[], T], link: Listener, where: Path) -> T:
    """Call what writes until the disk has room for it; says that it waits, and that it goes on.

    Args:
        call: Writes everything or nothing.
        link: Whom to tell.
        where: What cannot be written to.

    Raises:
        OSError: Any other trouble.
    """
    waits = False
    while True:
        try:
            result = call()
        except OSError as error:
            if error.errno not in _FULL:
                raise
            if not waits:
                waits = True
                link.send({"is": "full", "where": str(where)})
            clock.sleep(_PAUSE_S)
            continue
        if waits:
            link.send({"is": "room"})
        return result


def _work(link: Link, told: Told, job: Message) -> None:
    """Do the items that are given, one after the other."""
    from poise.batch.doing import Doer, KeepingError, head_of
    from poise.batch.journal import Journal
    from poise.batch.manifest import Item
    from poise.batch.work import Work
    from poise.errors import PoiseError

    out = Path(job["out"])
    try:
        doer = Doer(Work(**job["work"]))
    except (PoiseError, ValueError, TypeError, OSError, MemoryError) as error:
        link.send({"is": "broken", "error": str(error) or type(error).__name__})
        return
    journal = Journal(out / "journal", job["name"], head_of(doer.rows))
    link.send({"is": "open"})
    waiting: deque[Item] = deque()
    while True:
        # What is said meanwhile may take back what was said before.
        while not waiting or not told.empty():
            message = told.get()
            if message["do"] == "drop":
                link.send({"is": "dropped", "numbers": [item.number for item in waiting]})
                waiting.clear()
            else:
                waiting.append(Item(**message["item"]))
        item = waiting.popleft()
        try:
            patient(partial(journal.begin, item.shard, item.number), link, out)
            outcome = doer.do(
                item,
                lambda body: patient(partial(journal.rows, body), link, out),
                partial(_beat, link, item.number),
                partial(keep_sample, out, item.number) if item.sample else None,
            )
            if outcome.error is None:
                patient(partial(journal.end, outcome.facts()), link, out)
        except (KeepingError, OSError) as error:
            link.send({"is": "broken", "error": f"{out}: cannot be written: {error}"})
            return
        if outcome.error is None:
            link.send({"is": "done", "number": item.number, "facts": outcome.facts()})
        else:
            link.send({"is": "failed", "number": item.number, "error": outcome.error, "seconds": outcome.seconds})


def _beat(link: Link, number: int, frames: int) -> None:
    link.send({"is": "beat", "number": number, "frames": frames})


def keep_sample(out: Path, number: int, picture: bytes) -> None:
    """Write the small picture of an item."""
    from poise.errors import PoiseError
    from poise.files.writing import write_atomically

    # A picture for the page is not worth an item.
    with suppress(PoiseError):
        write_atomically(out / "samples" / f"{number:09d}.jpg", picture)


def _write(link: Link, told: Told, out: Path) -> None:
    """Write the shards that are asked for."""
    from poise.batch.journal import read_journals
    from poise.batch.shards import shard_name
    from poise.errors import PoiseError

    link.send({"is": "open"})
    while True:
        message = told.get()
        number, form = message["shard"], message["form"]
        try:
            kept = read_journals(out / "journal", number)
            missing = [item for item in message["items"] if item not in kept]
            if missing:
                link.send({"is": "missing", "shard": number, "numbers": missing})
                continue
            path = out / "shards" / shard_name(number, form)
            items = [kept[item] for item in message["items"]]
            facts = patient(partial(_write_shard, path, form, items), link, out)
        except (PoiseError, OSError) as error:
            link.send({"is": "broken", "error": str(error)})
            return
        link.send({"is": "shard", "shard": number, "facts": facts})


def _write_shard(path: Path, form: str, items: list[Kept]) -> dict[str, Any]:
    """Write a shard; that the disk is full is said as the system says it."""
    from poise.batch.shards import write_shard
    from poise.errors import PoiseError

    try:
        return write_shard(path, form, items)
    except PoiseError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno in _FULL:
            raise error.__cause__ from None
        raise
