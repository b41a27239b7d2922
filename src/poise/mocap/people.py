"""Who is in a clip: for how long, how large and when, and a picture of everybody, so that one can be chosen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poise.charts import sheet
from poise.clips import Clip
from poise.clips.clip import boxes_of
from poise.errors import SourceError
from poise.files.writing import PathLike
from poise.frames import Image
from poise.image import crop
from poise.sources import open_source

# Pixels of a picture of one person, and how much of what is round them is in it.
_CELL, _ROOM = (240, 320), 1.2


@dataclass(frozen=True, slots=True)
class Seen:
    """One person of a clip.

    Attributes:
        id: Track id.
        frames: In how many frames they are seen.
        seconds: The same as time.
        start: Seconds of the first of them.
        end: Seconds of the last.
        share: How tall they are, as a share of the picture's height; the median.
    """

    id: int
    frames: int
    seconds: float
    start: float
    end: float
    share: float

    def __str__(self) -> str:
        """Name them in a sentence."""
        return f"{self.id} ({self.seconds:.1f} s)"


def people(clip: Clip) -> list[Seen]:
    """Return everybody who is in a clip, who is seen longest first."""
    lasts = np.gradient(clip.times) if len(clip) > 1 else np.full(len(clip), 1 / 30)
    out = []
    for row, (id, present) in enumerate(zip(clip.ids, clip.present, strict=True)):
        there = np.flatnonzero(present)
        if not len(there):
            continue
        tall = _boxes(clip, row)[there]
        share = float(np.median(tall[:, 3] - tall[:, 1])) / clip.size[1]
        ends = (float(clip.times[there[0]]), float(clip.times[there[-1]]))
        out.append(Seen(int(id), len(there), float(lasts[there].sum()), *ends, share))
    return sorted(out, key=lambda one: (-one.frames, one.id))


def picture_of(clip: Clip, video: PathLike, seen: Iterable[Seen]) -> Image:
    """Return one picture of several people, each with the id and how long they are seen.

    Args:
        clip: Where they are.
        video: What the clip was made of; it is read again.
        seen: Who, from :func:`people`.

    Returns:
        ``(H, W, 3)`` uint8 BGR.

    Raises:
        SourceError: The video cannot be read, or is another than that of the clip.
    """
    seen = list(seen)
    shots = {one.id: _best(clip, clip.row(one.id)) for one in seen}
    last = max(frame for frame, _ in shots.values())
    tiles: dict[int, Image] = {}
    with open_source(str(video), on_error=_ignore, on_note=_ignore) as frames:
        for frame in frames:
            height, width = frame.image.shape[:2]
            if (width, height) != clip.size:
                raise SourceError(
                    f"{video}: its pictures are {width}x{height}, those of the clip {clip.size[0]}x{clip.size[1]}; "
                    "name the video that the clip was made of"
                )
            for id, (index, box) in shots.items():
                if index == frame.index:
                    tiles[id] = crop(frame.image, box[None], _CELL, fill=235)[0][0]
            if frame.index >= last:
                break
    missing = [one.id for one in seen if one.id not in tiles]
    if missing:
        raise SourceError(f"{video}: it ends before id {missing[0]} is seen; name the video that the clip was made of")
    return sheet(
        [tiles[one.id] for one in seen], [f"id {one.id}, {one.seconds:.1f} s" for one in seen], columns=6, cell=_CELL
    )


def _boxes(clip: Clip, row: int) -> NDArray[np.float64]:
    return np.asarray(boxes_of(clip.boxes[row], clip.xy[row]), dtype=np.float64)


def _best(clip: Clip, row: int) -> tuple[int, NDArray[np.float64]]:
    """Return the number of the frame that shows somebody largest and clearest, and ``(4,)`` what of it to show."""
    boxes = _boxes(clip, row)
    sure = np.nan_to_num(clip.conf[row], nan=0.5).mean(axis=-1)
    size = np.nan_to_num((boxes[:, 3] - boxes[:, 1]) * (boxes[:, 2] - boxes[:, 0]), nan=0.0)
    at = int(np.argmax(np.sqrt(np.maximum(size, 0)) * sure * clip.present[row]))
    x0, y0, x1, y1 = boxes[at]
    # As wide and high as a tile is.
    half = _ROOM / 2 * max((x1 - x0) / _CELL[0], (y1 - y0) / _CELL[1], 1 / _CELL[0]) * np.array(_CELL)
    middle = np.array([x0 + x1, y0 + y1]) / 2
    return int(clip.frames[at]), np.concatenate([middle - half, middle + half])


def _ignore(*_: object, **__: object) -> None:
    """What is wrong with a video was told when it was read first."""
