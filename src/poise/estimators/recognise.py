"""Say what a strange network file looks like, from its inputs, outputs and metadata."""

from __future__ import annotations

from poise.runtime import Session, Tensor


def describe(session: Session) -> str:
    """Return what a network looks like, in a few words with its tensors.

    Args:
        session: The loaded network.
    """
    return f"{kind(session)} (inputs {_shapes(session.inputs)}; outputs {_shapes(session.outputs)})"


def kind(session: Session) -> str:
    """Return what a network looks like, in a few words."""
    task = session.metadata.get("task")
    if task:
        return f"a YOLO model for the task {task!r}, as its metadata says"
    names = {t.name for t in session.outputs}
    if {"kpt_heatmap", "kpt_regress"} <= names:
        return "a MoveNet network"
    if any(name.startswith("map_s") for name in names) or {"cls_s8", "reg_s8"} <= names:
        return "a detector of boxes"
    if "dets" in names:
        return "a detector with suppression inside"
    shapes = [t.shape for t in session.outputs]
    if len(shapes) == 1 and len(shapes[0]) == 2:
        return "a classification network"
    if len(shapes) == 1 and len(shapes[0]) == 3:
        rows = [d for d in shapes[0][1:] if d]
        width = min(rows) if rows else 0
        if width == 84:
            return "a YOLO detection model of 80 classes"
        if width == 56:
            return "a YOLO pose model of 17 keypoints without its metadata"
        if width == 6:
            return "an end-to-end detection model"
        if width == 85:
            return "a YOLOX detection model of 80 classes"
    if len(shapes) == 1 and len(shapes[0]) == 4:
        return "a network of heatmaps"
    if len(shapes) in (2, 3) and all(len(shape) == 3 for shape in shapes):
        return "a SimCC network"
    if len(shapes) == 2 and sorted(len(s) for s in shapes) == [3, 4]:
        return "a YOLO segmentation model"
    return "none of the families that Poise runs"


def _shapes(tensors: tuple[Tensor, ...]) -> str:
    return ", ".join(f"{t.name} {t.dtype}[{', '.join('?' if d is None else str(d) for d in t.shape)}]" for t in tensors)
