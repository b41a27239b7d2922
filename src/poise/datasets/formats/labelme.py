"""LabelMe: a JSON file beside each picture, points and rectangles of one instance tied by their ``group_id``.

A point with the flag ``hidden`` or ``occluded`` is labelled but not seen, and so is one that X-AnyLabeling calls
``difficult``; a rectangle with the flag ``crowd`` is around several. Points of no group belong to the rectangle that
they lie in.

Source: github.com/wkentaro/labelme, the fields of its JSON files (version 5); github.com/CVHub520/X-AnyLabeling,
which exports ``difficult`` points as visibility 1.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

from poise.datasets._dataset import Dataset
from poise.datasets._find import any_case, is_file, local, tails
from poise.datasets._json import load_json, number
from poise.datasets._labels import Problem
from poise.datasets._unpack import once
from poise.datasets.formats._build import Found, Record, build, listed, parentless, tied_notes
from poise.datasets.formats._capacity import FormatCapacity, Labelled
from poise.datasets.formats._describe import plain
from poise.datasets.formats._place import names_below, write_text
from poise.datasets.formats._registry import Reading
from poise.errors import FormatError
from poise.sources import natural

HOLDS = FormatCapacity(crowd=True)
FILE = "{split}"

# How the pictures begin that LabelMe puts into its files.
_PICTURES = ((b"\x89PNG", ".png"), (b"\xff\xd8\xff", ".jpg"), (b"BM", ".bmp"))
# X-AnyLabeling's turned rectangles have four corners; the box is the upright one around them.
_BOXES = ("rectangle", "rotation")
_MAX_BYTES = 2**28  # one file may hold its picture, as text
_MEND = "give them and their rectangle the same group_id"


def read(path: Path, split: str, how: Reading) -> Dataset:
    """Read a folder of files, or one of them."""
    files = sorted(path.rglob(any_case("*.json")), key=lambda p: natural(str(p))) if path.is_dir() else [path]
    if not files:
        raise FormatError(f"{path}: no .json files in it")
    unread: Counter[str] = Counter()
    tied: Counter[str] = Counter()
    records: list[Record] = []
    moved: list[str] = []
    strays: list[Path] = []
    for file in files:
        table = load_json(file, max_bytes=_MAX_BYTES)
        if path.is_dir() and not (isinstance(table, dict) and "shapes" in table):
            strays.append(file)
            continue
        records.append(_file(file, table, how.images, unread, moved, tied))
    if strays and not records:
        raise FormatError(f"{path}: none of its {len(files)} .json files is one of LabelMe's, such as {strays[0].name}")
    n = tied["pictures"]
    inside = [f"{n} pictures are not where the files say; those in the files themselves are used"] if n else []
    notes = [f"{strays[0].name}: not a LabelMe file, passed over" + _more(strays)] if strays else []
    return build(
        path, split, records, how, notes=[*notes, *moved[:1], *inside, *tied_notes(tied), *listed(unread, "not read")]
    )


def _more(files: list[Path]) -> str:
    return f", as {len(files) - 1} others" if len(files) > 1 else ""


def _file(
    file: Path, table: Any, images: Path | None, unread: Counter[str], moved: list[str], tied: Counter[str]
) -> Record:
    shapes = table.get("shapes") if isinstance(table, dict) else None
    if not isinstance(shapes, list) or not all(isinstance(shape, dict) for shape in shapes):
        raise FormatError(f"{file}: not a LabelMe file: 'shapes' must be a list of objects, got {str(shapes)[:60]}")
    name, width, height = (table.get(key) for key in ("imagePath", "imageWidth", "imageHeight"))
    if not isinstance(name, str) or not name:
        raise FormatError(f"{file}: imagePath must be text, got {str(name)[:60]}")
    whole = type(width) is int and type(height) is int and 0 < width <= 10**6 and 0 < height <= 10**6
    path = _picture(file, name, images)
    if path is None and isinstance(table.get("imageData"), str):
        path = _inside(file, table["imageData"])
        tied["pictures"] += path is not None
    elif path is not None and path.resolve() != ((images or file.parent) / local(name)).resolve():
        moved.append(f"pictures are not where the files say, and were found by their names: {name[:200]} is {path}")
    record = Record(name, (width, height) if whole else None, path=path)
    groups: dict[Any, Found] = {}
    points = []
    for i, shape in enumerate(shapes):
        kind = shape.get("shape_type")
        if kind not in ("point", *_BOXES):
            unread[f"shapes of type {kind}"] += 1
            continue
        try:
            label, group, spots = _shape(shape)
            if kind == "point":
                hidden = _flag(shape, "hidden") or _flag(shape, "occluded") or shape.get("difficult") is True
                points.append((i, label, group, (*_one(spots), 1 if hidden else 2)))
                continue
            if len(spots) < 2:
                raise ValueError(f"a {kind} must have two corners or more, got {len(spots)}")
            xs, ys = zip(*spots, strict=True)
            found = Found(label, box=(min(xs), min(ys), max(xs), max(ys)), where=f"shapes[{i}]")
            found.crowd = _flag(shape, "crowd")
            if group is not None and group in groups:
                raise ValueError(f"group_id {group} has two rectangles")
        except ValueError as error:
            text = f"shapes[{i}]: {error}"
            record.problems.append(Problem("bad-shape", "error", file, None, text, "correct or remove it"))
            continue
        record.found.append(found)
        if group is not None:
            groups[group] = found
    loose = []
    for i, label, group, spot in points:
        if group is None:
            loose.append((label, spot))
            continue
        if group not in groups:
            groups[group] = Found(None, where=f"group_id {group}")
            record.found.append(groups[group])
        if label in groups[group].points:
            text = f"shapes[{i}]: keypoint {label[:40]!r} is there twice in group_id {group}"
            record.problems.append(Problem("keypoint-twice", "error", file, None, text, "remove one"))
        else:
            groups[group].points[label] = spot
    parentless(record, loose, str(file), _MEND, tied)
    return record


def _picture(file: Path, name: str, images: Path | None) -> Path | None:
    """Find the picture of one file: where it says, else by the last parts of its path, else by the file's own name."""
    plain = local(name)
    folders = [images, file.parent] if images else [file.parent]
    names = [plain, *map(str, tails(name)), file.stem + Path(plain).suffix]
    return next((folder / n for n in names for folder in folders if is_file(folder / n)), None)


def _inside(file: Path, text: str) -> Path | None:
    """Write the picture that a file holds into the cache; None where it holds none."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    ending = next((ending for start, ending in _PICTURES if data.startswith(start)), None)
    if ending is None:
        return None
    name = f"{file.stem}{ending}"

    def write(folder: Path) -> None:
        (folder / name).write_bytes(data)

    return once(file, "picture", write) / name


def _shape(shape: dict[str, Any]) -> tuple[str, Any, list[tuple[float, float]]]:
    label, group, points = (shape.get(key) for key in ("label", "group_id", "points"))
    if not isinstance(label, str):
        raise ValueError(f"label must be text, got {str(label)[:40]}")
    if group is not None and type(group) not in (int, str):
        raise ValueError(f"group_id must be a number, got {str(group)[:40]}")
    pairs = points if isinstance(points, list) and points else [None]
    spots = []
    for pair in pairs:
        spot = [number(v) for v in pair] if isinstance(pair, list) and len(pair) == 2 else [None]
        if len(spot) != 2 or spot[0] is None or spot[1] is None:
            raise ValueError(f"points must be [x, y] pairs, got {str(points)[:60]}")
        spots.append((spot[0], spot[1]))
    return label, group, spots


def _one(spots: list[tuple[float, float]]) -> tuple[float, float]:
    if len(spots) != 1:
        raise ValueError(f"a point must have one position, got {len(spots)}")
    return spots[0]


def _flag(shape: dict[str, Any], name: str) -> bool:
    flags = shape.get("flags")
    return isinstance(flags, dict) and flags.get(name) is True


def write(part: Labelled, file: Path) -> None:
    """Write a file a picture into the folder ``file``."""
    names = names_below([Path(part.dataset.paths[i]) for i in part.indices])
    for i, name in enumerate(names):
        place = part.places[i]
        # Copied pictures are in this folder, and their files are beside them.
        target = (file.parent / place if place.startswith(f"{file.name}/") else file / name).with_suffix(".json")
        write_text(target, json.dumps(_table(part, i, file.parent, target), ensure_ascii=False, indent=1))


def _table(part: Labelled, i: int, root: Path, target: Path) -> dict[str, Any]:
    width, height = part.sizes[i]
    place = part.places[i]
    if not PurePosixPath(place).is_absolute():
        place = Path(os.path.relpath(root.resolve() / place, target.parent.resolve())).as_posix()
    return {
        "version": "5.5.0",
        "flags": {},
        "shapes": _shapes(part, i),
        "imagePath": place,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }


def _shapes(part: Labelled, i: int) -> list[dict[str, Any]]:
    labels, shapes = part.labels[i], []
    for group, (class_, box) in enumerate(zip(labels.classes.tolist(), plain(labels.boxes), strict=True), start=1):
        flags = {"crowd": True} if labels.crowd[group - 1] else {}
        shapes.append(_written(part.spec.names[class_], [box[:2], box[2:]], group, "rectangle", flags))
        rows = zip(
            part.spec.skeleton.keypoints,
            plain(labels.xy[group - 1]),
            labels.visibility[group - 1].tolist(),
            strict=True,
        )
        for name, spot, seen in rows:
            if seen:
                shapes.append(_written(name, [spot], group, "point", {"hidden": True} if seen == 1 else {}))
    return shapes


def _written(label: str, points: list[list[float]], group: int, kind: str, flags: dict[str, bool]) -> dict[str, Any]:
    return {
        "label": label,
        "points": points,
        "group_id": group,
        "description": "",
        "shape_type": kind,
        "flags": flags,
        "mask": None,
    }
