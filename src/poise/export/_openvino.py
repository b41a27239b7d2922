"""OpenVINO's own files: a folder with network, weights and metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from poise.errors import require
from poise.runtime.openvino import shared_core


def write(onnx: Path, folder: Path, said: Mapping[str, str], *, half: bool) -> Path:
    """Turn an ONNX file into a folder with ``<name>.xml``, ``<name>.bin`` and ``metadata.yaml``.

    Args:
        onnx: The file; 8-bit networks are read from their pairs of quantise and dequantise.
        folder: Made here.
        said: Metadata.
        half: Store weights in float16.

    Returns:
        The ``.xml`` file.
    """
    openvino = require("openvino", extra="openvino", feature="format 'openvino'")
    model = shared_core().read_model(str(onnx))
    for key, value in said.items():
        model.set_rt_info(value, ["framework", key])
    folder.mkdir()
    name = folder.name.removesuffix("_openvino_model")
    openvino.save_model(model, str(folder / f"{name}.xml"), compress_to_fp16=half)
    stamp(folder, said)
    return folder / f"{name}.xml"


def stamp(folder: Path, said: Mapping[str, str]) -> None:
    """Write the metadata as YAML, one line a key: every value is JSON or a plain word, which YAML can read."""
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in said.items()]
    (folder / "metadata.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
