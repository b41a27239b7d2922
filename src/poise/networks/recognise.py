"""What a checkpoint's file says, and what the names and shapes of its weights do. No torch here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import ModelError
from poise.networks.architectures import FAMILIES, plan
from poise.skeletons import Skeleton

_OWN_CONV = {"Conv": "conv.weight", "Upsample": "", "Concat": "", "Head": ""}


@dataclass(frozen=True, slots=True)
class Found:
    """What a file says, before it is held against its weights; see :class:`poise.networks.Checkpoint`."""

    format: str
    weights: dict[str, NDArray[Any]]
    names: dict[int, str] = field(default_factory=dict)
    kpt_shape: Any = None
    kpt_names: list[str] | None = None
    kpt_sigmas: list[float] | None = None
    skeleton: Skeleton | None = None
    unit_std: tuple[float, float] | None = None
    end2end: bool = False
    bn_eps: float = 1e-3
    imgsz: int = 640
    licence: str = ""
    date: str = ""
    version: str = ""
    description: str = ""
    train_args: dict[str, Any] = field(default_factory=dict)
    train_metrics: dict[str, float] = field(default_factory=dict)
    train_results: dict[str, list[Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Identity:
    """What weights say about their network.

    Attributes:
        family: Such as ``"yolo11"``.
        scale: Size letter.
        nc: Number of classes.
        rows: Numbers a cell for keypoints: K * D.
        points: K, where the weights tell it (YOLO26 with sigma), else None.
        fused: Batch norms are folded into convolutions.
        branches: The head's branches that are there.
        sigma: The sigma convolutions are there.
        flow: The flow is there.
    """

    family: str
    scale: str
    nc: int
    rows: int
    points: int | None
    fused: bool
    branches: tuple[str, ...]
    sigma: bool
    flow: bool


def identify(weights: Mapping[str, NDArray[Any]], *, name: str) -> Identity:
    """Recognise a YOLO-pose network.

    Args:
        weights: Tensor name to tensor.
        name: How errors call the file.

    Raises:
        ModelError: The weights are of another task or family, or of a type that no network has.
    """
    _check_types(weights, name)
    indices = [int(m[1]) for key in weights if (m := re.match(r"model\.(\d{1,4})\.", key))]
    if not indices:
        first = ", ".join(list(weights)[:3]) or "none"
        raise ModelError(f"{name}: not the weights of a YOLO network: no tensor is named 'model.0.…' (first: {first})")
    last = max(indices)
    head = f"model.{last}."
    parts = {key[len(head) :].split(".", 1)[0] for key in weights if key.startswith(head)}
    _check_task(parts, name)
    prefix = "" if "cv2" in parts else "one2one_"
    family = _family(weights, head, prefix, last, parts, name)
    scale = _scale(weights, family, name)
    _check_layers(weights, family, scale, name)
    points = _rows(weights, f"{head}{prefix}cv4_sigma.0.weight")
    return Identity(
        family=family,
        scale=scale,
        nc=_rows(weights, f"{head}{prefix}cv3.0.2.weight"),
        rows=_rows(weights, f"{head}{prefix}cv4_kpts.0.weight") or _rows(weights, f"{head}{prefix}cv4.0.2.weight"),
        points=points // 2 or None,
        fused=not any(".bn." in key for key in weights),
        branches=tuple(b for b, key in (("one2many", "cv2"), ("one2one", "one2one_cv2")) if key in parts),
        sigma=points > 0,
        flow="flow_model" in parts,
    )


def kpt_shape(found: Identity, given: Any, *, name: str) -> tuple[int, int]:
    """Return keypoints and values a keypoint, from what the file says or else from the weights.

    Raises:
        ModelError: The two do not agree, or the weights alone leave two answers.
    """
    if given is not None:
        if not isinstance(given, list | tuple) or len(given) != 2 or not all(type(v) is int for v in given):
            raise ModelError(f"{name}: kpt_shape must be two whole numbers, got {str(given)[:60]}")
        k, values = given
        if values not in (2, 3) or k * values != found.rows or (found.points or k) != k:
            raise ModelError(
                f"{name}: kpt_shape {[k, values]} does not fit weights with {found.rows} numbers for keypoints"
            )
        return k, values
    if found.points:
        return found.points, found.rows // found.points
    fits = [(found.rows // values, values) for values in (3, 2) if found.rows % values == 0]
    if found.rows == 51 or len(fits) == 1:
        return fits[0]
    raise ModelError(
        f"{name}: the weights alone do not tell kpt_shape: {found.rows} numbers for keypoints may be any of "
        f"{[list(f) for f in fits]}; give it as kpt_shape"
    )


def _check_types(weights: Mapping[str, NDArray[Any]], name: str) -> None:
    for key, value in weights.items():
        if value.dtype.kind != "f" and not key.endswith("num_batches_tracked"):
            raise ModelError(f"{name}: tensor {key!r} is {value.dtype}, expected float16, bfloat16, float32 or float64")


def _check_task(parts: set[str], name: str) -> None:
    other = ""
    if "linear" in parts:
        other = "a classification"
    elif "proto" in parts:
        other = "a segmentation"
    elif parts & {"cv2", "one2one_cv2"} and not parts & {"cv4", "one2one_cv4"}:
        other = "a detection"
    elif not parts & {"cv2", "one2one_cv2"}:
        raise ModelError(
            f"{name}: the last layer holds {', '.join(sorted(parts))}; a YOLO-pose head holds cv2, cv3 and cv4. "
            f"Known families: {', '.join(FAMILIES)}"
        )
    if other:
        raise ModelError(f"{name}: {other} network; Poise runs pose networks ({', '.join(FAMILIES)})")


def _family(weights: Mapping[str, NDArray[Any]], head: str, prefix: str, last: int, parts: set[str], name: str) -> str:
    depthwise = f"{head}{prefix}cv3.0.0.0.conv.weight" in weights
    if "cv4_kpts" in parts or "one2one_cv4_kpts" in parts:
        family = "yolo26"
    elif "dfl" in parts:
        family = "yolo11" if depthwise else "yolov8"
    else:
        family = ""
    if family and last == len(FAMILIES[family].rows) - 1:
        if _rows(weights, f"{head}{prefix}cv4.0.2.weight") == 1:
            raise ModelError(f"{name}: a network for oriented boxes; Poise runs pose networks ({', '.join(FAMILIES)})")
        return family
    raise ModelError(
        f"{name}: a network of an unsupported family ({last + 1} layers, head parts {', '.join(sorted(parts))}); "
        f"known: {', '.join(FAMILIES)}"
    )


def _scale(weights: Mapping[str, NDArray[Any]], family: str, name: str) -> str:
    """A size is known by the width of the first layer and the depth of the third."""
    width = _rows(weights, "model.0.conv.weight")
    depth = sum(1 for i in range(8) if f"model.2.m.{i}.cv1.conv.weight" in weights)
    known = {}
    for scale in FAMILIES[family].scales:
        layers = plan(family, scale)
        known[scale] = (layers[0].channels, layers[2].repeats)
        if known[scale] == (width, depth):
            return scale
    raise ModelError(
        f"{name}: no size of {family} has {width} channels in layer 0 and {depth} blocks in layer 2; known: "
        + ", ".join(f"{scale} {w}/{d}" for scale, (w, d) in known.items())
    )


def _check_layers(weights: Mapping[str, NDArray[Any]], family: str, scale: str, name: str) -> None:
    for layer in plan(family, scale):
        key = f"model.{layer.index}." + _OWN_CONV.get(layer.block, "cv2.conv.weight")
        if key.endswith(".weight") and _rows(weights, key) != layer.channels:
            found = _rows(weights, key) or "no"
            raise ModelError(
                f"{name}: layer {layer.index} is not {family}{scale}-pose's: {key} has {found} rows, expected "
                f"{layer.channels} ({layer.block}); a changed architecture is not supported"
            )


def _rows(weights: Mapping[str, NDArray[Any]], key: str) -> int:
    value = weights.get(key)
    return int(np.shape(value)[0]) if value is not None and np.ndim(value) else 0
