"""``poise gestures`` as a user types it: lines, ids, sides, sets, pictures, cameras, and what goes wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from poise.cli import main

ASSETS = Path(__file__).parents[1] / "assets"
CLIP = ASSETS / "clip.mp4"
KEYS = ["source", "frame", "time", "id", "part", "gesture", "conf"]


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POISE_HOME", str(tmp_path / "home"))
    return tmp_path


def lines(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> list[dict[str, object]]:
    assert main(["gestures", *words, "--json", "--quiet"]) == code
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_line_of_json_has_exactly_its_keys_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    said = lines(capsys, str(CLIP))

    assert said
    assert all(list(line) == KEYS for line in said)
    assert {line["frame"] for line in said} <= set(range(20))
    assert {line["source"] for line in said} == {str(CLIP)}


def test_what_shows_nothing_is_a_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    said = lines(capsys, str(ASSETS / "astronaut.jpg"))

    assert [(line["part"], line["gesture"], line["id"]) for line in said] == [("body", "unknown", None)]


def test_a_pose_of_the_body_is_told(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = lines(capsys, str(photo), "--set", "body")

    assert [(line["part"], line["gesture"], line["id"]) for line in said] == [("body", "t_pose", None)]


def test_bodies_that_only_help_to_find_hands_are_no_lines(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path,) = (shared / "data/gestures/rock").glob("026fd791*")

    said = lines(capsys, str(path), "--set", "hands")

    # Of the left hand only fingertips show above the table: found where the body's wrist is, and told as unknown.
    assert [(line["part"], line["gesture"]) for line in said] == [("right_hand", "rock"), ("left_hand", "unknown")]


@pytest.mark.parametrize(
    ("folder", "start", "part", "gesture"),
    [
        ("rock", "026fd791", "right_hand", "rock"),
        ("four", "105f8f8e", "right_hand", "four"),
        ("call", "0413d5c5", "left_hand", "call"),
        ("none", "00c84257", "left_hand", "thumb_down"),
        ("none", "0a71a6e8", "left_hand", "point"),
    ],
)
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_real_hand_is_told_with_its_side(
    shared: Path,
    desk: Path,
    capsys: pytest.CaptureFixture[str],
    folder: str,
    start: str,
    part: str,
    gesture: str,
    mirrored: bool,
) -> None:
    (path,) = (shared / "data/gestures" / folder).glob(f"{start}*")
    picture = desk / "picture.png"
    image = Image.open(path).convert("RGB")
    (ImageOps.mirror(image) if mirrored else image).save(picture)

    said = lines(capsys, str(picture), "--set", "hands", *(["--mirrored"] if mirrored else []))

    assert (part, gesture) in {(line["part"], line["gesture"]) for line in said}


def test_every_hand_of_a_video_has_an_id(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = shared / "data/gestures/asl_clips/help.mp4"

    said = lines(capsys, str(clip), "--hands-only", "--vid-stride", "2")

    assert all(isinstance(line["id"], int) for line in said)
    assert {line["id"] for line in said if line["gesture"] == "thumb_up"} == {1}


def test_hands_have_the_id_of_their_person(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = shared / "data/gestures/asl_clips/hungry.mp4"

    said = lines(capsys, str(clip), "--vid-stride", "4")

    assert {line["part"] for line in said} == {"left_hand", "right_hand", "body"}
    assert {line["id"] for line in said} == {1}


def test_an_open_hand_that_becomes_two_fingers_is_two_gestures(capsys: pytest.CaptureFixture[str]) -> None:
    said = lines(capsys, str(ASSETS / "gestures.mp4"), "--set", "hands", "--events")

    # The hand is up and open from 0.7 s, and shows two fingers from 1.9 s to the end at 3 s.
    assert [(line["event"], line["part"], line["gesture"], line["id"]) for line in said] == [
        ("gesture_on", "right_hand", "open_palm", 1),
        ("gesture_off", "right_hand", "open_palm", 1),
        ("gesture_on", "right_hand", "victory", 1),
        ("gesture_off", "right_hand", "victory", 1),
    ]


def test_a_video_ends_with_what_was_seen_how_often_and_when(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gestures", str(shared / "data/videos/gesture_wave.mp4"), "--set", "body", "--vid-stride", "2"]) == 0

    out, err = capsys.readouterr()
    assert "waving_right  off" in out
    (row,) = [line.split() for line in err.splitlines() if line.startswith("waving_right")]
    # The arm goes to and fro twice, with a rest between.
    assert row[1:5] == ["#1", "body", "2", "times"]


@pytest.mark.parametrize("words", [["--json"], ["--quiet"], []])
def test_a_video_without_a_gesture_says_so(words: list[str], desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gestures", str(CLIP), "--set", "numbers", "--hands-only", *words]) == 0

    assert ("no gesture was seen" in capsys.readouterr().err) == (not words)


def test_events_begin_and_end_once(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = shared / "data/gestures/asl_clips/help.mp4"
    said = lines(capsys, str(clip), "--set", "hands", "--events", "--vid-stride", "2")

    thumbs = [line for line in said if line["gesture"] == "thumb_up"]
    assert [(line["event"], line["part"], line["id"]) for line in thumbs] == [
        ("gesture_on", "right_hand", 1),
        ("gesture_off", "right_hand", 1),
    ]


def test_sets_that_name_the_same_shapes_are_reported(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["gestures", str(photo), "--set", "hands", "numbers", "--hands-only"])

    assert "nothing tells 'one' from 'point'" in capsys.readouterr().err


def test_sets_are_joined(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path,) = (shared / "data/gestures/none").glob("0a71a6e8*")

    said = lines(capsys, str(path), "--set", "numbers", "body")

    assert {(line["part"], line["gesture"]) for line in said} >= {("left_hand", "one"), ("body", "unknown")}


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["x.jpg", "--set", "hand"], 2, "did you mean 'hands'?"),
        (["x.jpg", "--set", "body", "--hands-only"], 2, "--hands-only needs a set with gestures of hands"),
        (["x.jpg", "--events"], 2, "--events goes with --json"),
        ([], 2, "gestures needs a source"),
        (["x.mp4"], 1, "x.mp4: no such file"),
        (["empty.mp4"], 1, "empty.mp4: the file is empty"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    desk: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, message: str
) -> None:
    (desk / "empty.mp4").touch()

    assert main(["gestures", *words]) == code

    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err


def test_one_bad_picture_costs_one_line_and_the_exit_code(
    desk: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = desk / "pictures"
    folder.mkdir()
    (folder / "good.jpg").write_bytes(photo.read_bytes())
    (folder / "bad.jpg").write_bytes(photo.read_bytes()[:3000])

    said = lines(capsys, str(folder), code=1)

    assert {Path(str(line["source"])).name for line in said} == {"good.jpg"}


def test_each_video_is_saved_as_its_own(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "a.mp4").write_bytes(CLIP.read_bytes())
    (desk / "b.mp4").write_bytes(CLIP.read_bytes())

    assert main(["gestures", "a.mp4", "b.mp4", "--save", "--set", "body"]) == 0

    folder = desk / "runs/pose/gestures"
    assert {path.name for path in folder.iterdir()} == {"a.mp4", "b.mp4", "manifest.json"}
    assert json.loads((folder / "manifest.json").read_text())["status"] == "done"
    assert "saved to runs/pose/gestures" in capsys.readouterr().err


def test_a_video_can_be_written_where_the_user_says(desk: Path) -> None:
    av = pytest.importorskip("av")

    assert main(["gestures", str(CLIP), "--set", "body", "-q", "-o", "out.mp4"]) == 0

    with av.open(str(desk / "out.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == 20
    assert main(["gestures", str(CLIP), "--set", "body", "-q", "-o", "out.mp4"]) == 1


def test_pictures_go_to_a_folder(desk: Path, photo: Path) -> None:
    assert main(["gestures", str(photo), "-q", "-o", "drawn"]) == 0

    assert np.asarray(Image.open(desk / "drawn" / photo.name)).shape == (425, 640, 3)


def test_the_webcam_is_camera_0(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    av = pytest.importorskip("av")
    from poise.sources import _camera, _video

    if "lavfi" not in av.formats_available:
        pytest.skip("this FFmpeg has no lavfi")

    def address(number: int) -> tuple[str, str, dict[str, str]]:
        assert number == 0
        return f"movie={CLIP}", "lavfi", {}

    monkeypatch.setattr(_camera, "_address", address)
    monkeypatch.setattr(_camera, "_candidates", lambda: [0])
    monkeypatch.setattr(_video, "_pause", lambda _: iter(()))

    # The film ends, which a camera does not: it is tried again, and then told.
    said = lines(capsys, "webcam", "--set", "body", code=1)

    assert {line["source"] for line in said} == {"camera 0"}


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_lines_reach_their_file_while_a_terminal_shows_the_bar(desk: Path) -> None:
    import pty

    terminal, end = pty.openpty()
    words = [sys.executable, "-m", "poise", "gestures", str(CLIP), "--set", "body", "--json"]
    with (desk / "lines.jsonl").open("wb") as file:
        process = subprocess.Popen(words, stdout=file, stderr=end)
        os.close(end)
        shown = b""
        while chunk := _read(terminal):
            shown += chunk
        process.wait()

    assert b"clip.mp4" in shown
    assert b'"gesture"' not in shown
    assert [json.loads(line)["frame"] for line in (desk / "lines.jsonl").open()][-1] == 19


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # how Linux says that the other end is closed
        return b""


def test_ctrl_c_leaves_a_video_that_opens_and_a_manifest(desk: Path) -> None:
    av = pytest.importorskip("av")
    words = [sys.executable, "-m", "poise", "gestures", *[str(CLIP)] * 200, "--set", "body", "--save", "--json"]
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell starts in the background ignores the signal, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["frame"] == 5:
            break

    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "interrupted" in error
    assert "Traceback" not in error
    assert json.loads((desk / "runs/pose/gestures/manifest.json").read_text())["status"] == "interrupted"
    with av.open(str(desk / "runs/pose/gestures/clip.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) >= 5
