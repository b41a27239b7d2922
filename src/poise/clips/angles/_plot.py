"""Angles over time as charts, and on the frames that they were measured in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.bodies.points import read_points
from poise.charts import Curve, chart
from poise.clips.angles._names import AngleSet, angle_set
from poise.clips.angles._table import Table
from poise.drawing import JointArc, Style, draw, draw_label, label_size, place_beside
from poise.errors import PoiseError
from poise.frames import Image
from poise.results import Results

# The person's own left is blue and the right orange, as in drawn skeletons, but dark enough for white paper.
_LEFT, _RIGHT, _DOUBTED = "#0072b2", "#d55e00", "#b9b4ae"
_SIZE = (940, 250)
_MOST_IDS = 3
_GREY = "not trusted"  # named once in a chart
_DARK = (30, 26, 24)
_LEAST_RADIUS = 5.0  # pixels; a smaller arc is a blot


def plot_angles(table: Table, names: Sequence[str] | None = None, *, ids: Iterable[int] | None = None) -> Image:
    """Draw angles over time: a chart for each kind of angle, with left and right in it.

    What the camera's view falsifies (``trusted`` is False) is grey.

    Args:
        table: Columns of :func:`angle_rows`.
        names: Which angles; None: all joints that the table has.
        ids: Whom; None: the three who are longest in the clip.

    Returns:
        ``(H, W, 3)`` uint8 BGR.

    Raises:
        PoiseError: The table has nothing to draw.
    """
    every = table["name"].astype(str)
    asked = list(names) if names is not None else joint_names(every)
    kinds: dict[str, list[str]] = {}
    for name in asked:
        kinds.setdefault(name.removeprefix("left_").removeprefix("right_"), []).append(name)
    if ids is None:
        known, count = np.unique(table["id"], return_counts=True)
        ids = sorted(known[np.argsort(-count, kind="stable")[:_MOST_IDS]].tolist())
    pictures = []
    for person in ids:
        first = True
        for kind, members in kinds.items():
            parts = [(name, (every == name) & (table["id"] == person)) for name in members]
            parts = [(name, at) for name, at in parts if np.isfinite(table["value"][at]).any()]
            if not parts:
                continue
            unit = "degrees" if table["unit"][parts[0][1]][0] == "deg" else "trunk lengths"
            curves = [curve for n, (name, at) in enumerate(parts) for curve in _curves(table, at, name, n)]
            grey = next((n for n, one in enumerate(curves) if one.name == _GREY and np.isfinite(one.y).any()), None)
            curves = [replace(one, name="") if one.name == _GREY and n != grey else one for n, one in enumerate(curves)]
            pictures.append(
                chart(
                    curves,
                    title=f"id {person}" if first else "",
                    x="seconds",
                    y=f"{kind.replace('_', ' ')}, {unit}",
                    y_range=_room(curves),
                    size=_SIZE,
                )
            )
            first = False
    if not pictures:
        raise PoiseError("there are no angles to plot: nobody was seen, or none of these angles could be measured")
    return np.concatenate(pictures)


def joint_names(every: NDArray[Any]) -> list[str]:
    """Return the joints among a table's names: what has two sides and bends, in the table's order."""
    ends = ("_flexion", "_elevation", "_dorsiflexion")
    return [name for name in dict.fromkeys(every.tolist()) if name.endswith(ends) and not name.endswith("_difference")]


def _curves(table: Table, at: NDArray[np.bool_], name: str, n: int) -> list[Curve]:
    time, value = table["time"][at].astype(np.float64), table["value"][at].astype(np.float64)
    side = _LEFT if name.startswith("left_") else _RIGHT if name.startswith("right_") else None
    trusted = np.asarray(table["trusted"][at], dtype=bool)
    # Of an angle that is never trusted, such as a distance, the colour says nothing.
    sure = np.where(trusted, value, np.nan) if trusted.any() else value
    doubted = np.where(trusted, np.nan, value) if trusted.any() else np.full_like(value, np.nan)
    # A line needs two points; a picture has one.
    few = len(time) < 3
    return [
        Curve(_GREY, time, doubted, _DOUBTED, 1.4, dots=few),
        Curve(name.replace("_", " "), time, sure, side, 1.8 if n else 2.4, dots=few),
    ]


def _room(curves: Sequence[Curve]) -> tuple[float, float]:
    """Return the ends of the axis, a little beyond those of the curves."""
    values = np.concatenate([np.asarray(curve.y, dtype=np.float64) for curve in curves])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    span = max(high - low, 10.0)
    middle = (low + high) / 2
    return middle - 0.55 * span, middle + 0.58 * span


def draw_angles(
    result: Results, angles: AngleSet | None = None, *, names: Sequence[str] | None = None, style: Style | None = None
) -> Image:
    """Draw a frame with its skeletons, and at each joint an arc and the angle in degrees.

    Args:
        result: One frame; a joint with a keypoint below ``style.min_conf`` gets none.
        angles: What to measure; the bundled angles of the skeleton unless given.
        names: Only these joints; None: all.
        style: Colours and widths of skeletons.

    Returns:
        ``(H, W, 3)`` uint8 BGR, a new array.
    """
    style = style or Style()
    angles = angles or angle_set(result.skeleton.name)
    picture = draw(result, style=style, labels=result.boxes.is_track, conf=False)
    xy, conf = read_points(result)
    size = float(min(picture.shape[:2]))
    wanted = [j for j, name in enumerate(angles.joints) if names is None or name in names]
    taken: list[tuple[int, int, int, int]] = []
    for person, sure in zip(xy, conf, strict=True):
        for j in wanted:
            at = angles.joint_points[j]
            points = person[at].mean(axis=1)
            if np.isfinite(points).all() and sure[at].min() >= style.min_conf:
                arc = JointArc.of(points)
                if (radius := 0.28 * arc.limb) >= _LEAST_RADIUS:
                    arc.draw(picture, radius, max(1.5, size / 240))
                bent = angles.joint_sign[j] * (arc.degrees - angles.joint_neutral[j])
                taken.append(_write(picture, arc, f"{bent:.0f}°", size, taken, font=style.font))
    return picture


def _write(
    picture: Image,
    arc: JointArc,
    words: str,
    size: float,
    taken: list[tuple[int, int, int, int]],
    *,
    font: str | None,
) -> tuple[int, int, int, int]:
    """Write beside the joint, best on the outer side of the bend, off the other numbers; returns the label's place."""
    letter = max(10.0, size / 38)
    others = np.array(taken, dtype=np.float64).reshape(-1, 4)
    room = label_size(words, letter, font=font)
    place = place_beside(picture.shape[:2], arc.joint.tolist(), arc.middle + np.pi, size / 60, room, others)
    draw_label(picture, place[:2], words, _DARK, letter, font=font, alpha=0.75)
    return place
