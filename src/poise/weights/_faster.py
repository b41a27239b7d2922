"""Copies of cached networks that are written anew to run faster; the files as they came stay untouched beside them."""

from __future__ import annotations

import glob
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from poise.errors import ModelError
from poise.weights._cache import digest, folder, locked, pin, pinned, settle, temporary, unpin

# Larger networks are matrices and little else; reading them twice would cost more than it brings.
_LARGEST = 128 << 20
# Counts up when networks are rewritten in another way, so that copies of before are not taken.
_VERSION = 1


def faster(path: Path, make: Callable[[bytes], bytes | None]) -> Path:
    """Return the copy of a cached network that runs faster, made at the first call; else the file itself.

    Args:
        path: An ``.onnx`` file; one that is not in the cache is returned as it is.
        make: Writes a network anew; None where nothing is gained.
    """
    if path.parent != folder() or path.suffix.lower() != ".onnx":
        return path
    try:
        facts = path.stat()
        if facts.st_size > _LARGEST:
            return path
        copy = _place(path) / f"{path.stem}-{_VERSION}-{facts.st_size:x}-{facts.st_mtime_ns:x}.onnx"
        if _none(copy).is_file():
            return path
        if not _whole(copy):
            _write(path, copy, make)
        return copy if copy.is_file() else path
    except (OSError, ModelError):
        # A cache that cannot be written, or a network that cannot be read: whoever opens the file says what is wrong.
        return path


def forget_faster(path: Path) -> list[Path]:
    """Remove the copies of a network; returns what is gone."""
    gone = []
    for copy in _place(path).glob(f"{glob.escape(path.stem)}-*-*-*"):
        with suppress(OSError):
            copy.unlink()
            gone.append(copy)
    return gone


def _place(path: Path) -> Path:
    return path.parent / "faster"


def _none(copy: Path) -> Path:
    """Return the empty file that says that nothing is gained."""
    return copy.with_suffix(".none")


def _whole(copy: Path) -> bool:
    return copy.is_file() and digest(copy) == pinned(copy)


def _write(path: Path, copy: Path, make: Callable[[bytes], bytes | None]) -> None:
    with locked(copy):
        if _whole(copy):
            return  # somebody else has written it meanwhile
        forget_faster(path)
        unpin(copy)
        made = make(path.read_bytes())
        with temporary(copy if made is not None else _none(copy)) as (unique, file):
            file.write(made or b"")
            settle(file)
            if made is not None:
                pin(copy, digest(unique))
            unique.replace(copy if made is not None else _none(copy))
