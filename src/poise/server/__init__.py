"""Server: pictures, videos and live streams over HTTP and WebSocket, on this machine unless it is told otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from poise.server.settings import ServerSettings

if TYPE_CHECKING:
    from pathlib import Path

    from fastapi import FastAPI

__all__ = ["ServerSettings", "create_app"]


def create_app(settings: ServerSettings | None = None, *, page: str | Path | None = None, **more: Any) -> FastAPI:
    """Return the server as an application, to run or to mount in one's own.

    Args:
        settings: What it offers, to whom, and how much; None: all as it is.
        page: A folder of static files that are served at ``/``; None: the page that comes with Poise.
        **more: Fields of :class:`ServerSettings`, in place of ``settings``.

    Returns:
        The application; ``app.state.service`` is what works behind it. Mounted in another application, its ``close()``
        is to be called at the end: servers end the work of the outermost application only.

    Raises:
        MissingExtra: FastAPI or python-multipart is not installed.
        ModelError: A model of ``settings.models`` is not known.
        PoiseError: ``page`` is no folder.
        TypeError: Both ``settings`` and fields of them are given.
        ValueError: A field cannot be.

    Example:
        >>> from poise.server import create_app
        >>> app = create_app(max_clients=2)
        >>> app.state.service.settings.max_clients
        2
    """
    from poise.errors import require

    if settings is not None and more:
        raise TypeError(f"give settings or {', '.join(more)}, not both")
    for module in ("fastapi", "python_multipart"):
        require(module, extra="server", feature="the server")
    from poise.server.app import build

    return build(settings or ServerSettings(**more), page=page)
