"""ONNX files: written from a checkpoint, quantised by onnxruntime."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
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


def quantise(path: Path, batches: Any) -> None:
    """Turn the convolutions of a float network into 8-bit ones, in place.

    Activations are unsigned and have one range a tensor, weights are signed and have one a channel: what the VNNI
    instructions of a CPU multiply. Ranges come from running the float network over the calibration pictures.

    The head's last convolutions stay float: their outputs are coordinates, scores and sigmas themselves, not features.
    That halves the error of a keypoint and is faster besides. Keeping attention float as well changes nothing that can
    be measured; keeping the whole head float halves the error again, and loses most of the speed
    (benchmarks/export.py).

    Args:
        path: The network.
        batches: Iterable of inputs ``(B, 3, H, W)``.

    Raises:
        ModelError: There is nothing to calibrate with.
    """
    onnx: Any = require("onnx", extra="export", feature="precision 'int8'")
    quantization: Any = engines.load("onnxruntime.quantization")
    model = onnx.load(str(path))
    kept = _last_convolutions([node.name for node in model.graph.node if node.op_type == "Conv"])
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
            op_types_to_quantize=["Conv"],
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=quantization.CalibrationMethod.MinMax,
            nodes_to_exclude=kept,
        )
    finally:
        root.setLevel(level)
    part.replace(path)


def _last_convolutions(names: list[str]) -> list[str]:
    """Return those of the head without norm and activation; those with a norm are named ``model.23.cv2.0.0.conv``."""
    layer = {name: int(found[1]) for name in names if (found := re.match(r"model\.(\d+)\.", name))}
    head = max(layer.values(), default=-1)
    return [name for name in layer if layer[name] == head and (".dfl." in name or not name.endswith(".conv"))]


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
