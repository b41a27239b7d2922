"""Fixtures of the tests of pages and bundles."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from web_kit import end_model_process


@pytest.fixture(scope="package", autouse=True)
def _together(packed_once: None) -> Iterator[None]:
    """Pack the same networks once, and end the process in which models ran."""
    yield
    end_model_process()
