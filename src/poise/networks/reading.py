"""The bytes of a network file."""

from __future__ import annotations

from pathlib import Path

from poise import files
from poise.errors import ModelError


def read_bytes(path: Path) -> bytes:
    """Read a network file whole.

    Raises:
        ModelError: It is not there, or is more or something else than a network file may be.
    """
    try:
        return files.read_bytes(path, most=files.MOST_NETWORK)
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file") from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
