"""From what a label file says, instance by instance and name by name, to a data set with numbered columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from poise.datasets._boxes import box_round, single_note
from poise.datasets._json import LARGEST
from poise.datasets._labels import Labels, Problem
from poise.datasets._pictures import Pictures, find_pictures
from poise.datasets._spec import DataSpec, names_say_sides
from poise.datasets.formats._registry import Reading
from poise.errors import FormatError, SourceError, suggest
from poise.skeletons import Skeleton, get, names
from poise.sources import picture_size

# More keypoints than any skeleton has (faces: 468); a file that names more would make arrays without bound.
MAX_KEYPOINTS = 1024


@dataclass(slots=True)
class Found:
    """One instance as a file has it.

    Attributes:
        label: Name of its class; None where the file does not say.
        points: Keypoint name to x, y (pixels) and visibility.
        box: xyxy pixels; None where the file has none.
        area: Square pixels; NaN where the file has none.
        crowd: Whether it is a region that holds several.
        where: Line or element of the file.
    """

    label: str | None
    points: dict[str, tuple[float, float, int]] = field(default_factory=dict)
    box: tuple[float, float, float, float] | None = None
    area: float = float("nan")
    crowd: bool = False
    where: str = ""


@dataclass(slots=True)
class Record:
    """One picture as a file has it.

    Attributes:
        name: As the file calls it.
        size: Width and height; None where the file does not say.
        found: Its instances.
        path: Where it is, when that is known already.
        problems: What is wrong with its labels.
        loose: Names of keypoints of which it is not known whose they are.
    """

    name: str
    size: tuple[int, int] | None = None
    found: list[Found] = field(default_factory=list)
    path: Path | None = None
    problems: list[Problem] = field(default_factory=list)
    loose: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Declared:
    """What a file says about its keypoints and classes as a whole.

    Attributes:
        keypoints: Names in order; empty where it does not say.
        classes: Names in order; empty where it does not say.
        edges: Pairs of keypoint names.
        flips: Pairs of keypoint names.
    """

    keypoints: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()
    flips: tuple[tuple[str, str], ...] = ()


class TableDataset(Pictures):
    """Pictures whose labels were all in one file."""

    def __init__(
        self,
        spec: DataSpec,
        split: str,
        paths: Sequence[Path],
        sizes: Sequence[tuple[int, int] | None],
        labels: Sequence[tuple[Labels, list[Problem]]],
        notes: Iterable[str] = (),
    ) -> None:
        self.spec, self.split, self.paths = spec, split, list(paths)
        self._sizes, self._labels = list(sizes), list(labels)
        self.notes = tuple(notes)

    def stated_size(self, index: int) -> tuple[int, int] | None:
        """Return width and height as the file says; None where it does not."""
        return self._sizes[index]

    def size(self, index: int) -> tuple[int, int]:
        """Return width and height of the upright picture: as the file says, else as the picture does."""
        return self._sizes[index] or super().size(index)

    def read(self, index: int) -> tuple[Labels, list[Problem]]:
        """Return the labels of one picture, and what is wrong with them."""
        labels, problems = self._labels[index]
        return labels, list(problems)


def build(
    file: Path,
    split: str,
    records: Sequence[Record],
    how: Reading,
    declared: Declared | None = None,
    *,
    notes: Iterable[str] = (),
) -> TableDataset:
    """Number the keypoints and classes of records, and find their pictures.

    Args:
        file: Where they are from, for errors.
        split: Name of the split.
        records: The pictures.
        how: What is known beside the file.
        declared: What the file says as a whole.
        notes: What the file holds and is not read.

    Raises:
        FormatError: There are no keypoints, or the pictures are not found.
    """
    declared = declared or Declared()
    notes = list(notes)
    spec = how.spec or _spec(file, split, records, how, declared, notes)
    open_ = [record for record in records if record.path is None]
    paths, moved = find_pictures(file, [record.name for record in open_], how.images)
    for record, path in zip(open_, paths, strict=True):
        record.path = path
    points = {name: i for i, name in enumerate(spec.skeleton.keypoints)}
    classes = {name: i for i, name in spec.names.items()}
    labels, single = [], 0
    for record in records:
        rows, problems, lonely = _labels(file, record, points, classes)
        labels.append((rows, problems))
        single += lonely
    told = [single_note(single)] if single else []
    return TableDataset(
        spec,
        split,
        [record.path or Path(record.name) for record in records],
        [record.size for record in records],
        labels,
        [*(how.spec.notes if how.spec else ()), *moved, *told, *notes],
    )


def listed(counts: Counter[str], what: str) -> list[str]:
    """Return one note about what was found and is not read; none where nothing was."""
    shown = ", ".join(f"{name[:40]} ({n})" for name, n in sorted(counts.items())[:20])
    return [f"{what}: {shown}"] if counts else []


Loose = tuple[str, tuple[float, float, int]]


def parentless(record: Record, loose: Sequence[Loose], where: str, mend: str, tied: Counter[str]) -> None:
    """Give points that name no instance to the only one there is, or to the one whose box they certainly lie in.

    Certain is a box that alone holds the point, or alone among those that hold it has no keypoint of that name yet.
    Of the others it is said that it is not known whose they are.

    Args:
        record: Gets the points, or the problem.
        loose: Name and position of each.
        where: File, for the problem.
        mend: How they are tied to an instance in the tool.
        tied: Counts those that were given to one of several instances, for :func:`tied_notes`.
    """
    if not loose:
        return
    if not record.found:
        record.found.append(Found(None))
    only = record.found[0]
    if len(record.found) == 1 and len({name for name, _ in loose} | set(only.points)) == len(loose) + len(only.points):
        only.points.update(loose)
        return
    left = _into_boxes(record.found, loose)
    tied["keypoints"] += len(loose) - len(left)
    if not left:
        return
    record.loose += [name for name, _ in left]
    name, (x, y, _) = left[0]
    holding = sum(_holds(found, x, y) for found in record.found)
    twice = holding == 1 or len(record.found) == 1
    why = "a second of that name in its box" if twice else f"in {holding} boxes" if holding else "in no box"
    rest = f", and {len(left) - 1} more" if len(left) > 1 else ""
    text = f"{record.name}: it is not known whose keypoint {name[:40]!r} at ({x:.0f}, {y:.0f}) is ({why}){rest}"
    record.problems.append(Problem("keypoint-of-no-instance", "error", Path(where), None, text, mend))


def tied_notes(tied: Counter[str]) -> list[str]:
    """Return one note about keypoints that were given to boxes; none where there were none."""
    n = tied["keypoints"]
    return (
        [f"{n} keypoints are tied to no instance in the file; each was given to the box that it lies in"] if n else []
    )


def _into_boxes(instances: Sequence[Found], loose: Sequence[Loose]) -> list[Loose]:
    """Give points to the boxes that they certainly lie in, and return the others."""
    left = list(loose)
    # A point that is drawn a little beyond its box lies in none; then the box is taken with a tenth more on each side.
    for more in (0.0, 0.1):
        while True:
            able = [
                [i for i, f in enumerate(instances) if name not in f.points and _holds(f, x, y, more=more)]
                for name, (x, y, _) in left
            ]
            # Two of one name that can be in the same box alone contradict each other.
            alone = Counter((name, boxes[0]) for (name, _), boxes in zip(left, able, strict=True) if len(boxes) == 1)
            sure = [len(boxes) == 1 and alone[left[k][0], boxes[0]] == 1 for k, boxes in enumerate(able)]
            for (name, spot), boxes, good in zip(left, able, sure, strict=True):
                if good:
                    instances[boxes[0]].points[name] = spot
            left = [point for point, good in zip(left, sure, strict=True) if not good]
            if not any(sure):
                break
    return left


def _holds(found: Found, x: float, y: float, *, more: float = 0.0) -> bool:
    if found.box is None:
        return False
    x1, y1, x2, y2 = found.box
    dx, dy = (x2 - x1) * more, (y2 - y1) * more
    return x1 - dx <= x <= x2 + dx and y1 - dy <= y <= y2 + dy


def _spec(
    file: Path, split: str, records: Sequence[Record], how: Reading, declared: Declared, notes: Sequence[str]
) -> DataSpec:
    instances = [found for record in records for found in record.found]
    labels = dict.fromkeys(f.label for f in instances if f.label is not None)
    classes = declared.classes or tuple(labels) or ("object",)
    loose = [name for record in records for name in record.loose]
    skeleton = how.skeleton or _skeleton(file, instances, loose, declared, classes, notes)
    return DataSpec(
        file=file,
        root=how.images or file.parent,
        splits={split: (str(file),)},
        names=dict(enumerate(classes)),
        kpt_shape=(len(skeleton), 3),
        skeleton=skeleton,
        flip_known=bool(declared.flips) or names_say_sides(skeleton),
        kpt_names=True,
    )


def _skeleton(
    file: Path,
    instances: Sequence[Found],
    loose: Sequence[str],
    declared: Declared,
    classes: Sequence[str],
    notes: Sequence[str],
) -> Skeleton:
    named = [name for f in instances for name in f.points]
    keypoints = declared.keypoints or tuple(dict.fromkeys([*named, *loose]))
    if not keypoints:
        told = f" ({'; '.join(notes)})" if notes else ""
        raise FormatError(f"{file}: no keypoints{told}; expected at least one labelled point, or say skeleton=NAME")
    if len(keypoints) > MAX_KEYPOINTS:
        raise FormatError(f"{file}: {len(keypoints)} different keypoints, the limit is {MAX_KEYPOINTS}")
    for known in sorted(map(get, names()), key=len):
        # A file that does not declare its keypoints may lack some that were never labelled.
        if keypoints == known.keypoints or (
            not declared.keypoints and set(keypoints) <= set(known.keypoints) and 2 * len(keypoints) >= len(known)
        ):
            return known
    index = {name: i for i, name in enumerate(keypoints)}
    flip = list(range(len(keypoints)))
    for a, b in declared.flips:
        if a in index and b in index:
            flip[index[a]], flip[index[b]] = index[b], index[a]
    try:
        return Skeleton(
            file.stem or "skeleton",
            keypoints,
            edges=tuple((index[a], index[b]) for a, b in declared.edges if a in index and b in index),
            flip_idx=tuple(flip) if declared.flips else (),
            source=str(file),
            instance=classes[0] if len(classes) == 1 else "object",
        )
    except (TypeError, ValueError) as error:
        raise FormatError(f"{file}: keypoints: {error}") from error


def _labels(
    file: Path, record: Record, points: dict[str, int], classes: dict[str, int]
) -> tuple[Labels, list[Problem], int]:
    """Return the labels of a picture, what is wrong with them, and how many boxes were made from one keypoint."""
    problems = list(record.problems)
    single = 0
    rows: list[tuple[int, Found]] = []
    for found in record.found:
        wrong = _wrong(found, points, classes)
        if wrong:
            where = found.where or record.name
            problems.append(Problem("bad-instance", "error", file, None, f"{where}: {wrong}", "correct or remove it"))
        else:
            rows.append((0 if found.label is None else classes[found.label], found))
    table = np.zeros((len(rows), len(points), 3))
    boxes = np.zeros((len(rows), 4))
    for i, (_, found) in enumerate(rows):
        for name, values in found.points.items():
            table[i, points[name]] = values
        seen = table[i, table[i, :, 2] > 0, :2]
        if found.box is not None:
            boxes[i] = found.box
        elif len(seen):
            lonely = bool((np.ptp(seen, axis=0) <= 0).all())
            single += lonely
            boxes[i] = box_round(seen, _size(record) if (np.ptp(seen, axis=0) <= 0).any() else (0, 0))
    labels = Labels.of(
        [number for number, _ in rows],
        boxes,
        table[..., :2],
        table[..., 2],
        area=np.array([found.area for _, found in rows]),
        crowd=np.array([found.crowd for _, found in rows], dtype=bool),
    )
    return labels, problems, single


def _size(record: Record) -> tuple[int, int]:
    if record.size is None and record.path is not None:
        try:
            return picture_size(record.path)
        except SourceError:  # told when the picture is used
            return (0, 0)
    return record.size or (0, 0)


def _wrong(found: Found, points: dict[str, int], classes: dict[str, int]) -> str:
    if found.label is None and len(classes) > 1:
        return f"its class is not given; expected one of {', '.join(list(classes)[:10])}"
    if found.label is not None and found.label not in classes:
        return f"class {found.label[:40]!r} is none of the data set's{suggest(found.label, classes)}"
    for name, (x, y, visibility) in found.points.items():
        if name not in points:
            return f"no keypoint named {name[:40]!r}{suggest(name, points)}"
        if not (abs(x) <= LARGEST and abs(y) <= LARGEST) or visibility not in (0, 1, 2):
            return f"keypoint {name[:40]!r} at ({x}, {y}), visibility {visibility}: not a place in a picture"
    if found.box is not None:
        x1, y1, x2, y2 = found.box
        if not all(abs(v) <= LARGEST for v in found.box) or x2 < x1 or y2 < y1:
            return f"box {found.box} is not left, top, right, bottom in pixels"
    return ""
