"""Addresses: what is behind them, and pictures from them. The only module of this room that opens a connection."""

from __future__ import annotations

import io
import os
import threading
import time as clock
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from poise.errors import SourceError
from poise.extras.version import __version__
from poise.files.addresses import masked
from poise.sources._containers import TO_FILE, index_at_end, library, open_container, reason
from poise.sources._names import PLAYLISTS, VIDEOS, suffix

LIVE = frozenset(("rtsp", "rtsps", "rtmp", "rtmps", "rtp", "udp", "srt"))
WEB = frozenset(("http", "https"))
TIMEOUT = 10.0  # seconds without an answer
_MOST_BYTES = 256 * 2**20
_SLOWEST = 1000  # bytes a second that a picture's server must send after the first ten seconds
_CHUNK, _HEAD = 2**16, 2**16
_PROTOCOLS = "http,https,httpproxy,tcp,tls,udp,rtp,srtp,rtsp,rtmp,rtmps,srt,crypto,data"


def allow_network(address: str) -> None:
    """Raise unless the network may be used.

    Raises:
        SourceError: The environment variable POISE_OFFLINE is set.
    """
    if os.environ.get("POISE_OFFLINE", "0") not in ("", "0"):
        raise SourceError(f"{masked(address)}: needs the network, and POISE_OFFLINE is set; unset it, or give a file")


def is_video(address: str) -> bool:
    """Return whether an address is one of a video or stream by its look."""
    parts = urlsplit(address)
    return parts.scheme in LIVE or suffix(parts.path) in VIDEOS | PLAYLISTS


def fetch(address: str) -> io.BytesIO | None:
    """Load what is behind an http address.

    Returns:
        The bytes; None when it is a video or stream, which is to be read as it comes.

    Raises:
        SourceError: There is no answer, or one that is not a picture.
    """
    allow_network(address)
    name = masked(address)
    data = _answer(address, name, lambda kind, _: not _is_moving(kind))
    return None if data is None else io.BytesIO(data)


def fetch_recording(address: str) -> io.BytesIO | None:
    """Load a whole video whose index stands at its end, as players do of a server that sends it from its start only.

    Returns:
        The bytes; None when it is no MP4 or its relative, or its index stands in front.

    Raises:
        SourceError: It does not arrive, or is larger than what is held in memory.
    """
    allow_network(address)
    name = masked(address)
    data = _answer(address, name, lambda _, head: index_at_end(head), whole=f"{name}: {TO_FILE}")
    return None if data is None else io.BytesIO(data)


def _is_moving(kind: str) -> bool:
    return kind.startswith("video/") or "mpegurl" in kind or kind == "multipart/x-mixed-replace"


def _answer(address: str, name: str, wanted: Callable[[str, bytes], bool], *, whole: str = "") -> bytes | None:
    """Return the content of what a server answers where it is wanted, else None.

    A thread asks, because nothing else ends a server that sends a byte a second.

    Args:
        address: Where.
        name: How errors call it.
        wanted: Told the kind and, where the first bytes are to be looked at (``whole``), those.
        whole: Look at the first bytes; the error for what is too large.
    """
    state = _Answer()
    thread = threading.Thread(target=_load, args=(state, address, wanted, bool(whole)), name="poise-web", daemon=True)
    thread.start()
    began = clock.monotonic()
    while thread.is_alive():
        thread.join(0.1)
        allowed = TIMEOUT + state.size / _SLOWEST
        if thread.is_alive() and clock.monotonic() - began > allowed:
            state.given_up = True
            slow = f"the server sends less than {_SLOWEST // 1000} kB a second" if state.size else "no answer"
            raise SourceError(f"{name}: {slow}; given up after {allowed:.0f} seconds")
    if state.error is not None:
        raise _told(name, state.error) from state.error
    data = None if state.data is None else bytes(state.data)
    if data is not None and state.length is not None and len(data) < min(state.length, _MOST_BYTES):
        raise SourceError(f"{name}: the answer broke off after {len(data):,} of {state.length:,} bytes")
    if state.size > _MOST_BYTES:
        raise SourceError(whole or f"{name}: larger than {_MOST_BYTES // 2**20} MiB; save it as a file first")
    return data


class _Answer:
    """What a thread has loaded so far."""

    def __init__(self) -> None:
        self.kind = ""
        self.length: int | None = None
        self.size = 0
        self.data: bytearray | None = None
        self.error: Exception | None = None
        self.given_up = False


def _load(state: _Answer, address: str, wanted: Callable[[str, bytes], bool], look: bool) -> None:
    # Only whoever gives an address pays for importing TLS and mail headers.
    import urllib.request

    try:
        request = urllib.request.Request(address, headers={"User-Agent": f"poise/{__version__}"})
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            state.kind = answer.headers.get_content_type()
            length = answer.headers.get("Content-Length", "")
            state.length = int(length) if length.isdecimal() else None
            data = bytearray()
            if not look and not wanted(state.kind, b""):
                return
            if look and (state.length or 0) > _MOST_BYTES:
                state.size = state.length or 0
            while not state.given_up and len(data) <= _MOST_BYTES:
                some = answer.read1(_CHUNK)
                if not some:
                    break
                data += some
                state.size = max(state.size, len(data))
                if look and len(data) >= _HEAD:
                    look = False
                    if not wanted(state.kind, bytes(data)):
                        state.size = 0
                        return
                    if state.size > _MOST_BYTES:
                        return
            if look and not wanted(state.kind, bytes(data)):
                return
            state.data = data
    except Exception as error:  # noqa: BLE001 - told by whoever waits for the answer
        state.error = error


def _told(name: str, error: Exception) -> SourceError:
    import urllib.error

    if isinstance(error, urllib.error.HTTPError):
        return SourceError(f"{name}: the server answers {error.code} {error.reason}")
    if isinstance(error, (OSError, ValueError)):
        return SourceError(f"{name}: no answer: {getattr(error, 'reason', None) or error}")
    return SourceError(f"{name}: the answer broke off: {error or type(error).__name__}")


def open_stream(address: str) -> Any:
    """Open a video or stream behind an address.

    Raises:
        SourceError: There is no answer, or it is not a video.
    """
    allow_network(address)
    av = library()
    options = {"protocol_whitelist": _PROTOCOLS}
    if urlsplit(address).scheme in ("rtsp", "rtsps"):
        options["rtsp_transport"] = "tcp"  # over UDP a lost packet smears the picture until the next key frame
    try:
        return open_container(av, address, options=options, timeout=(TIMEOUT, TIMEOUT))
    except Exception as error:
        raise SourceError(f"{masked(address)}: did not open: {reason(error)}") from error
