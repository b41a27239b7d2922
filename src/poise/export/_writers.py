"""One writer a format: each writes the file and returns how more can be said in it afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from poise import files
from poise.export import _onnx, _openvino
from poise.export._options import ExportOptions
from poise.export._pictures import Pictures
from poise.networks import Checkpoint, safetensors, save

Stamp = Callable[[dict[str, str]], None]
Writer = Callable[[Checkpoint, ExportOptions, Path, dict[str, str], Pictures], Stamp]


def _to_onnx(about: Checkpoint, options: ExportOptions, path: Path, said: dict[str, str], pictures: Pictures) -> Stamp:
    _onnx.save(path, _onnx.graph(about, options, said))
    if options.precision == "int8":
        _onnx.quantise(path, pictures.batches(options), options.format)
        _onnx.stamp(path, said)
    return lambda more: _onnx.stamp(path, more)


def _to_openvino(
    about: Checkpoint, options: ExportOptions, path: Path, said: dict[str, str], pictures: Pictures
) -> Stamp:
    onnx = path.with_name("graph.onnx")
    _to_onnx(about, options, onnx, said, pictures)
    _openvino.write(onnx, path, said, half=options.precision == "fp16")
    onnx.unlink()
    return lambda more: _openvino.stamp(path, said | more)


def _to_torchscript(
    about: Checkpoint, options: ExportOptions, path: Path, said: dict[str, str], pictures: Pictures
) -> Stamp:
    from poise.export import _torchscript

    del pictures
    _torchscript.write(about, options, path, said)
    return lambda more: _torchscript.stamp(path, said | more)


def _to_safetensors(
    about: Checkpoint, options: ExportOptions, path: Path, said: dict[str, str], pictures: Pictures
) -> Stamp:
    del pictures
    kind = np.float16 if options.precision == "fp16" else np.float32
    weights = {k: v.astype(kind) if v.dtype.kind == "f" else v for k, v in about.weights.items()}
    save(path, replace(about, imgsz=max(options.height, options.width), end2end=options.end2end), weights)

    def stamp(more: dict[str, str]) -> None:
        tensors, before = safetensors.read(path, files.read_bytes(path, most=files.MOST_NETWORK))
        safetensors.write(path, tensors, before | {"poise.precision": said["poise.precision"]} | more)

    return stamp


WRITERS: dict[str, Writer] = {
    "onnx": _to_onnx,
    "openvino": _to_openvino,
    "torchscript": _to_torchscript,
    "safetensors": _to_safetensors,
}
