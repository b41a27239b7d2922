"""Completion of the command line: what may stand where, and the scripts that tell it to a shell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Any, get_args

import cyclopts

# What follows an option that takes a number is no file.
_NUMBERS = {int, float}


@dataclass(frozen=True)
class Slot:
    """What may stand in one place of a command line.

    Attributes:
        words: Names that can be offered.
        files: Whether it may also be a file.
    """

    words: tuple[str, ...] = ()
    files: bool = True


@dataclass(frozen=True)
class Command:
    """One command, such as ``data check``.

    Attributes:
        path: Its words.
        commands: Those below it.
        options: Its flags.
        values: What may follow a flag; a flag that is not here takes nothing.
        source: What its plain words may be.
    """

    path: tuple[str, ...]
    commands: tuple[str, ...]
    options: tuple[str, ...]
    values: dict[str, Slot] = field(default_factory=dict)
    source: Slot = Slot()


def commands(app: cyclopts.App, path: tuple[str, ...] = ()) -> Iterator[Command]:
    """Yield an application and every command below it."""
    below = tuple(name for name in app if not name.startswith("-"))
    options: list[str] = ["--help"]
    values: dict[str, Slot] = {}
    plain = False
    for argument in app.assemble_argument_collection() if app.default_command else ():
        flags = [name for name in argument.names if name.startswith("-") and not name.startswith("--empty-")]
        options += flags
        plain |= not flags and argument.names != ("*",)
        if flags and not _is_switch(argument.hint):
            values |= dict.fromkeys(flags, _slot(flags[0].lstrip("-"), argument))
    source = Slot(_named(_SOURCES[path]) if path in _SOURCES else below, files=plain and path not in _NO_FILES)
    yield Command(path, below, tuple(dict.fromkeys(options)), values, source)
    for name in below:
        yield from commands(app[name], (*path, name))


# Commands whose plain words are names and not sources.
_SOURCES = {
    ("models",): "model", ("val",): "model", ("weights", "fetch"): "zoo", ("weights", "pack"): "zoo",
    ("weights", "remove"): "zoo", ("weights", "get"): "release", ("help",): "command",
}  # fmt: skip
_NO_FILES = {*_SOURCES} - {("val",)}


def _slot(name: str, argument: Any) -> Slot:
    choices = argument.get_choices(force=True) if hasattr(argument, "get_choices") else None
    if choices:
        return Slot(tuple(choices), files=False)
    words = _named(name)
    kinds = {kind for kind in _kinds(argument.hint) if kind is not type(None)}
    return Slot(words, files=name not in ("device", "runtime", "precision") and not kinds <= _NUMBERS)


def _named(name: str) -> tuple[str, ...]:
    """Return the names that an option of this name takes."""
    if name in ("model", "detector"):
        from poise import weights

        return tuple(card.name for card in (*weights.models(), *weights.zoo_models()))
    if name == "zoo":
        from poise import weights

        return ("best", *(card.name for card in weights.zoo_models()))
    if name == "release":
        from poise import weights

        return tuple(weights.releases())
    if name == "exercise":
        from poise.reps import exercise_names as exercises

        return ("auto", *exercises())
    if name == "skeleton":
        from poise import skeletons

        return tuple(skeletons.names())
    if name == "command":
        from poise.cli._app import app

        return tuple(word for word in app if not word.startswith("-"))
    return {
        "tracker": ("pose.yaml", "bytetrack.yaml", "botsort.yaml"),
        "runtime": ("auto", "onnxruntime", "openvino", "torch"),
        "device": ("cpu", "cuda"),
        "precision": ("f32", "auto"),
    }.get(name, ())


def _kinds(hint: Any) -> set[Any]:
    """Return the plain types in an annotation: those of ``list[int] | None`` are int and NoneType."""
    inner = get_args(hint)
    return set().union(*map(_kinds, inner)) if inner else {hint}


def _is_switch(hint: Any) -> bool:
    return _kinds(hint) <= {bool, type(None)}


_BASH = """\
# Completion of commands, options, names and files for poise; written by "poise completion".
_poise() {
  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" command="" words="" files=yes stem="" key i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$command/${COMP_WORDS[i]}" in
      @COMMANDS@) command="${command:+$command }${COMP_WORDS[i]}" ;;
      *) break ;;
    esac
  done
  # --model=bo is three words for bash and one for zsh; model=bo means the same.
  key="$prev"
  if [[ $cur == "=" ]]; then
    cur=""
  elif [[ $prev == "=" ]]; then
    key="${COMP_WORDS[COMP_CWORD-2]}"
  elif [[ $cur == *=* ]]; then
    stem="${cur%%=*}=" key="${cur%%=*}" cur="${cur#*=}"
  fi
  if [[ $key != "$prev" || $stem ]]; then
    key="${key#--}" key="--${key//_/-}"
  fi
  case "$command $key" in
@VALUES@
    *)
      case "$command" in
@PLAIN@
      esac ;;
  esac
  COMPREPLY=()
  local IFS=$' \\t\\n'
  [[ -z $words ]] || COMPREPLY=($(compgen -W "$words" -- "$cur"))
  local IFS=$'\\n'
  # Without names of ours the shell completes files itself, which it does best.
  if [[ $files == yes && -n $words && $cur != -* ]]; then
    COMPREPLY+=($(compgen -f -- "$cur"))
  elif [[ $files == no ]]; then
    compopt +o default 2>/dev/null
  fi
  [[ -z $stem ]] || COMPREPLY=("${COMPREPLY[@]/#/$stem}")
}
complete -o default -o filenames -F _poise poise
"""


def script(app: cyclopts.App, shell: str) -> str:
    """Return the script for a shell: bash, zsh, fish, or powershell as the parser's library makes it."""
    if shell == "powershell":
        made: str = app.generate_completion(shell="powershell")
        return made
    every = list(commands(app))
    if shell == "fish":
        return _fish(every)
    text = _bash(every)
    if shell == "zsh":
        text = "autoload -U +X compinit && compinit -i\nautoload -U +X bashcompinit && bashcompinit\n" + text
    return text


def _bash(every: list[Command]) -> str:
    below = [f'"{" ".join(c.path)}/{name}"' for c in every for name in c.commands]
    same: dict[Slot, list[str]] = {}
    for c in every:
        for flag, slot in c.values.items():
            same.setdefault(slot, []).append(f'"{" ".join(c.path)} {flag}"')
    values = [f"    {'|'.join(where)}) {_set(slot)} ;;" for slot, where in same.items()]
    plain = []
    for c in every:
        options, name = quote(" ".join(c.options)), " ".join(c.path)
        plain.append(f'        "{name}") if [[ $cur == -* ]]; then words={options}; else {_set(c.source)}; fi ;;')
    text = _BASH.replace("@COMMANDS@", "|".join(below))
    return text.replace("@VALUES@", "\n".join(values)).replace("@PLAIN@", "\n".join(plain))


def _set(slot: Slot) -> str:
    return f"words={quote(' '.join(slot.words))} files={'yes' if slot.files else 'no'}"


def _fish(every: list[Command]) -> str:
    lines = ['# Completion of commands, options, names and files for poise; written by "poise completion".']
    for c in every:
        seen = [f"__fish_seen_subcommand_from {word}" for word in c.path]
        seen += [f"not __fish_seen_subcommand_from {' '.join(c.commands)}"] if c.commands else []
        start = f"complete -c poise -n {quote('; and '.join(seen) or 'true')}"
        if c.source.words or not c.source.files:
            lines.append(f"{start}{'' if c.source.files else ' -f'} -a {quote(' '.join(c.source.words))}")
        for flag in c.options:
            option = f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}"
            slot = c.values.get(flag)
            if slot is None:
                lines.append(f"{start} {option}")
            else:
                words = f" -a {quote(' '.join(slot.words))}" if slot.words else ""
                lines.append(f"{start} {option} -r{' -F' if slot.files else ' -f'}{words}")
    return "\n".join(lines) + "\n"


def place(shell: str, home: Path) -> tuple[Path, Path | None]:
    """Return where a shell's script belongs, and the start-up file that has to load it, if any."""
    if shell == "fish":
        return home / ".config/fish/completions/poise.fish", None
    if shell == "zsh":
        return home / ".zsh/completions/poise.zsh", home / ".zshrc"
    return home / ".local/share/bash-completion/completions/poise", home / ".bashrc"
