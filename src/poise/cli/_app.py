"""The commands' common frame: registration, the legacy spelling, errors and exit codes."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Callable, Collection
from typing import Any

import cyclopts

from poise.cli._help import Grouped, group_of, place_of
from poise.errors import PoiseError, suggest
from poise.extras.version import __version__
from poise.files.addresses import masked
from poise.files.text import brief, say

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
    "mocap": "Turn a filmed person into the movement of a character, in files or live.",
    "reps": "Count the repetitions of an exercise in a video, or learn one from a demonstration.",
    "export": "Turn a checkpoint into a network file for an engine, with the proof that it finds the same.",
    "web": "Write a web page in which a model runs in the visitor's own browser.",
    "info": "Say what a network file is, without running it.",
    "gestures": "Say what hands and bodies show, or teach gestures of your own.",
    "play": "Play with the body: jump, duck, lean and punch become keys and actions of a game.",
    "batch": "Do what a command does with a million files, on all cores or a cluster, each exactly once.",
    "search": "Find every moment in which somebody stands, sits or moves like in a picture or clip.",
    "serve": "Answer pictures, videos and live streams over HTTP and WebSocket, and show the page.",
    "models": "List the bundled models, or print the card of one.",
    "weights": "List, import and fetch weight files that are not bundled.",
    "doctor": "Check the installation: versions, devices, cameras, networks, speed.",
    "completion": "Install completion of commands, options and names for bash, zsh or fish.",
    "help": "Say what a command does and which options it has.",
    "version": "Print the version.",
}

# Settings of "train" that are switches and may also name something: a place, a file, a kind.
_EITHER = frozenset({"amp", "cache", "resume", "pretrained"})

# Commands whose --out may be standard output, and options that name a file to write and may not.
_TO_STDOUT = frozenset({"predict", "track", "angles"})
_FILES = frozenset({"--csv", "--report", "--sheet", "--heatmap", "--preview", "--calibrate", "--project", "--name"})

# Sizes of pictures as people write them.
_PAIR = re.compile(r"[\[(]?\s*([0-9]+)\s*[,xX]\s*([0-9]+)\s*[\])]?")
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
        words = sizes(either(modern(words, lambda given: _options(application, given))))
        if words and not words[0].startswith("-") and words[0] not in application:
            raise ValueError(f"no command named {words[0]!r}{suggest(words[0], _COMMANDS)}")
        code = application(words, exit_on_error=False, print_error=False)
        return int(code or 0)
    except cyclopts.UnusedCliTokensError as error:
        return _complain(_too_many(application, words, error.unused_tokens or []), 2, hint=_command(application, words))
    except cyclopts.CycloptsError as error:
        return _complain(_first_line(error), 2, hint=_command(application, words))
    except (ValueError, TypeError) as error:
        return _complain(str(error), 2, hint=_command(application, words))
    except PoiseError as error:
        return _complain(str(error), 1)
    except KeyboardInterrupt as stop:
        return _complain(str(stop) or "interrupted; what was written until now is complete", getattr(stop, "code", 130))
    except MemoryError as error:
        return _complain(f"not enough memory: {str(error) or 'a file or picture is too large for this machine'}", 1)
    except RecursionError:
        return _complain("a file is nested too deeply to be read", 1)
    except BrokenPipeError:
        raise
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _complain(f"{where}{error.strerror or error}", 1)


def modern(words: list[str], options: Callable[[list[str]], Collection[str]] | None = None) -> list[str]:
    """Turn the field's ``key=value`` words into flags.

    A file's name is never an option: what the shell makes of ``*`` in somebody else's folder may read
    ``overwrite=True``. A word is only taken for a setting where no such file exists and the command has such an option.

    Args:
        words: The command line.
        options: Says which flags a command has, given the command line; None: any.

    Raises:
        ValueError: A word is neither a file nor a known setting, or a flag and the name of a file as well.

    Example:
        >>> modern(["predict", "model=body", "source=x.jpg", "conf=0.3", "save=True"])
        ['predict', 'x.jpg', '--model', 'body', '--conf', '0.3', '--save']
        >>> modern(["pose", "predict", "source=0", "save=False"])
        ['predict', '0', '--no-save']
    """
    if words[:1] == ["pose"] and words[1:2]:
        words = words[1:]
    out: list[str] = []
    flags: Collection[str] | None = None
    for i, word in enumerate(words):
        if word == "--":
            return [*out, *words[i:]]
        if word == "-":
            if out and (out[-1] in _FILES or (out[-1] in ("--out", "-o") and out[0] not in _TO_STDOUT)):
                raise ValueError(f"{out[-1]} -: this is not written to standard output; give the name of a file")
            # The shell's * may have found a file of this name.
            named = os.path.lexists(word) and not (out and out[-1].startswith("-"))
            out.append(_file(word) if named else STDIN)
            continue
        if i and os.path.lexists(word):
            out.append(_file(word))
            continue
        key, equals, value = word.partition("=")
        if not equals or not key.isidentifier():
            out.append(word)
            continue
        flag = f"--{key.replace('_', '-')}"
        if key not in ("source", "mode", "task") and options is not None:
            flags = options(words) if flags is None else flags
            if flag not in flags:
                if glob.has_magic(word) and next(glob.iglob(word), None) is not None:  # noqa: PTH207
                    out.append(word)
                    continue
                known = {name.removeprefix("--") for name in flags if name.startswith("--")}
                raise ValueError(f"{word}: no such file, and no setting {key!r}{suggest(key, known)}")
        value = STDIN if value == "-" else value
        if key == "source":
            # The sources come right after the command.
            out.insert(1, value)
        elif key in ("mode", "task"):
            continue
        elif value.lower() in ("true", "false"):
            out.append(flag if value.lower() == "true" else f"--no-{flag[2:]}")
        else:
            out += [flag, value]
    return out


def _file(word: str) -> str:
    """Return the word for a file that is there, so that the parser takes it for nothing else."""
    if not word.startswith("-"):
        return word
    if word == "-":
        return f".{os.sep}{word}"
    raise ValueError(
        f"{word} looks like an option, and a file of this name is here: write .{os.sep}{word} for the "
        "file (./* for all that are here); for the option run poise in another folder"
    )


def _options(application: cyclopts.App, words: list[str]) -> set[str]:
    """Return the flags of the command that a command line names."""
    _, apps, _ = application.parse_commands(words)
    return {name for argument in apps[-1].assemble_argument_collection() for name in argument.names}


def _too_many(application: cyclopts.App, words: list[str], left: list[str]) -> str:
    """Say which words of a command line have no place in it, and what the command takes."""
    names, apps, _ = application.parse_commands(words)
    command, last = " ".join(names), apps[-1]
    below = [name for name in last if not name.startswith("-")]
    if below:
        return f"no command named '{command} {left[0]}'{suggest(left[0], below)}"
    takes = [argument.name for argument in last.assemble_argument_collection() if argument.index is not None]
    got = ", ".join(map(repr, left[:5])) + (", …" if len(left) > 5 else "")
    if not takes:
        return f"{command} takes options only, each after its name (--name VALUE), got {got}"
    again = ": call it once for each" if len(takes) == 1 else ""
    return f"{command} takes {' and '.join(takes)} and no more, got {got} too{again}"


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


def sizes(words: list[str]) -> list[str]:
    """Turn ``--imgsz 320,192`` into what commands take: export height and width, all others the longer side.

    Example:
        >>> sizes(["predict", "a.jpg", "--imgsz", "320,192"]), sizes(["export", "a.pt", "--imgsz=[320, 192]"])
        (['predict', 'a.jpg', '--imgsz', '320'], ['export', 'a.pt', '--imgsz', '320', '192'])
    """
    out: list[str] = []
    for i, word in enumerate(words):
        option, equals, value = word.partition("=")
        if equals and option == "--imgsz" and _PAIR.fullmatch(value):
            out.append(option)
            word = value
        elif not (i and words[i - 1] == "--imgsz"):
            out.append(word)
            continue
        pair = _PAIR.fullmatch(word)
        if pair is None:
            out.append(word)
        elif words[0] == "export":
            out += [pair[1], pair[2]]
        else:
            out.append(str(max(int(pair[1]), int(pair[2]))))
    return out


def _first_line(error: Any) -> str:
    text = str(error).strip()
    return " ".join(line.strip() for line in text.splitlines() if line.strip())


def _command(application: cyclopts.App, words: list[str]) -> str:
    """Return the command that a command line names, with that of a command that has several of its own."""
    try:
        chain, _, _ = application.parse_commands(words)
    except (cyclopts.CycloptsError, ValueError, TypeError):
        return ""
    return " ".join(chain)


def _complain(message: str, code: int, hint: str | None = None) -> int:
    say(f"poise: {brief(masked(message))}", file=sys.stderr)
    if hint is not None:
        say(f"poise: see 'poise {hint + ' ' if hint else ''}--help'", file=sys.stderr)
    return code
