"""Results as plain data: a JSON record, table columns, and lines of YOLO labels."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.results import Results
from poise.results.summary import exact, listed, rounded


def record(result: Results) -> dict[str, Any]:
    """Return one frame as plain Python values, the schema of every JSON line that Poise writes.

    What was not predicted is None (null in JSON), never 0. Pixels have 2 decimals, confidences 4, metres 4.

    Returns:
        ``source``, ``frame``, ``time`` (seconds), ``width``, ``height``, ``skeleton``, ``instances``; an instance has
        ``class``, ``name``, ``conf``, ``box`` (x1, y1, x2, y2), ``id`` (None if untracked), ``keypoints`` (K rows of
        x, y, conf), and, only where the network gives them, ``sigma`` (K rows, pixels) and ``xyz`` (K rows, metres).
    """
    height, width = result.orig_shape
    boxes, points = result.boxes, result.keypoints
    n = len(result)
    conf = np.full(points.xy.shape[:2], np.nan, np.float32) if points.conf is None else points.conf
    keypoints = listed(np.concatenate([exact(points.xy, 2), exact(conf, 4)[..., None]], axis=-1))
    classes = boxes.cls.astype(int).tolist()
    ids = [None] * n if boxes.id is None else [_whole(v) for v in boxes.id.tolist()]
    instances: list[dict[str, Any]] = [
        {"class": number, "name": class_name(result, number), "conf": c, "box": box, "id": i, "keypoints": rows}
        for number, c, box, i, rows in zip(
            classes, rounded(boxes.conf, 4), rounded(boxes.xyxy, 2), ids, keypoints, strict=True
        )
    ]
    for key, values, decimals in (("sigma", points.sigma, 2), ("xyz", points.xyz, 4)):
        known: NDArray[np.bool_] = np.isfinite(np.asarray(values)).any(axis=(1, 2))
        if known.any():
            for instance, has, rows in zip(instances, known.tolist(), rounded(values, decimals), strict=True):
                if has:
                    instance[key] = rows
    return {
        "source": printable(result.path),
        "frame": int(result.frame),
        "time": round(float(result.time), 6),
        "width": width,
        "height": height,
        "skeleton": result.skeleton.name,
        "instances": instances,
    }


def table_rows(result: Results) -> dict[str, NDArray[Any]]:
    """Return one frame as columns with one row a keypoint: N x K rows, instance by instance.

    Returns:
        ``source``, ``frame``, ``time`` (seconds), ``instance`` (row in the result), ``id`` (NaN if untracked),
        ``class``, ``name``, ``box_conf``, ``keypoint`` (name), ``x``, ``y`` (pixels), ``conf``, ``sigma_x``,
        ``sigma_y`` (pixels), ``X``, ``Y``, ``Z`` (metres). What was not predicted is NaN.
    """
    boxes, points = result.boxes, result.keypoints
    n, k = points.xy.shape[:2]
    classes = boxes.cls.astype(np.int64)
    names = np.array([class_name(result, number) for number in classes.tolist()], dtype=object)
    nan = np.full(n, np.nan)
    conf = np.full((n, k), np.nan) if points.conf is None else points.conf

    def each(values: Any, dtype: Any) -> NDArray[Any]:
        return np.repeat(np.asarray(values, dtype=dtype), k)

    def all_(value: Any, dtype: Any) -> NDArray[Any]:
        return np.full(n * k, value, dtype=dtype)

    def flat(values: Any) -> NDArray[Any]:
        return np.asarray(values, dtype=np.float32).reshape(-1)

    return {
        "source": all_(printable(result.path), object),
        "frame": all_(result.frame, np.int64),
        "time": all_(result.time, np.float64),
        "instance": each(np.arange(n), np.int64),
        "id": each(nan if boxes.id is None else boxes.id, np.float64),
        "class": each(classes, np.int64),
        "name": each(names, object),
        "box_conf": each(boxes.conf, np.float32),
        "keypoint": np.tile(np.array(result.skeleton.keypoints, dtype=object), n),
        "x": flat(points.xy[..., 0]),
        "y": flat(points.xy[..., 1]),
        "conf": flat(conf),
        "sigma_x": flat(points.sigma[..., 0]),
        "sigma_y": flat(points.sigma[..., 1]),
        "X": flat(points.xyz[..., 0]),
        "Y": flat(points.xyz[..., 1]),
        "Z": flat(points.xyz[..., 2]),
    }


# Confidence from which a keypoint of a label counts as seen, and from which it is a label at all: below it is not drawn
# either. A network that learnt from labels gives the probability that a keypoint is labelled.
SEEN, LABELLED = 0.5, 0.25


def yolo_lines(result: Results, *, save_conf: bool = False) -> list[str]:
    """Return one line of YOLO-pose label an instance: ``class cx cy w h``, then each keypoint, ``[conf] [id]``.

    Positions are divided by the picture's width and height and have six significant digits, as the field writes them.

    Without ``save_conf`` the lines are labels, as a data set is read: a keypoint is ``x y v`` with v 2 (seen) from a
    confidence of 0.5, 1 (hidden or unsure) from 0.25, else ``0 0 0`` (not labelled); boxes end at the picture's edge.
    With ``save_conf`` they are predictions: ``x y conf``, however unsure. A keypoint that was not predicted, or lies
    outside the picture (which the format cannot say), is ``0 0 0`` in both. Where the network gives keypoints no
    confidence, they are ``x y``, and in a label ``-1 -1`` is what is not labelled.

    Args:
        result: One frame.
        save_conf: Write predictions: confidences of keypoints, and of the instance after them.
    """
    boxes, points = result.boxes, result.keypoints
    n, k = points.xy.shape[:2]
    xyn = np.asarray(points.xyn, dtype=np.float64)
    # A comparison with NaN is False.
    there = np.asarray(((xyn >= 0) & (xyn <= 1)).all(axis=-1))
    columns, none = [xyn], 0.0
    if points.conf is not None:
        conf = np.asarray(points.conf, dtype=np.float64)
        if not save_conf:
            there = there & (conf >= LABELLED)
            conf = np.where(conf >= SEEN, 2.0, 1.0)
        columns.append(conf[..., None])
    elif not save_conf:
        none = -1.0
    rows = np.where(there[..., None], np.concatenate(columns, axis=-1), none)
    places = np.asarray(boxes.xywhn, dtype=np.float64)
    if not save_conf:
        corners = np.asarray(boxes.xyxyn, dtype=np.float64).clip(0, 1)
        places = np.concatenate([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], axis=1)
    parts = [boxes.cls[:, None], places, np.nan_to_num(rows).reshape(n, k * rows.shape[-1])]
    if save_conf:
        parts.append(boxes.conf[:, None])
    if boxes.id is not None:
        parts.append(boxes.id[:, None])
    table = np.concatenate([np.asarray(part, dtype=np.float64) for part in parts], axis=1)
    line = " ".join(["%g"] * table.shape[1])
    return [line % tuple(row) for row in table.tolist()]


def class_name(result: Results, number: int) -> str:
    """Return the name of a class, or its number where it has none."""
    return str(result.names.get(number, number))


def printable(name: str) -> str:
    """Return a name that can be written as UTF-8: undecodable bytes of a file name become U+FFFD."""
    return os.fsencode(name).decode("utf-8", "replace") if any("\ud800" <= c <= "\udfff" for c in name) else name


def _whole(value: float) -> int | None:
    return int(value) if np.isfinite(value) else None
