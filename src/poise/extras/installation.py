"""Where this installation came from, and how to add to it."""

from __future__ import annotations

import json
import shlex
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname


def installing(extra: str) -> str:
    """Return the command that adds an extra to this installation, wherever it was installed from.

    A clone is named by its folder and a download by its address: the name alone would make pip look for Poise on a
    package index, which may not have it or have another package of that name.
    """
    where, address = _origin()
    if address:
        return f"pip install {shlex.quote(f'poise[{extra}] @ {address}')}"
    return f"pip install {shlex.quote(f'{where}[{extra}]')}"


def _origin() -> tuple[str, str]:
    """Return what to call the package for pip, and the address that it came from, if that was no index."""
    clone = Path(__file__).resolve().parents[3]
    if not (clone / "pyproject.toml").is_file():
        given = _direct_url()
        url = str(given.get("url", ""))
        if not url.startswith("file:"):
            vcs = given.get("vcs_info", {}).get("vcs")
            return "poise", f"{vcs}+{url}" if vcs else url
        clone = Path(url2pathname(urlsplit(url).path))
        if not (clone / "pyproject.toml").is_file():
            # A wheel, or a clone that is gone.
            return ("poise", url) if clone.is_file() else ("poise", "")
    return ("." if clone == Path.cwd() else str(clone)), ""


def _direct_url() -> dict[str, Any]:
    """Read where this installation came from, as the installer noted it (PEP 610); empty for an index."""
    try:
        note = distribution("poise").read_text("direct_url.json")
        given = json.loads(note) if note else {}
    except (PackageNotFoundError, OSError, ValueError):
        return {}
    return given if isinstance(given, dict) else {}
