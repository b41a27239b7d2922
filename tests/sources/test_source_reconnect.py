"""Live streams that break off, fall silent or send nonsense, and servers that are slow: all end, and say why."""

from __future__ import annotations

import http.server
import itertools
import json
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from source_clips import bar, bars, encode, quarters

from poise.errors import SourceError
from poise.frames import Frame
from poise.sources import StreamLost, _video, _web, open_source

FRAMES = 8  # that a connection gives


class Handler(http.server.BaseHTTPRequestHandler):
    video = b""
    connections = 0

    def do_GET(self) -> None:
        kind = "multipart/x-mixed-replace; boundary=f"
        files = {"/late.mp4": "video/mp4", "/late": "video/mp4", "/drip.jpg": "image/jpeg"}
        self.send_response(200)
        self.send_header("Content-Type", files.get(self.path, kind))
        if self.path in files:
            self.send_header("Content-Length", str(len(Handler.video)))
        self.end_headers()
        try:
            getattr(self, self.path.strip("/").partition(".")[0])()
        except OSError:
            return

    def part(self, data: bytes) -> None:
        self.wfile.write(b"--f\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data))
        self.wfile.write(data + b"\r\n")
        self.wfile.flush()

    def dies(self) -> None:
        Handler.connections += 1
        for _ in range(FRAMES):
            self.part(encode(quarters()))
            time.sleep(0.01)

    def stalls(self) -> None:
        self.dies()
        time.sleep(6)

    def nonsense(self) -> None:
        noise = random.Random(0)
        while True:
            self.part(b"\xff\xd8\xff\xe0" + noise.randbytes(500))
            time.sleep(0.01)

    def drip(self) -> None:
        for byte in Handler.video:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(0.1)

    def late(self) -> None:
        self.wfile.write(Handler.video)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def write_noisy(path: Path) -> None:
    """Write the six frames of ``bar`` with noise below, so that they are more than a reader holds at once."""
    noise = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for index in range(6):
            picture = bar(index, (320, 240))
            picture[150:] = noise.integers(0, 255, (90, 320, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())
    assert path.stat().st_size > 65_536


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    write_noisy(tmp_path / "late.mp4")
    Handler.video = (tmp_path / "late.mp4").read_bytes()
    Handler.connections = 0
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.delenv("POISE_OFFLINE", raising=False)
    monkeypatch.setattr(_web, "TIMEOUT", 2.0)
    monkeypatch.setattr(_video, "NO_PICTURE", 1.0)
    # The pauses are looked at in the notes; nobody waits for them here.
    monkeypatch.setattr(_video, "_pause", lambda seconds: iter(()))
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}"
    httpd.shutdown()
    httpd.server_close()


def read_live(address: str, **options: object) -> tuple[list[Frame], list[str], list[SourceError]]:
    notes: list[str] = []
    errors: list[SourceError] = []
    with open_source(address, stream_buffer=True, on_note=notes.append, on_error=errors.append, **options) as frames:
        return list(frames), notes, errors


def test_a_stream_that_breaks_off_is_opened_again_with_growing_pauses(server: str) -> None:
    frames, notes, errors = read_live(server + "/dies", reconnect=3)

    assert Handler.connections == 5  # the first asks what kind of address it is
    assert [frame.index for frame in frames] == list(range(4 * FRAMES))
    assert len({id(frame.media) for frame in frames}) == 1  # the same video to trackers and sinks
    times = [frame.time for frame in frames]
    assert all(a < b for a, b in itertools.pairwise(times))
    assert [note.rpartition("in ")[2] for note in notes] == ["1 s", "2 s", "4 s"]
    (error,) = errors
    assert isinstance(error, StreamLost)
    assert "for good after 3 attempts" in str(error)


def test_without_attempts_it_ends_at_once_and_is_told(server: str) -> None:
    frames, notes, errors = read_live(server + "/dies", reconnect=0)

    assert len(frames) == FRAMES
    assert notes == []
    assert isinstance(errors[0], StreamLost)


def test_a_stream_that_falls_silent_is_told_in_plain_words(server: str) -> None:
    frames, _, errors = read_live(server + "/stalls", reconnect=0)

    assert len(frames) == FRAMES
    assert "nothing that can be read for" in str(errors[0])


def test_nonsense_ends_within_the_limit(server: str) -> None:
    begin = time.monotonic()
    with pytest.raises(SourceError, match=r"no picture (came|that can be decoded)|did not open"):
        read_live(server + "/nonsense")
    assert time.monotonic() - begin < 30


def test_a_server_that_sends_a_byte_now_and_then_is_given_up(server: str) -> None:
    with pytest.raises(SourceError, match="sends less than 1 kB a second; given up after 2 seconds"):
        list(open_source(server + "/drip.jpg"))


@pytest.mark.parametrize("path", ["/late.mp4", "/late"])
def test_an_mp4_with_its_index_at_the_end_is_read_from_a_server_without_ranges(server: str, path: str) -> None:
    assert bars(list(open_source(server + path))) == list(range(6))


def test_a_larger_one_names_the_mend(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_web, "_MOST_BYTES", 1000)
    with pytest.raises(SourceError, match=r"its index stands at its end; save it as a file.*faststart"):
        list(open_source(server + "/late.mp4"))


def test_a_lost_stream_fails_the_run(server: str, tmp_path: Path) -> None:
    from poise import Pose

    model = Pose("body-fast")
    seen = []
    results = model.predict(
        server + "/dies", stream=True, save=True, reconnect=0, project=tmp_path, name="run", verbose=False
    )
    with pytest.raises(StreamLost):
        seen.extend(result.frame for result in results)

    assert seen[-1] == FRAMES - 1
    said = json.loads((tmp_path / "run/manifest.json").read_text("utf-8"))
    assert said["status"] == "failed"
    assert "broke off" in said["errors"][0]


def test_settings_and_sources_agree_on_the_attempts() -> None:
    from poise.model.settings import Settings
    from poise.sources._options import RECONNECT

    assert Settings().reconnect == RECONNECT
    with pytest.raises(ValueError, match="reconnect"):
        Settings(reconnect=-1)
    with pytest.raises(ValueError, match="reconnect"):
        open_source("x.mp4", reconnect=-1)
