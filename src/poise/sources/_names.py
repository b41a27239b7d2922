"""What files are called, what their first bytes say, and how a name is printed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from poise.errors import SourceError

PICTURES = frozenset(
    (".avif", ".bmp", ".dib", ".gif", ".heic", ".heif", ".ico", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg")
    + (".jpx", ".mpo", ".pbm", ".pcx", ".pgm", ".png", ".apng", ".pnm", ".ppm", ".qoi", ".sgi", ".tga", ".tif", ".tiff")
    + (".webp",)
)
# Of these the ones that may hold a moving picture.
ANIMATED = frozenset((".gif", ".webp", ".apng", ".png", ".avif"))
VIDEOS = frozenset(
    (".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".h264", ".h265", ".hevc", ".ivf", ".m2t", ".m2ts")
    + (".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".qt", ".ts")
    + (".vob", ".webm", ".wmv", ".y4m")
)

# Lists of the pieces of a video; what they name lies below their own folder, see _containers.py.
PLAYLISTS = frozenset((".m3u8", ".mpd"))

# First bytes -> what it is, for messages about files that are not what their name says.
_MAGIC = (
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x89PNG", "a PNG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (b"\x93NUMPY", "a numpy array file; give numpy.load(path)"),
    (b"\x00\x00\x01\xba", "an MPEG video"),
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file with: git lfs pull"),
)


def printable(name: str | os.PathLike[str]) -> str:
    r"""Return a path as text that any terminal and any JSON can hold; bytes that are not UTF-8 become ``\xNN``."""
    text = os.fspath(name)
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def suffix(name: str) -> str:
    """Return the ending of a path, lower case, with its dot."""
    return os.path.splitext(name)[1].lower()


def for_ffmpeg(path: str) -> str:
    """Return a path as FFmpeg takes it for a file: what stands before a colon is the name of a protocol to it.

    Example:
        >>> for_ffmpeg("12:30:05.mp4")
        'file:12:30:05.mp4'
    """
    return f"file:{path}"


def below(path: str, folder: str) -> bool:
    """Return whether a file lies in a folder or in one below it, wherever links lead."""
    root = os.path.realpath(folder)
    return os.path.realpath(path).startswith(os.path.join(root, ""))


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key in which ``frame10`` comes after ``frame9``."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return tuple((1, int(part), "") if i % 2 else (0, 0, part) for i, part in enumerate(parts))


def describe(head: bytes) -> str:
    """Say what a file looks like from its first bytes."""
    for magic, what in _MAGIC:
        if head.startswith(magic):
            return f"it looks like {what}"
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand in (b"heic", b"heix", b"mif1"):
            return "it looks like a HEIC picture"
        return f"it looks like an {'AVIF picture' if brand in (b'avif', b'avis') else 'MP4 or MOV video'}"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "it looks like an AVI video"
    if head.lstrip()[:9].lower() in (b"<!doctype", b"<html") or head.lstrip()[:5].lower() == b"<html":
        return "it looks like a web page"
    start = head[:24]
    if start and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in start):
        return f"it begins with the text {start.decode('ascii').strip()!r}"
    return f"it begins with the bytes {head[:8].hex(' ')}" if head else "it is empty"


def is_still(head: bytes) -> bool:
    """Return whether a file begins as pictures do."""
    return (
        describe(head).endswith("picture")
        or head[:4] in (b"II*\0", b"MM\0*", b"qoif", b"\0\0\0\x0c")
        or head[:2] == b"BM"
        or (head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace())
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
    )


def is_document(head: bytes) -> bool:
    """Return whether a file begins as text, a document or an archive do, so that it is no video either."""
    return describe(head).startswith(
        ("it begins with the text", "it looks like a web page", "it looks like a PDF", "it looks like a ZIP")
        + ("it looks like a gzip", "it looks like a numpy", "it looks like a Git", "it is empty")
    )


def counted(names: Iterable[str]) -> str:
    """Say what endings a list of names has: ``"3 files: 2 .txt, 1 .xml"``."""
    counts: dict[str, int] = {}
    for name in names:
        ending = suffix(name) or "without ending"
        counts[ending] = counts.get(ending, 0) + 1
    total = sum(counts.values())
    most = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = ", ".join(f"{count} {ending}" for ending, count in most[:5]) + (", …" if len(most) > 5 else "")
    return f"{total} file{'s' if total != 1 else ''}" + (f": {shown}" if shown else "")


def cannot_open(name: str, error: OSError) -> SourceError:
    """Say why the system does not open a file."""
    if isinstance(error, FileNotFoundError):
        return SourceError(f"{name}: no such file or folder")
    if isinstance(error, PermissionError):
        return SourceError(f"{name}: no permission to read it; check the owner and mode of the file and its folders")
    return SourceError(f"{name}: cannot be read: {error.strerror or error}")
