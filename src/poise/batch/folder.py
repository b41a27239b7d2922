"""The folder of a batch: taken by one, never with other settings, its list entered, its manifest brought up to date."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from poise.batch.database import NAME
from poise.batch.journal import journals, read_journals, shard_of
from poise.batch.manifest import DONE, FAILED, NOWHERE, PENDING, Manifest
from poise.batch.plan import Planner, weight
from poise.batch.work import Work
from poise.batch.worklist import Found, digest_of, find_work
from poise.errors import FormatError, PoiseError, SourceError
from poise.files.writing import held, writing
from poise.sources import video_pieces


def take_folder(out: Path, given: list[Any], *, follow: bool, stack: ExitStack) -> None:
    """Make the folder and hold it; a call with a typo in it leaves no folder behind.

    Raises:
        SourceError: Nothing that is named can be read.
        PoiseError: Another batch is at work in it.
    """
    new = not (out / NAME).exists()
    if new:
        if not given:
            raise ValueError(
                f"a batch needs sources: files, folders, patterns, lists; no batch is in {out} to go on with"
            )
        first: str | None = None
        for found in find_work(given, follow=follow):
            if found.error is None:
                break
            first = first or found.error
        else:
            raise SourceError(first or "the list of sources is empty")
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        lock = (out / "lock").open("ab")
    stack.callback(lock.close)
    if not held(lock):
        raise PoiseError(f"{out}: another batch is at work in it; wait for its end, or give another folder (--out)")


def refuse_other(manifest: Manifest, asked: dict[str, Any], out: Path) -> None:
    """Refuse to mix results.

    Raises:
        FormatError: What it says of its settings is damaged.
        PoiseError: With the first thing that differs, and how to go on.
    """
    before = manifest.fact("settings")
    if before is not None and not isinstance(before, dict):
        raise FormatError(f"{manifest.path}: its settings are damaged; give another folder (--out) to begin anew")
    if before is None:
        manifest.set_fact("settings", asked)
        manifest.set_fact("began", clock.time())
        manifest.commit()
        return
    for path, was, now in _differences(before, asked):
        # Without a value most are as if they were not given; only split is None on purpose.
        unset = was is None and path != "split"
        made = f"without {path}" if unset else f"with {path}={was!r}"
        asks = f"asks for {path}={now!r}" if unset else f"asks for {now!r}"
        back = f"leave {path} out" if unset else f"give {path}={was!r}"
        raise PoiseError(
            f"{out}: its results were made {made}, and this call {asks}; {back} to go on with it, or give another "
            "folder (--out) for results of their own"
        )


def _differences(before: dict[str, Any], now: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any, Any]]:
    for name in sorted({*before, *now}):
        was, asked = before.get(name), now.get(name)
        if was == asked:
            continue
        if isinstance(was, dict) and isinstance(asked, dict):
            yield from _differences(was, asked)
        elif name == "weights":
            yield "weights", _weights(was), _weights(asked)
        else:
            yield {"unit": "rows", "form": "format", "name": "work", "split_s": "split"}.get(name, name), was, asked


def _weights(networks: Any) -> list[str]:
    return [f"{one['name']} {one['sha256'][:12]}" for one in networks or ()]


def enter_work(
    manifest: Manifest,
    given: list[Any],
    task: Work,
    *,
    follow: bool,
    split: float | None,
    dedupe: bool,
    retry_failed: bool,
) -> None:
    """Enter what is new in the list, in one step."""
    planner = Planner(manifest.next_shard())

    def enter() -> None:
        if retry_failed:
            for number, source, size, shard, _ in manifest.failed_items():
                if shard != NOWHERE:
                    manifest.put_back(number, planner.shard(weight(source, size)))
        for found in find_work(given, follow=follow):
            known = manifest.known(found.source)
            if known is not None:
                number, state, shard = known
                # What was not there when it was listed first may be there now.
                if state == FAILED and shard == NOWHERE and found.error is None:
                    manifest.put_back(number, planner.shard(weight(found.source, found.size)))
                continue
            _enter(manifest, planner, found, None if task.follows else split)

    manifest.at_once(enter)
    if dedupe:
        manifest.at_once(lambda: _leave_out_twins(manifest))


def _enter(manifest: Manifest, planner: Planner, found: Found, split: float | None) -> None:
    if found.error is not None:
        manifest.add(found.source, NOWHERE, size=found.size, failed=found.error)
        return
    pieces = video_pieces(found.source, seconds=split) if split is not None and found.local else []
    if not pieces:
        shard = planner.shard(weight(found.source, found.size))
        manifest.add(found.source, shard, size=found.size)
        return
    size = None if found.size is None else found.size // len(pieces)
    for i, piece in enumerate(pieces):
        manifest.add(
            found.source,
            planner.shard(weight(found.source, size)),
            piece=i,
            first=piece.first,
            span=(piece.begin, piece.until),
            size=found.size,
        )


def _leave_out_twins(manifest: Manifest) -> None:
    for number, source, digest in list(manifest.alike_in_size()):
        if digest is None and (made := digest_of(source)) is not None:
            manifest.set_digest(number, made)
    manifest.leave_out_twins()


def catch_up(manifest: Manifest, out: Path, note: Callable[[str], None]) -> None:
    """Bring the manifest up to the journals, which know better what is done."""
    manifest.begin_anew()
    _forget_lost(manifest, out, note)
    opened = manifest.open_shards()
    folder = out / "journal"
    for path in journals(folder):
        if shard_of(path) not in opened:
            path.unlink(missing_ok=True)  # of a shard that is written: its last kill came before this
    for shard in opened:
        kept = read_journals(folder, shard)
        for number in manifest.in_shard(shard, PENDING):
            if number in kept:
                manifest.done(number, kept[number].facts)
        lost = [number for number in manifest.in_shard(shard, DONE) if number not in kept]
        for number in lost:
            manifest.waits(number)
        if lost:
            note(f"{out}: {len(lost)} items are done again, because the machine lost their rows when it stopped")
    manifest.commit()
    for folder in (out, out / "shards", out / "samples"):
        for part in folder.glob(".*.part"):
            part.unlink(missing_ok=True)


def _forget_lost(manifest: Manifest, out: Path, note: Callable[[str], None]) -> None:
    """Have the shards written again that are no longer there, or not as long as they were.

    Their content is not read: that of a large batch takes hours.
    """
    lost = []
    for one in manifest.shards():
        if one["file"]:
            path = out / "shards" / one["file"]
            if not path.is_file() or path.stat().st_size != one["bytes"]:
                manifest.forget_shard(one["number"])
                lost.append(one)
    if lost:
        more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        note(
            f"{out / 'shards' / lost[0]['file']}{more}: gone or damaged since; "
            f"what is in it is done again ({sum(one['items'] for one in lost)} items)"
        )
