"""What the commands tell a person who watches: short, complete, and what to type next."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from zoo_kit import publish

from poise.cli import main
from poise.clips import Clip
from poise.skeletons import get
from poise.weights import zoo_models


def on_terminal(words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a command whose standard output is a terminal."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    return main(words)


def bent_elbow(path: Path) -> Path:
    """Write a clip of ten frames: the left elbow goes from straight to a right angle in the plane of the picture."""
    skeleton = get("coco17")
    xy = np.full((1, 10, 17, 2), np.nan, dtype=np.float32)
    for t, bend in enumerate(np.radians(np.linspace(0, 90, 10))):
        points = {"shoulder": (100, 100), "elbow": (100, 160), "hip": (100, 200)}
        for name, point in points.items():
            xy[0, t, skeleton.index(f"left_{name}")] = point
        xy[0, t, skeleton.index("left_wrist")] = 100 + 60 * np.sin(bend), 160 + 60 * np.cos(bend)
    clip = Clip(
        xy=xy,
        conf=np.where(np.isfinite(xy[..., 0]), 0.9, 0).astype(np.float32),
        sigma=np.full_like(xy, 1.0),
        boxes=np.broadcast_to(np.float32([50, 50, 200, 300]), (1, 10, 4)),
        box_conf=np.full((1, 10), 0.9, np.float32),
        ids=np.array([1]),
        times=np.arange(10) / 10,
        frames=np.arange(10),
        skeleton=skeleton,
        size=(400, 300),
    )
    clip.save(path)
    return path


def test_a_terminal_is_shown_the_range_of_each_angle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["angles", str(bent_elbow(tmp_path / "bend.npz")), "--no-repair", "--quiet"]

    assert on_terminal(words, monkeypatch) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["id", "angle", "least", "greatest", "±", "trusted"]
    assert lines[1].split()[:4] == ["1", "left_elbow_flexion", "0°", "90°"]
    assert "--out angles.csv" in lines[-1]


def test_a_terminal_gets_the_csv_that_it_asks_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["angles", str(bent_elbow(tmp_path / "bend.npz")), "--names", "left_elbow_flexion", "--quiet"]

    assert on_terminal([*words, "--out", "-"], monkeypatch) == 0

    assert capsys.readouterr().out.startswith("frame,time,id,name,value")


def test_a_pipe_gets_the_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = bent_elbow(tmp_path / "bend.npz")
    words = ["angles", str(clip), "--names", "left_elbow_flexion", "--no-repair", "--quiet"]

    assert main(words) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("frame,time,id,name,value")
    assert [float(line.split(",")[4]) for line in lines[1:]] == pytest.approx(np.linspace(0, 90, 10), abs=0.01)


@pytest.mark.parametrize(
    ("width", "headings"), [(80, "name points AP MB GFLOPs licence here"), (50, "name AP licence here")]
)
def test_the_zoo_fits_the_terminal_with_whole_names(
    width: int, headings: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))

    assert main(["models", "--zoo"]) == 0

    out = capsys.readouterr().out
    lines = out.splitlines()
    assert max(map(len, lines)) <= width
    assert sorted(lines[1].split()) == sorted(headings.split())
    assert {entry.name for entry in zoo_models()} <= {line.split()[0] for line in lines if line}
    assert "on, maker's ms" in " ".join(out.split())


def test_what_is_removed_and_not_there_is_told_with_what_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POISE_HOME", str(tmp_path))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/own.onnx").write_bytes(b"")

    assert main(["weights", "remove", "foo"]) == 1

    assert capsys.readouterr().err == f"poise: foo: nothing of it is in {tmp_path / 'weights'}; in it: own.onnx\n"


def test_two_addresses_that_do_not_answer_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POISE_HOME", str(tmp_path))
    monkeypatch.setenv("POISE_OFFLINE", "0")
    long = "x" * 200
    publish(monkeypatch, "rtmpose-t", f"http://127.0.0.1:9/{long}", f"http://localhost:9/{long}")

    assert main(["weights", "fetch", "rtmpose-t"]) == 1

    said, refused = capsys.readouterr().err.splitlines()[-1], os.strerror(errno.ECONNREFUSED)
    assert said == (
        f"poise: rtmpose-t could not be fetched: 127.0.0.1:9 and localhost:9: no answer: {refused}; "
        "run 'poise weights pack rtmpose-t --out rtmpose-t.zip' on a machine with a network, and "
        "'poise weights import rtmpose-t.zip' here"
    )


def test_a_detector_where_nothing_is_searched_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["angles", str(bent_elbow(tmp_path / "bend.npz")), "--detector", "nanodet-416"]) == 2

    assert "nothing is searched in a saved clip; leave --detector out" in capsys.readouterr().err
    assert main(["predict", "x.jpg", "--model", "hands", "--detector", "nanodet-416"]) == 1
    assert "hands: detector= is for models that refine boxes; leave 'nanodet-416' out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "command", "message"),
    [
        ("weights fetch --bad", "weights fetch", "Unknown option: --bad."),
        ("reps learn --bad x", "reps learn", "Unknown option: --bad."),
        ("data convert", "data convert", "SOURCE requires an argument"),
        ("weights fetch", "weights fetch", "weights fetch needs a name"),
        ("predict", "predict", "predict needs a source"),
        ("weights fetsh", "weights", "no command named 'weights fetsh'; did you mean 'fetch'?"),
        ("info a.onnx b.onnx", "info", "info takes FILE and no more, got 'b.onnx' too"),
    ],
)
def test_wrong_use_points_to_the_help_of_its_own_command(
    words: str, command: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words.split()) == 2

    said, hint = capsys.readouterr().err.splitlines()
    assert message in said
    assert hint == f"poise: see 'poise {command} --help'"
