"""Names of files and classes are names: never options, protocols, markup or commands to the terminal."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from poise.cli import main
from poise.cli._app import modern
from poise.files.text import plain, say, say_json, screen, valid

CLI = Path(__file__).resolve().parents[2] / "src/poise/cli"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def predict(*words: str) -> int:
    return main(["predict", *words, "--model", "body-fast"])


def test_a_folder_of_names_like_settings_overwrites_nothing(folder: Path, photo: Path) -> None:
    shutil.copy(photo, "victim.jpg")
    for name in ("out=victim.jpg", "overwrite=True", "model=evil.onnx", "project=elsewhere"):
        Path(name).touch()
    before = hashlib.sha256(Path("victim.jpg").read_bytes()).hexdigest()

    assert predict(*sorted(file.name for file in folder.iterdir())) == 1  # the four that are no pictures are told
    assert hashlib.sha256(Path("victim.jpg").read_bytes()).hexdigest() == before
    assert not Path("elsewhere").exists()


def test_pictures_with_equals_signs_are_read(folder: Path, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["a=b.jpg", "conf=0.9.jpg", "source=x.jpg", "12:30=a.jpg"]
    for name in names:
        shutil.copy(photo, name)

    assert predict(*names, "--json", "-q") == 0
    assert [json.loads(line)["source"] for line in capsys.readouterr().out.splitlines()] == names


def test_settings_still_work_where_no_such_file_is() -> None:
    known = {"--conf", "--save", "--no-save"}

    assert modern(["predict", "x.jpg", "conf=0.9", "save=False"], lambda _: known) == (
        ["predict", "x.jpg", "--conf", "0.9", "--no-save"]
    )
    with pytest.raises(ValueError, match=r"cnf=0\.9: no such file, and no setting 'cnf'; did you mean 'conf'\?"):
        modern(["predict", "cnf=0.9"], lambda _: known)
    assert modern(["predict", "--", "conf=0.9"], lambda _: known) == ["predict", "--", "conf=0.9"]


def test_a_file_that_looks_like_an_option_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("--overwrite").touch()

    assert predict("--overwrite", "x.jpg") == 2
    assert "--overwrite looks like an option, and a file of this name is here" in capsys.readouterr().err


def test_a_file_named_dash_is_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("-").touch()

    assert predict("-") == 1
    assert "-: the file is empty (0 bytes)" in capsys.readouterr().err


def test_out_dash_is_standard_output(folder: Path, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict(str(photo), "--out", "-", "-q") == 0
    assert json.loads(capsys.readouterr().out)["width"] == 640
    assert list(folder.iterdir()) == []
    assert main(["export", "x.pt", "--out", "-"]) == 2


@pytest.mark.skipif(find_spec("av") is None, reason="needs PyAV (extra 'video')")
def test_a_colon_in_a_name_makes_no_protocol(folder: Path, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import av
    import numpy as np

    names = {"12:30:05.mp4": 3, "x.mp4": 1, "file:x.mp4": 2}
    for name, frames in names.items():
        with av.open(f"file:{name}", "w", format="mp4") as out:
            stream = out.add_stream("mpeg4", rate=5)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for _ in range(frames):
                out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")))
            out.mux(stream.encode(None))

    assert predict(*names, "--json", "--out", "12:30.mp4", "-q") == 0
    seen = [json.loads(line)["source"] for line in capsys.readouterr().out.splitlines()]
    assert {name: seen.count(name) for name in names} == names
    assert Path("12:30.mp4").stat().st_size > 500


@pytest.mark.parametrize("name", ["a[/x].jpg", "take [final].jpg", "[red]x[/].jpg", "e\x1b[31mred\x07.jpg"])
def test_names_are_printed_as_they_are(
    folder: Path, photo: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(name).parent.mkdir(exist_ok=True)
    shutil.copy(photo, name)

    assert predict(name) == 0
    shown = capsys.readouterr().err
    assert f"{plain(name)}  640x425" in shown
    assert not {"\x1b", "\x07"} & set(shown)


def test_a_name_that_is_not_utf8_does_not_end_the_run(folder: Path, photo: Path) -> None:
    name = os.fsencode(folder) + b"/b\xff.jpg"
    try:
        Path(os.fsdecode(name)).write_bytes(photo.read_bytes())
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    words = [sys.executable, "-m", "poise", "predict", name, "--model", "body-fast", "--json", "-q"]
    for encoding in ("utf-8", "ascii"):
        environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(CLI.parents[1])}
        done = subprocess.run(words, capture_output=True, check=False, env=environment)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["source"].endswith("/b\\xff.jpg")


def test_plain_text() -> None:
    assert plain("a\tb\nc é 日本 🙂") == "a\tb\nc é 日本 🙂"
    assert plain("\x1b]0;title\x07\r\x7f\x9b") == "\\x1b]0;title\\x07\\x0d\\x7f\\x9b"
    assert plain("photo\u202egpj.exe") == "photo\\u202egpj.exe"
    assert plain("b\udcff \ud800") == "b\\xff \\ud800"
    assert valid("b\ud800é") == "b\\ud800é"


def test_lines_are_printed_whatever_the_stream_holds(capsys: pytest.CaptureFixture[str]) -> None:
    say("[bold]x[/nope] \x1b \udcff")
    say_json({"name": "\ud800 é \x1b"})
    text, line = capsys.readouterr().out.splitlines()

    assert text == "[bold]x[/nope] \\x1b \\xff"
    assert json.loads(line) == {"name": "\ud800 é \x1b"}


def test_tables_take_text_for_text(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.table import Table

    table = Table("class")
    table.add_row("[/red] :smile: \x1b[31m")
    screen(width=60).print(table)

    assert "[/red] :smile: \\x1b[31m" in capsys.readouterr().out


def test_commands_print_through_one_door() -> None:
    found = [
        f"{file.name}:{node.lineno}"
        for file in sorted(CLI.glob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "Console")
    ]

    assert found == []  # poise.files.text.say, say_json and screen show names as they are


def test_a_name_is_no_line_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    forged = tmp_path / "a\nsaved to elsewhere.jpg"
    shutil.copy(Path(__file__).parents[1] / "assets/park.jpg", forged)
    (tmp_path / "b\ndone.jpg").write_bytes(b"no picture")

    assert main(["predict", str(tmp_path), "--model", "body-fast", "--no-save"]) == 1

    said = capsys.readouterr()
    lines = (said.out + said.err).splitlines()
    assert any(r"a\nsaved to elsewhere.jpg  840x560" in line for line in lines)
    assert any(r"b\ndone.jpg" in line for line in lines)
    assert not any(line.startswith(("saved to", "done.jpg")) for line in lines)
