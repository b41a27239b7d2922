"""Fixtures of the server's tests, which need its extra."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from poise import samples

if any(find_spec(module) is None for module in ("fastapi", "httpx", "python_multipart", "uvicorn", "websockets")):
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """An application with all settings as they are."""
    from server_kit import client_of

    from poise.server import create_app

    with client_of(create_app(threads=1)) as client:
        yield client


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, Any]]:
    """A real server: its address, and what works behind it."""
    from server_kit import running

    with running() as there:
        yield there


@pytest.fixture(scope="session")
def picture() -> bytes:
    """A photo of a runner, 840 x 560, as JPEG."""
    return Path(samples.runner).read_bytes()
