"""Files that are written whole or not at all, and errors about them that name the file and the mend."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import IO, Any

from poise.errors import PoiseError

PathLike = str | os.PathLike[str]

_parts = count()

_HINTS = {
    errno.ENOSPC: "the disk is full; free some space or write elsewhere",
    errno.EDQUOT: "your disk quota is used up; free some space or write elsewhere",
    errno.EROFS: "the file system is read-only; write elsewhere",
    errno.EACCES: "no permission to write there; choose another folder",
    errno.EPERM: "no permission to write there; choose another folder",
    errno.ENOTDIR: "part of the path is a file that exists already",
    errno.EISDIR: "it is a folder; give the name of a file",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EPIPE: "the reader of the stream has gone away",
    errno.ENOENT: "its folder is gone; was it removed meanwhile?",
}


@contextmanager
def writing(path: PathLike) -> Iterator[None]:
    """Turn the system's errors while writing ``path`` into one that names it.

    Raises:
        PoiseError: With the cause and what to do about it.
    """
    try:
        yield
    except OSError as error:
        reason = _HINTS.get(error.errno or 0, error.strerror or str(error))
        if isinstance(error, FileExistsError) and error.filename is not None:
            what = "part of the path" if os.fspath(error.filename) != os.fspath(path) else "the path"
            reason = f"{what} is a file that exists already"
        raise PoiseError(f"{path}: cannot be written: {reason}") from error


def write_all(stream: Any, data: bytes | memoryview) -> None:
    """Write every byte: an unbuffered file may take only part of them, as when the disk fills up."""
    view = memoryview(data)
    while view:
        view = view[stream.write(view) or 0 :]


def append(file: Any, data: bytes) -> None:
    """Write every byte at the end of an unbuffered file, or none of them: a line is never cut off.

    Raises:
        OSError: They cannot be written.
    """
    begin = file.tell()
    try:
        write_all(file, data)
    except OSError:
        file.truncate(begin)
        file.seek(begin)
        raise


def write_atomically(path: PathLike, data: bytes | str) -> None:
    """Put ``data`` at ``path`` in one step: the file is whole or not there.

    Args:
        path: A file; its folder is made where needed.
        data: Bytes, or text, which is written as UTF-8.

    Raises:
        PoiseError: It cannot be written; nothing is left behind, and what was there before stays.
    """
    with replacing(path) as part:
        content = data.encode("utf-8") if isinstance(data, str) else data
        with part.open("wb", buffering=0) as stream:
            write_all(stream, content)


@contextmanager
def replacing(path: PathLike) -> Iterator[Path]:
    """Give the name of a file beside ``path`` that takes its place at the end; on an error it is removed.

    Raises:
        PoiseError: It cannot be written.
    """
    path = Path(path)
    # Two threads may write one file, too: each its own, and the last one stays.
    part = path.with_name(f".{path.name}.{os.getpid()}.{next(_parts)}.part")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def held(file: IO[Any]) -> bool:
    """Hold an open file against other processes until it is closed; returns False where another one holds it.

    Where a system or a disk knows no such locks, nobody holds anything.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a network disk, a pipe
        return True
    return True


def numbered(stem: str) -> Iterator[str]:
    """Give the names of what is there already, one after the other: ``stem``, ``stem2``, ``stem3`` …"""
    yield stem
    yield from (f"{stem}{number}" for number in count(2))


def check_writable(path: PathLike) -> None:
    """Find out before the work whether a file can be made at ``path``; nothing is made.

    Raises:
        PoiseError: Its folder cannot be written to, or a folder is in its place.
    """
    path = Path(path)
    with writing(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "", str(path))
        _try(path.absolute().parent)


def check_folder(path: PathLike) -> None:
    """Find out before the work whether files can be made in a folder, which need not be there yet; nothing is made.

    Raises:
        PoiseError: It cannot be written to, or a file is in its place.
    """
    with writing(path):
        _try(Path(path).absolute())


def _try(folder: Path) -> None:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "", str(folder))
    import tempfile  # brings random, shutil and their like, which predictions do not need

    with tempfile.TemporaryFile(dir=folder):
        pass
