"""Teaches the Reference page the docstrings of the source: roles become links, and examples become code."""

from __future__ import annotations

import re
from contextlib import suppress
from html import escape
from typing import Any

import griffe

_ROLE = re.compile(r":(?:class|func|meth|mod|attr|data|exc):`(?P<short>[~!.]*)(?P<name>[\w.]+)`")
# Google's style knows "Examples"; with one example the source says "Example".
_EXAMPLE = re.compile(r"^(?P<indent>[ \t]*)Example:[ \t]*$", re.MULTILINE)


class Docstrings(griffe.Extension):
    """Rewrites docstrings before they are parsed."""

    def on_object(self, *, obj: griffe.Object, loader: griffe.GriffeLoader, **kwargs: Any) -> None:
        """Rewrite the docstring of one module, class, function or attribute."""
        if obj.docstring is not None:
            text = _EXAMPLE.sub(r"\g<indent>Examples:", obj.docstring.value)
            obj.docstring.value = _ROLE.sub(lambda found: _link(obj, found), text)


def _link(obj: griffe.Object, found: re.Match[str]) -> str:
    """Return a link, which stays plain code where the Reference does not show what it names."""
    name = found["name"]
    shown = name.rpartition(".")[2] if found["short"] else name.removeprefix("poise.")
    target = name
    if not name.startswith("poise."):
        first, _, rest = name.partition(".")
        with suppress(griffe.NameResolutionError):
            target = ".".join(filter(None, (obj.resolve(first), rest)))
    else:
        with suppress(KeyError, griffe.GriffeError):
            target = obj.modules_collection[name].canonical_path
    return f'<autoref identifier="{escape(target)}" optional><code>{escape(shown)}</code></autoref>'
