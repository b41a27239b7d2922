"""``poise help``: what a command does, and its options."""

from __future__ import annotations

from poise.errors import suggest


def help(*command: str) -> int:
    """Say what COMMAND does and which options it has, or list all commands.

    Args:
        command: Such as predict, or data check.
    """
    from poise.cli._app import app

    node = app
    for word in command:
        if word.startswith("-") or word not in node:
            known = [name for name in node if not name.startswith("-")]
            raise ValueError(f"no command named {' '.join(command)!r}{suggest(word, known)}")
        node = node[word]
    app.help_print(list(command))
    return 0
