"""What a user's words name, one entry after the other, without opening any of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from poise.errors import SourceError
from poise.sources._entries import Address, Failed, File
from poise.sources._resolve import resolve_entries


@dataclass(frozen=True, slots=True)
class Listed:
    """One file or address.

    Attributes:
        name: How results and errors call it.
        source: The path or address to open.
        error: Why it cannot be read, as far as that is known without opening it; else None.
        address: It is an address, no file of this machine.
    """

    name: str
    source: str
    error: SourceError | None = None
    address: bool = False


def list_source(source: Any, *, follow: bool = False) -> Iterator[Listed]:
    """List the files and addresses that paths, folders, patterns and lists of paths name, in their order.

    Args:
        source: A path, or several in lists, as for :func:`poise.sources.open_source`.
        follow: Lists of paths may name what is not below their own folder.

    Raises:
        TypeError: It is no path.
        ValueError: An empty string.
    """
    for entry in resolve_entries(source, deque([0]), follow):
        if isinstance(entry, Failed):
            yield Listed(entry.name, entry.name, entry.error)
        elif isinstance(entry, File):
            yield Listed(entry.name, entry.path)
        elif isinstance(entry, Address) and not entry.live:
            yield Listed(entry.name, entry.address, address=True)
        else:
            what = "never ends" if entry.live else "can be read once only"
            yield Listed(
                entry.name, entry.name, SourceError(f"{entry.name}: {what}; expected files and addresses of files")
            )
