"""Messages of the protobuf wire format, field by field; nothing in them is trusted.

Source: https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator

_MOST_TEXT = 16 << 20


class Damaged(Exception):
    """What is wrong with the bytes."""


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


def text(value: int | memoryview) -> str:
    """Return the text that a field must hold."""
    if isinstance(value, int) or len(value) > _MOST_TEXT:
        raise Damaged("a text that is none, or one of more than 16 MiB")
    try:
        return bytes(value).decode("utf-8")
    except UnicodeDecodeError:
        raise Damaged("a text that is not UTF-8") from None


def message(value: int | memoryview) -> memoryview:
    """Return the bytes that a field must hold."""
    if isinstance(value, int):
        raise Damaged("a number where a message is expected")
    return value


def whole(value: int | memoryview) -> int:
    """Return the whole number, perhaps negative, that a field must hold."""
    if not isinstance(value, int):
        raise Damaged("a message where a number is expected")
    return value - (1 << 64) if value >> 63 else value


def whole_list(wire: int, value: int | memoryview) -> list[int]:
    """Return the numbers of a field: they come one by one, or packed into one."""
    if wire == 0:
        return [whole(value)]
    packed, at = message(value), 0
    numbers: list[int] = []
    while at < len(packed):
        number, at = varint(packed, at)
        numbers.append(whole(number))
        if len(numbers) > 4096:
            raise Damaged("a list of more than 4096 numbers where a shape is expected")
    return numbers


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
