"""What strangers send: broken pictures, broken requests, slow and lying ones. The next honest request is answered."""

from __future__ import annotations

import contextlib
import io
import json
import random
import socket
import struct
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import PIL.Image
import pytest
from server_kit import running

from poise.live import stream
from poise.results import Results
from poise.server import create_app, service

connect = pytest.importorskip("websockets.sync.client").connect


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where temporary files of this process go."""
    folder = tmp_path_factory.mktemp("temporary")
    before = tempfile.tempdir
    tempfile.tempdir = str(folder)
    yield folder
    tempfile.tempdir = before


@pytest.fixture(scope="module")
def strict(place: Path) -> Iterator[tuple[str, Any]]:
    with running(body_s=1.0, max_body=2_000_000, max_messages=2000, workers=2) as there:
        yield there


@pytest.fixture
def honest(strict: tuple[str, Any], picture: bytes, caplog: pytest.LogCaptureFixture) -> Iterator[str]:
    """The server's address; afterwards it is as well as before."""
    yield strict[0]
    answer = httpx.post(f"http://{strict[0]}/predict", content=picture, timeout=30)
    assert answer.status_code == 200
    assert len(answer.json()["instances"]) > 0
    assert "Traceback" not in caplog.text


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything happen to a picture but the network, which takes longer than all else."""

    def nothing(frames: Any, estimator: Any, *_: Any, **__: Any) -> Iterator[Results]:
        for frame in frames:
            yield Results.of(frame, skeleton=estimator.skeleton, names=estimator.names)

    monkeypatch.setattr(service, "estimate_stream", nothing)
    monkeypatch.setattr(stream, "estimate_stream", nothing)


def broken(data: bytes, chance: random.Random) -> bytes:
    """Return a picture as a bad line or a bad man would have it."""
    made = bytearray(data)
    kind = chance.randrange(5)
    if kind == 0:
        return bytes(made[: chance.randrange(len(made))])
    if kind == 1:
        for _ in range(chance.randrange(1, 20)):
            made[chance.randrange(len(made))] = chance.randrange(256)
    elif kind == 2:  # the head, where sizes and tables are
        for _ in range(chance.randrange(1, 6)):
            made[chance.randrange(min(700, len(made)))] = chance.randrange(256)
    elif kind == 3:
        at = chance.randrange(len(made))
        made[at : at + chance.randrange(200)] = chance.randbytes(chance.randrange(200))
    else:
        return data[:4] + chance.randbytes(chance.randrange(400))
    return bytes(made)


@pytest.fixture(scope="module")
def seeds(picture: bytes) -> list[bytes]:
    """Small pictures of every kind that is taken."""
    small = PIL.Image.open(io.BytesIO(picture)).resize((96, 64))
    found = []
    for kind in ("JPEG", "PNG", "WEBP", "BMP"):
        out = io.BytesIO()
        small.save(out, kind)
        found.append(out.getvalue())
    return found


def test_a_thousand_broken_uploads(honest: str, no_network: None, seeds: list[bytes]) -> None:
    chance = random.Random(1)
    codes = set()
    with httpx.Client(base_url=f"http://{honest}", timeout=30) as client:
        for i in range(1000):
            data = broken(seeds[i % len(seeds)], chance)
            if i % 3:
                answer = client.post("/predict", content=data)
            else:
                answer = client.post("/predict", files={"image": ("../../etc/cron.d/x", data)})
            codes.add(answer.status_code)
            found = answer.json()
            assert set(found) == {"error"} or "instances" in found
            assert "Traceback" not in answer.text
            if "error" in found:
                assert "\n" not in found["error"]
                assert len(found["error"]) <= 1000

    assert codes <= {200, 400, 422}
    assert 422 in codes


def test_a_thousand_broken_frames(honest: str, no_network: None, seeds: list[bytes]) -> None:
    chance = random.Random(2)
    kinds = []
    with connect(f"ws://{honest}/stream") as live:
        live.send('{"type": "settings"}')
        live.recv(timeout=30)
        for i in range(1000):
            head = b"PSF1" + struct.pack("<dI", i / 100, i) if i % 2 else b""
            live.send(head + broken(seeds[i % len(seeds)], chance))
            kinds.append(json.loads(live.recv(timeout=30))["type"])

    assert set(kinds) == {"answer", "error"}


def test_broken_messages(honest: str) -> None:
    chance = random.Random(3)
    good = (
        b'{"type": "settings", "model": "body-fast", "conf": 0.5, "gestures": ["hands"], "zones": null, "imgsz": 320}'
    )
    with connect(f"ws://{honest}/stream") as live:
        for _ in range(300):
            made = bytearray(good)
            for _ in range(chance.randrange(1, 8)):
                made[chance.randrange(len(made))] = chance.randrange(32, 127)
            live.send(made.decode())
            assert json.loads(live.recv(timeout=30))["type"] in ("ready", "error", "finished")


def png_of(width: int, height: int) -> bytes:
    """A PNG that says it is huge and has a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(30_000, 30_000), (2**31 - 1, 2**31 - 1), (1, 100_000_000), (0, 0)])
def test_bombs_are_refused_by_their_head(honest: str, size: tuple[int, int]) -> None:
    answer = httpx.post(f"http://{honest}/predict", content=png_of(*size))

    assert answer.status_code == 422


def ask(address: str, request: bytes, *, more: bytes = b"", wait_s: float = 10.0) -> bytes:
    """Send bytes as they are, and return what comes back until the server closes or is silent."""
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=wait_s) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(request)
            if more:
                connection.sendall(more)
        found = b""
        with contextlib.suppress(OSError):
            while some := connection.recv(65_536):
                found += some
                if b"\r\n\r\n" in found and found.endswith(b"}"):
                    break
        return found


HEAD = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.mark.parametrize(
    ("request_", "codes"),
    [
        (HEAD + b"Content-Length: 100000\r\n\r\nshort", (b"408",)),  # it never comes
        (HEAD + b"Content-Length: 3\r\n\r\nmore than three bytes", (b"422", b"400")),
        (HEAD + b"Content-Length: 99999999999999999999\r\n\r\nx", (b"413", b"400")),
        (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", (b"400",)),
        (HEAD + b"Content-Length: -1\r\n\r\n", (b"400",)),
        (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", (b"400", b"422")),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffff\r\nx", (b"408", b"400", b"413")),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n", (b"400",)),
        (b"GET /models HTTP/1.1\r\n\r\n", (b"400",)),
        (b"GET /models HTTP/1.1\r\nHost: a\r\nHost: 127.0.0.1\r\n\r\n", (b"400", b"421")),
        (b"GET http://127.0.0.1/../../etc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", (b"404", b"400")),
        (b"GET /../../etc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", (b"404",)),
        (b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", (b"404",)),
        (b"GET /video/..%2f..%2fetc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", (b"404",)),
        (b"GET /\x00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", (b"400",)),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", (b"400", b"")),  # TLS
        (b"x" * 200_000, (b"400", b"")),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"y" * 200_000 + b"\r\n\r\n", (b"400", b"431", b"")),
        (HEAD + b"Content-Type: multipart/form-data\r\nContent-Length: 5\r\n\r\nhello", (b"400",)),
        (
            HEAD + b"Content-Type: multipart/form-data; boundary=" + b"b" * 300 + b"\r\nContent-Length: 2\r\n\r\nhi",
            (b"400",),
        ),
        (HEAD + b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9\r\n\r\n--x\r\nA: b", (b"400",)),
    ],
    ids=range(21),
)
def test_requests_that_lie(honest: str, request_: bytes, codes: tuple[bytes, ...]) -> None:
    found = ask(honest, request_)
    code = found[9:12]

    assert code in codes, found[:300]
    assert b"Traceback" not in found
    assert b"root:" not in found


def form(parts: bytes) -> bytes:
    return HEAD + b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: %d\r\n\r\n" % len(parts) + parts


@pytest.mark.parametrize(
    "parts",
    [
        b"--x\r\n" + b"A: b\r\n" * 5000 + b"\r\n\r\n--x--\r\n",
        b"--x\r\nContent-Disposition: form-data; name=" + b"n" * 100_000 + b"\r\n\r\nv\r\n--x--\r\n",
        b'--x\r\nContent-Disposition: form-data; name="conf"\r\n\r\n' + b"1" * 100_000 + b"\r\n--x--\r\n",
        b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n\r\n' * 5000 + b"--x--\r\n",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 5000 + b"--x--\r\n",
        b"--x\r\n\r\nno name\r\n--x--\r\n",
        b"--x--\r\n",
        b"\r\n" * 100_000,
    ],
    ids=range(8),
)
def test_forms_that_lie(honest: str, parts: bytes) -> None:
    found = ask(honest, form(parts))

    assert found[9:12] in (b"400", b"413", b"422"), found[:300]
    assert "error" in json.loads(found.partition(b"\r\n\r\n")[2])


def test_a_body_that_drips_is_not_waited_for(honest: str) -> None:
    host, _, port = honest.partition(":")
    began = time.monotonic()
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(HEAD + b"Content-Length: 100000\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(200):
                connection.sendall(b"x")
                time.sleep(0.05)
    assert time.monotonic() - began < 9.0  # of the ten seconds that it would have taken


def test_heads_that_never_end_are_closed(strict: tuple[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from poise.server import run

    monkeypatch.setattr(run, "_HEAD_S", 0.3)
    host, _, port = strict[0].partition(":")
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection((host, int(port)), timeout=10)) for _ in range(30)]
        for one in slow[:20]:
            one.sendall(b"GET /health HTTP/1.1\r\nHost: 127")
        assert httpx.get(f"http://{strict[0]}/health").status_code == 200
        assert [one.recv(10) for one in slow] == [b""] * 30


def test_answers_leave_at_once() -> None:
    """No packet waits for the receipt of the one before, which would add 40 ms to every answer."""
    from poise.server.run import GracefulServer, listen

    app = create_app()
    server = GracefulServer(app)
    listener = listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
        client.get("/health")
        found = [one.transport.get_extra_info("socket") for one in server.server_state.connections]
        assert [one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0 for one in found] == [True]
    server.handle_exit(2, None)
    thread.join(30)
    assert not thread.is_alive()


def test_ten_thousand_tiny_messages(honest: str) -> None:
    with connect(f"ws://{honest}/stream", max_queue=None) as live, contextlib.suppress(Exception):
        for i in range(10_000):
            live.send("x" if i % 2 else b"x")


def test_connections_that_break_off(honest: str, picture: bytes, strict: tuple[str, Any]) -> None:
    host, _, port = honest.partition(":")
    for i in range(40):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(picture) + picture[: i * 1500])
    for _ in range(10):
        with connect(f"ws://{honest}/stream") as live:
            live.send(picture)
            live.socket.shutdown(socket.SHUT_RDWR)
    for _ in range(100):
        if strict[1].clients == 0:
            break
        time.sleep(0.1)
    assert strict[1].clients == 0


def test_wrong_settings_of_every_kind(honest: str, no_network: None, picture: bytes) -> None:
    chance = random.Random(4)
    words = [
        "1e309",
        "-1",
        "nan",
        "[",
        "{}",
        "null",
        "true",
        "9" * 5000,
        "\0",
        "é",
        "../..",
        "0x10",
        "1;2",
        "[[[[1]]]]",
    ]
    keys = ["conf", "iou", "imgsz", "max_det", "classes", "model", "annotated", "settings", "source", "save", "device"]
    with httpx.Client(base_url=f"http://{honest}", timeout=30) as client:
        for _ in range(300):
            params = {chance.choice(keys): chance.choice(words) for _ in range(chance.randrange(1, 4))}
            answer = client.post("/predict", params=params, content=picture)
            assert answer.status_code in (200, 400, 422), (params, answer.text)
            assert answer.headers["content-type"] in ("application/json", "image/jpeg")


def test_nothing_was_written_anywhere(honest: str, place: Path) -> None:
    """After all that: no file but in the work folder, which is empty."""
    left = [path for path in place.rglob("*") if path.is_file()]

    assert left == []
    assert not Path("/etc/cron.d/x").exists()
    assert not [path.name for path in Path().iterdir() if path.name in ("upload", "x")]
