"""The page's scripts as they are sent: without what only their readers need."""

from __future__ import annotations

import re
from importlib.util import find_spec

# A comment that fills lines of its own, or stands behind code; one behind code that has a quote in it stays, since what
# looks like a comment may lie in a text.
_BLOCK = re.compile(r"^[ \t]*/\*.*?\*/[ \t]*\n", re.MULTILINE | re.DOTALL)
_LINE = re.compile(r"^[ \t]*//[^\n]*\n", re.MULTILINE)
_BEHIND = re.compile(r"[ \t]+// [^\n'\"`]*$", re.MULTILINE)
_INDENT = re.compile(r"^[ \t]+|[ \t]+$", re.MULTILINE)
_EMPTY = re.compile(r"^\n", re.MULTILINE)


def lean_script(text: str) -> str:
    """Return a script of the page without comments, indentation and empty lines: a third less to load.

    Lines stay lines, and names stay names. The scripts are ours: none has a text of several lines, which this would
    change; a test holds that.
    """
    for pattern in (_BLOCK, _LINE, _BEHIND, _INDENT, _EMPTY):
        text = pattern.sub("", text)
    return text


def small_script(text: str) -> str:
    """Return a script of the page with short names inside it, where the ``web`` extra is installed: half of it.

    The extra is tdewolff's minifier (MIT), which reads the language; without it this is :func:`lean_script`. What a
    module exports keeps its name.
    """
    if find_spec("minify") is None:
        return lean_script(text)
    import minify

    # Another package has the same name.
    return str(minify.string("application/javascript", text)) if hasattr(minify, "string") else lean_script(text)
