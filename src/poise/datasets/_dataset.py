"""A data set that is read picture by picture, whatever its format."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from poise import files
from poise.datasets import _coco
from poise.datasets._find import locate, place
from poise.datasets._labels import Labels, Problem, told_once
from poise.datasets._pictures import Pictures, find_pictures, root_of
from poise.datasets._spec import DataSpec, read_spec, yaml_in
from poise.datasets._unpack import unpacked
from poise.datasets._yolo import find_labels, parse_labels
from poise.errors import FormatError, SourceError, suggest
from poise.files.networks import refuse_pointer
from poise.frames import Image
from poise.skeletons import Skeleton
from poise.sources import PICTURES, natural, picture_size


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


class YoloDataset(Pictures):
    """A split of a YOLO-pose data set: pictures, and a text file beside each under ``labels``.

    Raises:
        FormatError: The split has no pictures, naming where they were looked for.
    """

    def __init__(self, spec: DataSpec, split: str, *, min_conf: float = 0.0) -> None:
        self.spec, self.split, self.min_conf = spec, split, min_conf
        told: list[str] = list(spec.notes)
        # A picture that a list names twice is there twice: that is how rare ones are shown more often.
        found = [path for part in spec.splits[split] for path in _pictures(spec, split, part, told)]
        self.paths = sorted(found, key=lambda path: natural(str(path)))
        self.notes = tuple(told)
        if not self.paths:
            raise FormatError(
                f"{spec.file}: {split}: no pictures in {', '.join(spec.splits[split])} (below {spec.root})"
            )

    def label_path(self, index: int) -> Path:
        """Return where the picture's labels are, whether or not the file is there."""
        return find_labels(self.paths[index])

    def read(self, index: int) -> tuple[Labels, list[Problem]]:
        labels, problems, _ = self.read_lines(index)
        return labels, problems

    def read_lines(self, index: int) -> tuple[Labels, list[Problem], Any]:
        """Do the same, with the line of the file, from 1, that each row is from."""
        file = self.label_path(index)
        size = self.size(index)
        try:
            text = files.read_text(file, most=files.MOST_LABELS, encoding="utf-8-sig")
        except FileNotFoundError:
            text = ""  # background
        except (OSError, UnicodeDecodeError) as error:
            raise FormatError(f"{file}: not a readable text file: {error}") from error
        return parse_labels(
            text,
            file,
            size=size,
            classes=len(self.spec.names),
            kpt_shape=self.spec.kpt_shape,
            min_conf=self.min_conf,
        )


class CocoDataset(Pictures):
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
        self._others = _coco.others_of(table, self._numbers)
        self.records: list[Mapping[str, Any]] = table["images"]
        self.paths, moved = find_pictures(path, [record["file_name"] for record in self.records], images)
        root = images or (root_of(self.paths[0], self.records[0]["file_name"]) if self.paths else path.parent)
        own = _coco.spec_of(path, table, root=root, split=split)
        if spec is not None:
            self._numbers = _agree(path, own, spec, self._numbers)
        self.spec = spec or own
        self.split = split
        self.ids = [record["id"] for record in self.records]
        self._by_image = _coco.by_image(table)
        self.notes = (*(spec.notes if spec else ()), *moved, *_coco.notes_of(table, self._by_image))

    @property
    def categories(self) -> dict[int, Any]:
        """Class number to COCO's category id."""
        return {number: category for category, number in self._numbers.items()}

    def stated_size(self, index: int) -> tuple[int, int] | None:
        """Return width and height as the file says; None where it does not."""
        width, height = (self.records[index].get(key) for key in ("width", "height"))
        if isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0:
            return width, height
        return None

    def size(self, index: int) -> tuple[int, int]:
        return self.stated_size(index) or super().size(index)

    def annotation_ids(self, index: int) -> list[Any]:
        """Return COCO's id of each annotation of the picture."""
        return [a.get("id") for a in self._by_image[self.ids[index]]]

    def keypoints_as_written(self, index: int) -> list[list[float]]:
        """Return the flat ``x, y, v`` of each annotation of the picture that can be used."""
        rows = (_coco.as_flat(a) for a in self._by_image[self.ids[index]])
        return [row for row in rows if isinstance(row, list)]

    def read(self, index: int) -> tuple[Labels, list[Problem]]:
        found = self._by_image[self.ids[index]]
        k = self.spec.kpt_shape[0]
        return _coco.labels_of(self._file, found, self._numbers, k, self._others, size=lambda: self.size(index))


def _agree(path: Path, own: DataSpec, spec: DataSpec, numbers: Mapping[Any, int]) -> dict[Any, int]:
    """Return category id to the class number of the description, by the classes' names.

    Raises:
        FormatError: Keypoints or classes of the file and of the description differ.
    """
    if own.kpt_shape[0] != spec.kpt_shape[0]:
        raise FormatError(
            f"{path}: {own.kpt_shape[0]} keypoints, but {spec.file} says kpt_shape {list(spec.kpt_shape)}"
        )
    wanted = {name: i for i, name in spec.names.items()}
    for name in own.names.values():
        if name not in wanted:
            raise FormatError(f"{path}: category {name!r} is no class of {spec.file}{suggest(name, wanted)}")
    return {key: wanted[own.names[i]] for key, i in numbers.items()}


def open_dataset(
    data: str | Path,
    split: str = "train",
    *,
    images: str | Path | None = None,
    format: str | None = None,
    skeleton: Skeleton | None = None,
    min_conf: float = 0.0,
) -> Dataset:
    """Open one split of a data set.

    Args:
        data: A data YAML, the name of one that comes with Poise, a label file of any format that Poise reads, a folder
            that holds one of them, or a .zip file of such a folder.
        split: ``"train"``, ``"val"`` or ``"test"``; a label file is one split, whatever it is called.
        images: Folder of the pictures of a label file, or that the paths of a data YAML start from; None looks beside
            the file.
        format: Name of the label file's format; None looks at its ending and content.
        skeleton: For a label file that does not say in which order keypoints come (Label Studio, LabelMe,
            DeepLabCut), what they are; None takes a bundled skeleton with these names, else the order of the file.
        min_conf: Of YOLO label files that are saved predictions: a keypoint counts as labelled above this confidence.

    Raises:
        FormatError: The description, the split or its pictures are not there.
        MissingExtra: A package that the format needs is not installed.
        ValueError: There is no format of that name.
    """
    from poise.datasets.formats._registry import Reading, format_module, label_file_in, recognise

    refuse_pointer(Path(data), FormatError)
    path = unpacked(Path(data))
    folder = Path(images) if images is not None else None
    if path.is_dir():
        path = yaml_in(path) or label_file_in(path, split) or path
    # A name without an ending that is nothing here is that of a bundled description.
    name = format or ("yolo" if not path.suffix and not path.exists() else recognise(path))
    if name != "yolo":
        return format_module(name).read(path, split, Reading(folder, None, skeleton))
    if not 0 <= min_conf <= 1:
        raise ValueError(f"min_conf must be from 0 to 1, got {min_conf}")
    spec = read_spec(path)
    if folder is not None and spec.format in (None, "yolo") and not _one_file(spec, split):
        spec = replace(spec, root=folder)
    if split not in spec.splits:
        raise FormatError(f"{spec.file}: has no split {split!r}; it has {', '.join(spec.splits)}")
    parts = spec.splits[split]
    file = _below(spec, parts[0])
    if spec.format not in (None, "yolo") or (len(parts) == 1 and file.suffix.lower() in _LABEL_FILES):
        if len(parts) > 1:
            raise FormatError(f"{spec.file}: {split}: expected one file of format {spec.format}, got {len(parts)}")
        return format_module(spec.format or recognise(file)).read(file, split, Reading(folder, spec, skeleton))
    return YoloDataset(spec, split, min_conf=min_conf)


def _one_file(spec: DataSpec, split: str) -> bool:
    return any(Path(part).suffix.lower() in _LABEL_FILES for part in spec.splits.get(split, ()))


# A split of a description that is one label file, and not a folder or a list of pictures.
_LABEL_FILES = (".json", ".xml", ".csv", ".h5", ".slp", ".parquet")


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
    indices = range(len(dataset))

    def read(i: int, size: tuple[int, int]) -> tuple[Labels, list[Problem]]:
        labels, problems = dataset.read(i)
        return labels, [*problems, *wrong_size(dataset, i)]

    return scan_by(dataset, watch(indices) if watch else indices, dataset.size, read)


def scan_by(
    dataset: Dataset,
    indices: Iterable[int],
    size_of: Callable[[int], tuple[int, int]],
    read: Callable[[int, tuple[int, int]], tuple[Labels, Sequence[Problem]]],
) -> Scan:
    """Read labels in another way than :func:`scan` does.

    Args:
        dataset: The split.
        indices: All its pictures in their order.
        size_of: Gives width and height of an upright picture, or raises SourceError.
        read: Gives a picture's labels and what is wrong with them, or raises FormatError.
    """
    found = Scan([], [], [], [])
    empty = Labels.empty(dataset.spec.kpt_shape[0])
    for i in indices:
        size, labels = (0, 0), empty
        problems: Sequence[Problem]
        try:
            size = size_of(i)
            labels, problems = read(i, size)
        except SourceError as error:
            text = str(error).removeprefix(f"{dataset.paths[i]}: ").removesuffix("; copy it again")
            mend = "copy it again, or take it out of the data set"
            problems = [Problem("unreadable-picture", "error", dataset.paths[i], None, text, mend)]
        except FormatError as error:
            file = label_file(dataset, i)
            text = str(error).removeprefix(f"{file}: ")
            problems = [Problem("unreadable-labels", "error", file, None, text, "mend or remove the file")]
        found.labels.append(labels)
        found.sizes.append(size)
        found.usable.append(not any(problem.severity == "error" for problem in problems))
        found.problems.extend(problems)
    return replace(found, problems=told_once(found.problems))


def label_file(dataset: Dataset, picture: int) -> Path:
    """Return the file that holds a picture's labels."""
    if isinstance(dataset, YoloDataset):
        return dataset.label_path(picture)
    return Path(getattr(dataset, "_file", dataset.spec.file))


def wrong_size(dataset: Dataset, index: int, real: tuple[int, int] | None = None) -> list[Problem]:
    """Say so where a label file has another size for a picture than the picture: its labels are for other pixels.

    Args:
        dataset: The split.
        index: The picture.
        real: Width and height of the upright picture, where they are known.
    """
    stated = getattr(dataset, "stated_size", lambda _: None)(index)
    if stated is None:
        return []
    path = dataset.paths[index]
    try:
        width, height = real or picture_size(path)
    except SourceError:  # said where the picture is read
        return []
    if stated == (width, height):
        return []
    file = label_file(dataset, index)
    turned = stated == (height, width)
    text = f"{dataset.name(index)}: {stated[0]} x {stated[1]} in the file, but the picture is {width} x {height}" + (
        "; the labels are for the picture as it is stored, before Exif turns it"
        if turned
        else ": was it scaled after labelling?"
    )
    mend = "store the picture upright and label it again" if turned else "use the picture that was labelled"
    return [Problem("size-mismatch", "error", file, None, text, mend, picture=path)]


def _below(spec: DataSpec, part: str) -> Path:
    return place(part, _bases(spec))[0] or spec.root / Path(part).expanduser()


def has_split(spec: DataSpec, split: str) -> bool:
    """Return whether a split's folders, lists or files are there."""
    return all(place(part, _bases(spec))[0] is not None for part in spec.splits[split])


def _bases(spec: DataSpec) -> list[Path]:
    """Return where paths of a description may start from."""
    return list(dict.fromkeys([spec.root, spec.file.parent]))


def _pictures(spec: DataSpec, split: str, part: str, told: list[str]) -> Iterator[Path]:
    path, moved = place(part, _bases(spec))
    if path is None:
        path = spec.root / Path(part).expanduser()
    elif moved:
        told.append(f"{split}: {part[:200]} is not there; {path} is taken")
    if path.is_dir():
        for folder, _, names in os.walk(path):
            yield from (Path(folder) / name for name in names if Path(name).suffix.lower() in PICTURES)
    elif path.suffix.lower() == ".txt" and path.is_file():
        try:
            lines = files.read_text(path, most=files.MOST_TEXT, encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise FormatError(f"{path}: not a readable list of pictures: {error}") from error
        names = [line.strip() for line in lines if line.strip()]
        # Lists write './images/…' for paths that start where the list is; others start from the working folder or the
        # data set's, or are from another machine.
        found, _ = locate(names, [path.parent, *_bases(spec)], working=True)
        there = next((i for i, entry in enumerate(found) if entry is not None), None)
        if names and there is None:
            looked = ", ".join(map(str, dict.fromkeys([path.parent, *_bases(spec), Path()])))
            raise FormatError(
                f"{spec.file}: {split}: none of the {len(names)} pictures in {path} is there ({names[0][:200]}, …); "
                f"looked from {looked}, and by the last parts of their paths"
            )
        if there is not None and found[there] != path.parent / names[there]:
            told.append(f"{split}: {path.name}: {names[there][:200]} is not beside the list; {found[there]} is taken")
        yield from (entry or path.parent / name for entry, name in zip(found, names, strict=True))
    elif path.is_file() and path.suffix.lower() in PICTURES:
        yield path
    else:
        whole = Path(part).is_absolute()
        raise FormatError(
            f"{spec.file}: {path}: no such folder or .txt list; "
            + (
                f"correct '{split}:'"
                if whole
                else f"the data set's 'path' is {spec.root}; correct it, or set POISE_DATASETS to the folder that "
                "holds the data set"
            )
        )
