"""onnxruntime-web, which runs networks in a browser: shipped packed, unpacked into a bundle."""

from __future__ import annotations

import hashlib
import lzma
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from poise.errors import PoiseError

_FOLDER = Path(__file__).with_name("vendor")


def about() -> dict[str, Any]:
    """Return what it is: ``name``, ``version``, ``origin``, ``licence``, ``files`` (each ``file`` and ``sha256``)."""
    return tomllib.loads((_FOLDER / "vendor.toml").read_text(encoding="utf-8"))


def unpacked() -> Iterator[tuple[str, bytes]]:
    """Give its files, by name, its licence and the notices of what is inside of it among them.

    Raises:
        PoiseError: A file is not the one that was shipped.
    """
    for entry in about()["files"]:
        path = _FOLDER / f"{entry['file']}.xz"
        try:
            data = lzma.decompress(path.read_bytes())
        except (OSError, lzma.LZMAError) as error:
            raise PoiseError(f"{path}: cannot be unpacked ({error}); reinstall poise") from None
        if hashlib.sha256(data).hexdigest() != entry["sha256"]:
            raise PoiseError(f"{path}: not the file that was shipped (its sha256 differs); reinstall poise")
        yield entry["file"], data
