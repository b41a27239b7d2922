"""What is known of a network file, as data and as a table for a person."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

# Of a name in the file, letters that a table shows.
_LONGEST = 80


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
        engine: What runs it here unless another engine is asked for.
        usage: How it is run: a line for the terminal and one for Python; else why it is not.
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
    engine: str = ""
    usage: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Return all of it as JSON."""
        return json.dumps(asdict(self), indent=1, default=str)

    def table(self) -> str:
        """Return what is known as lines of text for a person."""
        classes = ", ".join(f"{i} {name[:_LONGEST]}" for i, name in list(self.names.items())[:20])
        points = ", ".join(name[:_LONGEST] for name in self.keypoints[:40])
        points += ", …" if len(self.keypoints) > 40 else ""
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
            "runs in": self.engine,
            "opset": _number(self.opset),
            "end to end": "" if self.end2end is None else str(self.end2end).lower(),
            "licence": self.licence,
            "written by": f"{self.producer} {self.version}".strip(),
            "date": self.date,
            "from": self.origin,
            "training": ", ".join(f"{k} {v}" for k, v in self.training.items()),
            "certificate": ", ".join(f"{k} {v}" for k, v in self.certificate.items()),
            "sha256": self.sha256,
            "to run it": self.usage[0] if self.usage else "",
            "or": self.usage[1] if len(self.usage) > 1 else "",
        }
        width = max(map(len, lines))
        # A name in the file may hold line breaks, and would write lines of its own.
        return "\n".join(f"{name:<{width}}  {' '.join(text.split())}" for name, text in lines.items() if text)


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
