"""What the Tab key offers, asked of the shells themselves."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from poise.cli import main

# What is typed, what must be offered, and what must not be.
CASES = [
    ("poise pre", {"predict"}, {"track"}),
    ("poise predict --mod", {"--model"}, {"--conf"}),
    ("poise predict --model body-f", {"body-fast"}, {"body"}),
    ("poise predict --model my", {"my net.onnx"}, {"body"}),
    ("poise track clip.mp4 --tracker b", {"bytetrack.yaml", "botsort.yaml"}, {"pose.yaml"}),
    ("poise reps squats.mp4 --exercise sq", {"squat"}, {"plank"}),
    ("poise data ch", {"check"}, {"convert"}),
    ("poise predict --classes --em", set(), {"--empty-classes"}),
    ("poise help tr", {"track", "train"}, {"predict"}),
]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my net.onnx").write_bytes(b"")
    return tmp_path


def script(shell: str, desk: Path) -> Path:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    path = desk / f"poise.{shell}"
    assert main(["completion", "--shell", shell, "--output", str(path)]) == 0
    return path


def bash(line: str, path: Path) -> list[str]:
    """Split a line as bash does, "=" being a word of its own, and ask for what may come."""
    words = line.replace("=", " = ").split() + ([""] if line.endswith((" ", "=")) else [])
    code = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _poise 2>/dev/null; '
    code += 'printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", code, "-", str(path), *words], capture_output=True, text=True, check=True)
    return [word for word in done.stdout.splitlines() if word]


@pytest.mark.parametrize(("line", "offered", "not_offered"), CASES, ids=[case[0] for case in CASES])
def test_bash_offers(line: str, offered: set[str], not_offered: set[str], desk: Path) -> None:
    found = set(bash(line, script("bash", desk)))

    assert offered <= found
    assert not found & not_offered


def test_bash_completes_behind_an_equals_sign_too(desk: Path) -> None:
    path = script("bash", desk)

    assert bash("poise predict --model=body-f", path) == ["body-fast"]
    assert bash("poise predict model=body-f", path) == ["body-fast"]


def test_bash_leaves_sources_to_the_shell_whose_file_completion_is_best(desk: Path) -> None:
    path = script("bash", desk)

    assert bash("poise predict my", path) == []
    assert "complete -o default -o filenames -F _poise poise" in path.read_text()


@pytest.mark.parametrize(("line", "offered", "not_offered"), CASES, ids=[case[0] for case in CASES])
def test_fish_offers(line: str, offered: set[str], not_offered: set[str], desk: Path) -> None:
    path = script("fish", desk)
    code = 'source $argv[1]; complete -C "$argv[2]"'
    done = subprocess.run(
        ["fish", "--no-config", "-c", code, str(path), line], capture_output=True, text=True, check=True,
        env={"HOME": str(desk), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    found = {word.partition("\t")[0].replace("\\ ", " ") for word in done.stdout.splitlines()}

    assert offered <= found
    assert not found & not_offered


def test_zsh_takes_the_script(desk: Path) -> None:
    path = script("zsh", desk)
    code = 'source "$1" && print ${_comps[poise]} ${+functions[_poise]}'
    done = subprocess.run(
        ["zsh", "-f", "-c", code, "-", str(path)], capture_output=True, text=True, check=True,
        env={"HOME": str(desk), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip

    assert done.stdout.split()[-1] == "1"
    assert "_poise" in done.stdout


def test_installing_adds_one_line_once(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: desk)
    (desk / ".bashrc").write_text("# mine", encoding="utf-8")
    for _ in range(2):
        assert main(["completion", "--shell", "bash"]) == 0

    lines = (desk / ".bashrc").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# mine"
    assert len(lines) == 2
    if shutil.which("bash"):
        subprocess.run(["bash", "-c", f"set -e; source '{desk}/.bashrc'; complete -p poise"], check=True)


def test_an_unknown_shell_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SHELL", "/bin/tcsh")

    assert main(["completion"]) == 2
    assert "say --shell bash, zsh or fish" in capsys.readouterr().err
