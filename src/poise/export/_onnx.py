"""ONNX files: traced by torch, tidied by onnxruntime, quantised by onnxruntime."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from poise.errors import ModelError, require
from poise.export._graph import Graph
from poise.export._what import Wish
from poise.extras import engines

onnxruntime: Any = engines.load("onnxruntime")

# A file of the protobuf format ends at 2 GiB; the largest network here has 250 MB.
_FREE = ("batch", "height", "width")


def write(graph: Graph, wish: Wish, path: Path, said: Mapping[str, str], *, rows: Mapping[str, int]) -> None:
    """Write a network as ONNX.

    The tracer, not the newer exporter through ``torch.export``: the graph is the same after tidying, node for node, and
    takes one second instead of five to twenty.

    Args:
        graph: What to trace.
        wish: What the file shall be.
        path: Where to.
        said: Metadata.
        rows: How many numbers each output has for an instance.
    """
    require("onnx", extra="export", feature="format 'onnx'")
    names = ["output0", *(["sigma"] if wish.sigma else [])]
    free: dict[str, dict[int, str]] = {}
    if wish.dynamic:
        free["images"] = {0: _FREE[0], 2: _FREE[1], 3: _FREE[2]}
        axes = {0: _FREE[0]} if wish.nms else {0: _FREE[0], (1 if wish.end2end else 2): "rows"}
        free |= dict.fromkeys(names, axes)
    picture = torch.zeros(wish.batch, 3, wish.height, wish.width)
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                graph,
                (picture,),
                str(path),
                input_names=["images"],
                output_names=names,
                opset_version=wish.opset,
                dynamic_axes=free or None,
                dynamo=False,
            )
    finally:
        quiet.setLevel(level)
    if wish.simplify:
        tidy(path)
    if wish.dynamic:
        _name_axes(path, wish, rows)
    stamp(path, said)


def _name_axes(path: Path, wish: Wish, rows: Mapping[str, int]) -> None:
    """Say which axes of the outputs are free, and how long the others are; the tracer loses sight of both."""
    import onnx

    model = onnx.load(str(path))
    for output in model.graph.output:
        count = rows[output.name]
        shape: list[int | str | None] = [_FREE[0], count, "anchors"]
        if wish.selected:
            shape = [_FREE[0], wish.max_det if wish.nms else "rows", count]
        kind = output.type.tensor_type.elem_type
        output.CopyFrom(onnx.helper.make_tensor_value_info(output.name, kind, shape))
    onnx.save(model, str(path))


def tidy(path: Path) -> None:
    """Fold constants and remove what does nothing, in place; only standard operations remain."""
    import onnx

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3
    part = path.with_suffix(".tidy.onnx")
    options.optimized_model_filepath = str(part)
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    model = onnx.load(str(part))
    part.unlink()
    used = {node.domain for node in model.graph.node}
    if used - {""}:
        return  # an operation of onnxruntime's own, which no other engine has: keep the graph as it was
    kept = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    onnx.save(model, str(path))


def stamp(path: Path, said: Mapping[str, str]) -> None:
    """Set the metadata of a file."""
    import onnx

    model = onnx.load(str(path))
    before = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(model, before | dict(said))
    model.producer_name, model.producer_version = "poise", said.get("poise.version", "")
    onnx.save(model, str(path))


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
    import onnx

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
    """Return those of the head without norm and activation, by the tracer's names: ``/network/model.23/cv2.0/…``."""
    layer = {name: int(found[1]) for name in names if (found := re.search(r"/model\.(\d+)/", name))}
    head = max(layer.values(), default=-1)
    return [name for name in layer if layer[name] == head and ("/dfl/" in name or not name.endswith("/conv/Conv"))]


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
