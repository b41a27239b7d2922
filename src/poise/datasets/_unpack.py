"""Archives and containers of pictures, unpacked once into Poise's cache, where their pictures are plain files."""

from __future__ import annotations

import hashlib
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from poise.errors import FormatError
from poise.sources import PICTURES
from poise.weights import home

# What an archive may hold. COCO with its pictures has 164,000 files and 26 GB.
_MOST_FILES = 1_000_000
_MOST_BYTES = 64 << 30
_MOST_BYTES_A_FILE = 2 << 30
# A picture or label shrinks by less; text of zeros shrinks a thousandfold.
_MOST_RATIO = 200
_SMALL = 1 << 20  # bytes below which the ratio does not matter
_WANTED = PICTURES | {".txt", ".yaml", ".yml", ".json", ".xml", ".csv", ".h5", ".slp", ".parquet"}
_FREE = 1 << 30  # bytes that stay free on the disk


def unpacked(path: Path) -> Path:
    """Return the folder that a .zip file is unpacked in; any other path as it is.

    Raises:
        FormatError: It is damaged, or holds more than a data set does.
    """
    if path.suffix.lower() != ".zip" or not path.is_file():
        return path
    target = once(path, "zip", lambda folder: _extract(path, folder))
    # Most archives hold one folder.
    while True:
        inside = [entry for entry in target.iterdir() if not entry.name.startswith((".", "__MACOSX"))]
        if len(inside) != 1 or not inside[0].is_dir():
            return target
        target = inside[0]


def once(path: Path, kind: str, make: Callable[[Path], object]) -> Path:
    """Return a folder of the cache that holds what is made of a file; it is made when it is not there.

    Args:
        path: The file.
        kind: What is made of it.
        make: Fills an empty folder.
    """
    about = path.stat()
    key = f"{path.resolve()}\0{about.st_size}\0{about.st_mtime_ns}\0{kind}"
    target = home() / "datasets" / f"{path.stem[:40]}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise FormatError(f"{target.parent}: cannot be written: {error.strerror or error}") from error
    try:
        make(part)
        part.replace(target)
    except OSError as error:
        if not target.is_dir():  # else another process was faster
            raise FormatError(f"{path}: cannot be unpacked into {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return target


def _extract(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = list(_checked(path, archive))
            need = sum(entry.file_size for entry, _ in entries)
            free = shutil.disk_usage(folder).free
            if need > free - _FREE:
                raise FormatError(
                    f"{path}: holds {need:,} bytes, but {folder.parent} has {free:,} left; unpack it elsewhere"
                )
            for entry, name in entries:
                _copy(path, archive, entry, folder / name)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise FormatError(f"{path}: not a readable .zip file: {error}") from error


def _checked(path: Path, archive: zipfile.ZipFile) -> Iterator[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """Yield the entries that are pictures or labels, with the name that each gets below the folder."""
    listed = archive.infolist()
    if len(listed) > _MOST_FILES:
        raise FormatError(f"{path}: {len(listed):,} files, the limit is {_MOST_FILES:,}; unpack it yourself")
    total = 0
    for entry in listed:
        # A link or a device in an archive is none of its pictures.
        mode = entry.external_attr >> 16
        if entry.is_dir() or (mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG)):
            continue
        name = PurePosixPath(entry.filename.replace("\\", "/"))
        if name.suffix.lower() not in _WANTED or name.name.startswith("._"):
            continue
        if name.is_absolute() or ".." in name.parts or "\0" in entry.filename or ":" in name.parts[0]:
            raise FormatError(f"{path}: holds a file that would be written elsewhere: {entry.filename[:100]!r}")
        if entry.flag_bits & 1:
            raise FormatError(f"{path}: is encrypted; unpack it yourself")
        total += entry.file_size
        swollen = entry.file_size > _SMALL and entry.file_size > _MOST_RATIO * max(entry.compress_size, 1)
        if entry.file_size > _MOST_BYTES_A_FILE or total > _MOST_BYTES or swollen:
            raise FormatError(
                f"{path}: {entry.filename[:100]!r} makes {entry.file_size:,} bytes of {entry.compress_size:,}, more "
                "than pictures and labels do; unpack it yourself if it is to be trusted"
            )
        yield entry, name


def _copy(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    """Write one file, and no more of it than the archive's list said."""
    target.parent.mkdir(parents=True, exist_ok=True)
    left = entry.file_size
    with archive.open(entry) as source, target.open("wb") as out:
        while chunk := source.read(min(1 << 20, left + 1)):
            left -= len(chunk)
            if left < 0:
                raise FormatError(f"{path}: {entry.filename[:100]!r} is larger than the archive says")
            out.write(chunk)
