"""What works behind the paths: models, workers, videos, counters, and the folder in which uploads lie for a while."""

from __future__ import annotations

import atexit
import itertools
import secrets
import tempfile
import threading
from collections.abc import Callable
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from poise.estimators import estimate_stream
from poise.frames import Frame, Media
from poise.live import Stream, StreamSettings
from poise.results import Results
from poise.server.asked import Asked
from poise.server.metrics import Metrics
from poise.server.pool import Full, Pool
from poise.server.settings import ServerSettings
from poise.server.shelf import Shelf
from poise.server.videos import Videos
from poise.sinks import JsonLinesSink
from poise.sources import decode_picture

if TYPE_CHECKING:
    from collections.abc import Iterator

# What browsers and cameras send; every other decoder would be one more for strangers to try.
KINDS = ("JPEG", "PNG", "WEBP", "BMP", "AVIF")


class Service:
    """Everything that a server's answers are made by. Any thread may use it.

    Args:
        settings: What is offered, and how much of it.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.shelf = Shelf(settings.models, device=settings.device, threads=settings.threads)
        assert settings.workers is not None
        self.pool = Pool(settings.workers, settings.queue)
        self.metrics = Metrics()
        self.videos = Videos(settings, self.run_frame, self.open_stream, self.folder, self.metrics)
        self.began = perf_counter()
        self.closing = False
        self.clients = 0
        self._numbers = itertools.count(1)
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._lock = threading.Lock()
        self._held = 0
        self._leave: list[Callable[[], object]] = []
        self._gauges()
        atexit.register(self.close)

    def folder(self) -> Path:
        """Return the folder of what is uploaded, which only this user may look into; it goes when the server does."""
        with self._lock:
            # Systems remove what lies in their temporary folder for long.
            if self._folder is None or not Path(self._folder.name).is_dir():
                self._folder = tempfile.TemporaryDirectory(prefix="poise-serve-", ignore_cleanup_errors=True)
            return Path(self._folder.name)

    @contextmanager
    def client(self, leave: Callable[[], object]) -> Iterator[int]:
        """Let in one WebSocket client; gives its number.

        Args:
            leave: Called, in any thread, when the client is to be let go because the server is being stopped.

        Raises:
            Full: There are as many as may be.
        """
        with self._lock:
            if self.clients >= self.settings.max_clients:
                raise Full(f"the server is full: {self.clients} clients are connected", 10)
            self.clients += 1
            self._leave.append(leave)
        try:
            yield next(self._numbers)
        finally:
            with self._lock:
                self.clients -= 1
                self._leave.remove(leave)

    @contextmanager
    def held(self) -> Iterator[Callable[[int], None]]:
        """Count the bytes of one request that are in memory, until it is answered.

        Gives what is called with the bytes that come.

        Raises:
            Full: All requests together hold as much as they may.
        """
        mine = 0

        def hold(count: int) -> None:
            nonlocal mine
            with self._lock:
                if self._held + count > self.settings.max_bodies:
                    raise Full("the server is busy: other requests fill the memory that it has for them", 2)
                self._held += count
                mine += count

        try:
            yield hold
        finally:
            with self._lock:
                self._held -= mine

    def predict(self, data: bytes, name: str, asked: Asked) -> Results:
        """Find keypoints in one picture; called in a worker.

        Raises:
            ModelError: The model is not offered, or cannot be used.
            SourceError: The bytes are no picture, or too large a one.
        """
        estimator = self.shelf.open(asked.model).estimator
        image = decode_picture(data, name=name, kinds=KINDS, max_pixels=self.settings.max_pixels)
        result = next(iter(estimate_stream([Frame(image, Media(name))], estimator, asked.options)))
        self.metrics.observe("poise_inference_seconds", result.speed.get("inference", 0.0) / 1e3)
        return result

    def open_stream(self, settings: StreamSettings, name: str = "stream") -> Stream:
        """Begin a stream; called in a worker.

        Raises:
            ModelError: The model is not offered, or cannot be used.
            ValueError: The model's skeleton is not one that the settings can be used with.
        """
        model = self.shelf.open(settings.model)
        hands = self.shelf.hands() if settings.gestures else None
        return Stream(settings, model=model, hands=hands, name=name)

    def run_frame(self, client: Any, work: Callable[[], Any]) -> Any:
        """Do one piece of a video's work when it is its turn, and wait for it; of a thread of the video's own."""
        return self.pool.submit(client, work, always=True).result()

    def recording(self, number: int) -> JsonLinesSink | None:
        """Return where a session's answers are kept, None where they are not."""
        if self.settings.record is None:
            return None
        began = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        return JsonLinesSink(self.settings.record / f"{began}-{number}-{secrets.token_hex(4)}.jsonl")

    @property
    def busy(self) -> bool:
        """Whether any work is going on that is finished before the server ends."""
        return self.pool.busy or self.videos.busy or self.clients > 0

    def stop(self) -> None:
        """Take no new work, and let live clients go after the frame that they wait for; returns at once."""
        self.closing = True
        self.videos.take_no_more()
        with self._lock:
            leave = list(self._leave)
        for one in leave:
            with suppress(RuntimeError):  # its event loop has ended without it
                one()

    def close(self) -> None:
        """End all work and remove what was uploaded. Calling it again does nothing."""
        atexit.unregister(self.close)
        self.stop()
        self.videos.close()
        self.pool.close()
        self.shelf.close()
        with self._lock:
            folder, self._folder = self._folder, None
        if folder is not None:
            with suppress(OSError):
                folder.cleanup()

    def check(self) -> None:
        """Open the default model and try what is written, so that whoever starts a server hears at once what is wrong.

        Raises:
            PoiseError: The model cannot be used, or the folder of ``record`` cannot be written to.
        """
        from poise.files.writing import check_folder

        if self.settings.record is not None:
            check_folder(self.settings.record)
        for name in self.settings.models or (self.shelf.default,):
            self.shelf.open(Path(name).name if Path(name).suffix else name)

    def _gauges(self) -> None:
        gauge = self.metrics.gauge
        gauge("poise_queue", lambda: {(): self.pool.waiting})
        gauge("poise_queue_room", lambda: {(): self.pool.room})
        gauge("poise_workers", lambda: {(): self.pool.workers})
        gauge("poise_clients", lambda: {(): self.clients})
        gauge("poise_jobs", self.videos.states)
