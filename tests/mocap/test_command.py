"""``poise mocap``: what it prints, and what it refuses before anything is looked at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_solving import clip_of, movement

from poise.cli import main


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return clip_of(movement(0.5)).save(tmp_path / "arms.npz")


def test_a_saved_clip_is_told_as_json(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mocap", str(saved), "--height", "1.8", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["frames"] == 15
    assert told["height"] == pytest.approx(1.8, rel=0.02)
    assert told["trust"]["leftUpperArm"] > 0.5
    assert any("guess" in note for note in told["notes"])


def test_an_assumed_height_is_printed(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mocap", str(saved)]) == 0

    assert "taken to be 1.70 m tall" in capsys.readouterr().out


def test_a_preview_that_is_no_page_is_refused(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mocap", str(saved), "--preview", "look.mp4"]) == 2

    assert "give it the ending .html" in capsys.readouterr().err


def test_a_file_that_is_there_stays(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = saved.with_name("look.html")
    page.write_text("mine")

    assert main(["mocap", str(saved), "--preview", str(page)]) == 1

    assert "add --overwrite" in capsys.readouterr().err
    assert page.read_text() == "mine"


def test_live_and_files_are_two_runs(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = saved.with_name("look.html")

    assert main(["mocap", str(saved), "--preview", str(page), "--vmc", "127.0.0.1"]) == 2

    assert "run poise mocap twice" in capsys.readouterr().err
