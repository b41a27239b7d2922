"""Addresses: what is behind them, and pictures from them. The only module of this room that opens a connection."""

from __future__ import annotations

import io
import os
from typing import Any
from urllib.parse import urlsplit

from poise._version import __version__
from poise.errors import SourceError
from poise.sources._names import PLAYLISTS, VIDEOS, suffix, without_password
from poise.sources._video import library, open_container, reason

LIVE = frozenset(("rtsp", "rtsps", "rtmp", "rtmps", "rtp", "udp", "srt"))
WEB = frozenset(("http", "https"))
TIMEOUT = 10.0  # seconds without an answer
_MOST_BYTES = 256 * 2**20
_PROTOCOLS = "http,https,httpproxy,tcp,tls,udp,rtp,srtp,rtsp,rtmp,rtmps,srt,crypto,data"


def allow_network(address: str) -> None:
    """Raise unless the network may be used.

    Raises:
        SourceError: The environment variable POISE_OFFLINE is set.
    """
    if os.environ.get("POISE_OFFLINE", "0") not in ("", "0"):
        raise SourceError(
            f"{without_password(address)}: needs the network, and POISE_OFFLINE is set; unset it, or give a file"
        )


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
    # Only whoever gives an address pays for importing TLS and mail headers.
    import urllib.error
    import urllib.request

    allow_network(address)
    name = without_password(address)
    request = urllib.request.Request(address, headers={"User-Agent": f"poise/{__version__}"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            kind = answer.headers.get_content_type()
            if kind.startswith("video/") or "mpegurl" in kind or kind == "multipart/x-mixed-replace":
                return None
            length = answer.headers.get("Content-Length", "")
            data = answer.read(_MOST_BYTES + 1)
    except urllib.error.HTTPError as error:
        raise SourceError(f"{name}: the server answers {error.code} {error.reason}") from error
    except (OSError, ValueError, urllib.error.URLError) as error:
        raise SourceError(f"{name}: no answer: {getattr(error, 'reason', None) or error}") from error
    except Exception as error:
        raise SourceError(f"{name}: the answer broke off: {error or type(error).__name__}") from error
    if length.isdecimal() and len(data) < min(int(length), _MOST_BYTES):
        raise SourceError(f"{name}: the answer broke off after {len(data):,} of {int(length):,} bytes")
    if len(data) > _MOST_BYTES:
        raise SourceError(f"{name}: larger than {_MOST_BYTES // 2**20} MiB; save it as a file first")
    return io.BytesIO(data)


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
        raise SourceError(f"{without_password(address)}: did not open: {reason(error)}") from error
