"""Help is laid out for somebody who sees it for the first time."""

from __future__ import annotations

import re
import sys

import pytest

from poise import __version__
from poise.cli import main
from poise.cli._app import _COMMANDS
from poise.cli._help import COMMANDS


def said(words: list[str], capsys: pytest.CaptureFixture[str], *, code: int = 0) -> str:
    assert main(words) == code
    printed = capsys.readouterr()
    return printed.out + printed.err


def test_version_is_printed_in_both_spellings(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(["version"], capsys).strip() == __version__
    assert said(["--version"], capsys).strip() == __version__


def test_help_is_the_same_in_both_spellings(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(["help"], capsys) == said(["--help"], capsys)
    assert said(["help", "predict"], capsys) == said(["predict", "--help"], capsys)
    assert said(["help", "data", "check"], capsys) == said(["data", "check", "--help"], capsys)


@pytest.mark.parametrize("words", [["predikt"], ["data", "chek"]])
def test_help_on_what_is_not_there_names_the_nearest(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean" in said(["help", *words], capsys, code=2)


def test_every_command_is_in_a_group_and_the_groups_in_the_order_of_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert sorted(name for names in COMMANDS.values() for name in names) == sorted(_COMMANDS)
    titles = re.findall(r"^╭─ (.+?) ─", said(["help"], capsys), re.MULTILINE)
    assert titles[: len(COMMANDS)] == list(COMMANDS)


@pytest.mark.parametrize(
    ("command", "inside"),
    [("weights", "fetch"), ("data", "check"), ("gestures", "teach"), ("reps", "learn")],
)
def test_commands_of_a_command_have_a_group_of_their_own(
    command: str, inside: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(["help", command], capsys)

    assert "Everywhere" not in text
    assert re.search(rf"^╭─ Commands ─+╮\n(│ .*\n)*│ {inside} ", text, re.MULTILINE)


@pytest.mark.parametrize("command", sorted(_COMMANDS))
def test_no_help_lists_flags_for_empty_lists(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--empty" not in said(["help", command], capsys)


@pytest.mark.parametrize("command", ["predict", "track", "train", "val", "angles"])
def test_options_of_long_commands_are_grouped(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(["help", command], capsys)
    titles = re.findall(r"^╭─ (.+?) ─", text, re.MULTILINE)

    assert "What is found" in titles
    assert "How it runs" in titles
    # Each option is shown once.
    flags = re.findall(r"^│ (?:\*  )?(--[a-z0-9-]+)", text, re.MULTILINE)
    assert len(flags) == len(set(flags))


def test_the_doctor_works_where_video_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)

    printed = " ".join(said(["doctor", "--seconds", "0.1"], capsys).split())

    assert "not looked for: av is not installed" in printed
    assert "checksums right" in printed
