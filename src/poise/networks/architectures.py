"""The networks as tables: one row a layer, one table a family. No torch here.

Source: the published model descriptions of YOLOv8 (2023), YOLO11 (2024) and YOLO26 (2025), written down as facts:
block, base width, repeats and wiring of every layer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from poise.errors import suggest

STRIDES = (8, 16, 32)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table, before scaling.

    Attributes:
        block: Name of the block in ``blocks.py``, or ``"Head"``.
        channels: Output channels at width 1; 0 for blocks that do not choose them.
        repeats: Inner repeats at depth 1.
        source: Layers whose outputs are the input; -1 is the layer before.
        options: Further arguments of the block.
    """

    block: str
    channels: int = 0
    repeats: int = 1
    source: tuple[int, ...] = (-1,)
    options: Mapping[str, Any] = field(default_factory=dict)


def _row(block: str, channels: int = 0, repeats: int = 1, source: tuple[int, ...] = (-1,), **options: Any) -> Row:
    return Row(block, channels, repeats, source, options)


_V8 = (
    _row("Conv", 64, stride=2),
    _row("Conv", 128, stride=2),
    _row("C2f", 128, 3, add=True),
    _row("Conv", 256, stride=2),
    _row("C2f", 256, 6, add=True),
    _row("Conv", 512, stride=2),
    _row("C2f", 512, 6, add=True),
    _row("Conv", 1024, stride=2),
    _row("C2f", 1024, 3, add=True),
    _row("SPPF", 1024),
    _row("Upsample"),
    _row("Concat", source=(-1, 6)),
    _row("C2f", 512, 3),
    _row("Upsample"),
    _row("Concat", source=(-1, 4)),
    _row("C2f", 256, 3),
    _row("Conv", 256, stride=2),
    _row("Concat", source=(-1, 12)),
    _row("C2f", 512, 3),
    _row("Conv", 512, stride=2),
    _row("Concat", source=(-1, 9)),
    _row("C2f", 1024, 3),
    _row("Head", source=(15, 18, 21)),
)

_BACKBONE_11 = (
    _row("Conv", 64, stride=2),
    _row("Conv", 128, stride=2),
    _row("C3k2", 256, 2, e=0.25),
    _row("Conv", 256, stride=2),
    _row("C3k2", 512, 2, e=0.25),
    _row("Conv", 512, stride=2),
    _row("C3k2", 512, 2, c3k=True),
    _row("Conv", 1024, stride=2),
    _row("C3k2", 1024, 2, c3k=True),
)

_V11 = (
    *_BACKBONE_11,
    _row("SPPF", 1024),
    _row("C2PSA", 1024, 2),
    _row("Upsample"),
    _row("Concat", source=(-1, 6)),
    _row("C3k2", 512, 2),
    _row("Upsample"),
    _row("Concat", source=(-1, 4)),
    _row("C3k2", 256, 2),
    _row("Conv", 256, stride=2),
    _row("Concat", source=(-1, 13)),
    _row("C3k2", 512, 2),
    _row("Conv", 512, stride=2),
    _row("Concat", source=(-1, 10)),
    _row("C3k2", 1024, 2, c3k=True),
    _row("Head", source=(16, 19, 22)),
)

_V26 = (
    *_BACKBONE_11,
    _row("SPPF", 1024, linear=True, add=True),
    _row("C2PSA", 1024, 2),
    _row("Upsample"),
    _row("Concat", source=(-1, 6)),
    _row("C3k2", 512, 2, c3k=True),
    _row("Upsample"),
    _row("Concat", source=(-1, 4)),
    _row("C3k2", 256, 2, c3k=True),
    _row("Conv", 256, stride=2),
    _row("Concat", source=(-1, 13)),
    _row("C3k2", 512, 2, c3k=True),
    _row("Conv", 512, stride=2),
    _row("Concat", source=(-1, 10)),
    _row("C3k2", 1024, 1, c3k=True, attention=True),
    _row("Head", source=(16, 19, 22)),
)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of a table's depth and width one size of it has."""

    depth: float
    width: float
    most: int
    deep: bool = False  # every C3k2 takes its deeper inner block


@dataclass(frozen=True, slots=True)
class Family:
    """A table, its sizes, and what its head is like.

    Attributes:
        rows: The layers.
        scales: Size letter to scale.
        head: Name that the family's exported networks give their head.
        bins: Box distances are a distribution over this many bins; 1: a plain number.
        depthwise: The class branch is made of depthwise convolutions.
        branches: The head's branches, the default first.
    """

    rows: tuple[Row, ...]
    scales: Mapping[str, Scale]
    head: str
    bins: int
    depthwise: bool
    branches: tuple[str, ...]


_SCALES_V8 = {
    "n": Scale(0.33, 0.25, 1024),
    "s": Scale(0.33, 0.50, 1024),
    "m": Scale(0.67, 0.75, 768),
    "l": Scale(1.00, 1.00, 512),
    "x": Scale(1.00, 1.25, 512),
}
_SCALES_11 = {
    "n": Scale(0.50, 0.25, 1024),
    "s": Scale(0.50, 0.50, 1024),
    "m": Scale(0.50, 1.00, 512, deep=True),
    "l": Scale(1.00, 1.00, 512, deep=True),
    "x": Scale(1.00, 1.50, 512, deep=True),
}

FAMILIES = {
    "yolov8": Family(_V8, _SCALES_V8, "Pose", bins=16, depthwise=False, branches=("one2many",)),
    "yolo11": Family(_V11, _SCALES_11, "Pose", bins=16, depthwise=True, branches=("one2many",)),
    "yolo26": Family(_V26, _SCALES_11, "Pose26", bins=1, depthwise=True, branches=("one2many", "one2one")),
}


def named(name: str) -> tuple[str, str] | None:
    """Return family and size that a name without weights means, or None.

    Example:
        >>> named("yolo26n-pose"), named("yolo11s-pose.yaml"), named("best.pt")
        (('yolo26', 'n'), ('yolo11', 's'), None)
    """
    found = re.fullmatch(rf"({'|'.join(FAMILIES)})([a-z])-pose(\.yaml)?", name)
    return (found[1], found[2]) if found and found[2] in FAMILIES[found[1]].scales else None


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a network, scaled.

    Attributes:
        index: Its place in the network.
        block: Name of the block.
        source: Absolute indices of the layers that feed it; -1 is the picture.
        inputs: Channels of each of these.
        channels: Output channels; -1 for the head.
        repeats: Inner repeats.
        reduction: Input pixels per output cell along a side.
        options: Further arguments of the block.
    """

    index: int
    block: str
    source: tuple[int, ...]
    inputs: tuple[int, ...]
    channels: int
    repeats: int
    reduction: int
    options: Mapping[str, Any]


def plan(family: str, scale: str) -> tuple[Layer, ...]:
    """Scale a family's table.

    Raises:
        ValueError: A family or size that is not known.
    """
    if family not in FAMILIES:
        raise ValueError(f"no family named {family!r}{suggest(family, FAMILIES)}")
    chosen = FAMILIES[family]
    if scale not in chosen.scales:
        raise ValueError(f"no size {scale!r} of {family}; known: {', '.join(chosen.scales)}")
    size = chosen.scales[scale]
    channels, reductions = {-1: 3}, {-1: 1}
    layers = []
    for i, row in enumerate(chosen.rows):
        source = tuple(i - 1 if s == -1 else s for s in row.source)
        inputs = tuple(channels[s] for s in source)
        options = dict(row.options)
        if row.block == "C3k2" and size.deep:
            options["c3k"] = True
        if row.block == "Head":
            channels[i] = -1
        elif row.channels:
            channels[i] = 8 * ceil(min(row.channels, size.most) * size.width / 8)
        else:
            channels[i] = sum(inputs)
        repeats = max(round(row.repeats * size.depth), 1)
        reductions[i] = reductions[source[0]] * options.get("stride", 1) // (2 if row.block == "Upsample" else 1)
        layers.append(Layer(i, row.block, source, inputs, channels[i], repeats, reductions[i], options))
    return tuple(layers)
