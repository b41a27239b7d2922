"""Fixtures of the tests of the engines."""

from __future__ import annotations

import pytest
from network_memory import open_plainly

from poise.runtime import onnxruntime


@pytest.fixture(autouse=True)
def _engines_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every network run: here the engine itself is what is tested."""
    monkeypatch.setattr(onnxruntime, "open", open_plainly)
