"""A data set's description: the YAML file of this field, or the head of a COCO file."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poise.errors import FormatError, suggest
from poise.skeletons import Skeleton, from_yaml, lone_sides
from poise.skeletons.yamlfile import yaml_table

_SPLITS = ("train", "val", "test")
# More than any data set has; a number in a file must not decide how much memory is taken.
_MAX_CLASSES = 100_000
_BUNDLED = Path(__file__).with_name("yaml")


@dataclass(frozen=True, slots=True, eq=False)
class DataSpec:
    """What a data set holds and where.

    Attributes:
        file: The YAML or JSON file that was read.
        root: Folder that the splits' paths start from.
        splits: Split name to its paths as written: folders, ``.txt`` lists, or COCO ``.json`` files.
        names: Class number to class name, numbers from 0 without a gap.
        kpt_shape: Keypoints K, and values a keypoint in label files: 2 (x, y) or 3 (x, y, visibility).
        skeleton: What the keypoints are. Its mirror map is the file's own; without one it is derived from the names.
        flip_known: The mirror map is trusted: the file gives one, or its keypoint names do.
        kpt_names: The file names its keypoints.
        format: Format of the splits' files where the description says it; None: as the files look.
    """

    file: Path
    root: Path
    splits: Mapping[str, tuple[str, ...]]
    names: Mapping[int, str]
    kpt_shape: tuple[int, int]
    skeleton: Skeleton
    flip_known: bool
    kpt_names: bool
    format: str | None = None


def read_spec(path: str | Path, *, ignore: Collection[str] = ()) -> DataSpec:
    """Read the YAML file of a YOLO-pose data set.

    A name without a folder that is no file here is looked for among the descriptions that come with Poise, such as
    ``coco8-pose.yaml``. A relative ``path`` is tried from the file's folder, the working folder, ``datasets/`` in it,
    and the folder that the environment variable ``POISE_DATASETS`` names.

    Args:
        path: The file.
        ignore: Optional keys to leave out, such as a ``flip_idx`` that is wrong.

    Raises:
        FormatError: Naming the file, the key, what was found and what was expected.
        MissingExtra: The YAML reader is not installed.
    """
    file = find_yaml(path)
    table = yaml_table(file, feature="reading a dataset YAML")
    table = {key: value for key, value in table.items() if key not in ignore}
    skeleton = from_yaml(file, ignore=ignore)
    splits = {}
    for split in _SPLITS:
        given = table.get(split)
        if given is None or given == "":
            continue
        listed = given if isinstance(given, list) else [given]
        if not listed or not all(isinstance(part, str) for part in listed):
            raise FormatError(
                f"{file}: {split} must be a folder, a .txt list, a .json file or a list of them, got {given!r}"
            )
        splits[split] = tuple(listed)
    if not splits:
        near = suggest("train", [str(key) for key in table])
        raise FormatError(f"{file}: names no pictures; expected 'train:' and 'val:' with a folder or list{near}")
    k, values = table["kpt_shape"]
    named = table.get("kpt_names") is not None
    return DataSpec(
        file=file,
        root=_root(file, table.get("path"), splits),
        splits=splits,
        names=_names(table, file),
        kpt_shape=(int(k), int(values)),
        skeleton=skeleton,
        flip_known=bool(table.get("flip_idx")) or (named and bool(skeleton.pairs) and names_say_sides(skeleton)),
        kpt_names=named,
        format=_format(table.get("format"), file),
    )


def yaml_in(folder: Path) -> Path | None:
    """Return a folder's description: its ``data.yaml``, or the one that is called as the folder is; None without."""
    found = (folder / "data.yaml", folder / f"{folder.resolve().name}.yaml")
    return next((file for file in found if file.is_file()), None)


def find_yaml(path: str | Path) -> Path:
    """Return the file itself, or the bundled description of that name.

    Raises:
        FormatError: Neither is there; with the nearest bundled name.
    """
    file = Path(path)
    if file.is_file():
        return file
    known = {entry.name: entry for entry in sorted(_BUNDLED.glob("*.yaml"))}
    bundled = known.get(file.name if file.suffix else f"{file.name}.yaml")
    if bundled is not None and len(file.parts) == 1:
        return bundled
    raise FormatError(f"{file}: no such file{suggest(file.name, known)} (descriptions that come with Poise)")


def names_say_sides(skeleton: Skeleton) -> bool:
    """Return whether the keypoints' names tell what a mirror does.

    Not where they only count, as ``point_3`` does, and not where a name has a side and none is its other side.
    """
    if lone_sides(skeleton.keypoints):
        return False
    words = {re.sub(r"\d+", "", name) for name in skeleton.keypoints}
    return len(words) > 1 or len(skeleton) == 1 or bool(skeleton.pairs)


def _root(file: Path, given: Any, splits: Mapping[str, tuple[str, ...]]) -> Path:
    if given is not None and not isinstance(given, str):
        raise FormatError(f"{file}: path must be a folder, got {given!r}")
    folder = Path(given or ".").expanduser()
    if folder.is_absolute():
        return folder
    # A description that comes with Poise has no pictures beside it.
    own = Path("datasets") if file.parent == _BUNDLED else file.parent
    starts = [own, Path(), Path("datasets")]
    if os.environ.get("POISE_DATASETS"):
        starts.append(Path(os.environ["POISE_DATASETS"]))
    for start in starts:
        if any((start / folder / part).exists() for parts in splits.values() for part in parts):
            return start / folder
    return own / folder


def _format(given: Any, file: Path) -> str | None:
    if given is not None and not isinstance(given, str):
        raise FormatError(f"{file}: format must be the name of a label format, got {given!r}")
    return given


def _names(table: Mapping[str, Any], file: Path) -> dict[int, str]:
    names, count = table.get("names"), table.get("nc")
    if isinstance(count, int) and count > _MAX_CLASSES:
        raise FormatError(f"{file}: nc is {count}, the limit is {_MAX_CLASSES}")
    if names is None and isinstance(count, int) and count > 0:
        names = [f"class{i}" for i in range(count)]
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not names:
        raise FormatError(f"{file}: names must be a list of classes or 'number: name' lines, got {names!r}")
    if sorted(map(str, names)) != sorted(map(str, range(len(names)))):
        raise FormatError(f"{file}: names must be numbered from 0 to {len(names) - 1}, got {list(names)}")
    if isinstance(count, int) and count != len(names):
        raise FormatError(f"{file}: nc is {count}, but names lists {len(names)} classes")
    return {int(number): str(name) for number, name in sorted(names.items(), key=lambda pair: int(pair[0]))}
