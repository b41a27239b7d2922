"""Videos as jobs: uploaded, looked at frame by frame in turn with everybody else, kept for a while, removed."""

from __future__ import annotations

import io
import logging
import secrets
import shutil
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from poise.errors import PoiseError, SourceError, require
from poise.files.text import brief, one_line
from poise.files.writing import writing
from poise.frames import Frame
from poise.live import Answer, Stream, StreamSettings
from poise.server.metrics import Labels, Metrics
from poise.server.pool import Full, Stopped
from poise.server.refused import told
from poise.server.settings import ServerSettings
from poise.sinks import CsvSink, JsonLinesSink, VideoSink
from poise.sources import open_source

_log = logging.getLogger("poise")

# Videos that are worked on together; their frames take turns with everybody's.
_TOGETHER = 2
# Finished videos whose files are kept; of more, the oldest go.
_MOST_KEPT = 32
_MOST_NOTES = 20
# Pictures are for another path: a reader would take them whole into memory.
_STILLS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"%PDF")
FILES = {
    "results.jsonl": "application/x-ndjson",
    "results.csv": "text/csv",
    "events.jsonl": "application/x-ndjson",
    "annotated.mp4": "video/mp4",
}


@dataclass(eq=False)
class Job:
    """One video.

    Attributes:
        id: Who knows it may see the video's results: nobody can guess it.
        name: What the client calls the video.
        folder: Where the upload and the results lie.
        settings: What is looked for.
        annotated: Whether the drawn video is wanted.
        state: ``queued``, ``running``, ``done``, ``failed`` or ``stopped``.
        frames: Frames done.
        total: Frames of the video as its file states it, None where it does not.
        error: What went wrong, in one sentence.
        notes: What was damaged or assumed.
        reps: How far everybody was who was counted, at the end.
        ended: When it ended, on the monotonic clock.
        stop: Set to end it early.
    """

    id: str
    name: str
    folder: Path
    settings: StreamSettings
    annotated: bool = True
    state: str = "queued"
    frames: int = 0
    total: int | None = None
    error: str | None = None
    notes: list[str] = field(default_factory=list)
    reps: list[dict[str, Any]] = field(default_factory=list)
    ended: float | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def upload(self) -> Path:
        """The file that was sent, under a name that says nothing."""
        return self.folder / "upload"

    @property
    def progress(self) -> float | None:
        """From 0 to 1; None where the file does not say how long it is."""
        if self.state == "done":
            return 1.0
        return min(1.0, self.frames / self.total) if self.total else None


class Videos:
    """The videos that wait, are worked on, or are kept.

    Args:
        settings: How many, how long, how large.
        run: Does a piece of work when it is a client's turn, and waits for it.
        open_stream: Begins a stream with settings.
        work: Gives the folder under which each has its own.
        metrics: Where failures are counted.
    """

    def __init__(
        self,
        settings: ServerSettings,
        run: Callable[[Any, Callable[[], Any]], Any],
        open_stream: Callable[[StreamSettings, str], Stream],
        work: Callable[[], Path],
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._run_frame = run
        self._open_stream = open_stream
        self._work = work
        self._metrics = metrics
        self._jobs: dict[str, Job] = {}
        self._coming: set[str] = set()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(_TOGETHER, thread_name_prefix="poise-video")
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether a video is worked on."""
        return any(job.state == "running" for job in list(self._jobs.values()))

    def states(self) -> dict[Labels, float]:
        """Return how many videos are in each state."""
        found = Counter(job.state for job in list(self._jobs.values()))
        return {(("state", one),): float(found[one]) for one in ("queued", "running", "done", "failed", "stopped")}

    def check_room(self) -> None:
        """Raise where no video can be taken.

        Raises:
            Full: As many come, wait or are worked on as may be.
            MissingExtra: Videos cannot be read here.
        """
        require("av", extra="video", feature="reading video")
        active = sum(job.state in ("queued", "running") for job in list(self._jobs.values())) + len(self._coming)
        if active >= self._settings.max_jobs:
            raise Full(f"the server is busy: {active} videos are worked on already", 30)

    def prepare(self) -> Job:
        """Take a new video, and make the folder into which its bytes can be written; then start or discard it.

        Raises:
            Full: As many come, wait or are worked on as may be.
            MissingExtra: Videos cannot be read here.
            PoiseError: The folder cannot be made.
            Stopped: The server is being stopped.
        """
        self.sweep()
        key = secrets.token_urlsafe(18)
        folder = self._work() / key
        with self._lock:
            if self._closed:
                raise Stopped()
            self.check_room()
            self._coming.add(key)
        try:
            with writing("the upload"):
                folder.mkdir(mode=0o700)
        except BaseException:
            self._coming.discard(key)
            raise
        return Job(key, "", folder, StreamSettings())

    def start(self, job: Job) -> None:
        """Queue a video whose bytes have come.

        Raises:
            Stopped: The server is being stopped.
        """
        with self._lock:
            if self._closed:
                raise Stopped()
            self._coming.discard(job.id)
            self._jobs[job.id] = job
            self._threads.submit(self._run, job)

    def get(self, key: str) -> Job | None:
        """Return a video by its id, None where there is none (any more)."""
        self.sweep()
        return self._jobs.get(key)

    def record(self, job: Job) -> dict[str, Any]:
        """Return what is told of a video, as plain values."""
        ready = job.state in ("done", "stopped", "failed")
        there = [name for name in FILES if ready and (job.folder / name).is_file()]
        left = None if job.ended is None else max(0.0, round(job.ended + self._settings.keep_s - monotonic(), 1))
        return {
            "id": job.id,
            "name": job.name,
            "state": job.state,
            "progress": None if job.progress is None else round(job.progress, 4),
            "frames": job.frames,
            "total": job.total,
            "error": job.error,
            "notes": list(job.notes),
            "reps": list(job.reps),
            "files": [{"name": name, "bytes": (job.folder / name).stat().st_size} for name in there],
            "removed_in_s": left,
        }

    def remove(self, job: Job) -> None:
        """Stop a video and remove all that is kept of it."""
        job.stop.set()
        with self._lock:
            self._jobs.pop(job.id, None)
        if job.state not in ("queued", "running"):  # else its thread removes the folder
            self.discard(job)

    def discard(self, job: Job) -> None:
        """Remove the folder of a video."""
        self._coming.discard(job.id)
        shutil.rmtree(job.folder, ignore_errors=True)

    def sweep(self) -> None:
        """Remove the videos whose time is over, and the oldest where too many are kept."""
        now = monotonic()
        ended = sorted(
            (job for job in list(self._jobs.values()) if job.ended is not None), key=lambda job: job.ended or 0.0
        )
        surplus = ended[: max(0, len(ended) - _MOST_KEPT)]
        for job in ended:
            if job in surplus or (job.ended or now) + self._settings.keep_s <= now:
                self.remove(job)

    def take_no_more(self) -> None:
        """Refuse new videos and give up those that wait; the ones that are worked on go on."""
        with self._lock:
            self._closed = True
        for job in list(self._jobs.values()):
            if job.state == "queued":
                job.stop.set()

    def close(self) -> None:
        """Stop all videos and remove what is kept of them."""
        self.take_no_more()
        for job in list(self._jobs.values()):
            job.stop.set()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for job in list(self._jobs.values()):
            self.remove(job)
            self.discard(job)

    def _run(self, job: Job) -> None:
        """Work on one video, in a thread of its own."""
        try:
            if not job.stop.is_set():
                job.state = "running"
                self._look(job)
            state = "stopped" if job.stop.is_set() else "done"
        except Exception as error:  # noqa: BLE001 - told to the client, or logged: the thread goes on
            _, job.error, _ = told(error)
            state = "failed"
            if not job.frames:  # files without a line say less than none
                for name in FILES:
                    (job.folder / name).unlink(missing_ok=True)
            self._metrics.count("poise_errors_total", what="video")
        finally:
            job.upload.unlink(missing_ok=True)
        job.ended = monotonic()
        job.state = state
        if job.id not in self._jobs:
            self.discard(job)
            return
        # So that the files go in time on a server that nobody asks any more.
        timer = threading.Timer(self._settings.keep_s + 1.0, self.sweep)
        timer.daemon = True
        timer.start()

    def _look(self, job: Job) -> None:
        began = monotonic()
        with ExitStack() as stack:
            file = stack.enter_context(_Named(job.upload, job.name))
            if file.peek(4)[:4].startswith(_STILLS):
                raise SourceError(f"{job.name}: a picture, not a video; send it to /predict")
            source = stack.enter_context(
                open_source(
                    file,
                    prefetch=2,
                    max_pixels=self._settings.max_pixels,
                    on_error=partial(_note, job),
                    on_note=partial(_note, job),
                )
            )
            stream = self._run_frame(job.id, lambda: self._open_stream(job.settings, job.name))
            results = stack.enter_context(JsonLinesSink(job.folder / "results.jsonl"))
            events = stack.enter_context(JsonLinesSink(job.folder / "events.jsonl"))
            sinks = [results, stack.enter_context(CsvSink(job.folder / "results.csv"))]
            if job.annotated:
                sinks.append(stack.enter_context(VideoSink(job.folder / "annotated.mp4")))
            for frame in source:
                job.total = frame.media.frames
                answer: Answer = self._run_frame(job.id, partial(_process, stream, frame))
                # Its source is the video, not a stream of frames, so that the drawn video keeps its rate.
                result = answer.result.replace(media=frame.media)
                for sink in sinks:
                    sink.write(result)
                for event in answer.events:
                    events.write_record(event.record())
                job.reps = [one.record() for one in answer.reps]
                job.frames += 1
                if job.stop.is_set():
                    return
                if job.frames >= self._settings.max_frames or monotonic() - began > self._settings.work_s:
                    _note(job, f"{job.name}: stopped after {job.frames} frames, the most that this server looks at")
                    break
            for event in stream.finish():
                events.write_record(event.record())
        if not job.frames:
            raise SourceError(job.notes.pop() if job.notes else f"{job.name}: no picture came")


def _process(stream: Stream, frame: Frame) -> Answer:
    return stream.process(frame.image, frame.time)


def _note(job: Job, text: PoiseError | str) -> None:
    if len(job.notes) < _MOST_NOTES:
        job.notes.append(brief(one_line(text)))


class _Named(io.BufferedReader):
    """An upload that readers call by the client's name."""

    def __init__(self, path: Path, name: str) -> None:
        super().__init__(io.FileIO(path))
        self._name = name

    @property
    def name(self) -> str:
        """What errors and results call it."""
        return self._name
