"""Where actions go: lines of JSON, OSC over UDP, and classes of the user's own, such as those that press keys."""

from __future__ import annotations

import importlib
import json
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol, TextIO

from poise.errors import PoiseError
from poise.files.text import plain
from poise.play.action import Action

_OSC_PORT = 9000


class ActionSink(Protocol):
    """What takes actions. ``close`` is called at the end, after everything that was down has been let go."""

    def send(self, action: Action) -> None:
        """Take one action; this is called between two frames, so it must not wait."""

    def close(self) -> None:
        """Let go of what is held open."""


class JsonLines:
    """Writes a line of JSON an action.

    Args:
        out: Where to; None: standard output.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out

    def send(self, action: Action) -> None:
        """Write one line, at once."""
        out = sys.stdout if self._out is None else self._out
        out.write(plain(json.dumps(action.record(), ensure_ascii=False)) + "\n")
        out.flush()

    def close(self) -> None:
        """Leave what was given open."""


class OscSink:
    """Sends a datagram of OSC 1.0 an action: ``/poise/play/PLAYER/NAME`` with one float, its value.

    Nobody answers datagrams, so a receiver that is not there is not an error; it may come later.

    Args:
        address: ``"HOST:PORT"``, ``"HOST"`` (port 9000) or ``":PORT"`` (this machine).

    Raises:
        ValueError: That is no address.
        PoiseError: There is no such host.
    """

    def __init__(self, address: str) -> None:
        from poise.mocap.osc import encode_message

        self._encode: Callable[..., bytes] = encode_message
        host, port = split_address(address, port=_OSC_PORT)
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "no name has this form"
            raise PoiseError(
                f"OSC to {address}: no such host ({reason}); give the name or address of the machine that the receiver "
                "runs on, such as 127.0.0.1 for this one"
            ) from None
        self._to = found[4]
        self._socket = socket.socket(found[0], socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def send(self, action: Action) -> None:
        """Send one action."""
        if action.state == "repeat":
            return  # the value is what it was
        packet = self._encode(f"/poise/play/{action.player}/{action.name}", float(action.value))
        # A network that is down for a moment must not end the game.
        with suppress(OSError):
            self._socket.sendto(packet, self._to)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def split_address(address: str, *, port: int) -> tuple[str, int]:
    """Return host and port.

    Args:
        address: ``"HOST:PORT"``, ``"HOST"`` or ``":PORT"``; an IPv6 address stands in brackets.
        port: What holds where none is named.

    Raises:
        ValueError: It is not of this form, or the port is no number from 1 to 65535.
    """
    from poise.mocap.receivers import Target

    try:
        target = Target.parse(f"127.0.0.1{address}" if address.startswith(":") else address, port=port)
    except ValueError:
        raise ValueError(
            f"{address!r} is no address: expected HOST:PORT with a port from 1 to 65535, an IPv6 address in brackets"
        ) from None
    return target.host, target.port


def load_sink(name: str) -> ActionSink:
    """Make a sink of the user's own.

    Args:
        name: ``"MODULE:CLASS"``; the module is imported and the class called without arguments. It needs a method
            ``send(action)``, and may have ``close()``. Only what the user names is run.

    Raises:
        ValueError: The name is of another form, or there is no such module, class or method.
        PoiseError: The module or the class fails; with its file and line. So do ``send`` and ``close`` of the sink.
    """
    module, colon, attribute = name.partition(":")
    if not colon or not all(part.isidentifier() for part in (*module.split("."), attribute)):
        raise ValueError(f"--sink {name}: expected MODULE:CLASS, such as keys:Keyboard for the file keys.py")
    if "" not in sys.path:
        sys.path.insert(0, "")  # a file beside which the command is called, as with python -m
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):
            raise ValueError(f"--sink {name}: {module} needs {error.name}, which is not installed") from error
        raise ValueError(f"--sink {name}: no module named {module!r} here or among the installed ones") from None
    except Exception as error:
        raise _failed(name, f"{module} cannot be imported", error) from error
    if not hasattr(found, attribute):
        raise ValueError(f"--sink {name}: module {module!r} has no attribute {attribute!r}")
    try:
        made: Any = getattr(found, attribute)()
    except Exception as error:
        raise _failed(name, f"{attribute}() fails", error) from error
    if not callable(getattr(made, "send", None)):
        raise ValueError(f"--sink {name}: {attribute} has no method send(action)")
    return _Own(name, made)


class _Own:
    """A sink of the user's own: says which one it was that failed, and need not have ``close``."""

    def __init__(self, name: str, sink: Any) -> None:
        self._name, self._sink = name, sink

    def send(self, action: Action) -> None:
        """Hand an action on."""
        try:
            self._sink.send(action)
        except Exception as error:
            raise _failed(self._name, "send(action) fails", error) from error

    def close(self) -> None:
        """Close it, where it can be closed."""
        try:
            getattr(self._sink, "close", _nothing)()
        except Exception as error:
            raise _failed(self._name, "close() fails", error) from error


def _nothing() -> None:
    """Stand for a ``close`` that there is not."""


def _failed(name: str, what: str, error: Exception) -> PoiseError:
    """Say what is wrong with code that is not ours, and where in it."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    file, line = last.filename, last.lineno
    if isinstance(error, SyntaxError) and error.filename:
        file, line = error.filename, error.lineno
    # The call itself fails here where it has other arguments.
    where = "" if file == __file__ else f" at {file}:{line}"
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    return PoiseError(f"--sink {name}: {what}{where}: {type(error).__name__}: {said}")
