"""Weight files that are not bundled: a path, the cache, or the maker's release address, in this order."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from poise import files
from poise.errors import ModelError, suggest
from poise.weights import _zoo
from poise.weights._cache import Progress, folder, locked, offline, settle, temporary, unwritable

# What a checkpoint or an exported network may be called.
ENDINGS = (".pt", ".pth", ".onnx", ".safetensors")


@dataclass(frozen=True, slots=True)
class Release:
    """A weight file that its maker publishes.

    Attributes:
        name: File name, such as ``"yolo26n-pose.pt"``.
        maker: Who made it.
        address: Where the maker publishes it.
        licence: SPDX name of the licence that the maker gives it.
    """

    name: str
    maker: str
    address: str
    licence: str


def cached() -> list[Path]:
    """Return the weight files in the cache."""
    where = folder()
    return sorted(p for p in where.glob("*") if p.suffix in ENDINGS) if where.is_dir() else []


@cache
def releases() -> dict[str, Release]:
    """Return the files that makers publish, by name."""
    return {
        name: Release(name, entry["maker"], entry["address"].format(name=name), entry["licence"])
        for entry in _zoo.downloads()["maker"]
        for name in entry["names"]
    }


def find(name: str | Path, *, progress: Progress | None = None, notice: Callable[[str], None] | None = None) -> Path:
    """Return the path of a weight file that the user named.

    Args:
        name: A path, the name of a file in the cache, or the name of a published file.
        progress: Told how a download goes.
        notice: Told, before a download, what is fetched from where under which licence.

    Raises:
        ModelError: The file is nowhere, or cannot be fetched; lists the ways out.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        # OpenVINO's folder, as exports write it: one .xml with its .bin beside it.
        inside = sorted(path.glob("*.xml"))
        if len(inside) == 1:
            return inside[0]
        raise ModelError(f"{path}: is a folder with {len(inside)} .xml files, expected an OpenVINO model's with one")
    kept = folder() / path.name
    alone = len(path.parts) == 1
    if alone and kept.is_file():
        return kept
    release = releases().get(path.name) if alone else None
    if release is None and path.name in _zoo.model_names():
        raise ModelError(f"{path}: a model of the zoo, made of ONNX networks; here a file is expected")
    if release is None and path.exists():
        raise ModelError(f"{path}: {files.no_file(path)}")
    if release is None:
        near = suggest(path.name, [*releases(), *_zoo.model_names(), *(p.name for p in cached())]) if alone else ""
        near = near if near.startswith("; did you mean") else ""
        raise ModelError(f"{path}: no such file{near}; give a path, or use a bundled model such as 'body'")
    ways = (
        f"give a path to the file, run 'poise weights import {path.name}' with a copy of it, "
        "or use the bundled model 'body'"
    )
    if offline():
        raise ModelError(f"{path.name} is not on this machine, and POISE_OFFLINE forbids the network: {ways}")
    if notice is not None:
        notice(
            f"{release.name}: fetching from {release.maker} ({release.address}); "
            f"licence of these weights: {release.licence}"
        )
    try:
        from poise.weights._fetch import download

        return download(release.address, kept, progress=progress)
    except ModelError as error:
        raise ModelError(f"{error}; {ways}") from error


def put(path: Path, *, name: str | None = None) -> Path:
    """Copy a weight file into the cache, so that its name alone finds it from now on.

    Raises:
        ModelError: There is no such file, or its ending is not that of a weight file.
    """
    name = name or path.name
    if not path.is_file():
        raise ModelError(f"{path}: {files.no_file(path)}")
    if Path(name).name != name or Path(name).suffix not in ENDINGS:
        raise ModelError(f"{name}: expected a plain file name that ends in {', '.join(ENDINGS)}")
    target = folder() / name
    try:
        original = files.open_plain(path, most=files.MOST_NETWORK)
        with original, locked(target), temporary(target) as (unique, copy):
            shutil.copyfileobj(original, copy, 1 << 20)
            settle(copy)
            unique.replace(target)
    except OSError as error:
        raise unwritable(target.parent, error) from error
    return target
