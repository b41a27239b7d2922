"""A data set's description: the YAML file of this field, or the head of a COCO file."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from poise import files
from poise.datasets._find import any_case, exists, place, tails
from poise.errors import FormatError, suggest
from poise.skeletons import Skeleton, from_yaml, lone_sides
from poise.skeletons.yamlfile import described, yaml_table

_SPLITS = ("train", "val", "test")
# More than any data set has; a number in a file must not decide how much memory is taken.
_MAX_CLASSES = 100_000
_HEAD = 65_536  # characters of a file that are looked at to tell what it is
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
        notes: What was assumed in reading the description, a sentence each.
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
    notes: tuple[str, ...] = ()


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
    table, told = described(table)
    table = {key: value for key, value in table.items() if key not in ignore}
    skeleton, unjoined = _skeleton(file, table, ignore)
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
    root, moved = _root(file, table.get("path"), splits)
    return DataSpec(
        file=file,
        root=root,
        splits=splits,
        names=_names(table, file),
        kpt_shape=(int(k), int(values)),
        skeleton=skeleton,
        flip_known=bool(table.get("flip_idx")) or (named and bool(skeleton.pairs) and names_say_sides(skeleton)),
        kpt_names=named,
        format=_format(table.get("format"), file),
        notes=(*told, *unjoined, *moved),
    )


def _skeleton(file: Path, table: Mapping[str, Any], ignore: Collection[str]) -> tuple[Skeleton, tuple[str, ...]]:
    """Read the skeleton; a wrong edge costs that edge, as it is only drawn."""
    try:
        return from_yaml(file, ignore=ignore), ()
    except FormatError as error:
        given = table.get("skeleton")
        if not given or "skeleton" not in str(error):
            raise
        reason = str(error).removeprefix(f"{file}: ")
    bare = from_yaml(file, ignore=(*ignore, "skeleton"))
    index = {name: i for i, name in enumerate(bare.keypoints)}
    edges: list[tuple[int, int]] = []
    for edge in given if isinstance(given, list) else ():
        ends = [index.get(end, end) if isinstance(end, str) else end for end in edge] if isinstance(edge, list) else []
        if len(ends) == 2 and all(type(end) is int and 0 <= end < len(bare) for end in ends):
            edges.append((int(ends[0]), int(ends[1])))
    if "counts keypoints from 1" in reason:
        edges = []  # all of them are shifted
    lost = (len(given) if isinstance(given, list) else 1) - len(edges)
    return replace(bare, edges=tuple(edges)), (f"{reason}; {lost} edges are not drawn",)


def yaml_in(folder: Path) -> Path | None:
    """Return a folder's description: its ``data.yaml``, the one that is called as the folder is, or the only one."""
    found = (folder / "data.yaml", folder / f"{folder.resolve().name}.yaml")
    for file in found:
        if file.is_file():
            return file
    others = [file for file in sorted(folder.glob(any_case("*.y*ml")))[:50] if file.is_file() and _describes(file)]
    return others[0] if len(others) == 1 else None


def _describes(file: Path) -> bool:
    """Return whether a YAML file says how many keypoints there are, as descriptions of data sets do."""
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            return "kpt_shape" in lines.read(_HEAD)
    except OSError:
        return False


def find_yaml(path: str | Path) -> Path:
    """Return the file itself, or the bundled description of that name.

    Raises:
        FormatError: Neither is there; with the nearest bundled name. Or it is no plain file.
    """
    file = Path(path)
    if file.is_file():
        return file
    known = {entry.name: entry for entry in sorted(_BUNDLED.glob("*.yaml"))}
    bundled = known.get(file.name if file.suffix else f"{file.name}.yaml")
    if bundled is not None and len(file.parts) == 1:
        return bundled
    if exists(file):
        raise FormatError(f"{file}: {files.no_file(file)}")
    raise FormatError(f"{file}: no such file{suggest(file.name, known)} (descriptions that come with Poise)")


def names_say_sides(skeleton: Skeleton) -> bool:
    """Return whether the keypoints' names tell what a mirror does.

    Not where they only count, as ``point_3`` does, and not where a name has a side and none is its other side.
    """
    if lone_sides(skeleton.keypoints):
        return False
    words = {re.sub(r"\d+", "", name) for name in skeleton.keypoints}
    return len(words) > 1 or len(skeleton) == 1 or bool(skeleton.pairs)


def _root(file: Path, given: Any, splits: Mapping[str, tuple[str, ...]]) -> tuple[Path, tuple[str, ...]]:
    if given is not None and not isinstance(given, str):
        raise FormatError(f"{file}: path must be a folder, got {given!r}")
    folder = Path(given or ".").expanduser()
    if folder.is_absolute() and folder.exists():
        return folder, ()
    # A description that comes with Poise has no pictures beside it.
    own = Path("datasets") if file.parent == _BUNDLED else file.parent
    starts = [own, Path(), Path("datasets")]
    if os.environ.get("POISE_DATASETS"):
        starts.append(Path(os.environ["POISE_DATASETS"]))
    for start in starts:
        if any((start / folder / part).exists() for parts in splits.values() for part in parts):
            return start / folder, ()
    # The set has been moved, or comes from another system: below the description's own folder are its last parts.
    for base in [*(own / tail for tail in tails(given or "")), own]:
        if given and any(place(part, [base])[0] for parts in splits.values() for part in parts):
            return base, (f"path: {given[:200]} is not there; {base} is taken",)
    return own / folder, ()


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
        raise FormatError(
            f"{file}: names must be numbered from 0 to {len(names) - 1}, got {list(names)[:20]}; label files "
            "name classes by these numbers, so those in between need a name too"
        )
    if isinstance(count, int) and count != len(names):
        raise FormatError(f"{file}: nc is {count}, but names lists {len(names)} classes")
    return {int(number): str(name) for number, name in sorted(names.items(), key=lambda pair: int(pair[0]))}
