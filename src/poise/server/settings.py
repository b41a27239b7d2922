"""What a server offers, to whom, and how much of it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from poise.runtime import usable_cores

_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """What a server offers, to whom, and how much of it. All limits hold for strangers as well as for friends.

    Attributes:
        models: Models that may be asked for: bundled names or network files, the default first. Empty: all bundled
            ones, ``body-fast`` first. A client says a name of these, never a path.
        device: Where networks run: ``"cpu"``, ``"cuda"`` …
        threads: CPU threads a network uses; None: the cores that this process may use.
        workers: Pictures that are looked at together; None: the cores that this process may use, 2 to 8.
        queue: Pictures that may wait for a worker; beyond it the answer is 429.
        token: What clients must show (``Authorization: Bearer``, or ``?token=`` for a WebSocket); None: nothing.
        origins: Other sites whose pages may ask, such as ``"https://example.org"``.
        hosts: Names under which the server may be asked for, besides addresses and ``localhost``. Without a token a
            name that is not listed is refused, so that no site can pretend to be this machine (DNS rebinding).
        record: A folder in which every WebSocket session leaves its answers, as JSON lines; None: none is kept.
        max_body: Most bytes of a request to ``/predict``.
        max_bodies: Most bytes of all requests to ``/predict`` together that are in memory.
        max_video: Most bytes of a video.
        max_pixels: Most pixels of a picture.
        max_imgsz: Largest ``imgsz`` that may be asked for, pixels: memory grows with its square.
        max_images: Most pictures a request.
        max_frames: Most frames of a video that are looked at.
        max_frame: Most bytes of a WebSocket message.
        max_clients: Most WebSocket connections.
        max_messages: Most WebSocket messages a second of one client, on average.
        max_jobs: Most videos that come, wait or are worked on; finished ones do not count.
        keep_s: Seconds for which the files of a video are kept after it is done.
        body_s: Seconds in which the body of a request must have come, and a minute more for each 16 MiB.
        work_s: Most seconds for which a video is worked on.
        send_s: Seconds after which a client that does not take an answer is let go.
        idle_s: Seconds without a message after which a WebSocket is closed.
        stop_s: Seconds that running work has to finish when the server is asked to stop.

    Raises:
        ValueError: A value that cannot be.
    """

    models: tuple[str, ...] = ()
    device: str | None = None
    threads: int | None = None
    workers: int | None = None
    queue: int = 64
    token: str | None = None
    origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    record: Path | None = None
    max_body: int = 32 * _MIB
    max_bodies: int = 256 * _MIB
    max_video: int = 512 * _MIB
    max_pixels: int = 50_000_000
    max_imgsz: int = 1920
    max_images: int = 16
    max_frames: int = 100_000
    max_frame: int = 8 * _MIB
    max_clients: int = 32
    max_messages: int = 120
    max_jobs: int = 4
    keep_s: float = 3600.0
    body_s: float = 30.0
    work_s: float = 3600.0
    send_s: float = 10.0
    idle_s: float = 600.0
    stop_s: float = 10.0

    def __post_init__(self) -> None:
        for name in ("models", "origins", "hosts"):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(map(str, value)))
        if self.workers is None:
            # Each may hold a decoded picture of the largest size.
            object.__setattr__(self, "workers", min(8, max(2, usable_cores())))
        sizes = ("max_body", "max_bodies", "max_video", "max_pixels", "max_imgsz", "max_frame")
        numbers = ("workers", "queue", "max_images", "max_frames", "max_clients", "max_messages", "max_jobs")
        for name in (*sizes, *numbers):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number from 1, got {value!r}")
        for name in ("keep_s", "body_s", "work_s", "send_s", "idle_s", "stop_s"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
                raise ValueError(f"{name} must be seconds, more than 0, got {value!r}")
        if self.token is not None and (len(self.token) < 8 or not self.token.isascii() or not self.token.isprintable()):
            raise ValueError("the token must have 8 characters or more, all of them plain letters, digits or signs")
        for origin in self.origins:
            parts = urlsplit(origin)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
                raise ValueError(f"{origin!r} is no origin of a site; expected one such as https://example.org")

    def names(self, host: str) -> bool:
        """Return whether the server may be asked for under a name, as a ``Host`` header without its port gives it.

        A page of another site reaches this machine under the site's own name only, so addresses and ``localhost`` are
        safe; a client that shows a token has proven more than that.
        """
        if self.token is not None and not self.hosts:
            return True
        name = host.lower().rstrip(".")
        known = {one.lower() for one in self.hosts} | {urlsplit(one).hostname for one in self.origins}
        return name == "localhost" or name in known or is_address(name.strip("[]"))


def is_address(host: str) -> bool:
    """Return whether a host is given by its number."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Return whether only this machine itself can reach a host.

    Example:
        >>> [is_loopback(host) for host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "example.org")]
        [True, True, True, False, False]
    """
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)
