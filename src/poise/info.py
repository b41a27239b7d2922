"""What a network file is, told without running it: checkpoints, ONNX, OpenVINO, TorchScript."""

from __future__ import annotations

import ast
import hashlib
import json
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from poise._onnx_file import OnnxFile, Value, read_onnx
from poise.errors import ModelError
from poise.networks import Checkpoint, cost, read_checkpoint

_MOST_BYTES = 8 << 30
_MOST_XML = 64 << 20
_MOST_CONFIG = 16 << 20
_SIDE = 640
_TRAINING = ("model", "data", "epochs", "batch", "imgsz", "optimizer", "lr0", "seed", "pretrained")


@dataclass(frozen=True, slots=True)
class Info:
    """What a network file says, and what its weights tell. Empty or None: it does not say.

    Attributes:
        file: Its name.
        format: ``"pt"``, ``"safetensors"``, ``"onnx"``, ``"openvino"`` or ``"torchscript"``.
        bytes: Size; of OpenVINO, with the weights beside it.
        sha256: Checksum; of OpenVINO, of the ``.bin``.
        family: Such as ``"yolo11"``.
        scale: Size letter.
        task: Such as ``"pose"``.
        layers: Layers of the network, or of a graph its convolutions.
        operations: Operations of a graph.
        parameters: Trained numbers.
        gflops: Billions of operations a picture of ``imgsz``.
        imgsz: Height and width, pixels.
        names: Class number to class name.
        kpt_shape: Keypoints, and values a keypoint.
        skeleton: Name of the skeleton.
        keypoints: Their names.
        inputs: Name, type and shape of each input.
        outputs: Name, type and shape of each output.
        precision: Of the weights: ``"fp32"``, ``"fp16"``, ``"int8"`` …
        opset: ONNX operator set.
        end2end: It gives rows that need no suppression.
        licence: As the file says it.
        version: Of the program that wrote it.
        producer: That program.
        date: When.
        description: What it is, in words.
        origin: The checkpoint that it was exported from.
        training: Settings and metrics of its training.
        certificate: The certificate of its export, shortened.
    """

    file: str
    format: str
    bytes: int
    sha256: str
    family: str = ""
    scale: str = ""
    task: str = ""
    layers: int | None = None
    operations: int | None = None
    parameters: int | None = None
    gflops: float | None = None
    imgsz: tuple[int, int] | None = None
    names: Mapping[int, str] = field(default_factory=dict)
    kpt_shape: tuple[int, int] | None = None
    skeleton: str = ""
    keypoints: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    precision: str = ""
    opset: int | None = None
    end2end: bool | None = None
    licence: str = ""
    version: str = ""
    producer: str = ""
    date: str = ""
    description: str = ""
    origin: str = ""
    training: Mapping[str, Any] = field(default_factory=dict)
    certificate: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return all of it as JSON."""
        return json.dumps(asdict(self), indent=1, default=str)

    def table(self) -> str:
        """Return what is known as lines of text for a person."""
        classes = ", ".join(f"{i} {name}" for i, name in list(self.names.items())[:20])
        points = ", ".join(self.keypoints[:40]) + (", …" if len(self.keypoints) > 40 else "")
        lines = {
            "file": f"{self.file} ({self.format}, {self.bytes / 1e6:.1f} MB)",
            "what": self.description,
            "network": f"{self.family}{self.scale}",
            "task": self.task,
            "layers": _number(self.layers),
            "operations": _number(self.operations),
            "parameters": "" if self.parameters is None else f"{self.parameters:,}",
            "GFLOPs": ""
            if self.gflops is None or self.imgsz is None
            else f"{self.gflops:.2f} at {self.imgsz[0]} x {self.imgsz[1]}",
            "input size": "" if self.imgsz is None else f"{self.imgsz[0]} x {self.imgsz[1]}",
            "classes": f"{len(self.names)}: {classes}" + (", …" if len(self.names) > 20 else "") if self.names else "",
            "keypoints": "" if self.kpt_shape is None else f"{list(self.kpt_shape)}: {points}",
            "skeleton": self.skeleton,
            "inputs": "; ".join(self.inputs),
            "outputs": "; ".join(self.outputs),
            "precision": self.precision,
            "opset": _number(self.opset),
            "end to end": "" if self.end2end is None else str(self.end2end).lower(),
            "licence": self.licence,
            "written by": f"{self.producer} {self.version}".strip(),
            "date": self.date,
            "from": self.origin,
            "training": ", ".join(f"{k} {v}" for k, v in self.training.items()),
            "certificate": ", ".join(f"{k} {v}" for k, v in self.certificate.items()),
            "sha256": self.sha256,
        }
        width = max(map(len, lines))
        return "\n".join(f"{name:<{width}}  {text}" for name, text in lines.items() if text)


def info(path: str | Path) -> Info:
    """Say what a network file is, without running it and without torch or ONNX.

    Args:
        path: A ``.pt``, ``.safetensors``, ``.onnx``, ``.xml`` or ``.torchscript`` file, or OpenVINO's folder.

    Raises:
        ModelError: There is no such file, or it is damaged or of an unknown kind.
    """
    path = Path(path)
    if path.is_dir():
        found = sorted(path.glob("*.xml"))
        if not found:
            raise ModelError(f"{path}: a folder without an .xml file, expected OpenVINO's folder or a network file")
        return _openvino(found[0])
    if path.suffix.lower() == ".xml":
        return _openvino(path)
    try:
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise ModelError(f"{path}: {size / 2**30:.1f} GiB is more than a network has")
        data = path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file") from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    sha = hashlib.sha256(data).hexdigest()
    if path.suffix.lower() == ".onnx":
        return _onnx(path, data, sha)
    if data[:4] == b"PK\x03\x04" and _is_program(path):
        return _torchscript(path, len(data), sha)
    return _checkpoint(path, len(data), sha)


def _checkpoint(path: Path, size: int, sha: str) -> Info:
    found: Checkpoint = read_checkpoint(path)
    side = found.imgsz
    counted = cost(found.weights, found.family, found.scale, side)
    kinds = {str(w.dtype) for w in found.weights.values() if w.dtype.kind == "f"}
    return Info(
        file=path.name,
        format="safetensors" if found.format == "poise" or path.suffix == ".safetensors" else "pt",
        bytes=size,
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
        training=_short(found.train_args) | {k: v for k, v in found.train_metrics.items() if "mAP50-95" in k},
    )


_WORDS = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16", "float64": "fp64"}


def _onnx(path: Path, data: bytes, sha: str) -> Info:
    found: OnnxFile = read_onnx(path, data)
    height, width = _size(found.metadata, found.inputs)
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
        **_said(found.metadata, path),
    )


def _openvino(path: Path) -> Info:
    try:
        if path.stat().st_size > _MOST_XML:
            raise ModelError(f"{path}: {path.stat().st_size >> 20} MiB is more than a network's description has")
        text = path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file") from None
    # A document type could define entities that grow without end; OpenVINO writes none.
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise ModelError(f"{path}: refused: its XML defines entities, which OpenVINO never writes")
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise ModelError(f"{path}: not readable as XML: {error}") from error
    layers = root.findall("./layers/layer")
    if root.tag != "net" or not layers:
        raise ModelError(f"{path}: not an OpenVINO network (its root is <{root.tag[:40]}>)")
    weights = path.with_suffix(".bin")
    stored = weights.read_bytes() if weights.is_file() else b""
    meta = {
        node.tag if node.get("name") is None else str(node.get("name")): str(node.get("value", ""))
        for node in (*root.findall("./rt_info/framework/*"), *root.findall("./rt_info/framework/info"))
    } | _beside(path.with_name("metadata.yaml"))
    constants = [layer.find("data") for layer in layers if layer.get("type") == "Const"]
    sizes = [_shape(c.get("shape", "")) for c in constants if c is not None]
    kinds = {c.get("element_type", "") for c, s in zip(constants, sizes, strict=False) if c is not None and len(s) >= 4}
    eight = bool(kinds & {"i8", "u8"})
    inputs = [layer for layer in layers if layer.get("type") == "Parameter"]
    first = [layer.find("data") for layer in inputs]
    height, width = _size(
        meta,
        tuple(Value("", tuple(_axis(v) for v in d.get("shape", "").split(",")), "") for d in first if d is not None),
    )
    words = {"f32": "fp32", "f16": "fp16", "bf16": "bf16"}
    return Info(
        file=path.name,
        format="openvino",
        bytes=len(text) + len(stored),
        sha256=hashlib.sha256(stored).hexdigest() if stored else "",
        layers=sum(layer.get("type") in ("Convolution", "GroupConvolution") for layer in layers),
        operations=len(layers) - len(constants),
        parameters=sum(prod(s) for s in sizes if len(s) >= 3),
        imgsz=(height, width),
        inputs=tuple(
            f"{layer.get('name')} {d.get('element_type')}[{d.get('shape')}]"
            for layer, d in zip(inputs, first, strict=True)
            if d is not None
        ),
        outputs=tuple(str(layer.get("name")) for layer in layers if layer.get("type") == "Result"),
        precision="int8" if eight else "/".join(sorted(words.get(k, k) for k in kinds)),
        producer="OpenVINO IR " + root.get("version", ""),
        **_said(meta, path),
    )


def _is_program(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.split("/", 1)[-1].startswith("code/") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def _torchscript(path: Path, size: int, sha: str) -> Info:
    """Read what TorchScript says beside its program; the program itself is not looked at."""
    meta: dict[str, str] = {}
    numbers = 0
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                name = entry.filename.split("/", 1)[-1]
                if name == "extra/config.txt":
                    if entry.file_size > _MOST_CONFIG:
                        raise ModelError(
                            f"{path}: config.txt takes {entry.file_size} bytes, expected {_MOST_CONFIG} at most"
                        )
                    said = json.loads(archive.read(entry))
                    meta = {str(k): v if isinstance(v, str) else str(v) for k, v in dict(said).items()}
                elif name.startswith(("data/", "constants/")):
                    numbers += entry.file_size
    except (zipfile.BadZipFile, zipfile.zlib.error, ValueError, TypeError, OSError, RuntimeError) as error:  # type: ignore[attr-defined]
        raise ModelError(f"{path}: a damaged TorchScript file: {error}") from error
    precision = meta.get("poise.precision", "")
    height, width = _size(meta, ())
    return Info(
        file=path.name,
        format="torchscript",
        bytes=size,
        sha256=sha,
        parameters=numbers // 4 if precision == "fp32" else None,
        imgsz=(height, width),
        inputs=("images float32[?, 3, ?, ?]",),
        precision=precision,
        **_said(meta, path),
    )


def _said(meta: Mapping[str, str], path: Path) -> dict[str, Any]:
    """Return what metadata says, under the names of ``Info``."""
    names = _literal(meta.get("names", ""), path, "names")
    if isinstance(names, list | tuple):
        names = dict(enumerate(names))
    shape = _literal(meta.get("kpt_shape", ""), path, "kpt_shape")
    listed = _literal(meta.get("kpt_names", ""), path, "kpt_names")
    if isinstance(listed, dict):
        listed = next(iter(listed.values()), None)
    bones = _json(meta.get("poise.skeleton", ""))
    proof = _json(meta.get("poise.certificate", ""))
    training = _json(meta.get("poise.training", ""))
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
        "training": _short(arguments or {}) | {k: v for k, v in (metrics or {}).items() if "mAP50-95" in str(k)},
        "certificate": {k: proof[k] for k in kept if k in proof},
    }


def _short(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {k: arguments[k] for k in _TRAINING if k in arguments}


def _size(meta: Mapping[str, str], inputs: tuple[Value, ...]) -> tuple[int, int]:
    """Return height and width: as the input is, else as the metadata says."""
    for value in inputs:
        if len(value.shape) == 4:
            # Networks that come from TensorFlow have the channels last.
            height, width = value.shape[1:3] if value.shape[3] == 3 and value.shape[1] != 3 else value.shape[2:]
            if isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0:
                return height, width
    try:
        said = ast.literal_eval(meta.get("imgsz", "")[:100] or "0")
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        said = None
    if isinstance(said, int) and 0 < said < 1 << 16:
        return said, said
    return (said[0], said[1]) if _is_pair(said) else (_SIDE, _SIDE)


def _is_pair(value: Any) -> bool:
    return (
        isinstance(value, list | tuple) and len(value) == 2 and all(type(v) is int and 0 < v < 1 << 16 for v in value)
    )


def _literal(text: str, path: Path, key: str) -> Any:
    """Read a Python literal, never code."""
    if not text:
        return None
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise ModelError(f"{path}: {key} in the metadata cannot be read: {text[:80]!r}") from None


def _json(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _beside(path: Path) -> dict[str, str]:
    """Read ``metadata.yaml``: the plain ``key: value`` lines of it."""
    if not path.is_file() or path.stat().st_size > _MOST_CONFIG:
        return {}
    found: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        key, colon, value = line.partition(": ")
        if colon and not key.startswith((" ", "-", "#")):
            said = _json('{"v": ' + value.strip() + "}").get("v", value.strip())
            found[key.strip()] = said if isinstance(said, str) else str(said)
    return found


def _shape(text: str) -> list[int]:
    numbers = [part.strip() for part in text.split(",")]
    return [int(n) for n in numbers if n.isdigit() and len(n) < 12]


def _axis(text: str) -> int | str:
    text = text.strip()
    return int(text) if text.isdigit() and len(text) < 12 else "?"


def _words(value: Value) -> str:
    return f"{value.name} {value.kind}[{', '.join(map(str, value.shape))}]"


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
