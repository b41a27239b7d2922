"""The pictures that an export is calibrated with and certified on, and their labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise import files
from poise.datasets import Dataset, Labels, find_yaml, open_dataset, read_spec
from poise.errors import FormatError, SourceError
from poise.estimators.letterbox import place, write
from poise.evaluation import Expected
from poise.export._options import ExportOptions
from poise.frames import Image
from poise.skeletons.yamlfile import described, yaml_table
from poise.sources import open_source

_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".avif", ".ppm", ".jp2", ".heic")
_SETS = (".yaml", ".yml", ".json", ".xml", ".csv", ".h5", ".hdf5", ".slp", ".parquet", ".zip")
_WORDS = {"val": "validation", "train": "train"}
# Enough to see every activation's range; more only takes time (benchmarks/export.py).
CALIBRATION = 64


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Pictures by name, read when they are asked for.

    Attributes:
        files: Files, or names with arrays.
        calibration: Those to calibrate with; empty: the same ones.
        truths: Labels of each file; None or empty: there are none.
        origin: What they are, in words.
    """

    files: tuple[Path | tuple[str, Image], ...]
    calibration: tuple[Path | tuple[str, Image], ...] = ()
    truths: Mapping[Path, Expected] | None = None
    origin: str = ""

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[tuple[str, Image, Expected | None]]:
        for file in self.files:
            name, image = _load(file)
            truth = self.truths.get(file) if self.truths and isinstance(file, Path) else None
            yield name, image, truth

    def image(self, index: int) -> Image:
        """Return one of the pictures."""
        return _load(self.files[index])[1]

    def batches(self, options: ExportOptions) -> Iterator[NDArray[np.float32]]:
        """Yield inputs of the network, one batch a run, of the calibration pictures."""
        for file in evenly(self.calibration or self.files, CALIBRATION):
            image = _load(file)[1]
            size = (options.width, options.height)
            placement = place((image.shape[1], image.shape[0]), size, auto=options.dynamic)
            width, height = placement.size
            batch = np.empty((options.batch, 3, height, width), dtype=np.float32)
            write(image, placement, batch[0])
            batch[1:] = batch[0]
            yield batch


def collect_pictures(data: Any, *, most: int, keypoints: int | None = None) -> Pictures:
    """Find the pictures that the user gave, or those that come with the package.

    Args:
        data: A data set: a data YAML (its ``val`` pictures with their labels, ``train`` for calibration), a label file
            of any format or a .zip file; or a folder of pictures, a picture, or a list of those; None: the bundled
            picture in several shapes.
        most: Most pictures to compare on; evenly spread over what there is.
        keypoints: How many the network finds; labels of another number are not compared with.

    Raises:
        SourceError: There is nothing there, or no picture of a data set can be read.
        FormatError: The file does not describe a data set.
    """
    if data is None:
        made = tuple(_bundled())
        return Pictures(made, origin=f"the bundled picture in {len(made)} shapes")
    single = data[0] if isinstance(data, list | tuple) and len(data) == 1 else data
    if isinstance(single, str | Path) and Path(single).suffix.lower() in _SETS:
        return _of_set(Path(single), most, keypoints)
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


def truth_of(labels: Labels) -> Expected:
    """Return what average precision asks of a picture's labels; regions that hold several instances are left out."""
    one = labels[~labels.crowd]
    picture: NDArray[np.int64] = np.zeros(len(one), np.int64)
    boxes, xy = one.boxes.astype(np.float64), one.xy.astype(np.float64)
    return Expected(picture, one.classes, boxes, xy, one.visibility, one.whole_area, one.crowd)


def _of_set(path: Path, most: int, keypoints: int | None) -> Pictures:
    """Take the pictures of a data set that can be read, with their labels where these are whole."""
    if path.suffix.lower() in (".yaml", ".yml"):
        table, _ = described(yaml_table(find_yaml(path), feature=f"reading {path.name}"))
        if "kpt_shape" not in table and (table.get("val") or table.get("train")):
            return _without_labels(path, table, most)
        spec = read_spec(path)
        split, other = ("val" if "val" in spec.splits else "train"), ("train" if "train" in spec.splits else "val")
    else:
        split, other = "val", "train"
    found = open_dataset(path, split)
    chosen = evenly(range(len(found)), most)
    readable = [i for i in chosen if _readable(found, i)]
    if not readable:
        raise SourceError(
            f"{path}: none of the {len(chosen)} {split} pictures can be read; 'poise data check' says why"
        )
    labels = {i: _labels(found, i) for i in readable}
    kept = [i for i in readable if labels[i] is not None] or readable
    told = f"{len(kept)} of {len(found)} {_WORDS[split]} pictures of {path.name}"
    if labels[kept[0]] is None:
        told += "; none of their labels can be read, so average precision is not compared"
    elif len(kept) < len(chosen):
        told += f"; {len(chosen) - len(kept)} were left out, as they or their labels cannot be read"
    truths = {found.paths[i]: truth_of(one) for i in kept if (one := labels[i]) is not None}
    k = found.spec.kpt_shape[0]
    if keypoints not in (None, k):
        told += f"; its labels have {k} keypoints and the network {keypoints}, so average precision is not compared"
        truths = {}
    elif not sum(len(truth) for truth in truths.values()):
        truths = {}
    train = open_dataset(path, other) if path.suffix.lower() in (".yaml", ".yml") and other != split else found
    calibration = [train.paths[i] for i in evenly(range(len(train)), CALIBRATION) if _readable(train, i)]
    return Pictures(tuple(found.paths[i] for i in kept), tuple(calibration), truths, told)


def _readable(found: Dataset, i: int) -> bool:
    try:
        found.image(i)
    except SourceError:
        return False
    return True


def _labels(found: Dataset, i: int) -> Labels | None:
    """Return the labels of a picture; None where a row of them is wrong: what is not listed would count as false."""
    try:
        labels, problems = found.read(i)
    except (FormatError, SourceError):
        return None
    return None if any(problem.severity == "error" for problem in problems) else labels


def _without_labels(path: Path, said: Mapping[Any, Any], most: int) -> Pictures:
    """Take the pictures of a description without keypoints, such as a detector's."""
    root = path.parent / str(said.get("path") or ".")

    def split(name: str) -> list[Path]:
        listed = said.get(name) or []
        return [f for part in ([listed] if isinstance(listed, str) else listed) for f in _files(root / str(part))]

    val, train = split("val") or split("train"), split("train")
    if not val:
        raise SourceError(f"{path}: no pictures in {root / str(said.get('val') or said.get('train'))}")
    some = evenly(val, most)
    return Pictures(
        tuple(some), tuple(train or val), None, f"{len(some)} of {len(val)} validation pictures of {path.name}"
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
