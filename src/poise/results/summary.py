"""One frame as users of this field know it: a dictionary an instance, and the same as CSV text and as a DataFrame."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from poise.errors import require
from poise.results.columns import Boxes, Keypoints


def summary(
    boxes: Boxes, keypoints: Keypoints, names: Mapping[int, str], *, normalize: bool, decimals: int
) -> list[dict[str, Any]]:
    """Return one dictionary an instance; see :meth:`poise.results.Results.summary`."""
    corners = rounded(boxes.xyxyn if normalize else boxes.xyxy, decimals)
    xy = keypoints.xyn if normalize else keypoints.xy
    columns = {"x": rounded(xy[..., 0], decimals), "y": rounded(xy[..., 1], decimals)}
    if keypoints.conf is not None:
        columns["visible"] = rounded(keypoints.conf, decimals)
    confidence = rounded(boxes.conf, decimals)
    ids = None if boxes.id is None else boxes.id.int().tolist()
    rows = []
    for i, number in enumerate(boxes.cls.int().tolist()):
        row: dict[str, Any] = {"name": names.get(number, str(number)), "class": number, "confidence": confidence[i]}
        row["box"] = dict(zip(("x1", "y1", "x2", "y2"), corners[i], strict=True))
        if ids is not None:
            row["track_id"] = ids[i]
        row["keypoints"] = {name: values[i] for name, values in columns.items()}
        rows.append(row)
    return rows


def summary_csv(boxes: Boxes, keypoints: Keypoints, names: Mapping[int, str], *, normalize: bool, decimals: int) -> str:
    """Return the summary as CSV text; see :meth:`poise.results.Results.to_csv`."""
    parts = ("x", "y") if keypoints.conf is None else ("x", "y", "visible")
    tracked = ["track_id"] if boxes.is_track else []
    header = ["name", "class", "confidence", "x1", "y1", "x2", "y2", *tracked]
    header += [f"{name}_{part}" for name in keypoints.skeleton.keypoints for part in parts]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(header)
    for row in summary(boxes, keypoints, names, normalize=normalize, decimals=decimals):
        points = zip(*(row["keypoints"][part] for part in parts), strict=True)
        start = [row["name"], row["class"], row["confidence"], *row["box"].values()]
        table.writerow([*start, *(row[key] for key in tracked), *(value for point in points for value in point)])
    return text.getvalue()


def summary_df(boxes: Boxes, keypoints: Keypoints, names: Mapping[int, str], *, normalize: bool, decimals: int) -> Any:
    """Return the summary as a polars DataFrame; see :meth:`poise.results.Results.to_df`."""
    pl = require("polars", extra="tables", feature="Results.to_df()")
    points = {"x": pl.List(pl.Float64), "y": pl.List(pl.Float64)}
    if keypoints.conf is not None:
        points["visible"] = pl.List(pl.Float64)
    schema = {"name": pl.String, "class": pl.Int64, "confidence": pl.Float64}
    schema["box"] = pl.Struct(dict.fromkeys(("x1", "y1", "x2", "y2"), pl.Float64))
    if boxes.is_track:
        schema["track_id"] = pl.Int64
    schema["keypoints"] = pl.Struct(points)
    return pl.DataFrame(summary(boxes, keypoints, names, normalize=normalize, decimals=decimals), schema=schema)


def rounded(values: Any, decimals: int) -> list[Any]:
    """Return nested lists of rounded floats, None where not finite."""
    return listed(exact(values, decimals))


def exact(values: Any, decimals: int) -> NDArray[np.float64]:
    """Round in float64, so that 0.1 prints as 0.1."""
    return cast("NDArray[np.float64]", np.round(np.asarray(values, dtype=np.float64), decimals))


def listed(values: NDArray[np.float64]) -> list[Any]:
    """Return nested lists of floats, None where not finite."""
    finite = np.isfinite(values)
    nested: list[Any] = (values if finite.all() else np.where(finite, values, np.array(None))).tolist()
    return nested
