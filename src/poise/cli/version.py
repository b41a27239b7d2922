"""``poise version``: which Poise this is."""

from __future__ import annotations

from poise.extras.version import __version__
from poise.files.text import say


def version() -> int:
    """Print the version."""
    say(__version__)
    return 0
