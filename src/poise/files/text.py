"""Text from strangers on its way to a terminal: shown as it is, with what a terminal would obey or refuse spelled out.

Names of files and classes may hold escape sequences, bells, line breaks, halves of characters, and what looks like the
markup of a library for terminals. All that is printed passes through here.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection, Sequence
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

# C0 without tab and line feed, delete, C1, line and paragraph separators, marks that turn the direction of writing
# (which show a name's ending as another), and halves of surrogate pairs.
_LONGEST = 1000
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: object) -> str:
    r"""Return text that a terminal shows and does not obey.

    Example:
        >>> plain("\x1b[31mred\x07")
        '\\x1b[31mred\\x07'
        >>> plain("take [final].jpg")
        'take [final].jpg'
    """
    return _UNSAFE.sub(lambda found: _spelled(found[0]), str(text))


def one_line(text: object) -> str:
    r"""Return :func:`plain` text in which line breaks are spelled out too: a name is no line of its own.

    Example:
        >>> one_line("a\nposter.jpg")
        'a\\nposter.jpg'
    """
    return plain(text).replace("\n", "\\n")


def brief(text: str) -> str:
    """Return a message without the middle of what makes it longer than a person reads.

    Example:
        >>> len(brief("x" * 100_000))
        1000
    """
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 301]}…{text[-300:]}"


def aligned(rows: Sequence[Sequence[str]], *, left: Collection[int] | None = None) -> list[str]:
    """Return rows of cells as lines in which each column has one width.

    Args:
        rows: Cells, as many in each row.
        left: Columns that begin at their left edge, the others end at their right one; None: all.

    Example:
        >>> aligned([("a", "10"), ("bcd", "2")], left=[0])
        ['a    10', 'bcd   2']
    """
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = ["<" if left is None or i in left else ">" for i in range(len(wide))]
    return ["  ".join(f"{c:{s}{w}}" for c, s, w in zip(row, sides, wide, strict=True)).rstrip() for row in rows]


def _spelled(character: str) -> str:
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:
        number -= 0xDC00  # a byte of a name that is not UTF-8
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def valid(text: str) -> str:
    r"""Return text that every file can hold: halves of surrogate pairs, which no encoding has, are spelled out.

    Example:
        >>> valid("caf\u00e9 \ud800")
        'café \\ud800'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def say(text: object = "", *, file: IO[str] | None = None, flush: bool = False) -> None:
    """Print one text as it is; see :func:`plain`. A stream that cannot hold a character gets its number."""
    stream = sys.stdout if file is None else file
    words = plain(text)
    try:
        stream.write(words + "\n")
    except UnicodeEncodeError:
        encoding = getattr(stream, "encoding", None) or "ascii"
        stream.write(words.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    if flush:
        stream.flush()


def say_json(value: Any, *, indent: int | None = None, flush: bool = False) -> None:
    """Print a value as JSON on standard output: valid whatever is in its texts, readable where the stream is UTF-8."""
    encoding = str(getattr(sys.stdout, "encoding", None) or "utf-8").lower()
    text = json.dumps(value, ensure_ascii="utf" not in encoding, indent=indent)
    # JSON's own escape of half a pair is the one that backslashreplace writes.
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n")
    if flush:
        sys.stdout.flush()


def screen(**options: Any) -> Console:
    """Return a rich console that takes text for text, in lines and in tables; markup only where it is asked for.

    Args:
        **options: Of ``rich.console.Console``.
    """
    from rich.console import Console
    from rich.text import Text

    class Screen(Console):
        def render_str(self, text: str, **more: Any) -> Text:
            return super().render_str(plain(text), **more)

    return Screen(**{"highlight": False, "markup": False, "emoji": False} | options)
