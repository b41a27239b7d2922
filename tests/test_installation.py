"""What an error says to type works for the installation that says it."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

import poise
from poise.errors import MissingExtra, require
from poise.extras import installation
from poise.extras.installation import installing

ROOT = Path(poise.__file__).resolve().parents[2]


class Noted:
    """A distribution whose installer noted where it came from."""

    def __init__(self, note: object) -> None:
        self.note = note

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return None if self.note is None else json.dumps(self.note)


def said(note: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Return the last word of the command, of an installation in site-packages."""
    monkeypatch.setattr(installation, "__file__", str(tmp_path / "site-packages/poise/installation.py"))
    monkeypatch.setattr(installation, "distribution", lambda name: Noted(note))
    command = shlex.split(installing("video"))
    assert command[:2] == ["pip", "install"]
    return command[2]


def test_a_clone_is_named_by_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if not (ROOT / "pyproject.toml").is_file():
        pytest.skip("these tests run on an installed package, not on a clone")
    monkeypatch.chdir(tmp_path)
    assert shlex.split(installing("video")) == ["pip", "install", f"{ROOT}[video]"]
    monkeypatch.chdir(ROOT)
    assert installing("video") == "pip install '.[video]'"


@pytest.mark.parametrize(
    ("note", "word"),
    [
        (None, "poise[video]"),
        ({"url": "https://example.com/poise-1.whl", "archive_info": {}},
         "poise[video] @ https://example.com/poise-1.whl"),
        ({"url": "https://example.com/poise.git", "vcs_info": {"vcs": "git", "commit_id": "0" * 40}},
         "poise[video] @ git+https://example.com/poise.git"),
        ({"url": "file:///no/such/clone", "dir_info": {}}, "poise[video]"),
    ],
)  # fmt: skip
def test_other_origins_are_named_as_pip_takes_them(
    note: object, word: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert said(note, monkeypatch, tmp_path) == word


def test_a_clone_installed_without_dash_e_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clone = tmp_path / "my clone"
    clone.mkdir()
    (clone / "pyproject.toml").write_text("[project]")

    assert said({"url": clone.as_uri(), "dir_info": {}}, monkeypatch, tmp_path) == f"{clone}[video]"


def test_a_missing_package_is_one_sentence_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)

    with pytest.raises(MissingExtra) as missing:
        require("av", extra="video", feature="reading video")

    assert str(missing.value) == f"reading video needs av; run: {installing('video')}"
