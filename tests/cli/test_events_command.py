"""``poise events`` as a user types it: what is printed, written and posted, and what goes wrong."""

from __future__ import annotations

import csv
import json
import socket
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from poise import sinks
from poise.cli import main

CLIP = str(Path(__file__).parents[1] / "assets/clip.mp4")
ZONE = "[zones.floor]\npolygon = [[0, 0], [{w}, 0], [{w}, {h}], [0, {h}]]\n"
DOOR = 'units = "relative"\n[zones.door]\npolygon = [[0.3, 0], [1, 0], [1, 1], [0.3, 1]]\n'
KEYS = ["time", "frame", "id", "event", "value", "conf"]


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POISE_HOME", str(tmp_path / "home"))
    Path("door.toml").write_text(DOOR)
    return tmp_path


class Server:
    """Takes what is posted."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        got = self.got

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


def events(*words: str) -> int:
    return main(["events", CLIP, "--model", "body-fast", *words])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_all_outputs_say_the_same(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    code = events("--zone", "door.toml", "--falls", "--posture", "--json", "--csv", "said.csv", "--post", server.url)

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    rows = list(csv.DictReader(Path("said.csv").read_text().splitlines()))
    assert code == 0
    assert lines[0]["event"] == "door.enter"
    assert lines[-1]["event"] == "door.leave"
    assert {tuple(line) for line in lines} == {tuple(KEYS)}
    assert [{key: str(line[key]) for key in KEYS} for line in lines] == rows
    assert server.got == lines


def test_without_json_events_are_lines_that_people_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert events("--zone", "door.toml") == 0

    first = capsys.readouterr().out.splitlines()[0]
    assert first.split()[1:] == ["s", "#1", "door.enter", "1"]


def test_save_and_heatmap_write_the_drawn_video_and_the_picture() -> None:
    assert events("--zone", "door.toml", "--save", "--heatmap", "heat.png", "--quiet") == 0

    from poise.sources import open_source

    assert len(list(open_source("runs/pose/events/clip.mp4"))) == len(list(open_source(CLIP)))
    assert json.loads(Path("runs/pose/events/manifest.json").read_text())["status"] == "done"
    assert next(iter(open_source("heat.png"))).image.shape == next(iter(open_source(CLIP))).image.shape


def test_gestures_come_in_the_same_stream(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["events", CLIP, "--model", "body-fast", "--zone", "door.toml", "--json", "--gestures", "body"])

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == 0
    assert {tuple(line) for line in lines} == {tuple(KEYS)}


def test_a_webhook_that_is_down_does_not_stop_the_video(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # By default it is tried for five seconds more.
    monkeypatch.setattr(sinks, "Webhook", partial(sinks.Webhook, flush_s=0.3))
    url = f"http://127.0.0.1:{free_port()}/"

    code = events("--zone", "door.toml", "--json", "--post", url, "--save")

    captured = capsys.readouterr()
    assert code == 1
    assert [json.loads(line)["event"] for line in captured.out.splitlines()][-1] == "door.leave"
    assert f"{url}: 2 of 2 events did not arrive" in captured.err
    assert json.loads(Path("runs/pose/events/manifest.json").read_text())["status"] == "done"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ZONE.format(w=9000, h=9000).replace("[0, 0]", "[8000, 8000]").replace("[0, 9000]", "[8000, 9000]")
         .replace("[9000, 0]", "[9000, 8000]"), "z.toml:2: floor lies outside the picture"),
        ("[zones.a]\npolygon = [[0,0],[9,9],[9,0],[0,9]]", "z.toml:2: zones.a: the polygon crosses itself"),
        ("[zones.a]\npolygon = [[0,0],[9,0],[9,9]]\n[lines.a]\npoints = [[0,0],[9,9]]", "name of a zone and of a line"),
        ("[zones.a]\npolygone = [[0,0],[9,0],[9,9]]", "z.toml:2: unknown key 'polygone'; did you mean 'polygon'?"),
        ("[zones.door]\npolygon = [[0,0],[9,0],[9,9]]", "z.toml: 'door' is defined in door.toml too"),
    ],
)  # fmt: skip
def test_a_wrong_file_of_zones_is_one_sentence(text: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("z.toml").write_text(text)

    assert events("--zone", "door.toml", "--zone", "z.toml") == 1

    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("poise:")]
    assert message in line


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([CLIP], "nothing to look for"),
        (["--gestures", "clip.mp4"], "'clip.mp4' was taken for a set of gestures: write the source first"),
        ([CLIP, "--gestures", "hand"], "did you mean 'hands'?"),
        ([CLIP, "--falls", "--post", "ftp://host/"], "http:// and https://"),
    ],
)
def test_wrong_use_is_told(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", *words]) == 2

    assert message in capsys.readouterr().err


def test_files_are_not_replaced_unless_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    Path("said.csv").write_text("mine")

    assert events("--falls", "--csv", "said.csv") == 1

    assert Path("said.csv").read_text() == "mine"
    assert "said.csv" in capsys.readouterr().err


def test_a_source_that_does_not_exist_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "nobody.mp4", "--falls"]) == 1

    assert "nobody.mp4" in capsys.readouterr().err
