"""Label Studio's JSON: keypoint labels under rectangle labels, in percent of the picture.

A keypoint belongs to the rectangle that its ``parentID`` names, or that it has a relation to. One whose ``meta`` text
is ``hidden`` is labelled but not seen; keypoints of no rectangle belong to the one that they lie in; a rectangle
whose text is ``crowd`` is around several instances. Beside ``train.json`` goes ``train.config.xml``, the labelling
interface that the project needs; it also keeps the order of the keypoints.

Source: labelstud.io/guide/task_format and labelstud.io/tags/keypointlabels (the layout was taken from these pages, not
from an export).
"""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from poise.datasets._dataset import Dataset
from poise.datasets._find import is_file
from poise.datasets._json import load_json, number
from poise.datasets._labels import Problem
from poise.datasets.formats._build import Declared, Found, Record, build, listed, parentless, tied_notes
from poise.datasets.formats._capacity import FormatCapacity, Labelled
from poise.datasets.formats._describe import plain
from poise.datasets.formats._place import write_text
from poise.datasets.formats._registry import Reading
from poise.datasets.formats._xml import attribute, children_of_root
from poise.errors import FormatError
from poise.sources import PICTURES

HOLDS = FormatCapacity(crowd=True)
FILE = "{split}.json"

_LOCAL = "/data/local-files/?d="
_DECIMALS = 9  # of percents: far below what float32 tells apart
_MEND = "drag them onto their rectangle in the Regions panel, or relate them to it"


def read(path: Path, split: str, how: Reading) -> Dataset:
    """Read an export of tasks."""
    tasks = load_json(path)
    if not isinstance(tasks, list):
        raise FormatError(f"{path}: not a Label Studio export: expected a list of tasks, got {type(tasks).__name__}")
    folders = [how.images] if how.images else [path.parent, path.parent / "images", path.absolute().parent.parent]
    tasks = [_of_min(task) for task in tasks]
    unread: Counter[str] = Counter()
    tied: Counter[str] = Counter()
    notes = []
    # A model's output that nobody has accepted is read where there is nothing else.
    predicted = not any(_results_of(task, "annotations") for task in tasks)
    if predicted and any(_results_of(task, "predictions") for task in tasks):
        notes = ["there are no annotations; the predictions are read as labels"]
    else:
        predicted = False
    records = [_task(path, i, task, folders, unread, tied, predicted=predicted) for i, task in enumerate(tasks)]
    notes += [*tied_notes(tied), *listed(unread, "not read")]
    return build(path, split, records, how, _config(path), notes=notes)


def _results_of(task: Any, key: str) -> bool:
    given = task.get(key) if isinstance(task, dict) else None
    return isinstance(given, list) and any(isinstance(a, dict) and a.get("result") for a in given)


def _of_min(task: Any) -> Any:
    """Return a task of the export "JSON-MIN", whose regions lie flat beside the picture's name, as one of "JSON"."""
    if not isinstance(task, dict) or "data" in task:
        return task
    regions: list[dict[str, Any]] = []
    for name, values in task.items():
        for value in values if isinstance(values, list) else ():
            kind = next(
                (k for k in ("rectanglelabels", "keypointlabels") if isinstance(value, dict) and k in value), None
            )
            if kind is None and isinstance(value, dict) and "original_width" in value:
                kind = next((k for k in value if str(k).endswith("labels")), "a region")
            if kind is not None:
                sides = {side: value.get(side) for side in ("original_width", "original_height", "image_rotation")}
                regions.append({"type": kind, "id": f"{name}-{len(regions)}", "value": value, **sides})
    data = {key: value for key, value in task.items() if isinstance(value, str)}
    return {"data": data, "annotations": [{"result": regions}]}


def _task(
    path: Path, i: int, task: Any, folders: list[Path], unread: Counter[str], tied: Counter[str], *, predicted: bool
) -> Record:
    where = f"{path}: task {i}"
    data = task.get("data") if isinstance(task, dict) else None
    if not isinstance(data, dict):
        raise FormatError(f"{where}: expected an object with 'data', got {str(task)[:60]}")
    address = next((v for v in data.values() if isinstance(v, str) and _is_picture(v)), None)
    if address is None:
        raise FormatError(f"{where}: its data names no picture: {str(data)[:80]}")
    record = _record(address, folders)
    annotations = task.get("predictions" if predicted else "annotations", [])
    if not isinstance(annotations, list) or not all(isinstance(a, dict) for a in annotations):
        raise FormatError(f"{where}: annotations must be a list of objects, got {str(annotations)[:60]}")
    valid = [a for a in annotations if not a.get("was_cancelled")]
    unread["further annotations of the same picture"] += max(len(valid) - 1, 0)
    if not predicted and isinstance(task.get("predictions"), list):
        unread["predictions"] += len(task["predictions"])
    for key in [key for key, n in unread.items() if not n]:
        del unread[key]
    if valid:
        results = valid[0].get("result", [])
        if not isinstance(results, list) or not all(isinstance(r, dict) for r in results):
            raise FormatError(f"{where}: result must be a list of objects, got {str(results)[:60]}")
        _regions(path, i, results, record, unread, tied)
    return record


def _regions(
    path: Path, i: int, results: list[dict[str, Any]], record: Record, unread: Counter[str], tied: Counter[str]
) -> None:
    owners: dict[str, Found] = {}
    loose: list[tuple[str, tuple[float, float, int]]] = []
    points = []
    relations = _relations(results)
    for region in results:
        kind = region.get("type")
        if kind == "relation":
            continue
        if kind not in ("rectanglelabels", "keypointlabels"):
            unread[f"regions of type {kind}"] += 1
            continue
        try:
            width, height, value = _frame(region)
            record.size = (width, height)
            if kind == "keypointlabels":
                points.append((region, _point(region, value, width, height)))
                continue
            where = f"task {i}, region {region.get('id')}"
            found = Found(
                _label(value, kind), box=_box(value, width, height), crowd="crowd" in _meta(region), where=where
            )
        except ValueError as error:
            text = f"task {i}, region {str(region.get('id'))[:40]}: {error}"
            record.problems.append(Problem("bad-region", "error", path, None, text, "correct or remove it"))
            continue
        record.found.append(found)
        if isinstance(region.get("id"), str):
            owners[region["id"]] = found
    for region, (name, spot) in points:
        parents = [region.get("parentID"), *relations.get(str(region.get("id")), ())]
        owner = next((owners[p] for p in parents if isinstance(p, str) and p in owners), None)
        if owner is None:
            loose.append((name, spot))
        elif name in owner.points:
            text = f"task {i}: keypoint {name[:40]!r} is there twice in one instance"
            record.problems.append(Problem("keypoint-twice", "error", path, None, text, "remove one"))
        else:
            owner.points[name] = spot
    parentless(record, loose, str(path), _MEND, tied)


def _relations(results: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return the regions that each one is related to, in either direction."""
    found: dict[str, list[str]] = {}
    for relation in results:
        a, b = relation.get("from_id"), relation.get("to_id")
        if relation.get("type") == "relation" and isinstance(a, str) and isinstance(b, str):
            found.setdefault(a, []).append(b)
            found.setdefault(b, []).append(a)
    return found


def _frame(region: dict[str, Any]) -> tuple[int, int, dict[str, Any]]:
    width, height, value = (region.get(key) for key in ("original_width", "original_height", "value"))
    if type(width) is not int or type(height) is not int or not (0 < width <= 10**6 and 0 < height <= 10**6):
        raise ValueError(
            f"original_width and original_height must be pixels, got {str(width)[:20]}, {str(height)[:20]}"
        )
    if not isinstance(value, dict):
        raise ValueError(f"value must be an object, got {str(value)[:40]}")
    if region.get("image_rotation"):
        raise ValueError("the picture was turned in the editor; turn it back")
    return width, height, value


def _numbers(value: dict[str, Any], *keys: str) -> list[float]:
    found = [number(value.get(key)) for key in keys]
    if any(v is None for v in found):
        raise ValueError(f"{', '.join(keys)} must be numbers, got {[str(value.get(k))[:20] for k in keys]}")
    return [v for v in found if v is not None]


def _label(value: dict[str, Any], kind: str) -> str:
    labels = value.get(kind)
    if not isinstance(labels, list) or len(labels) != 1 or not isinstance(labels[0], str):
        raise ValueError(f"{kind} must hold one label, got {str(labels)[:60]}")
    return labels[0]


def _point(
    region: dict[str, Any], value: dict[str, Any], width: int, height: int
) -> tuple[str, tuple[float, float, int]]:
    x, y = _numbers(value, "x", "y")
    seen = 1 if "hidden" in _meta(region) else 2
    return _label(value, "keypointlabels"), (x * width / 100, y * height / 100, seen)


def _box(value: dict[str, Any], width: int, height: int) -> tuple[float, float, float, float]:
    x, y, w, h = _numbers(value, "x", "y", "width", "height")
    left, top = x * width / 100, y * height / 100
    right, bottom = (x + w) * width / 100, (y + h) * height / 100
    turn = math.radians(number(value.get("rotation")) or 0.0)
    if not turn:
        return (left, top, right, bottom)
    # Label Studio turns a rectangle about its top-left corner; the box is the upright one around it.
    corners = [(0.0, 0.0), (right - left, 0.0), (right - left, bottom - top), (0.0, bottom - top)]
    xs = [left + a * math.cos(turn) - b * math.sin(turn) for a, b in corners]
    ys = [top + a * math.sin(turn) + b * math.cos(turn) for a, b in corners]
    return (min(xs), min(ys), max(xs), max(ys))


def _meta(region: dict[str, Any]) -> list[Any]:
    meta = region.get("meta")
    text = meta.get("text") if isinstance(meta, dict) else None
    return text if isinstance(text, list) else [text]


def _is_picture(address: str) -> bool:
    return Path(_name(address)).suffix.lower() in PICTURES


def _name(address: str) -> str:
    """Return the path in an address: behind ``?d=`` for local files, else the path of the URL."""
    try:
        split = urlsplit(address)
        local = parse_qs(split.query).get("d")
    except ValueError:
        return address
    if local:
        return local[0]
    return unquote(split.path) if split.scheme or address.startswith("/data/") else address


def _record(address: str, folders: list[Path]) -> Record:
    """Find the picture of an address: under its own name, its last part, or without the prefix of an upload."""
    name = _name(address)
    last = name.rpartition("/")[2]
    # An upload is called after eight or more hexadecimal digits and a dash.
    prefix, _, bare = last.partition("-")
    names = [name, last] + ([bare] if len(prefix) >= 8 and all(c in "0123456789abcdef" for c in prefix) else [])
    for folder in folders:
        for candidate in names:
            if candidate and is_file(folder / candidate):
                return Record(name, path=folder / candidate)
    return Record(name.lstrip("/"))


def _config(path: Path) -> Declared:
    """Read the labelling interface beside the export, where it is."""
    file = path.with_suffix(".config.xml")
    if not file.is_file():
        return Declared()
    keypoints: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    for element in children_of_root(file, root="View"):
        values = tuple(label.attributes.get("value", "") for label in element.all("Label"))
        if element.tag == "KeyPointLabels":
            keypoints = values
        elif element.tag == "RectangleLabels":
            classes = values
    return Declared(keypoints, classes)


def write(part: Labelled, file: Path) -> None:
    """Write one split as tasks with one annotation each, and the labelling interface beside it."""
    tasks = []
    for i, place in enumerate(part.places):
        results = _results(part, i)
        tasks.append(
            {"id": i + 1, "data": {"image": _LOCAL + quote(place)}, "annotations": [{"id": i + 1, "result": results}]}
        )
    write_text(file, json.dumps(tasks, ensure_ascii=False))
    write_text(file.with_suffix(".config.xml"), _interface(part))


def _results(part: Labelled, i: int) -> list[dict[str, Any]]:
    labels, (width, height) = part.labels[i], part.sizes[i]
    results: list[dict[str, Any]] = []
    frame = {"original_width": width, "original_height": height, "image_rotation": 0, "to_name": "image"}

    def percent(pixels: float, side: int) -> float:
        return round(100 * pixels / side, _DECIMALS)

    for row, (number_, box) in enumerate(zip(labels.classes.tolist(), plain(labels.boxes), strict=True)):
        parent = f"{i + 1}-{row + 1}"
        value: dict[str, Any] = {
            "x": percent(box[0], width),
            "y": percent(box[1], height),
            "width": percent(box[2] - box[0], width),
            "height": percent(box[3] - box[1], height),
            "rotation": 0,
            "rectanglelabels": [part.spec.names[number_]],
        }
        region = {**frame, "id": parent, "type": "rectanglelabels", "from_name": "instance", "value": value}
        results.append(region | ({"meta": {"text": ["crowd"]}} if labels.crowd[row] else {}))
        points = zip(part.spec.skeleton.keypoints, plain(labels.xy[row]), labels.visibility[row].tolist(), strict=True)
        for k, (name, (x, y), seen) in enumerate(points):
            if not seen:
                continue
            value = {"x": percent(x, width), "y": percent(y, height), "width": 0.5, "keypointlabels": [name]}
            region = {**frame, "id": f"{parent}-{k}", "type": "keypointlabels", "from_name": "keypoint"}
            region |= {"parentID": parent, "value": value}
            results.append(region | ({"meta": {"text": ["hidden"]}} if seen == 1 else {}))
    return results


def _interface(part: Labelled) -> str:
    points = "".join(f"    <Label value={attribute(name)}/>\n" for name in part.spec.skeleton.keypoints)
    classes = "".join(f"    <Label value={attribute(name)}/>\n" for name in part.spec.names.values())
    return (
        '<View>\n  <Image name="image" value="$image"/>\n'
        f'  <RectangleLabels name="instance" toName="image">\n{classes}  </RectangleLabels>\n'
        f'  <KeyPointLabels name="keypoint" toName="image">\n{points}  </KeyPointLabels>\n</View>\n'
    )
