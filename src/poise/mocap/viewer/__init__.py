"""The page that shows a movement: its scripts and styles, joined to one."""

from __future__ import annotations

import re
from pathlib import Path

_HERE = Path(__file__).parent
# In the order in which they need each other.
_SCRIPTS = ("math.js", "glb.js", "scene.js", "paper.js", "chart.js", "timeline.js", "orbit.js", "preview.js")
_IMPORT = re.compile(r"^import .*?;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)


def script() -> str:
    """Return all scripts as one, without what joins modules: nothing is loaded from beside the page."""
    texts = [(_HERE / name).read_text(encoding="utf-8") for name in _SCRIPTS]
    return "".join(_EXPORT.sub("", _IMPORT.sub("", text)) for text in texts)


def part(name: str) -> str:
    """Return the text of one of the page's files."""
    return (_HERE / name).read_text(encoding="utf-8")
