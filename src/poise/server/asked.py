"""What a client asks for: settings as words of a query or a form become those of the library, and are checked by it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from poise.errors import suggest
from poise.estimators import Options
from poise.live import StreamSettings
from poise.model import Settings

# Settings of one picture that are the library's own; "model" and "annotated" are dealt with here.
PICTURE = ("conf", "iou", "imgsz", "max_det", "classes")
VIDEO = (*(one.name for one in fields(StreamSettings)), "annotated")

_VALUE = re.compile(r"-?[0-9.]+([eE][+-]?[0-9]+)?|true|false|\[.*\]", re.DOTALL)
_MOST = 32_768
# Settings that may be given more than once.
_LISTS = ("classes", "gestures")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be done with pictures.

    Attributes:
        model: Name of the model.
        options: Of the estimator.
        annotated: Answer with the drawn picture.
    """

    model: str
    options: Options
    annotated: bool = False


def of_pictures(given: Iterable[tuple[str, str]], *, model: str, most_imgsz: int) -> Asked:
    """Check what is asked for with pictures.

    Args:
        given: Names and values, as they came.
        model: What is taken where none is named.
        most_imgsz: Largest ``imgsz``.

    Raises:
        ValueError, TypeError: A setting that does not exist or cannot be, in the library's words.
    """
    values = _gathered(given, ("model", "annotated", *PICTURE))
    name = values.pop("model", model)
    annotated = _switch("annotated", values.pop("annotated", False))
    if isinstance(values.get("classes"), str):
        values["classes"] = [_value(one.strip()) for one in values["classes"].split(",")]
    settings = Settings.of(values)
    check_imgsz(settings.imgsz, most_imgsz)
    return Asked(str(name), settings.options, annotated)


def of_video(given: Iterable[tuple[str, str]], *, model: str, most_imgsz: int) -> tuple[StreamSettings, bool]:
    """Check what is asked for with a video: the settings of a stream, and whether a drawn video is wanted.

    Raises:
        ValueError: A setting that does not exist or cannot be.
    """
    values = _gathered(given, VIDEO)
    annotated = _switch("annotated", values.pop("annotated", True))
    if isinstance(values.get("gestures"), str):
        values["gestures"] = [one.strip() for one in values["gestures"].split(",")]
    settings = StreamSettings.parse({"model": model, **values})
    check_imgsz(settings.imgsz, most_imgsz)
    return settings, annotated


def of_message(given: Mapping[str, Any], base: StreamSettings, *, most_imgsz: int) -> StreamSettings:
    """Check the settings of a WebSocket message.

    Raises:
        ValueError: A setting that does not exist or cannot be.
    """
    settings = StreamSettings.parse({key: value for key, value in given.items() if key != "type"}, base)
    check_imgsz(settings.imgsz, most_imgsz)
    return settings


def check_imgsz(given: float | None, most: int) -> None:
    """Raise where a network would see a larger picture than the server allows: its memory grows with the square.

    Raises:
        ValueError: With the limit.
    """
    if given is not None and given > most:
        raise ValueError(f"imgsz must be at most {most} pixels on this server, got {given}")


def _gathered(given: Iterable[tuple[str, str]], known: tuple[str, ...]) -> dict[str, Any]:
    """Return settings by their names; ``settings`` is a JSON object of several."""
    values: dict[str, Any] = {}
    for key, text in given:
        if key == "settings":
            found = _json(text)
            if not isinstance(found, dict):
                raise ValueError(f"settings must be a JSON object, got {text[:40]!r}")
            values |= found
        elif key in values and key not in _LISTS:
            raise ValueError(f"{key[:40]} is given twice")
        elif key in values:
            several = values[key] if isinstance(values[key], list) else [values[key]]
            values[key] = [*several, _value(text)]
        else:
            values[key] = text if key == "zones" else _value(text)
    for key in values:
        if key not in known:
            raise ValueError(f"no setting {str(key)[:40]!r}{suggest(str(key)[:40], known)}")
    return values


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"settings must be JSON, got {text[:40]!r}") from None


def _value(text: str) -> Any:
    """Return a number, a switch or a list as such; other words stay words."""
    if len(text) > _MOST or not _VALUE.fullmatch(text.strip().lower()):
        return text
    try:
        return json.loads(text.strip().lower())
    except (ValueError, RecursionError):
        return text


def _switch(name: str, value: Any) -> bool:
    if value in (True, False, 0, 1):
        return bool(value)
    raise ValueError(f"{name} must be true or false, got {value!r}")
