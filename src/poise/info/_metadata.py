"""What a network file says of itself: literals and JSON in its metadata, never code."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from poise.info.onnxfile import Value
from poise.runtime.metadata import read_literal

_SIDE = 640
_MOST_JSON = 4 << 20
_BRIEF = 200
_TRAINING = ("model", "data", "epochs", "batch", "imgsz", "optimizer", "lr0", "seed", "pretrained")


def said(meta: Mapping[str, str], path: Path) -> dict[str, Any]:
    """Return what metadata says, under the names of ``Info``."""
    names = _literal(meta, "names", path)
    if isinstance(names, list | tuple):
        names = dict(enumerate(names))
    shape = _literal(meta, "kpt_shape", path)
    listed = _literal(meta, "kpt_names", path)
    if isinstance(listed, dict):
        listed = next(iter(listed.values()), None)
    bones = as_json(meta.get("poise.skeleton", ""))
    proof = as_json(meta.get("poise.certificate", ""))
    training = as_json(meta.get("poise.training", ""))
    arguments = training.get("args") if isinstance(training.get("args"), dict) else {}
    metrics = training.get("metrics") if isinstance(training.get("metrics"), dict) else {}
    kept = ("passed", "precision", "detections", "lost", "gained", "point_max", "ap_before", "ap_after")
    return {
        "family": meta.get("family", ""),
        "scale": meta.get("scale", ""),
        "task": meta.get("task", ""),
        "names": {int(k): str(v) for k, v in names.items() if isinstance(k, int)} if isinstance(names, dict) else {},
        "kpt_shape": tuple(shape) if _is_pair(shape) else None,
        "skeleton": str(bones.get("name", "")),
        "keypoints": tuple(str(v) for v in listed) if isinstance(listed, list | tuple) else (),
        "end2end": {"true": True, "false": False}.get(meta.get("end2end", "").lower()),
        "licence": meta.get("license") or meta.get("licence", ""),
        "version": meta.get("version", ""),
        "date": meta.get("date", ""),
        "description": meta.get("description", ""),
        "origin": meta.get("poise.origin") or meta.get("origin", ""),
        "training": short(arguments or {}) | {k: brief(v) for k, v in (metrics or {}).items() if "mAP50-95" in str(k)},
        "certificate": {k: brief(proof[k]) for k in kept if k in proof},
    }


def short(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a training that tell most."""
    return {k: brief(arguments[k]) for k in _TRAINING if k in arguments}


def brief(value: Any, depth: int = 0) -> Any:
    """Return a value of metadata as short as a table can show it: long texts and what lies deep become "…"."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value if len(value) <= _BRIEF else value[:_BRIEF] + "…"
    if isinstance(value, list | tuple) and depth < 3 and len(value) <= _BRIEF:
        return [brief(v, depth + 1) for v in value]
    if isinstance(value, dict) and depth < 3 and len(value) <= _BRIEF:
        return {str(k): brief(v, depth + 1) for k, v in value.items()}
    return "…"


def picture_size(meta: Mapping[str, str], inputs: tuple[Value, ...]) -> tuple[int, int]:
    """Return height and width: as the input is, else as the metadata says."""
    for value in inputs:
        if len(value.shape) == 4:
            # Networks that come from TensorFlow have the channels last.
            height, width = value.shape[1:3] if value.shape[3] == 3 and value.shape[1] != 3 else value.shape[2:]
            if isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0:
                return height, width
    try:
        side = ast.literal_eval(meta.get("imgsz", "")[:100] or "0")
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        side = None
    if isinstance(side, int) and 0 < side < 1 << 16:
        return side, side
    return (side[0], side[1]) if _is_pair(side) else (_SIDE, _SIDE)


def _is_pair(value: Any) -> bool:
    return (
        isinstance(value, list | tuple) and len(value) == 2 and all(type(v) is int and 0 < v < 1 << 16 for v in value)
    )


def _literal(meta: Mapping[str, str], key: str, path: Path) -> Any:
    return read_literal(meta[key], key, path) if meta.get(key) else None


def as_json(text: str) -> dict[str, Any]:
    """Return a JSON object, empty where the text is none."""
    try:
        table = json.loads(text) if text and len(text) <= _MOST_JSON else {}
    except (ValueError, RecursionError):
        return {}
    return table if isinstance(table, dict) else {}
