"""``metadata.yaml`` beside a network, which this field's exports to OpenVINO write; no YAML reader is needed."""

from __future__ import annotations

import json
from pathlib import Path

from poise import files

_MOST_BYTES = 1 << 20


def metadata_beside(network: Path) -> dict[str, str]:
    """Return what ``metadata.yaml`` in the network's folder says, by its keys; empty where there is none.

    Lists and tables, as ``imgsz`` and ``names`` are, become Python literals, as the metadata of ONNX files
    have them.

    Args:
        network: The network's file.
    """
    path = network.with_name("metadata.yaml")
    try:
        lines = files.read_text(path, most=_MOST_BYTES, encoding="utf-8-sig", errors="replace").splitlines()
    except OSError:
        return {}
    found: dict[str, str] = {}
    items: list[object] = []
    below: list[object] | None = None
    pairs: dict[object, object] = {}
    key = ""
    for line in [*lines, "end:"]:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        inside = line.startswith((" ", "\t", "- ", "-\t"))
        if not inside:
            if key and (items or pairs):
                found[key] = str(items or pairs)
            items, pairs, below = [], {}, None
            key, _, value = (part.strip() for part in text.partition(":"))
            if value:
                plain = _value(value)
                found[key] = plain if isinstance(plain, str) else str(plain)
        elif text.startswith("- "):
            (items if below is None else below).append(_value(text[2:].strip()))
        elif not items:
            name, colon, value = text.partition(":")
            if colon:
                below = None if value.strip() else []
                pairs[_value(name.strip())] = _value(value.strip()) if below is None else below
    return found


def _value(text: str) -> object:
    """Return a YAML scalar, or a list or table that is written as JSON is; what is none of these stays text."""
    words: dict[str, object] = {"true": True, "false": False, "null": None, "~": None}
    if text.lower() in words:
        return words[text.lower()]
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
