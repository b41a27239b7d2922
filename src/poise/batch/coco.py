"""A shard as a COCO keypoint file: numbers of images and annotations that are one of a kind in the whole batch."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from poise.files.writing import write_all
from poise.results import Results
from poise.sinks import coco_categories, record

# The number of an image is (item + 1) * this + frame, that of an annotation the image's * this + instance.
FRAMES = 10_000_000
INSTANCES = 1000


def coco_lines(result: Results, item: int) -> list[Any]:
    """Return what one frame adds to a COCO file: ``["images", …]``, ``["categories", …]``, ``["annotations", …]``."""
    told = record(result)
    image = (item + 1) * FRAMES + result.frame
    lines: list[Any] = [
        [
            "images",
            {
                "id": image,
                "file_name": told["source"],
                "width": told["width"],
                "height": told["height"],
                **({} if result.media.kind == "image" else {"frame": told["frame"], "time": told["time"]}),
            },
        ]
    ]
    lines += [["categories", category] for category in coco_categories(result)]
    for i, one in enumerate(told["instances"]):
        x1, y1, x2, y2 = (0.0 if v is None else v for v in one["box"])
        points = [(0.0, 0.0, 0) if x is None or y is None else (x, y, 2) for x, y, _ in one["keypoints"]]
        lines.append(
            [
                "annotations",
                {
                    "id": image * INSTANCES + i,
                    "image_id": image,
                    "category_id": one["class"] + 1,
                    "bbox": [x1, y1, round(x2 - x1, 2), round(y2 - y1, 2)],
                    "area": round((x2 - x1) * (y2 - y1), 2),
                    "iscrowd": 0,
                    "keypoints": [value for point in points for value in point],
                    "num_keypoints": int(np.count_nonzero([v for _, _, v in points])),
                    "score": one["conf"],
                    **({} if one["id"] is None else {"track_id": one["id"]}),
                },
            ]
        )
    return lines


def write_coco(stream: Any, lines: Iterable[bytes]) -> int:
    """Write one COCO file of the lines of many frames; returns the number of annotations.

    Args:
        stream: An open binary file.
        lines: Lines of JSON as :func:`coco_lines` gives them. They are read once: images and annotations are kept as
            text until the end.
    """
    parts: dict[str, list[bytes]] = {"images": [], "annotations": []}
    categories: dict[int, bytes] = {}
    for line in lines:
        kind, value = json.loads(line)
        text = json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")
        if kind == "categories":
            categories.setdefault(value["id"], text)
        else:
            parts[kind].append(text)
    write_all(stream, b'{"info": {"description": "Predicted by Poise"}, "licenses": []')
    for name, texts in (*parts.items(), ("categories", [categories[number] for number in sorted(categories)])):
        write_all(stream, b',\n"' + name.encode() + b'": [')
        for i, text in enumerate(texts):
            write_all(stream, (b",\n" if i else b"\n") + text)
        write_all(stream, b"\n]")
    write_all(stream, b"}\n")
    return len(parts["annotations"])
