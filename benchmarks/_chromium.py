"""A headless Chromium and a small server, without anything to install: for benchmarks and tests of the page."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Chromium reads commands from file 3 and writes answers to file 4: DevTools without a socket.
_TO_BROWSER, _FROM_BROWSER = 3, 4


def find() -> str | None:
    """Return the program, or None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Failed(Exception):
    """What a page threw, or that it took too long."""


class _Pages(http.server.SimpleHTTPRequestHandler):
    extensions_map: ClassVar[dict[str, str]] = {
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".js": "text/javascript",
        ".wasm": "application/wasm",
    }
    headers_sent: ClassVar[dict[str, str]] = {}

    def end_headers(self) -> None:
        for name, value in self.headers_sent.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def headers_of(folder: Path) -> dict[str, str]:
    """Read the headers that a bundle asks for, from its file ``_headers``."""
    lines = (folder / "_headers").read_text(encoding="utf-8").splitlines()[1:]
    return dict(line.strip().split(": ", 1) for line in lines)


@contextlib.contextmanager
def served(folder: Path, headers: dict[str, str]) -> Iterator[str]:
    """Serve a folder on this machine alone; gives its address."""
    kind = type("Pages", (_Pages,), {"headers_sent": headers})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(kind, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Chromium:
    """A browser without a window. Use it with ``with``."""

    def __init__(self, program: str) -> None:
        self.profile = tempfile.mkdtemp(prefix="poise-chromium-")
        down, self._write = os.pipe()
        self._read, up = os.pipe()
        words = [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--mute-audio"]
        words += ["--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update"]
        words += [f"--user-data-dir={self.profile}", "--remote-debugging-pipe", "about:blank"]

        def plumb() -> None:
            # Out of the way first: one pipe may lie where the other has to.
            high = os.dup(down), os.dup(up)
            os.dup2(high[0], _TO_BROWSER)
            os.dup2(high[1], _FROM_BROWSER)

        self._process = subprocess.Popen(
            words,
            preexec_fn=plumb,
            close_fds=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(down)
        os.close(up)
        self._rest = b""
        self._number = 0
        self._session = ""
        self.said: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._write)
        os.close(self._read)
        shutil.rmtree(self.profile, ignore_errors=True)

    def open(self, address: str, *, timeout: float = 60) -> None:
        """Open a page in a tab of its own and wait until it is loaded."""
        target = self._call("Target.createTarget", {"url": "about:blank"}, session="")["targetId"]
        self._session = self._call("Target.attachToTarget", {"targetId": target, "flatten": True}, session="")[
            "sessionId"
        ]
        for part in ("Runtime", "Log", "Page"):
            self._call(f"{part}.enable", {})
        self._call("Page.navigate", {"url": address})
        self._loaded(timeout)

    def reload(self, *, timeout: float = 60) -> None:
        """Load the page again and wait until it is loaded."""
        self.run("window.before = true")
        self._call("Page.reload", {})
        end = time.monotonic() + timeout
        while self.run("window.before === true") and time.monotonic() < end:
            time.sleep(0.05)
        self._loaded(timeout)

    def _loaded(self, timeout: float) -> None:
        end = time.monotonic() + timeout
        while not self.run("document.readyState === 'complete' && location.protocol.startsWith('http')"):
            if time.monotonic() > end:
                raise Failed(f"the page was not loaded; it said: {self.said}")
            time.sleep(0.05)

    def run(self, script: str, *, timeout: float = 120) -> Any:
        """Run a script in the page, wait for its promise, and return its value as plain Python."""
        wanted = {"expression": script, "awaitPromise": True, "returnByValue": True, "userGesture": True}
        answer = self._call("Runtime.evaluate", wanted, timeout=timeout)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise Failed(f"{details.get('exception', {}).get('description', details['text'])}; said: {self.said}")
        return answer["result"].get("value")

    def _call(self, method: str, params: dict[str, Any], *, session: str | None = None, timeout: float = 60) -> Any:
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session is None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + timeout
        while True:
            heard = self._next(end)
            if heard.get("id") == number:
                if "error" in heard:
                    raise Failed(f"{method}: {heard['error']['message']}")
                return heard["result"]
            self._note(heard)

    def _note(self, heard: dict[str, Any]) -> None:
        params = heard.get("params", {})
        if heard.get("method") == "Log.entryAdded":
            self.said.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif heard.get("method") == "Runtime.consoleAPICalled":
            self.said.append(" ".join(str(value.get("value", value.get("description"))) for value in params["args"]))
        elif heard.get("method") == "Runtime.exceptionThrown":
            self.said.append(str(params["exceptionDetails"].get("exception", {}).get("description", params)))

    def _next(self, end: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise Failed(f"the browser did not answer in time; the page said: {self.said}")
            part = os.read(self._read, 1 << 20)
            if not part:
                raise Failed("the browser has ended")
            self._rest += part
        first, _, self._rest = self._rest.partition(b"\0")
        heard: dict[str, Any] = json.loads(first)
        return heard
