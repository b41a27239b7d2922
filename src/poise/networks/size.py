"""How large a network is and how much it computes, from the shapes of its weights. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from poise.networks.architectures import STRIDES, plan

_NOT_TRAINED = (
    "running_mean",
    "running_var",
    "num_batches_tracked",
    "flow_model.loc",
    "flow_model.cov",
    "flow_model.mask",
)
_BINS = 16


@dataclass(frozen=True, slots=True)
class Cost:
    """Layers, trained numbers, and billions of operations a picture (a multiplication with addition counts two)."""

    layers: int
    parameters: int
    gflops: float


def cost(weights: Mapping[str, Any], family: str, scale: str, imgsz: int = 640) -> Cost:
    """Count a network as its weights are: with both branches and batch norms, or folded and without.

    Convolutions, batch norms (four multiplications a number, as profilers count them) and the products inside attention
    count; activations, pooling and decoding do not. What runs only in training (sigma's convolutions, the flow) has
    parameters but no operations.

    Args:
        weights: Tensor name to anything with a ``shape``.
        family: Such as ``"yolo11"``.
        scale: Size letter.
        imgsz: Side of a square picture, pixels.
    """
    layers = plan(family, scale)
    parameters = operations = 0
    for key, value in weights.items():
        shape = tuple(value.shape)
        parameters += 0 if key.endswith(_NOT_TRAINED) else prod(shape)
        if not key.endswith(".weight") or "flow_model" in key or "cv4_sigma" in key:
            continue
        layer = layers[int(key.split(".")[1])]
        if ".dfl." in key:
            operations += 4 * _BINS * sum(_cells(imgsz, s) for s in STRIDES)
            continue
        cells = _cells(imgsz, STRIDES[int(key.split(".")[3])] if layer.block == "Head" else layer.reduction)
        operations += prod(shape) * cells if len(shape) == 4 else 4 * shape[0] * cells
        if ".qkv.conv." in key:
            values = shape[1]
            keys = (shape[0] - values) // 2
            operations += cells * cells * (keys + values)
    return Cost(len(layers), parameters, 2 * operations / 1e9)


def _cells(imgsz: int, stride: int) -> int:
    return (imgsz // stride) ** 2
