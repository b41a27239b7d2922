"""Every snippet in the README and on the pages runs, in a folder with the files that ``poise sample`` writes."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
from pathlib import Path

import pytest

from poise import samples
from poise.cli import main

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(<!-- not run: [^>]+-->\n)?^```(python|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    """Return the snippets of a page that are to be run."""
    return [
        code for skip, lang, code in BLOCK.findall(page.read_text(encoding="utf-8")) if lang == language and not skip
    ]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with what ``poise sample`` writes, and my_rtmpose.onnx for the page on networks of one's own."""
    samples.write(tmp_path)
    shutil.copy(ROOT / "tests/assets/networks/simcc.onnx", tmp_path / "my_rtmpose.onnx")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_snippets_run(page: Path, desk: Path) -> None:
    space: dict[str, object] = {}
    for code in blocks(page, "python"):
        exec(compile(code, str(page), "exec"), space)  # noqa: S102 - our own documentation


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_run(page: Path, desk: Path) -> None:
    for code in blocks(page, "sh"):
        for line in code.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] != ["poise"]:
                continue
            with contextlib.redirect_stdout(io.StringIO()):
                assert main(words[1:]) == 0, line
