"""Events to a web address, in the background: the video never waits for it."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from poise.extras.version import __version__

# Answers after which trying again may help: too slow, too many, and errors of the server (RFC 9110, RFC 6585).
_AGAIN = frozenset({408, 425, 429})


class Webhook:
    """Posts each event as a JSON object, in order, from a thread of its own.

    A failed post is tried again after a pause that doubles. While it waits, at most ``queue`` events wait behind it;
    then the oldest is dropped and counted. Redirects are not followed.

    Args:
        url: An ``http`` or ``https`` address.
        queue: Most events that wait.
        tries: Posts of one event, before it is given up.
        pause_s: Seconds before the second try; they double up to ``max_pause_s``.
        max_pause_s: Longest pause, seconds.
        timeout_s: Seconds that one post may take.
        flush_s: Seconds that ``close`` gives the events that still wait.

    Attributes:
        sent: Events that the address took.
        dropped: Events that were thrown away because the queue was full.
        failed: Events that the address refused, or that were given up.

    Raises:
        ValueError: The address is not one of ``http`` or ``https``, or a number is out of range.
    """

    def __init__(
        self,
        url: str,
        *,
        queue: int = 1000,
        tries: int = 8,
        pause_s: float = 0.5,
        max_pause_s: float = 10.0,
        timeout_s: float = 5.0,
        flush_s: float = 5.0,
    ) -> None:
        check_url(url)
        if queue < 1 or tries < 1:
            raise ValueError(f"queue and tries must be 1 or more, got {queue} and {tries}")
        if min(pause_s, max_pause_s, flush_s) < 0 or timeout_s <= 0:
            raise ValueError("pause_s, max_pause_s and flush_s must be 0 or more, timeout_s more than 0")
        self.url = url
        self.sent = self.dropped = self.failed = 0
        self._most, self._tries, self._timeout, self._flush = queue, tries, timeout_s, flush_s
        self._pauses = (pause_s, max_pause_s)
        self._waiting: deque[bytes] = deque()
        self._busy = False
        self._closing = False
        self._deadline = float("inf")
        self._change = threading.Condition()
        self._last = ""
        self._opener = OpenerDirector()
        # Only what http needs: a bare opener knows no file: and no ftp:, and follows no redirect.
        for handler in (ProxyHandler(), HTTPHandler(), HTTPSHandler(), HTTPDefaultErrorHandler(), HTTPErrorProcessor()):
            self._opener.add_handler(handler)
        self._thread = threading.Thread(target=self._run, name="poise-webhook", daemon=True)
        self._thread.start()

    def write_record(self, record: Mapping[str, Any]) -> None:
        """Take one event; returns at once, whatever the address does.

        Raises:
            ValueError: The sink is closed, or a value is no JSON.
        """
        body = json.dumps(dict(record), ensure_ascii=False, allow_nan=False).encode("utf-8", "backslashreplace")
        with self._change:
            if self._closing:
                raise ValueError("this webhook is closed")
            if len(self._waiting) >= self._most:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(body)
            self._change.notify_all()

    def close(self) -> None:
        """Post what still waits, for at most ``flush_s`` seconds; the rest is dropped and counted."""
        with self._change:
            if not self._closing:
                self._closing = True
                self._deadline = time.monotonic() + self._flush
                self._change.notify_all()
        # One post may be under way; it ends by its own time limit, and a daemon thread does not hold the program.
        self._thread.join(self._flush + 0.1)
        with self._change:
            self.dropped += len(self._waiting)
            self._waiting.clear()

    @property
    def note(self) -> str:
        """A sentence about what did not arrive, or nothing."""
        lost = self.dropped + self.failed
        if not lost:
            return ""
        why = f"; the last answer was: {self._last}" if self._last else ""
        return f"{self.url}: {lost} of {lost + self.sent} events did not arrive{why}"

    def _run(self) -> None:
        while True:
            with self._change:
                while not self._waiting and not self._closing:
                    self._change.wait()
                if not self._waiting or time.monotonic() >= self._deadline:
                    return
                body = self._waiting.popleft()
            self._deliver(body)

    def _deliver(self, body: bytes) -> None:
        pause = self._pauses[0]
        for left in range(self._tries - 1, -1, -1):
            done, again = self._post(body)
            if done:
                self.sent += 1
                return
            if not again or not left or not self._pause(pause):
                break
            pause = min(2 * pause, self._pauses[1])
        self.failed += 1

    def _pause(self, seconds: float) -> bool:
        """Wait before the next try; False when there is no time left for one."""
        end = time.monotonic() + seconds
        with self._change:
            while (now := time.monotonic()) < min(end, self._deadline):
                self._change.wait(min(end, self._deadline) - now)
                if self._closing:
                    # There is little time: try more often.
                    end = min(end, time.monotonic() + 0.2)
            return time.monotonic() < self._deadline

    def _post(self, body: bytes) -> tuple[bool, bool]:
        """Return whether the event arrived, and whether another try may help."""
        headers = {"Content-Type": "application/json", "User-Agent": f"poise/{__version__}"}
        request = Request(self.url, data=body, headers=headers, method="POST")
        timeout = max(0.1, min(self._timeout, self._deadline - time.monotonic()))
        try:
            with self._opener.open(request, timeout=timeout) as answer:
                answer.read(1024)
            return True, False
        except HTTPError as error:
            self._last = f"{error.code} {error.reason}"
            error.close()
            return False, error.code >= 500 or error.code in _AGAIN
        except (URLError, OSError, ValueError) as error:
            self._last = str(getattr(error, "reason", error)) or type(error).__name__
            return False, True
        except Exception as error:  # noqa: BLE001 - a server may answer anything; the thread must live on
            self._last = f"{type(error).__name__}: {error}"
            return False, True


def check_url(url: str) -> None:
    """Check an address.

    Raises:
        ValueError: It is not one of ``http`` or ``https``, names no host, or holds a password.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{url!r} is no address: {error}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(f"events can be posted to http:// and https:// addresses, got {url!r}")
    if any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
        raise ValueError(f"{url!r} is no address: it holds a space or a control character")
    if parts.username or parts.password:
        raise ValueError("the address to post to must not hold a name or password; use a token in its path or query")
