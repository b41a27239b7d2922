"""What is wrong with picture files: turned, of another size than the labels say, or nearly the same as others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from poise.datasets._dataset import Dataset, YoloDataset, label_file
from poise.datasets._labels import Problem
from poise.datasets.doctor._duplicates import Likeness
from poise.datasets.doctor._pictures import PictureFacts
from poise.datasets.doctor._table import yaml_line


def check_turned(dataset: Dataset, facts: PictureFacts) -> Iterator[Problem]:
    """Name pictures that Exif turns, as tools disagree about what their labels count from."""
    for i in np.flatnonzero((facts.turned != 1) & facts.readable):
        path = dataset.paths[i]
        yield Problem(
            "exif-turned",
            "note",
            path,
            None,
            f"Exif orientation {facts.turned[i]} turns this picture to {facts.sizes[i][0]} x {facts.sizes[i][1]}; its "
            "labels are taken to count in the turned picture, but some tools write them for the picture as stored",
            f"look at it in the sheet; to settle it, store the picture turned: mogrify -auto-orient '{path}'",
        )


def check_likeness(
    datasets: Sequence[Dataset], split: NDArray[np.intp], offset: NDArray[np.intp], likeness: Likeness
) -> Iterator[Problem]:
    """Name pictures of one split that are in another too, and those that repeat within one.

    Args:
        datasets: The splits.
        split: ``(P,)`` split of each picture.
        offset: First picture of each split.
        likeness: What looks the same.
    """

    def at(i: int) -> tuple[Dataset, int]:
        s = int(split[i])
        return datasets[s], int(i - offset[s])

    files = [path.resolve() for dataset in datasets for path in dataset.paths]
    # That two splits share a file is said once, of the splits.
    own = np.array([j >= 0 and files[i] == files[j] for i, j in enumerate(likeness.other)], dtype=bool)
    for s, dataset in enumerate(datasets):
        rows = np.flatnonzero((split == s) & (likeness.other >= 0) & ~own)
        if len(rows):
            total = int((split == s).sum())
            bits = likeness.bits[rows]
            spec = dataset.spec
            first, picture = at(int(rows[np.argmin(bits)]))
            like, number = at(int(likeness.other[rows[np.argmin(bits)]]))
            yield Problem(
                "leak",
                "warning",
                spec.file,
                yaml_line(spec.file, dataset.split),
                f"{len(rows)} of {total} {dataset.split} pictures ({len(rows) / total * 100:.0f} %) are nearly the "
                f"same as one in another split{_frames(rows, likeness, at)}, such as {first.name(picture)} as "
                f"{like.name(number)}: figures on {dataset.split} are too good",
                "split by scene or video, and not by frame",
            )
        for i in rows:
            this, picture = at(int(i))
            other, number = at(int(likeness.other[i]))
            equal = bool(likeness.equal[i])
            how = "the same bytes as" if equal else f"nearly the same ({likeness.bits[i]} of 64 bits differ) as"
            yield Problem(
                "copy-in-other-split" if equal else "near-copy-in-other-split",
                "error" if equal else "warning",
                this.paths[picture],
                None,
                f"{how} {other.paths[number]}, which is in {other.split}",
                f"keep it in one of the two splits: take it out of {this.split}, or split by scene",
            )
        again = [j >= 0 and files[i] != files[j] for i, j in enumerate(likeness.earlier)]
        rows = np.flatnonzero((split == s) & np.array(again, dtype=bool))
        if len(rows):
            total = int((split == s).sum())
            yield Problem(
                "repeated-pictures",
                "note",
                dataset.spec.file,
                yaml_line(dataset.spec.file, dataset.split),
                f"{len(rows)} of {total} {dataset.split} pictures are nearly the same as an earlier one: they count "
                "less than as many different ones",
                "right for frames of a video; else one of each is enough",
            )


def check_bytes(datasets: Sequence[Dataset], facts: Sequence[PictureFacts]) -> Iterator[Problem]:
    """Name files of one split with equal bytes, and pictures that it lists twice."""
    uses = Counter(path.resolve() for dataset in datasets for path in dataset.paths)
    for dataset, seen in zip(datasets, facts, strict=True):
        first: dict[bytes, int] = {}
        labels = (
            Counter(map(dataset.label_path, range(len(dataset)))) if isinstance(dataset, YoloDataset) else Counter()
        )
        files = [path.resolve() for path in dataset.paths]
        twice = len(files) - len(set(files))
        if twice:
            times = Counter(files)
            i = next(i for i, path in enumerate(files) if times[path] > 1)
            yield Problem(
                "listed-twice",
                "note",
                label_file(dataset, i) if not isinstance(dataset, YoloDataset) else dataset.spec.file,
                yaml_line(dataset.spec.file, dataset.split),
                f"{dataset.split}: {twice} entries name a picture that is listed already, such as {dataset.name(i)}",
                "right if it shall be seen more often; else join their labels in one entry",
            )
        for i, digest in enumerate(seen.digests):
            if not digest:
                continue
            j = first.setdefault(digest, i)
            if j != i and files[i] != files[j]:
                path = dataset.paths[i]
                yield Problem(
                    "same-bytes",
                    "warning",
                    path,
                    None,
                    f"the same bytes as {dataset.paths[j]}",
                    _spare(dataset, j, i, alone=uses[files[i]] == 1 and labels[label_file(dataset, i)] == 1),
                )


def _spare(dataset: Dataset, kept: int, picture: int, *, alone: bool) -> str:
    """Say how to be rid of a second copy: it may be deleted only where labels are equal too, and nothing else uses it.

    Args:
        dataset: The split.
        kept: The first copy.
        picture: The second.
        alone: No other entry of any split names the second copy or its label file.
    """
    if isinstance(dataset, YoloDataset) and alone:
        first, second = dataset.label_path(kept), dataset.label_path(picture)
        try:
            if first != second and first.read_bytes() == second.read_bytes():
                return f"their labels are equal too: rm {_quoted(dataset.paths[picture])} {_quoted(second)}"
        except OSError:
            pass
    return "compare their labels, and keep the better ones with one of the two"


def _quoted(path: Path) -> str:
    """Return a path as a shell takes it."""
    return "'" + str(path).replace("'", "'\\''") + "'"


def _frames(rows: NDArray[np.intp], likeness: Likeness, at: Callable[[int], tuple[Dataset, int]]) -> str:
    """Say so when the two are neighbours by the numbers in their names, as frames of a video are."""
    gaps = []
    for i in rows:
        a, b = (_number(dataset.paths[picture].stem) for dataset, picture in (at(int(i)), at(int(likeness.other[i]))))
        if a is not None and b is not None:
            gaps.append(abs(a - b))
    near = sum(gap <= 3 for gap in gaps)
    if len(gaps) < 3 or near < 0.5 * len(rows):
        return ""
    return f" (in {near} the numbers in the names are neighbours: frames of one video, dealt out to both)"


def _number(stem: str) -> int | None:
    digits = stem[len(stem.rstrip("0123456789")) :]
    return int(digits) if digits else None
