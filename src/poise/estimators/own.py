"""Find out what a network file of the user's own is: who decodes it, how it wants its pictures, what its points are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poise.errors import FormatError, ModelError, suggest
from poise.estimators import detectors, refiners
from poise.estimators.deployed import deployed
from poise.estimators.protocols import Detector, Refiner
from poise.estimators.recognise import describe
from poise.estimators.spec import Spec
from poise.files.text import valid
from poise.runtime import Session, Tensor
from poise.runtime.metadata import read_literal
from poise.skeletons import Skeleton, get, skeleton_of

# Skeletons by their number of keypoints, of the data sets that networks are usually trained on.
BY_COUNT = {
    14: "crowdpose14",
    16: "mpii16",
    17: "coco17",
    21: "hand21",
    26: "halpe26",
    133: "coco-wholebody133",
}
# Mean and scale of ImageNet's RGB pixels from 0 to 255. Source: torchvision, transforms; every trainer of this field
# but Megvii takes them.
_MEAN, _SCALE = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
_BGR = {"colour": "bgr", "mean": _MEAN[::-1], "scale": _SCALE[::-1]}
# What float inputs of a family usually are. Sources: MMPose, MMDetection, PaddleDetection, YOLOX, NanoDet, their
# configurations.
_USUAL: Mapping[str, Mapping[str, Any]] = {
    "simcc": {"mean": _MEAN, "scale": _SCALE},
    "heatmap": {"mean": _MEAN, "scale": _SCALE},
    "rtmo": {"colour": "bgr", "size": (640, 640)},
    "rtmdet": {**_BGR, "size": (640, 640)},
    "nanodet": {**_BGR, "size": (416, 416)},
    "picodet": {"mean": _MEAN, "scale": _SCALE, "size": (320, 320)},
    "yolox": {"colour": "bgr", "size": (640, 640)},
}
# Of heatmaps: input pixels a cell. Source: HRNet, ViTPose, TinyPose, the simple baselines.
_CELL = 4
_LONGEST_TEXT = 200_000
_POSE = "simcc, heatmap, rtmo"

Maker = Callable[[Spec, Session], Detector | Refiner]


@dataclass(frozen=True, slots=True)
class Own:
    """A network file, recognised.

    Attributes:
        spec: How it wants its pictures and who decodes it.
        skeleton: What its keypoints are; None of a detector of boxes.
    """

    spec: Spec
    skeleton: Skeleton | None

    @property
    def refines(self) -> bool:
        """Whether it looks at one instance a crop, so that a detector must find the instances."""
        return self.spec.family in refiners.FAMILIES


def family_of(session: Session) -> str | None:
    """Return the family that a network's outputs show, or None: a YOLO network, or one that is not known."""
    if session.metadata.get("task"):
        return None
    shapes = {t.name: t.shape for t in session.outputs}
    if any(name.startswith("map_s") for name in shapes):
        return "rtmdet"
    if {"cls_s8", "reg_s8"} <= set(shapes):
        return "picodet" if "cls_s64" in shapes else "nanodet"
    three = [shape for shape in shapes.values() if len(shape) == 3]
    four = [shape for shape in shapes.values() if len(shape) == 4]
    if len(shapes) == 2 and len(three) == len(four) == 1 and three[0][2] in (5, None) and four[0][3] in (3, None):
        return "rtmo"
    # Some exports give each map's highest cell as well.
    beside = [t for t in session.outputs if len(t.shape) != 4]
    if len(four) == 1 and all(t.dtype.kind in "iu" or len(t.shape) < 3 for t in beside) and _in_cells(session, four[0]):
        return "heatmap"
    if len(shapes) == len(three) and len(three) in (2, 3) and len({shape[1] for shape in three}) == 1:
        return "simcc"
    return None


def recognise(
    session: Session,
    *,
    name: str,
    path: Path | None = None,
    spec: Mapping[str, Any] | None = None,
    skeleton: str | Path | Skeleton | None = None,
) -> Own:
    """Recognise a pose network that is no YOLO network.

    What is not given is taken from, in this order: the file's metadata (``spec``, a JSON table, and ``skeleton``),
    MMDeploy's ``pipeline.json`` beside the file, names, shapes and types of its inputs and outputs, and what is usual
    in its family.

    Args:
        session: The network.
        name: How errors call it.
        path: Where the file is.
        spec: Fields of :class:`~poise.estimators.spec.Spec` that are known better.
        skeleton: What its keypoints are: a name, a file, or the skeleton itself.

    Raises:
        ModelError: It is none of the families, or contradicts what is said of it.
        FormatError: A field of ``spec`` that is not known.
    """
    table = declared(session, path, spec, name=name)
    family = table.setdefault("family", family_of(session))
    if family is None or family not in (*refiners.FAMILIES, *detectors.FAMILIES):
        known = [*refiners.FAMILIES, *detectors.FAMILIES]
        near = "" if family is None else f"no family named {family!r}{suggest(family, known)}; "
        raise ModelError(
            f"{name}: {near}expected a YOLO pose network, or outputs simcc_x and simcc_y (N, K, bins), one output of "
            "heatmaps (N, K, h, w), or RTMO's boxes (1, N, 5) and keypoints (1, N, K, 3); this looks like "
            f"{describe(session)}; if it is one of them under other names, say which: spec={{'family': …}} ({_POSE})"
        )
    make: Maker = refiners.refiner if family in refiners.FAMILIES else detectors.detector
    found, loaded = _load(make, session, name, table)
    if not loaded.keypoints and family in refiners.FAMILIES:
        raise ModelError(f"{name}: its outputs have no keypoints; this looks like {describe(session)}")
    if not loaded.keypoints:
        return Own(found, None)
    return Own(found, named(loaded.keypoints, skeleton or session.metadata.get("skeleton"), session, name=name))


def recognise_detector(
    session: Session, *, name: str, path: Path | None = None, spec: Mapping[str, Any] | None = None
) -> Spec:
    """Recognise a network that finds instances in whole pictures.

    Args:
        session: The network.
        name: How errors call it.
        path: Where the file is.
        spec: Fields of :class:`~poise.estimators.spec.Spec` that are known better.

    Raises:
        ModelError: It is none of the families, or contradicts what is said of it.
        FormatError: A field of ``spec`` that is not known.
    """
    table = declared(session, path, spec, name=name)
    if "family" not in table:
        table["family"] = family_of(session) or shared_family(session, name, told="mean" in table)
    if table["family"] not in detectors.FAMILIES:
        known, said = ", ".join(sorted(detectors.FAMILIES)), table["family"]
        odd = said is not None and said not in refiners.FAMILIES
        near = f"no family named {said!r}{suggest(said, detectors.FAMILIES)}; " if odd else ""
        raise ModelError(
            f"{name}: {near}expected a detector ({known}), but this looks like {describe(session)}; if it is one of "
            "them under other names, say which: detector={'file': …, 'family': …}"
        )
    return _load(detectors.detector, session, name, table)[0]


def _load(make: Maker, session: Session, name: str, table: Mapping[str, Any]) -> tuple[Spec, Detector | Refiner]:
    """Return the whole spec of a network, and the network as its family has it."""
    spec = _spec(session, name, table)
    try:
        return spec, make(spec, session)
    except FormatError as error:
        raise ModelError(f"{name}: {error}; this looks like {describe(session)}") from None


def named(count: int, skeleton: str | Path | Skeleton | None, session: Session | None = None, *, name: str) -> Skeleton:
    """Return what a network's keypoints are.

    Args:
        count: K.
        skeleton: What is said of them: a name, a file, or the skeleton itself.
        session: Whose metadata may name them (``kpt_names``).
        name: How errors call the network.

    Raises:
        ModelError: The skeleton has another number of keypoints, or there is none of that name.
    """
    if skeleton is not None:
        try:
            chosen = skeleton if isinstance(skeleton, Skeleton) else get(skeleton)
        except KeyError as error:
            raise ModelError(f"{name}: {error.args[0]}") from None
        if len(chosen.keypoints) != count:
            fits = BY_COUNT.get(count)
            raise ModelError(
                f"{name}: gives {count} keypoints, but skeleton {chosen.name!r} has {len(chosen.keypoints)}; "
                + (f"write skeleton={fits!r}, or " if fits else "write skeleton= with ")
                + f"the path of a .toml or .yaml file that names {count} points"
            )
        return chosen
    words = _names(session.metadata.get("kpt_names", "")) if session is not None else ()
    if len(words) == count == len(set(words)):
        return skeleton_of(count, words)
    if count in BY_COUNT:
        return get(BY_COUNT[count])
    return skeleton_of(count)


def declared(
    session: Session, path: Path | None, spec: Mapping[str, Any] | None = None, *, name: str = ""
) -> dict[str, Any]:
    """Return what is said of a network, the surest last: beside the file, in it, by the user."""
    name = name or str(path)
    table: dict[str, Any] = dict(deployed(path)) if path is not None else {}
    if _fixed(_picture(session, name)):
        table.pop("size", None)  # the network's own shape is surer than what lies beside it
    text = session.metadata.get("spec", "")
    if text:
        try:
            inside = json.loads(text[:_LONGEST_TEXT])
        except ValueError:
            inside = None
        if not isinstance(inside, dict):
            raise ModelError(f"{name}: 'spec' in the metadata must be a JSON table, got {text[:80]!r}")
        Spec.of({"family": "", "size": (1, 1), **inside}, name=name)  # unknown keys are said here, by the file's name
        table |= inside
    return table | dict(spec or {})


def _spec(session: Session, name: str, table: Mapping[str, Any]) -> Spec:
    """Add to what is said of a network what its tensors show and what is usual in its family."""
    picture = _picture(session, name)
    family = str(table["family"])
    shape = picture.shape
    layout = table.get("layout") or ("nhwc" if shape[3] == 3 and shape[1] != 3 else "nchw")
    dtype = picture.dtype.name
    if dtype not in ("float32", "float16", "uint8"):
        raise ModelError(
            f"{name}: its input is {dtype}, expected float32, float16 or uint8; export it with one of them"
        )
    usual = dict(_USUAL.get(family, {}))
    usual_size = usual.pop("size", None)
    if dtype == "uint8":
        # Pixels as they are: the network normalises them itself.
        usual.pop("mean", None), usual.pop("scale", None)
    elif table.get("colour", usual.get("colour", "rgb")) != usual.get("colour", "rgb"):
        # Mean and scale are in the order of the channels.
        usual |= {key: tuple(usual[key])[::-1] for key in ("mean", "scale") if key in usual}
    size, fixed = table.get("size"), _fixed(picture)
    if size is not None and not (len(size) == 2 and all(isinstance(v, int) and 8 <= v <= 4096 for v in size)):
        raise ModelError(f"{name}: size must be [width, height] in whole pixels from 8 to 4096, got {size!r}")
    if fixed and size and tuple(size) != fixed:
        raise ModelError(
            f"{name}: takes {fixed[0]} x {fixed[1]} pixels (width x height), but size={list(size)} is given"
        )
    chosen = fixed or size or _size(session, family) or usual_size
    if chosen is None:
        raise ModelError(
            f"{name}: takes pictures of any size and does not say for which it was trained; "
            "write spec={'size': [width, height]}"
        )
    return Spec.of({"dtype": dtype, "layout": layout, **usual, **table, "size": tuple(chosen)}, name=name)


def _fixed(picture: Tensor) -> tuple[int, int] | None:
    """Return width and height of an input that takes one size only."""
    sides = picture.shape[1:3] if picture.shape[3] == 3 and picture.shape[1] != 3 else picture.shape[2:]
    height, width = sides
    return (width, height) if width and height else None


def _picture(session: Session, name: str) -> Tensor:
    """Return the only input, after a look at its shape."""
    if len(session.inputs) == 1:
        tensor = session.inputs[0]
        if len(tensor.shape) == 4 and (tensor.shape[1] in (3, None) or tensor.shape[3] == 3):
            return tensor
    raise ModelError(
        f"{name}: expected one input of pictures, (N, 3, height, width) or (N, height, width, 3); this looks like "
        f"{describe(session)}"
    )


def _size(session: Session, family: str) -> tuple[int, int] | None:
    """Return the input's width and height that the outputs show, if they do."""
    if family == "heatmap":
        shape = next((t.shape for t in session.outputs if len(t.shape) == 4), (None,) * 4)
        return (shape[3] * _CELL, shape[2] * _CELL) if shape[2] and shape[3] else None
    if family == "simcc":
        bins = {t.name.lower()[-1:]: t.shape[2] for t in session.outputs if len(t.shape) == 3}
        x, y = bins.get("x"), bins.get("y")
        # Two bins a pixel, as RTMPose has them.
        return (x // 2, y // 2) if x and y else None
    return None


def shared_family(session: Session, name: str, *, told: bool) -> str | None:
    """Return the family of a detector whose outputs several families share."""
    boxes = [t for t in session.outputs if len(t.shape) == 3]
    if len(boxes) != 1:
        return None
    ready = boxes[0].shape[2] == 5 or boxes[0].name == "dets"
    hint = next((family for family in ("yolox", "rtmdet") if family in name.lower()), None)
    if ready and (told or hint):
        # Boxes are boxes; the families differ in how they want their pictures, which is told, or in the name.
        return hint or "rtmdet"
    if ready:
        raise ModelError(
            f"{name}: gives boxes (1, N, 5), as RTMDet and YOLOX do, which want their pictures differently; "
            "say which it is: detector={'file': …, 'family': 'rtmdet'}"
        )
    picture = _picture(session, name)
    height, width = picture.shape[2:]
    rows, columns = boxes[0].shape[1:]
    anchors = sum((height // s) * (width // s) for s in (8, 16, 32)) if height and width else None
    if columns and columns > 5 and (rows == anchors or hint == "yolox"):
        return "yolox"
    return None


def _in_cells(session: Session, shape: tuple[int | None, ...]) -> bool:
    """Whether maps are smaller than the picture by a whole number, as heatmaps are and masks are not."""
    fixed = _fixed(session.inputs[0]) if len(session.inputs[0].shape) == 4 else None
    if fixed is None or not (shape[2] and shape[3]):
        return True
    cell = fixed[1] / shape[2]
    return cell == fixed[0] / shape[3] and cell in (2, 4, 8, 16)


def _names(text: str) -> tuple[str, ...]:
    """Read a list of names, as JSON or a Python literal; empty where it is none."""
    try:
        listed = read_literal(text, "names", "") if text else ()
    except ModelError:
        return ()
    return tuple(valid(str(word)) for word in listed) if isinstance(listed, (list, tuple)) else ()
