"""One picture and where it is from: what a source gives and an estimator takes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

TimeFrom = Literal["source", "given", "fps", "clock", "assumed"]


@dataclass(frozen=True, slots=True)
class Media:
    """What a frame was read from; every frame of one video carries the same key.

    Attributes:
        name: What the user gave: a path, an address, ``"camera 0"``, ``"array 3"``.
        kind: ``"image"`` one picture; ``"video"`` a file with an end (animated GIF and WebP too); ``"stream"`` a
            camera or a live address; ``"frames"`` the user's own frames, passed one by one or by an iterator.
        fps: Average frames per second, 0.0 where there is none.
        frames: Number of frames if the container states it, else None.
        duration: Seconds if the container states it, else None.
        path: The file, when there is one on this machine, else an empty string.
        audio: Whether the file has sound.
        key: Which source it is, also of two that are described alike, such as one file that was opened twice. It stays
            when results are pickled or sent to another process; :func:`continues` asks for it.
    """

    name: str
    kind: Literal["image", "video", "stream", "frames"] = "image"
    fps: float = 0.0
    frames: int | None = None
    duration: float | None = None
    path: str = ""
    audio: bool = False
    key: str = field(default_factory=lambda: os.urandom(16).hex(), repr=False, compare=False)


def continues(media: Media, last: Media | None, *, scene: bool = True) -> bool:
    """Return whether a frame goes on with what the frame before it began: tracks, filters, events, trails.

    Args:
        media: The frame's source.
        last: The source of the frame before; None: there was none.
        scene: Pictures that follow each other show one scene. Else each stands alone.
    """
    if last is None:
        return False
    return media.key == last.key or (scene and media.kind == "image" == last.kind)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One upright picture.

    Attributes:
        image: ``(H, W, 3)`` uint8 BGR, upright (EXIF orientation and video rotation applied). Not to be written to.
        media: Where it is from.
        index: Zero-based index in its source.
        time: Presentation time in seconds from the start of its source.
        dropped: Frames that a live source has skipped so far to stay current.
        time_from: Where the time is from: ``"source"`` the file or stream itself; of frames of one's own ``"given"``
            with ``time=``, ``"fps"`` steps of 1/``fps``, ``"clock"`` when they came, or ``"assumed"`` 1/30 second a
            frame.
    """

    image: Image
    media: Media
    index: int = 0
    time: float = 0.0
    dropped: int = 0
    time_from: TimeFrom = "source"


def as_image(array: Any, *, name: str = "array") -> Image:
    """Return a picture array as ``(H, W, 3)`` uint8 BGR, without a copy where it already is one.

    Args:
        array: ``(H, W)`` grey, ``(H, W, 1)``, ``(H, W, 3)`` BGR or ``(H, W, 4)`` BGRA, uint8.
        name: How an error calls it.

    Raises:
        TypeError: The values are not uint8; says how to convert them.
        ValueError: The shape is not that of a picture.
    """
    array = np.asarray(array)
    if array.dtype != np.uint8:
        # Floats go to 1 or to 255, by where they are from.
        unit = array.dtype.kind in "fb" and not (array > 1).any()
        how = (
            "multiply by 255 and convert: (image * 255).astype('uint8')"
            if unit
            else "scale to 0..255 and convert with .astype('uint8')"
        )
        raise TypeError(f"{name}: pictures are uint8 from 0 to 255, got {array.dtype}; {how}")
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        raise ValueError(f"{name}: expected shape (H, W), (H, W, 3) BGR or (H, W, 4) BGRA, got {array.shape}")
    if array.shape[2] == 1:
        return np.ascontiguousarray(np.broadcast_to(array, (*array.shape[:2], 3)))
    return np.ascontiguousarray(array[:, :, :3])
