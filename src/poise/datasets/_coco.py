"""COCO keypoint annotation files of any skeleton.

Source: cocodataset.org/#format-data. Keypoints are ``x, y, v`` in pixels, with (0, 0) at the picture's outer corner.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from poise.datasets._boxes import box_round, single_note
from poise.datasets._json import LARGEST, load_json, number
from poise.datasets._labels import Labels, Problem
from poise.datasets._spec import DataSpec, names_say_sides
from poise.errors import FormatError, suggest
from poise.files.text import valid
from poise.skeletons import Skeleton, get
from poise.skeletons.named import with_keypoints

_READ = {"id", "image_id", "category_id", "bbox", "keypoints", "area", "iscrowd", "num_keypoints"}


def read_json(path: Path) -> dict[str, Any]:
    """Read the file and check its three tables.

    Raises:
        FormatError: What it lacks.
    """
    table = load_json(path)
    for key in ("images", "annotations", "categories"):
        if (
            isinstance(table, dict)
            and isinstance(table.get(key), dict)
            and all(isinstance(v, dict) for v in table[key].values())
        ):
            table[key] = _listed(table[key])
        if not isinstance(table, dict) or not isinstance(table.get(key), list):
            near = suggest(key, map(str, table)) if isinstance(table, dict) else ""
            raise FormatError(f"{path}: not a COCO annotation file: it has no list {key!r}{near}")
        seen: set[Any] = set()
        for i, entry in enumerate(table[key]):
            if not isinstance(entry, dict) or (key != "annotations" and not isinstance(entry.get("id"), (int, str))):
                raise FormatError(
                    f"{path}: {key}[{i}] must be an object with an 'id' (number or text), got {str(entry)[:60]}"
                )
            if key != "annotations":
                if entry["id"] in seen:
                    raise FormatError(f"{path}: {key}[{i}]: the id {entry['id']!r} is there twice")
                seen.add(entry["id"])
    for i, record in enumerate(table["images"]):
        if not isinstance(record.get("file_name"), str) or not record["file_name"]:
            raise FormatError(f"{path}: images[{i}]: file_name must be text, got {record.get('file_name')!r}")
    _join_ids(table)
    return dict(table)


def _join_ids(table: Mapping[str, Any]) -> None:
    """Let annotations name pictures and categories by the ids these have; tools write 7, 7.0 and "7" for one."""
    for field, key in (("image_id", "images"), ("category_id", "categories")):
        known = {entry["id"] for entry in table[key]}
        texts = {str(identity): identity for identity in known}
        for annotation in table["annotations"]:
            given = annotation.get(field)
            if isinstance(given, float) and given.is_integer():
                given = int(given)
            if isinstance(given, (int, str)) and given not in known and str(given) in texts:
                given = texts[str(given)]
            annotation[field] = given


def spec_of(path: Path, table: Mapping[str, Any], *, root: Path, split: str) -> DataSpec:
    """Return what the file's categories say: classes in the order of their ids, and the first skeleton.

    Raises:
        FormatError: There is no category with keypoints, or they differ in their number.
    """
    posed = [c for c in table["categories"] if c.get("keypoints")]
    points = _points(path, table, posed)
    categories = _classes(table)
    name = str(categories[0].get("name", "object")) if len(categories) == 1 else "object"
    skeleton = with_keypoints(points)
    try:
        if skeleton is None:
            edges = _edges(posed[0].get("skeleton") or [], len(points)) if posed else ()
            skeleton = Skeleton(path.stem, points, edges=edges, source=str(path), instance=name)
    except (TypeError, ValueError) as error:
        raise FormatError(f"{path}: categories: {error}") from error
    return DataSpec(
        file=path,
        root=root,
        splits={split: (str(path),)},
        names={i: valid(str(c.get("name", c["id"]))) for i, c in enumerate(categories)},
        kpt_shape=(len(points), 3),
        skeleton=skeleton,
        flip_known=bool(posed) and names_say_sides(skeleton),
        kpt_names=bool(posed),
    )


def class_numbers(table: Mapping[str, Any]) -> dict[Any, int]:
    """Return category id to class number, as :func:`spec_of` counts them."""
    return {c["id"]: i for i, c in enumerate(_classes(table))}


def notes_of(table: Mapping[str, Any], images: Mapping[Any, Any]) -> tuple[str, ...]:
    """Return what the annotations hold that no label has, and how many belong to no picture.

    Args:
        table: The file.
        images: What is known by image id.
    """
    others: Counter[str] = Counter()
    boxless = single = yes_no = 0
    for annotation in table["annotations"]:
        others.update(k for k, v in annotation.items() if k not in _READ and v not in (None, [], {}))
        yes_no += _says_yes_no(annotation.get("keypoints"))
        if annotation.get("bbox") is None:
            boxless += 1
            flat = as_flat(annotation)
            single += isinstance(flat, list) and sum(v not in (0, None) for v in flat[2::3]) == 1
    lost = [a.get("image_id") for a in table["annotations"] if not _known(a.get("image_id"), images)]
    regions = sum(any(str(k).startswith("ignore_regions") and v for k, v in r.items()) for r in table["images"])
    notes = bad_edges(table)
    if regions:
        notes.append(f"not read: regions to ignore in {regions} pictures")
    if others:
        notes.append("not read: " + ", ".join(f"{str(k)[:40]} ({n})" for k, n in sorted(others.items())))
    if yes_no:
        notes.append(
            f"{yes_no} annotations have true or false as visibility, where COCO has 0, 1 or 2: true is read as 2 "
            "(seen), false as 0 (not labelled)"
        )
    if boxless:
        notes.append(f"{boxless} annotations have no bbox: the box around their labelled keypoints is taken")
    if single:
        notes.append(single_note(single))
    if lost:
        notes.append(f"{len(lost)} annotations belong to no picture in the list (image_id {str(lost[0])[:40]}, …)")
    return tuple(notes)


def labels_of(
    path: Path,
    annotations: Sequence[Mapping[str, Any]],
    numbers: Mapping[Any, int],
    keypoints: int,
    others: Mapping[Any, str] | None = None,
    *,
    size: Callable[[], tuple[int, int]] = lambda: (0, 0),
) -> tuple[Labels, list[Problem]]:
    """Turn the annotations of one picture into labels.

    Args:
        path: The file, for problems.
        annotations: Those of one picture.
        numbers: Category id to class number.
        keypoints: Number of keypoints.
        others: Names of categories without keypoints by their ids, where others have them.
        size: Gives width and height of the picture, pixels; asked for where a box must be made of one keypoint.

    Returns:
        The rows that can be used, and a problem for each of the others.
    """
    problems: list[Problem] = []
    good: list[tuple[int, list[float], list[float], float, bool]] = []
    for a in annotations:
        category = a.get("category_id")
        if others and _known(category, others):
            text = f"annotation {a.get('id')}: category {others[category]!r} has no keypoints; left out"
            problems.append(Problem("category-without-keypoints", "note", path, None, text))
            continue
        try:
            good.append(_row(a, numbers, keypoints, size))
        except ValueError as error:
            text = f"annotation {a.get('id')}: {error}"
            problems.append(Problem("bad-annotation", "error", path, None, text, "correct or remove it"))
    classes, boxes, points, areas, crowd = zip(*good, strict=True) if good else ((), (), (), (), ())
    table = np.array(points, dtype=np.float64).reshape(-1, keypoints, 3)
    box = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    visibility = table[..., 2]
    odd = sorted(set(visibility[~np.isin(visibility, (0, 1, 2))].tolist()))
    if odd:
        text = f"visibility {odd[0]:g} of a keypoint, expected 0, 1 or 2; above 0 is taken as 2"
        problems.append(Problem("bad-visibility", "warning", path, None, text))
        visibility = np.where(np.isin(visibility, (0, 1, 2)), visibility, np.where(visibility > 0, 2, 0))
    labels = Labels.of(
        classes,
        np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], axis=1),
        table[..., :2],
        visibility,
        area=np.array(areas, dtype=np.float64),
        crowd=np.array(crowd, dtype=bool),
    )
    return labels, problems


def _row(
    a: Mapping[str, Any], numbers: Mapping[Any, int], keypoints: int, size: Callable[[], tuple[int, int]]
) -> tuple[int, list[float], list[float], float, bool]:
    """Return class, bbox, keypoints, area and crowd of an annotation, or say what is wrong with it."""
    category = a.get("category_id")
    if not _known(category, numbers):
        raise ValueError(f"category_id {str(category)[:40]} is none of the file's categories")
    flat = as_flat(a) or [0] * (3 * keypoints)
    if isinstance(flat, list) and any(isinstance(v, list) for v in flat):
        raise ValueError(f"keypoints in lists of their own must be [x, y, v] each, got {str(flat)[:60]}")
    if not isinstance(flat, list) or len(flat) != 3 * keypoints:
        got = len(flat) if isinstance(flat, list) else type(flat).__name__
        raise ValueError(f"keypoints must hold {3 * keypoints} numbers ({keypoints} x 3), got {got}")
    # What is not labelled may lie anywhere, also nowhere: null, NaN.
    flat = [v if flat[i - i % 3 + 2] not in (0, None) else 0 for i, v in enumerate(flat)]
    if not _finite(flat):
        odd = next(v for v in flat if number(v) is None)
        raise ValueError(f"keypoints: {str(odd)[:40]!r} is not a number of pixels")
    box = a.get("bbox")
    if box is None:
        box = _around(flat, size)
    if not isinstance(box, list) or len(box) != 4 or not _finite(box) or box[2] < 0 or box[3] < 0:
        raise ValueError(f"bbox must be [x, y, width, height], got {str(box)[:60]}")
    area = a.get("area")
    if area is not None and not (_finite([area]) and area >= 0):
        raise ValueError(f"area must be a number of square pixels, got {str(area)[:40]}")
    crowd = a.get("iscrowd", 0)
    if crowd not in (0, 1, False, True):
        raise ValueError(f"iscrowd must be 0 or 1, got {str(crowd)[:40]}")
    return numbers[category], box, flat, np.nan if area is None else float(area), bool(crowd)


def as_flat(annotation: Mapping[str, Any]) -> Any:
    """Return an annotation's keypoints as COCO has them, ``x, y, v`` one after the other.

    Lists of one keypoint each (``[[x, y, v], …]``, null for one that is not labelled) are joined; a visibility of true
    becomes 2, and false 0. Anything else is returned as it is.
    """
    given = annotation.get("keypoints")
    if not isinstance(given, list):
        return given
    if any(isinstance(point, list) for point in given) and all(
        point is None or (isinstance(point, list) and len(point) == 3) for point in given
    ):
        given = [value for point in given for value in (point or (0, 0, 0))]
    if any(value is True or value is False for value in given[2::3]):
        given = [2 * int(v) if i % 3 == 2 and isinstance(v, bool) else v for i, v in enumerate(given)]
    return given


def _says_yes_no(given: Any) -> bool:
    """Return whether keypoints, flat or in lists of one each, have true or false as visibility."""
    if not isinstance(given, list):
        return False
    seen = (point[2] if isinstance(point, list) and len(point) == 3 else None for point in given)
    return any(isinstance(v, bool) for v in (*given[2::3], *seen))


def _finite(values: Sequence[Any]) -> bool:
    # NaN fails every comparison.
    return all(type(v) in (int, float) and -LARGEST <= v <= LARGEST for v in values)


def _known(key: Any, table: Mapping[Any, Any]) -> bool:
    return isinstance(key, (int, str)) and key in table


def _classes(table: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    posed = [c for c in table["categories"] if c.get("keypoints")] or table["categories"]
    return sorted(posed, key=lambda c: (isinstance(c["id"], str), c["id"]))


def _edges(pairs: Any, keypoints: int) -> tuple[tuple[int, int], ...]:
    """Read limbs, which COCO counts from 1; a file with a 0 in them counts from 0."""
    good = [
        (p[0], p[1])
        for p in (pairs if isinstance(pairs, list) else ())
        if isinstance(p, list) and len(p) == 2 and all(type(i) is int and 0 <= i <= keypoints for i in p)
    ]
    first = 0 if any(0 in pair for pair in good) else 1
    # A wrong line costs that line of the drawing; nothing else uses it.
    return tuple((a - first, b - first) for a, b in good if max(a, b) - first < keypoints)


def bad_edges(table: Mapping[str, Any]) -> list[str]:
    """Return a note about the lines of the drawing that are left out; none where there are none."""
    posed = next((c for c in _listed(table["categories"]) if isinstance(c, dict) and c.get("keypoints")), None)
    given = posed.get("skeleton") if posed else None
    if not posed or not given or not isinstance(posed["keypoints"], list):
        return []
    kept = len(_edges(given, len(posed["keypoints"])))
    lost = (len(given) if isinstance(given, list) else 1) - kept
    return (
        [f"{lost} edges of the skeleton join no two keypoints of it and are not drawn: {str(given)[:60]}"]
        if lost
        else []
    )


def _listed(entries: Any) -> list[Any]:
    """Return a table's entries as a list; some tools write an object whose keys only count."""
    return list(entries.values()) if isinstance(entries, dict) else entries


def _points(path: Path, table: Mapping[str, Any], posed: list[Mapping[str, Any]]) -> tuple[str, ...]:
    for c in posed:
        if not isinstance(c["keypoints"], list):
            raise FormatError(f"{path}: categories: keypoints must be a list of names, got {str(c['keypoints'])[:60]}")
    lists = [tuple(str(n) for n in c["keypoints"]) for c in posed]
    if any(len(other) != len(lists[0]) for other in lists):
        counts = ", ".join(f"{c.get('name')}: {len(c['keypoints'])}" for c in posed)
        raise FormatError(
            f"{path}: categories with different numbers of keypoints ({counts}); split the file by category"
        )
    if lists:
        return lists[0]
    for a in table["annotations"]:
        flat = as_flat(a)
        if isinstance(flat, list) and len(flat) >= 3:
            k = len(flat) // 3
            return get("coco17").keypoints if k == 17 else tuple(f"point_{i}" for i in range(k))
    about = table.get("info")
    studio = isinstance(about, dict) and "label studio" in str(about.get("contributor", "")).lower()
    raise FormatError(
        f"{path}: neither categories nor annotations have keypoints; expected a keypoint annotation file"
        + ("; Label Studio's export 'COCO' leaves them out: export the project as 'JSON'" if studio else "")
    )


def _around(flat: Sequence[float], size: Callable[[], tuple[int, int]]) -> list[float]:
    """Return the box around labelled keypoints, where a file gives none."""
    xy = np.array(flat, dtype=np.float64).reshape(-1, 3)
    xy = xy[xy[:, 2] > 0, :2]
    if not len(xy):
        return [0.0, 0.0, 0.0, 0.0]
    x1, y1, x2, y2 = box_round(xy, size() if (np.ptp(xy, axis=0) <= 0).any() else (0, 0)).tolist()
    return [x1, y1, x2 - x1, y2 - y1]


def others_of(table: Mapping[str, Any], numbers: Mapping[Any, int]) -> dict[Any, str]:
    """Return id to name of the categories that are no classes, as they have no keypoints."""
    return {c["id"]: str(c.get("name", c["id"])) for c in table["categories"] if c["id"] not in numbers}


def by_image(table: Mapping[str, Any]) -> dict[Any, list[Mapping[str, Any]]]:
    """Return the annotations of each picture by its id."""
    found: dict[Any, list[Mapping[str, Any]]] = {record["id"]: [] for record in table["images"]}
    for annotation in _with_picture(table, found):
        found[annotation["image_id"]].append(annotation)
    return found


def _with_picture(table: Mapping[str, Any], found: Mapping[Any, Any]) -> Iterator[Mapping[str, Any]]:
    return (a for a in table["annotations"] if _known(a.get("image_id"), found))
