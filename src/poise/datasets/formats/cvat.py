"""CVAT's XML 1.1, for images and for video.

An instance is a ``<skeleton>`` with one ``<points>`` a keypoint, and a ``<box>`` of the same ``group_id``. A keypoint
that is ``outside`` is not labelled, one that is ``occluded`` is hidden. Single ``<points>`` of one group are the
keypoints of the ``<box>`` of that group, those of none of the box that they lie in. Where a data set has crowds or
areas, they are attributes ``crowd`` and ``area`` of the skeleton. A plain ``<points>`` of several positions is an
instance too.

Source: docs.cvat.ai, "CVAT for images 1.1" and "CVAT for videos 1.1" (the layout of files was taken from that page, not
from an export).
"""

from __future__ import annotations

import html
import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from poise.datasets._dataset import Dataset
from poise.datasets._labels import Labels, Problem
from poise.datasets.formats._build import Declared, Found, Loose, Record, build, listed, parentless, tied_notes
from poise.datasets.formats._capacity import FormatCapacity, Labelled
from poise.datasets.formats._describe import plain
from poise.datasets.formats._place import write_text
from poise.datasets.formats._registry import Reading
from poise.datasets.formats._xml import Element, attribute, children_of_root, content, finite
from poise.errors import FormatError

HOLDS = FormatCapacity(area=True, crowd=True, skeleton=("edges",))
FILE = "{split}.xml"

_SHAPES = ("skeleton", "points", "box")
_NODE = re.compile(r'data-node-id="(\d+)"[^>]*?data-label-name="([^"]*)"')
_EDGE = re.compile(r'data-node-from="(\d+)"[^>]*?data-node-to="(\d+)"')


def read(path: Path, split: str, how: Reading) -> Dataset:
    """Read a file of images or tracks."""
    declared, size, records, frames = Declared(), None, list[Record](), dict[int, Element]()
    unread: Counter[str] = Counter()
    tied: Counter[str] = Counter()
    for element in children_of_root(path, root="annotations"):
        if element.tag == "meta":
            declared, size = _declared(path, element), _original_size(element)
        elif element.tag == "image":
            records.append(_image(path, element))
            _shapes(path, element, records[-1], declared, unread, tied)
        elif element.tag == "track":
            _track(path, element, frames)
    for number, shapes in sorted(frames.items()):
        records.append(Record(_frame_name(how.images or path.parent, number), size))
        _shapes(path, shapes, records[-1], declared, unread, tied)
    known = how.spec.skeleton if how.spec else how.skeleton
    _name_in_order(records, known.keypoints if known else declared.keypoints)
    return build(path, split, records, how, declared, notes=[*tied_notes(tied), *listed(unread, "not read")])


def _name_in_order(records: list[Record], keypoints: tuple[str, ...]) -> None:
    """Name the positions of plain <points> after the skeleton, where there is one of as many keypoints."""
    for record in records:
        for found in record.found:
            if len(found.points) == len(keypoints) and found.where.startswith("<points>"):
                found.points = dict(zip(keypoints, found.points.values(), strict=True))


def _declared(path: Path, meta: Element) -> Declared:
    """Read the labels of a task, project or job."""
    holders = [holder for kind in ("task", "project", "job") for holder in meta.all(kind)] or [meta]
    labels = [label for holder in holders for group in holder.all("labels") for label in group.all("label")]
    skeletons = [label for label in labels if label.word("type").strip() == "skeleton"]
    if not skeletons:
        return Declared()
    first = skeletons[0].word("name")
    orders: dict[str, list[str]] = {s.word("name"): [] for s in skeletons}
    for label in labels:
        if label.word("parent") in orders:
            orders[label.word("parent")].append(label.word("name"))
    if any(order != orders[first] for order in orders.values()):
        counts = ", ".join(f"{name}: {len(order)}" for name, order in orders.items())
        raise FormatError(f"{path}:{meta.line}: skeletons with different keypoints ({counts}); export them one by one")
    svg = skeletons[0].word("svg")
    # The drawing names its nodes; one that does not has them in the order of the labels.
    nodes = dict(enumerate(orders[first], start=1))
    nodes |= {int(number): html.unescape(name) for number, name in _NODE.findall(svg) if len(number) < 9}
    known = set(orders[first])
    pairs = [(nodes.get(int(a)), nodes.get(int(b))) for a, b in _EDGE.findall(svg) if len(a) < 9 and len(b) < 9]
    edges = tuple((a, b) for a, b in pairs if a is not None and b is not None and {a, b} <= known)
    return Declared(tuple(orders[first]), tuple(orders), edges)


def _original_size(meta: Element) -> tuple[int, int] | None:
    """Return the size of a video's frames, where the file says it."""
    for holder in (holder for kind in ("task", "job") for holder in meta.all(kind)):
        for size in holder.all("original_size"):
            return _size(size.word("width"), size.word("height"))
    return None


def _size(width: str, height: str) -> tuple[int, int] | None:
    w, h = finite(width), finite(height)
    return (int(w), int(h)) if w and h and w >= 1 and h >= 1 else None


def _image(path: Path, element: Element) -> Record:
    name, width, height = (element.attributes.get(key, "") for key in ("name", "width", "height"))
    if not name:
        raise FormatError(f"{path}:{element.line}: <image> without a name")
    return Record(name, _size(width, height))


def _shapes(
    path: Path, parent: Element, record: Record, declared: Declared, unread: Counter[str], tied: Counter[str]
) -> None:
    """Add the shapes of one picture to its record: a box goes to the skeleton or the points of its group."""
    groups: dict[str, Found] = {}
    boxes: list[tuple[Element, tuple[float, float, float, float]]] = []
    loose: list[Loose] = []
    # Where no skeleton is declared, single points are keypoints that are called by their label.
    single = not declared.classes and any(shape.tag == "box" for shape in parent.children)
    for shape in parent.children:
        if shape.tag not in _SHAPES:
            unread[f"<{shape.tag}>"] += 1
            continue
        label = shape.attributes.get("label")
        if shape.tag == "points" and declared.classes and label not in (*declared.classes, *declared.keypoints):
            unread[f"<points> of {label!r}"] += 1  # a label without skeleton
            continue
        try:
            if shape.tag == "box":
                boxes.append((shape, _box(shape)))
                continue
            found = _skeleton(shape) if shape.tag == "skeleton" else _points(shape)
        except ValueError as error:
            record.problems.append(_problem(path, shape, str(error)))
            continue
        group = shape.attributes.get("group_id", "")
        if single and label and group in ("", "0") and shape.tag == "points" and len(found.points) == 1:
            loose += [(label, spot) for spot in found.points.values()]
            continue
        known = groups.get(group) if group not in ("", "0") else None
        if known is not None and shape.tag == "points" and not set(known.points) & set(found.points):
            known.points.update(found.points)  # single points of one group
            continue
        record.found.append(found)
        if group not in ("", "0"):
            groups[group] = found
    for shape, box in boxes:
        label = shape.attributes.get("label")
        owner = groups.get(shape.attributes.get("group_id", "")) or _alone_in(record.found, boxes, box, label)
        if owner is not None and owner.box is None:
            owner.box = box
            owner.label = owner.label or label
            continue
        if declared.classes and label not in declared.classes:
            unread[f"<box> of {label!r}"] += 1  # a label without keypoints
        else:
            record.found.append(Found(label, box=box, where=f"<box> in line {shape.line}"))
    parentless(record, loose, str(path), "group them with their box in CVAT (G)", tied)


def _alone_in(
    found: list[Found],
    boxes: list[tuple[Element, tuple[float, float, float, float]]],
    box: tuple[float, float, float, float],
    label: str | None,
) -> Found | None:
    """Return the skeleton whose box an ungrouped box certainly is: of its label, alone in it, and in no other."""

    def holds(x1: float, y1: float, x2: float, y2: float, one: Found) -> bool:
        return all(x1 <= x <= x2 and y1 <= y <= y2 for x, y, v in one.points.values() if v)

    free = [one for one in found if one.box is None and one.label == label and any(v for *_, v in one.points.values())]
    inside = [one for one in free if holds(*box, one)]
    if len(inside) != 1:
        return None
    around = [other for shape, other in boxes if shape.attributes.get("label") == label and holds(*other, inside[0])]
    return inside[0] if len(around) == 1 else None


def _skeleton(shape: Element) -> Found:
    found = Found(shape.attributes.get("label"), where=f"<skeleton> in line {shape.line}")
    for point in shape.all("points"):
        name = point.attributes.get("label")
        if not name:
            raise ValueError("a keypoint without a label")
        ((x, y),) = _positions(point, one=True)
        found.points[name] = (x, y, _visibility(point))
    for extra in shape.all("attribute"):
        name, text = extra.attributes.get("name"), extra.text.strip()
        if name == "crowd":
            found.crowd = text.lower() == "true"
        elif name == "area" and text:
            area = finite(text)
            if area is None:
                raise ValueError(f"area must be a number, got {text[:40]!r}")
            found.area = area
    return found


def _points(shape: Element) -> Found:
    """Return the instance of a plain <points>: several positions in order, or one that is named by its label."""
    positions = _positions(shape)
    label, where = shape.attributes.get("label"), f"<points> in line {shape.line}"
    seen = _visibility(shape)
    if len(positions) == 1 and label and shape.attributes.get("group_id", "0") not in ("", "0"):
        return Found(None, {label: (*positions[0], seen)}, where=where)
    return Found(label, {f"point_{i}": (x, y, seen) for i, (x, y) in enumerate(positions)}, where=where)


def _visibility(shape: Element) -> int:
    if shape.attributes.get("outside") == "1":
        return 0
    return 1 if shape.attributes.get("occluded") == "1" else 2


def _positions(shape: Element, *, one: bool = False) -> list[tuple[float, float]]:
    text = shape.attributes.get("points", "")
    positions = []
    for pair in text.split(";"):
        numbers = [finite(word) for word in pair.split(",")]
        if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
            raise ValueError(f"points must be 'x,y;x,y', got {text[:60]!r}")
        positions.append((numbers[0], numbers[1]))
    if one and len(positions) != 1:
        raise ValueError(f"a keypoint must have one position, got {len(positions)}")
    return positions


def _box(shape: Element) -> tuple[float, float, float, float]:
    values = [finite(shape.attributes.get(key, "")) for key in ("xtl", "ytl", "xbr", "ybr")]
    x1, y1, x2, y2 = values
    if x1 is None or y1 is None or x2 is None or y2 is None:
        raise ValueError(f"a box must have xtl, ytl, xbr, ybr, got {dict(list(shape.attributes.items())[:8])}")
    angle = finite(shape.attributes.get("rotation", "0"))
    if angle is None:
        raise ValueError(f"rotation must be degrees, got {shape.attributes['rotation'][:40]!r}")
    if angle:  # the upright box around the turned one
        turn = math.radians(angle)
        w = abs((x2 - x1) * math.cos(turn)) + abs((y2 - y1) * math.sin(turn))
        h = abs((x2 - x1) * math.sin(turn)) + abs((y2 - y1) * math.cos(turn))
        cx, cy = (x1 + x2) / 2, (y1 + y2) / 2
        return (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)
    return (x1, y1, x2, y2)


def _track(path: Path, track: Element, frames: dict[int, Element]) -> None:
    """Sort the shapes of one track of a video by their frames."""
    for shape in track.children:
        number = shape.attributes.get("frame", "")
        if not number.isdecimal() or len(number) > 9:
            raise FormatError(f"{path}:{shape.line}: <{shape.tag[:40]}> of a track without a frame number")
        frame = frames.setdefault(int(number), Element("frame", {}, shape.line))
        if shape.attributes.get("outside") != "1":  # else the object has left the picture
            for key in ("label", "group_id"):
                if key in track.attributes:
                    shape.attributes.setdefault(key, track.attributes[key])
            frame.children.append(shape)


def _frame_name(images: Path, number: int) -> str:
    """Return the name of a video's frame as CVAT exports it."""
    names = [f"{sub}frame_{number:06d}{end}" for sub in ("", "images/") for end in (".PNG", ".png", ".jpg", ".jpeg")]
    return next((name for name in names if (images / name).is_file()), names[0])


def _problem(path: Path, shape: Element, text: str) -> Problem:
    return Problem("bad-shape", "error", path, shape.line, f"<{shape.tag}>: {text}", "correct or remove it")


def write(part: Labelled, file: Path) -> None:
    """Write one split as images of one task."""
    crowd = any(labels.crowd.any() for labels in part.labels)
    area = any(np.isfinite(labels.area).any() for labels in part.labels)
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<annotations>", "  <version>1.1</version>"]
    lines += _meta(part, crowd=crowd, area=area)
    names, points = part.spec.names, [attribute(name) for name in part.spec.skeleton.keypoints]
    for i, (labels, (width, height), place) in enumerate(zip(part.labels, part.sizes, part.places, strict=True)):
        lines.append(f'  <image id="{i}" name={attribute(place)} width="{width}" height="{height}">')
        for group, row in enumerate(_rows(labels, points, crowd=crowd, area=area), start=1):
            number, box, inside = row
            lines.append(
                f'    <skeleton label={attribute(names[number])} source="manual" group_id="{group}" z_order="0">'
            )
            lines += inside
            lines.append("    </skeleton>")
            corners = " ".join(f'{key}="{v}"' for key, v in zip(("xtl", "ytl", "xbr", "ybr"), box, strict=True))
            label = attribute(names[number] + " box")
            lines.append(
                f'    <box label={label} source="manual" occluded="0" {corners} group_id="{group}" z_order="0"></box>'
            )
        lines.append("  </image>")
    lines.append("</annotations>\n")
    write_text(file, "\n".join(lines))


def _rows(
    labels: Labels, points: list[str], *, crowd: bool, area: bool
) -> Iterator[tuple[int, list[float], list[str]]]:
    xy = plain(np.where((labels.visibility > 0)[..., None], labels.xy, 0))
    areas = plain(labels.area)
    for i, (number, box) in enumerate(zip(labels.classes.tolist(), plain(labels.boxes), strict=True)):
        inside = [
            f'      <points label={name} source="manual" outside="{int(v == 0)}" occluded="{int(v == 1)}" '
            f'points="{x},{y}"></points>'
            for name, (x, y), v in zip(points, xy[i], labels.visibility[i].tolist(), strict=True)
        ]
        if crowd:
            inside.append(f'      <attribute name="crowd">{str(bool(labels.crowd[i])).lower()}</attribute>')
        if area:
            inside.append(f'      <attribute name="area">{areas[i] if areas[i] == areas[i] else ""}</attribute>')
        yield number, box, inside


def _meta(part: Labelled, *, crowd: bool, area: bool) -> list[str]:
    """Return the labels as CVAT needs them to be made before the file is imported."""
    skeleton = part.spec.skeleton
    svg = content(_svg(part))
    extra = "".join(
        f"<attribute><name>{name}</name><mutable>False</mutable><input_type>{kind}</input_type>"
        f"<default_value>{default}</default_value><values>{default}</values></attribute>"
        for name, kind, default, there in (("crowd", "checkbox", "false", crowd), ("area", "text", "", area))
        if there
    )
    lines = ["  <meta>", "    <task>", f"      <name>{content(part.split)}</name>"]
    lines += [f"      <size>{len(part.labels)}</size>", "      <mode>annotation</mode>", "      <labels>"]
    for name in part.spec.names.values():
        parent = content(name)
        lines.append(
            f"        <label><name>{parent}</name><type>skeleton</type><attributes>{extra}</attributes>"
            f"<svg>{svg}</svg></label>"
        )
        lines += [
            f"        <label><name>{content(point)}</name><type>points</type><attributes></attributes>"
            f"<parent>{parent}</parent></label>"
            for point in skeleton.keypoints
        ]
        lines.append(f"        <label><name>{parent} box</name><type>rectangle</type><attributes></attributes></label>")
    return [*lines, "      </labels>", "    </task>", "  </meta>"]


def _svg(part: Labelled) -> str:
    """Return the drawing of the skeleton in CVAT's label editor: keypoints on a circle, numbered from 1."""
    skeleton = part.spec.skeleton
    turn = 2 * math.pi / len(skeleton)
    spots = [(50 + 40 * math.sin(i * turn), 50 - 40 * math.cos(i * turn)) for i in range(len(skeleton))]
    lines = [
        f'<line x1="{spots[a][0]:.2f}" y1="{spots[a][1]:.2f}" x2="{spots[b][0]:.2f}" y2="{spots[b][1]:.2f}" '
        f'data-type="edge" data-node-from="{a + 1}" data-node-to="{b + 1}"></line>'
        for a, b in skeleton.edges
    ]
    circles = [
        f'<circle r="1.5" cx="{x:.2f}" cy="{y:.2f}" data-type="element node" data-element-id="{i}" data-node-id="{i}" '
        f"data-label-name={attribute(name)}></circle>"
        for i, ((x, y), name) in enumerate(zip(spots, skeleton.keypoints, strict=True), start=1)
    ]
    return "".join(lines + circles)
