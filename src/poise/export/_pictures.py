"""The pictures that an export is calibrated with and certified on, and their labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise import files
from poise.errors import FormatError, SourceError
from poise.estimators.letterbox import place, write
from poise.export._what import Wish
from poise.frames import Image
from poise.skeletons.yamlfile import yaml_table
from poise.sources import open_source

_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".avif", ".ppm", ".jp2", ".heic")
# Enough to see every activation's range; more only takes time (benchmarks/export.py).
CALIBRATION = 64


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The labels of one picture, G objects.

    Attributes:
        classes: ``(G,)`` class numbers.
        boxes: ``(G, 4)`` xyxy pixels.
        xy: ``(G, K, 2)`` pixels.
        visible: ``(G, K)`` True where a keypoint is labelled.
    """

    classes: NDArray[np.intp]
    boxes: NDArray[np.float64]
    xy: NDArray[np.float64]
    visible: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Pictures by name, read when they are asked for.

    Attributes:
        files: Files, or names with arrays.
        calibration: Those to calibrate with; empty: the same ones.
        kpt_shape: Of the labels; None: there are none.
        origin: What they are, in words.
    """

    files: tuple[Path | tuple[str, Image], ...]
    calibration: tuple[Path | tuple[str, Image], ...] = ()
    kpt_shape: tuple[int, int] | None = None
    origin: str = ""

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[tuple[str, Image, Truth | None]]:
        for file in self.files:
            name, image = _load(file)
            truth = read_labels(file, image, self.kpt_shape) if self.kpt_shape and isinstance(file, Path) else None
            yield name, image, truth

    def image(self, index: int) -> Image:
        """Return one of the pictures."""
        return _load(self.files[index])[1]

    def batches(self, wish: Wish) -> Iterator[NDArray[np.float32]]:
        """Yield inputs of the network, one batch a run, of the calibration pictures."""
        for file in evenly(self.calibration or self.files, CALIBRATION):
            image = _load(file)[1]
            size = (wish.width, wish.height)
            placement = place((image.shape[1], image.shape[0]), size, auto=wish.dynamic)
            width, height = placement.size
            batch = np.empty((wish.batch, 3, height, width), dtype=np.float32)
            write(image, placement, batch[0])
            batch[1:] = batch[0]
            yield batch


def gather(data: Any, *, most: int) -> Pictures:
    """Find the pictures that the user gave, or those that come with the package.

    Args:
        data: A data YAML (its ``val`` pictures with their labels, ``train`` for calibration), a folder, a file, or a
            list of those; None: the bundled picture in several shapes.
        most: Most pictures to compare on; evenly spread over what there is.

    Raises:
        SourceError: There is nothing there.
        FormatError: The YAML is not a data set's.
    """
    if data is None:
        made = tuple(_bundled())
        return Pictures(made, origin=f"the bundled picture in {len(made)} shapes")
    if isinstance(data, str | Path) and Path(data).suffix.lower() in (".yaml", ".yml"):
        return _of_yaml(Path(data), most)
    files = _files(data)
    if not files:
        raise SourceError(f"{data}: no pictures there (looked for {', '.join(_ENDINGS)})")
    some = evenly(files, most)
    return Pictures(tuple(some), tuple(files), origin=f"{len(some)} of {len(files)} pictures given")


def evenly(items: Sequence[Any], most: int) -> list[Any]:
    """Return at most ``most`` items, evenly spread."""
    if len(items) <= most:
        return list(items)
    return [items[i] for i in np.linspace(0, len(items) - 1, most).round().astype(int)]


def read_labels(picture: Path, image: Image, kpt_shape: tuple[int, int]) -> Truth | None:
    """Read the labels of a picture in the field's text format; None where there is no file.

    Raises:
        FormatError: A line does not have the columns that ``kpt_shape`` asks for.
    """
    parts = list(picture.parts)
    if "images" not in parts:
        return None
    parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    path = Path(*parts).with_suffix(".txt")
    if not path.is_file():
        return None
    k, values = kpt_shape
    try:
        rows = [
            [float(word) for word in line.split()]
            for line in files.read_text(path, most=files.MOST_TEXT).splitlines()
            if line.strip()
        ]
    except ValueError as error:
        raise FormatError(f"{path}: expected numbers: {error}") from error
    for i, row in enumerate(rows):
        if len(row) != 5 + k * values:
            raise FormatError(
                f"{path}: line {i + 1} has {len(row)} numbers, expected {5 + k * values} for kpt_shape {[k, values]}"
            )
    table = np.array(rows, dtype=np.float64).reshape(-1, 5 + k * values)
    height, width = image.shape[:2]
    scale = np.array([width, height], dtype=np.float64)
    points = table[:, 5:].reshape(-1, k, values)
    middle, size = table[:, 1:3] * scale, table[:, 3:5] * scale
    seen: NDArray[np.bool_] = np.asarray(points[:, :, 2] > 0 if values == 3 else (points > 0).any(axis=2))
    return Truth(
        table[:, 0].astype(np.intp),
        np.concatenate([middle - size / 2, middle + size / 2], axis=1),
        points[:, :, :2] * scale,
        seen,
    )


def _of_yaml(path: Path, most: int) -> Pictures:
    said = yaml_table(path, feature=f"reading {path.name}")
    if not (said.get("val") or said.get("train")):
        raise FormatError(f"{path}: expected a data set's YAML with 'train' and 'val'")
    root = path.parent / str(said.get("path") or ".")

    def split(name: str) -> list[Path]:
        listed = said.get(name) or []
        return [f for part in ([listed] if isinstance(listed, str) else listed) for f in _files(root / str(part))]

    val, train = split("val") or split("train"), split("train")
    if not val:
        raise SourceError(f"{path}: no pictures in {root / str(said.get('val') or said.get('train'))}")
    shape = said.get("kpt_shape")
    if shape is not None and not (
        isinstance(shape, list) and len(shape) == 2 and all(isinstance(v, int) for v in shape)
    ):
        raise FormatError(f"{path}: kpt_shape must be [K, 2] or [K, 3], got {shape}")
    some = evenly(val, most)
    return Pictures(
        tuple(some),
        tuple(train or val),
        (shape[0], shape[1]) if shape else None,
        f"{len(some)} of {len(val)} validation pictures of {path.name}",
    )


def _files(data: Any) -> list[Path]:
    if isinstance(data, list | tuple):
        return [file for part in data for file in _files(part)]
    path = Path(data)
    if path.is_dir():
        return sorted(f for f in path.rglob("*") if f.suffix.lower() in _ENDINGS)
    if path.suffix.lower() == ".txt" and path.is_file():
        lines = files.read_text(path, most=files.MOST_LABELS).split("\n")
        return [path.parent / line.strip() for line in lines if line.strip()]
    if not path.is_file():
        raise SourceError(f"{path}: {files.no_file(path) if path.exists() else 'no such file or folder'}")
    return [path]


def _load(file: Path | tuple[str, Image]) -> tuple[str, Image]:
    if isinstance(file, tuple):
        return file
    with open_source(str(file), prefetch=0) as frames:
        return file.name, next(iter(frames)).image


def _bundled() -> Iterator[tuple[str, Image]]:
    """Yield the package's photo as it is, and turned, cut, brightened, darkened and shrunk."""
    name, photo = _load(Path(__file__).parents[1] / "cli" / "demo.jpg")
    height, width = photo.shape[:2]
    yield name, photo
    yield "mirrored", np.ascontiguousarray(photo[:, ::-1])
    yield "upside down", np.ascontiguousarray(photo[::-1])
    yield "turned left", np.ascontiguousarray(np.rot90(photo))
    yield "turned right", np.ascontiguousarray(np.rot90(photo, 3))
    yield "left part", np.ascontiguousarray(photo[:, : width * 2 // 3])
    yield "right part", np.ascontiguousarray(photo[:, width // 3 :])
    yield "middle", np.ascontiguousarray(photo[height // 6 : height * 5 // 6, width // 6 : width * 5 // 6])
    yield "half size", np.ascontiguousarray(photo[::2, ::2])
    yield "dark", photo // 2
    yield "bright", 128 + photo // 2
    yield "grey", np.repeat(photo.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
