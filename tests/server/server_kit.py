"""Servers for tests: an application asked in this process, and real ones at a free port of this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from poise.server import create_app

LOCAL = "http://127.0.0.1"


@contextmanager
def client_of(app: FastAPI, address: str = LOCAL) -> Iterator[TestClient]:
    with TestClient(app, base_url=address, raise_server_exceptions=False) as client:
        yield client


@contextmanager
def running(**settings: Any) -> Iterator[tuple[str, Any]]:
    """Run a real server at a free port; gives its address without the scheme, and what works behind it."""
    from poise.server.run import GracefulServer, listen

    app = create_app(threads=1, **settings)
    listener = listen("127.0.0.1", 0)
    there = threading.Event()
    server = GracefulServer(app, ready=there.set)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        assert there.wait(30)
        yield f"127.0.0.1:{listener.getsockname()[1]}", app.state.service
    finally:
        server.handle_exit(2, None)
        thread.join(30)
        assert not thread.is_alive()
