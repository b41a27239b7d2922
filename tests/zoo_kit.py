"""Small networks, archives of them, and a loopback server with every bad habit: for tests of what is fetched."""

from __future__ import annotations

import io
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from poise.weights import _zoo


def onnx_bytes(seed: int = 0, values: int = 5000) -> bytes:
    """Return a network that adds a few thousand random numbers to its input; another seed, another network."""
    np = pytest.importorskip("numpy")
    onnx = pytest.importorskip("onnx")
    from onnx import helper, numpy_helper

    shift = numpy_helper.from_array(np.random.default_rng(seed).random(values, dtype=np.float32), "shift")
    graph = helper.make_graph(
        [helper.make_node("Add", ["input", "shift"], ["output"])],
        "shift",
        [helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, [1, values])],
        [helper.make_tensor_value_info("output", onnx.TensorProto.FLOAT, [1, values])],
        [shift],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model.SerializeToString()


def archive(network: bytes, name: str = "20230831/some_onnx/end2end.onnx", **more: bytes) -> bytes:
    """Return a zip file as OpenMMLab publishes them: the network some folders down, with papers beside it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("20230831/some_onnx/pipeline.json", "{}")
        opened.writestr(name, network)
        for other, content in more.items():
            opened.writestr(other, content)
    return out.getvalue()


def publish(
    monkeypatch: pytest.MonkeyPatch, name: str, *addresses: str, sha256: str = "", member: str = "end2end.onnx"
) -> None:
    """Let a network of the zoo be found at other addresses."""
    table = _zoo.tables()[name] | {"addresses": list(addresses), "sha256": sha256, "bytes": 0, "member": member}
    monkeypatch.setitem(_zoo.tables(), name, table)


class Handler(BaseHTTPRequestHandler):
    """Serves ``/HABIT/NAME``: the file NAME, by a habit."""

    files: ClassVar[dict[str, bytes]] = {}
    seen: ClassVar[list[tuple[str, str | None]]] = []
    calm: ClassVar[threading.Event] = threading.Event()

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        Handler.seen.append((self.path, wanted))
        habit, _, name = self.path.lstrip("/").partition("/")
        getattr(self, habit.replace("-", "_"))(Handler.files.get(name, b""), wanted)

    def _head(self, body: bytes, wanted: str | None, length: int | None = None, **headers: str) -> bytes:
        """Send the headers; returns what is to follow of the body."""
        etag = f'"{hash(body)}"'
        changed = self.headers.get("If-Range") not in (None, etag)
        start = 0 if changed or not wanted else int(wanted.removeprefix("bytes=").removesuffix("-"))
        if wanted and start >= len(body):
            self.send_error(416)
            return b""
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start if length is None else length))
        self.send_header("ETag", etag)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        return body[start:]

    def good(self, body: bytes, wanted: str | None) -> None:
        self.wfile.write(self._head(body, wanted))

    def slowly(self, body: bytes, wanted: str | None) -> None:
        """The whole file, in a third of a second."""
        rest = self._head(body, wanted)
        for i in range(10):
            time.sleep(0.03)
            self.wfile.write(rest[i * len(rest) // 10 : (i + 1) * len(rest) // 10])

    def cut(self, body: bytes, wanted: str | None) -> None:
        rest = self._head(body, wanted)
        self.wfile.write(rest[: len(rest) // 2])

    def too_short(self, body: bytes, wanted: str | None) -> None:
        """Says that half is all."""
        self.wfile.write(self._head(body, None, length=len(body) // 2)[: len(body) // 2])

    def huge(self, body: bytes, wanted: str | None) -> None:
        self._head(body, None, length=2**50)

    def drip(self, body: bytes, wanted: str | None) -> None:
        rest = self._head(body, wanted)
        for byte in rest:
            if Handler.calm.wait(0.02):
                break
            self.wfile.write(bytes([byte]))

    def silent(self, body: bytes, wanted: str | None) -> None:
        self.wfile.write(self._head(body, wanted)[:100])
        Handler.calm.wait(10)

    def stuck(self, body: bytes, wanted: str | None) -> None:
        """Half of the file and then nothing, the first time; the rest when asked again."""
        rest = self._head(body, wanted)
        if wanted:
            self.wfile.write(rest)
        else:
            self.wfile.write(rest[: len(rest) // 2])
            Handler.calm.wait(10)

    def headers_drip(self, body: bytes, wanted: str | None) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-")
        while not Handler.calm.wait(0.02):
            self.wfile.write(b"a")

    def page(self, body: bytes, wanted: str | None) -> None:
        self.wfile.write(self._head(b"<!DOCTYPE html><html><body>Please sign in</body></html>" * 9, None))

    def nothing(self, body: bytes, wanted: str | None) -> None:
        self._head(b"", None)

    def gone(self, body: bytes, wanted: str | None) -> None:
        self.send_error(404, "Not Found")

    def moved(self, body: bytes, wanted: str | None) -> None:
        self._send_on(self.path.replace("/moved/", "/good/"))

    def moved_to_a_file(self, body: bytes, wanted: str | None) -> None:
        self._send_on("file:///etc/hostname")

    def moved_for_ever(self, body: bytes, wanted: str | None) -> None:
        self._send_on(self.path)

    def _send_on(self, where: str) -> None:
        self.send_response(302)
        self.send_header("Location", where)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def handle(self) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # the client has given up, as it should
            super().handle()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(**files: bytes) -> Iterator[str]:
    """Serve files on loopback; gives the address that habits and names are put after."""
    Handler.files, Handler.seen, Handler.calm = dict(files), [], threading.Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=lambda: running.serve_forever(poll_interval=0.01), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}"
        finally:
            Handler.calm.set()
            running.shutdown()
            thread.join()


def asked(habit: str = "") -> list[tuple[str, str | None]]:
    """Return what the server was asked: path and range."""
    return [entry for entry in Handler.seen if entry[0].startswith(f"/{habit}")]


class Twice:
    """Stands in for the top-down estimator: opens the networks of its card when it is built."""

    def __init__(self, card: Any, open_network: Any, skeleton: Any) -> None:
        self.card, self.skeleton, self.names = card, skeleton, {0: skeleton.instance}
        self.sessions = {name: open_network(name) for name in card.networks}
