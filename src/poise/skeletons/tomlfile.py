"""The TOML files of strangers: every failure a sentence with the file and the line."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from poise import files
from poise.errors import FormatError, suggest

_NAME = r"(?:[\w-]+|\"[^\"\n]*\"|'[^'\n]*')"
_HEAD = re.compile(
    rf"^[ \t]*\[{{1,2}}[ \t]*({_NAME}(?:[ \t]*\.[ \t]*{_NAME})*)[ \t]*\]{{1,2}}[ \t]*(?:#.*)?$", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class TomlFile:
    """What a TOML file says, and in which line it says so.

    Attributes:
        path: The file.
        text: Its text.
        table: What it says.
        spans: Table name to where each such table begins and ends in the text, with the tables inside of it.
    """

    path: Path
    text: str
    table: dict[str, Any]
    spans: dict[str, list[tuple[int, int]]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        heads = [(head.start(), _plain(head[1])) for head in _HEAD.finditer(self.text)]
        spans: dict[str, list[tuple[int, int]]] = {}
        for i, (start, name) in enumerate(heads):
            later = (heads[j] for j in range(i + 1, len(heads)))
            ends = (spot for spot, other in later if not other.startswith(f"{name}."))
            spans.setdefault(name, []).append((start, next(ends, len(self.text))))
        object.__setattr__(self, "spans", spans)

    def at(self, key: str, *, table: str = "", nth: int = 0, word: str = "", again: int = 0) -> str:
        """Return ``path:line`` of a key, or of the nearest table around it, or the path alone.

        Args:
            key: A key, or the name of a table, dotted or not.
            table: Only in tables of this name and those inside of it, as in ``[[table]]``; empty: anywhere.
            nth: In which of them, from 0.
            word: Not the key's line, but that of this quoted word after it.
            again: Which of the words, from 0; the key's line where there are fewer.
        """
        spot = self._spot(key, table, nth)
        if spot < 0:
            return str(self.path)
        return f"{self.path}:{self.text.count(chr(10), 0, self._after(spot, word, again)) + 1}"

    def wrong(self, key: str, message: str, *, table: str = "", nth: int = 0) -> FormatError:
        """Return the error about a key, with its line: see :meth:`at`."""
        return FormatError(f"{self.at(key, table=table, nth=nth)}: {message}")

    def check_keys(self, entry: Mapping[str, Any], known: Iterable[str], *, table: str = "", nth: int = 0) -> None:
        """Make sure that a table has no key but these.

        Args:
            entry: What the table says.
            known: The keys that it may have.
            table: Its name, empty for the whole file; see :meth:`at`.
            nth: Which of them, from 0.

        Raises:
            FormatError: It has another one; with its line and the nearest key that there is.
        """
        known = list(known)
        for key in entry:
            if key not in known:
                raise self.wrong(key, f"unknown key {key!r}{suggest(key, known)}", table=table, nth=nth)

    def _spot(self, key: str, table: str, nth: int) -> int:
        """Return where a key is, -1 where it is not."""
        if not table:
            return self._first(key, 0, len(self.text))
        spans = self.spans.get(table, [])
        if spans and nth >= len(spans):
            return -1
        spot = self._first(key, *spans[nth]) if spans else -1
        if spot < 0:
            spot = self._first(f"{table}.{key}", 0, len(self.text))
        if spot >= 0 or spans:
            return spot if spot >= 0 else spans[nth][0]
        # A table without a line of its own is a key of another one: "zones.door" may be door in [zones].
        outer, _, inner = table.partition(".")
        return self._spot(inner, outer, 0) if inner else self._spot(outer, "", 0)

    def _first(self, key: str, start: int, end: int) -> int:
        """Return where a key begins a line, or else stands in an inline table; -1 where it is not."""
        name = r"[ \t]*\.[ \t]*".join(rf"[\"']?{re.escape(part)}[\"']?" for part in key.split(".", 3)) + r"[ \t]*"
        line = re.compile(rf"^[ \t]*(?:\[{{1,2}}[ \t]*)?{name}[=\].]", re.MULTILINE).search(self.text, start, end)
        found = line or re.compile(rf"(?<=[{{,])[ \t]*{name}=").search(self.text, start, end)
        return found.start() if found else -1

    def _after(self, spot: int, word: str, again: int) -> int:
        if not word:
            return spot
        later = re.compile(rf"[\"']{re.escape(word)}[\"']").finditer(self.text, spot + 1)
        return next((m.start() for n, m in enumerate(later) if n == again), spot)


def _plain(head: str) -> str:
    """Return the name of a table without quotes and blanks."""
    return ".".join(part.strip("\"'") for part in re.findall(_NAME, head))


def read_toml(path: str | Path, text: str | None = None) -> TomlFile:
    """Read a TOML file.

    Args:
        path: The file, or what errors call the text.
        text: The text itself, where it does not lie in a file.

    Raises:
        FormatError: It cannot be read, or is not TOML; with the line.
    """
    path = Path(path)
    try:
        if text is None:
            # Editors of Windows begin UTF-8 with a mark.
            text = files.read_text(path, most=files.MOST_SETTINGS).removeprefix("\ufeff")
        return TomlFile(path, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise FormatError(f"{path}{':' + line[1] if line else ''}: not a readable TOML file: {error}") from error
    except RecursionError:
        raise FormatError(f"{path}: not a readable TOML file: nested too deeply") from None
    except FileNotFoundError:
        raise FormatError(f"{path}: not a readable TOML file: No such file") from None
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: not a readable TOML file: {error}") from error


def quoted(text: str) -> str:
    """Return text as a TOML string: JSON's, except that TOML takes no pairs of surrogates and escapes DEL.

    Raises:
        ValueError: It cannot be written as UTF-8.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"the name {text!r} cannot be written as text; rename its folder") from None
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
