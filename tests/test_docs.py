"""Every snippet in the README and on the pages runs, in a folder with the files that ``poise sample`` writes."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from clip_kit import first_frames

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
def desk(tmp_path: Path, packed_once: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with what ``poise sample`` writes, and my_rtmpose.onnx for the page on networks of one's own.

    Two of the four squats show as well that a snippet runs.
    """
    samples.write(tmp_path)
    first_frames(samples.squats, tmp_path / "squats.mp4", 90)
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


def test_the_index_and_the_menu_name_every_page() -> None:
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"}
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")

    assert {page for page in pages if f"]({page})" not in index} == set()
    assert {page for page in pages if f": {page}\n" not in menu} == set()


def test_no_page_names_the_package_where_pip_would_not_find_it() -> None:
    """Poise is installed from a clone; by its bare name pip would look for it on an index."""
    told = re.compile(r"pip install[^\n]*['\" ]poise\b|poise\[")

    assert [page.name for page in PAGES if told.search(page.read_text(encoding="utf-8"))] == []


def test_the_table_of_extras_is_complete() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    rows = re.findall(r"^\| (`.+?) \|", (ROOT / "docs/install.md").read_text(encoding="utf-8"), re.MULTILINE)
    listed = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}

    assert listed == set(project["optional-dependencies"])


def test_all_brings_every_extra_of_users() -> None:
    """But Ray, whose version is that of somebody's cluster."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]

    def brought(name: str) -> set[str]:
        found = set()
        for need in extras[name]:
            inner = re.fullmatch(r"poise\[(.+)\]", need)
            found |= set().union(*map(brought, inner[1].split(","))) if inner else {need}
        return found

    assert brought("all") == set().union(*(brought(name) for name in extras if name not in ("dev", "docs", "ray")))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_lines_of_code_fit_the_page(page: Path) -> None:
    """What is longer than a line of the source wraps more than once on the site."""
    text = page.read_text(encoding="utf-8")
    inside = [code for _, _, code in BLOCK.findall(text)]
    long = [line for code in inside for line in code.splitlines() if len(line) > 120]

    assert long == []


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    pytest.importorskip("mkdocstrings")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site/reference/index.html").read_text(encoding="utf-8")
    assert not re.search(r":(class|func|meth|mod|attr|data|exc):", page)
    assert not re.search(r"<p>[^<]*&gt;&gt;&gt;", page)
    assert 'class="gp">&gt;&gt;&gt; ' in page  # examples are code


def test_the_architecture_names_what_is_there() -> None:
    house = ROOT / "src/poise"
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    table = "".join(line for line in text.splitlines(keepends=True) if line.startswith("|"))
    named = set(re.findall(r"`((?:[\w.-]+/)+(?:[\w-]+\.\w+)?|[a-z_]+\.py)`", table))

    rooms = {path.name + "/" for path in house.iterdir() if (path / "__init__.py").exists()}
    assert len(named) > 40
    assert sorted(one for one in named if not (house / one).exists() and not list(house.glob(f"*/{one}"))) == []
    assert sorted(rooms - named - {"motion/", "columns/"}) == []
