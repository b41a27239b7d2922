"""A data set that is read picture by picture, whatever its format."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from poise.datasets import _coco
from poise.datasets._labels import Labels, Problem
from poise.datasets._spec import DataSpec, read_spec
from poise.datasets._yolo import label_path, parse_labels
from poise.errors import FormatError, SourceError
from poise.frames import Image
from poise.sources import PICTURES, natural, picture_size, read_picture


class Dataset(Protocol):
    """Pictures of one split with their labels; pictures are read when they are asked for.

    Attributes:
        spec: What the data set holds.
        split: ``"train"``, ``"val"`` or ``"test"``.
        paths: The picture files, in an order that is the same on every machine.
    """

    spec: DataSpec
    split: str
    paths: list[Path]

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """Return the picture's name: its path below the data set's root."""
        ...

    def size(self, index: int) -> tuple[int, int]:
        """Return width and height of the upright picture."""
        ...

    def read(self, index: int) -> tuple[Labels, list[Problem]]:
        """Return the labels that can be used, and what is wrong with the others.

        Raises:
            SourceError, FormatError: The picture or the label file as a whole cannot be read.
        """
        ...

    def image(self, index: int) -> Image:
        """Return the upright picture, ``(H, W, 3)`` uint8 BGR.

        Raises:
            SourceError: It cannot be read.
        """
        ...


class _Pictures:
    """What both formats share."""

    spec: DataSpec
    split: str
    paths: list[Path]

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, index: int) -> str:
        path = self.paths[index]
        try:
            return path.relative_to(self.spec.root).as_posix()
        except ValueError:
            return path.as_posix()

    def size(self, index: int) -> tuple[int, int]:
        return picture_size(self.paths[index])

    def image(self, index: int) -> Image:
        return read_picture(self.paths[index])


class YoloDataset(_Pictures):
    """A split of a YOLO-pose data set: pictures, and a text file beside each under ``labels``.

    Raises:
        FormatError: The split has no pictures, naming where they were looked for.
    """

    def __init__(self, spec: DataSpec, split: str) -> None:
        self.spec, self.split = spec, split
        self.paths = sorted(
            {p for part in spec.splits[split] for p in _pictures(spec, part)}, key=lambda p: natural(str(p))
        )
        if not self.paths:
            raise FormatError(
                f"{spec.file}: {split}: no pictures in {', '.join(spec.splits[split])} (below {spec.root})"
            )

    def label_path(self, index: int) -> Path:
        """Return where the picture's labels are, whether or not the file is there."""
        return label_path(self.paths[index])

    def read(self, index: int) -> tuple[Labels, list[Problem]]:
        labels, problems, _ = self.read_lines(index)
        return labels, problems

    def read_lines(self, index: int) -> tuple[Labels, list[Problem], Any]:
        """Do the same, with the line of the file, from 1, that each row is from."""
        file = self.label_path(index)
        size = self.size(index)
        try:
            text = file.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            text = ""  # background
        except (OSError, UnicodeDecodeError) as error:
            raise FormatError(f"{file}: not a readable text file: {error}") from error
        return parse_labels(text, file, size=size, classes=len(self.spec.names), kpt_shape=self.spec.kpt_shape)


class CocoDataset(_Pictures):
    """A COCO keypoint annotation file with its pictures.

    Attributes:
        ids: COCO's image id of each picture.
        records: COCO's image records.

    Raises:
        FormatError: The file is not one, or its pictures are not found.
    """

    def __init__(self, path: Path, split: str, *, images: Path | None = None, spec: DataSpec | None = None) -> None:
        table = _coco.read_json(path)
        self._file = path
        self._numbers = _coco.class_numbers(table)
        root = images if images is not None else _image_root(path, table)
        self.spec = spec or _coco.spec_of(path, table, root=root, split=split)
        if spec is not None:
            found = _coco.spec_of(path, table, root=root, split=split).kpt_shape[0]
            if found != spec.kpt_shape[0]:
                raise FormatError(f"{path}: {found} keypoints, but {spec.file} says kpt_shape {list(spec.kpt_shape)}")
        self.split = split
        self.records: list[Mapping[str, Any]] = table["images"]
        self.ids = [record["id"] for record in self.records]
        self.paths = [root / str(record.get("file_name", "")) for record in self.records]
        self._by_image: dict[Any, list[Mapping[str, Any]]] = {}
        for annotation in table["annotations"]:
            self._by_image.setdefault(annotation.get("image_id"), []).append(annotation)

    @property
    def categories(self) -> dict[int, Any]:
        """Class number to COCO's category id."""
        return {number: category for category, number in self._numbers.items()}

    def size(self, index: int) -> tuple[int, int]:
        record = self.records[index]
        width, height = record.get("width"), record.get("height")
        if isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0:
            return width, height
        return super().size(index)

    def read(self, index: int) -> tuple[Labels, list[Problem]]:
        found = self._by_image.get(self.ids[index], [])
        return _coco.labels_of(self._file, found, self._numbers, self.spec.kpt_shape[0]), []


def open_dataset(data: str | Path, split: str = "train", *, images: Path | None = None) -> Dataset:
    """Open one split of a data set.

    Args:
        data: A YOLO-pose YAML file, the name of one that comes with Poise, or a COCO keypoint ``.json`` file.
        split: ``"train"``, ``"val"`` or ``"test"``; a COCO file is one split, whatever it is called.
        images: For a COCO file, the folder of its pictures; None looks beside it.

    Raises:
        FormatError: The description, the split or its pictures are not there.
        MissingExtra: The YAML reader is not installed.
    """
    path = Path(data)
    if path.suffix.lower() == ".json":
        return CocoDataset(path, split, images=images)
    spec = read_spec(path)
    if split not in spec.splits:
        raise FormatError(f"{spec.file}: has no split {split!r}; it has {', '.join(spec.splits)}")
    parts = spec.splits[split]
    if len(parts) == 1 and parts[0].lower().endswith(".json"):
        return CocoDataset(_below(spec, parts[0]), split, images=images, spec=spec)
    return YoloDataset(spec, split)


@dataclass(frozen=True, slots=True)
class Scan:
    """Everything that the label files of a data set say.

    Attributes:
        labels: Labels of each picture, in the data set's order; empty where the picture cannot be used.
        sizes: Width and height of each upright picture; (0, 0) where it cannot be read.
        usable: Whether each picture can be used at all.
        problems: What is wrong.
    """

    labels: list[Labels]
    sizes: list[tuple[int, int]]
    usable: list[bool]
    problems: list[Problem]


def scan(dataset: Dataset, *, watch: Callable[[Iterable[int]], Iterable[int]] | None = None) -> Scan:
    """Read all labels and the heads of all pictures; the pictures themselves are not decoded.

    A picture is left out of training as a whole when a row of its labels is wrong, as an instance without a label
    would teach the network that there is none; each is named in ``problems``.

    Args:
        dataset: The split.
        watch: Wraps the indices, for a progress bar.
    """
    found = Scan([], [], [], [])
    indices: Iterator[int] | range = range(len(dataset))
    empty = Labels.empty(dataset.spec.kpt_shape[0])
    for i in watch(indices) if watch else indices:
        size, labels, usable = (0, 0), empty, False
        try:
            size = dataset.size(i)
            labels, problems = dataset.read(i)
            usable = not any(p.severity == "error" for p in problems)
            found.problems.extend(problems)
        except SourceError as error:
            text = str(error).removeprefix(f"{dataset.paths[i]}: ")
            mend = "mend or remove the picture"
            found.problems.append(Problem("unreadable-picture", "error", dataset.paths[i], None, text, mend))
        except FormatError as error:
            found.problems.append(Problem("unreadable-labels", "error", dataset.paths[i], None, str(error), ""))
        found.labels.append(labels)
        found.sizes.append(size)
        found.usable.append(usable)
    return found


def _below(spec: DataSpec, part: str) -> Path:
    path = Path(part).expanduser()
    return path if path.is_absolute() else spec.root / path


def _pictures(spec: DataSpec, part: str) -> Iterator[Path]:
    path = _below(spec, part)
    if path.is_dir():
        for folder, _, files in os.walk(path):
            yield from (Path(folder) / name for name in files if Path(name).suffix.lower() in PICTURES)
    elif path.suffix.lower() == ".txt" and path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                entry = Path(line.strip())
                # Lists write './images/…' for paths that start where the list is.
                yield entry if entry.is_absolute() else path.parent / entry
    elif path.is_file() and path.suffix.lower() in PICTURES:
        yield path
    else:
        raise FormatError(
            f"{spec.file}: {path}: no such folder or .txt list; the data set's 'path' is {spec.root}; "
            f"correct it, or set POISE_DATASETS to the folder that holds the data set"
        )


def _image_root(path: Path, table: Mapping[str, Any]) -> Path:
    """Find the folder of a COCO file's pictures: beside it, or where COCO itself has them."""
    names = [str(record.get("file_name", "")) for record in table["images"][:20]]
    stem = path.stem.rpartition("_")[2]
    folders = [path.parent, path.parent / "images", path.parent.parent, path.parent.parent / "images"]
    folders += [base / stem for base in list(folders)]
    for folder in folders:
        if names and any((folder / name).is_file() for name in names):
            return folder
    if not names:
        return path.parent
    looked = ", ".join(map(str, folders))
    raise FormatError(f"{path}: its pictures ({names[0]}, …) are in none of {looked}; say where: images=FOLDER")
