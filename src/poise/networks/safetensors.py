"""The safetensors container with numpy alone: eight bytes of length, a JSON header, the numbers.

Source: https://github.com/huggingface/safetensors, "Format" in its README (Apache-2.0).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import ModelError, PoiseError
from poise.files.writing import replacing

# Fifteen hundred tensors take 150 kB, the curves of a training of 300 epochs 200; as objects twenty times that.
_MAX_HEADER = 4 << 20
_KINDS = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U8": "|u1",
    "BOOL": "|b1",
}
_NAMES = {kind: name for name, kind in _KINDS.items() if name != "BF16"}


def widen(raw: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Turn bfloat16 bits into float32: they are its upper half."""
    return (raw.astype(np.uint32) << np.uint32(16)).view(np.float32)


def read(path: Path, data: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read tensors and metadata.

    Args:
        path: How errors call the file.
        data: The whole file.

    Returns:
        Tensors (views of ``data``; bfloat16 as float32) and the ``__metadata__`` of the header.

    Raises:
        ModelError: The header is not what the format asks for: a size, an order, a type, an overlap or a hole.
    """
    header, body = _header(path, data)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ModelError(f"{path}: safetensors metadata must be text by name")
    for name, entry in header.items():
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise ModelError(f"{path}: tensor {name!r} must have dtype, shape and data_offsets")
        shape, offsets = entry["shape"], entry["data_offsets"]
        if entry["dtype"] not in _KINDS:
            raise ModelError(f"{path}: tensor {name!r} has type {entry['dtype']!r}; known: {', '.join(_KINDS)}")
        if not _whole(shape) or not _whole(offsets) or len(offsets) != 2 or len(shape) > 8:
            raise ModelError(
                f"{path}: tensor {name!r} has shape {shape} and data_offsets {offsets}, expected whole numbers"
            )
    tensors: dict[str, NDArray[Any]] = {}
    last = 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        kind = np.dtype(_KINDS[entry["dtype"]])
        (start, end), shape = entry["data_offsets"], tuple(entry["shape"])
        if start != last or end - start != prod(shape) * kind.itemsize or end > len(body):
            raise ModelError(
                f"{path}: tensor {name!r} takes bytes {start} to {end}, expected {prod(shape) * kind.itemsize} bytes "
                f"from {last} on, of {len(body)}"
            )
        array = np.frombuffer(body[start:end], kind).reshape(shape)
        tensors[name] = widen(array) if entry["dtype"] == "BF16" else array
        last = end
    if last != len(body):
        raise ModelError(f"{path}: {len(body) - last} bytes after the last tensor; the file is damaged")
    return tensors, metadata


def write(path: Path, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> None:
    """Write tensors and metadata; the file appears whole or not at all.

    Raises:
        ModelError: A tensor's type has no name in the format, or the file cannot be written.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    arrays = []
    last = 0
    # Larger numbers first keep every tensor aligned to its own size.
    for name, value in sorted(tensors.items(), key=lambda item: (-item[1].dtype.itemsize, item[0])):
        array = np.asarray(value, order="C")
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        if array.dtype.str not in _NAMES:
            raise ModelError(f"{path}: tensor {name!r} has type {array.dtype}; known: {', '.join(_NAMES.values())}")
        header[name] = {
            "dtype": _NAMES[array.dtype.str],
            "shape": list(array.shape),
            "data_offsets": [last, last + array.nbytes],
        }
        last += array.nbytes
        arrays.append(array)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    text += b" " * (-len(text) % 8)
    try:
        with replacing(path) as part, part.open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for array in arrays:
                file.write(array.tobytes())
    except PoiseError as error:
        raise ModelError(str(error)) from error


def _header(path: Path, data: bytes) -> tuple[dict[str, Any], memoryview]:
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > min(_MAX_HEADER, len(data) - 8):
        raise ModelError(f"{path}: not a safetensors file, or cut off: a header of {size} bytes in {len(data)}")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a name is there twice")
        return dict(pairs)

    try:
        header = json.loads(data[8 : 8 + size].decode("utf-8"), object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: the safetensors header is not readable: {error}") from error
    if not isinstance(header, dict):
        raise ModelError(f"{path}: the safetensors header must be an object, got {type(header).__name__}")
    return header, memoryview(data)[8 + size :]


def _whole(values: Any) -> bool:
    return isinstance(values, list) and all(type(v) is int and 0 <= v < 1 << 48 for v in values)
