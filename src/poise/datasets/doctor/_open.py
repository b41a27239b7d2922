"""Open the splits of a data set; what keeps one from being opened is a problem like any other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from poise.datasets._dataset import Dataset, YoloDataset, open_dataset
from poise.datasets._labels import Problem
from poise.datasets._spec import find_yaml, read_spec, yaml_in
from poise.datasets._unpack import unpacked
from poise.datasets.doctor._table import yaml_line
from poise.errors import FormatError
from poise.files.networks import refuse_pointer

_SPLITS = ("train", "val", "test")
# Keys that are checked after the rest, so that a wrong one does not hide what else is wrong.
_LATER = ("flip_idx", "skeleton", "kpt_oks_sigmas")


@dataclass(frozen=True, slots=True)
class Opened:
    """The splits that could be opened.

    Attributes:
        file: The description.
        datasets: The splits.
        problems: What is wrong with the description and with the other splits.
    """

    file: Path
    datasets: list[Dataset]
    problems: list[Problem]


def open_splits(
    data: str | Path, splits: Sequence[str], *, images: str | Path | None = None, min_conf: float = 0.0
) -> Opened:
    """Open those of the splits that the data set has.

    Raises:
        FormatError: There is no such file.
        ValueError: A split is none that a data set can have.
    """
    for split in splits:
        if split not in _SPLITS:
            raise ValueError(f"splits must be of {', '.join(_SPLITS)}, got {split!r}")
    refuse_pointer(Path(data), FormatError)
    path = unpacked(Path(data))
    if path.is_dir():
        path = yaml_in(path) or path
    if path.is_dir() or (path.suffix.lower() not in ("", ".yaml", ".yml") and path.exists()):
        return _single(path, splits, images)
    file = find_yaml(path)
    problems: list[Problem] = []
    ignore: tuple[str, ...] = ()
    try:
        spec = read_spec(file)
    except FormatError as error:
        problems.append(_of_description(file, error))
        ignore = _LATER
        try:
            spec = read_spec(file, ignore=ignore)
        except FormatError:
            return Opened(file, [], problems)
    opened = Opened(file, [], problems)
    for split in splits:
        if split not in spec.splits:
            continue
        try:
            opened.datasets.append(
                YoloDataset(spec, split, min_conf=min_conf)
                if ignore
                else open_dataset(file, split, images=images, min_conf=min_conf)
            )
        except FormatError as error:
            text = str(error).removeprefix(f"{file}: ")
            if split == "test" and "no such folder" in text:
                # Exports name it whether or not there is one.
                text = f"test: no such folder or list: {', '.join(spec.splits[split])}; there is no test split"
                problems.append(Problem("missing-split", "note", file, yaml_line(file, split), text))
                continue
            mend = f"correct '{split}:' or 'path:'" if "correct" not in text else ""
            problems.append(Problem("no-pictures", "error", file, yaml_line(file, split), text, mend))
    return opened


def _single(path: Path, splits: Sequence[str], images: str | Path | None) -> Opened:
    try:
        return Opened(path, [open_dataset(path, splits[0], images=images)], [])
    except FormatError as error:
        text = str(error).removeprefix(f"{path}: ")
        return Opened(path, [], [Problem("bad-description", "error", path, None, text, "")])


def _of_description(file: Path, error: FormatError) -> Problem:
    """Find the line that an error about the description is about."""
    text = str(error).removeprefix(f"{file}: ")
    given = re.match(r":(\d+): ", str(error).removeprefix(str(file)))
    if given is not None:
        text = str(error).removeprefix(f"{file}{given[0]}")
        return Problem("bad-description", "error", file, int(given[1]), text, "correct it")
    keys = ("flip_idx", "kpt_shape", "kpt_names", "skeleton", "kpt_oks_sigmas", "names", "nc", "path", *_SPLITS)
    found = [(text.find(key), key) for key in keys if key in text]
    key = min(found)[1] if found else ""
    kind = "flip-map-invalid" if key == "flip_idx" or "flip_idx" in text else "bad-description"
    line = yaml_line(file, "flip_idx" if kind == "flip-map-invalid" else key) if key else None
    mend = "for each keypoint, in order, write the index of the one that it becomes in a mirrored picture"
    return Problem(kind, "error", file, line, text, mend if kind == "flip-map-invalid" else "correct it")
