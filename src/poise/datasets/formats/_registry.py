"""The formats by name, and which one a file is in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from poise import files
from poise.datasets._dataset import Dataset
from poise.datasets._find import any_case
from poise.datasets._spec import DataSpec
from poise.datasets.formats._capacity import FormatCapacity, Labelled
from poise.errors import FormatError, suggest
from poise.skeletons import Skeleton

# Name to module.
FORMATS = {
    "yolo": "yolo",
    "coco": "coco",
    "cvat": "cvat",
    "labelstudio": "labelstudio",
    "labelme": "labelme",
    "dlc": "deeplabcut",
    "sleap": "sleap",
    "parquet": "parquet",
}
_SUFFIXES = {
    ".yaml": "yolo",
    ".yml": "yolo",
    ".xml": "cvat",
    ".csv": "dlc",
    ".h5": "dlc",
    ".hdf5": "dlc",
    ".slp": "sleap",
    ".parquet": "parquet",
}
_MOST = 50  # files of a folder that are looked at
_HEAD = 65536  # bytes of a JSON file that are looked at


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known beside the file.

    Attributes:
        images: Folder of the pictures; None looks beside the file.
        spec: The description that names the file; None takes what the file says.
        skeleton: What the keypoints are, where the file does not say in which order they are.
    """

    images: Path | None = None
    spec: DataSpec | None = None
    skeleton: Skeleton | None = None


class Format(Protocol):
    """One file of this folder.

    Attributes:
        HOLDS: What the format can hold.
        FILE: Name of a split's file or folder below the data set's folder.
    """

    HOLDS: FormatCapacity
    FILE: str

    def read(self, path: Path, split: str, how: Reading) -> Dataset: ...

    def write(self, part: Labelled, file: Path) -> None: ...


def format_module(name: str) -> Format:
    """Return the format of that name.

    Raises:
        ValueError: There is none; with the nearest one.
    """
    if name not in FORMATS:
        raise ValueError(f"no label format named {name!r}{suggest(name, FORMATS)}")
    return cast(Format, import_module(f"poise.datasets.formats.{FORMATS[name]}"))


def recognise(path: Path) -> str:
    """Return the name of the format that a file is in, by its ending and its first bytes.

    Raises:
        FormatError: It is in none of them, or not there.
    """
    if path.is_dir():
        if any(path.rglob(f"CollectedData_*{any_case('.csv')}")):
            return "dlc"
        if (path / "classes.txt").is_file() and (path / "labels").is_dir():
            raise FormatError(
                f"{path}: Label Studio's export 'YOLO' does not say which keypoints there are; export the project as "
                "'JSON' (or 'JSON-MIN'), or write a data.yaml with kpt_shape and names"
            )
        if (path / "labels").is_dir() and (path / "images").is_dir():
            raise FormatError(
                f"{path}: folders of pictures and labels without a description; write a data.yaml beside them with "
                "train, val, kpt_shape and names"
            )
        if any(path.rglob(any_case("*.json"))):
            return "labelme"
        raise FormatError(f"{path}: a folder without a data.yaml, LabelMe's .json files or DeepLabCut's CollectedData")
    ending = path.suffix.lower()
    if ending == ".json":
        return _of_json(path)
    if ending in _SUFFIXES:
        return _SUFFIXES[ending]
    if not path.exists():
        raise FormatError(f"{path}: no such file")
    known = ", ".join([*_SUFFIXES, ".json"])
    raise FormatError(f"{path}: not the ending of a label file; expected {known}, or say the format")


_SPLIT_WORDS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}


def label_file_in(folder: Path, split: str) -> Path | None:
    """Return the one label file that a folder is about, as tools write it; None where there is none or several.

    CVAT writes ``annotations.xml``, COCO's files are in ``annotations/`` and, from Roboflow, ``_annotations.coco.json``
    in a folder a split. Of several the one that is called as the split is.
    """
    for file in sorted(folder.glob(any_case("annotations.xml"))):
        if file.is_file():
            return file
    found = [p for p in sorted(folder.glob(any_case("*.slp"))) if p.is_file()]
    places = ("annotations/*.json", "*/_annotations.coco.json", "_annotations.coco.json", "*.json")
    found += [path for place in places for path in sorted(folder.glob(any_case(place)))[:_MOST] if path.is_file()]
    single = [path for path in dict.fromkeys(found) if path.suffix.lower() != ".json" or _whole(path)]
    if len(single) > 1:
        words = _SPLIT_WORDS.get(split, (split,))
        single = [p for p in single if set(words) & set(re.findall("[a-z]+", p.relative_to(folder).as_posix().lower()))]
    return single[0] if len(single) == 1 else None


def _whole(path: Path) -> bool:
    """Return whether a JSON file holds the labels of a whole set, and not of one picture or something else."""
    try:
        keys = _keys(path)
    except FormatError:
        return False
    coco = keys & {"images", "annotations"} and keys & {"file_name", "bbox", "keypoints"} and "shapes" not in keys
    return bool(coco or keys & {"keypointlabels", "rectanglelabels"})


def _read_head(path: Path) -> str:
    try:
        with files.open_plain(path) as file:
            return file.read(_HEAD).decode("utf-8-sig", "replace").lstrip()
    except OSError as error:
        raise FormatError(f"{path}: cannot be opened: {error.strerror or error}") from error


def _keys(path: Path) -> set[str]:
    return set(re.findall(r'"(\w+)"\s*:', _read_head(path)))


def _of_json(path: Path) -> str:
    head, keys = _read_head(path), _keys(path)
    if head.startswith("["):
        if "image_id" in keys and not keys & {"data", "annotations", "file_name"}:
            raise FormatError(
                f"{path}: a list of COCO results: predictions, which name no pictures; expected the annotation file "
                "that they were made for, with 'images', 'annotations' and 'categories'"
            )
        return "labelstudio"
    if "shapes" in keys and not keys & {"images", "annotations", "categories"}:
        return "labelme"
    return "coco"
