"""A server that runs: its socket, its signals, and clients that never finish what they begin."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from poise.errors import PoiseError
from poise.server import create_app
from poise.server.service import Service
from poise.server.settings import ServerSettings

# A connection that has asked nothing for so long is closed; so is one whose request's head does not end.
_HEAD_S = 20.0
# Connections of all kinds; more are told to come back.
_MOST_CONNECTIONS = 512


def serve(
    settings: ServerSettings | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    page: str | Path | None = None,
    ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve until SIGINT or SIGTERM; then finish what runs, at most ``settings.stop_s`` seconds, and return.

    Args:
        settings: What is offered, to whom, and how much; None: all as it is.
        host: Name or address to listen at.
        port: Number of the port; 0: any that is free.
        page: A folder of static files that are served at ``/``; None: the page that comes with Poise.
        ready: Called with the server's address when it listens.

    Raises:
        PoiseError: A model cannot be used, a folder cannot be written to, the port is taken, or the host is not one of
            this machine.
    """
    app = create_app(settings, page=page)
    service: Service = app.state.service
    try:
        with listen(host, port) as listener:
            service.check()
            shown = f"[{host}]" if ":" in host else host
            address = f"http://{shown}:{listener.getsockname()[1]}"
            GracefulServer(app, ready=lambda: ready(address)).run([listener])
    finally:
        service.close()


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        PoiseError: The port is taken, or the host is not one of this machine.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=128)
    except (OSError, OverflowError) as error:
        # Python's own sentence names the address a second time.
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        raise PoiseError(
            f"{host}:{port}: cannot listen there ({reason}); choose another with --host or --port"
        ) from None


class GracefulServer(uvicorn.Server):
    """Lets what runs finish, and ends with the exit code of a program that did what it should.

    Args:
        app: What :func:`poise.server.create_app` gave.
        ready: Called when it listens.
    """

    def __init__(self, app: FastAPI, *, ready: Callable[[], None] = lambda: None) -> None:
        self._service: Service = app.state.service
        settings = self._service.settings
        super().__init__(
            uvicorn.Config(
                app,
                http=_Patient,
                ws_max_size=settings.max_frame + 1024,
                # Pictures are compressed already, and answers leave at once.
                ws_per_message_deflate=False,
                log_config=None,
                log_level="critical",
                # A token of a WebSocket stands in its address, and is not for logs.
                access_log=False,
                server_header=False,
                limit_concurrency=_MOST_CONNECTIONS,
                timeout_graceful_shutdown=max(1, round(settings.stop_s)),
            )
        )
        self._stop_s = settings.stop_s
        self._ready = ready
        self._until: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets=sockets)
        if self.started:
            self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take signals as a wish to stop; the program that asked for the server goes on after it."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        names = ["SIGINT", "SIGTERM", *(["SIGBREAK"] if sys.platform == "win32" else [])]
        numbers = [getattr(signal, name) for name in names]
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; a second signal does not wait."""
        if self._until is not None:
            self.should_exit = self.force_exit = True
        else:
            self._until = monotonic() + self._stop_s
            # Not here: a signal may come while a lock is held.
            threading.Thread(target=self._service.stop, daemon=True).start()

    async def on_tick(self, counter: int) -> bool:
        """End when nothing runs any more, or when it takes too long."""
        if self._until is not None and self._service.closing:
            self.should_exit |= not self._service.busy or monotonic() > self._until
        return await super().on_tick(counter)


class _Patient(H11Protocol):
    """HTTP, without patience for clients that connect and say nothing, or never come to the end of a request's head."""

    _seen: Any = None

    def connection_made(self, transport: Any) -> None:
        """Begin to watch a connection."""
        super().connection_made(transport)
        # The head and the body of an answer are two packets; without this the second waits 40 ms for the receipt of the
        # first. asyncio does it for sockets that name their protocol by number, which listening ones here do not.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.loop.call_later(_HEAD_S, self._look)

    def _look(self) -> None:
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return  # over, or a WebSocket by now, which has limits of its own
        waits = self.cycle is None or self.cycle.response_complete
        if waits and self._seen is self.cycle:
            self.transport.close()
            return
        self._seen = self.cycle if waits else None
        self.loop.call_later(_HEAD_S, self._look)
