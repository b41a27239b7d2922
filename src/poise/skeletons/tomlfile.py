"""The TOML files of strangers: every failure a sentence with the file and the line."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poise.errors import FormatError


@dataclass(frozen=True, slots=True)
class TomlFile:
    """What a TOML file says, and in which line it says so.

    Attributes:
        path: The file.
        text: Its text.
        table: What it says.
    """

    path: Path
    text: str
    table: dict[str, Any]

    def at(self, key: str, *, table: str = "", nth: int = 0, word: str = "", again: int = 0) -> str:
        """Return ``path:line`` of a key, or the path alone where it is not found.

        Args:
            key: A key, or the name of a table, dotted or not.
            table: Only in tables of this name, as in ``[[table]]``; empty: anywhere.
            nth: In which of them, from 0.
            word: Not the key's line, but that of this quoted word after it.
            again: Which of the words, from 0; the key's line where there are fewer.
        """
        name = re.compile(rf"[ \t]*\[{{0,2}}[ \t]*[\"']?{re.escape(key)}[\"']?[ \t]*[=\].]")
        within, count, spot = "", -1, 0
        for line in re.findall(r".*\n|.+", self.text):
            head = re.match(r"[ \t]*\[{1,2}[ \t]*([\w.-]+)[ \t]*\]", line)
            if head:
                within = head[1]
                count += within == table
            if name.match(line) and (not table or (within == table and count == nth)):
                place = self._after(spot, word, again)
                return f"{self.path}:{self.text.count(chr(10), 0, place) + 1}"
            spot += len(line)
        return str(self.path)

    def _after(self, spot: int, word: str, again: int) -> int:
        found = [m.start() for m in re.finditer(rf"[\"']{re.escape(word)}[\"']", self.text) if m.start() > spot]
        return found[again] if word and again < len(found) else spot


def read_toml(path: str | Path) -> TomlFile:
    """Read a TOML file.

    Raises:
        FormatError: It cannot be read, or is not TOML; with the line.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        return TomlFile(path, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise FormatError(f"{path}{':' + line[1] if line else ''}: not a readable TOML file: {error}") from error
    except RecursionError:
        raise FormatError(f"{path}: not a readable TOML file: nested too deeply") from None
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: not a readable TOML file: {error}") from error
