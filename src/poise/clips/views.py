"""A clip as a table and as a chart: the work of ``Clip.to_csv``, ``to_df`` and ``plot``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from poise.charts import Curve, chart
from poise.errors import require, suggest
from poise.frames import Image
from poise.sinks import csv_text, table_rows

if TYPE_CHECKING:
    from poise.clips.clip import Clip

# More curves in one chart cannot be told apart.
_MOST_CURVES, _MOST_IDS = 4, 3
_SIZE = (900, 300)
# Points nearer to each other than this share of the instance move alike: the eyes and the nose.
_APART = 0.15


def clip_csv(clip: Clip) -> str:
    """Return the clip as CSV text, in the columns that ``poise predict --out FILE.csv`` writes."""
    return "".join(csv_text(table_rows(result), header=n == 0) for n, result in enumerate(clip.results()))


def clip_df(clip: Clip) -> Any:
    """Return the clip as a polars DataFrame, in the same columns; what was not predicted is null."""
    pl = require("polars", extra="tables", feature="Clip.to_df()")
    parts = [table_rows(result) for result in clip.results()]
    if not parts:
        return pl.DataFrame()
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    table = pl.DataFrame({name: column.tolist() for name, column in columns.items()}, strict=False)
    floats = [name for name, kind in table.schema.items() if kind.is_float()]
    return table.with_columns(pl.col(floats).fill_nan(None)).with_columns(pl.col("id").cast(pl.Int64))


def clip_chart(clip: Clip, keypoints: Sequence[str] | None, ids: Sequence[int] | None) -> Image:
    """Draw where keypoints are over time: for each id a chart of x and one of y, below each other.

    Args:
        clip: What to draw.
        keypoints: Names; None: the four that move most.
        ids: Whom; None: the three who are longest in the clip.

    Raises:
        ValueError: No such keypoint, or nobody to draw.
    """
    for name in keypoints or ():
        if name not in clip.skeleton.keypoints:
            raise ValueError(f"no keypoint {name!r} in {clip.skeleton.name}{suggest(name, clip.skeleton.keypoints)}")
    if ids is None:
        longest = np.argsort(-clip.present.sum(axis=1), kind="stable")[:_MOST_IDS]
        rows = sorted(longest.tolist())
    else:
        rows = [clip.row(id) for id in ids]
    if not rows:
        raise ValueError(f"{clip.source}: there is nobody in the clip to draw")
    width, height = clip.size
    pictures = []
    for row in rows:
        places = [clip.skeleton.keypoints.index(name) for name in keypoints] if keypoints else _moving(clip.xy[row])
        for axis, (letter, limits) in enumerate((("x", (0.0, width)), ("y", (height, 0.0)))):
            few = len(clip) < 3  # a line needs two points
            curves = [Curve(clip.skeleton.keypoints[k], clip.times, clip.xy[row, :, k, axis], dots=few) for k in places]
            title = f"id {clip.ids[row]}" if axis == 0 else ""
            name = f"{letter}, pixels{' from the top' if axis else ' from the left'}"
            pictures.append(chart(curves, title=title, x="seconds", y=name, y_range=_room(curves, limits), size=_SIZE))
    return np.concatenate(pictures)


def _moving(xy: NDArray[np.float32]) -> list[int]:
    """Return the keypoints whose places are spread widest, none close to a wider one, in the skeleton's order."""
    enough = np.isfinite(xy).all(-1).sum(axis=0) > 1
    known = np.flatnonzero(enough)
    if not len(known):
        return []
    seen = xy[:, known].astype(np.float64)
    spread = np.nanstd(seen, axis=0).sum(axis=-1)
    middle = np.nanmedian(seen, axis=0)
    apart = _APART * float(np.ptp(middle, axis=0).max())
    chosen: list[int] = []
    for at in np.argsort(-spread, kind="stable").tolist():
        if all(np.linalg.norm(middle[at] - middle[other]) >= apart for other in chosen):
            chosen.append(at)
    return sorted(known[chosen[:_MOST_CURVES]].tolist())


def _room(curves: Sequence[Curve], limits: tuple[float, float]) -> tuple[float, float]:
    """Return the ends of the axis: what the curves need and a little more, inside the picture where they are."""
    values = np.concatenate([np.asarray(curve.y, dtype=np.float64) for curve in curves])
    values = values[np.isfinite(values)]
    if not len(values):
        return limits
    low, high = float(values.min()), float(values.max())
    room = max(0.08 * (high - low), 5.0)
    ends = (low - room, high + room)
    return ends if limits[0] < limits[1] else ends[::-1]
