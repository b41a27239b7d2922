"""Where the pictures of a written data set are: copied, linked, or left where they are."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

from poise.errors import FormatError, PoiseError
from poise.files.writing import write_atomically

How = Literal["copy", "link", "reference"]

# Characters that a file name cannot have somewhere.
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f:*?"<>|]')
_LONGEST = 200  # bytes; most file systems end at 255, and endings are added


def names_below(paths: Sequence[Path]) -> list[PurePosixPath]:
    """Give each picture a name of its own below one folder.

    The folders that all have in common are left out. Names never leave the folder, whatever the paths hold, and differ
    in more than their ending and upper case, so that one text file a picture has a name of its own too.
    """
    cleaned = [[_clean(part) for part in path.parts if part not in ("", ".", "..", path.anchor)] for path in paths]
    common = _common([parts[:-1] for parts in cleaned])
    names: list[PurePosixPath] = []
    taken: set[str] = set()
    for parts in cleaned:
        wanted = PurePosixPath(*parts[len(common) :])
        name, number = wanted, 1
        while str(name.with_suffix("")).casefold() in taken:
            number += 1
            name = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
        taken.add(str(name.with_suffix("")).casefold())
        names.append(name)
    return names


def _common(folders: Sequence[list[str]]) -> list[str]:
    """Return the folders that all begin with."""
    first, last = min(folders, default=[]), max(folders, default=[])
    same = [a == b for a, b in zip(first, last, strict=False)]
    return first[: same.index(False) if False in same else len(same)]


def _clean(part: str) -> str:
    text = _FORBIDDEN.sub("_", part.replace("/", "_").replace("\\", "_"))
    # A name that is not UTF-8 cannot be written into the label file.
    text = text.encode("utf-8", "replace").decode("utf-8").replace("?", "_")
    stem, dot, ending = text.rpartition(".")
    if len(text.encode()) > _LONGEST:
        stem, dot, ending = (stem, dot, ending) if stem and len(ending) < 10 else (text, "", "")
        text = stem.encode()[: _LONGEST - 10].decode("utf-8", "ignore") + dot + ending
    return text.rstrip(" .") or "_"


def put(picture: Path, target: Path, how: How) -> None:
    """Copy a picture, or link to it.

    Raises:
        FormatError: It cannot be done, and why.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if how == "link":
            target.symlink_to(picture.resolve())
        else:
            shutil.copyfile(picture, target)
    except (OSError, ValueError) as error:
        advice = "; copy them instead" if how == "link" else ""
        raise FormatError(f"{target}: cannot {how} {picture} there: {error}{advice}") from error


def reference(picture: Path, folder: Path) -> str:
    """Return how a file in ``folder`` calls a picture that stays where it is: relative, else the whole path."""
    whole = picture.resolve()
    try:
        return Path(os.path.relpath(whole, folder.resolve())).as_posix()
    except ValueError:  # another drive
        return whole.as_posix()


def write_text(path: Path, text: str) -> None:
    """Put text at ``path`` in one step: the file is whole or not there.

    Raises:
        FormatError: It cannot be written.
    """
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Do the same with bytes."""
    try:
        write_atomically(path, data)
    except PoiseError as error:
        raise FormatError(str(error)) from error
