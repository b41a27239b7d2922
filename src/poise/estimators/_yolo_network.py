"""What a YOLO pose network says of itself: its layout, names, skeleton and input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import ModelError
from poise.estimators.postprocess import Layout
from poise.estimators.recognise import describe
from poise.files.text import valid
from poise.runtime import Session, Tensor
from poise.runtime.metadata import read_literal
from poise.skeletons import Skeleton, skeleton_of

# What a file says is not trusted: beyond these it is damaged or made to exhaust memory. The largest skeletons in use
# have some 500 points.
_MOST_KEYPOINTS = 10_000
_LONGEST_SIDE = 16_384
# Stride and input size of every family's usual networks.
_STRIDE = 32
_SIZE = 640


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A YOLO pose network's description.

    Attributes:
        layout: What its output's columns are.
        names: Class number to name.
        skeleton: What the keypoints are.
        imgsz: Width and height of the input, pixels; of a free input, the default.
        stride: Coarsest stride; sides of the input are multiples of it.
        batch: Pictures a run, None where free.
        free: True where the network takes any input size in whole strides.
        select: True where the network's rows still have to be selected (one row an anchor, no duplicates).
    """

    layout: Layout
    names: Mapping[int, str]
    skeleton: Skeleton
    imgsz: tuple[int, int]
    stride: int
    batch: int | None
    free: bool
    select: bool = False


def read(session: Session, *, name: str = "") -> Network:
    """Read what a network says of itself; what it does not say is found out with one run.

    Raises:
        ModelError: It is not a YOLO pose network, or contradicts itself; says what was seen and what was expected.
    """
    name = name or "network"
    meta = session.metadata
    task = meta.get("task", "pose")
    if task != "pose":
        raise ModelError(f"{name}: expected a pose network, but this looks like {describe(session)}")
    picture = _picture(session, name)
    stride = _number(meta, "stride", _STRIDE, name)
    batch, _, height, width = picture.shape
    size = _literal(meta, "imgsz", name) or _SIZE
    if isinstance(size, int):
        size = [size, size]
    if not (isinstance(size, (list, tuple)) and len(size) == 2 and all(map(_is_side, size))):
        raise ModelError(
            f"{name}: imgsz in the metadata must be [height, width] from 1 to {_LONGEST_SIDE}, "
            f"got {meta['imgsz'][:80]!r}"
        )
    imgsz = (width or -(-size[1] // stride) * stride, height or -(-size[0] // stride) * stride)
    free = height is None and width is None
    rows = _rows(session, name)
    if "kpt_shape" in meta:
        layout, select = _stated(session, rows, name)
    else:
        layout, select = _found(session, rows, imgsz, stride, name), False
    classes = _names(meta, layout, name)
    return Network(layout, classes, _skeleton(meta, classes, layout, name), imgsz, stride, batch, free, select)


def wrong(session: Session, name: str, expected: str) -> ModelError:
    """Return the error that says what was expected and what the network looks like."""
    return ModelError(f"{name}: expected {expected}; this looks like {describe(session)}")


def _picture(session: Session, name: str) -> Tensor:
    """Return the only input, after a look at its shape."""
    if len(session.inputs) == 1:
        tensor = session.inputs[0]
        if len(tensor.shape) == 4 and tensor.shape[1] in (3, None) and tensor.dtype.kind == "f":
            return tensor
    raise wrong(session, name, "one input of shape (batch, 3, height, width) in float32 or float16")


def _rows(session: Session, name: str) -> Tensor:
    """Return the output that holds the rows: the only one, besides ``sigma``."""
    found = [t for t in session.outputs if t.name != "sigma"]
    if len(found) == 1 and len(found[0].shape) == 3:
        return found[0]
    raise wrong(session, name, "one output of three axes (and at most another one named 'sigma')")


def _stated(session: Session, rows: Tensor, name: str) -> tuple[Layout, bool]:
    """Read the layout from the metadata and hold it against the output's shape."""
    meta = session.metadata
    shape = _literal(meta, "kpt_shape", name)
    if not (
        isinstance(shape, (list, tuple))
        and len(shape) == 2
        and all(isinstance(v, int) for v in shape)
        and 1 <= shape[0] <= _MOST_KEYPOINTS
        and shape[1] in (2, 3)
    ):
        raise ModelError(f"{name}: kpt_shape in the metadata must be [K, 2] or [K, 3], got {meta['kpt_shape'][:80]!r}")
    listed = _literal(meta, "names", name)
    arguments = _literal(meta, "args", name)
    embedded = isinstance(arguments, dict) and arguments.get("nms") is True
    selected = meta.get("end2end", "").strip().lower() == "true" or embedded
    classes = len(listed) if isinstance(listed, (dict, list, tuple)) and listed else 0
    _, columns, last = rows.shape
    if not classes:
        # Not named, but counted: what is left of the columns beside box and keypoints.
        classes = 1 if selected or columns is None else columns - 4 - shape[0] * shape[1]
    plain = Layout(max(classes, 1), shape[0], shape[1], selected=False)
    layout = replace(plain, selected=selected)
    if selected and not embedded and columns == plain.columns and last != layout.columns:
        return plain, True
    if (last if selected else columns) in (None, layout.columns):
        return layout, False
    expected = (
        f"{layout.columns} columns (4 box + 1 score + 1 class + {shape[0]} x {shape[1]}) on the last axis"
        if selected
        else f"{layout.columns} rows (4 box + {layout.classes} scores + {shape[0]} x {shape[1]}) on the middle axis"
    )
    raise wrong(session, name, f"output {rows.name!r} with {expected}, as the metadata says")


def _found(session: Session, rows: Tensor, imgsz: tuple[int, int], stride: int, name: str) -> Layout:
    """Find the layout of a network without metadata from one run on a grey picture.

    Scores and confidences lie in [0, 1] for every anchor; coordinates in pixels do not.
    """
    tensor = session.inputs[0]
    width, height = (
        n if given is not None else 4 * stride for n, given in zip(imgsz, tensor.shape[:1:-1], strict=True)
    )
    picture = np.full((tensor.shape[0] or 1, 3, height, width), 0.5, dtype=tensor.dtype)
    output = session.run({tensor.name: picture})[rows.name]
    seen = f"one run gave {output.shape}"
    if output.ndim == 3:
        anchors = sum(-(-height // s) * -(-width // s) for s in (8, 16, 32))
        values = output[0].astype(np.float32)
        layout = None
        if output.shape[2] == anchors or output.shape[1] <= output.shape[2]:
            layout, kind = _of_rows(values)
            seen += kind
        if layout is None and output.shape[2] != anchors:
            layout = _of_selection(values)
        if layout is not None:
            return layout
    raise wrong(
        session,
        name,
        "metadata with 'task', 'names' and 'kpt_shape', or an output that tells: (batch, 4 box + classes + K x 2 or 3, "
        f"anchors) or (batch, rows, 6 + K x 2 or 3), but {seen}",
    )


def _of_rows(values: NDArray[np.float32]) -> tuple[Layout | None, str]:
    """Return the layout of ``(rows, A)`` values, or None and what they look like."""
    unit: NDArray[np.bool_] = np.all((values >= 0) & (values <= 1), axis=1)
    if len(unit) < 5 or not unit[4]:
        return None, ""
    scores = int(np.argmin(np.append(unit[4:], False)))
    points = unit[4 + scores :]
    for size, pattern in ((3, [False, False, True]), (2, [False, False])):
        if len(points) and len(points) % size == 0 and (points.reshape(-1, size) == pattern).all():
            return Layout(scores, len(points) // size, size, selected=False), ""
    if len(points) < 2:
        return None, f", as {'an oriented-box' if len(points) else 'a detection'} model of {scores} classes does"
    return None, ""


def _of_selection(values: NDArray[np.float32]) -> Layout | None:
    points = values.shape[1] - 6
    fits = [size for size in (2, 3) if points > 0 and points % size == 0]
    conf, classes = values[:, 4], values[:, 5]
    if (
        not fits
        or conf.min() < 0
        or conf.max() > 1
        or (classes != np.round(classes)).any()
        or (np.diff(conf) > 0).any()
    ):
        return None
    if len(fits) == 2 and values.any():
        third = values[:, 8::3]
        fits = [3] if third.min() >= 0 and third.max() <= 1 else [2]
    # A network that found nothing does not show whether every third value is a confidence.
    return Layout(max(int(classes.max()) + 1, 1), points // fits[0], fits[0], selected=True) if len(fits) == 1 else None


def _names(meta: Mapping[str, str], layout: Layout, name: str) -> dict[int, str]:
    listed = _literal(meta, "names", name)
    if isinstance(listed, (list, tuple)):
        listed = dict(enumerate(listed))
    if isinstance(listed, dict) and listed:
        if not all(isinstance(key, int) for key in listed):
            raise ModelError(f"{name}: names in the metadata must be numbered, got {meta['names'][:80]!r}")
        return {key: valid(str(value)) for key, value in listed.items()}
    if layout.classes == 1:
        return {0: "person" if layout.keypoints == 17 else "object"}
    return {i: f"class{i}" for i in range(layout.classes)}


def _skeleton(meta: Mapping[str, str], classes: Mapping[int, str], layout: Layout, name: str) -> Skeleton:
    """Name the keypoints: as the metadata does, else as their number and the class suggest."""
    k = layout.keypoints
    listed = _literal(meta, "kpt_names", name)
    if isinstance(listed, dict):
        listed = next(iter(listed.values()), None)
    instance = next(iter(classes.values()), "object") if len(classes) == 1 else "object"
    words = tuple(valid(str(word)) for word in listed) if isinstance(listed, (list, tuple)) else ()
    try:
        return skeleton_of(k, words, instance=instance)
    except ValueError as error:
        raise ModelError(f"{name}: {error} (in the metadata)") from None


def _is_side(value: Any) -> bool:
    return isinstance(value, int) and 1 <= value <= _LONGEST_SIDE


def _number(meta: Mapping[str, str], key: str, default: int, name: str) -> int:
    value = _literal(meta, key, name)
    if value is not None and not _is_side(value):
        raise ModelError(f"{name}: {key} in the metadata must be from 1 to {_LONGEST_SIDE}, got {meta[key][:80]!r}")
    return value or default


def _literal(meta: Mapping[str, str], key: str, name: str) -> Any:
    return read_literal(meta[key], key, name) if key in meta else None
