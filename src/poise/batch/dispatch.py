"""Who does what: items are handed to workers, and what workers say is entered into the manifest.

All here is bookkeeping: it knows no model, no file format, and no kind of worker.
"""

from __future__ import annotations

import time as clock
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from poise.batch.engines import Engine
from poise.batch.journal import journals
from poise.batch.manifest import DONE, Item, Manifest
from poise.errors import PoiseError

# Items that a worker knows of: the one that it does, and the next, so that it never waits for an answer.
_DEPTH = 2
# Tries alone of an item whose worker somebody else may have ended.
_OTHERS_RETRIES = 3
# Workers that end one after the other before they have opened their models.
_MOST_FALSE_STARTS = 3
# A worker may take so long to open its models: it may have to fetch them.
_OPENING_S = 900.0
_COMMIT_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a batch puts up with.

    Attributes:
        time_limit: Most seconds an item may take; None: any.
        stall_limit: Most seconds without a frame, after which a worker is taken for one that hangs.
        retries: How often an item that ended its worker is tried once more, alone.
    """

    time_limit: float | None = None
    stall_limit: float = 300.0
    retries: int = 1


class ShardWriter(Protocol):
    """Writes shards, one after the other, in a process of its own."""

    def write(self, shard: int, items: list[int]) -> None:
        """Ask for a shard; the answer comes later."""
        ...

    def said(self) -> list[dict[str, Any]]:
        """Return what was said since."""
        ...


@dataclass(slots=True)
class Slot:
    """What one worker is doing.

    Attributes:
        queue: Items that it knows of, the one that it does first.
        open: Its models are open.
        since: When it began, seconds of a clock that only goes forward.
        beat: When it was last heard of.
        frames: Of the item that it does.
        done: Items of this run.
        total: Frames of this run, without those of the item that it does.
        asked: It has been asked for what it has not begun.
        full: It waits, because the disk is full.
    """

    queue: deque[Item] = field(default_factory=deque)
    open: bool = False
    since: float = 0.0
    beat: float = 0.0
    frames: int = 0
    done: int = 0
    total: int = 0
    asked: bool = False
    full: bool = False


class Dispatcher:
    """Hands out the items of a manifest until there are none.

    Args:
        manifest: What there is to do.
        engine: Who does it.
        writer: Writes shards.
        limits: What is put up with.
        samples: Numbers of the items of which a picture is drawn.
        on_note: Is told what people should know, one sentence each.

    Attributes:
        slots: What the workers are doing.
        items: Done in this run; and so are the others.
        frames: Looked at.
        failed: Set aside.
        left: Items that are neither done nor set aside.
        full: Where the disk is full, empty while there is room.
    """

    def __init__(
        self,
        manifest: Manifest,
        engine: Engine,
        writer: ShardWriter,
        limits: Limits,
        *,
        samples: frozenset[int] = frozenset(),
        on_note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._manifest, self._engine, self._writer = manifest, engine, writer
        self._limits, self._samples, self._note = limits, samples, on_note
        self.slots = [Slot() for _ in range(engine.workers)]
        self.items = self.frames = self.failed = 0
        self.full = ""
        # What is to be done: what was handed out in vain first, then what the manifest gives, then alone what has ended
        # a worker.
        self._again: deque[Item] = deque()
        self._next: deque[Item] = deque()
        self._suspects: deque[Item] = deque()
        self._after = -1
        self._more = True
        self._open = manifest.open_shards()
        self.left = sum(self._open.values())
        self._to_write = deque(shard for shard, left in self._open.items() if not left)
        self._writing: int | None = None
        self._false_starts = 0
        self._stopping = False
        self._committed = clock.monotonic()

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do, or nothing more is begun and all that was begun has ended."""
        busy = any(slot.queue for slot in self.slots) or self._writing is not None or self._to_write
        if self._stopping:
            return not busy
        return not busy and not self.left

    def stop(self) -> None:
        """Begin nothing more."""
        self._stopping = True
        for worker, slot in enumerate(self.slots):
            if len(slot.queue) > 1:
                self._ask(worker)
            elif not slot.open:
                self._take_back(slot)

    def step(self, seconds: float) -> None:
        """Hand out, listen for at most so long, and enter what was said.

        Raises:
            PoiseError: Nothing can be done: a model cannot be used, or nothing can be written.
        """
        self._feed()
        for worker, message in self._engine.listen(seconds):
            self._hear(worker, message)
        for message in self._writer.said():
            self._heard_of_shard(message)
        self._write_next()
        self._watch()
        if clock.monotonic() - self._committed > _COMMIT_S:
            self.commit()

    def commit(self) -> None:
        """Enter for good what is known."""
        self._committed = clock.monotonic()
        self._manifest.commit()
        if self.full == str(self._manifest.path):
            self._say_full("")

    def wait_for_room(self) -> None:
        """Say that the manifest cannot be written, and wait a little."""
        if not self.full:
            self.full = str(self._manifest.path)
            self._note(f"{self.full}: the disk is full; waiting for room")
        clock.sleep(1.0)

    # Handing out.

    def _feed(self) -> None:
        if self._stopping:
            return
        # Near the end nobody is given a second item that another could begin.
        depth = _DEPTH if len(self._again) + self._ahead() > _DEPTH * len(self.slots) else 1
        for worker, slot in enumerate(self.slots):
            while slot.open and len(slot.queue) < depth and (item := self._take()) is not None:
                self._hand(worker, item)
        idle = [worker for worker, slot in enumerate(self.slots) if slot.open and not slot.queue]
        if not idle or self._again or self._ahead():
            return
        for worker, slot in enumerate(self.slots):
            if len(slot.queue) > 1:
                self._ask(worker)
        if self._suspects and not any(slot.queue for slot in self.slots):
            self._hand(idle[0], self._suspects.popleft())

    def _take(self) -> Item | None:
        if self._again:
            return self._again.popleft()
        while self._ahead():
            item = self._next.popleft()
            if not item.attempts:
                return item
            self._suspects.append(item)  # it ended a worker in a run before this one
        return None

    def _ahead(self) -> int:
        """Return how many items of the manifest are known to wait."""
        if not self._next and self._more:
            found = self._manifest.pending(self._after)
            self._more = bool(found)
            if found:
                self._after = found[-1].number
                self._next.extend(found)
        return len(self._next)

    def _hand(self, worker: int, item: Item) -> None:
        slot = self.slots[worker]
        if not slot.queue:
            slot.since = slot.beat = clock.monotonic()
            slot.frames = 0
        slot.queue.append(item)
        self._manifest.running(item.number, self._engine.name(worker))
        self._engine.do(worker, replace(item, sample=item.number in self._samples))

    def _ask(self, worker: int) -> None:
        if not self.slots[worker].asked:
            self.slots[worker].asked = True
            self._engine.drop(worker)

    def _take_back(self, slot: Slot) -> None:
        """Let what a worker knows of be done by another."""
        while slot.queue:
            item = slot.queue.pop()
            self._manifest.waits(item.number)
            self._again.appendleft(item)

    # Hearing.

    def _hear(self, worker: int, message: dict[str, Any]) -> None:
        slot = self.slots[worker]
        slot.beat = clock.monotonic()
        what = message["is"]
        if what == "open":
            slot.open, self._false_starts = True, 0
        elif what == "beat":
            slot.frames = message["frames"]
        elif what == "done":
            self._manifest.done(message["number"], message["facts"])
            self.items += 1
            slot.done += 1
            frames = message["facts"]["frames"]
            slot.total += frames
            self.frames += frames
            self._over(slot, message["number"])
        elif what == "failed":
            self._set_aside(slot, message["number"], message["error"], message["seconds"])
        elif what == "dropped":
            slot.asked = False
            for number in reversed(message["numbers"]):
                for item in [one for one in slot.queue if one.number == number]:
                    slot.queue.remove(item)
                    self._manifest.waits(number)
                    self._again.appendleft(item)
        elif what in ("full", "room"):
            slot.full = what == "full"
            self._say_full(message.get("where", ""))
        elif what == "broken":
            raise PoiseError(message["error"])
        elif what == "died":
            self._died(worker, message)

    def _say_full(self, where: str) -> None:
        if where and not self.full:
            self.full = where
            self._note(f"{where}: the disk is full; waiting for room")
        elif not where and self.full and not any(slot.full for slot in self.slots):
            self.full = ""
            self._note("there is room on the disk again; going on")

    def _over(self, slot: Slot, number: int) -> None:
        """An item is done or set aside: the worker goes on with the next."""
        item = next((one for one in slot.queue if one.number == number), None)
        if item is None:
            return
        slot.queue.remove(item)
        slot.since = slot.beat
        slot.frames = 0
        self.left -= 1
        self._open[item.shard] -= 1
        if not self._open[item.shard]:
            self._to_write.append(item.shard)

    def _set_aside(self, slot: Slot, number: int, said: str, seconds: float | None) -> None:
        item = next((one for one in slot.queue if one.number == number), None)
        self._manifest.failed(number, said, seconds, 0 if item is None else item.attempts)
        self.failed += 1
        self._over(slot, number)

    def _died(self, worker: int, message: dict[str, Any]) -> None:
        """A worker is gone, and another one starts: what it did is suspected, what it only knew of is not."""
        slot = self.slots[worker]
        if not slot.open:
            self._false_starts += 1
            if self._false_starts >= _MOST_FALSE_STARTS:
                raise PoiseError(f"workers end before they have opened the model: {message['reason']}")
        limit = self._limits.retries
        if message.get("killed"):
            limit = max(limit, _OTHERS_RETRIES)
        if message.get("lost") and slot.queue and slot.queue[0].attempts < limit:
            # A whole machine is gone: its items go to others.
            item = slot.queue[0]
            slot.queue[0] = replace(item, attempts=item.attempts + 1)
            self._manifest.suspected(item.number, message["reason"], item.attempts + 1)
        else:
            self._suspect(slot, message["reason"], limit)
        self._begin_anew(slot)

    def _suspect(self, slot: Slot, reason: str, limit: int) -> None:
        """The first item of a worker that is gone is tried again alone, or set aside."""
        if not slot.queue or not slot.open:
            return
        item = slot.queue[0]
        attempts = item.attempts + 1
        if attempts > limit:
            times = "alone too" if attempts == 2 else f"{attempts} times"
            slot.queue[0] = replace(item, attempts=attempts)
            self._set_aside(slot, item.number, f"{item.source}: {reason}, {times}", clock.monotonic() - slot.since)
            return
        slot.queue.popleft()
        self._manifest.suspected(item.number, reason, attempts)
        self._suspects.append(replace(item, attempts=attempts))

    def _begin_anew(self, slot: Slot) -> None:
        self._take_back(slot)
        slot.open = slot.asked = slot.full = False
        slot.frames = 0
        slot.beat = clock.monotonic()

    def _watch(self) -> None:
        """Replace workers that take too long or hang."""
        now = clock.monotonic()
        for worker, slot in enumerate(self.slots):
            if not slot.open:
                slot.beat = slot.beat or now
                if now - slot.beat > max(_OPENING_S, self._limits.stall_limit):
                    raise PoiseError(f"a worker has not opened its model in {now - slot.beat:.0f} s")
                continue
            if not slot.queue or slot.full:
                continue
            item, limit = slot.queue[0], self._limits.time_limit
            if limit is not None and now - slot.since > limit:
                self._engine.replace(worker)
                said = f"{item.source}: took longer than {limit:g} s (--time-limit); {slot.frames} frames were done"
                self._set_aside(slot, item.number, said, now - slot.since)
                self._begin_anew(slot)
            elif now - slot.beat > self._limits.stall_limit:
                self._engine.replace(worker)
                reason = f"no frame was done in {self._limits.stall_limit:g} s (--stall-limit)"
                self._suspect(slot, reason, self._limits.retries)
                self._begin_anew(slot)

    # Shards.

    def _write_next(self) -> None:
        """Have the next shard written of which all items are done or set aside."""
        while self._writing is None and self._to_write:
            shard = self._to_write.popleft()
            items = self._manifest.in_shard(shard, DONE)
            if items:
                self._writing = shard
                self._writer.write(shard, items)
            else:
                self._enter(shard, {"items": 0, "rows": 0, "bytes": 0, "file": None, "sha256": None})

    def _heard_of_shard(self, message: dict[str, Any]) -> None:
        what = message["is"]
        if what == "shard":
            self._writing = None
            self._enter(message["shard"], message["facts"])
        elif what == "missing":
            # What the system lost when the machine stopped.
            self._writing = None
            for number in message["numbers"]:
                self._manifest.waits(number)
                self._again.append(self._manifest.item(number))
            self._open[message["shard"]] += len(message["numbers"])
            self.left += len(message["numbers"])
        elif what in ("full", "room"):
            self._say_full(message.get("where", ""))
        elif what == "broken":
            raise PoiseError(message["error"])

    def _enter(self, shard: int, facts: dict[str, Any]) -> None:
        self._manifest.enter_shard(shard, facts)
        self.commit()
        self._open.pop(shard, None)
        for path in journals(self._manifest.path.parent / "journal", shard):
            path.unlink(missing_ok=True)
