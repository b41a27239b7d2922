"""Find the pictures that a file names when they are not where it says: moved, renamed folders, other systems' paths."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote

from poise.sources import PICTURES

# Names that are looked at to see where the others are.
_TRIED = 20
# Entries of folders that are looked through for a name; label files are near their pictures.
_MOST_ENTRIES = 200_000


def is_file(path: Path) -> bool:
    """Return whether the file is there; a name that no file can have (with a NUL in it) is not."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def exists(path: Path) -> bool:
    """Return whether a file or folder is there."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def any_case(pattern: str) -> str:
    """Return a glob pattern whose letters may be large or small, as names are on Windows and macOS.

    Example:
        >>> any_case("*.txt")
        '*.[tT][xX][tT]'
    """
    return "".join(f"[{c}{c.upper()}]" if c.islower() else c for c in pattern)


def local(name: str) -> str:
    """Return a path that was written on Windows in the way of this system: no drive, and slashes.

    Example:
        >>> local("C:/Users/me/set/a.jpg"), local("img/a.jpg")
        ('Users/me/set/a.jpg', 'img/a.jpg')
    """
    windows = PureWindowsPath(name)
    if "\\" not in name and not windows.drive:
        return name
    if exists(Path(name)):
        return name
    return "/".join(windows.parts[1:] if windows.anchor else windows.parts) or name


def tails(name: str) -> list[Path]:
    """Return the last parts of a path, the most first; nothing that leads upwards.

    Example:
        >>> [str(tail) for tail in tails("../data/images/a.jpg")]
        ['data/images/a.jpg', 'images/a.jpg', 'a.jpg']
    """
    parts = [part for part in Path(local(name)).parts if part not in ("..", ".", "/", "\\") and not part.endswith(":")]
    return [Path(*parts[i:]) for i in range(len(parts))]


_SPLIT_WORDS = frozenset({"train", "val", "valid", "validation", "test"})


def place(part: str, folders: Sequence[Path]) -> tuple[Path | None, bool]:
    """Find a folder or file that a description names.

    Args:
        part: As it is written.
        folders: Where it may start from, the right one first; the working folder is tried too, for the whole path.

    Returns:
        Its path, None where it is not found; and whether it is in another place than the description says. A folder
        that is called as a split is never taken for that of another.
    """
    path = Path(local(part)).expanduser()
    if exists(folders[0] / path):
        return folders[0] / path, "\\" in part
    for folder in [*folders[1:], Path()]:
        if exists(folder / path):
            return folder / path, True
    for tail in tails(part):
        dropped = path.parts[: len(path.parts) - len(tail.parts)]
        if _SPLIT_WORDS & {word.lower() for word in dropped}:
            break
        for folder in folders:
            if exists(folder / tail):
                return folder / tail, True
    return None, False


def locate(names: Sequence[str], folders: Iterable[Path], *, working: bool = False) -> tuple[list[Path | None], bool]:
    """Find files by their names.

    A name is taken as it is in the first folder that has any of them; else by its last parts, by a name without its
    ending, and by its bare name where it is the only one below a folder.

    Args:
        names: As a file calls them.
        folders: Where they may be, the likeliest first.
        working: Also try the working folder, for whole names.

    Returns:
        For each its path, None where it is not found; and whether any was found in another place than the name says.
    """
    known = list(dict.fromkeys(folders))
    plain = [local(name) for name in names]
    starts = [*known, Path()] if working else known
    best = next((f for f in starts if any(is_file(f / name) for name in plain[:_TRIED])), None)
    if best is None:
        best = next((f for f in starts if any(is_file(f / name) for name in plain)), None)
    found: list[Path | None] = [best / name if best and is_file(best / name) else None for name in plain]
    moved = any(path is not None and given != name for path, given, name in zip(found, names, plain, strict=True))
    open_ = [i for i, path in enumerate(found) if path is None]
    if not open_:
        return found, moved
    listing = _Listing(known)
    how: tuple[Path, int] | None = None
    for i in open_:
        parts = tails(names[i])
        path = None
        if how is not None and how[1] < len(parts) and is_file(how[0] / parts[how[1]]):
            path = how[0] / parts[how[1]]
        else:
            for n, folder in ((n, folder) for n in range(len(parts)) for folder in known):
                if is_file(folder / parts[n]):
                    path, how = folder / parts[n], (folder, n)
                    break
        found[i] = path if path is not None else listing.find(parts)
        moved |= found[i] is not None
    return found, moved


class _Listing:
    """The picture files below some folders by their bare names, read when they are first needed."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._names: dict[str, list[Path]] | None = None
        self._stems: dict[str, list[Path]] = {}

    def find(self, parts: Sequence[Path]) -> Path | None:
        """Return the one picture of that name; without an ending, or with another, the one that is called so too."""
        if not parts:
            return None
        if self._names is None:
            self._read()
        name = parts[-1].name
        # Tools that serve pictures over the web write %20 for a space.
        for tried in dict.fromkeys((name, unquote(name))):
            stem = Path(tried).stem if Path(tried).suffix.lower() in PICTURES else tried
            for same in ((self._names or {}).get(_folded(tried)), self._stems.get(_folded(stem))):
                if not same:
                    continue
                # Several are told apart by the folders in the name.
                near = [p for tail in parts for p in same if str(p.with_suffix("")).endswith(_without(tail))]
                chosen = same if len(same) == 1 else near[:1] if len(near) == 1 else []
                return chosen[0] if chosen else None
        return None

    def _read(self) -> None:
        self._names = {}
        seen: set[Path] = set()
        walk = ((Path(base), f) for folder in self._folders[:2] for base, _, files in os.walk(folder) for f in files)
        for base, file in islice(walk, _MOST_ENTRIES):
            path = base / file
            if path.suffix.lower() in PICTURES and path not in seen:
                seen.add(path)
                self._names.setdefault(_folded(file), []).append(path)
                self._stems.setdefault(_folded(path.stem), []).append(path)


def _folded(name: str) -> str:
    """Return a name as it is compared: macOS writes an accent as a letter of its own, Windows any case."""
    return unicodedata.normalize("NFC", name).casefold()


def _without(tail: Path) -> str:
    """Return a path with a slash before it and without a picture's ending."""
    return "/" + (str(tail.with_suffix("")) if tail.suffix.lower() in PICTURES else str(tail))
