"""``poise mocap``: what it prints, and what it refuses before anything is looked at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_solving import clip_of, movement

from poise.cli import main
from poise.mocap.files import write_motion


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


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--out", "a.bvh", "--out", "./a.bvh"], 2, "a.bvh: is named twice"),
        (["--out", "a.bvh", "--out", "a.fbx"], 2, "no movement is written as '.fbx'"),
        (["--out", "a.bvh", "--fps", "0"], 2, "fps must be 1 to 1000 frames per second, got 0"),
        (["--out", "a.bvh", "--fps", "nan"], 2, "fps must be 1 to 1000 frames per second, got nan"),
        (["--out", "a.bvh", "--rig", "mixmao"], 2, "no rig named 'mixmao'; did you mean 'mixamo'?"),
        (["--out", "a.trc", "--rig", "mixamo"], 2, "a rig is for .bvh and .glb; a.trc has bones of its own"),
        (["--out", "a.bvh", "--out", "no/such/b.bvh"], 1, "there is no folder no/such"),
        (["--out", "a.bvh", "--out", "folder.glb", "--overwrite"], 1, "folder.glb: cannot be written: it is a folder"),
        (["--vmc", "127.0.0.1", "--rig", "mixamo"], 2, "--rig is for --out"),
        (["--vmc", "127.0.0.1", "--json"], 2, "--json is for --out"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_source_is_opened(
    words: list[str], code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.glb").mkdir()

    assert main(["mocap", "not there.mp4", *words]) == code

    told = capsys.readouterr().err
    assert said in told
    assert "not there.mp4" not in told
    assert [path.name for path in tmp_path.iterdir()] == ["folder.glb"]


@pytest.mark.parametrize("source", ["-", "0", "webcam", "rtsp://127.0.0.1/camera"])
def test_a_preview_of_what_cannot_be_read_again_is_refused(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mocap", source, "--preview", str(tmp_path / "look.html")]) == 2

    assert f"needs a file, got {source}" in capsys.readouterr().err


def test_people_of_a_saved_clip_are_not_dropped_again(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mocap", str(saved), "--conf", "0.5"]) == 2

    assert "--conf is for videos" in capsys.readouterr().err


@pytest.mark.parametrize("given", [None, 3, "dance.mp4"])
def test_what_is_no_movement_is_not_written(given: object, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="a movement is a Motion, got "):
        write_motion(given, tmp_path / "a.bvh")  # type: ignore[arg-type]

    assert not any(tmp_path.iterdir())
