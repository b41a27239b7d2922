"""The commands' common frame: registration, the legacy spelling, errors and exit codes."""

from __future__ import annotations

import sys
from typing import Any

import cyclopts

from poise._version import __version__
from poise.cli._help import Grouped, group_of, place_of
from poise.errors import PoiseError, suggest

# Each command's module is loaded when the command is called; the line here is what "poise --help" shows.
_COMMANDS = {
    "demo": "Find the person in a bundled photo and save the annotated picture.",
    "sample": "Write sample pictures and clips to try the other commands on.",
    "predict": "Find keypoints in pictures, folders, videos, a camera or an address.",
    "data": "Check labelled pictures, and convert them from one format to another.",
    "train": "Train a network on your own labelled pictures.",
    "val": "Score a model on labelled pictures, or compare two.",
    "track": "Find keypoints in video and say who is who.",
    "events": "Say what happens in video: falls, postures, who enters a zone or crosses a line.",
    "fix": "Repair a video in a second pass: broken tracks, gaps, swapped sides, trembling.",
    "angles": "Measure joint angles in a video, as a table, with how far each can be trusted.",
    "reps": "Count the repetitions of an exercise in a video, or learn one from a demonstration.",
    "export": "Turn a checkpoint into a network file for an engine, with the proof that it finds the same.",
    "info": "Say what a network file is, without running it.",
    "gestures": "Say what hands and bodies show, or teach gestures of your own.",
    "models": "List the bundled models, or print the card of one.",
    "weights": "List, import and fetch weight files that are not bundled.",
    "doctor": "Check the installation: versions, devices, cameras, networks, speed.",
    "completion": "Install completion of commands, options and names for bash, zsh or fish.",
    "help": "Say what a command does and which options it has.",
    "version": "Print the version.",
}

# Settings of "train" that are switches and may also name something: a place, a file, a kind.
_EITHER = frozenset({"amp", "cache", "resume", "pretrained"})

# The word "-" looks like an option to the parser; commands turn this back.
STDIN = "<standard input>"

app = cyclopts.App(
    name="poise",
    help="Find people, hands and faces in pictures and video as keypoints.",
    version=__version__,
    result_action="return_value",
    suppress_keyboard_interrupt=False,
    help_formatter=Grouped(),
    group_commands=cyclopts.Group("Everywhere", sort_key=99),
    # No flags that give an empty list, such as --empty-classes: leaving the option away does the same.
    default_parameter=cyclopts.Parameter(negative_iterable=()),
)
for _name, _help in _COMMANDS.items():
    app.command(f"poise.cli.{_name}:{_name}", name=_name, help=_help, group=group_of(_name), sort_key=place_of(_name))


def run(application: cyclopts.App, words: list[str]) -> int:
    """Run one command line and turn every error into one sentence and an exit code."""
    try:
        words = either(modern(words))
        if words and not words[0].startswith("-") and words[0] not in application:
            raise ValueError(f"no command named {words[0]!r}{suggest(words[0], _COMMANDS)}")
        code = application(words, exit_on_error=False, print_error=False)
        return int(code or 0)
    except cyclopts.CycloptsError as error:
        return _complain(_first_line(error), 2, hint=words)
    except (ValueError, TypeError) as error:
        return _complain(str(error), 2, hint=words)
    except PoiseError as error:
        return _complain(str(error), 1)
    except KeyboardInterrupt as stop:
        return _complain(str(stop) or "interrupted; what was written until now is complete", 130)
    except BrokenPipeError:
        raise
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _complain(f"{where}{error.strerror or error}", 1)


def modern(words: list[str]) -> list[str]:
    """Turn the field's ``key=value`` words into flags.

    A word is only taken for a setting when what stands before ``=`` is a plain name and no such file could be meant.

    Example:
        >>> modern(["predict", "model=body", "source=x.jpg", "conf=0.3", "save=True"])
        ['predict', 'x.jpg', '--model', 'body', '--conf', '0.3', '--save']
        >>> modern(["pose", "predict", "source=0", "save=False"])
        ['predict', '0', '--no-save']
    """
    if words[:1] == ["pose"] and words[1:2]:
        words = words[1:]
    out: list[str] = []
    for word in words:
        if word == "-":
            out.append(STDIN)
            continue
        key, equals, value = word.partition("=")
        if not equals or not key.isidentifier():
            out.append(word)
        elif key == "source":
            # The sources come right after the command.
            out.insert(1, value)
        elif key in ("mode", "task"):
            continue
        elif value.lower() in ("true", "false"):
            out.append(f"--{'' if value.lower() == 'true' else 'no-'}{key.replace('_', '-')}")
        else:
            out += [f"--{key.replace('_', '-')}", value]
    return out


def either(words: list[str]) -> list[str]:
    """Give the flags that take a value or none, such as ``--resume`` and ``--resume last.pt``, always one.

    Example:
        >>> either(["train", "--cache", "--resume", "last.pt", "--no-pretrained"])
        ['train', '--cache', 'True', '--resume', 'last.pt', '--pretrained', 'False']
        >>> either(["predict", "--cache"])
        ['predict', '--cache']
    """
    if words[:1] != ["train"]:
        return words
    out: list[str] = []
    for i, word in enumerate(words):
        name = word.removeprefix("--no-").removeprefix("--")
        if not word.startswith("--") or name not in _EITHER:
            out.append(word)
        elif word.startswith("--no-"):
            out += [f"--{name}", "False"]
        else:
            follows = words[i + 1] if i + 1 < len(words) else "--"
            out += [word, "True"] if follows.startswith("--") else [word]
    return out


def _first_line(error: Any) -> str:
    text = str(error).strip()
    return " ".join(line.strip() for line in text.splitlines() if line.strip())


def _complain(message: str, code: int, hint: list[str] | None = None) -> int:
    print(f"poise: {message}", file=sys.stderr)  # noqa: T201
    if hint is not None:
        command = hint[0] if hint and hint[0] in _COMMANDS else ""
        print(f"poise: see 'poise {command + ' ' if command else ''}--help'", file=sys.stderr)  # noqa: T201
    return code
