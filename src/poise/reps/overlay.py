"""Draw repetitions on a frame: who, the trail of what moves, the angle, the counter and the phase."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from poise.bodies.points import read_points
from poise.drawing import JointArc, Style, draw, draw_label, draw_polyline, text
from poise.drawing._text import fill
from poise.frames import Image
from poise.reps.exercise import Exercise
from poise.reps.signals import SHOWN
from poise.results import Results

# Which three keypoints an angle is measured at, and which point leaves the trail, by the signal's name.
_ANGLES: Mapping[str, tuple[str, str, str]] = {
    "elbow_angle": ("shoulder", "elbow", "wrist"),
    "shoulder_angle": ("hip", "shoulder", "elbow"),
    "hip_angle": ("shoulder", "hip", "knee"),
    "knee_angle": ("hip", "knee", "ankle"),
}
_GREEN, _AMBER, _DARK, _LIGHT = (88, 200, 98), (40, 176, 255), (30, 26, 24), (238, 242, 245)
_LEAST_RADIUS = 6.0  # pixels; a smaller arc is a blot


def first_angle(exercise: Exercise | None) -> str | None:
    """Return the name of the exercise's first angle; None where it has none."""
    return next((signal.name for signal in exercise.signals if signal.name in _ANGLES), None) if exercise else None


def angle_points(exercise: Exercise | None) -> tuple[str, str, str] | None:
    """Return the points of the exercise's first angle, without their side; None where it has none."""
    name = first_angle(exercise)
    return None if name is None else _ANGLES[name]


def draw_reps(
    result: Results,
    *,
    row: int | None,
    label: str,
    count: int,
    progress: float,
    exercise: Exercise | None = None,
    trail: ArrayLike = (),
    flash: float = 0.0,
    image: Image | None = None,
    font: str | None = None,
) -> Image:
    """Draw one frame of a video with its counter.

    Args:
        result: The frame and everybody in it.
        row: The person who is counted; None where not in this frame.
        label: What is counted.
        count: Repetitions so far.
        progress: From 0 (rest) to 1 (effort).
        exercise: What is counted, for its angle, which is written as ``poise angles`` measures it: 0 is a straight
            knee, hip or elbow, and an arm at the side.
        trail: ``(T, 2)`` pixels, where the moving point was in the last second, oldest first.
        flash: From 0 to 1: how fresh the last repetition is; the counter lights up.
        image: A picture to draw on instead of the frame's own.
        font: A font file or the name of an installed font; None: Pillow's own.

    Returns:
        ``(H, W, 3)`` uint8 BGR, a new array.
    """
    picture = draw(result, image=image, conf=False, labels=result.boxes.is_track, style=Style(font=font))
    size = float(min(picture.shape[:2]))
    if np.size(trail):
        path = np.asarray(trail, dtype=np.float64)
        age = np.linspace(0.0, 1.0, len(path))
        draw_polyline(picture, path, _AMBER, np.maximum(1.5, size / 220) * (0.4 + 0.6 * age), 0.15 + 0.75 * age)
    if row is not None:
        _arc(picture, result, row, exercise, size)
    _panel(picture, label, count, progress, flash, size, font)
    return picture


def _arc(picture: Image, result: Results, row: int, exercise: Exercise | None, size: float) -> None:
    signal, names = first_angle(exercise), angle_points(exercise)
    skeleton = result.skeleton
    if signal is None or names is None or f"left_{names[1]}" not in skeleton:
        return
    xy, conf = (column[row] for column in read_points(result))
    sides = []
    for side in ("left", "right"):
        at = [skeleton.index(f"{side}_{name}") for name in names]
        sure = float(conf[at].min())
        if np.isfinite(xy[at]).all():
            sides.append((sure, at))
    if not sides or max(sides)[0] < 0.2:
        return
    arc = JointArc.of(xy[max(sides)[1]])
    if (radius := 0.35 * arc.limb) < _LEAST_RADIUS:
        return
    arc.draw(picture, radius, max(2.0, size / 160))
    spot = arc.joint + (radius + size / 22) * np.array([np.cos(arc.middle), np.sin(arc.middle)])
    draw_label(
        picture,
        (spot[0] - size / 30, spot[1] - size / 50),
        f"{abs(arc.degrees - SHOWN[signal][1]):.0f}°",
        _DARK,
        max(11.0, size / 32),
    )


def _panel(
    picture: Image, label: str, count: int, progress: float, flash: float, size: float, font: str | None
) -> None:
    pad = round(size / 40)
    big, small = max(18.0, size / 7.5), max(10.0, size / 27)
    height, width = round(big * 1.55 + small * 1.2), round(max(big * 1.9, len(label) * small * 0.62 + 3 * pad + small))
    x, y = pad, pad
    tone = tuple(round(d + flash * 0.75 * (g - d)) for d, g in zip(_DARK, _GREEN, strict=True))
    fill(picture, (x, y, x + width, y + height), tone, 0.82)
    text(picture, (x + pad, y + pad * 0.6), label, _LIGHT, small, font=font)
    text(picture, (x + pad, y + small * 1.35 + pad * 0.6), str(count), (255, 255, 255), big)
    bar = max(6, round(size / 60))
    top, bottom = y + pad, y + height - pad
    left = x + width - pad - bar
    fill(picture, (left, top, left + bar, bottom), (90, 86, 82), 0.9)
    level = bottom - round((bottom - top) * float(np.clip(progress, 0, 1)))
    fill(picture, (left, level, left + bar, bottom), _GREEN if flash > 0 else _AMBER, 1.0)
