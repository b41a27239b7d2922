"""``poise gestures teach``: from folders to a set, and back to what a video shows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from poise.cli import main
from poise.gestures.movements.taught_moves import TaughtMoves
from poise.gestures.sets import read_set
from poise.gestures.shapes.taught_shapes import TaughtShapes

CLIP = Path(__file__).parents[1] / "assets/clip.mp4"


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def gather(shared: Path, desk: Path, **folders: list[str]) -> list[str]:
    """Copy clips or pictures of the shared data into one folder a gesture."""
    for name, files in folders.items():
        (desk / name).mkdir()
        for file in files:
            shutil.copy(shared / "data" / file, desk / name)
    return list(folders)


def test_movements_are_taught_and_then_told(shared: Path, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clips = "gestures/asl_clips"
    folders = gather(shared, desk, eat=[f"{clips}/eat.mp4"], milk=[f"{clips}/milk.mp4"], none=[f"{clips}/thanks.mp4"])

    taught = main(
        ["gestures", "teach", "signs.toml", "--moving", "--part", "both", "--body", "body-fast", "--from", *folders]
    )

    told = capsys.readouterr()
    assert taught == 0
    assert "signs.toml: " in told.out
    assert "eat, milk: one example each" in told.err
    moves = read_set("signs.toml")
    assert isinstance(moves, TaughtMoves)
    assert (moves.part, moves.names) == ("both", ["eat", "milk"])

    watched = main(
        ["gestures", "milk/milk.mp4", "--set", "signs.toml", "--body", "body-fast", "--json", "--events", "--quiet"]
    )

    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert watched == 0
    assert [(event["event"], event["gesture"]) for event in events] == [("gesture_on", "milk"), ("gesture_off", "milk")]
    assert 0 <= events[0]["start"] < events[1]["end"] <= 1.8

    assert main(["gestures", "milk/milk.mp4", "--set", "signs.toml", "--body", "body-fast", "--json", "--quiet"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["part"], line["gesture"]) for line in lines if line["gesture"] != "unknown"] == [("body", "milk")]


def test_shapes_are_taught_from_pictures(shared: Path, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = {
        name: sorted(str(one.relative_to(shared / "data")) for one in (shared / "data/gestures" / name).iterdir())[:2]
        for name in ("call", "rock", "none")
    }
    folders = gather(shared, desk, **pictures)

    assert main(["gestures", "teach", "mine.toml", "--body", "body-fast", "--from", *folders]) == 0

    assert "each judged by the others alone" in capsys.readouterr().out
    taught = read_set("mine.toml")
    assert isinstance(taught, TaughtShapes)
    assert taught.names == ["call", "rock"]


def test_pictures_show_no_movement(photo: Path, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "wave").mkdir()
    shutil.copy(photo, desk / "wave")

    code = main(["gestures", "teach", "m.toml", "--moving", "--part", "body", "--body", "body-fast", "--from", "wave"])

    assert code == 1
    assert "wave: a picture and no video; a movement is taught from videos" in capsys.readouterr().err
    assert not Path("m.toml").exists()


def test_pictures_without_a_hand_are_named(shared: Path, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = gather(shared, desk, wave=["images/no_person_cat.png"])

    assert main(["gestures", "teach", "m.toml", "--body", "body-fast", "--from", *folders]) == 1

    said = capsys.readouterr().err
    assert "there is no example of a gesture to learn from" in said
    assert "wave: nothing was found in" in said
    assert not Path("m.toml").exists()


def test_a_folder_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gestures", "teach", "m.toml", "--moving", "--from", "nowhere"]) == 1

    assert "nowhere: no such folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--part", "both", "--from", "a"], "add --moving"),
        (["--split", "--from", "a"], "add --moving"),
        (["--moving", "--part", "both", "--body", "body-3d", "--from", "a"], "needs a body model of skeleton coco17"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a").mkdir()

    assert main(["gestures", "teach", "m.toml", *words]) == 2

    assert said in capsys.readouterr().err


def test_a_set_that_exists_is_kept(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "m.toml").write_text("mine", encoding="utf-8")

    assert main(["gestures", "teach", "m.toml", "--moving", "--from", "a"]) == 1

    assert "m.toml exists; pass --overwrite" in capsys.readouterr().err
    assert (desk / "m.toml").read_text(encoding="utf-8") == "mine"
