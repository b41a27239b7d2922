"""Options that commands share are written once, and mean what the library's settings of their name mean."""

from __future__ import annotations

import inspect
from dataclasses import fields

import pytest

from poise import Pose
from poise.cli import main
from poise.cli._options import Engine, Opening, RunName, RunOptions
from poise.model import Settings

# What the command line decides otherwise: results go to a run unless something else is asked for, and people read them.
OTHERWISE = {"save", "verbose"}


def test_options_have_the_defaults_of_the_settings() -> None:
    settings = {field.name: field.default for field in fields(Settings)}
    differ = {
        field.name: (field.default, settings[field.name])
        for field in fields(RunOptions)
        if field.name in settings and field.name not in OTHERWISE and field.default is not None
    }

    assert {name: pair for name, pair in differ.items() if pair[0] != pair[1]} == {}
    assert len(differ) > 15


def test_what_opens_a_model_has_the_defaults_of_pose() -> None:
    arguments = inspect.signature(Pose).parameters

    assert {field.name: field.default for field in fields(Opening)} == {
        field.name: arguments[field.name].default for field in fields(Opening)
    }


@pytest.mark.parametrize("command", ["predict", "track", "fix", "angles", "events", "val", "reps"])
def test_every_command_that_opens_a_model_can_be_told_how(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([command, "--help"])

    shown = capsys.readouterr().out
    assert [field.name for field in fields(Opening) if f"--{field.name} " not in shown] == []


@pytest.mark.parametrize("command", ["gestures", "gestures teach", "reps learn"])
def test_every_command_that_runs_a_network_can_be_told_what_runs_it(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main([*command.split(), "--help"])

    shown = capsys.readouterr().out
    assert [field.name for field in fields(Engine) if f"--{field.name} " not in shown] == []


@pytest.mark.parametrize("command", ["predict", "track", "fix", "angles", "events", "val"])
def test_every_command_that_saves_a_run_can_be_told_where(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([command, "--help"])

    shown = capsys.readouterr().out
    assert [name for name in (f.name.replace("_", "-") for f in fields(RunName)) if f"--{name} " not in shown] == []
