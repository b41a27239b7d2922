"""``poise serve``: the HTTP and WebSocket server."""

from __future__ import annotations

import os
import secrets
import webbrowser
from pathlib import Path

from poise.cli._options import Several, Switch
from poise.cli._report import ready
from poise.files.text import say


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    model: Several = None,
    workers: int | None = None,
    queue: int = 64,
    device: str | None = None,
    threads: int | None = None,
    token: str | None = None,
    no_token: Switch = False,
    cors: Several = None,
    allow_host: Several = None,
    record: Path | None = None,
    open: Switch = False,
) -> int:
    """Answer pictures, videos and live streams over HTTP and WebSocket, and show the page.

    Only this machine can reach it, unless --host names another address; then clients need a token. Ctrl-C and SIGTERM
    end it: what runs is finished first.

    Args:
        host: Address to listen at; 0.0.0.0 is every one of this machine.
        port: Port to listen at; 0 is any that is free.
        model: Models that clients may ask for, the default first: names or network files; all bundled ones unless
            given.
        workers: Pictures that are looked at together; as many as there are cores unless given.
        queue: Pictures that may wait; beyond it clients are told to try again later.
        device: cpu, cuda, cuda:1, ...
        threads: CPU threads a network uses.
        token: What clients must show, 8 characters or more; the variable POISE_TOKEN says the same unseen.
        no_token: Let everybody ask who reaches the address.
        cors: Another site whose pages may ask, such as https://example.org. May be repeated.
        allow_host: A name under which the server may be asked for, such as that of a proxy. May be repeated.
        record: A folder in which every live session leaves its answers.
        open: Show the page in a browser.
    """
    from poise.errors import require
    from poise.server.settings import ServerSettings, is_loopback

    if no_token and token is not None:
        raise ValueError("--token and --no-token exclude each other; give one of them")
    token = None if no_token else token or os.environ.get("POISE_TOKEN") or None
    if token is None and not no_token and not is_loopback(host):
        raise ValueError(
            f"--host {host} lets other machines ask: give --token {secrets.token_hex(12)} (or another, or "
            "POISE_TOKEN), or --no-token to let everybody"
        )
    if not 0 <= port <= 65_535:
        raise ValueError(f"--port must be from 0 to 65535, got {port}")
    for module in ("fastapi", "uvicorn", "websockets", "python_multipart"):
        require(module, extra="server", feature="poise serve")
    settings = ServerSettings(
        models=tuple(str(ready(name)) for name in model or ()),
        workers=workers,
        queue=queue,
        device=device,
        threads=threads,
        token=token,
        origins=tuple(cors or ()),
        hosts=tuple(allow_host or ()),
        record=record,
    )
    from poise.server.run import serve as run

    def listening(address: str) -> None:
        say(address, flush=True)
        if open:
            webbrowser.open(address)

    run(settings, host, port, ready=listening)
    return 0
