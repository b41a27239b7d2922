"""``poise data``: labelled pictures, one file a command."""

from __future__ import annotations

import cyclopts

from poise.cli._help import INSIDE

# Each command's module is loaded when the command is called.
_COMMANDS = {
    "check": "Find what is wrong with labels, mirror map, pictures and splits, and how to mend it.",
    "convert": "Write a data set in another format.",
}

data = cyclopts.App(name="data", help="Check and convert labelled pictures.", group_commands=INSIDE)
for _name, _help in _COMMANDS.items():
    data.command(f"poise.cli.data_{_name}:{_name}", name=_name, help=_help)
