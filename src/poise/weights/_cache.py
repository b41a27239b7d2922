"""The folder of fetched weight files: where it is, who may write into it, what its files were when they came."""

from __future__ import annotations

import glob
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from poise import files
from poise.errors import ModelError

# Called with bytes done and bytes in all (None when the server does not say).
Progress = Callable[[int, int | None], None]

# How often somebody who waits for a lock looks again, and after how long he says that he waits; seconds.
_LOOK_S = 0.05
_TELL_S = 1.0


def home() -> Path:
    """Return the folder of the cache: ``$POISE_HOME``, else the user's cache folder. It is made when first written."""
    given = os.environ.get("POISE_HOME")
    if given:
        return Path(given).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("LOCALAPPDATA") if os.name == "nt" else None)
    return (Path(base) if base else Path.home() / ".cache") / "poise"


def folder() -> Path:
    """Return the folder of the weight files, there or not."""
    return home() / "weights"


def offline() -> bool:
    """Return whether ``POISE_OFFLINE`` forbids the network."""
    return os.environ.get("POISE_OFFLINE", "0") not in ("", "0")


def writable(where: Path) -> Path:
    """Make a folder.

    Raises:
        ModelError: It cannot be made or written.
    """
    try:
        where.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(where, error) from error
    return where


def unwritable(where: Path, error: OSError) -> ModelError:
    """Return what to say when a folder cannot be written."""
    ours = where == home() or home() in where.parents
    way = "; set POISE_HOME to a folder that can, with room for the weights" if ours else ""
    return ModelError(f"{where}: cannot be written ({error.strerror or error}){way}")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with files.open_plain(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def temporary(target: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """Open a file beside the target that nobody else has; it is gone afterwards unless it was renamed.

    Raises:
        ModelError: The folder cannot be written.
    """
    try:
        # Its name starts with a dot and ends in .tmp: nothing takes it for weights, and `sweep` finds it.
        import tempfile  # brings random, shutil and their like, which opening a network does not need

        handle, name = tempfile.mkstemp(dir=writable(target.parent), prefix=f".{target.name}.", suffix=".tmp")
    except OSError as error:
        raise unwritable(target.parent, error) from error
    path = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield path, file
    finally:
        path.unlink(missing_ok=True)


def settle(file: IO[bytes]) -> None:
    """Close a file with its bytes on the disk, so that after a rename and a power cut it is not empty."""
    file.flush()
    with suppress(OSError):
        os.fsync(file.fileno())
    file.close()


def sweep(target: Path) -> list[Path]:
    """Remove what interrupted fetches of a file left behind; only for who holds its lock."""
    gone = []
    for path in (*target.parent.glob(f".{glob.escape(target.name)}.*"), *parts(target)):
        with suppress(OSError):
            path.unlink()
            gone.append(path)
    return gone


def parts(target: Path) -> tuple[Path, Path]:
    """Return where a file grows while it is fetched, and the note of what it is a part of."""
    return target.with_name(target.name + ".part"), target.with_name(target.name + ".part.json")


def _pin_of(target: Path) -> Path:
    return target.with_name(target.name + ".sha256")


def pinned(target: Path) -> str:
    """Return the SHA-256 that a file had when it was first fetched here, or an empty string."""
    try:
        words = _pin_of(target).read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return ""
    return words[0].lower() if words and len(words[0]) == 64 else ""


def pin(target: Path, sha256: str) -> None:
    """Write down what a file is, as ``sha256sum -c`` reads it. A folder that cannot be written stays without."""
    with suppress(OSError, ModelError), temporary(_pin_of(target)) as (path, file):
        file.write(f"{sha256}  {target.name}\n".encode("ascii"))
        settle(file)
        path.replace(_pin_of(target))


def unpin(target: Path) -> bool:
    """Forget what a file was; returns whether there was something to forget."""
    there = _pin_of(target).is_file()
    _pin_of(target).unlink(missing_ok=True)
    return there


@contextmanager
def locked(target: Path, *, waiting: Callable[[], None] | None = None) -> Iterator[bool]:
    """Be the only one, of all threads and processes, who writes a file of the cache.

    The lock is the operating system's, on an empty file in ``.locks`` that stays: it ends with the process that holds
    it, however that dies, so that it cannot be left behind.

    Args:
        target: The file.
        waiting: Called once when somebody else has held the lock for a second.

    Yields:
        True; False where the file system knows no locks: then writers must share nothing but the final rename.

    Raises:
        ModelError: The folder cannot be written.
    """
    path = writable(target.parent / ".locks") / f"{target.name}.lock"
    try:
        file = path.open("ab")
    except OSError as error:
        raise unwritable(path.parent, error) from error
    with file:
        start, told, held = time.monotonic(), waiting is None, False
        while not held:
            try:
                _lock(file)
                held = True
            except BlockingIOError:
                if not told and time.monotonic() - start > _TELL_S:
                    told = True
                    assert waiting is not None
                    waiting()
                time.sleep(_LOOK_S)
            except OSError:
                break
        try:
            yield held
        finally:
            if held:
                _unlock(file)


if os.name == "nt":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except PermissionError as error:
            raise BlockingIOError from error

    def _unlock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined,unused-ignore]

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
