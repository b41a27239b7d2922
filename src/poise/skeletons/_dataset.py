"""A skeleton from the YAML file of a YOLO-pose data set, and the check of its mirror map against the names."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from poise.errors import FormatError, suggest
from poise.files.text import valid
from poise.skeletons._read import get
from poise.skeletons._sides import derive_flip
from poise.skeletons._skeleton import Skeleton
from poise.skeletons.yamlfile import described, yaml_table

# More than any skeleton has; a number in a file must not decide how much memory is taken.
MAX_KEYPOINTS = 10_000
_COCO_FLIP = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)


def from_yaml(path: str | Path, *, class_name: str | None = None, ignore: Collection[str] = ()) -> Skeleton:
    """Read the skeleton of a data set from its YAML file.

    ``kpt_shape`` is needed. ``kpt_names`` (a list, or one list a class) names the points; without it they are
    ``point_0``, ``point_1``, … except that 17 points with COCO's mirror map are ``coco17``. ``flip_idx`` is kept as
    it is in the file: see :func:`check_flip`; without it, it is derived from the names. ``skeleton`` (pairs of
    indices from 0, or of names) and ``kpt_oks_sigmas`` are read where they are there.

    Args:
        path: The data set's YAML file.
        class_name: Whose points are wanted, where ``kpt_names`` differ from class to class.
        ignore: Optional keys to leave out, such as a ``flip_idx`` that is wrong.

    Raises:
        FormatError: Naming the file, the key, what was found and what was expected.
        MissingExtra: The YAML reader is not installed.
    """
    path = Path(path)
    table = yaml_table(path, feature="reading a dataset YAML")
    table = {key: value for key, value in described(table)[0].items() if key not in ignore}
    count = _count(table, path)
    classes = _classes(table.get("names", {}), path)
    flip = _indices(table.get("flip_idx") or (), "flip_idx", count, path)
    if flip and len(flip) != count:
        raise FormatError(f"{path}: flip_idx must have {count} indices to match kpt_shape, got {len(flip)}")
    instance = class_name or (classes[0] if len(classes) == 1 else "object")
    if table.get("kpt_names") is None and flip == _COCO_FLIP:
        coco = get("coco17")
        keypoints, edges, sigmas, sigmas_source = coco.keypoints, coco.edges, coco.sigmas, coco.sigmas_source
    else:
        keypoints, edges = _names(table, classes, class_name, count, path), ()
        sigmas, sigmas_source = np.empty(0), Skeleton.sigmas_source
    if table.get("skeleton"):
        edges = _edges(table["skeleton"], keypoints, path)
    if table.get("kpt_oks_sigmas"):
        sigmas, sigmas_source = np.array(table["kpt_oks_sigmas"], dtype=np.float64), f"kpt_oks_sigmas in {path.name}"
    try:
        return Skeleton(
            name=path.stem,
            keypoints=keypoints,
            edges=edges,
            flip_idx=flip,
            sigmas=sigmas,
            sigmas_source=sigmas_source,
            source=str(path),
            instance=instance,
        )
    except (TypeError, ValueError) as error:
        raise FormatError(f"{path}: {error}") from error


def check_flip(skeleton: Skeleton) -> list[str]:
    """Compare the mirror map with the names, since maps that data sets ship are often wrong.

    Points whose names only count (``face_3``, ``7``) cannot be judged.

    Returns:
        One sentence a pair that is wrong, with the mended entries; empty when map and names agree.
    """
    problems = []
    names, flip = skeleton.keypoints, skeleton.flip_idx
    by_name = derive_flip(names)
    for i, (found, expected) in enumerate(zip(flip, by_name, strict=True)):
        if i < expected and (found, flip[expected]) != (expected, i):
            problems.append(
                f"{names[i]!r} ({i}) and {names[expected]!r} ({expected}) must change places in a mirrored picture, "
                f"but become {names[found]!r} and {names[flip[expected]]!r}; "
                f"set flip_idx[{i}] to {expected} and flip_idx[{expected}] to {i}"
            )
        elif i < found and by_name[found] == found and expected == i and _word(names[i]) != _word(names[found]):
            problems.append(
                f"{names[i]!r} ({i}) and {names[found]!r} ({found}) change places, but their names have no sides, and "
                f"a mirrored instance keeps them; set flip_idx[{i}] to {i} and flip_idx[{found}] to {found}"
            )
    return problems


def _word(name: str) -> str:
    """Return the name without the digits that only count."""
    return re.sub(r"\d+", "", name)


def _count(table: dict[str, Any], path: Path) -> int:
    shape = table.get("kpt_shape")
    if not (isinstance(shape, list) and len(shape) == 2 and all(isinstance(n, int) for n in shape)):
        near = suggest("kpt_shape", [str(key) for key in table]) if shape is None else ""
        raise FormatError(f"{path}: kpt_shape must be [number of keypoints, 2 or 3], got {shape!r}{near}")
    if shape[0] < 1 or shape[1] not in (2, 3):
        raise FormatError(f"{path}: kpt_shape must be [number of keypoints, 2 or 3], got {shape}")
    if shape[0] > MAX_KEYPOINTS:
        raise FormatError(f"{path}: kpt_shape has {shape[0]} keypoints, the limit is {MAX_KEYPOINTS}")
    return int(shape[0])


def _classes(names: Any, path: Path) -> list[str]:
    if isinstance(names, dict):
        return [valid(str(name)) for name in names.values()]
    if isinstance(names, list):
        return [valid(str(name)) for name in names]
    raise FormatError(f"{path}: names must be a list of classes or 'number: name' lines, got {names!r}")


def _names(
    table: dict[str, Any], classes: list[str], class_name: str | None, count: int, path: Path
) -> tuple[str, ...]:
    found = table.get("kpt_names")
    if found is None:
        return tuple(f"point_{i}" for i in range(count))
    if isinstance(found, dict):
        lists = {key if isinstance(key, str) else _class_of(key, table): value for key, value in found.items()}
        if class_name is not None and class_name not in lists:
            raise FormatError(f"{path}: kpt_names: no class named {class_name!r}{suggest(class_name, lists)}")
        wanted = [lists[class_name]] if class_name is not None else list(lists.values())
        if any(other != wanted[0] for other in wanted):
            raise FormatError(
                f"{path}: kpt_names differ between {', '.join(classes)}; say which you want: class_name={classes[0]!r}"
            )
        found = wanted[0] if wanted else None
    if not isinstance(found, list) or len(found) != count:
        got = f"{len(found)} names" if isinstance(found, list) else repr(found)
        raise FormatError(f"{path}: kpt_names must hold {count} names to match kpt_shape, got {got}")
    return tuple(str(name) for name in found)


def _class_of(number: Any, table: dict[str, Any]) -> str:
    names = table.get("names", {})
    known = names if isinstance(names, dict) else dict(enumerate(names))
    return str(known.get(number, number))


def _indices(values: Any, key: str, count: int, path: Path) -> tuple[int, ...]:
    if not isinstance(values, (list, tuple)):
        raise FormatError(f"{path}: {key} must be a list of indices, got {values!r}")
    for value in values:
        if not isinstance(value, int) or not 0 <= value < count:
            raise FormatError(f"{path}: {key} must hold indices from 0 to {count - 1}, got {value!r}")
    return tuple(values)


def _edges(values: Any, keypoints: tuple[str, ...], path: Path) -> tuple[tuple[int, int], ...]:
    index = {name: i for i, name in enumerate(keypoints)}
    ends: list[Any] = []
    for edge in values if isinstance(values, list) else [values]:
        if not isinstance(edge, list) or len(edge) != 2:
            raise FormatError(f"{path}: skeleton must be a list of pairs of keypoints, got {edge!r}")
        ends += edge
    for end in ends:
        if isinstance(end, str) and end not in index:
            raise FormatError(f"{path}: skeleton: no keypoint named {end!r}{suggest(end, index)}")
    numbers = [index[end] if isinstance(end, str) else end for end in ends]
    if len(keypoints) in numbers and 0 not in numbers:
        raise FormatError(f"{path}: skeleton counts keypoints from 1 (as COCO's JSON does); count from 0 here")
    whole = _indices(numbers, "skeleton", len(keypoints), path)
    return tuple(zip(whole[::2], whole[1::2], strict=True))
