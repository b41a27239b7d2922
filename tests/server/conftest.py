"""Fixtures of the server's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from server_kit import client_of, running

from poise import samples
from poise.server import create_app


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with client_of(create_app(threads=1)) as client:
        yield client


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, Any]]:
    with running() as there:
        yield there


@pytest.fixture(scope="session")
def picture() -> bytes:
    """A photo of a runner, 840 x 560, as JPEG."""
    return Path(samples.runner).read_bytes()
