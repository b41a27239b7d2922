"""The page of the server's paths says what the server says of itself."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'server'")

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_is_that_of_the_description() -> None:
    made = runpy.run_path(str(DOCS / "site/api.py"))["page"]()

    assert (DOCS / "api.md").read_text(encoding="utf-8") == made, "write it anew: python docs/site/api.py"
    assert "## `POST /predict`" in made
    assert "## Live: `WS /stream`" in made
