"""Weight files that are not bundled: a path, the cache, or the maker's release address, in this order."""

from __future__ import annotations

import os
import shutil
import tempfile
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from poise._version import __version__
from poise.errors import ModelError, suggest

# What a checkpoint or an exported network may be called.
ENDINGS = (".pt", ".pth", ".onnx", ".safetensors")
_TIMEOUT = 20.0  # seconds without an answer
_CHUNK = 1 << 18
_MOST_BYTES = 4 * 2**30

# Called with bytes done and bytes in all (None when the server does not say).
Progress = Callable[[int, int | None], None]


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


def home() -> Path:
    """Return the folder of the cache: ``$POISE_HOME``, else the user's cache folder. It is made when first written."""
    given = os.environ.get("POISE_HOME")
    if given:
        return Path(given).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("LOCALAPPDATA") if os.name == "nt" else None)
    return (Path(base) if base else Path.home() / ".cache") / "poise"


def cached() -> list[Path]:
    """Return the weight files in the cache."""
    folder = home() / "weights"
    return sorted(p for p in folder.glob("*") if p.suffix in ENDINGS) if folder.is_dir() else []


@cache
def releases() -> dict[str, Release]:
    """Return the files that makers publish, by name."""
    table = tomllib.loads(Path(__file__).with_name("downloads.toml").read_text(encoding="utf-8"))
    return {
        name: Release(name, entry["maker"], entry["address"].format(name=name), entry["licence"])
        for entry in table["maker"]
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
    kept = home() / "weights" / path.name
    alone = len(path.parts) == 1
    if alone and kept.is_file():
        return kept
    release = releases().get(path.name) if alone else None
    if release is None:
        near = suggest(path.name, [*releases(), *(p.name for p in cached())]) if alone else ""
        near = near if near.startswith("; did you mean") else ""
        raise ModelError(f"{path}: no such file{near}; give a path, or use a bundled model such as 'body'")
    ways = (
        f"give a path to the file, run 'poise weights import {path.name}' with a copy of it, "
        "or use the bundled model 'body'"
    )
    if os.environ.get("POISE_OFFLINE", "0") not in ("", "0"):
        raise ModelError(f"{path.name} is not on this machine, and POISE_OFFLINE forbids the network: {ways}")
    if notice is not None:
        notice(
            f"{release.name}: fetching from {release.maker} ({release.address}); "
            f"licence of these weights: {release.licence}"
        )
    try:
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
        raise ModelError(f"{path}: no such file")
    if Path(name).name != name or Path(name).suffix not in ENDINGS:
        raise ModelError(f"{name}: expected a plain file name that ends in {', '.join(ENDINGS)}")
    target = home() / "weights" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as copy:
        try:
            with path.open("rb") as original:
                shutil.copyfileobj(original, copy, 1 << 20)
            copy.close()
            Path(copy.name).replace(target)
        except BaseException:
            Path(copy.name).unlink(missing_ok=True)
            raise
    return target


def download(address: str, target: Path, *, progress: Progress | None = None) -> Path:
    """Fetch a file; an interrupted download goes on where it stopped.

    The file grows as ``NAME.part`` beside the target and is renamed when it is whole, so the target is never half a
    file.

    Raises:
        ModelError: There is no answer, the server refuses, or the file arrives incomplete.
    """
    if urlsplit(address).scheme not in ("http", "https"):
        raise ModelError(f"{address}: expected an http or https address")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": f"poise/{__version__}"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=_TIMEOUT) as answer:
            # A server that does not know ranges answers 200 and sends everything again.
            resumed = have > 0 and answer.status == 206 and _starts_at(answer, have)
            if have and not resumed and answer.status == 206:
                raise ModelError(f"{address}: the server continues at the wrong place; delete {part} and try again")
            done = have if resumed else 0
            length = answer.headers.get("Content-Length")
            total = done + int(length) if length and length.isdigit() else None
            if total is not None and total > _MOST_BYTES:
                raise ModelError(f"{address}: {total / 2**30:.1f} GiB is more than a weight file has")
            with part.open("ab" if resumed else "wb") as file:
                while chunk := answer.read(_CHUNK):
                    file.write(chunk)
                    done += len(chunk)
                    if done > _MOST_BYTES:
                        raise ModelError(f"{address}: more than {_MOST_BYTES // 2**30} GiB")
                    if progress is not None:
                        progress(done, total)
    except urllib.error.HTTPError as error:
        if error.code == 416:
            # What lies here is not the beginning of what is there now.
            part.unlink(missing_ok=True)
            return download(address, target, progress=progress) if have else _refused(address, error)
        return _refused(address, error)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ModelError(f"{address}: no answer: {reason}") from error
    if total is not None and done != total:
        raise ModelError(f"{address}: {done} of {total} bytes arrived; run the same command again to go on")
    part.replace(target)
    return target


def _refused(address: str, error: urllib.error.HTTPError) -> Path:
    raise ModelError(f"{address}: the server answers {error.code} {error.reason}") from error


def _starts_at(answer: Any, offset: int) -> bool:
    return str(answer.headers.get("Content-Range", "")).startswith(f"bytes {offset}-")
