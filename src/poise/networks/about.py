"""What a deployed network says of itself: the text that travels with it into every engine and file."""

from __future__ import annotations

import json

from poise.networks.checkpoint import Checkpoint


def metadata(
    checkpoint: Checkpoint,
    *,
    end2end: bool,
    imgsz: tuple[int, int] | None = None,
    batch: int = 1,
    dynamic: bool = True,
    opset: int | None = None,
) -> dict[str, str]:
    """Describe a deployed network by the keys of this field's ONNX files, so that one reader serves all engines.

    Args:
        checkpoint: What the network is.
        end2end: Its output has one row an instance already.
        imgsz: Height and width of its input, pixels; None: the training's size, square, a multiple of 32.
        batch: Pictures a run; with ``dynamic`` only a proposal.
        dynamic: Batch, height and width are free.
        opset: ONNX operator set, if it is an ONNX file.

    Returns:
        Text by name; dictionaries and lists are Python literals.
    """
    side = -(-checkpoint.imgsz // 32) * 32
    arguments = {"batch": batch, "dynamic": dynamic, "nms": False if end2end else None, "opset": opset}
    found = {
        "description": f"{checkpoint.name}, {len(checkpoint.skeleton)} keypoints, made with Poise",
        "date": checkpoint.date,
        "version": checkpoint.version,
        "license": checkpoint.licence,
        "stride": str(max(checkpoint.strides)),
        "task": "pose",
        "head": checkpoint.head,
        "batch": str(batch),
        "imgsz": str(list(imgsz or (side, side))),
        "names": str(dict(checkpoint.names)),
        "args": str(arguments),
        "channels": "3",
        "end2end": str(end2end),
        "kpt_shape": str(list(checkpoint.kpt_shape)),
        "kpt_names": str({i: list(checkpoint.skeleton.keypoints) for i in checkpoint.names}),
        "flip_idx": str(list(checkpoint.skeleton.flip_idx)),
        "kpt_oks_sigmas": str([round(float(s), 6) for s in checkpoint.skeleton.sigmas]),
        "kpt_edges": json.dumps([list(e) for e in checkpoint.skeleton.edges]),
        "family": checkpoint.family,
        "scale": checkpoint.scale,
    }
    return {key: value for key, value in found.items() if value}
