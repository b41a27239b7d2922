"""How commands end: by signals, at damaged sources, on a full disk; their exit codes, manifests and files."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clip_kit import first_frames

from poise.cli import main
from poise.files import writing

av = pytest.importorskip("av")

SAVING = {
    "predict": ["predict", "CLIP", "--save", "--out", "rows.coco.json", "--model", "body-fast"],
    "track": ["track", "CLIP", "--save", "--model", "body-fast"],
    "events": ["events", "CLIP", "--posture", "--save", "--csv", "events.csv", "--model", "body-fast"],
    "gestures": ["gestures", "CLIP", "--save", "--hands-only"],
}
# These read the whole video before they write.
READING = {
    "fix": ["fix", "CLIP", "--model", "body-fast"],
    "angles": ["angles", "CLIP", "--out", "angles.csv", "--model", "body-fast"],
    "reps": ["reps", "CLIP", "--report", "reps.html", "--model", "body-fast"],
}


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video that no command has read to its end before a signal meets it."""
    return write_clip(tmp_path_factory.mktemp("long") / "clip.mp4", 6000)


def write_clip(path: Path, frames: int, *, wide: bool = False) -> Path:
    """Write a video of noise, in which nobody is; its pixels are twice as wide as high if asked for."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        if wide:
            stream.codec_context.sample_aspect_ratio = 2
        noise = np.random.default_rng(0).integers(0, 255, (48, 96, 3), dtype=np.uint8)
        for index in range(frames):
            grey = np.ascontiguousarray(noise[:, index % 32 : index % 32 + 64])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="bgr24")))
        container.mux(stream.encode())
    return path


def cut_off(whole: Path, clip: Path) -> Path:
    """Write the first two thirds of a video, with the index of all of it."""
    front = clip.with_name("front.mp4")
    with av.open(str(whole)) as read, av.open(str(front), "w", options={"movflags": "faststart"}) as out:
        copy = out.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(video=0):
            if packet.dts is not None:
                packet.stream = copy
                out.mux_one(packet)
    data = front.read_bytes()
    clip.write_bytes(data[: len(data) * 2 // 3])
    return clip


def words(command: list[str], clip: Path) -> list[str]:
    return [str(clip) if word == "CLIP" else word for word in command]


def manifest(folder: Path, name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "runs/pose" / name / "manifest.json").read_text("utf-8"))
    return read


def ended(command: list[str], folder: Path, *, by: int, ready: Any) -> subprocess.CompletedProcess[bytes]:
    """Start a command, wait until it is at work, send it a signal, and return how it ended."""
    process = subprocess.Popen(
        [sys.executable, "-m", "poise.cli", *command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    until = time.monotonic() + 120
    while not ready() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(by)
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def at_work(path: Path) -> Any:
    """Return what says whether a file has grown beyond its head."""
    return lambda: path.is_file() and path.stat().st_size > 2000


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(
    ("name", "number", "code"),
    [
        ("predict", signal.SIGINT, 130),
        ("predict", signal.SIGTERM, 143),
        ("predict", getattr(signal, "SIGHUP", signal.SIGTERM), 129),
        ("track", signal.SIGTERM, 143),
        ("events", signal.SIGTERM, 143),
        ("gestures", signal.SIGTERM, 143),
    ],
)
def test_a_signal_finishes_files_and_manifest(
    name: str, number: int, code: int, long_clip: Path, tmp_path: Path
) -> None:
    done = ended(
        words(SAVING[name], long_clip), tmp_path, by=number, ready=at_work(tmp_path / "runs/pose" / name / "clip.mp4")
    )

    assert done.returncode == code, done.stderr
    said = manifest(tmp_path, name)
    assert said["status"] == "interrupted"
    assert 0 < said["counts"]["frames"] < 6000
    with av.open(str(tmp_path / "runs/pose" / name / "clip.mp4")) as video:
        assert video.streams.video[0].frames > 0  # a plain file with its index
    left = [path.name for path in tmp_path.rglob("*") if path.name.endswith((".journal", ".part"))]
    assert left == []
    if name == "predict":
        assert len(json.loads((tmp_path / "rows.coco.json").read_text("utf-8"))["images"]) > 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_what_was_killed_is_there_up_to_then(long_clip: Path, tmp_path: Path) -> None:
    ended(
        words(SAVING["predict"], long_clip),
        tmp_path,
        by=signal.SIGKILL,
        ready=at_work(tmp_path / "runs/pose/predict/clip.mp4"),
    )

    assert manifest(tmp_path, "predict")["status"] == "running"  # nobody was left to say otherwise
    with av.open(str(tmp_path / "runs/pose/predict/clip.mp4")) as video:
        assert len(list(video.decode(video=0))) > 0
    from poise.sinks import recover

    assert recover(tmp_path / "rows.coco.json.journal").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_signal_that_the_user_has_switched_off_stays_off() -> None:
    code = (
        "import signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from poise.cli._signals import ended_by_signals\n"
        "with ended_by_signals():\n"
        "    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN\n"
        "    assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL\n"
        "assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("name", [*SAVING, *READING])
def test_a_damaged_video_is_exit_code_1_for_every_command(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    clip = cut_off(write_clip(tmp_path / "whole.mp4", 20), tmp_path / "clip.mp4")

    assert main(words((SAVING | READING)[name], clip)) == 1
    assert "clip.mp4: damaged video" in capsys.readouterr().err
    found = list(Path("runs").rglob("manifest.json"))
    assert [path.parent.name for path in found] == ([name] if name in (*SAVING, "fix") else [])
    for path in found:
        said = json.loads(path.read_text("utf-8"))
        assert said["status"] == "failed"
        assert "clip.mp4: damaged video" in said["errors"][0]
        assert 0 < said["counts"]["frames"] < 20
        assert (path.parent / "clip.mp4").stat().st_size > 0


@pytest.mark.parametrize("name", [*SAVING, *READING])
def test_notes_about_a_source_are_a_line_and_quiet_silences_them(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    clip = write_clip(tmp_path / "clip.mp4", 3, wide=True)
    command = words((SAVING | READING)[name], clip)

    assert main([*command, "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    for path in tmp_path.iterdir():
        if path.suffix in (".json", ".csv", ".html"):
            path.unlink()
    assert main(command) == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if "its pixels are not square" in line] == [
        f"poise: {clip}: its pixels are not square; frames are given as 128 x 48, as players show them"
    ]


@pytest.mark.parametrize("name", ["angles", "reps"])
def test_a_damaged_video_fails_the_run_of_a_command_that_reads_it_twice(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from poise import samples

    monkeypatch.chdir(tmp_path)
    cut_off(first_frames(samples.squats, tmp_path / "whole.mp4", 60), tmp_path / "clip.mp4")

    assert main([name, "clip.mp4", "--save", "--model", "body-fast", "--quiet"]) == 1

    said = manifest(tmp_path, name)
    assert said["status"] == "failed"
    assert "clip.mp4: damaged video" in said["errors"][0]
    assert (tmp_path / "runs/pose" / name / "clip.mp4").stat().st_size > 0


@pytest.mark.parametrize("name", [*SAVING, "fix"])
def test_a_run_of_which_nothing_came_leaves_no_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"no video")

    assert main(words((SAVING | READING)[name], clip)) == 1

    assert list(Path("runs").rglob("*")) in ([], [Path("runs/pose")])
    assert "saved to" not in capsys.readouterr().err


def test_one_bad_picture_of_several_fails_the_run_and_keeps_the_others(
    tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.jpg").write_bytes(b"no picture")

    assert main(["predict", str(photo), "bad.jpg", "--model", "body-fast", "--quiet"]) == 1

    said = manifest(tmp_path, "predict")
    assert (said["status"], said["counts"]["frames"], said["files"]) == ("failed", 1, ["demo.jpg"])
    assert "bad.jpg" in said["errors"][0]


@pytest.mark.parametrize("name", [*SAVING, *READING])
def test_a_full_disk_is_exit_code_1_and_names_the_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    clip = write_clip(tmp_path / "clip.mp4", 5)
    before = {path.name for path in tmp_path.iterdir()}

    def full(stream: object, data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for module in list(sys.modules.values()):
        if getattr(module, "write_all", None) is writing.write_all:
            monkeypatch.setattr(module, "write_all", full)

    assert main(words((SAVING | READING)[name], clip)) == 1
    assert "cannot be written: the disk is full" in capsys.readouterr().err
    made = [path for path in tmp_path.rglob("*") if path.is_file() and path.name not in before]
    assert [path.name for path in made] == []


@pytest.mark.skipif(sys.platform == "win32", reason="access rights are others there")
@pytest.mark.parametrize("option", ["angles", "reps", "predict", "teach"])
def test_what_cannot_be_written_is_told_before_the_work(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    clip = write_clip(tmp_path / "clip.mp4", 5)
    (tmp_path / "file").write_text("in the way", "utf-8")
    command = {
        "angles": ["angles", str(clip), "--out", "file/a.csv"],
        "reps": ["reps", str(clip), "--report", "file/a.html"],
        "predict": ["predict", str(clip), "--out", "file/a.csv"],
        "teach": ["gestures", "teach", "file/a.toml", "--from", str(tmp_path)],
    }[option]
    from poise.model import Pose

    def work(*_: object, **__: object) -> Any:
        raise AssertionError("the work has begun")
        yield

    monkeypatch.setattr(Pose, "_run", work)

    assert main(command) == 1
    assert "part of the path is a file that exists already" in capsys.readouterr().err


def test_a_run_whose_folder_was_removed_has_failed(tmp_path: Path) -> None:
    import shutil

    from poise.errors import PoiseError
    from poise.sinks import RunFolder

    run = RunFolder(tmp_path, "run")
    run.manifest("running")
    shutil.rmtree(run.path)
    with pytest.raises(PoiseError, match="was removed while the run was at work"):
        run.manifest("done")


def test_two_processes_do_not_write_one_file(tmp_path: Path) -> None:
    from poise.errors import PoiseError
    from poise.sinks import CsvSink

    pytest.importorskip("fcntl")
    first = CsvSink(tmp_path / "a.csv", overwrite=True)
    first._begin()
    second = CsvSink(tmp_path / "a.csv", overwrite=True)
    with pytest.raises(PoiseError, match="another process is writing it"):
        second._begin()
    first.close()
    CsvSink(tmp_path / "a.csv", overwrite=True).close()


def test_standard_output_as_out_is_lines_of_json_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    clip = write_clip(tmp_path / "clip.mp4", 3)

    assert main(["predict", str(clip), "--out", "-", "--model", "body-fast", "--quiet"]) == 0
    assert [json.loads(line)["frame"] for line in capsys.readouterr().out.splitlines()] == [0, 1, 2]
    assert main(["gestures", str(clip), "--out", "-"]) == 2
    assert "not written to standard output" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_a_named_run_is_saved_beside_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    clip = write_clip(tmp_path / "clip.mp4", 3)

    assert main(["predict", str(clip), "--json", "--name", "mine", "--model", "body-fast"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert sorted(path.name for path in Path("runs/pose/mine").iterdir()) == ["clip.mp4", "manifest.json"]


def test_passwords_are_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from poise import Pose
    from poise.errors import SourceError

    address = "http://me:geheim@127.0.0.1:1/live.mjpg?pwd=geheim&n=1"
    monkeypatch.setattr(sys, "argv", ["poise", "predict", address])
    (tmp_path / "run").mkdir()  # a folder that the run has made itself would go with it
    with pytest.raises(SourceError) as caught:
        Pose("body-fast").predict(address, save=True, project=tmp_path, name="run", exist_ok=True)

    assert "geheim" not in str(caught.value) + caplog.text
    text = (tmp_path / "run/manifest.json").read_text("utf-8")
    assert "geheim" not in text
    assert "me:***@127.0.0.1" in text
