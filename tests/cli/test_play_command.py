"""``poise play``: actions as lines, maps told, plug-ins, and the page."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from poise import samples
from poise.cli import main


def test_a_clip_is_played_as_lines_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("av", reason="needs the extra video")

    code = main(["play", str(samples.squats), "--dry-run", "--json"])

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    duck = [line for line in lines if line["action"] == "duck"]
    assert code == 0
    assert [line["state"] for line in duck] == ["press", "release"] * 4
    assert duck[0]["key"] == "down"
    assert all(line["latency_ms"] >= 0 for line in lines)


def test_people_read_a_line_an_action_and_the_latency_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("av", reason="needs the extra video")

    assert main(["play", str(samples.squats), "--dry-run"]) == 0

    told = capsys.readouterr()
    (first, *_) = told.out.splitlines()
    assert first.split()[:6] == ["1.33", "s", "player", "1", "duck", "press"]
    assert "key down, pad b" in first
    assert "frame to action" in told.err
    assert "(median)" in told.err


def test_a_plug_in_beside_the_command_gets_what_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("av", reason="needs the extra video")
    monkeypatch.chdir(tmp_path)
    # As the installed command is started: the folder in which one stands is no place of modules.
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    (tmp_path / "plugged_keys.py").write_text(
        "class Keyboard:\n"
        "    def send(self, action):\n"
        "        if action.key and action.state != 'repeat':\n"
        "            with open('pressed.txt', 'a') as file:\n"
        "                file.write(f'{action.key} {action.state}\\n')\n",
        encoding="utf-8",
    )

    assert main(["play", str(samples.squats), "--sink", "plugged_keys:Keyboard", "-q"]) == 0

    assert capsys.readouterr().out == ""
    assert (tmp_path / "pressed.txt").read_text().splitlines() == ["down press", "down release"] * 4


def test_the_maps_say_what_can_be_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["play", "--list"]) == 0
    told = capsys.readouterr().out
    assert main(["play", "--list", "--map", "runner", "--json"]) == 0
    (runner,) = json.loads(capsys.readouterr().out)

    assert [line.split(":")[0] for line in told.splitlines() if not line.startswith(" ")] == [
        "boxing", "hands", "runner", "wheel",
    ]  # fmt: skip
    assert [one["key"] for one in runner["buttons"]] == ["space", "down", "shift"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--map", "runer"], "no map named 'runer'; did you mean 'runner'?"),
        (["--player", "0"], "--player must be 1 or more, got 0"),
        (["clip.mp4", "--web"], "--web takes no source"),
        (["--web", "--map", "boxing"], "--web takes no --map"),
        (["--web", "--dry-run"], "--web takes no --dry-run"),
        (["clip.mp4", "--player", "1000000000"], "players must be a whole number from 1 to 8, got 1000000000"),
        (["--web", "--port", "70000"], "--port must be from 0 to 65535, got 70000"),
        (["clip.mp4", "--sink", "keys"], "expected MODULE:CLASS"),
    ],
)
def test_wrong_use_is_one_sentence(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["play", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_clip_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["play", "nowhere.mp4"]) == 1
    assert "nowhere.mp4" in capsys.readouterr().err


def test_the_page_is_served_and_a_signal_ends_it(tmp_path: Path) -> None:
    for module in ("fastapi", "uvicorn", "websockets"):
        pytest.importorskip(module, reason="needs the extra server")
    with subprocess.Popen(
        [sys.executable, "-m", "poise", "play", "--web", "--port", "0", "--threads", "1"],
        # A browser that does nothing.
        stdout=subprocess.PIPE, text=True, cwd=tmp_path, env={**os.environ, "BROWSER": "true"},
    ) as running:  # fmt: skip
        try:
            assert running.stdout is not None
            address = running.stdout.readline().strip()
            with urllib.request.urlopen(address, timeout=60) as answer:
                page = answer.read().decode()
                policy = answer.headers["Content-Security-Policy"]
            running.send_signal(signal.SIGINT)
            code = running.wait(60)
        finally:
            running.kill()

    assert address.endswith("/play.html")
    assert "play/play.js" in page
    assert "default-src 'self'" in policy
    assert code == 0
