"""Finding weight files: path, cache, the maker's address (a local server here)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from poise import weights
from poise.errors import ModelError
from poise.weights import _store
from poise.weights._fetch import download

BODY = bytes(range(256)) * 4000


class Server(BaseHTTPRequestHandler):
    """Serves BODY; ``/cut`` breaks off half way, ``/old`` knows no ranges, ``/gone`` is 404."""

    seen: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        Server.seen.append(wanted)
        if self.path.startswith("/gone"):
            self.send_error(404, "Not Found")
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and "/old" not in self.path else 0
        if start >= len(BODY):
            self.send_error(416, "Range Not Satisfiable")
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(BODY) - 1}/{len(BODY)}")
        self.send_header("Content-Length", str(len(BODY) - start))
        self.end_headers()
        self.wfile.write(BODY[start : len(BODY) // 2] if "/cut" in self.path else BODY[start:])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Server.seen = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POISE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("POISE_OFFLINE", raising=False)
    return tmp_path / "home"


def publish(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    name = "yolo26n-pose.pt"
    monkeypatch.setitem(_store.releases(), name, replace(_store.releases()[name], address=address))


def test_a_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "yolo26n-pose.pt").write_bytes(b"mine")

    assert weights.find("yolo26n-pose.pt").read_bytes() == b"mine"


def test_the_cache_comes_second(tmp_path: Path) -> None:
    (tmp_path / "copy.pt").write_bytes(b"kept")
    weights.put(tmp_path / "copy.pt", name="yolo26n-pose.pt")

    assert weights.find("yolo26n-pose.pt").read_bytes() == b"kept"
    assert [p.name for p in weights.cached()] == ["yolo26n-pose.pt"]


def test_a_named_file_is_fetched_once_and_the_licence_is_told(
    server: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, f"{server}/file")
    told: list[str] = []
    steps: list[tuple[int, int | None]] = []

    found = weights.find("yolo26n-pose.pt", notice=told.append, progress=lambda a, b: steps.append((a, b)))
    again = weights.find("yolo26n-pose.pt")

    assert found == again == home / "weights" / "yolo26n-pose.pt"
    assert found.read_bytes() == BODY
    assert "AGPL-3.0" in told[0]
    assert steps[-1] == (len(BODY), len(BODY))
    assert len(Server.seen) == 1


def test_an_interrupted_download_goes_on_where_it_stopped(server: str, tmp_path: Path) -> None:
    target = tmp_path / "x.pt"
    with pytest.raises(ModelError, match=r"bytes arrived; run the same command again|no answer"):
        weights.download(f"{server}/cut", target)
    assert not target.exists()

    weights.download(f"{server}/file", target)

    assert target.read_bytes() == BODY
    assert Server.seen[-1] == f"bytes={len(BODY) // 2}-"


def test_a_server_without_ranges_sends_everything_again(server: str, tmp_path: Path) -> None:
    target = tmp_path / "x.pt"
    (tmp_path / "x.pt.part").write_bytes(b"something else")

    weights.download(f"{server}/old", target)

    assert target.read_bytes() == BODY


def test_a_part_longer_than_the_file_is_thrown_away(server: str, tmp_path: Path) -> None:
    target = tmp_path / "x.pt"
    (tmp_path / "x.pt.part").write_bytes(b"z" * (len(BODY) + 10))

    weights.download(f"{server}/file", target)

    assert target.read_bytes() == BODY


@pytest.mark.parametrize("path", ["/gone", None])
def test_what_cannot_be_fetched_lists_the_ways_out(
    server: str, path: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, f"{server}{path}" if path else "http://127.0.0.1:9/closed")

    with pytest.raises(ModelError, match=r"poise weights import yolo26n-pose.pt.*bundled model 'body'"):
        weights.find("yolo26n-pose.pt")


def test_offline_forbids_the_network(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, f"{server}/file")
    monkeypatch.setenv("POISE_OFFLINE", "1")

    with pytest.raises(ModelError, match=r"POISE_OFFLINE forbids the network: give a path"):
        weights.find("yolo26n-pose.pt")
    assert Server.seen == []


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(ModelError, match=r"did you mean 'yolo26n-pose.pt'"):
        weights.find("yolo26n-poses.pt")


def test_a_model_of_the_zoo_is_no_file() -> None:
    with pytest.raises(ModelError, match="a model of the zoo"):
        weights.find("rtmpose-t")


def test_import_refuses_a_name_that_leads_out_of_the_cache(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"x")

    with pytest.raises(ModelError, match="plain file name"):
        weights.put(tmp_path / "a.pt", name="../a.pt")


@pytest.mark.parametrize("locks", [True, False])
def test_several_who_fetch_one_file_at_once_get_it_whole(
    server: str, home: Path, monkeypatch: pytest.MonkeyPatch, locks: bool
) -> None:
    if not locks:  # as on a network disk that knows none

        def no_lock(file: object) -> None:
            raise OSError("no locks here")

        monkeypatch.setattr("poise.weights._cache._lock", no_lock)
    target = home / "weights/net.pt"
    target.parent.mkdir(parents=True)
    errors: list[Exception] = []
    begin = threading.Barrier(6)

    def fetch() -> None:
        begin.wait()
        try:
            download(f"{server}/net.pt", target)
        except Exception as error:  # noqa: BLE001 - whatever it is
            errors.append(error)

    threads = [threading.Thread(target=fetch) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert errors == []
    assert target.read_bytes() == BODY
    assert [path.name for path in target.parent.iterdir() if path.is_file()] == ["net.pt"]
