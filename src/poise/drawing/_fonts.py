"""Fonts for names in any script: Pillow's own where it has the letters, else one that this machine has."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import ImageFont

from poise.errors import suggest

Face = ImageFont.FreeTypeFont | ImageFont.ImageFont

# Fonts that cover much, best first, by how their files begin; others are tried after them.
_WIDE = (
    "notosans-regular", "notosanscjk", "notosanssc", "notosansjp", "notosanskr", "sourcehansans", "dejavusans.",
    "arialuni", "arial unicode", "pingfang", "hiragino", "applesdgothicneo", "msyh", "yugoth", "meiryo", "malgun",
    "segoeui.", "nirmala", "leelawui", "wqy", "droidsansfallback", "notosans", "freesans", "liberationsans-regular",
    "arial.", "unifont",
)  # fmt: skip
_ENDINGS = {".ttf", ".otf", ".ttc", ".otc"}
# A machine with more fonts than this is searched no further.
_MOST_FONTS = 3000
# Everything up to here is in Pillow's own font.
_LATIN = 0x17F


@lru_cache(maxsize=64)
def face(size: float, path: str | None) -> Face:
    """Open a font; None: Pillow's own."""
    return ImageFont.load_default(size) if path is None else ImageFont.truetype(path, size)


def _plain(font: str) -> str:
    """Return a font's name without its ending, so that "DejaVu Sans" is DejaVuSans.ttf."""
    name = Path(font).stem if Path(font).suffix.lower() in _ENDINGS else font
    return name.lower().replace(" ", "").replace("-regular", "")


def own_font() -> str | None:
    """Return the font that the environment's POISE_FONT names, if any."""
    named = os.environ.get("POISE_FONT")
    return find_font(named) if named else None


@lru_cache(maxsize=64)
def find_font(font: str) -> str:
    """Return the path of a font: a file, or the name of one that is installed.

    Raises:
        ValueError: There is none, with the nearest that is installed.
    """
    if Path(font).is_file():
        return font
    wanted = _plain(font)
    installed = list(_installed())
    for path in installed:
        if _plain(path.name) == wanted:
            return str(path)
    near = suggest(Path(font).name, [path.name for path in installed]) if installed else ""
    raise ValueError(f"font {font!r} is neither a file nor an installed font{near}")


def runs(text: str, font: str | None) -> tuple[tuple[str, str | None], ...]:
    """Split a line into pieces and give each a font that has its letters.

    Args:
        text: One line.
        font: The font to prefer; None: Pillow's own.

    Returns:
        Pieces and the paths of their fonts, None for Pillow's own. Letters that no font has stay with the preferred
        one, which shows a box; that is told once as a ``RuntimeWarning``.
    """
    if font is None and all(ord(letter) <= _LATIN for letter in text):
        return ((text, None),)
    return _runs(text, font)


@lru_cache(maxsize=512)
def _runs(text: str, font: str | None) -> tuple[tuple[str, str | None], ...]:
    letters = frozenset(letter for letter in text if not letter.isspace())
    if _missing(letters, font) == frozenset():
        return ((text, font),)
    # One font for all of it looks best, and keeps the order of scripts that run from right to left.
    for path in _candidates(letters):
        if not _missing(letters, path):
            return ((text, path),)
    lost = set(_missing(letters, font))
    chain: list[str | None] = [font]
    for path in _candidates(letters):
        if not lost:
            break
        still = set(_missing(frozenset(lost), path))
        if still != lost:
            chain.append(path)
            lost = still
    if lost:
        _warn(frozenset(lost))
    pieces: list[tuple[str, str | None]] = []
    for letter in text:
        has = next((path for path in chain if letter.isspace() or not _missing(frozenset(letter), path)), font)
        if pieces and (letter.isspace() or pieces[-1][1] == has):
            pieces[-1] = (pieces[-1][0] + letter, pieces[-1][1])
        else:
            pieces.append((letter, has))
    return tuple(pieces)


@lru_cache(maxsize=1024)
def _warn(letters: frozenset[str]) -> None:
    """Say once which letters cannot be drawn."""
    shown = "".join(sorted(letters)[:12]) + ("…" if len(letters) > 12 else "")
    warnings.warn(
        f"no font on this machine has {shown!r}; install one (such as Noto Sans) or name its file: font=, or the "
        "environment variable POISE_FONT",
        RuntimeWarning,
        stacklevel=2,
    )


def _missing(letters: frozenset[str], path: str | None) -> frozenset[str]:
    """Return the letters that a font draws as its sign for a missing one."""
    return frozenset(letter for letter in letters if not _has(letter, path))


@lru_cache(maxsize=4096)
def _has(letter: str, path: str | None) -> bool:
    try:
        font = face(16.0, path)
        return bool(_image(font, letter) != _image(font, "\U0010fffe"))
    except (OSError, ValueError):
        return False


def _image(font: Face, letter: str) -> tuple[bytes, tuple[int, int]]:
    mask = font.getmask(letter, "L")
    return bytes(np.asarray(mask, dtype=np.uint8)), mask.size


def _candidates(letters: frozenset[str]) -> Iterator[str]:
    """Yield installed fonts that have at least one of the letters, the widest first."""
    for path in _installed():
        if len(_missing(letters, str(path))) < len(letters):
            yield str(path)


@lru_cache(maxsize=1)
def _installed() -> tuple[Path, ...]:
    found: list[Path] = []
    for folder in _folders():
        for root, _, files in os.walk(folder):
            found += [Path(root, name) for name in files if Path(name).suffix.lower() in _ENDINGS]
        if len(found) > _MOST_FONTS:
            break
    return tuple(sorted(found[:_MOST_FONTS], key=_rank))


def _rank(path: Path) -> tuple[int, int, str]:
    name = path.name.lower()
    wide = next((n for n, start in enumerate(_WIDE) if name.startswith(start)), len(_WIDE))
    # Upright and of normal weight before the others of a family.
    plain = not any(word in name for word in ("bold", "italic", "oblique", "light", "thin", "mono", "cond", "black"))
    return wide, 0 if plain else 1, name


def _folders() -> list[Path]:
    home = Path.home()
    if sys.platform == "win32":
        local = Path(os.environ.get("LOCALAPPDATA", home))
        return [Path(os.environ.get("WINDIR", "C:/Windows"), "Fonts"), local / "Microsoft/Windows/Fonts"]
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"]
    shared = Path(os.environ.get("XDG_DATA_HOME", home / ".local/share"))
    return [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), shared / "fonts", home / ".fonts"]
