"""XML of strangers, element by element: no document type, no entities, no depth without bound."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from poise import files
from poise.errors import FormatError

MAX_DEPTH = 32
MAX_TEXT = 1 << 20
_CHUNK = 2**18

# What XML 1.0 cannot hold, not even escaped. Source: XML 1.0, production 2 (Char).
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(slots=True)
class Element:
    """One element with its attributes and children.

    Attributes:
        tag: Its name.
        attributes: Name to value.
        line: Line of its start in the file, from 1.
        children: Elements in it.
        text: Text directly in it.
    """

    tag: str
    attributes: dict[str, str]
    line: int
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def all(self, tag: str) -> Iterator[Element]:
        """Return the children of that name."""
        return (child for child in self.children if child.tag == tag)

    def word(self, tag: str) -> str:
        """Return the text of the first child of that name; empty without one."""
        return next((child.text for child in self.all(tag)), "")


class _Reader:
    """Keeps the branch that is being read, and hands out each child of the root when it is whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.root: Element | None = None
        self.done: list[Element] = []
        self._branch: list[Element] = []
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse

    def _refuse(self, *_: object) -> None:
        raise FormatError(
            f"{self.path}:{self.parser.CurrentLineNumber}: declares a document type or an entity; label files need "
            "none, and it can be made to fill the memory; remove the declaration"
        )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        element = Element(tag, attributes, self.parser.CurrentLineNumber)
        if self.root is None:
            self.root = element
        if len(self._branch) > 1:
            self._branch[-1].children.append(element)
        self._branch.append(element)
        if len(self._branch) > MAX_DEPTH:
            raise FormatError(f"{self.path}:{element.line}: elements nested more than {MAX_DEPTH} deep")

    def _end(self, _: str) -> None:
        element = self._branch.pop()
        if len(self._branch) == 1:
            self.done.append(element)

    def _text(self, text: str) -> None:
        element = self._branch[-1]
        # Each piece is added to all before it, so that a long text takes the square of its length.
        if len(element.text) + len(text) > MAX_TEXT:
            raise FormatError(f"{self.path}:{element.line}: a text of more than {MAX_TEXT:,} letters")
        element.text += text


def children_of_root(path: Path, *, root: str) -> Iterator[Element]:
    """Read a file and yield each child of its root; only one is in memory at a time.

    Args:
        path: The file.
        root: Expected name of the root element.

    Raises:
        FormatError: It is not well formed, has another root, or declares a document type or entities; with the line.
    """
    reader = _Reader(path)
    try:
        with files.open_plain(path) as file:
            while chunk := file.read(_CHUNK):
                reader.parser.Parse(chunk, False)
                _check_root(reader, root)
                yield from reader.done
                reader.done.clear()
            reader.parser.Parse(b"", True)
            yield from reader.done
    except expat.ExpatError as error:
        raise FormatError(f"{path}:{error.lineno}: not well-formed XML: {expat.ErrorString(error.code)}") from error
    except (OSError, ValueError, LookupError) as error:
        raise FormatError(f"{path}: not a readable XML file: {error}") from error


def _check_root(reader: _Reader, root: str) -> None:
    if reader.root is not None and reader.root.tag != root:
        raise FormatError(f"{reader.path}:{reader.root.line}: <{reader.root.tag[:40]}> where <{root}> was expected")


def attribute(text: str) -> str:
    """Return a quoted attribute value.

    Raises:
        FormatError: It has a character that XML cannot hold.
    """
    return quoteattr(_legal(text), {"\r": "&#13;"})


def content(text: str) -> str:
    """Return text for the inside of an element."""
    return escape(_legal(text), {"\r": "&#13;"})


def _legal(text: str) -> str:
    found = _ILLEGAL.search(text)
    if found:
        raise FormatError(f"{text[:60]!r}: XML cannot hold the character {found[0]!r}; rename it")
    return text


def finite(text: str) -> float | None:
    """Return a decimal number; None for anything else, also NaN and infinity."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if "_" not in text and abs(value) <= 1e9 else None
