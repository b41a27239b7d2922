"""A batch from its start to its end, or to where it is stopped."""

from __future__ import annotations

import os
import signal
import threading
import time as clock
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from poise.batch.dispatch import Dispatcher, Limits
from poise.batch.engines import Engine
from poise.batch.engines.processes import Processes
from poise.batch.engines.writer import Writer
from poise.batch.folder import catch_up, enter_work, refuse_other, take_folder
from poise.batch.manifest import PENDING, Manifest
from poise.batch.rows import pyarrow
from poise.batch.status import BatchReport, Progress, WorkerProgress, report_of
from poise.batch.work import Work, fingerprint, make_work
from poise.errors import PoiseError
from poise.files.writing import check_folder
from poise.runtime import usable_cores

# Pictures that are drawn for the page.
_SAMPLES = 12
_PROGRESS_S = 0.5
_PACE_S = 5.0


class _StoppedWaitingError(Exception):
    """Somebody stops a batch that waits for room on the disk."""


class _Stop:
    """Whether somebody wants the batch to stop.

    Attributes:
        asked: How often.
        code: Exit code of the process.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.code = 130

    def __call__(self, number: int, _frame: object) -> None:
        """Take a signal."""
        self.asked += 1
        self.code = 128 + number


@contextmanager
def _stop_signals() -> Iterator[_Stop]:
    """Take Ctrl-C and SIGTERM for a wish; a call from another thread than the main one is stopped by its process."""
    stop = _Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_batch(
    sources: Any,
    out: str | Path,
    *,
    work: str = "predict",
    model: str | Path | None = None,
    workers: int | None = None,
    ray: str | None = None,
    format: str = "parquet",
    rows: str = "person",
    time_limit: float | None = None,
    stall_limit: float = 300.0,
    retries: int = 1,
    dedupe: bool = False,
    follow: bool = False,
    split: float | None = 600.0,
    retry_failed: bool = False,
    page: bool = True,
    on_progress: Callable[[Progress], object] | None = None,
    on_note: Callable[[str], None] | None = None,
    **arguments: Any,
) -> BatchReport:
    """Do what a command does with each of many sources, each exactly once, and go on where an earlier call stopped.

    Args:
        sources: A path, or several: files, folders, patterns, ``.txt`` lists, columns of a CSV (``list.csv:column``),
            addresses. Sources that an earlier call did not have are added; none need be given to go on.
        out: Folder of the batch; made where needed.
        work: What is done: ``"predict"``, ``"track"``, ``"reps"``, ``"gestures"``, ``"events"``, ``"angles"``, or
            ``"module:function"`` of your own, see docs/batch.md.
        model: As for :class:`poise.Pose`; None: what the command takes.
        workers: How many processes; None: one a core. With ``ray``: actors; None: one a core of the cluster.
        ray: ``"auto"`` or the address of a Ray cluster; None: processes of this machine.
        format: ``"parquet"``, ``"jsonl"`` or ``"coco"``.
        rows: What a row of keypoints is in Parquet: ``"person"`` or ``"keypoint"``.
        time_limit: Most seconds an item may take; it fails then.
        stall_limit: Most seconds without a frame; the worker is then replaced.
        retries: How often an item that ended its worker is tried once more, alone, before it is set aside.
        dedupe: Leave out files that equal an earlier one, byte for byte.
        follow: Lists may name what is not below their own folder.
        split: Divide videos at key frames into pieces of so many seconds or more, where nothing is followed over time;
            None: never.
        retry_failed: Try again what failed in an earlier call.
        page: Write ``summary.html``.
        on_progress: Is told twice a second how far it is.
        on_note: Is told what is to be known, one sentence each.
        **arguments: Those of the work (``conf``, ``tracker``, ``exercise``, ``zone`` …) and how models are opened
            (``device``, ``runtime``, ``threads`` (1 unless given), ``precision``, ``detector``, ``skeleton`` …).

    Returns:
        What came of it.

    Raises:
        PoiseError: The folder holds results of other settings or another model, another batch is at work in it, it
            cannot be written to, or the model cannot be used.
        SourceError: No source can be read.
        TypeError, ValueError: An argument that cannot be, with the nearest one.
        KeyboardInterrupt: The user stopped it: what was begun is finished, and the same call goes on.
        MissingExtra: What the format or the engine needs is not installed.
    """
    out = Path(out)
    limits = _limits(time_limit, stall_limit, retries, workers)
    task = make_work(work, model, form=format, rows=rows, given=arguments)
    note = on_note or (lambda _: None)
    if format == "parquet":
        pyarrow()
    check_folder(out)
    asked = fingerprint(task, split=split if not task.follows else None)
    given = [sources] if isinstance(sources, (str, os.PathLike)) else list(sources)
    with ExitStack() as stack:
        take_folder(out, given, follow=follow, stack=stack)
        manifest = stack.enter_context(Manifest(out))
        refuse_other(manifest, asked, out)
        enter_work(manifest, given, task, follow=follow, split=split, dedupe=dedupe, retry_failed=retry_failed)
        catch_up(manifest, out, note)
        started = clock.monotonic()
        stop = stack.enter_context(_stop_signals())
        left = manifest.counts().get(PENDING, {"items": 0})["items"]
        dispatcher: Dispatcher | None = None
        if left or any(not count for count in manifest.open_shards().values()):
            engine = _engine(task, out, ray, workers, int(left), asked)
            stack.callback(engine.close)
            writer = Writer(out, task.form)
            stack.callback(writer.close)
            if left:
                note(f"{int(left)} item{'' if left == 1 else 's'} to do, by {engine.where}")
                engine.start()
            dispatcher = Dispatcher(manifest, engine, writer, limits, samples=_samples(manifest, task), on_note=note)
            _drive(dispatcher, manifest, stop, note, on_progress)
        report = report_of(manifest, out, seconds=clock.monotonic() - started)
        if page:
            from poise.batch.page import write_page

            # Who stops because the disk is full needs no page.
            with suppress(PoiseError) if stop.asked else nullcontext():
                write_page(manifest, out)
        if stop.asked:
            raise _stopped(stop, report)
        return report


def _limits(time_limit: float | None, stall_limit: float, retries: int, workers: int | None) -> Limits:
    for name, value in (("time_limit", time_limit), ("stall_limit", stall_limit)):
        if value is not None and not value > 0:
            raise ValueError(f"{name} must be seconds, more than 0, got {value!r}")
    if not isinstance(retries, int) or retries < 0:
        raise ValueError(f"retries must be a whole number from 0, got {retries!r}")
    if workers is not None and (not isinstance(workers, int) or workers < 1):
        raise ValueError(f"workers must be a whole number from 1, got {workers!r}")
    return Limits(time_limit=time_limit, stall_limit=stall_limit, retries=retries)


def _samples(manifest: Manifest, task: Work) -> frozenset[int]:
    """Return the items of which a picture is drawn: spread over the list."""
    total = manifest.total()
    step = max(total // _SAMPLES, 1)
    return frozenset(range(step // 2, total, step))


def _engine(task: Work, out: Path, ray: str | None, workers: int | None, left: int, asked: dict[str, Any]) -> Engine:
    threads = int(task.opening.get("threads", 1))
    if ray is not None:
        from poise.batch.engines.ray import RayActors

        return RayActors(task, out, address=ray, workers=workers, threads=threads, weights=asked["weights"])
    workers = workers or max(1, usable_cores() // threads)
    return Processes(task, out, workers=max(1, min(workers, left)), threads=threads)


def _drive(
    dispatcher: Dispatcher,
    manifest: Manifest,
    stop: _Stop,
    note: Callable[[str], None],
    on_progress: Callable[[Progress], object] | None,
) -> None:
    run = int(manifest.fact("runs") or 0) + 1
    manifest.set_fact("runs", run)
    began = shown = paced = clock.monotonic()
    manifest.add_pace(run, 0, 0, 0)
    told = 0
    ended = False

    def wait() -> None:
        # Nothing can be finished where nothing can be written: what is in work is left.
        if stop.asked:
            raise _StoppedWaitingError
        dispatcher.wait_for_room()

    manifest.patient = wait
    try:
        while not dispatcher.finished:
            if stop.asked > told:
                told = stop.asked
                if told > 1:
                    note("stopped at once; what was in work will be done again")
                    break
                note("finishing what is in work; once more stops at once")
                dispatcher.stop()
            dispatcher.step(0.1)
            now = clock.monotonic()
            if now - paced > _PACE_S:
                paced = now
                manifest.add_pace(run, dispatcher.items, dispatcher.frames, dispatcher.failed)
            if on_progress is not None and now - shown > _PROGRESS_S:
                shown = now
                on_progress(_progress(dispatcher, now - began))
        ended = not stop.asked
    except _StoppedWaitingError:
        note("stopped at once; what was in work will be done again")
    finally:
        if not ended:
            manifest.patient = None
        try:
            manifest.begin_anew()
            manifest.add_pace(run, dispatcher.items, dispatcher.frames, dispatcher.failed)
            manifest.commit()
        except (PoiseError, _StoppedWaitingError):
            # The journals know what is done; the next run enters it.
            manifest.give_up()
        manifest.patient = None
    if on_progress is not None:
        on_progress(_progress(dispatcher, clock.monotonic() - began))


def _progress(dispatcher: Dispatcher, seconds: float) -> Progress:
    return Progress(
        done=dispatcher.items,
        failed=dispatcher.failed,
        left=dispatcher.left,
        frames=dispatcher.frames + sum(slot.frames for slot in dispatcher.slots),
        seconds=seconds,
        full=dispatcher.full,
        workers=tuple(
            WorkerProgress(
                source=slot.queue[0].source if slot.queue else "",
                frames=slot.frames,
                done=slot.done,
                total=slot.total + slot.frames,
                open=slot.open,
            )
            for slot in dispatcher.slots
        ),
    )


def _stopped(stop: _Stop, report: BatchReport) -> KeyboardInterrupt:
    error = KeyboardInterrupt(
        f"stopped; {report.done} of {report.items} items are done, and the same command goes on with the rest"
    )
    error.code = stop.code  # type: ignore[attr-defined]
    return error
