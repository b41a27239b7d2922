"""Read labels as training does, and note what reading would hide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from poise import files
from poise.datasets._dataset import CocoDataset, Dataset, Scan, YoloDataset, label_file, scan_by, wrong_size
from poise.datasets._labels import Labels, Problem
from poise.datasets._yolo import parse_labels
from poise.datasets.doctor._pictures import PictureFacts
from poise.errors import FormatError, SourceError


@dataclass(frozen=True, slots=True)
class Hidden:
    """Keypoints that have a position but are marked as not labelled.

    Attributes:
        rows: Instances that have some.
        points: Such keypoints.
        file: Where the first one is.
        line: Its line.
    """

    rows: int = 0
    points: int = 0
    file: Path | None = None
    line: int | None = None


def read_labels(dataset: Dataset, facts: PictureFacts | None, indices: Iterable[int]) -> tuple[Scan, Hidden]:
    """Read the labels of one split.

    Args:
        dataset: The split.
        facts: What was seen in its pictures; None reads only their heads.
        indices: All pictures in their order, wrapped for a progress bar.
    """
    hidden: list[Hidden] = []

    def size_of(i: int) -> tuple[int, int]:
        if facts is not None and facts.errors[i]:
            raise SourceError(facts.errors[i])
        # Other formats may state a size, which their labels are for.
        upright = _upright(facts, i) if isinstance(dataset, YoloDataset) else None
        return upright or dataset.size(i)

    def read(i: int, size: tuple[int, int]) -> tuple[Labels, list[Problem]]:
        if isinstance(dataset, YoloDataset):
            labels, problems, more = _text(dataset, i, size)
            hidden.append(more)
            return labels, problems
        labels, problems = dataset.read(i)
        if isinstance(dataset, CocoDataset):
            hidden.append(_hidden_in_json(dataset, i))
        return labels, [*problems, *wrong_size(dataset, i, _upright(facts, i))]

    found = scan_by(dataset, indices, size_of, read)
    first = next((one for one in hidden if one.rows), Hidden())
    rows, points = sum(one.rows for one in hidden), sum(one.points for one in hidden)
    return found, replace(first, rows=rows, points=points)


def _upright(facts: PictureFacts | None, i: int) -> tuple[int, int] | None:
    return None if facts is None else (int(facts.sizes[i][0]), int(facts.sizes[i][1]))


def _text(dataset: YoloDataset, i: int, size: tuple[int, int]) -> tuple[Labels, list[Problem], Hidden]:
    file = dataset.label_path(i)
    k, d = dataset.spec.kpt_shape
    try:
        if file.exists() and not file.is_file():
            raise FormatError(f"{file}: not a file")
        if file.is_symlink() or file.exists():
            text = files.read_text(file, most=files.MOST_LABELS, encoding="utf-8-sig")
        else:
            text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{file}: not a readable text file: {error}") from error
    labels, problems, lines = parse_labels(
        text, file, size=size, classes=len(dataset.spec.names), kpt_shape=(k, d), min_conf=dataset.min_conf
    )
    hidden = Hidden()
    predicted = any(p.kind == "confidences" for p in problems)
    if d == 3 and not predicted and len(labels) and not (labels.visibility > 0).all():
        rows = text.splitlines()
        points = np.array([rows[line - 1].split()[5:] for line in lines], dtype=np.float64).reshape(-1, k, 3)
        odd = (points[..., 2] == 0) & (points[..., :2] != 0).any(-1)
        if odd.any():
            line = int(lines[int(np.argmax(odd.any(1)))])
            hidden = Hidden(int(odd.any(1).sum()), int(odd.sum()), file, line)
    return labels, problems, hidden


def _hidden_in_json(dataset: CocoDataset, i: int) -> Hidden:
    rows = points = 0
    for flat in dataset.keypoints_as_written(i):
        spots = zip(flat[::3], flat[1::3], flat[2::3], strict=False)
        odd = sum(v == 0 and (x not in (0, None) or y not in (0, None)) for x, y, v in spots)
        rows, points = rows + (odd > 0), points + odd
    return Hidden(rows, points, label_file(dataset, i) if rows else None)


def check_hidden(hidden: Hidden) -> Iterator[Problem]:
    """Say that positions are not used."""
    if hidden.rows and hidden.file is not None:
        yield Problem(
            "position-not-labelled",
            "note",
            hidden.file,
            hidden.line,
            f"{hidden.points} keypoints of {hidden.rows} instances have a position and visibility 0: they are not "
            "used (the first one is here)",
            "write 1 (hidden) or 2 (seen) if the position is meant, else '0 0 0'",
        )
