"""The command ``poise``: one file a command, no algorithm in any of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

DONE, FAILED, WRONG_USE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0 done, 1 ran and failed, 2 wrong use, 128 and
    the signal's number where one ended it (130 Ctrl-C, 143 SIGTERM, 129 SIGHUP).

    Args:
        arguments: The words after ``poise``; None takes the process's own.
    """
    from poise.cli._app import app, run
    from poise.cli._notes import notes_as_lines
    from poise.cli._signals import ended_by_signals

    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with ended_by_signals(), notes_as_lines():
            code = run(app, words)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (head, less) went away: not an error, but Python would complain while it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = DONE
    if arguments is None:
        sys.exit(code)
    return code
