"""Sort out what the user gave: paths, folders, patterns, addresses, arrays, in any mixture, become entries."""

from __future__ import annotations

import glob
import os
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain
from typing import Any

import numpy as np
import PIL.Image

from poise import files
from poise.errors import SourceError
from poise.files.addresses import masked
from poise.frames import Frame
from poise.sources import _entries, _web
from poise.sources._entries import Entry
from poise.sources._names import (
    PICTURES,
    VIDEOS,
    below,
    cannot_open,
    counted,
    natural,
    printable,
    suffix,
)
from poise.sources._pictures import from_tensor, is_tensor

_GIVE = "give a path, folder, glob, address, camera number, array, PIL image, bytes, or a list of those"
# What the examples of the documentation name.
_SAMPLES = ("runner.jpg", "hand.jpg", "clip.mp4", "squats.mp4", "street")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


def is_one(source: Any) -> bool:
    """Return whether the user named one thing, not a number of things of which one may fail."""
    if isinstance(source, (list, tuple)) or is_lazy(source):
        return False
    if isinstance(source, (str, os.PathLike)):
        text = os.fspath(source)
        return not (
            os.path.isdir(text) or text.lower().endswith(".txt") or (_is_glob(text) and not os.path.exists(text))
        )
    return not ((isinstance(source, np.ndarray) or is_tensor(source)) and source.ndim == 4 and len(source) != 1)


def is_lazy(source: Any) -> bool:
    """Return whether the entries come one by one from the user's own code."""
    return isinstance(source, Iterator) and not hasattr(source, "read")


def _is_glob(text: str) -> bool:
    return glob.has_magic(text) and _SCHEME.match(text) is None


def resolve_entries(source: Any, number: deque[int], follow: bool = False) -> Iterator[Entry]:
    """Give the entries of whatever the user gave.

    Args:
        source: As for ``open_source``.
        number: One number, the position of the next entry; it names entries that have no name of their own.
        follow: Lists of paths may name what is not below their own folder.

    Raises:
        TypeError: No source of any kind.
        ValueError: An empty string or a negative camera number.
    """
    if isinstance(source, (list, tuple)):
        for one in source:
            yield from resolve_entries(one, number, follow)
        return
    if isinstance(source, (str, os.PathLike)):
        yield from _named(os.fspath(source), follow=follow)
        number[0] += 1
        return
    position = number[0]
    number[0] += 1
    if source is None:
        raise TypeError(f"the source is None; {_GIVE}")
    if isinstance(source, bool):
        raise TypeError(f"the source is {source}; {_GIVE}")
    if isinstance(source, (int, np.integer)):
        yield _camera(int(source))
    elif isinstance(source, Frame):
        yield _entries.Given(source.media.name, source)
    elif isinstance(source, PIL.Image.Image):
        name = getattr(source, "filename", "") or f"PIL image {position}"
        yield _entries.PilImage(printable(os.fsdecode(name)), source)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        yield _entries.Bytes(f"bytes {position}", source)
    elif hasattr(source, "read"):
        yield _entries.Reader(printable(str(getattr(source, "name", f"file {position}"))), source)
    elif isinstance(source, np.ndarray) or is_tensor(source) or hasattr(source, "__array__"):
        array = from_tensor(source, f"array {position}") if is_tensor(source) else np.asarray(source)
        if array.ndim == 4:
            number[0] = position
            for one in array:
                yield _entries.Array(f"array {number[0]}", one)
                number[0] += 1
        else:
            yield _entries.Array(f"array {position}", array)
    elif isinstance(source, Iterable) and not isinstance(source, (dict, set, frozenset)):
        number[0] = position
        for one in source:
            yield from resolve_entries(one, number, follow)
    else:
        raise TypeError(f"cannot read frames from {type(source).__name__}; {_GIVE}")


def _camera(number: int) -> Entry:
    if number < 0:
        raise ValueError(f"a camera number is 0 or more, got {number}")
    return _entries.Camera(f"camera {number}", number)


def _named(text: str | bytes, base: str = "", *, follow: bool = False) -> Iterator[Entry]:
    """Give the entries of a path, address or camera name; relative paths start at ``base``."""
    if isinstance(text, bytes):
        text = os.fsdecode(text)
    if not text.strip():
        raise ValueError(f"the source is an empty string; {_GIVE}")
    path = os.path.join(base, os.path.expanduser(text))
    name = printable(path)
    scheme = _SCHEME.match(text)
    if "\0" in text:
        yield _entries.Failed(name, SourceError(f"{name!r}: not a path: it holds a zero byte"))
    elif scheme:
        yield from _address(text, scheme[1].lower())
    elif text == "-" and not base:
        yield _entries.Reader("-", None)
    elif os.path.isdir(path):
        yield from _folder(path, name)
    elif os.path.exists(path):
        device = re.fullmatch(r"/dev/video([0-9]+)", text)
        if device:
            yield _camera(int(device[1]))
        elif suffix(path) == ".txt":
            yield from _list_file(path, name, inside=bool(base), follow=follow)
        else:
            yield _entries.File(name, path)
    elif re.fullmatch(r"[0-9]{1,3}", text):
        yield _camera(int(text))
    elif text.lower() == "webcam":
        yield _camera(0)
    elif _is_glob(path):
        yield from _glob(path, name)
    else:
        yield _entries.Failed(name, _missing(path, name))


def _address(text: str, scheme: str) -> Iterator[Entry]:
    if scheme in _web.WEB | _web.LIVE:
        yield _entries.Address(masked(text), text)
    elif scheme == "file":
        from urllib.request import url2pathname  # imports TLS: only whoever gives such an address pays for it

        yield from _named(url2pathname(text[7:]))
    else:
        known = ", ".join(sorted(_web.WEB | _web.LIVE))
        name = masked(printable(text))
        yield _entries.Failed(name, SourceError(f"{name}: addresses of kind {scheme!r} are not read; known: {known}"))


def _missing(path: str, name: str) -> SourceError:
    try:
        os.stat(path)
    except OSError as error:
        if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
            return cannot_open(name, error)
    parent = os.path.dirname(path) or "."
    if not os.path.isdir(parent):
        return SourceError(f"{name}: no such file or folder: the folder {printable(parent)} does not exist")
    try:
        near = get_close_matches(os.path.basename(path), os.listdir(parent), n=1, cutoff=0.75)
    except OSError:
        near = []
    hint = f"; did you mean {printable(near[0])!r}?" if near else ""
    if not near and os.path.normpath(path) in _SAMPLES:
        hint = "; 'poise sample' writes it here"
    return SourceError(f"{name}: no such file or folder{hint}")


def _folder(path: str, name: str) -> Iterator[Entry]:
    try:
        with os.scandir(path) as entries:
            # Names with a leading dot are what systems hide beside the pictures (".DS_Store", "._photo.jpg").
            found = [(entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        yield _entries.Failed(name, cannot_open(name, error))
        return
    files = sorted((one for one, folder in found if not folder), key=natural)
    wanted = [one for one in files if suffix(one) in PICTURES | VIDEOS]
    if not wanted:
        folders = len(found) - len(files)
        inside = f" and {folders} folder{'s' if folders > 1 else ''}" if folders else ""
        deeper = f"; to look into them too give {os.path.join(name, '**', '*')!r}" if folders else ""
        yield _entries.Failed(
            name,
            SourceError(
                f"{name}: no pictures or videos (looked for .jpg, .png, .webp, .gif, .tif, .bmp, .mp4, .mov, .avi, "
                f".mkv, .webm and their like; found {counted(files)}{inside}){deeper}"
            ),
        )
    for one in wanted:
        full = os.path.join(path, one)
        yield _entries.File(printable(full), full)


def _glob(pattern: str, name: str) -> Iterator[Entry]:
    files = sorted((one for one in glob.iglob(pattern, recursive=True) if os.path.isfile(one)), key=natural)
    ending = suffix(pattern)
    # A pattern that names the ending ("*.dat") is taken at its word; "*" means what a folder would mean.
    wanted = files if ending and not glob.has_magic(ending) else [f for f in files if suffix(f) in PICTURES | VIDEOS]
    if not wanted:
        found = f"of {counted(files)} that match, none is a picture or video" if files else "no file matches"
        yield _entries.Failed(name, SourceError(f"{name}: {found}"))
    for one in wanted:
        yield _entries.File(printable(one), one)


def _list_file(path: str, name: str, *, inside: bool, follow: bool) -> Iterator[Entry]:
    if inside:
        yield _entries.Failed(name, SourceError(f"{name}: a list of paths inside a list of paths is not read"))
        return
    try:
        text = files.read_text(path, most=files.MOST_TEXT, encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        yield _entries.Failed(name, cannot_open(name, error))
        return
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines:
        yield _entries.Failed(name, SourceError(f"{name}: no paths in it; expected one path or address a line"))
    base = os.path.dirname(path) or "."
    found = chain.from_iterable(_named(line, base) for line in lines)
    yield from found if follow else (_below(entry, base, name) for entry in found)


def _below(entry: Entry, base: str, name: str) -> Entry:
    """Return an entry of a list if it is a file below the list's folder, else why it is not read."""
    if isinstance(entry, _entries.Failed):
        return entry
    if isinstance(entry, _entries.File) and below(entry.path, base):
        return entry
    what = "which is not below its own folder" if isinstance(entry, _entries.File) else "and may name files only"
    return _entries.Failed(
        entry.name,
        SourceError(f"{name}: names {entry.name}, {what}; to allow it: follow=True, --follow on the command line"),
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """One file or address.

    Attributes:
        name: How results and errors call it.
        source: The path or address to open.
        error: Why it cannot be read, as far as that is known without opening it; else None.
        address: It is an address, no file of this machine.
    """

    name: str
    source: str
    error: SourceError | None = None
    address: bool = False


def list_source(source: Any, *, follow: bool = False) -> Iterator[Listed]:
    """List the files and addresses that paths, folders, patterns and lists of paths name, in their order.

    Args:
        source: A path, or several in lists, as for :func:`poise.sources.open_source`.
        follow: Lists of paths may name what is not below their own folder.

    Raises:
        TypeError: It is no path.
        ValueError: An empty string.
    """
    for entry in resolve_entries(source, deque([0]), follow):
        if isinstance(entry, _entries.Failed):
            yield Listed(entry.name, entry.name, entry.error)
        elif isinstance(entry, _entries.File):
            yield Listed(entry.name, entry.path)
        elif isinstance(entry, _entries.Address) and not entry.live:
            yield Listed(entry.name, entry.address, address=True)
        else:
            what = "never ends" if entry.live else "can be read once only"
            yield Listed(
                entry.name, entry.name, SourceError(f"{entry.name}: {what}; expected files and addresses of files")
            )
