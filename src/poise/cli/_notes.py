"""What the library logs and warns of while a command runs: a line each on standard error, none with ``--quiet``."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from poise.files.addresses import masked
from poise.files.text import brief, one_line, say

_OURS = str(Path(__file__).parents[1])


class _Notes(logging.Handler):
    """Writes a line a note.

    Attributes:
        quiet: Write nothing.
    """

    quiet = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write what was logged."""
        self.tell(record.getMessage())

    def tell(self, note: object) -> None:
        """Write one note."""
        if not self.quiet:
            say(f"poise: {brief(masked(one_line(note)))}", file=sys.stderr)


_notes = _Notes(logging.WARNING)


def hush() -> None:
    """Write no notes until the command ends: the user asked for results and errors alone."""
    _notes.quiet = True


@contextmanager
def notes_as_lines() -> Iterator[None]:
    """Write notes as lines while a command runs."""
    log = logging.getLogger("poise")

    _notes.quiet = False
    log.addHandler(_notes)
    with warnings.catch_warnings():
        others = warnings.showwarning

        def warned(message: Warning | str, category: type[Warning], filename: str, *more: Any) -> None:
            if filename.startswith(_OURS):
                _notes.tell(message)
            else:
                others(message, category, filename, *more)

        warnings.showwarning = warned  # type: ignore[assignment]
        try:
            yield
        finally:
            log.removeHandler(_notes)
