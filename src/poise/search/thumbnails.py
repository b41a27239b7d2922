"""The pictures of what was found, cut out round the person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from poise.errors import PoiseError
from poise.files.text import brief, one_line
from poise.frames import Image
from poise.image import crop, small_jpeg
from poise.results import Results
from poise.search.hits import Hit
from poise.search.index import PoseIndex
from poise.sources import PICTURES, frames_between, read_picture

# Pixels of a side, and room round the person as a share of its extent.
SIDE, _ROOM = 300, 0.3
_GREY = 96
# Pictures of one movement.
_FRAMES = 5


@dataclass(frozen=True, slots=True, eq=False)
class Thumbnail:
    """One person, square.

    Attributes:
        points: ``(P, 2)`` in shares of the side, from the top left corner; NaN where not seen.
        jpeg: The picture; empty where it could not be read.
        time: Seconds in its source.
    """

    points: NDArray[np.float32]
    jpeg: bytes
    time: float


@dataclass(frozen=True, slots=True, eq=False)
class _Wanted:
    """One person of one frame of a source."""

    time: float
    points: NDArray[np.float32]
    box: NDArray[np.float32]


def thumbnails_of(
    index: PoseIndex,
    hit: Hit,
    *,
    roots: tuple[Path, ...] = (),
    movement: bool = False,
    on_error: Callable[[str], None] | None = None,
) -> list[Thumbnail]:
    """Cut a hit out of its picture or video.

    Args:
        index: Where it was found.
        hit: What was found.
        roots: Folders that sources may lie in, where they are not where their names say.
        movement: Several pictures, from its beginning to its end.
        on_error: Called with one sentence where a source cannot be read: its skeleton is shown alone then.
    """
    wanted = _steps(index, hit) if movement else [_Wanted(hit.time, hit.xy, hit.box)]
    images: list[Image | None]
    try:
        path = find_source(hit.source, roots)
        images = [_picture(path, one.time, movement=movement or hit.frame > 0) for one in wanted]
    except (PoiseError, OSError, ValueError) as error:
        if on_error is not None:
            on_error(brief(one_line(error)))
        images = [None] * len(wanted)
    return [_cut(one, image) for one, image in zip(wanted, images, strict=True)]


def thumbnail_of(result: Results, row: int, points: NDArray[np.float32]) -> Thumbnail:
    """Cut one person out of a result.

    Args:
        result: The frame.
        row: The person's row.
        points: ``(P, 2)`` pixels of the points that are drawn.
    """
    return _cut(_Wanted(result.time, points, np.asarray(result.boxes.xyxy)[row]), result.orig_img)


def find_source(name: str, roots: tuple[Path, ...] = ()) -> Path:
    """Return the file of a source: where its name says, or below one of the folders.

    Names come from files of strangers, so nothing but files on this machine is opened: no address and no camera.

    Raises:
        FileNotFoundError: It is not there.
    """
    for path in (Path(name), *(root / name for root in roots), *(root / Path(name).name for root in roots)):
        try:
            if path.is_file():
                return path
        except (OSError, ValueError):  # names that no system takes
            continue
    raise FileNotFoundError(2, "the source is no longer where it was", name)


def _picture(path: Path, time: float, *, movement: bool) -> Image:
    if not movement and path.suffix.lower() in PICTURES:
        return read_picture(path)
    return next(frames_between(path, time)).image


def _steps(index: PoseIndex, hit: Hit) -> list[_Wanted]:
    """Return the person at a few times of a movement."""
    mine = index.order[index.person[index.order] == index.person[hit.row]]
    times = index.time[mine]
    at = np.linspace(hit.start, hit.end, _FRAMES)
    rows = mine[np.abs(times[None] - at[:, None]).argmin(axis=1)]
    rows = rows[np.sort(np.unique(rows, return_index=True)[1])]
    points, _ = index.points(rows)
    return [_Wanted(float(index.time[row]), xy, index.box[row]) for row, xy in zip(rows.tolist(), points, strict=True)]


def _cut(one: _Wanted, image: Image | None) -> Thumbnail:
    known = one.points[np.isfinite(one.points).all(axis=1)]
    corners = np.concatenate([known, one.box.reshape(2, 2)]) if np.isfinite(one.box).all() else known
    if not len(corners):
        return Thumbnail(one.points, b"", one.time)
    low, high = corners.min(axis=0).astype(np.float64), corners.max(axis=0).astype(np.float64)
    side = max(float((high - low).max()) * (1 + _ROOM), 8.0)
    if image is not None:  # no more of what is beyond the picture than the person needs
        size = np.array([image.shape[1], image.shape[0]], dtype=np.float64)
        side = min(side, max(float((high - low).max()), float(size.min())))
    corner = (low + high) / 2 - side / 2
    if image is not None:
        corner = np.where(side <= size, np.clip(corner, 0, np.maximum(size - side, 0)), corner)
    points = ((one.points - corner) / side).astype(np.float32)
    if image is None:
        return Thumbnail(points, b"", one.time)
    region = np.array([[*corner, *(corner + side)]])
    pixels = int(min(SIDE, max(64.0, side)))
    cut = crop(image, region, (pixels, pixels), fill=_GREY)[0][0]
    return Thumbnail(points, small_jpeg(cut, SIDE), one.time)
