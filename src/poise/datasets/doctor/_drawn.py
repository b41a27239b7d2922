"""Labels drawn on their pictures: whole pictures, single instances, and an instance beside its mirror image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from poise.datasets._labels import Labels
from poise.datasets.doctor._table import Table
from poise.drawing import draw
from poise.errors import PoiseError
from poise.frames import Image
from poise.results import Results
from poise.skeletons import Skeleton
from poise.sources import read_picture

# Confidence that stands for COCO's visibility in a drawing: what is hidden is drawn faint.
_OPACITY = np.array([0.0, 0.4, 1.0])


def drawn(picture: Image, labels: Labels, skeleton: Skeleton, names: dict[int, str]) -> PIL.Image.Image:
    """Draw labels on a BGR picture."""
    rows = np.concatenate(
        [labels.boxes, np.ones((len(labels), 1), np.float32), labels.classes[:, None].astype(np.float32)], axis=1
    )
    conf = _OPACITY[np.minimum(labels.visibility, 2)]
    result = Results.of(picture, rows, labels.xy, conf, skeleton=skeleton, names=names)
    out = draw(result, labels=len(names) > 1, conf=False)
    return PIL.Image.fromarray(np.ascontiguousarray(out[:, :, ::-1]))


def scaled(picture: Image, labels: Labels, size: tuple[int, int]) -> tuple[Image, Labels]:
    """Scale a BGR picture with its labels into ``size``, width and height, so that lines keep their width."""
    height, width = picture.shape[:2]
    ratio = min(size[0] / width, size[1] / height)
    to = max(1, round(width * ratio)), max(1, round(height * ratio))
    small = PIL.Image.fromarray(np.ascontiguousarray(picture[:, :, ::-1])).resize(to, PIL.Image.Resampling.LANCZOS)
    scale = np.array([to[0] / width, to[1] / height], dtype=np.float32)
    moved = Labels.of(
        labels.classes, labels.boxes * np.tile(scale, 2), labels.xy * scale, labels.visibility, crowd=labels.crowd
    )
    return np.ascontiguousarray(np.asarray(small)[:, :, ::-1]), moved


def whole(table: Table, split: int, picture: int, skeleton: Skeleton, *, size: tuple[int, int]) -> PIL.Image.Image:
    """Draw all instances of a picture."""
    rows = np.flatnonzero((table.split == split) & (table.picture == picture))
    image = table.datasets[split].image(picture)
    return drawn(*scaled(image, table.labels[rows], size), skeleton, dict(table.spec.names))


def cut(table: Table, i: int, *, margin: float = 0.3) -> tuple[Image, Labels]:
    """Cut the surroundings of one instance, its box and points, out of its picture."""
    image = table.datasets[table.split[i]].image(int(table.picture[i]))
    labels = table.labels[np.array([i])]
    height, width = image.shape[:2]
    points = np.concatenate([labels.boxes.reshape(-1, 2), labels.xy[0][np.isfinite(labels.xy[0]).all(-1)]])
    limit = np.array([width, height], dtype=np.float64)
    low, high = np.clip(points.min(0), 0, limit), np.clip(points.max(0), 0, limit)
    room = max(margin * float((high - low).max()), 16.0)
    x0, y0 = (int(v) for v in np.floor(np.clip(low - room, 0, np.maximum(limit - 8, 0))))
    x1, y1 = (int(v) for v in np.ceil(np.clip(high + room, [x0 + 8, y0 + 8], limit)))
    shift = np.array([x0, y0], dtype=np.float32)
    moved = Labels.of(labels.classes, labels.boxes - np.tile(shift, 2), labels.xy - shift, labels.visibility)
    return np.ascontiguousarray(image[y0:y1, x0:x1]), moved


def single(table: Table, i: int, skeleton: Skeleton, *, size: tuple[int, int]) -> PIL.Image.Image:
    """Draw one instance and its surroundings."""
    return drawn(*scaled(*cut(table, i), size), skeleton, dict(table.spec.names))


def mirrored(image: Image, labels: Labels, flip_idx: Sequence[int]) -> tuple[Image, Labels]:
    """Mirror a picture with its labels, as training does."""
    width = image.shape[1]
    flip = np.array(flip_idx)
    xy = labels.xy[:, flip].copy()
    xy[..., 0] = width - xy[..., 0]
    boxes = labels.boxes.copy()
    boxes[:, [0, 2]] = width - labels.boxes[:, [2, 0]]
    return np.ascontiguousarray(image[:, ::-1]), Labels.of(labels.classes, boxes, xy, labels.visibility[:, flip])


def side_by_side(paths: tuple[Path, Path], *, size: tuple[int, int]) -> PIL.Image.Image:
    """Show two pictures beside each other."""
    parts = []
    for path in paths:
        picture = PIL.Image.fromarray(np.ascontiguousarray(read_picture(path)[:, :, ::-1]))
        picture.thumbnail(size)
        parts.append(picture)
    out = PIL.Image.new("RGB", (sum(p.width for p in parts) + 6, max(p.height for p in parts)), "white")
    out.paste(parts[0], (0, 0))
    out.paste(parts[1], (parts[0].width + 6, 0))
    return out


def typical(table: Table, count: int) -> NDArray[np.intp]:
    """Choose pictures with instances, spread evenly over the set: ``(C, 2)`` split and picture."""
    pairs = np.unique(np.stack([table.split, table.picture], 1), axis=0)
    chosen: NDArray[np.intp] = pairs[
        np.unique(np.linspace(0, len(pairs) - 1, min(count, len(pairs))).round().astype(int))
    ]
    return chosen


def clearest(table: Table, pairs: Sequence[tuple[int, int]]) -> int | None:
    """Choose the instance that shows most pairs of sides, among those of usable size the one with sides far apart."""
    labels = table.labels
    if not len(table):
        return None
    seen = (labels.visibility > 0).astype(np.float64)
    if not pairs:
        return int(np.argmax(seen.sum(1)))
    a, b = np.array(pairs).T
    extent = labels.boxes[:, 2:] - labels.boxes[:, :2]
    size = np.sqrt(np.maximum(np.prod(extent, axis=1), 1.0))
    apart = np.nan_to_num(np.linalg.norm(labels.xy[:, a] - labels.xy[:, b], axis=-1)) / size[:, None]
    inside = (labels.boxes[:, :2] >= -2).all(1) & (labels.boxes[:, 2:] <= table.sizes + 2).all(1)
    score = np.minimum(apart, 0.3).sum(1) + 0.02 * seen.sum(1) + 0.1 * inside
    return int(np.argmax(np.where(size > 60, score, score - 10)))


def samples(
    table: Table, skeleton: Skeleton, count: int, *, size: tuple[int, int]
) -> Iterator[tuple[PIL.Image.Image, str]]:
    """Draw typical pictures, each with its name; one that cannot be read is passed over."""
    for split, picture in typical(table, count):
        try:
            drawing = whole(table, int(split), int(picture), skeleton, size=size)
        except PoiseError:
            continue
        yield drawing, table.datasets[split].name(int(picture))


def mirror_check(
    table: Table, skeleton: Skeleton, maps: Sequence[Sequence[int]], *, size: tuple[int, int]
) -> list[PIL.Image.Image]:
    """Draw the clearest instance as it is labelled, and mirrored by each map; nothing where there is none to see."""
    i = clearest(table, skeleton.pairs)
    if i is None:
        return []
    try:
        image, labels = scaled(*cut(table, i), size)
    except PoiseError:
        return []
    names = dict(table.spec.names)
    shown = [(image, labels), *(mirrored(image, labels, flip_idx) for flip_idx in maps)]
    return [drawn(*one, skeleton, names) for one in shown]


def relative(table: Table) -> NDArray[np.float64]:
    """Return keypoints relative to their boxes, ``(N, K, 2)``: 0 to 1 inside."""
    boxes = table.labels.boxes.astype(np.float64)
    extent = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6)
    return np.asarray((table.labels.xy - boxes[:, None, :2]) / extent[:, None])
