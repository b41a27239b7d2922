"""Fixtures of the tests of pages and bundles."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from memory_kit import recalled
from web_kit import end_model_process

from poise.web import bundle
from poise.web.packing import pack


@pytest.fixture(scope="package", autouse=True)
def _packed_once() -> Iterator[None]:
    """Pack the same networks only once: every bundle of these tests holds them."""

    def packed(data: bytes, *widths: tuple[int, ...]) -> tuple[bytes, int]:
        return recalled(f"packed {hashlib.sha1(data).hexdigest()} {widths}", lambda: pack(data, *widths))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle, "pack", packed)
        yield


@pytest.fixture(scope="package", autouse=True)
def _node_ends() -> Iterator[None]:
    """End the process in which models ran."""
    yield
    end_model_process()
