"""Pictures out: annotated frames and crops, through Pillow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from poise.errors import PoiseError
from poise.files.writing import PathLike, numbered, write_atomically
from poise.frames import Image
from poise.image import FORMATS, encode
from poise.results import Results
from poise.sinks._rows import class_name
from poise.sinks._sink import (
    Background,
    Names,
    Render,
    SinkBase,
    Stems,
    contiguous,
    default_render,
    folder_name,
    ready,
    refuse_existing,
)

# A source of one of these kinds was written without loss, so the picture of its result is too.
_LOSSLESS = {".png", ".bmp", ".gif", ".tif", ".tiff", ".pgm", ".ppm", ".pnm"}


def picture_suffix(result: Results) -> str:
    """Return the ending for the picture of a result: ``.png`` for lossless sources, ``.jpg`` for all others."""
    return ".png" if Path(result.media.path or result.media.name).suffix.lower() in _LOSSLESS else ".jpg"


class PictureSink(SinkBase):
    """Draws every result and writes it as a picture into a folder.

    The name is the source's: ``runner.jpg`` gives ``runner.jpg``, frame 12 of ``clip.mp4`` gives ``clip_12.jpg``, a
    second ``runner.jpg`` from another folder gives ``runner-2.jpg``. Sources without loss (.png, .bmp, .gif, .tif,
    .ppm) give .png, all others (.heic, .webp, arrays …) .jpg with quality 95.

    Args:
        folder: Made when the first picture is written.
        render: Draws a result, ``(H, W, 3)`` uint8 BGR; ``result.plot()`` unless given.
        overwrite: Replace pictures from before this run instead of choosing another name.
        stems: Names of the sources, shared with other sinks of the same run.
    """

    def __init__(
        self, folder: PathLike, render: Render | None = None, *, overwrite: bool = False, stems: Stems | None = None
    ) -> None:
        super().__init__()
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise PoiseError(f"{self.folder}: is a file, expected a folder for pictures")
        self._render = render or default_render
        self._names = Names(overwrite=overwrite)
        self._stems = stems or Stems()
        self._worker: Background[tuple[Render, Results, Path]] = Background(self._save)

    def write(self, result: Results) -> None:
        """Take one frame; drawing and encoding happen in the background."""
        self._worker.put((*ready(self._render, result), self._target(result)))

    def flush(self) -> None:
        """Wait for the last picture."""
        self._worker.flush()

    def close(self) -> None:
        """Wait for the last picture."""
        self._worker.close()

    def _target(self, result: Results) -> Path:
        return self._names.take(self.folder, self._stems.frame(result), picture_suffix(result))

    def _save(self, item: tuple[Render, Results, Path]) -> None:
        render, result, path = item
        write_atomically(path, encode(contiguous(render(result)), path.suffix.lower()))
        self.paths.append(path)


class FramePictureSink(PictureSink):
    """Draws every result and writes it as ``NAME_frames/FRAME.jpg``; arguments as for :class:`PictureSink`."""

    def _target(self, result: Results) -> Path:
        folder = self.folder / f"{self._stems.source(result.media)}_frames"
        return self._names.take(folder, str(result.frame), ".jpg")


class PictureFileSink(SinkBase):
    """Draws results into one named picture; a second result goes to ``name-2``, a third to ``name-3``.

    Args:
        path: Ends in .jpg, .jpeg, .png or .webp.
        render: Draws a result, ``(H, W, 3)`` uint8 BGR; ``result.plot()`` unless given.
        overwrite: Replace an existing file.
    """

    def __init__(self, path: PathLike, render: Render | None = None, *, overwrite: bool = False) -> None:
        super().__init__()
        self.path = Path(path)
        if self.path.suffix.lower() not in FORMATS:
            raise ValueError(f"{self.path}: pictures end in {', '.join(FORMATS)}, got {self.path.suffix!r}")
        refuse_existing(self.path, overwrite=overwrite)
        self._render = render or default_render
        self._names = Names(overwrite=overwrite)

    def write(self, result: Results) -> None:
        """Draw and write one frame."""
        path = self._names.take(self.path.parent, self.path.stem, self.path.suffix)
        write_atomically(path, encode(contiguous(self._render(result)), path.suffix.lower()))
        self.paths.append(path)


class CropSink(SinkBase):
    """Cuts every instance out of its picture: ``CLASS/NAME.jpg``, ``CLASS/NAME-2.jpg`` …

    Args:
        folder: Made when the first crop is written.
        margin: Room around the box as a share of its longer side; None: 2 % and 10 pixels, as ``Results.save_crop``.
        overwrite: Replace crops from before this run instead of choosing another name.
        stems: Names of the sources, shared with other sinks of the same run.
    """

    def __init__(
        self, folder: PathLike, *, margin: float | None = None, overwrite: bool = False, stems: Stems | None = None
    ) -> None:
        super().__init__()
        self.folder = Path(folder)
        self._stems = stems or Stems()
        self._margin = margin
        self._names = Names(overwrite=overwrite)

    def write(self, result: Results) -> None:
        """Write the crops of one frame; a box without area inside the picture gives none."""
        stem = self._stems.frame(result)
        for name, crop in _crops(result, self._margin):
            path = self._names.take(self.folder / folder_name(name), stem, ".jpg")
            write_atomically(path, encode(crop, ".jpg"))
            self.paths.append(path)


def _crops(result: Results, margin: float | None = None) -> Iterator[tuple[str, Image]]:
    """Give the class and the picture of each instance whose box has an area inside the picture."""
    for (x0, y0, x1, y1), number in zip(crop_boxes(result, margin).tolist(), result.boxes.cls.tolist(), strict=True):
        if x1 > x0 and y1 > y0:
            yield class_name(result, int(number)), result.orig_img[y0:y1, x0:x1]


def crop_boxes(result: Results, margin: float | None = None) -> NDArray[np.int64]:
    """Return ``(N, 4)`` whole-pixel xyxy crops: the boxes with room around them, inside the picture.

    Args:
        result: The frame.
        margin: Room on each side as a share of the box's longer side; None: 2 % of its sides in all and 10 pixels.
    """
    height, width = result.orig_shape
    boxes = np.array(result.boxes.xyxy, dtype=np.float64)
    boxes[~np.isfinite(boxes).all(axis=1)] = 0.0  # a box of which a side is not known is none
    sides = (boxes[:, 2:] - boxes[:, :2]).clip(0)
    room = 0.01 * sides + 10 if margin is None else margin * sides.max(axis=1, keepdims=True)
    low, high = np.floor(boxes[:, :2] - room), np.ceil(boxes[:, 2:] + room)
    high = np.where(boxes[:, 2:] > boxes[:, :2], high, low)
    limit = np.array([width, height, width, height])
    whole: NDArray[np.int64] = np.clip(np.concatenate([low, high], axis=1), 0, limit).astype(np.int64)
    return whole


def cut_out(result: Results, folder: Path, stem: str) -> list[str]:
    """Write a picture of every instance; see :meth:`poise.results.Results.save_crop`."""
    written = []
    for name, crop in _crops(result):
        # A class name comes with the weights, so from a stranger: it must not lead out of the folder.
        place = folder / (re.sub(r"[^\w\- ]", "_", name) or "_")
        place.mkdir(parents=True, exist_ok=True)
        path = next(path for free in numbered(stem) if not (path := place / f"{free}.jpg").exists())
        write_atomically(path, encode(crop, path.suffix))
        written.append(str(path))
    return written
