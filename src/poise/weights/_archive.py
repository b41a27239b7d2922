"""What a fetched file is: a whole ONNX network, or an archive with one in it. Neither is believed."""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path
from typing import IO

from poise import files
from poise.errors import ModelError
from poise.files.networks import POINTER

_CHUNK = 1 << 20
_MOST_BYTES = 4 * 2**30
# Networks shrink by a tenth; an entry that grows a hundredfold is a bomb.
_MOST_GROWTH = 100
_MOST_ENTRIES = 1000
# Fields of ONNX's ModelProto (onnx.proto): the version of the format, and the graph.
_IR_VERSION, _GRAPH = 1, 7


def expect_archive(head: bytes) -> str:
    """Say what is wrong with the first bytes of what should be a zip file."""
    return "" if head.startswith(b"PK\x03\x04") else f"{_kind(head)} and not the zip file"


def expect_onnx(head: bytes) -> str:
    """Say what is wrong with the first bytes of what should be an ONNX network."""
    # Protocol buffers may come in any order; every known writer puts the format's version, field 1, first.
    return "" if head[:1] == b"\x08" else f"{_kind(head)} and not the ONNX network"


def _kind(head: bytes) -> str:
    text = head.lstrip()
    if text[:1] == b"<":
        return "a web page (perhaps a sign-in page of the network that this machine is on)"
    if text[:1] in (b"{", b"["):
        return "JSON"
    if head[:2] == b"\x1f\x8b":
        return "a gzip file"
    if head.startswith(POINTER):
        return "a pointer of Git LFS"
    if head.startswith(b"PK\x03\x04"):
        return "a zip file"
    return "an empty file" if not head else f"a file that begins with {head[:8]!r}"


def extract(archive: Path, member: str, into: IO[bytes], *, origin: str, most_bytes: int = _MOST_BYTES) -> None:
    """Write one file of a zip archive; nothing else of the archive reaches the disk.

    Args:
        archive: The archive.
        member: Last name of the file wanted, in whatever folder it lies, or its whole name with slashes.
        into: Written to.
        origin: Where the archive is from, for errors.
        most_bytes: The file may not be larger.

    Raises:
        ModelError: The archive is damaged or has not exactly one such file, or the file is encrypted, a link, larger
            than the limit, or grows too much to be a network.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entry = _find(opened, member, origin)
            if entry.flag_bits & 1:
                raise ModelError(f"{origin}: {member} in it is encrypted")
            if stat.S_ISLNK(entry.external_attr >> 16):
                raise ModelError(f"{origin}: {member} in it is a link and not a file")
            if entry.file_size > most_bytes:
                raise ModelError(f"{origin}: {member} in it has {entry.file_size} bytes, at most {most_bytes}")
            if entry.file_size > _MOST_GROWTH * max(entry.compress_size, 1):
                raise ModelError(
                    f"{origin}: {member} in it grows from {entry.compress_size} to {entry.file_size} bytes: "
                    "that is no network"
                )
            left = entry.file_size
            with opened.open(entry) as source:
                # The size that an archive states need not be true: what comes out is counted.
                while chunk := source.read(min(_CHUNK, left + 1)):
                    left -= len(chunk)
                    if left < 0:
                        raise ModelError(f"{origin}: {member} in it is larger than the archive says")
                    into.write(chunk)
            if left:
                raise ModelError(f"{origin}: {member} in it is shorter than the archive says")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise ModelError(f"{origin}: not a whole zip file: {error}") from error


def _find(opened: zipfile.ZipFile, member: str, origin: str) -> zipfile.ZipInfo:
    entries = opened.infolist()
    if len(entries) > _MOST_ENTRIES:
        raise ModelError(f"{origin}: {len(entries)} files in it, at most {_MOST_ENTRIES}")
    found = [e for e in entries if not e.is_dir() and (e.filename if "/" in member else _last(e.filename)) == member]
    if len(found) != 1:
        there = ", ".join(sorted(e.filename for e in entries if not e.is_dir())[:6])
        raise ModelError(
            f"{origin}: {len(found)} files named {member} in it, expected one (there: {there or 'nothing'})"
        )
    return found[0]


def _last(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]


def whole_onnx(path: Path) -> str:
    """Say why a file is not a whole ONNX network, or return an empty string.

    Only the outermost fields are walked, so that a file that was cut off is known without reading it: the graph must
    end where the file allows it. What is in the graph, the runtime says.

    Source:
        Protocol buffers' encoding: a field is a varint (number << 3 | wire type) and a value; types 0, 1, 2 and 5.
    """
    size = path.stat().st_size
    fields = set()
    with files.open_plain(path, most=files.MOST_NETWORK) as file:
        while file.tell() < size:
            at = file.tell()
            tag = _varint(file)
            number, wire = (tag >> 3, tag & 7) if tag is not None else (0, 7)
            length = {0: 0, 1: 8, 5: 4}.get(wire)
            if wire == 0:
                length = None if _varint(file) is None else 0
            elif wire == 2:
                length = _varint(file)
            if number == 0 or length is None or file.tell() + length > size:
                return f"not a whole ONNX network: its field at byte {at} of {size} does not end in it"
            file.seek(length, 1)
            fields.add(number)
    if _GRAPH not in fields or _IR_VERSION not in fields:
        return "not an ONNX network: it has no graph"
    return ""


def _varint(file: IO[bytes]) -> int | None:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            return None
        value |= (byte[0] & 0x7F) << shift
        if not byte[0] & 0x80:
            return value
    return None
