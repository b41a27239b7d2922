"""What ``/openapi.json`` says of requests and answers, with examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from poise.server.asked import PICTURE, VIDEO
from poise.server.settings import ServerSettings

Schema = dict[str, Any]

_NUMBER: Schema = {"type": "number"}
_INTEGER: Schema = {"type": "integer"}
_TEXT: Schema = {"type": "string"}
_MAYBE_NUMBER: Schema = {"type": ["number", "null"]}


def _object(properties: Mapping[str, Schema]) -> Schema:
    """Return an object that has all of these."""
    return {"type": "object", "required": list(properties), "properties": dict(properties)}


def _list(items: Schema, **limits: int) -> Schema:
    return {"type": "array", "items": items, **limits}


# Of ``poise.sinks.record``.
_INSTANCE = _object(
    {
        "class": _INTEGER,
        "name": _TEXT,
        "conf": _MAYBE_NUMBER,
        "box": _list(_MAYBE_NUMBER, minItems=4, maxItems=4),
        "id": {"type": ["integer", "null"]},
        "keypoints": _list(_list(_MAYBE_NUMBER)),
    }
)
RECORD = _object(
    {
        "source": _TEXT,
        "frame": _INTEGER,
        "time": _NUMBER,
        "width": _INTEGER,
        "height": _INTEGER,
        "skeleton": _TEXT,
        "instances": _list(_INSTANCE),
    }
)
_EXAMPLE: dict[str, Any] = {
    "source": "runner.jpg",
    "frame": 0,
    "time": 0.0,
    "width": 840,
    "height": 560,
    "skeleton": "coco17",
    "instances": [
        {
            "class": 0,
            "name": "person",
            "conf": 0.9312,
            "box": [301.5, 62.25, 523.0, 541.75],
            "id": None,
            "keypoints": [[412.5, 98.25, 0.9624], [418.0, 91.5, 0.9511]],
        }
    ],
}
JOB = _object(
    {
        "id": _TEXT,
        "name": _TEXT,
        "state": {"enum": ["queued", "running", "done", "failed", "stopped"]},
        "progress": _MAYBE_NUMBER,
        "frames": _INTEGER,
        "total": {"type": ["integer", "null"]},
        "error": {"type": ["string", "null"]},
        "notes": _list(_TEXT),
        "reps": _list({"type": "object"}),
        "files": _list(_object({"name": _TEXT, "bytes": _INTEGER})),
        "removed_in_s": _MAYBE_NUMBER,
    }
)
_JOB_EXAMPLE: dict[str, Any] = {
    "id": "Zk3v0c7y6b1nXn0w2mJmY2hR",
    "name": "squats.mp4",
    "state": "running",
    "progress": 0.42,
    "frames": 84,
    "total": 200,
    "error": None,
    "notes": [],
    "reps": [{"id": 1, "exercise": "squat", "count": 1, "progress": 0.3}],
    "files": [],
    "removed_in_s": None,
}
ERROR = _object({"error": _TEXT})

# Why an answer is an error, by code.
_WHY = {
    400: "The request is broken, such as a form without its end.",
    401: "A token is needed, or it is wrong.",
    403: "A page of another site may not ask.",
    404: "There is no such thing (any more).",
    408: "The body did not come in time.",
    413: "The body is too large, or has too many files.",
    421: "The server is not asked for under this name.",
    422: "A setting or a file is not what it should be; the sentence says which, and how to mend it.",
    429: "Too much waits already; Retry-After says when to try again.",
    501: "What this needs is not installed on the server.",
    503: "The server is being stopped.",
}


def responses(*codes: int, ok: Schema | None = None) -> dict[int | str, dict[str, Any]]:
    """Return the answers of a path: errors by their codes, and what it answers with."""
    found: dict[int | str, dict[str, Any]] = {
        code: {
            "description": _WHY[code],
            "content": {"application/json": {"schema": ERROR, "example": {"error": "one sentence"}}},
        }
        for code in sorted({400, 401, 403, 421, *codes})
    }
    return found | ({} if ok is None else {200: ok})


def answer(schema: Schema, example: Any, words: str, **others: Schema) -> Schema:
    """Return what is said of a good answer: JSON, and other kinds by their names with ``_`` for ``/``."""
    content: dict[str, Any] = {"application/json": {"schema": schema, "example": example}}
    content |= {name.replace("_", "/"): {"schema": one} for name, one in others.items()}
    return {"description": words, "content": content}


def predicted() -> Schema:
    """Return what is said of the answer to pictures."""
    either = {"oneOf": [RECORD, {"type": "array", "items": RECORD}]}
    words = "The record of one picture; of several a list, in their order. With annotated=1 the drawn picture."
    return answer(either, _EXAMPLE, words, image_jpeg={"type": "string", "format": "binary"})


def job() -> Schema:
    """Return what is said of a video."""
    return answer(JOB, _JOB_EXAMPLE, "The video, and how far it is.")


def pictures(settings: ServerSettings, models: list[str]) -> Schema:
    """Return what is said of a request with pictures."""
    known: dict[str, Schema] = {
        "model": {"enum": models, "default": models[0]},
        "annotated": {"type": "boolean", "default": False, "description": "Answer with the drawn picture (one only)."},
        "conf": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.25},
        "iou": {"type": "number", "minimum": 0, "maximum": 1},
        "imgsz": {"type": "integer", "minimum": 32, "maximum": settings.max_imgsz},
        "max_det": {"type": "integer", "minimum": 1, "default": 300},
        "classes": {
            "anyOf": [
                {"type": "string", "pattern": "^[0-9]+(,[0-9]+)*$"},
                {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1},
            ],
            "description": "Class numbers to keep: 0,2, or given several times",
        },
    }
    assert set(known) == {"model", "annotated", *PICTURE}
    image = {"type": "string", "format": "binary", "description": "JPEG, PNG, WebP, BMP or AVIF"}
    several = {"type": "array", "items": image, "minItems": 1, "maxItems": settings.max_images}
    return _request(known, {"image": several}, ("image/jpeg", "image/png", "image/webp"))


def videos(models: list[str]) -> Schema:
    """Return what is said of a request with a video."""
    known: dict[str, Schema] = {name: {} for name in VIDEO}
    known |= {
        "model": {"enum": models, "default": models[0]},
        "conf": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.1},
        "reps": {"type": "string", "description": "An exercise of /exercises, or auto", "example": "auto"},
        "gestures": {"type": "string", "description": "Sets of gestures: hands,numbers,body,moves", "example": "hands"},
        "annotated": {"type": "boolean", "default": True, "description": "Write the drawn video."},
        "zones": {"type": "string", "description": "Text of a TOML file of zones"},
    }
    for name in ("mirrored", "falls", "posture"):
        known[name] = {"type": "boolean", "default": False}
    return _request(known, {"video": {"type": "string", "format": "binary"}}, ("video/mp4", "application/octet-stream"))


def _request(known: dict[str, Schema], files: dict[str, Schema], raw: tuple[str, ...]) -> Schema:
    """Return settings as words of the query, and the same with the files as a form."""
    form = {"type": "object", "properties": {**files, **known}, "required": list(files)}
    content: dict[str, Any] = {"multipart/form-data": {"schema": form}}
    content |= {kind: {"schema": {"type": "string", "format": "binary"}} for kind in raw}
    return {
        "parameters": [{"name": name, "in": "query", "schema": schema} for name, schema in known.items()],
        "requestBody": {"required": True, "content": content},
    }


STREAM = """
## Live: `WS /stream`

To the server, text: `{"type": "settings", "model": "body-fast", "reps": "auto", ...}` (at any time; a new stream begins
when they differ), `{"type": "reset"}`, `{"type": "finish"}`. Binary: a JPEG, WebP or PNG frame, taken now; or the four
bytes `PSF1`, the time in seconds (float64), a number (uint32), both little-endian, and the frame.

From the server, text: `{"type": "ready", "model", "skeleton", "settings"}`, `{"type": "answer", "seq", "result",
"hands", "reps", "gestures", "events", "speed", "dropped"}`, `{"type": "finished", "events"}`,
`{"type": "error", "error", "seq"}`. The latest frame wins: one that comes while another is looked at replaces the one
that waits, and `dropped` tells how many were.

With a token: `Authorization: Bearer TOKEN`, or `?token=TOKEN` where headers cannot be set.
"""
