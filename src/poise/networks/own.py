"""Our own format: safetensors, with everything about the network in its metadata as JSON text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from poise.errors import ModelError
from poise.networks.recognise import Found
from poise.networks.safetensors import write
from poise.skeletons.table import as_table, of_table

if TYPE_CHECKING:
    from poise.networks.checkpoint import Checkpoint

VERSION = 1
PREPROCESS = {
    "resize": "letterbox",
    "interpolation": "bilinear",
    "fill": 114,
    "multiple": 32,
    "channels": "RGB",
    "range": [0.0, 1.0],
}
# As many as a data set may name.
_MAX_SKELETON = 10_000
POSTPROCESS = {"conf": 0.25, "iou": 0.7, "max_det": 300}


def describe(path: Path, weights: dict[str, NDArray[Any]], metadata: Mapping[str, str]) -> Found:
    """Read what :func:`save` wrote. Other safetensors files with a network's weights are taken as a plain state dict.

    Raises:
        ModelError: Metadata that is not what it should be.
    """
    if "poise" not in metadata:
        return Found("state_dict", weights)
    try:
        about = json.loads(metadata["poise"])
        version = about["version"]
        if version != VERSION:
            raise ModelError(f"{path}: format version {version}, this Poise reads {VERSION}; a newer Poise may read it")
        bones = about["skeleton"]
        if max(len(bones[name]) for name in ("keypoints", "edges", "flip_idx", "sigmas", "subsets")) > _MAX_SKELETON:
            raise ValueError(f"a skeleton of more than {_MAX_SKELETON} points, edges or subsets")
        skeleton = of_table(bones)
        unit = about["unit_std"]
        training = about["training"]
        k, values = about["kpt_shape"]
        if len(skeleton) != k:
            raise ValueError(f"a skeleton of {len(skeleton)} keypoints for kpt_shape {[k, values]}")
        return Found(
            format="poise",
            weights=weights,
            names={int(i): str(n) for i, n in about["names"].items()},
            kpt_shape=(k, values),
            skeleton=skeleton,
            unit_std=None if unit is None else (float(unit[0]), float(unit[1])),
            end2end=bool(about["end2end"]),
            bn_eps=float(about["bn_eps"]),
            imgsz=int(about["imgsz"]),
            licence=str(about["licence"]),
            date=str(about["date"]),
            version=str(about["writer"]),
            description=str(about["description"]),
            train_args=dict(training["args"]),
            train_metrics={str(k): float(v) for k, v in training["metrics"].items()},
            train_results={str(k): list(v) for k, v in training["results"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError, ArithmeticError) as error:
        raise ModelError(f"{path}: metadata 'poise' cannot be used: {type(error).__name__}: {error}") from error


def save(path: str | Path, checkpoint: Checkpoint, weights: Mapping[str, NDArray[Any]] | None = None) -> Path:
    """Write a checkpoint in our format; readable with numpy alone, or any safetensors reader.

    Args:
        path: Where to; must end in ``.safetensors``.
        checkpoint: What the network is.
        weights: Other weights than the checkpoint's own, such as a trained network's ``state_dict`` as arrays.

    Raises:
        ModelError: The path ends otherwise or cannot be written.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise ModelError(f"{path}: a network is saved as .safetensors, not {path.suffix or 'without ending'}")
    write(path, checkpoint.weights if weights is None else weights, {"format": "pt", "poise": text(checkpoint)})
    return path


def text(checkpoint: Checkpoint) -> str:
    """Return everything about a network but its weights, as the JSON text that our files hold."""
    about = {
        "version": VERSION,
        "family": checkpoint.family,
        "scale": checkpoint.scale,
        "names": {str(i): n for i, n in checkpoint.names.items()},
        "kpt_shape": list(checkpoint.kpt_shape),
        "skeleton": as_table(checkpoint.skeleton),
        "strides": list(checkpoint.strides),
        "imgsz": checkpoint.imgsz,
        "end2end": checkpoint.end2end,
        "bn_eps": checkpoint.bn_eps,
        "unit_std": None if checkpoint.unit_std is None else list(checkpoint.unit_std),
        "preprocess": PREPROCESS,
        "postprocess": POSTPROCESS,
        "licence": checkpoint.licence,
        "date": checkpoint.date,
        "writer": checkpoint.version,
        "description": checkpoint.description,
        "training": {
            "args": dict(checkpoint.train_args),
            "metrics": dict(checkpoint.train_metrics),
            "results": dict(checkpoint.train_results),
        },
    }
    return json.dumps(about, ensure_ascii=False, separators=(",", ":"))
