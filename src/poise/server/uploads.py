"""What clients send: pictures and videos, raw or in a form, within limits of size, number and time."""

from __future__ import annotations

import asyncio
import io
import os
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import IO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from poise.errors import suggest
from poise.files.text import one_line
from poise.files.writing import writing
from poise.server.refused import Refused

# A slow line of 2 Mbit/s is slow enough.
_BYTES_A_SECOND = 16 * 2**20 / 60
_MOST_FIELDS = 32
_MOST_FIELD = 32_768
_MOST_HEAD = 4_096
_LONGEST_NAME = 200


@dataclass(slots=True)
class Upload:
    """One file that was sent.

    Attributes:
        name: What the client calls it, as text to show; never the name of a file here.
        file: Its bytes, at their begin.
    """

    name: str
    file: IO[bytes]


@dataclass(slots=True)
class Form:
    """What a request brought.

    Attributes:
        fields: Settings, in order.
        uploads: Files, in order.
    """

    fields: list[tuple[str, str]] = field(default_factory=list)
    uploads: list[Upload] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a request may bring.

    Attributes:
        most: Bytes in all.
        files: Files.
        seconds: In which the body must have come, besides what its bytes need on a slow line.
        hold: Called with the number of bytes that come to be kept in memory; raises where there is no room for them.
    """

    most: int
    files: int
    seconds: float
    hold: Callable[[int], None] = lambda _: None


def shown_name(name: str) -> str:
    r"""Return a client's name of a file as text to show: without folders, escapes or line breaks.

    Example:
        >>> shown_name("../../etc/passwd"), shown_name("C:\\photos\\me.jpg"), shown_name("a\x00b")
        ('passwd', 'me.jpg', 'a\\x00b')
    """
    return one_line(re.split(r"[/\\]", name)[-1][:_LONGEST_NAME]) or "upload"


async def read_form(
    request: Request, names: tuple[str, ...], limits: Limits, make: Callable[[], IO[bytes]] = io.BytesIO
) -> Form:
    """Read the body of a request: a form, or one file as it is.

    Args:
        request: Whose body it is.
        names: Parts of a form that are files.
        limits: How much it may bring.
        make: Makes what a file's bytes are kept in.

    Raises:
        Refused: The body is too large, too slow, no form, or has parts that nobody asked for.
        PoiseError: The disk is full.
    """
    kind, options = parse_options_header(request.headers.get("content-type", "")[:_MOST_HEAD])
    form = Form()
    try:
        if kind == b"multipart/form-data":
            parts = _Parts(form, names, limits, make)
            await parts.read(options.get(b"boundary", b""), _chunks(request, limits))
        else:
            upload = Upload("upload", make())
            form.uploads.append(upload)
            with writing("the upload"):
                async for chunk in _chunks(request, limits):
                    upload.file.write(chunk)
            if not upload.file.tell():
                raise Refused(
                    HTTPStatus.BAD_REQUEST, f"the request has no body; send a file, or a form with {names[0]}"
                )
    except BaseException:
        for upload in form.uploads:
            upload.file.close()
        raise
    for upload in form.uploads:
        upload.file.seek(0)
    return form


async def _chunks(request: Request, limits: Limits) -> AsyncIterator[bytes]:
    """Give the body as it comes."""
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated[:30]) > limits.most:
        raise _too_large(limits)
    loop = asyncio.get_running_loop()
    began = loop.time()
    received = 0
    body = request.stream()
    try:
        while True:
            # Only the wait is timed: what a consumer does between two chunks is not the client's time.
            async with asyncio.timeout_at(began + limits.seconds + received / _BYTES_A_SECOND):
                chunk = await anext(body, None)
            if chunk is None:
                return
            received += len(chunk)
            if received > limits.most:
                raise _too_large(limits)
            if chunk:
                limits.hold(len(chunk))
                yield chunk
    except TimeoutError:
        sentence = f"the body did not come in time: {received:,} bytes in {loop.time() - began:.0f} s"
        raise Refused(HTTPStatus.REQUEST_TIMEOUT, sentence, Connection="close") from None
    except ClientDisconnect:
        raise Refused(HTTPStatus.BAD_REQUEST, "the client went away before the body was whole") from None


def _too_large(limits: Limits) -> Refused:
    sentence = f"the body is larger than this server takes ({limits.most:,} bytes); send less at once"
    return Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence, Connection="close")


class _Parts:
    """Sorts the parts of a form into fields and files.

    Source: RFC 7578.
    """

    def __init__(self, form: Form, names: tuple[str, ...], limits: Limits, make: Callable[[], IO[bytes]]) -> None:
        self._form, self._names, self._limits, self._make = form, names, limits, make
        self._key, self._value = b"", b""
        self._headers: dict[bytes, bytes] = {}
        self._field = ""
        self._target: IO[bytes] = io.BytesIO()
        self._is_file = False
        self._ended = False

    async def read(self, boundary: bytes, chunks: AsyncIterator[bytes]) -> None:
        if not boundary:
            raise _no_form("its Content-Type names no boundary")
        try:
            parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._more,
                    "on_header_value": self._more_value,
                    "on_header_end": self._header,
                    "on_headers_finished": self._open,
                    "on_part_data": self._data,
                    "on_part_end": self._close,
                    "on_end": self._end,
                },
            )
            with writing("the upload"):
                async for chunk in chunks:
                    parser.write(chunk)
        except FormParserError as error:
            raise _no_form(str(error)) from None
        if not self._ended:
            raise _no_form("it ends before its last boundary")

    def _begin(self) -> None:
        self._headers = {}
        self._key, self._value = b"", b""

    def _more(self, data: bytes, start: int, end: int) -> None:
        self._key += data[start:end]
        self._check_head()

    def _more_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check_head()

    def _check_head(self) -> None:
        if len(self._key) + len(self._value) > _MOST_HEAD:
            raise _no_form(f"a header of a part is longer than {_MOST_HEAD} bytes")

    def _header(self) -> None:
        self._headers[self._key.lower()] = self._value
        self._key, self._value = b"", b""

    def _open(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._field = options.get(b"name", b"").decode("utf-8", "replace")
        name = options.get(b"filename")
        self._is_file = name is not None or self._field in self._names
        if not self._is_file:
            if len(self._form.fields) >= _MOST_FIELDS:
                raise Refused(HTTPStatus.BAD_REQUEST, f"the form has more than {_MOST_FIELDS} settings")
            self._target = io.BytesIO()
            return
        if self._field not in self._names:
            hint = suggest(self._field[:40], self._names)
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, f"no file is expected as {self._field[:40]!r}{hint}")
        if len(self._form.uploads) >= self._limits.files:
            most = f"{self._limits.files} files" if self._limits.files > 1 else "one file"
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, f"the form has more than {most}", Connection="close")
        self._target = self._make()
        self._form.uploads.append(Upload(shown_name((name or b"").decode("utf-8", "replace")), self._target))

    def _data(self, data: bytes, start: int, end: int) -> None:
        if not self._is_file and self._target.tell() + end - start > _MOST_FIELD:
            raise Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{self._field[:40]!r} is longer than {_MOST_FIELD} bytes"
            )
        self._target.write(data[start:end])

    def _close(self) -> None:
        if not self._is_file:
            text = self._target.getvalue().decode("utf-8", "replace")  # type: ignore[attr-defined]
            self._form.fields.append((self._field, text))

    def _end(self) -> None:
        self._ended = True


def _no_form(why: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, f"the body is no form of multipart/form-data: {one_line(why)[:200]}")


def kept_bytes(upload: Upload) -> bytes:
    """Return all bytes of an upload that is kept in memory."""
    assert isinstance(upload.file, io.BytesIO)
    return upload.file.getvalue()


def private_file(path: str | os.PathLike[str]) -> IO[bytes]:
    """Make a file that nobody else may read, and that was not there."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600), "w+b")
