"""What network files say of themselves: Python literals as text, and TorchScript's record; nothing of it is trusted."""

from __future__ import annotations

import ast
import json
import zipfile
from pathlib import Path
from typing import Any

from poise.errors import ModelError

# A thousand class names take 20 kB; reading a literal takes a hundred times its size, and its keys may be chosen to
# have one place in a table.
MOST_LITERAL = 100_000
_MOST_CONFIG = 16 << 20


def read_literal(text: str, key: str, name: str | Path) -> Any:
    """Read a Python literal (numbers, texts, lists, tables), never code.

    Args:
        text: The literal.
        key: What it is called in the metadata.
        name: How errors call the file.

    Raises:
        ModelError: It is none, or too long.
    """
    if len(text) > MOST_LITERAL:
        raise ModelError(f"{name}: {key} in the metadata has {len(text):,} letters, at most {MOST_LITERAL:,}")
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise ModelError(f"{name}: {key} in the metadata cannot be read: {text[:80]!r}") from None


def read_config(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> dict[str, str]:
    """Read the metadata that a TorchScript file holds in its record ``extra/config.txt``.

    Raises:
        ModelError: It is too long.
        ValueError, TypeError: It is no table of JSON.
    """
    if entry.file_size > _MOST_CONFIG:
        raise ModelError(f"{path}: config.txt takes {entry.file_size} bytes, expected {_MOST_CONFIG} at most")
    table = dict(json.loads(archive.read(entry)))
    return {str(key): value if isinstance(value, str) else str(value) for key, value in table.items()}
