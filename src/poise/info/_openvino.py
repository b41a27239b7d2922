"""An OpenVINO network: its XML, the size of its weights, and the metadata beside it."""

from __future__ import annotations

import hashlib
import xml.etree.ElementTree as ElementTree
from math import prod
from pathlib import Path

from poise.errors import ModelError
from poise.files.networks import read_network
from poise.info._info import Info
from poise.info._metadata import picture_size, said
from poise.info._usage import usage
from poise.info.onnxfile import Value
from poise.runtime import metadata_beside

_MOST_XML = 64 << 20


def openvino(path: Path) -> Info:
    """Say what an OpenVINO network is, given its ``.xml``.

    Raises:
        ModelError: There is no such file, or it is damaged.
    """
    text = read_network(path, most=_MOST_XML)
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
    stored = read_network(weights) if weights.is_file() else b""
    meta = {
        node.tag if node.get("name") is None else str(node.get("name")): str(node.get("value", ""))
        for node in (*root.findall("./rt_info/framework/*"), *root.findall("./rt_info/framework/info"))
    } | metadata_beside(path)
    constants = [layer.find("data") for layer in layers if layer.get("type") == "Const"]
    sizes = [_shape(c.get("shape", "")) for c in constants if c is not None]
    kinds = {c.get("element_type", "") for c, s in zip(constants, sizes, strict=False) if c is not None and len(s) >= 4}
    eight = bool(kinds & {"i8", "u8"})
    inputs = [layer for layer in layers if layer.get("type") == "Parameter"]
    first = [layer.find("data") for layer in inputs]
    results = [layer for layer in layers if layer.get("type") == "Result"]
    shown = tuple(
        Value(str(layer.get("name")), tuple(_axis(v) for v in d.get("shape", "").split(",")), _kind(d))
        for layer, d in zip(inputs, first, strict=True)
        if d is not None
    )
    height, width = picture_size(meta, shown)
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
        outputs=tuple(str(layer.get("name")) for layer in results),
        precision="int8" if eight else "/".join(sorted(words.get(k, k) for k in kinds)),
        producer="OpenVINO IR " + root.get("version", ""),
        usage=usage(path, shown, tuple(map(_result, results)), meta),
        **said(meta, path),
    )


def _kind(data: ElementTree.Element) -> str:
    return {"f32": "float32", "f16": "float16", "u8": "uint8"}.get(data.get("element_type", ""), "")


def _result(layer: ElementTree.Element) -> Value:
    """Return an output: the name of what it is of, and the shape that comes in."""
    port = layer.find("./input/port")
    dims = [] if port is None else [dim.text or "" for dim in port.findall("dim")]
    whole = port is not None and port.get("precision", "").startswith(("I", "U"))
    name = str(layer.get("name")).partition("/sink_port")[0]
    return Value(name, tuple(map(_axis, dims)), "int64" if whole else "float32")


def _shape(text: str) -> list[int]:
    numbers = [part.strip() for part in text.split(",")]
    return [int(n) for n in numbers if n.isdigit() and len(n) < 12]


def _axis(text: str) -> int | str:
    text = text.strip()
    return int(text) if text.isdigit() and len(text) < 12 else "?"
