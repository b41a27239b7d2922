"""Addresses as they may be shown: without what opens them."""

from __future__ import annotations

import re

# The part of an address before its host that holds a password, and values of a query that let somebody in.
_USER = re.compile(r"(?P<before>[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#@:]*:)[^\s/?#]*@")
_QUERY = re.compile(
    r"(?P<name>[?&;](?:[\w.-]*(?:pass|pwd|secret|token|signature|credential|sig|apikey|auth)[\w.-]*|key|api[_-]key|pw|psw)=)"
    r"[^&#\s;'\"]*",
    re.IGNORECASE,
)


def masked(text: str) -> str:
    """Return text with the passwords of the addresses in it starred out, fit for messages, logs and files.

    Example:
        >>> masked("open rtsp://me:s3cret@10.0.0.2/live?channel=1&pwd=abc")
        'open rtsp://me:***@10.0.0.2/live?channel=1&pwd=***'
        >>> masked("C:/clips/a@b.mp4")
        'C:/clips/a@b.mp4'
    """
    if "=" not in text and "@" not in text:
        return text
    text = _USER.sub(r"\g<before>***@", text)
    return _QUERY.sub(r"\g<name>***", text) if "://" in text else text
