"""A data set from one format to another, with a report of what the other cannot hold."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poise.datasets._dataset import Dataset, has_split, open_dataset, scan
from poise.datasets._find import is_file
from poise.datasets._labels import Problem
from poise.datasets._spec import read_spec, yaml_in
from poise.datasets._unpack import unpacked
from poise.datasets.formats import yolo
from poise.datasets.formats._capacity import Labelled, losses
from poise.datasets.formats._describe import data_yaml
from poise.datasets.formats._place import How, names_below, put, reference, write_text
from poise.datasets.formats._registry import Format, format_module
from poise.errors import FormatError, SourceError
from poise.files.writing import check_folder, check_writable
from poise.skeletons import Skeleton
from poise.sources import picture_size

Watch = Callable[[Iterable[int]], Iterable[int]]


@dataclass(frozen=True, slots=True)
class Conversion:
    """What was written, and what was not.

    Attributes:
        format: Name of the format.
        files: What to open: the data.yaml, or the one label file.
        pictures: Pictures written, by split.
        instances: Instances written, by split.
        lost: What the format cannot hold, one sentence each; empty when it holds all.
        notes: What the source files hold and no format here reads.
        problems: What is wrong with the source; pictures with an error among them are left out.
    """

    format: str
    files: tuple[Path, ...]
    pictures: Mapping[str, int]
    instances: Mapping[str, int]
    lost: tuple[str, ...]
    notes: tuple[str, ...]
    problems: tuple[Problem, ...]

    @property
    def whole(self) -> bool:
        """Whether every picture of the source was written."""
        return not any(problem.severity == "error" for problem in self.problems)


def convert(
    source: str | Path,
    dest: str | Path,
    *,
    format: str,
    split: str | None = None,
    pictures: How | None = None,
    images: str | Path | None = None,
    source_format: str | None = None,
    skeleton: Skeleton | None = None,
    min_conf: float = 0.0,
    watch: Watch | None = None,
) -> Conversion:
    """Read a data set and write it in another format.

    Args:
        source: What :func:`open_dataset` takes: a data YAML, its folder, or a label file.
        dest: A folder to make, which gets a ``data.yaml``; or, for one split, the label file itself. A COCO file of a
            folder is in ``annotations/``.
        format: ``"yolo"``, ``"coco"``, ``"cvat"``, ``"labelstudio"``, ``"labelme"``, ``"dlc"``, ``"sleap"`` or
            ``"parquet"``.
        split: Only this one; None takes all splits of a data YAML. A single label file has one, called ``"train"``
            unless this names it.
        pictures: ``"copy"`` them, ``"link"`` to them, or leave them where they are and write a ``"reference"``. None
            copies for YOLO, whose label files must be beside the pictures, and refers otherwise.
        images: Folder of the source's pictures, where a label file does not say.
        source_format: The source's format, where its name and content do not say.
        skeleton: What the source's keypoints are, where its files do not say in which order they come.
        min_conf: Of YOLO label files that are saved predictions: a keypoint counts as labelled above this confidence.
        watch: Wraps the indices of each split's pictures, for a progress bar.

    Raises:
        ValueError: An unknown format or way of treating pictures.
        FormatError: The source cannot be read at all, ``dest`` is there already, or nothing can be written.
        MissingExtra: The format needs a package that is not installed.
    """
    how: dict[str, Any] = {
        "images": images,
        "format": source_format,
        "skeleton": skeleton,
        "min_conf": min_conf,
    }
    format_module(format)
    splits = [split] if split is not None else _splits(Path(source))
    return write_datasets(
        [open_dataset(source, name, **how) for name in splits], dest, format=format, pictures=pictures, watch=watch
    )


def write_datasets(
    datasets: Sequence[Dataset],
    dest: str | Path,
    *,
    format: str,
    pictures: How | None = None,
    watch: Watch | None = None,
) -> Conversion:
    """Write splits of one data set in a format; see :func:`convert`.

    Raises:
        ValueError: The splits differ in classes or keypoints, or a format or way is unknown.
        FormatError: ``dest`` is there already, or there is nothing to write.
        PoiseError: ``dest`` cannot be written to.
        KeyboardInterrupt: The user stopped it; nothing is left of it.
    """
    target, form = Path(dest), format_module(format)
    if pictures not in (None, "copy", "link", "reference"):
        raise ValueError(f"pictures must be 'copy', 'link' or 'reference', got {pictures!r}")
    if format == "yolo" and pictures == "reference":
        raise ValueError("YOLO's label files are beside the pictures; pictures must be 'copy' or 'link'")
    how: How = pictures or ("copy" if format == "yolo" else "reference")
    _check_same(datasets)
    single = format != "yolo" and target.suffix.lower() in _endings(form)
    if single and len(datasets) != 1:
        raise ValueError(f"{target} holds one split, the source has {len(datasets)}; choose one, or name a folder")
    made = [target]
    if single:
        made += [target.with_name(f"{target.stem}_images"), target.with_suffix(".config.xml")]
    for path in made:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            half = path.is_dir() and not single and not (path / "data.yaml").exists()
            why = ", without a data.yaml: perhaps half written by a conversion that was killed" if half else ""
            raise FormatError(f"{path}: is there already{why}; choose another name, or remove it first")
    (check_writable if single else check_folder)(target)

    try:
        return _write_all(datasets, target, format, how, watch, single=single)
    except BaseException as error:
        # What is half written would be in the way of the next try. Nothing of it was there before, or it was empty.
        for path in made:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        if isinstance(error, KeyboardInterrupt):
            error.args = (f"stopped; nothing was written to {target}",)
        raise


def _write_all(
    datasets: Sequence[Dataset], target: Path, format: str, how: How, watch: Watch | None, *, single: bool
) -> Conversion:
    form, folder = format_module(format), target.parent if single else target
    problems: list[Problem] = []
    parts: list[Labelled] = []
    for dataset in datasets:
        pictures_folder = f"{target.stem}_images" if single else _pictures_folder(format, dataset.split)
        parts.append(_place(dataset, folder, pictures_folder, how, problems, watch))
    full = [part for part in parts if len(part.indices)]
    if not full:
        first = next((str(p) for p in problems if p.severity == "error"), "it has no pictures")
        raise FormatError(f"{datasets[0].spec.file}: nothing to write: {first}")

    lost: Counter[str] = Counter()
    for part in full:
        found = losses(part, form.HOLDS, described=not single)
        found += getattr(form, "notes", lambda part: [])(part)
        lost.update(f"{part.split}: {text}" if len(full) > 1 else text for text in found)
    for part in parts:
        if not len(part.indices):
            lost[f"{part.split}: the whole split, as none of its pictures can be used"] = 1
    file = _write(full, target, format, single=single)
    notes = {note for dataset in datasets for note in getattr(dataset, "notes", ())}
    return Conversion(
        format=format,
        files=(file,),
        pictures={part.split: len(part.indices) for part in parts},
        instances={part.split: sum(map(len, part.labels)) for part in parts},
        lost=tuple(lost),
        notes=tuple(sorted(notes)),
        problems=tuple(problems),
    )


def _endings(form: Format) -> tuple[str, ...]:
    """Return the endings of a format's files; none where it is a folder of files."""
    ending = Path(form.FILE).suffix
    return (ending, *getattr(form, "ALSO", ())) if ending else ()


def _splits(source: Path) -> list[str]:
    source = unpacked(source)
    if source.is_dir():
        source = yaml_in(source) or source
    described = source.suffix.lower() in (".yaml", ".yml") or (not source.suffix and not source.exists())
    if not described:
        return ["train"]
    spec = read_spec(source)
    # Exports name a test split whether or not there is one.
    return [split for split in spec.splits if split != "test" or len(spec.splits) == 1 or has_split(spec, split)]


def _pictures_folder(format: str, split: str) -> str:
    # LabelMe opens a picture from beside its .json file.
    return split if format == "labelme" else f"images/{split}"


def _check_same(datasets: Sequence[Dataset]) -> None:
    if not datasets:
        raise ValueError("nothing to write: no split was given")
    first = datasets[0]
    for other in datasets[1:]:
        if other.spec.names != first.spec.names or other.spec.skeleton.keypoints != first.spec.skeleton.keypoints:
            raise ValueError(f"{other.split} and {first.split} differ in their classes or keypoints")
    if len({d.split for d in datasets}) != len(datasets):
        raise ValueError("two splits have the same name")
    names = list(first.spec.names.values())
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise FormatError(f"{first.spec.file}: two classes are called {twice!r}; label files tell them apart by name")


def _place(
    dataset: Dataset, folder: Path, pictures_folder: str, how: How, problems: list[Problem], watch: Watch | None
) -> Labelled:
    """Read a split, and put its pictures where they belong."""
    found = scan(dataset, watch=watch)
    problems += found.problems
    usable: list[int] = []
    seen: set[Path] = set()
    for i in range(len(dataset)):
        if not found.usable[i]:
            continue
        path = dataset.paths[i]
        problem = _twice(path) if path in seen else _picture_problem(path, how)
        seen.add(path)
        if problem is not None:
            problems.append(problem)
        else:
            usable.append(i)
    names = names_below([dataset.paths[i] for i in usable])
    places = []
    for i, name in zip(usable, names, strict=True):
        if how == "reference":
            places.append(reference(dataset.paths[i], folder))
        else:
            put(dataset.paths[i], folder / pictures_folder / name, how)
            places.append(f"{pictures_folder}/{name}")
            if name.name != dataset.paths[i].name:
                text = f"is written as {places[-1]}"
                problems.append(Problem("renamed-picture", "note", dataset.paths[i], None, text))
    return Labelled(dataset, usable, [found.labels[i] for i in usable], [found.sizes[i] for i in usable], places)


def _twice(path: Path) -> Problem:
    text = "the picture is listed twice; its first labels are used"
    return Problem("picture-twice", "error", path, None, text, "join its labels")


def _picture_problem(path: Path, how: How) -> Problem | None:
    """Say why a picture cannot be written, if it cannot."""
    if not is_file(path):
        return Problem("missing-picture", "error", path, None, "no such picture", "say where the pictures are")
    if how == "reference":
        return None
    try:
        picture_size(path)
    except SourceError as error:
        text = str(error).removeprefix(f"{path}: ")
        return Problem("unreadable-picture", "error", path, None, text, "mend or remove the picture")
    return None


def _write(parts: Sequence[Labelled], target: Path, format: str, *, single: bool) -> Path:
    form, spec = format_module(format), parts[0].spec
    classes = list(spec.names.values()) if form.HOLDS.classes or len(spec.names) == 1 else ["object"]
    if single:
        form.write(parts[0], target)
        return target
    splits: dict[str, str] = {}
    values = yolo.values(list(parts))
    if format == "yolo":
        for part in parts:
            yolo.write_labels(part, target, values=values)
            splits[part.split] = _pictures_folder("yolo", part.split)
    else:
        for part in parts:
            splits[part.split] = form.FILE.format(split=part.split)
            form.write(part, target / splits[part.split])
    # Last, so that a folder with a data.yaml is whole.
    file = target / "data.yaml"
    write_text(file, data_yaml(spec, splits, values=values, format=format, classes=classes))
    return file
