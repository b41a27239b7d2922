"""Look into a file of any kind."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

from poise import files
from poise.errors import ModelError
from poise.files.networks import read_network, refuse_pointer
from poise.info._info import Info
from poise.info._metadata import brief, picture_size, said, short
from poise.info._openvino import openvino
from poise.info._usage import pose_usage, usage
from poise.info.onnxfile import OnnxFile, Value, read_onnx
from poise.networks import cost
from poise.networks.checkpoint import parse_checkpoint
from poise.runtime import fastest
from poise.runtime.metadata import read_config

_WORDS = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16", "float64": "fp64"}


def info(path: str | Path) -> Info:
    """Say what a network file is, without running it and without torch or ONNX.

    Args:
        path: A ``.pt``, ``.safetensors``, ``.onnx``, ``.xml`` or ``.torchscript`` file, or OpenVINO's folder.

    Raises:
        ModelError: There is no such file, or it is damaged or of an unknown kind.
    """
    found = _look(Path(path))
    ways = {"openvino": "openvino", "torchscript": "torch", "onnx": "onnxruntime"}
    return replace(found, engine=ways.get(found.format) or _engine())


def _engine() -> str:
    """Say what runs a checkpoint: the fastest engine that is installed."""
    plain, allowed = fastest() or "", fastest(precision="auto")
    return plain if allowed == plain else f"{plain}; {allowed} with precision 'auto'"


def _look(path: Path) -> Info:
    if path.is_dir():
        found = sorted(path.glob("*.xml"))
        if not found:
            raise ModelError(f"{path}: a folder without an .xml file, expected OpenVINO's folder or a network file")
        return openvino(found[0])
    if path.suffix.lower() == ".xml":
        return openvino(path)
    refuse_pointer(path, ModelError)
    data = read_network(path)
    sha = hashlib.sha256(data).hexdigest()
    if path.suffix.lower() == ".onnx":
        return _onnx(path, data, sha)
    if data[:4] == b"PK\x03\x04" and _is_program(path):
        return _torchscript(path, len(data), sha)
    return _checkpoint(path, data, sha)


def _checkpoint(path: Path, data: bytes, sha: str) -> Info:
    found = parse_checkpoint(path, data)
    side = found.imgsz
    counted = cost(found.weights, found.family, found.scale, side)
    kinds = {str(w.dtype) for w in found.weights.values() if w.dtype.kind == "f"}
    return Info(
        file=path.name,
        format="safetensors" if found.format == "poise" or path.suffix == ".safetensors" else "pt",
        bytes=len(data),
        sha256=sha,
        family=found.family,
        scale=found.scale,
        task="pose",
        layers=counted.layers,
        parameters=counted.parameters,
        gflops=round(counted.gflops, 3),
        imgsz=(side, side),
        names=dict(found.names),
        kpt_shape=found.kpt_shape,
        skeleton=found.skeleton.name,
        keypoints=found.skeleton.keypoints,
        inputs=("images float32[?, 3, ?, ?]",),
        outputs=("output0", "sigma") if found.sigma else ("output0",),
        precision="/".join(sorted(_WORDS.get(k, k) for k in kinds)),
        end2end=found.end2end or "one2many" not in found.branches,
        licence=found.licence,
        version=found.version,
        date=found.date,
        description=found.description,
        usage=pose_usage(path),
        training=short(found.train_args) | {k: brief(v) for k, v in found.train_metrics.items() if "mAP50-95" in k},
    )


def _onnx(path: Path, data: bytes, sha: str) -> Info:
    found: OnnxFile = read_onnx(path, data)
    height, width = picture_size(found.metadata, found.inputs)
    operations = found.operations
    kinds = {w.kind for w in found.weights if len(w.shape) == 4}
    counted = round(found.gflops(height, width), 3) or None
    eight = "QuantizeLinear" in operations or kinds & {"int8", "uint8"}
    precision = "int8" if eight else "/".join(sorted(_WORDS.get(k, k) for k in kinds))
    return Info(
        file=path.name,
        format="onnx",
        bytes=len(data),
        sha256=sha,
        layers=operations["Conv"],
        operations=len(found.nodes),
        parameters=found.parameters,
        gflops=counted,
        imgsz=(height, width),
        inputs=tuple(map(_words, found.inputs)),
        outputs=tuple(map(_words, found.outputs)),
        precision=precision,
        opset=found.opset,
        producer=found.producer,
        usage=usage(path, found.inputs, found.outputs, found.metadata),
        **said(found.metadata, path),
    )


def _is_program(path: Path) -> bool:
    try:
        with files.open_zip(path, most=files.MOST_NETWORK) as archive:
            return any(name.split("/", 1)[-1].startswith("code/") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def _torchscript(path: Path, size: int, sha: str) -> Info:
    """Read what TorchScript says beside its program; the program itself is not looked at."""
    meta: dict[str, str] = {}
    numbers = 0
    try:
        with files.open_zip(path, most=files.MOST_NETWORK) as archive:
            for entry in archive.infolist():
                name = entry.filename.split("/", 1)[-1]
                if name == "extra/config.txt":
                    meta = read_config(path, archive, entry)
                elif name.startswith(("data/", "constants/")):
                    numbers += entry.file_size
    except (zipfile.BadZipFile, zipfile.zlib.error, ValueError, TypeError, OSError, RuntimeError) as error:  # type: ignore[attr-defined]
        raise ModelError(f"{path}: a damaged TorchScript file: {error}") from error
    precision = meta.get("poise.precision", "")
    height, width = picture_size(meta, ())
    return Info(
        file=path.name,
        format="torchscript",
        bytes=size,
        sha256=sha,
        parameters=numbers // 4 if precision == "fp32" else None,
        imgsz=(height, width),
        inputs=("images float32[?, 3, ?, ?]",),
        precision=precision,
        usage=pose_usage(path) if meta.get("task") == "pose" else (),
        **said(meta, path),
    )


def _words(value: Value) -> str:
    return f"{value.name} {value.kind}[{', '.join(map(str, value.shape))}]"
