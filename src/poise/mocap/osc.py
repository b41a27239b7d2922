"""Open Sound Control 1.0: messages and bundles as bytes, and back.

Source:
    Wright, The Open Sound Control 1.0 Specification, 2002. Of its types are known: ``i`` int32, ``f`` float32, ``s``
    string, ``b`` blob, and of those that it calls common ``T``, ``F`` and ``N``. Strings are UTF-8, as the VMC protocol
    has them; the specification itself knows ASCII.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable
from typing import NamedTuple

from poise.errors import FormatError

Argument = int | float | str | bytes | bool | None

# What fits into one packet of Ethernet beside the headers of IPv6 and UDP (1500 - 40 - 8 bytes): nothing is cut in
# pieces on the way, so that a lost packet costs no more than itself.
LIMIT = 1452
# Where programs that know plain OSC are sent to unless a port is named.
PORT = 9000
# The largest datagram that UDP carries.
_MOST = 65_507
_DEEPEST = 8  # bundles within bundles

# The time tag that means: as soon as it is here.
_NOW = struct.pack(">Q", 1)
_BUNDLE = b"#bundle\0" + _NOW
# Printable ASCII without what a pattern or a list is made of.
_ADDRESS = re.compile(r"(/[!-.0-~]+)+")
_RESERVED = re.compile(r"[ #*,?\[\]{}]")


class Message(NamedTuple):
    """A message as it was received.

    Attributes:
        address: What it is about, such as ``/VMC/Ext/T``.
        arguments: Its values.
    """

    address: str
    arguments: tuple[Argument, ...]


def text(value: str) -> bytes:
    """Return a string as OSC has it: ended by a zero, filled up with zeros to a multiple of four bytes.

    Raises:
        ValueError: It holds a zero, which would end it.
    """
    data = value.encode("utf-8", "replace")
    if b"\0" in data:
        raise ValueError(f"a string of OSC ends at a zero byte, got one inside {value[:40]!r}")
    return data + b"\0" * (4 - len(data) % 4)


def head(address: str, tags: str) -> bytes:
    """Return how a message begins: its address and the types of its values, checked.

    Args:
        address: Such as ``/poise/frame``.
        tags: A letter a value, without the comma.

    Raises:
        ValueError: No address of OSC.
    """
    if not _ADDRESS.fullmatch(address) or _RESERVED.search(address):
        raise ValueError(f"an OSC address is /a/b of printable ASCII without space # * , ? [ ] {{ }}, got {address!r}")
    return text(address) + text("," + tags)


def encode_message(address: str, *arguments: Argument) -> bytes:
    r"""Return one message.

    Args:
        address: What it is about.
        *arguments: Whole numbers (32 bits), floats (sent as 32 bits), strings, bytes, True, False and None.

    Raises:
        ValueError: No address of OSC, a number that 32 bits do not hold, or more than a datagram carries.
        TypeError: A value of another type.

    Example:
        >>> encode_message("/poise/frame", 1)
        b'/poise/frame\x00\x00\x00\x00,i\x00\x00\x00\x00\x00\x01'
    """
    tags, values = "", b""
    for value in arguments:
        tag, data = _encoded(value, address)
        tags, values = tags + tag, values + data
    message = head(address, tags) + values
    if len(message) > _MOST:
        raise ValueError(f"{address}: {len(message)} bytes do not fit into one datagram; the most is {_MOST}")
    return message


def bundles(messages: Iterable[bytes], *, limit: int = LIMIT) -> list[bytes]:
    """Join messages in as few bundles as their size allows, in their order; each is one datagram.

    Args:
        messages: Of :func:`encode_message`.
        limit: Most bytes of a bundle. A message that alone is longer has a bundle of its own.
    """
    out: list[bytes] = []
    parts: list[bytes] = [_BUNDLE]
    size = len(_BUNDLE)
    for message in messages:
        more = len(message) + 4
        if size + more > limit and len(parts) > 1:
            out.append(b"".join(parts))
            parts, size = [_BUNDLE], len(_BUNDLE)
        parts += (struct.pack(">i", len(message)), message)
        size += more
    if len(parts) > 1:
        out.append(b"".join(parts))
    return out


def decode(data: bytes) -> list[Message]:
    """Return the messages of a datagram, those of bundles in their order; time tags are not kept.

    Raises:
        FormatError: It is not OSC, with the byte at which it is wrong.
    """
    if len(data) > _MOST:
        raise FormatError(f"{len(data)} bytes are more than a datagram of OSC has; the most is {_MOST}")
    out: list[Message] = []
    _packet(data, 0, len(data), out, 0)
    return out


def _encoded(value: Argument, address: str) -> tuple[str, bytes]:
    if value is None:
        return "N", b""
    if isinstance(value, bool):
        return ("T" if value else "F"), b""
    if isinstance(value, int):
        if not -(2**31) <= value < 2**31:
            raise ValueError(f"{address}: whole numbers of OSC have 32 bits, got {value}")
        return "i", struct.pack(">i", value)
    if isinstance(value, float):
        try:
            return "f", struct.pack(">f", value)
        except OverflowError:
            return "f", struct.pack(">f", math.copysign(math.inf, value))
    if isinstance(value, str):
        return "s", text(value)
    if isinstance(value, bytes):
        return "b", struct.pack(">i", len(value)) + value + b"\0" * (-len(value) % 4)
    raise TypeError(f"{address}: OSC carries numbers, strings, bytes, True, False and None, not {type(value).__name__}")


def _packet(data: bytes, begin: int, end: int, out: list[Message], depth: int) -> None:
    if data[begin : begin + 8] != b"#bundle\0":
        out.append(_message(data, begin, end))
        return
    if depth == _DEEPEST:
        raise FormatError(f"byte {begin}: more than {_DEEPEST} bundles of OSC within each other")
    at = begin + 16
    if at > end:
        raise FormatError(f"byte {begin}: a bundle of OSC without its time")
    while at < end:
        size = _whole(data, at, end)
        at += 4
        if size <= 0 or size % 4 or at + size > end:
            raise FormatError(f"byte {at - 4}: a part of {size} bytes where {end - at} follow")
        _packet(data, at, at + size, out, depth + 1)
        at += size


def _message(data: bytes, begin: int, end: int) -> Message:
    address, at = _string(data, begin, end)
    if not address.startswith("/"):
        raise FormatError(f"byte {begin}: an OSC message begins with its address, /…, got {address[:20]!r}")
    if at == end:
        return Message(address, ())  # old senders leave the types out where there are no values
    tags, at = _string(data, at, end)
    if not tags.startswith(","):
        raise FormatError(f"byte {at}: {address[:40]!r} lacks the types of its values")
    values: list[Argument] = []
    for tag in tags[1:]:
        value, at = _value(tag, data, at, end)
        values.append(value)
    return Message(address, tuple(values))


def _value(tag: str, data: bytes, at: int, end: int) -> tuple[Argument, int]:
    if tag in "TFN":
        return {"T": True, "F": False, "N": None}[tag], at
    if tag == "s":
        return _string(data, at, end)
    if tag not in "ifb":
        raise FormatError(f"byte {at}: values of OSC's type {tag!r} are not read; known: i f s b T F N")
    number = _whole(data, at, end)
    if tag == "i":
        return number, at + 4
    if tag == "f":
        return float(struct.unpack_from(">f", data, at)[0]), at + 4
    at += 4
    if number < 0 or at + number > end:
        raise FormatError(f"byte {at - 4}: a blob of {number} bytes where {end - at} follow")
    return data[at : at + number], min(end, at + number + -number % 4)


def _whole(data: bytes, at: int, end: int) -> int:
    if at + 4 > end:
        raise FormatError(f"byte {at}: 4 bytes were expected, {end - at} follow")
    return int(struct.unpack_from(">i", data, at)[0])


def _string(data: bytes, at: int, end: int) -> tuple[str, int]:
    stop = data.find(b"\0", at, end)
    if stop < 0:
        raise FormatError(f"byte {at}: a string of OSC that does not end")
    after = stop + 4 - (stop - at) % 4
    if after > end:
        raise FormatError(f"byte {stop}: a string of OSC is filled up to a multiple of 4 bytes")
    return data[at:stop].decode("utf-8", "replace"), after
