"""The one way in which files of others are read: plain files only, and no more bytes than their kind can need.

An archive may hold a link to a device that never ends, a pipe that nobody writes to, or a file of eight gigabytes that
takes no room on the disk. Each of them would fill the memory or wait for ever.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import stat
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import zipfile

# Largest files of their kinds, bytes, each a few times what is seen.
# A list of two million pictures, or a table of a long recording.
MOST_TEXT = 256 << 20
# Settings, metadata, skeletons, zones.
MOST_SETTINGS = 16 << 20
# Labels of one picture: a hundred thousand instances of seventeen points have 30 MB.
MOST_LABELS = 64 << 20
# A photo of 178 megapixels, uncompressed, has 1 GB with 16 bits a channel.
MOST_PICTURE = 2 << 30
# A file of ONNX ends at 2 GiB; a checkpoint of the largest network in use here has 2.5 GB.
MOST_NETWORK = 4 << 30

# The end of a zip archive: its last record, with a comment, and the larger form of it.
_ZIP_TAIL = 22 + 65_535 + 76
# Below this size holes do no harm.
_LARGE = 16 << 20

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


class NotRead(OSError):
    """A file that is not read: no plain file, or too large."""

    def __str__(self) -> str:
        return str(self.strerror)


class NotText(UnicodeDecodeError):
    """A text file in another encoding than UTF-8."""

    def __str__(self) -> str:
        line = self.object.count(b"\n", 0, self.start) + 1
        return f"not text in UTF-8 (byte {self.object[self.start]:#04x} in line {line}); save it in UTF-8"


def open_plain(path: str | Path, *, most: int | None = None) -> io.BufferedReader:
    """Open a plain file to read its bytes; links are followed.

    Args:
        path: The file.
        most: More bytes than this are refused.

    Raises:
        NotRead: It is no plain file, or has more than ``most`` bytes.
        OSError: It is not there or may not be read.
    """
    _check(os.stat(path), path, most)  # noqa: PTH116 - names that are not UTF-8, file descriptors
    # What is there may have become a pipe since: opening one waits for a writer unless told not to.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        _check(os.fstat(descriptor), path, most)
        return io.BufferedReader(io.FileIO(descriptor, "rb"))
    except BaseException:
        os.close(descriptor)
        raise


def read_bytes(path: str | Path, *, most: int) -> bytes:
    """Read a plain file of at most ``most`` bytes.

    Raises:
        NotRead: It is no plain file, or has more.
        OSError: It is not there or may not be read.
    """
    with open_plain(path, most=most) as file:
        data = file.read(most + 1)
    if len(data) > most:  # it grew, or the system makes it up as it is read
        raise _too_large(path, len(data), most)
    return data


def read_text(path: str | Path, *, most: int, encoding: str = "utf-8", errors: str = "strict") -> str:
    """Read a plain text file; lines end as they do in it, or with ``\\n`` where they end with ``\\r\\n`` or ``\\r``.

    A file that begins with the mark of UTF-16, as Windows' tools write it, is read as that.

    Raises:
        NotRead: It is no plain file, or has more than ``most`` bytes.
        OSError: It is not there or may not be read.
        UnicodeDecodeError: It is not in this encoding.
    """
    data = read_bytes(path, most=most)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    try:
        text = data.decode(encoding, errors)
    except UnicodeDecodeError as error:
        raise NotText(*error.args) from None
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def check_zip(file: IO[bytes]) -> None:
    """Refuse a zip archive that lists more files than anybody needs: Python's reader makes an object of each.

    Args:
        file: Its bytes, seekable; the place in it stays.

    Raises:
        NotRead: The list is too long.

    Source: PKWARE's APPNOTE, 4.3.14 to 4.3.16, the end of the list of files.
    """
    place = file.tell()
    try:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - _ZIP_TAIL))
        tail = file.read(_ZIP_TAIL)
    finally:
        file.seek(place)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        return  # no zip archive; the reader says so
    size = int.from_bytes(tail[at + 12 : at + 16], "little")
    if size == 0xFFFFFFFF:
        large = tail.rfind(b"PK\x06\x06", 0, at)
        size = int.from_bytes(tail[large + 40 : large + 48], "little") if large >= 0 else 0
    if size > MOST_SETTINGS:
        raise NotRead(errno.EFBIG, f"an archive whose list of files has {size:,} bytes, at most {MOST_SETTINGS:,}")


def open_zip(path: str | Path, *, most: int) -> zipfile.ZipFile:
    """Open a zip archive that is a plain file and does not list too much.

    Raises:
        NotRead: It is no plain file, has more than ``most`` bytes, or lists too much.
        OSError: It is not there or may not be read.
        zipfile.BadZipFile: It is no zip archive.
    """
    file = open_plain(path, most=most)
    try:
        check_zip(file)
    finally:
        file.close()
    import zipfile  # with it come shutil and the libraries of four compressions

    return zipfile.ZipFile(path)


def check_plain(path: str | Path, *, most: int | None = None) -> None:
    """Raise what :func:`open_plain` does, for a file that another library opens."""
    _check(os.stat(path), path, most)  # noqa: PTH116


def no_file(path: str | Path) -> str:
    """Return in words why a path is no plain file: it is not there, or is something else.

    Example:
        >>> no_file("nowhere.yaml"), no_file("/")
        ('no such file', 'a folder where a file is expected')
    """
    try:
        check_plain(path)
    except NotRead as error:
        return str(error)
    except (OSError, ValueError):
        pass
    return "no such file"


def _check(about: os.stat_result, path: str | Path, most: int | None) -> None:
    if not stat.S_ISREG(about.st_mode):
        what = next((word for test, word in _KINDS if test(about.st_mode)), "no plain file")
        raise NotRead(errno.EINVAL, f"{what} where a file is expected", str(path))
    if most is None:
        return
    if about.st_size > most:
        raise _too_large(path, about.st_size, most)
    # Compressing file systems store text in a tenth of its size; nothing real in a hundredth.
    stored = getattr(about, "st_blocks", about.st_size) * 512
    if about.st_size > _LARGE and stored * 100 < about.st_size:
        what = f"{about.st_size:,} bytes of which {stored:,} are written: a file of holes; fetch or copy it again"
        raise NotRead(errno.EINVAL, what, str(path))


def _too_large(path: str | Path, size: int, most: int) -> NotRead:
    return NotRead(errno.EFBIG, f"{size:,} bytes, more than a file of this kind has ({most:,})", str(path))
