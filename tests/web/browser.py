"""A real Chromium, driven through its DevTools protocol: pages, clicks, screenshots, errors of the console."""

from __future__ import annotations

import base64
import itertools
import json
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
_WAIT_S = 60.0


def needed() -> None:
    """Skip where there is no browser, or nothing to speak to it with."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium, which this machine does not have")
    pytest.importorskip("websockets", reason="needs websockets to drive Chromium")


def fake_camera(clip: Path) -> list[str]:
    """Return the options that give pages a camera that shows ``clip`` (.mjpeg or .y4m) in a loop, without asking."""
    return [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={clip}",
    ]


class PageError(AssertionError):
    """A script of the test failed in the page."""


class Page:
    """One tab.

    Attributes:
        errors: What the console called an error, uncaught exceptions and requests that failed, in words.
    """

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session
        self.errors: list[str] = []
        for domain in ("Page", "Runtime", "Log", "DOM"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> Any:
        """Send one command of the protocol and return its answer."""
        return self._browser.send(method, session=self._session, **params)

    def open(self, address: str) -> None:
        """Go to an address and wait until it has loaded."""
        self.send("Page.navigate", url=address)
        self.wait("location.href !== 'about:blank' && document.readyState === 'complete'")

    def evaluate(self, script: str) -> Any:
        """Return the value of an expression; a promise is awaited.

        Raises:
            PageError: It threw.
        """
        answer = self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise PageError(f"{script}: {details.get('exception', {}).get('description', details['text'])}")
        return answer["result"].get("value")

    def wait(self, script: str, *, seconds: float = _WAIT_S) -> Any:
        """Wait until an expression is true, and return its value.

        Raises:
            PageError: It was not in time; with the page's errors.
        """
        end = time.monotonic() + seconds
        while not (value := self.evaluate(script)):
            if time.monotonic() > end:
                raise PageError(f"not true within {seconds:g} s: {script}; errors of the page: {self.errors}")
            time.sleep(0.05)
        return value

    def click(self, selector: str) -> None:
        """Click in the middle of an element, as a mouse does."""
        script = """((selector) => {
          const target = document.querySelector(selector);
          target.scrollIntoView({block: 'center'});
          const {x, y, width, height} = target.getBoundingClientRect();
          return [x + width / 2, y + height / 2];
        })"""
        x, y = self.evaluate(f"{script}({json.dumps(selector)})")
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key: str) -> None:
        """Press and release a key, given as ``KeyboardEvent.key``."""
        text = key if len(key) == 1 else ""
        code = {" ": 32, "Tab": 9, "Enter": 13, "Escape": 27}.get(key, ord(key.upper()[0]))
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, text=text, windowsVirtualKeyCode=code)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def choose_files(self, selector: str, *files: Path) -> None:
        """Give files to an ``<input type=file>``."""
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.send("DOM.setFileInputFiles", nodeId=node, files=[str(file) for file in files])

    def viewport(self, width: int, height: int, *, scale: float = 1.0, phone: bool = False) -> None:
        """Set the size of the page in CSS pixels; ``phone`` also gives it touch and a phone's ways with widths."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone
        )
        self.send("Emulation.setTouchEmulationEnabled", enabled=phone)

    def prefer(self, **features: str) -> None:
        """Set what the visitor prefers: ``color_scheme="dark"``, ``reduced_motion="reduce"``."""
        wanted = [{"name": f"prefers-{name.replace('_', '-')}", "value": value} for name, value in features.items()]
        self.send("Emulation.setEmulatedMedia", features=wanted)

    def screenshot(self, path: Path | None = None) -> bytes:
        """Return what is seen as PNG, and write it where a path is given."""
        data = base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"])
        if path is not None:
            path.write_bytes(data)
        return data

    def close(self) -> None:
        """Close the tab."""
        self._browser.send("Target.closeTarget", targetId=self._browser.targets.pop(self._session))

    def hear(self, method: str, params: dict[str, Any]) -> None:
        """Take an event of the protocol."""
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            self.errors.append(" ".join(str(one.get("value", one.get("description"))) for one in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}".strip())


class Browser:
    """A Chromium of its own, without a window and without anything of the user's.

    Args:
        folder: An empty folder for its profile and downloads.
        options: More options of the command line, such as those of :func:`fake_camera`.

    Attributes:
        downloads: Where pages' downloads go.
    """

    def __init__(self, folder: Path, options: Sequence[str] = ()) -> None:
        from websockets.sync.client import connect

        assert CHROMIUM is not None
        self.downloads = folder / "downloads"
        self.downloads.mkdir(parents=True)
        profile = folder / "profile"
        command = [
            CHROMIUM, "--headless=new", "--no-sandbox", "--no-first-run", "--disable-gpu", "--disable-extensions",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio",
            "--disable-dev-shm-usage", "--remote-debugging-port=0", f"--user-data-dir={profile}", *options,
            "about:blank",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self._pages: dict[str, Page] = {}
        self.targets: dict[str, str] = {}
        self._answers: dict[int, queue.SimpleQueue[dict[str, Any]]] = {}
        self._numbers = itertools.count(1)
        port, path = self._address(profile / "DevToolsActivePort")
        self._open = ExitStack()
        self._socket = self._open.enter_context(connect(f"ws://127.0.0.1:{port}{path}", max_size=None, proxy=None))
        threading.Thread(target=self._listen, daemon=True).start()
        self.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads))

    def _address(self, file: Path) -> list[str]:
        end = time.monotonic() + _WAIT_S
        while time.monotonic() < end and self._process.poll() is None:
            if file.is_file() and len(lines := file.read_text().split()) == 2:
                return lines
            time.sleep(0.05)
        self.close()
        raise AssertionError(f"{CHROMIUM} did not start")

    def send(self, method: str, *, session: str | None = None, **params: Any) -> Any:
        """Send one command of the protocol and return its answer."""
        number = next(self._numbers)
        answers = self._answers[number] = queue.SimpleQueue()
        message = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        self._socket.send(json.dumps(message))
        try:
            answer = answers.get(timeout=2 * _WAIT_S)
        except queue.Empty:
            raise AssertionError(f"Chromium did not answer {method}") from None
        finally:
            del self._answers[number]
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def page(self) -> Page:
        """Open a tab."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.targets[session] = target
        page = self._pages[session] = Page(self, session)
        return page

    def downloaded(self, *endings: str, without: str = "\0", seconds: float = _WAIT_S) -> Path:
        """Wait for a finished download with one of these endings, and not that of ``without``; return the newest."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = [p for p in self.downloads.iterdir() if p.name.endswith(endings) and not p.name.endswith(without)]
            if found:
                return max(found, key=lambda path: path.stat().st_mtime)
            time.sleep(0.05)
        raise AssertionError(f"no {endings} was downloaded; there are {[p.name for p in self.downloads.iterdir()]}")

    def _listen(self) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            for text in self._socket:
                message = json.loads(text)
                if "id" in message:
                    if (answers := self._answers.get(message["id"])) is not None:
                        answers.put(message)
                elif (page := self._pages.get(message.get("sessionId", ""))) is not None:
                    page.hear(message["method"], message["params"])
        except ConnectionClosed:
            pass

    def close(self) -> None:
        """End this browser and all processes that it started."""
        if hasattr(self, "_open"):
            self._open.close()
        # The command may be a script, and the browser a child of it.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@contextmanager
def open_browser(options: Sequence[str] = ()) -> Iterator[Browser]:
    """A browser for a ``with`` block; its folder goes with it."""
    needed()
    folder = Path(tempfile.mkdtemp(prefix="poise-browser-"))
    browser = Browser(folder, options)
    try:
        yield browser
    finally:
        browser.close()
        shutil.rmtree(folder, ignore_errors=True)
