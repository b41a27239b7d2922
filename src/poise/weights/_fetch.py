"""Bring a file from an address: only from the web, never half, never for ever."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from poise.errors import ModelError
from poise.extras.version import __version__
from poise.weights._cache import Progress, locked, parts, temporary, unwritable, writable

# Looks at the first bytes of what arrives; returns what is wrong with them, or an empty string.
Look = Callable[[bytes], str]

_CHUNK = 1 << 18
_AGAIN = "run the same command again to go on"
_HEAD = 64  # bytes enough to know a kind of file by


@dataclass(frozen=True, slots=True)
class Limits:
    """When to give a server up.

    Attributes:
        silent_s: Seconds without a byte; also to connect.
        answer_s: Seconds until the answer's headers are complete, however slowly they drip.
        slow_bytes_s: Bytes a second; less than this over ``slow_s`` seconds is too slow. A modem of 1995 brings 3 kB/s.
        slow_s: Seconds over which the rate is taken.
        most_bytes: No file of weights is larger.
    """

    silent_s: float = 20.0
    answer_s: float = 60.0
    slow_bytes_s: float = 1000.0
    slow_s: float = 60.0
    most_bytes: int = 4 * 2**30


LIMITS = Limits()


def download(address: str, target: Path, *, progress: Progress | None = None) -> Path:
    """Fetch a file; an interrupted download goes on where it stopped.

    The file grows as ``NAME.part`` beside the target and is renamed when it is whole, so the target is never half a
    file. Of several who want the same file at once, one fetches it and the others wait for it.

    Raises:
        ModelError: There is no answer, the server refuses, or the file arrives incomplete.
    """
    there = target.is_file()
    with locked(target) as alone:
        if not there and target.is_file():
            return target  # somebody else has just brought it
        if alone:
            transfer(address, target, look=page, progress=progress).replace(target)
            parts(target)[1].unlink(missing_ok=True)
            return target
        # Without a lock, somebody else may be writing the shared part: then each has its own, with no beginning.
        with temporary(target) as (unique, _):
            own = unique.with_suffix("")
            try:
                transfer(address, own, look=page, progress=progress).replace(target)
            finally:
                for path in parts(own):
                    path.unlink(missing_ok=True)
    return target


def transfer(
    address: str, target: Path, *, look: Look, progress: Progress | None = None, limits: Limits | None = None
) -> Path:
    """Fetch a file to its part beside the target, which the caller checks and renames; the caller holds the lock.

    Args:
        address: http or https. It may send on to another of those, but not from https to http.
        target: What the file is to become.
        look: Told the first bytes, so that a wrong file is not fetched to its end.
        progress: Told how it goes.
        limits: When to give up; None: :data:`LIMITS`.

    Returns:
        The part, as long as the server said.

    Raises:
        ModelError: One sentence that starts with the address. What has arrived stays, to go on from, unless it is of
            no use.
    """
    if urlsplit(address).scheme not in ("http", "https"):
        raise ModelError(f"{address}: expected an http or https address")
    writable(target.parent)
    limits = limits or LIMITS
    part, note = parts(target)
    begun = begun_at(target)
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": f"poise/{__version__}", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if begun.get("version"):
            # Where the file is another than the one begun, it comes whole instead of being patched onto the beginning.
            headers["If-Range"] = begun["version"]
    try:
        answer = opener(urllib.request.Request(address, headers=headers), limits)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and have:
            # What lies here is not the beginning of what is there now.
            part.unlink(missing_ok=True)
            return transfer(address, target, look=look, progress=progress, limits=limits)
        said = "sends on and on" if 300 <= error.code < 400 else f"answers {error.code} {error.reason}"
        raise ModelError(f"{address}: the server {said}") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise ModelError(f"{address}: no answer: {getattr(reason, 'strerror', None) or reason}") from error
    with answer:
        try:
            done, total = _receive(address, answer, have, part, note, look=look, progress=progress, limits=limits)
        except TimeoutError as error:
            raise ModelError(f"{address}: broke off: nothing came for {limits.silent_s:g} seconds; {_AGAIN}") from error
        except (OSError, http.client.HTTPException) as error:
            raise ModelError(f"{address}: broke off: {error}; {_AGAIN}") from error
    if total is not None and done != total:
        raise ModelError(f"{address}: {done} of {total} bytes arrived; {_AGAIN}")
    if done == 0:
        raise ModelError(f"{address}: the server sends nothing")
    return part


def begun_at(target: Path) -> dict[str, str]:
    """Return from which ``address`` and of which ``version`` there is a part of a file; empty where nobody knows."""
    part, note = parts(target)
    try:
        noted = json.loads(note.read_text(encoding="utf-8")) if part.exists() else {}
    except (OSError, ValueError):
        return {}
    return {str(k): str(v) for k, v in noted.items()} if isinstance(noted, dict) else {}


def page(head: bytes) -> str:
    """Say when a web page comes in place of a file."""
    if head.lstrip()[:1] == b"<":
        return "a web page and not the file; perhaps a sign-in page of the network that this machine is on"
    return ""


def _receive(
    address: str,
    answer: Any,
    have: int,
    part: Path,
    note: Path,
    *,
    look: Look,
    progress: Progress | None,
    limits: Limits,
) -> tuple[int, int | None]:
    """Write an answer into the part; returns the bytes done and the bytes in all."""
    status = getattr(answer, "status", None) or 200
    span = str(answer.headers.get("Content-Range", ""))
    # A server that does not know ranges answers 200 and sends everything again.
    resumed = have > 0 and status == 206 and span.startswith(f"bytes {have}-")
    if have and status == 206 and not resumed:
        raise ModelError(f"{address}: the server continues at the wrong place; delete {part} and try again")
    done = have if resumed else 0
    length = answer.headers.get("Content-Length")
    total = done + int(length) if length and length.isdigit() else None
    if total is not None and total > limits.most_bytes:
        raise ModelError(f"{address}: {total / 2**30:.1f} GiB is more than a weight file has")
    version = answer.headers.get("ETag") or ""
    if not resumed:
        _note(note, address, "" if version.startswith("W/") else version)
    read = getattr(answer, "read1", answer.read)
    head, since, then = b"", 0, time.monotonic()
    try:
        file = part.open("ab" if resumed else "wb")
    except OSError as error:
        raise unwritable(part.parent, error) from error
    with file:
        while chunk := read(_CHUNK):
            if not resumed and len(head) < _HEAD:
                head += chunk[:_HEAD]
                wrong = look(head) if len(head) >= _HEAD else ""
                if wrong:
                    raise _useless(address, wrong, part, note)
            try:
                file.write(chunk)
                file.flush()  # so that a killed process loses nothing
            except OSError as error:
                raise unwritable(part.parent, error) from error
            done += len(chunk)
            since += len(chunk)
            if done > limits.most_bytes:
                raise ModelError(f"{address}: more than {limits.most_bytes // 2**30} GiB")
            passed = time.monotonic() - then
            if passed > limits.slow_s:
                if since < limits.slow_bytes_s * passed:
                    raise ModelError(f"{address}: too slow: {since} bytes in {passed:.0f} seconds; {_AGAIN}")
                since, then = 0, time.monotonic()
            if progress is not None:
                progress(done, total)
    if not resumed and len(head) < _HEAD and (wrong := look(head)):
        raise _useless(address, wrong, part, note)
    return done, total


def _useless(address: str, wrong: str, part: Path, note: Path) -> ModelError:
    part.unlink(missing_ok=True)
    note.unlink(missing_ok=True)
    return ModelError(f"{address}: the server sends {wrong}")


def _note(note: Path, address: str, version: str) -> None:
    try:
        note.write_text(json.dumps({"address": address, "version": version}), encoding="utf-8")
    except OSError as error:
        raise unwritable(note.parent, error) from error


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows the web to the web: not to a file, not from https to where anybody can listen in."""

    max_redirections = 6

    def http_error_302(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any) -> Any:
        there = headers.get("Location") or headers.get("URI") or ""
        new = urlsplit(there).scheme.lower()
        if new and new not in ("http", "https"):
            raise ModelError(f"{req.full_url}: refused to be sent on to {there[:200]!r}: not an address of the web")
        if new == "http" and urlsplit(req.full_url).scheme == "https":
            raise ModelError(f"{req.full_url}: refused to be sent on from https to http: {there[:200]!r}")
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _watched(kind: Any, seconds: float) -> Any:
    """Return a connection class that hangs up when an answer's headers take too long, also byte by byte."""

    class Watched(kind):  # type: ignore[misc]
        hung_up = False

        def getresponse(self) -> Any:
            timer = threading.Timer(seconds, self.hang_up)
            timer.daemon = True
            timer.start()
            try:
                answer = super().getresponse()
            except (OSError, http.client.HTTPException) as error:
                if not self.hung_up:
                    raise
                raise _late(seconds) from error
            finally:
                timer.cancel()
            if self.hung_up:
                # Headers that were cut off read like headers that are complete.
                raise _late(seconds)
            return answer

        def hang_up(self) -> None:
            self.hung_up = True
            with suppress(OSError, AttributeError):
                self.sock.shutdown(socket.SHUT_RDWR)

    return Watched


def _late(seconds: float) -> TimeoutError:
    return TimeoutError(f"the answer's headers were not complete after {seconds:g} seconds")


class _Http(urllib.request.HTTPHandler):
    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._kind = _watched(http.client.HTTPConnection, seconds)

    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(self._kind, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._kind = _watched(http.client.HTTPSConnection, seconds)

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(self._kind, req, context=getattr(self, "_context", None))


def opener(request: urllib.request.Request, limits: Limits) -> Any:
    """Open an address of the web: no file, no FTP, no data address, whatever a server sends on to."""
    web = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        _Http(limits.answer_s),
        _Https(limits.answer_s),
        _Redirects(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        web.add_handler(handler)
    return web.open(request, timeout=limits.silent_s)
