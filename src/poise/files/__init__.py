"""Files and text between Poise and the machine: bounded reading, whole writing, names that print safely."""

from __future__ import annotations

from poise.files.reading import (
    MOST_LABELS,
    MOST_NETWORK,
    MOST_PICTURE,
    MOST_SETTINGS,
    MOST_TEXT,
    NotRead,
    NotText,
    check_plain,
    check_zip,
    no_file,
    open_plain,
    open_zip,
    read_bytes,
    read_text,
)

__all__ = [
    "MOST_LABELS",
    "MOST_NETWORK",
    "MOST_PICTURE",
    "MOST_SETTINGS",
    "MOST_TEXT",
    "NotRead",
    "NotText",
    "check_plain",
    "check_zip",
    "no_file",
    "open_plain",
    "open_zip",
    "read_bytes",
    "read_text",
]
