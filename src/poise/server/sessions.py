"""One WebSocket client: frames in, answers out, one :class:`~poise.live.Stream` of its own.

While a frame is looked at, only the newest of those that come is kept; ``dropped`` tells how many were not looked at.
"""

from __future__ import annotations

import asyncio
import json
import struct
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any, TypeVar

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from poise.errors import PoiseError, suggest
from poise.live import Stream, StreamSettings
from poise.live.stream import frame_time
from poise.server.asked import of_message
from poise.server.pool import Full
from poise.server.refused import body, told
from poise.server.service import KINDS, Service
from poise.sinks import JsonLinesSink
from poise.sources import decode_picture

T = TypeVar("T")

# A frame that says when it was taken: mark, seconds, number.
_MARK = b"PSF1"
_HEAD = struct.Struct("<4sdI")
_MOST_TEXT = 65_536
# Settings and the like that may wait behind a frame.
_MOST_WAITING = 16
_TYPES = ("settings", "reset", "finish")

# Codes of RFC 6455, 7.4.1, and of IANA's registry.
_GOING_AWAY, _POLICY, _TOO_BIG, _TRY_LATER = 1001, 1008, 1009, 1013


@dataclass(slots=True)
class _Picture:
    """A frame as it came."""

    data: bytes
    time: float
    seq: int
    came: float


@dataclass(slots=True)
class _Failure:
    """What is wrong with a message, told in its turn."""

    sentence: str
    seq: int | None = None


class _End(Exception):
    """The connection is to be closed.

    Attributes:
        code: WebSocket's code.
    """

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class _Inbox:
    """What came and was not looked at: messages in order, of frames without a message between them the newest."""

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._there = asyncio.Event()
        self.dropped = 0

    def put(self, item: Any) -> None:
        """Take one message.

        Raises:
            _End: Too many wait.
        """
        if isinstance(item, _Picture) and self._items and isinstance(self._items[-1], _Picture):
            self._items[-1] = item
            self.dropped += 1
        elif len(self._items) >= _MOST_WAITING:
            raise _End(_POLICY, f"more than {_MOST_WAITING} messages wait for an answer; wait for it")
        else:
            self._items.append(item)
        self._there.set()

    async def get(self) -> Any:
        """Wait for the next message."""
        while not self._items:
            self._there.clear()
            await self._there.wait()
        return self._items.popleft()


class _Rate:
    """Counts messages a second: as many as allowed on average, twice as many at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = 2.0 * most
        self._last = perf_counter()

    def check(self) -> None:
        """Count one message.

        Raises:
            _End: There are too many.
        """
        now = perf_counter()
        self._left = min(2.0 * self._most, self._left + (now - self._last) * self._most) - 1.0
        self._last = now
        if self._left < 0:
            raise _End(_POLICY, f"more than {self._most} messages a second; send fewer")


class Session:
    """What one client is, from its connection to its end.

    Args:
        service: What answers.
        socket: The connection, not accepted yet.
    """

    def __init__(self, service: Service, socket: WebSocket) -> None:
        self._service = service
        self._socket = socket
        self._inbox = _Inbox()
        self._base = StreamSettings(model=service.shelf.default)
        self._settings = self._base
        self._stream: Stream | None = None
        self._sink: JsonLinesSink | None = None
        # A worker may still look at a frame of a client that has gone.
        self._writing = threading.Lock()
        self._number = 0
        self._began: float | None = None
        self._count = 0
        self._leaving = asyncio.Event()

    async def run(self) -> None:
        """Serve the client until it goes, does what it may not, or the server is stopped."""
        await self._socket.accept()
        loop = asyncio.get_running_loop()
        try:
            with self._service.client(lambda: loop.call_soon_threadsafe(self._leaving.set)) as self._number:
                await self._serve()
        except Full as full:
            await self._close(_TRY_LATER, str(full))
        except _End as end:
            await self._close(end.code, str(end))
        except (WebSocketDisconnect, RuntimeError, OSError):
            pass  # the client is gone: there is nobody to tell
        finally:
            with self._writing, suppress(PoiseError):
                sink, self._sink = self._sink, None
                if sink is not None:
                    sink.close()

    async def _serve(self) -> None:
        with suppress(PoiseError):
            self._sink = self._service.recording(self._number)
        tasks = [asyncio.create_task(work()) for work in (self._read, self._work)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        """Take messages as they come, so that a frame that waits can be replaced."""
        rate = _Rate(self._service.settings.max_messages)
        while True:
            try:
                message = await asyncio.wait_for(self._socket.receive(), self._service.settings.idle_s)
            except TimeoutError:
                raise _End(_POLICY, "no message came for long; connect again to go on") from None
            if message["type"] == "websocket.disconnect":
                return
            rate.check()
            data = message.get("bytes")
            self._inbox.put(self._text(message.get("text") or "") if data is None else self._picture(data))

    def _picture(self, data: bytes) -> _Picture | _Failure:
        now = perf_counter()
        self._began = now if self._began is None else self._began
        seq, self._count = self._count, self._count + 1
        if data[:4] != _MARK:
            self._check_size(data)
            return _Picture(data, now - self._began, seq, now)
        if len(data) <= _HEAD.size:
            return _Failure(f"a frame that begins with PSF1 has more than {_HEAD.size} bytes, got {len(data)}", seq)
        _, time, seq = _HEAD.unpack_from(data)
        try:
            time = frame_time(time)
        except ValueError as error:
            return _Failure(str(error), seq)
        self._check_size(data)
        return _Picture(data[_HEAD.size :], time, seq, now)

    def _check_size(self, data: bytes) -> None:
        most = self._service.settings.max_frame
        if len(data) > most:
            raise _End(_TOO_BIG, f"a frame has at most {most:,} bytes, got {len(data):,}")

    def _text(self, text: str) -> dict[str, Any] | _Failure:
        if len(text) > _MOST_TEXT:
            return _Failure(f"a text message has at most {_MOST_TEXT:,} characters, got {len(text):,}")
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            return _Failure(f"a text message must be JSON, got {text[:40]!r}")
        if not isinstance(message, dict):
            return _Failure(f"a text message must be a JSON object, got {text[:40]!r}")
        kind = message.get("type")
        if kind not in _TYPES:
            known = suggest(str(kind)[:40], _TYPES)
            return _Failure(f"no message of type {str(kind)[:40]!r}{known}")
        return message

    async def _work(self) -> None:
        """Look at messages one after the other."""
        leaving = asyncio.create_task(self._leaving.wait())
        waiting: set[asyncio.Task[Any]] = {leaving}
        try:
            while True:
                following = asyncio.create_task(self._inbox.get())
                waiting.add(following)
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if leaving.done():
                    raise _End(_GOING_AWAY, "the server is being stopped; try again later")
                waiting.remove(following)
                await self._handle(following.result())
        finally:
            for task in waiting:
                task.cancel()

    async def _handle(self, item: Any) -> None:
        if isinstance(item, _Failure):
            await self._fail(item.sentence, item.seq)
            return
        seq = item.seq if isinstance(item, _Picture) else None
        try:
            if isinstance(item, _Picture):
                await self._answer(item)
            elif item["type"] == "settings":
                most = self._service.settings.max_imgsz
                await self._begin(of_message(item, self._base, most_imgsz=most))
            elif item["type"] == "reset":
                if self._stream is not None:
                    self._stream.reset()
            else:
                events = [] if self._stream is None else [event.record() for event in self._stream.finish()]
                ended = {"type": "finished", "events": events}
                self._keep(ended)
                await self._say(json.dumps(ended))
        except (_End, WebSocketDisconnect):
            raise
        except Exception as error:  # noqa: BLE001 - told to the client or logged; the session goes on
            await self._fail(told(error)[1], seq)

    async def _begin(self, settings: StreamSettings) -> None:
        """Begin a stream with settings, unless they are those of the one that runs."""
        if self._stream is None or settings != self._settings:
            self._service.shelf.check(settings.model)
            self._stream = await self._run(partial(self._service.open_stream, settings))
            self._settings = settings
        skeleton = self._stream.model.skeleton
        ready = {
            "type": "ready",
            "model": settings.model,
            "skeleton": {
                "name": skeleton.name,
                "keypoints": list(skeleton.keypoints),
                "edges": [list(edge) for edge in skeleton.edges],
                "flip_idx": list(skeleton.flip_idx),
                "sigmas": [round(float(one), 4) for one in skeleton.sigmas],
                "colours": {side: list(colour) for side, colour in skeleton.colours.items()},
            },
            "settings": settings.record(),
        }
        await self._say(json.dumps(ready))

    async def _answer(self, picture: _Picture) -> None:
        if self._stream is None:
            await self._begin(self._settings)
        assert self._stream is not None
        dropped, self._inbox.dropped = self._inbox.dropped, 0
        if dropped:
            self._service.metrics.count("poise_dropped_frames_total", dropped)
        try:
            text = await self._run(partial(self._look, self._stream, picture, dropped))
        except BaseException:
            self._inbox.dropped += dropped  # told with the next answer
            raise
        await self._say(text)
        self._service.metrics.count("poise_frames_total")
        self._service.metrics.observe("poise_frame_seconds", perf_counter() - picture.came)

    def _look(self, stream: Stream, picture: _Picture, dropped: int) -> str:
        """Look at one frame; in a worker."""
        started = perf_counter()
        limit = self._service.settings.max_pixels
        image = decode_picture(picture.data, name="frame", kinds=KINDS, max_pixels=limit)
        decoded = perf_counter()
        answer = stream.process(image, picture.time).record()
        answer["speed"] = {"decode": round((decoded - started) * 1e3, 3), **answer["speed"]}
        self._service.metrics.observe("poise_inference_seconds", answer["speed"].get("inference", 0.0) / 1e3)
        record = {"type": "answer", "seq": picture.seq, **answer, "dropped": dropped}
        self._keep(record)
        return json.dumps(record)

    def _keep(self, record: dict[str, Any]) -> None:
        """Write an answer where sessions are kept."""
        with self._writing:
            if self._sink is None:
                return
            try:
                self._sink.write_record(record)
            except PoiseError as error:
                told(error)
                self._sink = None

    async def _run(self, work: Callable[[], T]) -> T:
        """Have a worker do something when it is this client's turn."""
        return await asyncio.wrap_future(self._service.pool.submit(("client", self._number), work, always=True))

    async def _fail(self, sentence: str, seq: int | None) -> None:
        self._service.metrics.count("poise_errors_total", what="frame")
        await self._say(json.dumps({"type": "error", **body(sentence), **({} if seq is None else {"seq": seq})}))

    async def _say(self, text: str) -> None:
        try:
            await asyncio.wait_for(self._socket.send_text(text), self._service.settings.send_s)
        except TimeoutError:
            raise _End(_POLICY, "answers were not taken in time") from None

    async def _close(self, code: int, sentence: str) -> None:
        """Say why, and close; a client that takes nothing is not waited for."""
        if self._socket.application_state is not WebSocketState.CONNECTED:
            return
        with suppress(TimeoutError, WebSocketDisconnect, RuntimeError, OSError):
            async with asyncio.timeout(1.0):
                await self._socket.send_text(json.dumps({"type": "error", **body(sentence)}))
                await self._socket.close(code, sentence[:120])
