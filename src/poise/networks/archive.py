"""The zip container of a torch checkpoint, read without torch and without unpacking anything.

Torch stores every record uncompressed, so each one is a piece of the file itself: no record can be larger than the
file, and nothing is inflated.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Literal

from poise import files
from poise.errors import ModelError

_LOCAL_HEADER = 30


class Archive:
    """The records of a checkpoint by their names, such as ``data.pkl`` or ``data/0``.

    Args:
        path: How errors call the file.
        data: The whole file.

    Raises:
        ModelError: The file is not such an archive, is damaged, or is built to mislead.
    """

    def __init__(self, path: Path, data: bytes) -> None:
        self.path = path
        self._data = memoryview(data)
        try:
            files.check_zip(io.BytesIO(data))
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                entries = archive.infolist()
        except files.NotRead as error:
            raise ModelError(f"{path}: {error}") from None
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, struct.error, IndexError) as error:
            raise ModelError(
                f"{path}: a damaged or incomplete zip archive ({error}); fetch or copy the file again"
            ) from error
        roots = [e.filename.partition("/")[0] for e in entries if e.filename.endswith("/data.pkl")]
        names = {e.filename for e in entries}
        if any(name.split("/", 1)[-1] in ("constants.pkl", "code/__torch__.py") for name in names):
            raise ModelError(
                f"{path}: a TorchScript program, which runs its own code; give the checkpoint (.pt) instead"
            )
        if len(roots) != 1 or f"{roots[0]}/data.pkl" not in names:
            raise ModelError(f"{path}: a zip archive, but not a torch checkpoint (it has no single data.pkl record)")
        self._records = self._locate(entries, roots[0] + "/")

    def __contains__(self, name: str) -> bool:
        return name in self._records

    def size(self, name: str) -> int:
        """Return the bytes of a record; -1 if it is not there."""
        start, end, _ = self._records.get(name, (0, -1, 0))
        return end - start

    def read(self, name: str) -> memoryview:
        """Return a record after checking its sum.

        Raises:
            ModelError: The record is missing or damaged.
        """
        if name not in self._records:
            raise ModelError(f"{self.path}: record {name!r} is missing; the file is incomplete")
        start, end, crc = self._records[name]
        record = self._data[start:end]
        if zlib.crc32(record) != crc:
            raise ModelError(f"{self.path}: record {name!r} is damaged (its checksum is wrong); fetch the file again")
        return record

    @property
    def byte_order(self) -> Literal["<", ">"]:
        """How numbers are stored."""
        return ">" if "byteorder" in self._records and bytes(self.read("byteorder")) == b"big" else "<"

    def _locate(self, entries: list[zipfile.ZipInfo], root: str) -> dict[str, tuple[int, int, int]]:
        """Find each record in the file, and make sure that no two share bytes."""
        records: dict[str, tuple[int, int, int]] = {}
        last = 0
        for entry in sorted(entries, key=lambda e: e.header_offset):
            name = entry.filename
            if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
                raise ModelError(
                    f"{self.path}: record {name!r} is compressed ({entry.compress_size} bytes for {entry.file_size}); "
                    "torch never does that, so it was packed by something else. Save the checkpoint with torch again"
                )
            header = bytes(self._data[entry.header_offset : entry.header_offset + _LOCAL_HEADER])
            if entry.header_offset < last or len(header) < _LOCAL_HEADER or header[:4] != b"PK\x03\x04":
                raise ModelError(
                    f"{self.path}: record {name!r} overlaps another one or has no header; the file is damaged"
                )
            name_length, extra_length = struct.unpack_from("<HH", header, 26)
            start = entry.header_offset + _LOCAL_HEADER + name_length + extra_length
            last = start + entry.file_size
            if last > len(self._data):
                raise ModelError(f"{self.path}: record {name!r} goes past the end of the file; the file is incomplete")
            if name.startswith(root):
                key = name[len(root) :]
                if key in records:
                    raise ModelError(f"{self.path}: record {name!r} is there twice")
                records[key] = (start, last, entry.CRC)
        return records
