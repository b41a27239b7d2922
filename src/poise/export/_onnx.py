"""ONNX files: written from a checkpoint, quantised by onnxruntime."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from poise import files
from poise.errors import ModelError, require
from poise.export._options import ExportOptions
from poise.export._suppress import suppress
from poise.extras import engines
from poise.files.writing import write_all
from poise.graphs import stamped
from poise.networks import Checkpoint, write_graph


def graph(about: Checkpoint, options: ExportOptions, said: Mapping[str, str]) -> bytes:
    """Return a network as an ONNX file in single or half precision.

    Args:
        about: The network.
        options: What the file shall be.
        said: Metadata.
    """
    return write_graph(
        about,
        said,
        end2end=options.end2end,
        sigma=options.sigma,
        shape=options.shape,
        opset=options.opset,
        half=options.precision == "fp16" and options.format == "onnx",
        finish=partial(suppress, classes=about.nc, options=options) if options.nms else None,
    )


def save(path: Path, data: bytes) -> None:
    """Write a file whole."""
    with path.open("wb", buffering=0) as file:
        write_all(file, memoryview(data))


def stamp(path: Path, said: Mapping[str, str]) -> None:
    """Set the metadata of a file."""
    save(path, stamped(files.read_bytes(path, most=files.MOST_NETWORK), said))


# What is computed in 8 bits, by the format of the file. onnxruntime has kernels for all of these; joined maps stay as
# fine as each was, since one range for all of them trebles the error of a keypoint. OpenVINO fuses activation functions
# into the 8-bit convolutions by itself, and is a sixth slower where they are 8 bits of their own.
_QUANTISED = {"onnx": ("Conv", "Sigmoid", "Mul", "Add", "Split", "MaxPool", "Resize"), "openvino": ("Conv",)}


def quantise(path: Path, batches: Any, format: str) -> None:
    """Turn a float network's convolutions, and for onnxruntime what lies between them, into 8-bit ones, in place.

    Activations are unsigned and have one range a tensor, weights are signed and have one a channel: what the VNNI
    instructions of a CPU multiply. Ranges come from running the float network over the calibration pictures.

    In onnxruntime activation functions, sums and resizes go with the convolutions: else each map is turned to float and
    back between two convolutions, which takes a third of the time (benchmarks/int8_limits.py).

    The head's last convolutions and all behind them stay float: their outputs are coordinates, scores and sigmas
    themselves, not features. That halves the error of a keypoint and is faster besides. Keeping attention float as well
    changes nothing that can be measured; keeping the whole head float halves the error again, and loses most of the
    speed (benchmarks/export.py).

    Args:
        path: The network.
        batches: Iterable of inputs ``(B, 3, H, W)``.
        format: What it becomes: ``"onnx"`` or ``"openvino"``.

    Raises:
        ModelError: There is nothing to calibrate with.
    """
    onnx: Any = require("onnx", extra="export", feature="precision 'int8'")
    quantization: Any = engines.load("onnxruntime.quantization")
    model = onnx.load(str(path))
    kept = _with_all_behind(model.graph.node, _last_convolutions(model.graph.node))
    reader = _Reader(batches)
    if reader.first is None:
        raise ModelError("precision 'int8' needs pictures to calibrate with; give data=FOLDER or a data YAML")
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    part = path.with_suffix(".int8.onnx")
    try:
        quantization.quantize_static(
            str(path),
            str(part),
            reader,
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=list(_QUANTISED[format]),
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=quantization.CalibrationMethod.MinMax,
            nodes_to_exclude=kept,
        )
    finally:
        root.setLevel(level)
    part.replace(path)


def _last_convolutions(nodes: Sequence[Any]) -> set[str]:
    """Return those of the head without norm and activation; those with a norm are named ``model.23.cv2.0.0.conv``."""
    names = [node.name for node in nodes if node.op_type == "Conv"]
    layer = {name: int(found[1]) for name in names if (found := re.match(r"model\.(\d+)\.", name))}
    head = max(layer.values(), default=-1)
    return {name for name in layer if layer[name] == head and (".dfl." in name or not name.endswith(".conv"))}


def _with_all_behind(nodes: Sequence[Any], names: set[str]) -> list[str]:
    """Return these nodes and all that take what they give, however far; nodes are in the order of their running."""
    reached: set[str] = set()
    found = []
    for node in nodes:
        if node.name in names or reached.intersection(node.input):
            reached.update(node.output)
            found.append(node.name)
    return found


class _Reader:
    """Hands batches to onnxruntime's calibration, one a call."""

    def __init__(self, batches: Any) -> None:
        self._batches = iter(batches)
        self.first = next(self._batches, None)
        self._next = self.first

    def get_next(self) -> dict[str, Any] | None:
        """Return the next feed, or None at the end."""
        batch, self._next = self._next, next(self._batches, None)
        return None if batch is None else {"images": batch}
