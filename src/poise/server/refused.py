"""Why a request is not answered as it was meant: one sentence, and the status code that HTTP has for it."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from poise.errors import FormatError, MissingExtra, ModelError, PoiseError, SourceError
from poise.files.text import brief, one_line
from poise.server.pool import Full, Stopped

_log = logging.getLogger("poise")

# What a client may have caused itself; anything else is ours, and told without details.
_CODES: tuple[tuple[type[Exception], int], ...] = (
    (Full, HTTPStatus.TOO_MANY_REQUESTS),
    (Stopped, HTTPStatus.SERVICE_UNAVAILABLE),
    (MissingExtra, HTTPStatus.NOT_IMPLEMENTED),
    (SourceError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (FormatError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (ModelError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (ValueError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (TypeError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (MemoryError, HTTPStatus.INSUFFICIENT_STORAGE),
)


class Refused(PoiseError):
    """A request that is refused for what it is.

    Attributes:
        status: HTTP's code.
        headers: Of the answer.
    """

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.status = int(status)
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def told(error: BaseException) -> tuple[int, str, dict[str, str]]:
    """Return status code, sentence and headers for an error; what is no fault of the client is logged, not told."""
    if isinstance(error, Refused):
        return error.status, str(error), error.headers
    for kind, code in _CODES:
        if isinstance(error, kind):
            headers = {"Retry-After": str(error.after_s)} if isinstance(error, Full) else {}
            sentence = "not enough memory for this" if kind is MemoryError else brief(one_line(error))
            return int(code), sentence, headers
    _log.error("an error of the server", exc_info=error)
    return 500, "the server failed at this; its log says why", {}


def body(sentence: str, **more: Any) -> dict[str, Any]:
    """Return what an error looks like as JSON."""
    return {**more, "error": sentence}
