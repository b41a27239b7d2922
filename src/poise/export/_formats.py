"""What can be exported: the formats, their precisions, and why the others are not offered."""

from __future__ import annotations

from dataclasses import dataclass

from poise.errors import suggest

# Operator sets from which on every network here can be written; older ones lack what resizing needs.
LEAST_OPSET = 11
# From which on a quantised weight has one range a channel. Source: ONNX, QuantizeLinear-13.
_INT8_OPSET = 13
PRECISIONS = ("fp32", "fp16", "int8")
# What this field's users may ask for, and why it is not offered.
_NOT_OFFERED = {
    "engine": "TensorRT",
    "tensorrt": "TensorRT",
    "coreml": "Core ML",
    "mlpackage": "Core ML",
    "tflite": "TensorFlow Lite",
    "litert": "LiteRT",
    "edgetpu": "Edge TPU",
    "saved_model": "TensorFlow",
    "pb": "TensorFlow",
    "tfjs": "TensorFlow.js",
    "paddle": "PaddlePaddle",
    "mnn": "MNN",
    "ncnn": "ncnn",
    "imx": "Sony IMX500",
    "rknn": "Rockchip",
    "executorch": "ExecuTorch",
}


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of file.

    Attributes:
        ending: Of the name, after ``best`` or ``best-int8``.
        precisions: What its numbers may be.
        nms: Suppression may be inside.
    """

    ending: str
    precisions: tuple[str, ...]
    nms: bool


FORMATS = {
    "onnx": Format(".onnx", PRECISIONS, nms=True),
    "openvino": Format("_openvino_model", PRECISIONS, nms=True),
    "torchscript": Format(".torchscript", ("fp32",), nms=False),
    "safetensors": Format(".safetensors", ("fp32", "fp16"), nms=False),
}


def one_precision(precision: str | None, half: bool, int8: bool) -> str:
    """Return the precision that is asked for in one of three ways.

    Raises:
        ValueError: Several are asked for.
    """
    asked = {p for p, on in (("fp16", half), ("int8", int8)) if on} | ({precision} if precision else set())
    if len(asked) > 1:
        raise ValueError(f"precision can be one of {', '.join(sorted(asked))}, not several")
    return asked.pop() if asked else "fp32"


def check_offer(format: str, precision: str, nms: bool, opset: int, batch: int) -> None:
    """Check that an export is offered.

    Raises:
        ValueError: It is not; says what is.
    """
    if format not in FORMATS:
        offered = ", ".join(FORMATS)
        if format.lower() in _NOT_OFFERED:
            name = _NOT_OFFERED[format.lower()]
            raise ValueError(
                f"format {format!r} is not offered: {name} cannot be tested here, and no export is delivered without "
                f"proof; offered: {offered}. Most tools for {name} start from 'onnx'"
            )
        raise ValueError(f"no format named {format!r}{suggest(format, FORMATS)} (offered: {offered})")
    if precision not in PRECISIONS:
        raise ValueError(f"no precision named {precision!r}{suggest(precision, PRECISIONS)}")
    if precision not in FORMATS[format].precisions:
        raise ValueError(
            f"format {format!r} is offered in {', '.join(FORMATS[format].precisions)}, not in {precision}; "
            f"{precision} is offered by {', '.join(f for f, o in FORMATS.items() if precision in o.precisions)}"
        )
    if nms and not FORMATS[format].nms:
        raise ValueError(
            f"nms=True is offered for {', '.join(f for f, o in FORMATS.items() if o.nms)}, not for {format!r}"
        )
    if not LEAST_OPSET <= opset <= 20:
        raise ValueError(f"opset must be {LEAST_OPSET} to 20, got {opset}")
    if format == "onnx" and precision == "int8" and opset < _INT8_OPSET:
        raise ValueError(f"precision int8 needs opset {_INT8_OPSET} or more, got {opset}")
    if batch < 1:
        raise ValueError(f"batch must be 1 or more, got {batch}")
