"""Programs that datagrams are sent to: found by name, kept up with when they come and go, never waited for."""

from __future__ import annotations

import errno
import re
import socket
import threading
import time as clock
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from poise.errors import PoiseError

Tell = Callable[[str], None]

# Seconds between two attempts to reach a receiver that cannot be sent to. One that merely does not listen is sent to
# all the time: that is how it is noticed when it does.
_AGAIN = 2.0
# A receiver that has refused nothing for so many seconds listens again.
_CALM = 1.0
_BUFFER = 1 << 18
_FORM = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+(?:%\w+)?)\]|(?P<host>[^:\[\]\s/]+))(?::(?P<port>[0-9]{1,5}))?")

_Address = tuple[socket.AddressFamily, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Target:
    """Where datagrams go.

    Attributes:
        host: A name or an address, without brackets.
        port: UDP port, 1 to 65535.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, words: str, *, port: int | None = None, option: str = "") -> Target:
        """Read ``host:port``, such as ``127.0.0.1:39539``, ``[::1]:39539`` or ``desk.local:9000``.

        Args:
            words: What the user gave.
            port: The port where none is named; None: one has to be.
            option: What the user calls it, for the error.

        Raises:
            ValueError: It is not of this form.
        """
        before = f"{option} " if option else ""
        found = _FORM.fullmatch(words.strip())
        number = int(found["port"]) if found and found["port"] else port
        if found is None or number is None or not 1 <= number <= 65535 or (found["host"] or "").isdecimal():
            example = f"127.0.0.1:{port or 9000}"
            raise ValueError(f"{before}expects host:port with a port from 1 to 65535, such as {example}, got {words!r}")
        return cls(found["six"] or found["host"], number)

    @classmethod
    def parse_all(cls, words: str | Iterable[str], *, port: int | None = None, option: str = "") -> tuple[Target, ...]:
        """Read several, separated by commas or as a list; one that comes twice counts once.

        Raises:
            ValueError: One is not of the form, or none is named.
        """
        given = [words] if isinstance(words, str) else list(words)
        parts = [part for one in given for part in one.split(",")]
        return tuple(dict.fromkeys(cls.parse(part, port=port, option=option) for part in parts))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Receiver:
    """Sends datagrams to one target and lives through whatever happens there.

    A program that does not listen yet, or no longer, is told of once and sent to all the same: it is reached as soon
    as it listens. Where nothing can be sent (the network is down, the name is not known any more) it is tried again
    every two seconds, and the name is looked up anew. One socket is kept as long as it works: some receivers tell
    senders apart by its port. Nothing here waits: what the system does not take at once is lost, as it would be on the
    way.

    Args:
        target: Where to.
        tell: Is told what happens, a sentence each.
        now: Seconds that go on.

    Attributes:
        sent: Datagrams that were given to the system.
        lost: Datagrams that it did not take.

    Raises:
        PoiseError: There is no such host.
    """

    def __init__(self, target: Target, tell: Tell, *, now: Callable[[], float] = clock.monotonic) -> None:
        self.target = target
        self.sent = self.lost = 0
        self._tell, self._now = tell, now
        self._socket: socket.socket | None = None
        self._refused = float("-inf")  # when it last did not listen
        self._absent = self._broken = False  # said that it does not listen; said that nothing can be sent
        self._next = 0.0  # when to try again
        self._found: list[_Address | None] = []  # answers of a look-up that runs beside
        self._seeking = False
        try:
            self._address: _Address | None = _look_up(target)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "no name has this form"
            raise PoiseError(
                f"{target}: no such host ({reason}); give the name or address of the machine that the receiver runs "
                "on, such as 127.0.0.1 for this one"
            ) from error

    def send(self, datagrams: Sequence[bytes]) -> None:
        """Send datagrams in their order, or lose them."""
        ready = self._ready()
        if ready is None:
            self.lost += len(datagrams)
            return
        for at, data in enumerate(datagrams):
            try:
                if not self._give(ready, data):
                    self.lost += 1
                    continue
            except OSError as error:
                self.lost += len(datagrams) - at
                self._fail(error)
                return
            self.sent += 1
        if self._broken:
            self._broken = False
            self._tell(f"{self.target}: can be sent to again")
        if self._absent and self._now() - self._refused > _CALM:
            self._absent = False
            self._tell(f"{self.target}: a program listens now")

    def close(self) -> None:
        """Let go of the socket; calling it again does nothing."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _give(self, ready: socket.socket, data: bytes) -> bool:
        """Give one datagram to the system; returns whether it took it."""
        for last in (False, True):
            try:
                ready.send(data)
                return True
            except BlockingIOError:
                return False
            except (ConnectionRefusedError, ConnectionResetError):
                # The answer to an earlier datagram: nobody listens there. This one was not sent.
                self._refused = self._now()
                if not self._absent:
                    self._absent = True
                    self._tell(
                        f"{self.target}: no program listens there (yet); start the receiver and compare its port: "
                        "sending goes on"
                    )
                if last:
                    return False
            except OSError as error:
                if error.errno not in (errno.ENOBUFS, errno.EAGAIN):
                    raise
                return False
        return False

    def _ready(self) -> socket.socket | None:
        """Return the socket, opened where need be and where its time has come; None: nothing can be sent now."""
        if self._socket is not None:
            return self._socket
        if self._found:
            self._address, self._seeking = self._found.pop(), False
        if self._now() < self._next or self._seeking:
            return None
        if self._address is None:
            self._seek()
            return None
        try:
            self._socket = _opened(self._address)
        except OSError as error:
            self._fail(error)
        return self._socket

    def _fail(self, error: OSError) -> None:
        self.close()
        self._address = None
        self._next = self._now() + _AGAIN
        if not self._broken:
            self._broken = True
            reason = error.strerror or str(error)
            self._tell(f"{self.target}: cannot be sent to ({reason}); it is tried again every {_AGAIN:g} seconds")

    def _seek(self) -> None:
        """Look the name up again, beside the stream: the answer may take seconds."""
        self._seeking = True
        self._next = self._now() + _AGAIN

        def work() -> None:
            try:
                found: _Address | None = _look_up(self.target)
            except OSError:
                found = None
            self._found.append(found)

        threading.Thread(target=work, name="poise-look-up", daemon=True).start()


class Receivers:
    """Several receivers of the same datagrams; a context manager that closes them.

    Args:
        targets: Where to.
        tell: Is told what happens, a sentence each.
        now: Seconds that go on.

    Raises:
        PoiseError: There is no such host.
    """

    def __init__(self, targets: Sequence[Target], tell: Tell, *, now: Callable[[], float] = clock.monotonic) -> None:
        self.receivers: tuple[Receiver, ...] = tuple(Receiver(target, tell, now=now) for target in targets)

    def __bool__(self) -> bool:
        return bool(self.receivers)

    def send(self, datagrams: Sequence[bytes]) -> None:
        """Send datagrams to each in their order."""
        for one in self.receivers:
            one.send(datagrams)

    @property
    def lost(self) -> int:
        """Datagrams that the system did not take."""
        return sum(one.lost for one in self.receivers)

    @property
    def sent(self) -> int:
        """Datagrams that it took."""
        return sum(one.sent for one in self.receivers)

    def close(self) -> None:
        """Close all of them."""
        for one in self.receivers:
            one.close()

    def __enter__(self) -> Receivers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _look_up(target: Target) -> _Address:
    """Return the first IPv4 address of a host, or else its first IPv6 address: receivers of avatars listen on IPv4."""
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_DGRAM)
    found.sort(key=lambda one: one[0] != socket.AF_INET)
    family, _, _, _, address = found[0]
    return family, address


def _opened(address: _Address) -> socket.socket:
    family, where = address
    opened = socket.socket(family, socket.SOCK_DGRAM)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        opened.connect(where)
    except OSError:
        opened.close()
        raise
    return opened
