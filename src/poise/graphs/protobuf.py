"""Messages of the protobuf wire format, field by field; nothing in them is trusted.

Source: https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

# The largest networks have some ten thousand operations and weights.
MOST_FIELDS = 200_000
_MOST_WHOLES = 4096
_MOST_TEXT = 16 << 20


class Damaged(Exception):
    """What is wrong with the bytes."""


class Refused(Damaged):
    """What a file asks for that no network needs."""


def fields(data: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Yield number, wire type and value of each field of a message."""
    at, end = 0, len(data)
    while at < end:
        key, at = varint(data, at)
        number, wire = key >> 3, key & 7
        value: int | memoryview
        if number == 0:
            raise Damaged("a field with number 0")
        if wire == 0:
            value, at = varint(data, at)
        elif wire == 2:
            size, at = varint(data, at)
            if size > end - at:
                raise Damaged(f"a field of {size} bytes where {end - at} are left")
            value, at = data[at : at + size], at + size
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            if size > end - at:
                raise Damaged("it ends in the middle of a number")
            value, at = data[at : at + size], at + size
        else:
            raise Damaged(f"wire type {wire}, which there is not")
        yield number, wire, value


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """Return the number that begins at a byte, and where the next one begins."""
    if at < len(data) and data[at] < 0x80:  # nearly all: names, sizes and numbers of fields are short
        return data[at], at + 1
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise Damaged("it ends in the middle of a number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
    raise Damaged("a number of more than ten bytes")


class Message:
    """The fields of a message by number, each decoded when it is asked for. Of a field that holds one value, and comes
    more than once, the last counts.

    Args:
        data: What a field holds, or a whole file.

    Raises:
        Refused: It has more than 200,000 fields.
        Damaged: It is no message. So do the methods, where a field holds
            something else than is asked for.
    """

    __slots__ = ("_count", "_fields")

    def __init__(self, data: int | memoryview) -> None:
        found: dict[int, list[int | memoryview]] = {}
        count = 0
        for number, _, value in fields(_block(data)):
            count += 1
            if count > MOST_FIELDS:
                raise Refused(f"more than {MOST_FIELDS:,} operations, weights, inputs and outputs")
            if number in found:
                found[number].append(value)
            else:
                found[number] = [value]
        self._fields, self._count = found, count

    def __len__(self) -> int:
        return self._count

    def __contains__(self, number: int) -> bool:
        return number in self._fields

    def blocks(self, *numbers: int) -> list[memoryview]:
        """Return the bytes that fields hold."""
        return [_block(value) for number in numbers for value in self._fields.get(number, ())]

    def block(self, number: int) -> memoryview | None:
        """Return the bytes that a field holds, or None where there is none."""
        found = self._fields.get(number)
        return _block(found[-1]) if found else None

    def messages(self, *numbers: int) -> list[Message]:
        """Return the messages that fields hold."""
        return [Message(value) for number in numbers for value in self._fields.get(number, ())]

    def texts(self, number: int) -> list[str]:
        """Return the texts of a list."""
        return [_text(value) for value in self._fields.get(number, ())]

    def text(self, number: int) -> str:
        """Return a text; empty where there is none."""
        found = self._fields.get(number)
        return _text(found[-1]) if found else ""

    def whole(self, number: int, default: int = 0) -> int:
        """Return a whole number, perhaps negative."""
        found = self._fields.get(number)
        return _whole(found[-1]) if found else default

    def each_whole(self, *numbers: int) -> Iterator[int]:
        """Yield the numbers of a list: they come one by one, or packed into one field."""
        for value in (value for number in numbers for value in self._fields.get(number, ())):
            if isinstance(value, int):
                yield _whole(value)
                continue
            at = 0
            while at < len(value):
                found, at = varint(value, at)
                yield _whole(found)

    def wholes(self, *numbers: int) -> list[int]:
        """Return the numbers of a short list, such as a shape."""
        found = list(islice(self.each_whole(*numbers), _MOST_WHOLES + 1))
        if len(found) > _MOST_WHOLES:
            raise Damaged(f"a list of more than {_MOST_WHOLES} numbers where a shape is expected")
        return found

    def pair(self) -> tuple[str, str]:
        """Return the key and value of an entry of a mapping of texts."""
        return self.text(1), self.text(2)


def _block(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise Damaged("a number where a message is expected")
    return value


def _text(value: int | memoryview) -> str:
    if isinstance(value, int) or len(value) > _MOST_TEXT:
        raise Damaged("a text that is none, or one of more than 16 MiB")
    try:
        return bytes(value).decode("utf-8")
    except UnicodeDecodeError:
        raise Damaged("a text that is not UTF-8") from None


def _whole(value: int | memoryview) -> int:
    if not isinstance(value, int):
        raise Damaged("a message where a number is expected")
    return value - (1 << 64) if value >> 63 else value


def number(field: int, value: int) -> bytes:
    """Write a field that holds a whole number, perhaps negative."""
    return _varint(field << 3) + _varint(value & 0xFFFFFFFFFFFFFFFF)


def block(field: int, value: bytes | memoryview | str) -> bytes:
    """Write a field that holds bytes, a text or a message."""
    data = value.encode("utf-8") if isinstance(value, str) else bytes(value)
    return head(field, len(data)) + data


def head(field: int, size: int) -> bytes:
    """Write what comes before the bytes of a field that holds so many."""
    return _varint(field << 3 | 2) + _varint(size)


def again(field: int, wire: int, value: int | memoryview) -> bytes:
    """Write a field as :func:`fields` gave it."""
    if isinstance(value, int):
        return number(field, value)
    return block(field, value) if wire == 2 else _varint(field << 3 | wire) + bytes(value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
