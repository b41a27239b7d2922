"""``poise version``: which Poise this is."""

from __future__ import annotations

from poise._version import __version__


def version() -> int:
    """Print the version."""
    print(__version__)  # noqa: T201
    return 0
