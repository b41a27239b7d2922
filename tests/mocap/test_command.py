"""``poise mocap``: what it prints, and what it refuses before anything is looked at."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from live_people import model
from test_solving import clip_of, movement, pair

from poise import samples
from poise.cli import main
from poise.clips import Clip
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
        (["--out", "a.bvh", "--out", "a.fbx"], 2, "write .glb or .bvh, import that in Blender and export FBX there"),
        (["--out", "a.fst"], 2, "no movement is written as '.fst'; known: .bvh, .glb, .vrma, .trc"),
        (["--id", "1.5"], 2, "--id is a whole number from 1, or all, got 1.5; --list says who is there"),
        (["--id", "all", "--vmc", "127.0.0.1"], 2, "live, one person is followed"),
        (["--list", "--out", "a.bvh"], 2, "--list and --sheet only say who is there"),
        (["--sheet", "people.pdf"], 2, "no picture format has this ending"),
        (["--list", "--out", "no/such/b.npz"], 1, "there is no folder no/such"),
        (["--video", "b.mp4"], 2, "--video names the video of a saved clip"),
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


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Id 1 for half a second more than id 7."""
    return pair(movement(1.5), 30).save(tmp_path / "two.npz")


def test_who_is_there_is_listed(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mocap", str(two), "--list"]) == 0

    _, first, second = capsys.readouterr().out.splitlines()
    assert first.split()[:7] == ["1", "1.5", "s", "0.00", "s", "1.47", "s"]
    assert second.split()[:7] == ["7", "1.0", "s", "0.00", "s", "0.97", "s"]


def test_who_is_there_is_listed_as_json(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mocap", str(two), "--list", "--json"]) == 0

    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["id"], row["frames"], row["start"], row["end"]) for row in rows] == [
        (1, 45, 0, 1.467),
        (7, 30, 0, 0.967),
    ]
    # Somebody of 1.8 m, four metres from a camera that sees 2.6 m of the height there.
    assert rows[0]["share_of_height"] == pytest.approx(0.66, abs=0.05)


def test_everybody_gets_a_file_of_their_own(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mocap", str(two), "--id", "all", "--out", str(two.with_name("dance.bvh")), "--json"]) == 0

    assert sorted(path.name for path in two.parent.iterdir()) == ["dance-1.bvh", "dance-7.bvh", "two.npz"]
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["id"], one["frames"]) for one in told] == [(1, 45), (7, 30)]


def test_nothing_is_replaced_unasked_where_everybody_is_written(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = two.with_name("dance-7.bvh")
    mine.write_text("mine")

    assert main(["mocap", str(two), "--id", "all", "--out", str(two.with_name("dance.bvh"))]) == 1

    assert "dance-7.bvh: is there already; add --overwrite" in capsys.readouterr().err
    assert mine.read_text() == "mine"
    assert not two.with_name("dance-1.bvh").exists()


def test_who_passed_by_gets_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = pair(movement(1.0), 6).save(tmp_path / "two.npz")

    assert main(["mocap", str(clip), "--id", "all", "--out", str(tmp_path / "a.csv")]) == 0

    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-1.csv", "two.npz"]
    assert "left out, seen for less than 0.5 s: id 7 (0.2 s)" in capsys.readouterr().err


def test_what_was_seen_is_kept_for_the_next_call(two: Path) -> None:
    kept = two.with_name("kept.npz")

    assert main(["mocap", str(two), "--list", "--out", str(kept)]) == 0

    assert Clip.load(kept).ids.tolist() == [1, 7]


def test_a_picture_shows_everybody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("av")
    clip = pair(movement(1.0), 20).replace(size=(480, 480)).save(tmp_path / "two.npz")
    picture = tmp_path / "people.png"

    assert main(["mocap", str(clip), "--sheet", str(picture)]) == 2
    assert "name its video with --video" in capsys.readouterr().err
    assert main(["mocap", str(clip), "--sheet", str(picture), "--video", str(samples.squats)]) == 0

    assert PIL.Image.open(picture).width == 2 * 240 + 3 * 10
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_picture_from_another_video_is_refused(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("av")
    picture = two.with_name("people.png")

    assert main(["mocap", str(two), "--sheet", str(picture), "--video", str(samples.squats)]) == 1

    assert "its pictures are 480x480, those of the clip 1280x720" in capsys.readouterr().err
    assert not picture.exists()


def test_quiet_prints_what_it_is_and_no_notes(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mocap", str(saved), "--quiet"]) == 0

    out, err = capsys.readouterr()
    assert out.splitlines() == ["id 1: 15 frames, 0.00 to 0.47 s, 21 bones, 1.70 m"]
    assert err == ""


def test_what_was_hardly_seen_is_told_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = clip_of(movement(0.5))
    conf = np.array(clip.conf)
    conf[:, :, [15, 17, 19, 21]] = 0.01
    path = clip.replace(conf=conf).save(tmp_path / "arms.npz")

    assert main(["mocap", str(path)]) == 0

    assert "hardly seen: left lower arm, left hand" in capsys.readouterr().out.splitlines()


def test_somebody_who_is_never_there_live_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("poise.cli._options.Engine.open", lambda *_: model([[1], [1, 3]]))

    assert main(["mocap", str(samples.squats), "--vmc", "127.0.0.1:9", "--id", "77", "--seconds", "0.3"]) == 1

    assert "person 77 was never in sight, so no movement was sent; in sight: id 1, 3" in capsys.readouterr().err
