"""``poise completion``: commands, options and names on the Tab key."""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote
from typing import Annotated, Literal

from cyclopts import Parameter

from poise.files.text import screen


def completion(
    *,
    shell: Literal["bash", "zsh", "fish", "powershell"] | None = None,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
) -> int:
    """Install completion for a shell: commands, options, models, exercises and files on the Tab key.

    The script is written where the shell looks for it, and ~/.bashrc or ~/.zshrc gets one line that loads it. With
    --output the script is written there, and nothing else is touched.

    Args:
        shell: By default the one that $SHELL names.
        output: Write the script here instead.
    """
    from poise.cli._app import app
    from poise.cli._complete import place, script

    shell = shell or _own_shell()
    console = screen(stderr=True)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(script(app, shell), encoding="utf-8")
        console.print(f"{output}: load it with: source {quote(str(output))}", soft_wrap=True)
        return 0
    if shell == "powershell":
        raise ValueError("completion for powershell needs --output FILE; load the file in your $PROFILE: . FILE")
    target, startup = place(shell, Path.home())
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(script(app, shell), encoding="utf-8")
    console.print(f"{shell} completion is in {target}", soft_wrap=True)
    if startup is not None:
        line = f"[ -f {quote(str(target))} ] && . {quote(str(target))}  # completion of poise"
        before = startup.read_text(encoding="utf-8") if startup.is_file() else ""
        if line not in before:
            gap = "" if before.endswith("\n") or not before else "\n"
            with startup.open("a", encoding="utf-8") as file:
                file.write(f"{gap}{line}\n")
            console.print(f"{startup} loads it: one line was added", soft_wrap=True)
    console.print("open a new terminal to use it", soft_wrap=True)
    return 0


def _own_shell() -> Literal["bash", "zsh", "fish"]:
    name = Path(os.environ.get("SHELL", "")).name
    for shell in ("bash", "zsh", "fish"):
        if name == shell:
            return shell
    raise ValueError(f"the shell is not known from $SHELL ({name or 'not set'}); say --shell bash, zsh or fish")
