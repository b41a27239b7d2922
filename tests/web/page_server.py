"""A small server on the loopback that serves the page and answers its streams, as the contract between them says."""

from __future__ import annotations

import io
import json
import mimetypes
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image as Pictures

import poise
from poise import Pose
from poise.errors import PoiseError
from poise.live import Stream, StreamSettings
from poise.reps import exercise_names

PAGE = Path(poise.__file__).parent / "web" / "page"
# What a server should send with every page, and the strictest that this one works under.
POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; media-src 'self' blob:; "
    "img-src 'self' blob:; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Referrer-Policy": "no-referrer",
}
MODELS = [
    {"name": "body-fast", "title": "Body, fast", "notes": "17 keypoints; for cameras."},
    {"name": "body", "title": "Body", "notes": "17 keypoints; finds small people better."},
]


class Server:
    """Serves the page.

    Attributes:
        address: Where it is, such as ``http://127.0.0.1:40123/``.
        full: Refuse new streams with this sentence.
        token: What streams and lists ask for, where it is not None.
        files: Served in place of the page's own: path to kind and text.
        model: What finds keypoints; ``keypoints`` are their names.
        settings: What the last client asked for.
        frames: Frames that were looked at.
    """

    def __init__(self, model: Pose) -> None:
        from websockets.sync.server import serve

        self.model = model
        self.keypoints = list(model.skeleton.keypoints)
        self.files: dict[str, tuple[str, str]] = {}
        self.full: str | None = None
        self.token: str | None = None
        self.settings: dict[str, Any] = {}
        self.frames = 0
        self._clients: set[Any] = set()
        self._gone = threading.Condition()
        self._server = serve(self._stream, "127.0.0.1", 0, process_request=self._page, max_size=1 << 24)
        port = self._server.socket.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def drop(self) -> None:
        """Cut all connections, as a network does."""
        for client in list(self._clients):
            with suppress(OSError):  # gone meanwhile
                client.socket.shutdown(2)

    def close(self) -> None:
        self.drop()
        self._server.shutdown()
        with self._gone:
            self._gone.wait_for(lambda: not self._clients)

    def _page(self, connection: Any, request: Any) -> Any:
        from websockets.datastructures import Headers
        from websockets.http11 import Response

        path, query = urlsplit(request.path).path, urlsplit(request.path).query
        if path == "/stream":
            return None if self.token is None or query == f"token={self.token}" else connection.respond(401, "")
        listed = {"/models": MODELS, "/exercises": list(exercise_names()), "/health": {"status": "ok"}}
        file = (PAGE / (path.strip("/") or "index.html")).resolve()
        if path in self.files:
            status, kind, body = 200, self.files[path][0], self.files[path][1].encode()
        elif path in listed and self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            status, kind, body = 401, "application/json", b'{"error": "a token is needed"}'
        elif path in listed:
            status, kind, body = 200, "application/json", json.dumps(listed[path]).encode()
        elif file.is_file() and file.is_relative_to(PAGE):
            status, kind, body = 200, mimetypes.guess_type(file.name)[0] or "text/plain", file.read_bytes()
        else:
            status, kind, body = 404, "application/json", b'{"error": "not here"}'
        headers = Headers(
            {**HEADERS, "Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-store"}
        )
        return Response(status, {200: "OK", 401: "Unauthorized"}.get(status, "Not Found"), headers, body)

    def _stream(self, socket: Any) -> None:
        """Speak with one client: what arrives while a frame is looked at waits in one place, the newest wins."""
        from websockets.exceptions import ConnectionClosed

        if self.full:
            socket.send(json.dumps({"type": "error", "error": self.full}))
            socket.close(1013, self.full)
            return
        self._clients.add(socket)
        state = threading.Condition()
        waiting: list[Any] = []
        dropped = 0

        def receive() -> None:
            nonlocal dropped
            try:
                for message in socket:
                    with state:
                        if isinstance(message, bytes) and waiting and isinstance(waiting[-1], bytes):
                            waiting.pop()
                            dropped += 1
                        waiting.append(message)
                        state.notify()
            except ConnectionClosed:
                pass
            finally:
                with state:
                    waiting.append(None)
                    state.notify()

        thread = threading.Thread(target=receive, daemon=True)
        thread.start()
        stream: Any = None
        try:
            while True:
                with state:
                    state.wait_for(lambda: waiting)
                    message, missed = waiting.pop(0), dropped
                if message is None:
                    return
                if isinstance(message, bytes):
                    with state:
                        dropped -= missed
                    socket.send(json.dumps(self._look(stream, message, missed)))
                    continue
                asked = json.loads(message)
                if asked.pop("type") == "settings":
                    self.settings = asked
                    try:
                        stream = Stream(StreamSettings.parse(asked), model=self.model)
                    except (ValueError, PoiseError) as error:
                        socket.send(json.dumps({"type": "error", "error": str(error)}))
                        continue
                    socket.send(json.dumps(_ready(stream)))
                elif stream is not None:
                    stream.reset()
        except ConnectionClosed:
            pass
        finally:
            with self._gone:
                self._clients.discard(socket)
                self._gone.notify_all()

    def _look(self, stream: Any, message: bytes, dropped: int) -> dict[str, Any]:
        magic, time, number = struct.unpack_from("<4sdI", message)
        assert magic == b"PSF1"
        with Pictures.open(io.BytesIO(message[16:])) as picture:
            image = np.ascontiguousarray(np.asarray(picture.convert("RGB"))[..., ::-1])
        self.frames += 1
        return {"type": "answer", "seq": number, **stream.process(image, time).record(), "dropped": dropped}


def _ready(stream: Stream) -> dict[str, Any]:
    skeleton = stream.model.skeleton
    return {
        "type": "ready",
        "model": stream.settings.model,
        "skeleton": {
            "name": skeleton.name,
            "keypoints": list(skeleton.keypoints),
            "edges": [list(edge) for edge in skeleton.edges],
            "flip_idx": list(skeleton.flip_idx),
            "sigmas": [float(sigma) for sigma in skeleton.sigmas],
        },
        "settings": stream.settings.record(),
    }


@contextmanager
def serve_page() -> Iterator[Server]:
    """The page with real networks behind it, for a ``with`` block."""
    with Pose("body-fast", threads=1) as model:
        server = Server(model)
        try:
            yield server
        finally:
            server.close()
