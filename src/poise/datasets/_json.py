"""JSON label files of strangers: bounded, and every failure a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from poise import files
from poise.errors import FormatError

# COCO's largest keypoint file has 0.25 GB; parsed, JSON takes about ten times its size.
MAX_BYTES = 2 * 2**30


def load_json(path: Path, *, max_bytes: int = MAX_BYTES) -> Any:
    """Read a JSON file.

    Raises:
        FormatError: It cannot be opened, has more than ``max_bytes``, is not JSON, or is nested too deeply.
    """
    try:
        return json.loads(files.read_bytes(path, most=max_bytes))
    except RecursionError:
        raise FormatError(f"{path}: not a readable JSON file: nested too deeply") from None
    except json.JSONDecodeError as error:
        raise FormatError(f"{path}:{error.lineno}: not a readable JSON file: {error.msg}") from error
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: not a readable JSON file: {error}") from error


def number(value: Any) -> float | None:
    """Return a JSON number as a finite float; None for anything else, also NaN, infinity and true."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if abs(found) <= LARGEST else None


# Larger coordinates are not pixels of any picture, and would not survive float32 arithmetic.
LARGEST = 1e9
