"""``poise export``: a checkpoint as a network file for an engine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import cyclopts

from poise.files.text import say, screen


def export(
    model: str | None = None,
    /,
    *,
    model_: Annotated[str | None, cyclopts.Parameter(name="--model")] = None,
    format: str = "onnx",
    imgsz: Annotated[list[int] | None, cyclopts.Parameter(consume_multiple=True)] = None,
    dynamic: bool = True,
    precision: Literal["fp32", "fp16", "int8"] | None = None,
    half: bool = False,
    int8: bool = False,
    end2end: bool | None = None,
    nms: bool = False,
    conf: float = 0.25,
    iou: float = 0.7,
    max_det: int = 300,
    batch: int = 1,
    opset: int = 18,
    simplify: bool = True,
    data: list[Path] | None = None,
    out: Path | None = None,
    overwrite: bool = False,
    keep_sigma: bool = True,
    json: bool = False,
) -> int:
    """Turn a checkpoint into a network file for an engine, and prove that it finds the same.

    The original and the file are run over the same pictures; the differences are printed as a certificate, and
    stored in the file and beside it. A file that differs by more than its precision allows is refused.

    Args:
        model: The checkpoint: .pt or .safetensors.
        model_: The same, in the field's spelling (model=best.pt).
        format: onnx, openvino, torchscript or safetensors.
        imgsz: Side of the input in pixels, or height and width; as it was trained unless given.
        dynamic: Batch, height and width of the input are free.
        precision: fp32 (the default), fp16 or int8.
        half: The same as --precision fp16.
        int8: The same as --precision int8.
        end2end: Use YOLO26's one-to-one branch, which needs no suppression.
        nms: Put non-maximum suppression into the graph.
        conf: With --nms, the least confidence.
        iou: With --nms, the most overlap of two boxes.
        max_det: With --nms, rows of the output.
        batch: Pictures a run, with --no-dynamic.
        opset: ONNX operator set, 11 to 20.
        simplify: Accepted for the field's habit; graphs are written with nothing to simplify.
        data: Pictures to compare on, and to calibrate int8 with: a data set (YAML or label file), a folder, or files.
        out: The file to write; beside the checkpoint unless given.
        overwrite: Replace a file that is there.
        keep_sigma: Keep the keypoints' standard deviation (YOLO26) as a second output.
        json: Print the certificate as JSON on standard output.
    """
    name = model or model_
    if name is None:
        raise ValueError("export needs a checkpoint: poise export best.pt")
    if imgsz is not None and len(imgsz) > 2:
        raise ValueError(f"--imgsz takes a side, or height and width, got {len(imgsz)} numbers")
    from poise.cli._report import fetch
    from poise.export import export_certified

    given: Any = data[0] if data is not None and len(data) == 1 else data
    console = screen(stderr=True)
    with console.status("exporting and comparing"):
        done = export_certified(
            fetch(name),
            format=format,
            imgsz=None if imgsz is None else imgsz[0] if len(imgsz) == 1 else (imgsz[0], imgsz[1]),
            dynamic=dynamic,
            precision=precision,
            half=half,
            int8=int8,
            end2end=end2end,
            nms=nms,
            conf=conf,
            iou=iou,
            max_det=max_det,
            batch=batch,
            opset=opset,
            simplify=simplify,
            data=given,
            out=out,
            overwrite=overwrite,
            keep_sigma=keep_sigma,
        )
    if json:
        say(done.certificate.to_json())
    else:
        console.print(done.certificate.table(), soft_wrap=True)
        say(done.path)
    return 0
