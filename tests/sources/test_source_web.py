"""Pictures, videos and live streams from a server on this machine; nothing else is connected to."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from source_clips import bars, corners, encode, quarters, write_video

from poise.errors import SourceError
from poise.sources import _web, open_source

LIVE_FRAMES = 40


class Handler(http.server.BaseHTTPRequestHandler):
    files: dict[str, tuple[str, bytes]]
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        if self.path == "/live":
            self.live()
            return
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/picture")
            self.end_headers()
            return
        if self.path == "/slow":
            time.sleep(0.1)
            return
        if self.path.partition("?")[0] not in self.files:
            self.send_error(404)
            return
        kind, data = self.files[self.path.partition("?")[0]]
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data) + (100 if self.path == "/short.jpg" else 0)))
        self.end_headers()
        self.wfile.write(data)

    def live(self) -> None:
        """Send pictures as network cameras do."""
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for _ in range(LIVE_FRAMES):
            data = encode(quarters())
            try:
                self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data))
                self.wfile.write(data + b"\r\n")
            except OSError:
                return

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    write_video(tmp_path / "a.mp4", frames=6)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.delenv("POISE_OFFLINE", raising=False)
    monkeypatch.setattr(_web, "TIMEOUT", 2.0)
    picture, video = encode(quarters(), "PNG"), (tmp_path / "a.mp4").read_bytes()
    Handler.files = {
        "/a.png": ("image/png", picture),
        "/short.jpg": ("image/jpeg", encode(quarters())),
        "/picture": ("application/octet-stream", picture),
        "/a.mp4": ("video/mp4", video),
        "/video": ("video/mp4", video),
        "/page": ("text/html", b"<!doctype html><html>"),
        "/page.jpg": ("text/html", b"<!doctype html><html>"),
    }
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        thread = threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{http_server.server_port}"
        http_server.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["/a.png", "/a.png?size=2", "/picture", "/moved"])
def test_picture(server: str, path: str) -> None:
    (frame,) = open_source(server + path)

    assert np.array_equal(frame.image, quarters())
    assert (frame.media.name, frame.media.kind) == (server + path, "image")


@pytest.mark.parametrize("path", ["/a.mp4", "/video"])
def test_video_by_ending_or_content_type(server: str, path: str) -> None:
    source = open_source(server + path)
    frames = list(source)

    assert bars(frames) == list(range(6))
    assert frames[0].media.kind == "video"
    assert not source.live


@pytest.mark.parametrize("buffer", [False, True])
def test_live_stream_is_seen_to_be_one(server: str, buffer: bool) -> None:
    source = open_source(server + "/live", stream_buffer=buffer, reconnect=0)
    # The server has no other way to end it than to hang up.
    with pytest.warns(RuntimeWarning, match="the stream broke off after 40 frames"):
        frames = list(source)

    assert source.live
    assert {frame.media.kind for frame in frames} == {"stream"}
    assert corners(frames[-1].image) == ["red", "green", "blue", "white"]
    assert len(frames) + source.dropped == frames[-1].index + 1
    assert source.dropped == 0 or not buffer
    times = [frame.time for frame in frames]
    assert times == sorted(times)
    assert times[0] >= 0


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/nothing.png", "the server answers 404"),
        ("/nothing.mp4", "did not open: .*Not Found"),
        ("/nothing", "the server answers 404"),
        ("/page", "neither a picture nor a video: it looks like a web page"),
        ("/page.jpg", "neither a picture nor a video: it looks like a web page"),
        ("/short.jpg", r"the answer broke off after \d+ of \d+ bytes"),
        ("/slow", "no answer|broke off"),
    ],
)
def test_what_cannot_be_read(server: str, path: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        list(open_source(server + path))


def test_too_large_an_answer_is_refused(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_web, "_MOST_BYTES", 50)

    with pytest.raises(SourceError, match="larger than 0 MiB; save it as a file first"):
        list(open_source(server + "/a.png"))


def test_one_bad_address_in_a_list(server: str) -> None:
    errors: list[SourceError] = []

    frames = list(open_source([server + "/nothing.png", server + "/a.png"], on_error=errors.append))

    assert (len(frames), len(errors)) == (1, 1)


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/a.jpg", "https://127.0.0.1:1/a.mp4", "rtsp://127.0.0.1:1/x"])
def test_offline_forbids_every_connection(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISE_OFFLINE", "1")
    monkeypatch.setattr(socket, "socket", None)

    with pytest.raises(SourceError, match="needs the network, and POISE_OFFLINE is set"):
        list(open_source(address))


@pytest.mark.parametrize("address", ["http://me:secret@127.0.0.1:1/a.jpg", "rtsp://me:secret@127.0.0.1:1/x"])
def test_no_answer_is_told_without_the_password(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    with pytest.raises(SourceError, match=r"//me:\*\*\*@127\.0\.0\.1:1/.*(refused|no answer|did not open)") as caught:
        list(open_source(address))

    assert "secret" not in str(caught.value)


def test_file_address(tmp_path: Path) -> None:
    (tmp_path / "a b.png").write_bytes(encode(quarters(), "PNG"))

    (frame,) = open_source((tmp_path / "a b.png").as_uri())

    assert np.array_equal(frame.image, quarters())
