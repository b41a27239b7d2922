"""``--show`` of each command: the window has what the command draws, and closing it ends the command well."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from window_kit import Clock, Surface

from poise import samples
from poise.cli import main
from poise.drawing import _display, _window
from poise.frames import Image
from poise.sources import open_source

COMMANDS = {
    "predict": ["predict", "--model", "body-fast"],
    "track": ["track", "--model", "body-fast"],
    "reps": ["reps", "--model", "body-fast", "--exercise", "squat"],
    "reps --live": ["reps", "--live", "--model", "body-fast", "--exercise", "squat"],
    "gestures": ["gestures", "--set", "body"],
    "events": ["events", "--model", "body-fast", "--posture"],
}


def run(name: str, source: str, *more: str) -> int:
    """Run a command with its window; the source first, for a list of sets takes every word."""
    command, *options = COMMANDS[name]
    return main([command, source, *options, "--show", *more])


class Shown:
    """What was opened; the clock stands still, so that every frame of a recording is on time."""

    def __init__(self) -> None:
        self.windows: list[Surface] = []
        self.keys: dict[int, list[str]] = {}

    def open(self) -> Surface:
        self.windows.append(Surface(Clock(), keys=self.keys))
        return self.windows[-1]


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shown:
    monkeypatch.chdir(tmp_path)
    found = Shown()
    monkeypatch.setattr(_window, "open_surface", found.open)
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_closing_the_window_ends_a_command_well(name: str, shown: Shown, capsys: pytest.CaptureFixture[str]) -> None:
    shown.keys = {4: ["q"]}

    code = run(name, str(samples.squats), "-q")

    (window,) = shown.windows
    assert code == 0
    assert window.closed
    assert len(window.drawn) == 4
    assert "interrupted" not in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_the_window_has_what_is_drawn(name: str, shown: Shown) -> None:
    shown.keys = {2: ["q"]}

    run(name, str(samples.squats), "-q")

    with open_source(samples.squats) as video:
        first = next(iter(video)).image
    picture = shown.windows[0].drawn[0][1]
    assert picture.shape == first.shape
    assert 0.005 < (picture != first).any(axis=-1).mean() < 0.5  # a skeleton, a label, a counter


@pytest.mark.parametrize("name", ["events", "gestures"])
def test_what_was_saved_until_then_is_whole(name: str, shown: Shown) -> None:
    shown.keys = {4: ["escape"]}

    code = run(name, str(samples.squats), "--save", "-q")

    told = json.loads(Path(f"runs/pose/{name}/manifest.json").read_text())
    with open_source(f"runs/pose/{name}/squats.mp4") as video:
        written = sum(1 for _ in video)
    assert code == 0
    assert written == told["counts"]["frames"] >= 4
    assert told["status"] == "interrupted"


def test_what_was_counted_until_then_is_told(shown: Shown, capsys: pytest.CaptureFixture[str]) -> None:
    shown.keys = {90: ["q"]}

    code = run("reps", str(samples.squats), "--json", "-q")

    told = json.loads(capsys.readouterr().out)
    assert code == 0
    assert [one["count"] for one in told["people"]] == [2]


def test_the_counter_in_the_window_goes_up(
    shown: Shown, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from poise.reps import painter

    counts: list[int] = []
    plain = painter.draw_reps

    def drawn(*words: object, **named: object) -> Image:
        counts.append(int(str(named["count"])))
        return plain(*words, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(painter, "draw_reps", drawn)

    run("reps --live", str(samples.squats), "--json", "-q")

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["count"] for line in lines] == [1, 2, 3, 4]
    assert counts[0] == 0
    assert sorted(set(counts)) == [0, 1, 2, 3, 4]
    assert counts == sorted(counts)


def test_a_picture_of_a_gesture_opens_the_viewer(
    shown: Shown, photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[tuple[str, tuple[int, ...]]] = []
    monkeypatch.setattr(_display, "has_screen", lambda: True)
    monkeypatch.setattr(_display, "_open_viewer", lambda image, name: seen.append((name, image.shape)) or True)

    assert run("gestures", str(photo), "-q") == 0
    assert seen == [("demo", (425, 640, 3))]
    assert shown.windows == []


@pytest.mark.parametrize("name", COMMANDS)
def test_webcam_is_camera_0(name: str, shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    av = pytest.importorskip("av")
    from poise.sources import _camera, _video

    if "lavfi" not in av.formats_available:
        pytest.skip("this FFmpeg has no lavfi")
    monkeypatch.setattr(_camera, "_address", lambda number: (f"movie={samples.clip}", "lavfi", {}))
    monkeypatch.setattr(_camera, "_candidates", lambda: [0])
    monkeypatch.setattr(_video, "_pause", lambda _: iter(()))
    shown.keys = {2: ["q"]}

    code = run(name, "webcam", "-q")

    assert code == 0
    assert shown.windows[0].titles[0] == "camera 0"
    assert np.ptp(shown.windows[0].drawn[0][1]) > 100
