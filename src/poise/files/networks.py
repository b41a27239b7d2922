"""Files that hold networks: read whole, with errors that name them; and what Git LFS leaves in place of a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from poise.errors import ModelError, PoiseError
from poise.files.reading import MOST_NETWORK, read_bytes

POINTER = b"version https://git-lfs"


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn the system's errors while reading a network file into one that names it.

    Raises:
        ModelError: It is not there, or cannot be read.
    """
    try:
        yield
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file") from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error


def read_network(path: Path, *, most: int = MOST_NETWORK) -> bytes:
    """Read a network file whole.

    Raises:
        ModelError: It is not there, or is more or something else than a network file may be.
    """
    with reading(path):
        return read_bytes(path, most=most)


def refuse_pointer(path: Path, kind: type[PoiseError]) -> None:
    """Raise where a file is the pointer that Git LFS leaves in place of a large file; one that is not there is none.

    Raises:
        PoiseError: Of the kind given.
    """
    try:
        if not path.is_file():
            return
        with path.open("rb") as file:
            start = file.read(len(POINTER))
    except (OSError, ValueError):
        return  # said where the file is read
    if start == POINTER:
        raise kind(f"{path}: a Git LFS pointer, not the file itself (run: git lfs pull)")
