"""Networks of the zoo in one file, for machines without a network: packed on one, imported on the other."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from poise import files
from poise.errors import FormatError, ModelError
from poise.extras.version import __version__
from poise.weights._archive import extract
from poise.weights._cache import Progress, digest, locked, settle, temporary, unwritable
from poise.weights._provide import Notice, accept, check, fetch, install, named_by, wanted
from poise.weights._registry import Network, network
from poise.weights._store import put

_MANIFEST = "poise-weights.json"
_FORMAT = 1
_MOST_MANIFEST = 1 << 20
# The whole zoo has 2 GB.
_MOST_PACK = 16 << 30


def pack(
    names: Iterable[str], out: Path, *, progress: Progress | None = None, notice: Notice | None = None
) -> list[Network]:
    """Write networks of the zoo into one zip file, with a manifest of their checksums, licences and origins.

    Args:
        names: Networks, models or pairs of the zoo, or ``"best"``; what is not on this machine is fetched.
        out: The file to write; it is there whole or not at all.
        progress: Told how a download goes.
        notice: Told of each download before it.

    Returns:
        The networks in it.

    Raises:
        ModelError: A name is not known, needs nothing packed, or its network cannot be fetched.
    """
    entries = list({entry.name: entry for name in names for entry in _needed(name)}.values())
    for entry in entries:
        fetch(entry, progress=progress, notice=notice)
        check(entry)
    manifest = {"format": _FORMAT, "poise": __version__, "networks": [_told(entry) for entry in entries]}
    with temporary(out) as (unique, file):
        try:
            # Networks hardly shrink, so they are stored as they are.
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                archive.writestr(_MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False))
                for entry in entries:
                    archive.write(entry.path, entry.file)
            settle(file)
            unique.replace(out)
        except OSError as error:
            raise unwritable(out.parent, error) from error
    return entries


def _needed(name: str) -> list[Network]:
    entries = wanted(name)
    if not entries:
        raise ModelError(f"{name} is bundled with poise: it needs nothing from a pack")
    return entries


def _told(entry: Network) -> dict[str, Any]:
    return {
        "name": entry.name,
        "file": entry.file,
        "sha256": digest(entry.path),
        "bytes": entry.path.stat().st_size,
        "maker": entry.maker,
        "licence": entry.licence,
        "evidence": entry.evidence,
        "training": entry.training,
        "addresses": list(entry.addresses),
    }


def bring(path: Path, *, name: str | None = None) -> list[Path]:
    """Copy a file that the user has into the cache.

    Args:
        path: A pack of :func:`pack`; a network of the zoo, as it is called here or by its maker, also the maker's
            archive of it; or any other weight file, which is kept as it is.
        name: What it is: a network of the zoo, or the name under which to keep another file.

    Returns:
        Where the files are from now on.

    Raises:
        ModelError: There is no such file, or it is not what its name says.
        FormatError: The pack's manifest is damaged, or of a later version.
    """
    if not path.is_file():
        raise ModelError(f"{path}: {files.no_file(path)}")
    if name is None and zipfile.is_zipfile(path):
        listed = _manifest(path)
        if listed is not None:
            return [_unpack(path, row) for row in listed]
    called = path if name is None else Path(name if Path(name).suffix else f"{name}.onnx")
    entry = named_by(called)
    if entry is not None:
        return [install(path, entry)]
    return [put(path, name=name)]


def _manifest(path: Path) -> list[dict[str, Any]] | None:
    """Return what a pack says that it holds, or None where a file is no pack."""
    try:
        with files.open_zip(path, most=_MOST_PACK) as archive:
            entry = archive.NameToInfo.get(_MANIFEST)
            if entry is None:
                return None
            if entry.file_size > _MOST_MANIFEST:
                raise FormatError(f"{path}: its {_MANIFEST} has {entry.file_size} bytes, at most {_MOST_MANIFEST}")
            manifest = json.loads(archive.read(entry))
    except files.NotRead as error:
        raise FormatError(f"{path}: {error}") from error
    except (zipfile.BadZipFile, ValueError, EOFError, RuntimeError) as error:
        raise FormatError(f"{path}: its {_MANIFEST} cannot be read: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != _FORMAT:
        said = manifest.get("format") if isinstance(manifest, dict) else None
        raise FormatError(f"{path}: a pack of format {said!r}, expected {_FORMAT}; update poise on this machine")
    rows = manifest.get("networks")
    keys = ("name", "file", "sha256")
    if not isinstance(rows, list) or not all(
        isinstance(r, dict) and all(type(r.get(k)) is str for k in keys) for r in rows
    ):
        raise FormatError(f"{path}: its {_MANIFEST} needs a list of networks, each with {', '.join(keys)}")
    return rows


def _unpack(path: Path, row: dict[str, Any]) -> Path:
    """Copy one network of a pack; its name must be one of the zoo's and its checksum right."""
    entry = network(row["name"])
    if entry.bundled or row["file"] != entry.file:
        raise ModelError(f"{path}: {row['name']} is not a network of the zoo in the file {row['file']!r}")
    with locked(entry.path), temporary(entry.path) as (unique, file):
        try:
            extract(path, entry.file, file, origin=str(path))
            settle(file)
        except OSError as error:
            raise unwritable(entry.path.parent, error) from error
        return accept(entry, unique, origin=f"{path}: {entry.file} in it", sha256=row["sha256"].lower())
