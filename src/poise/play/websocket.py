"""Actions over WebSocket, for games in a browser or an engine on this machine."""

from __future__ import annotations

import json
import re
import threading
from typing import Any

from poise.errors import PoiseError, require
from poise.play.action import Action

# Pages of this machine, files that were opened (their origin is "null"), and programs, which have none.
_NO_SITE = "null"
_OURS = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
# A client that is so many messages behind does not read: it is let go.
_MOST_BEHIND = 1000


class WebSocketSink:
    """Serves ``ws://127.0.0.1:PORT`` and sends each action to every client, as the JSON of :meth:`Action.record`.

    Before the first action each client gets ``{"ready": true}``: from then on it misses none.

    Only this machine can connect, and of pages only those that lie on this machine.

    Args:
        port: Number of the port; 0: any that is free.

    Attributes:
        address: Where clients connect.

    Raises:
        MissingExtra: The package websockets is not installed.
        PoiseError: The port is taken.
    """

    def __init__(self, port: int) -> None:
        require("websockets", extra="server", feature="--ws")
        from websockets.sync.server import serve
        from websockets.typing import Origin

        if not 0 <= port <= 65_535:
            raise ValueError(f"--ws must be a port from 0 to 65535, got {port}")
        self._queues: set[_Queue] = set()
        self._lock = threading.Lock()
        try:
            allowed = [None, Origin(_NO_SITE), _OURS]
            self._server = serve(self._client, "127.0.0.1", port, origins=allowed, max_size=1 << 12, compression=None)
        except OSError as error:
            raise PoiseError(f"--ws {port}: {error.strerror or error}; choose another port") from None
        self.address = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def send(self, action: Action) -> None:
        """Put an action into every client's queue."""
        text = json.dumps(action.record(), ensure_ascii=False)
        with self._lock:
            for queue in self._queues:
                queue.put(text)

    def close(self) -> None:
        """Send what waits, say goodbye to everybody, and stop."""
        with self._lock:
            for queue in self._queues:
                queue.put(None)
        self._server.shutdown()
        self._thread.join(2.0)

    def _client(self, socket: Any) -> None:
        from websockets.exceptions import ConnectionClosed

        queue = _Queue()
        queue.put(json.dumps({"ready": True}))
        with self._lock:
            self._queues.add(queue)
        # What a client says is not listened to, but its goodbye must be read.
        threading.Thread(target=self._read, args=(socket, queue), daemon=True).start()
        try:
            while (text := queue.get()) is not None:
                socket.send(text)
        except ConnectionClosed:
            pass
        finally:
            with self._lock:
                self._queues.discard(queue)

    def _read(self, socket: Any, queue: _Queue) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            for _ in socket:
                pass
        except ConnectionClosed:
            pass
        queue.put(None)


class _Queue:
    """Messages for one client; None: the end."""

    def __init__(self) -> None:
        self._items: list[str | None] = []
        self._ready = threading.Condition()

    def put(self, item: str | None) -> None:
        """Add a message; one who is too far behind is told the end."""
        with self._ready:
            self._items = [None] if len(self._items) >= _MOST_BEHIND else [*self._items, item]
            self._ready.notify()

    def get(self) -> str | None:
        """Wait for the next message."""
        with self._ready:
            self._ready.wait_for(lambda: self._items)
            return self._items.pop(0)
