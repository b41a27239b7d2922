"""What a playlist on this machine may make FFmpeg open: files below its own folder."""

from __future__ import annotations

import os
from typing import IO, Any

from poise import files
from poise.errors import SourceError
from poise.sources._names import below, printable


class Beside:
    """Opens for FFmpeg what a playlist names, and only what lies below the playlist's own folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.refused = ""

    def open(self, address: str, flags: int, options: Any) -> IO[bytes]:
        """Open one of its entries.

        Raises:
            OSError: It lies elsewhere; FFmpeg is told no more.
        """
        path = address.removeprefix("file:")
        if not below(path, self._folder):
            self.refused = path
            raise OSError(f"{path} is not below {self._folder}")
        return files.open_plain(path)


def beside_of(path: str) -> Beside | None:
    """Return what opens the files that a playlist names; None where the file is none."""
    with files.open_plain(path) as file:
        head = file.read(256).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    listing = head.startswith((b"#ext", b"<", b"ffconcat", b"[playlist]", b"v=0", b"["))
    return Beside(os.path.dirname(path) or ".") if listing else None


def elsewhere(name: str, path: str) -> SourceError:
    """Return what to say of a playlist that leads elsewhere."""
    where = f"a playlist that names {printable(path)}, which is not below its own folder"
    return SourceError(f"{name}: {where}; to allow it: follow=True, --follow on the command line")
