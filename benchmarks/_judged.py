"""Pictures of the test data and what is in them: people as COCO labels them, faces and hands as judged by eye.

``judged_finds.json`` holds, by picture, where the faces and hands are that any search of it found, told by eye on
enlarged crops with the points drawn in: ``right`` the points of those that are there and whose points lie on them,
``unclear`` of those that the eye cannot tell (too small, too blurred, half hidden). Whatever else is found there is
wrong. Of a video a picture is named ``file#frame``. Faces have six points (eyes, nose, mouth, the places before the
ears), hands four (wrist, knuckles of index and little finger, tip of the middle finger).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageOps
from numpy.typing import NDArray

from poise.frames import Image
from poise.geometry import oks
from poise.skeletons import get

Floats = NDArray[np.float64]
JUDGED = Path(__file__).with_name("judged_finds.json")
# The judged points among those of the models: means of the points in a row.
POINTS = {
    "face": np.array([[33, 133], [362, 263], [4, 4], [13, 14], [234, 234], [454, 454]]),
    "hands": np.array([[0, 0], [5, 5], [17, 17], [12, 12]]),
}
# A find is right when its judged points lie nearer to those of a face or hand than this share of the size, on average;
# one that is unclear takes what lies within twice that.
NEAR = 0.25
# OKS from which a person is right, as in AP50.
RIGHT_OKS = 0.5
# Share of a find's box inside that of a person without labelled points from which it is not counted.
INSIDE = 0.5


@dataclass(frozen=True)
class Finds:
    """What a model found in one picture, surest first: ``(N, K, 2)`` points, ``(N, 4)`` boxes, ``(N,)`` conf."""

    xy: Floats
    boxes: Floats
    conf: Floats


def read_still(path: Path) -> Image:
    """Read an upright picture as BGR."""
    picture = PIL.ImageOps.exif_transpose(PIL.Image.open(path)).convert("RGB")
    return np.ascontiguousarray(np.asarray(picture)[..., ::-1])


@lru_cache(maxsize=1)
def read_frames(path: Path, wanted: tuple[int, ...]) -> dict[int, Image]:
    """Read some frames of a video in one pass."""
    import av

    with av.open(str(path)) as container:
        frames = enumerate(islice(container.decode(video=0), max(wanted) + 1))
        return {i: frame.to_ndarray(format="bgr24") for i, frame in frames if i in wanted}


def pictures(data: Path, names: list[str]) -> Iterator[tuple[str, Callable[[], Image]]]:
    """Yield the pictures of some names, ``file`` or ``file#frame``, each with what reads it."""
    for file, group in groupby(sorted(names), key=lambda name: name.partition("#")[0]):
        some = list(group)
        wanted = tuple(int(name.partition("#")[2]) for name in some if "#" in name)
        for name in some:
            if wanted:
                yield (
                    name,
                    lambda file=file, wanted=wanted, name=name: read_frames(data / file, wanted)[
                        int(name.partition("#")[2])
                    ],
                )
            else:
                yield name, partial(read_still, data / file)


def judged(kind: str) -> dict[str, dict[str, list[Any]]]:
    """Return what was judged of ``face`` or ``hands``, by picture."""
    table: dict[str, dict[str, list[Any]]] = json.loads(JUDGED.read_text(encoding="utf-8"))[kind]
    return table


def tell_judged(kind: str, entry: dict[str, list[Any]], finds: Finds) -> NDArray[np.int8]:
    """Return ``(N,)`` 1 for a right find, 0 for a wrong one, -1 for one that is not counted.

    Of two finds of one face or hand the second is wrong.
    """
    six = finds.xy[:, POINTS[kind]].mean(axis=2)
    size = np.ptp(finds.xy, axis=1).max(axis=-1, initial=1e-6)
    far = {
        key: np.array([np.linalg.norm(six - np.array(one), axis=-1).mean(axis=-1) / size for one in entry[key]])
        for key in ("right", "unclear")
    }
    told = np.zeros(len(size), dtype=np.int8)
    taken: set[int] = set()
    for i in range(len(size)):
        near = np.flatnonzero(far["right"][:, i] < NEAR).tolist() if len(far["right"]) else []
        free = [g for g in near if g not in taken]
        if free:
            taken.add(min(free, key=lambda g: far["right"][g, i]))
            told[i] = 1
        elif len(far["unclear"]) and (far["unclear"][:, i] < 2 * NEAR).any():
            told[i] = -1
    return told


def tell_people(people: list[dict[str, Any]], finds: Finds) -> NDArray[np.int8]:
    """Return the same of people in 17 points, held against the labels of one COCO picture."""
    rest = [one for one in people if not one["num_keypoints"] or one["iscrowd"]]
    told = (_persons(people, finds) >= 0).astype(np.int8)
    for i in np.flatnonzero(told == 0):
        if any(_inside(finds.boxes[i], one["bbox"]) >= INSIDE for one in rest):
            told[i] = -1
    return told


def tell_points(people: list[dict[str, Any]], finds: Finds, conf: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the confidence of each labelled point of the right finds, and whether the point is right.

    Args:
        people: Annotations of one COCO picture.
        finds: What was found in it.
        conf: ``(N, 17)`` of its points.

    Returns:
        ``(P,)`` confidences, and True where the point's term of OKS is at least 0.5.
    """
    mine = _persons(people, finds)
    labels, areas = _labels(people)
    rows = np.flatnonzero(mine >= 0)
    true, area = labels[mine[rows]], areas[mine[rows]]
    squared = np.square(finds.xy[rows] - true[..., :2]).sum(axis=-1)
    alike = np.exp(-squared / (2 * area[:, None] * np.square(2 * get("coco17").sigmas)))
    seen = true[..., 2] > 0
    return conf[rows][seen], alike[seen] >= RIGHT_OKS


def _labels(people: list[dict[str, Any]]) -> tuple[Floats, Floats]:
    """Return ``(G, 17, 3)`` keypoints and ``(G,)`` areas of the people with labelled points."""
    some = [one for one in people if one["num_keypoints"] and not one["iscrowd"]]
    labels = np.array([one["keypoints"] for one in some], dtype=float).reshape(-1, 17, 3)
    return labels, np.array([one["area"] for one in some], dtype=float)


def _persons(people: list[dict[str, Any]], finds: Finds) -> NDArray[np.intp]:
    """Return which labelled person each find is, each taken once; -1: none."""
    labels, areas = _labels(people)
    alike = oks(finds.xy, labels[..., :2], area=areas, visible=labels[..., 2] > 0, sigmas=get("coco17").sigmas)
    mine = np.full(len(finds.xy), -1, dtype=np.intp)
    for i in range(len(finds.xy)):
        free = [g for g in np.flatnonzero(alike[i] >= RIGHT_OKS).tolist() if g not in mine]
        if free:
            mine[i] = max(free, key=lambda g: alike[i, g])
    return mine


def _inside(box: Floats, xywh: list[float]) -> float:
    """Return the share of a box that lies inside another."""
    x, y, w, h = xywh
    width = min(box[2], x + w) - max(box[0], x)
    height = min(box[3], y + h) - max(box[1], y)
    area = max((box[2] - box[0]) * (box[3] - box[1]), 1e-6)
    return float(max(width, 0) * max(height, 0) / area)
