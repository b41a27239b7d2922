"""Draw what was found in a frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poise.drawing._figure import draw_figure
from poise.drawing._shapes import limbs
from poise.drawing._style import Style, appearance_of, bgr, colours
from poise.drawing._text import blend_lines, draw_label, label_size, place_label
from poise.frames import Image, as_image
from poise.geometry import Floats, box_area
from poise.results import Results

_PLAIN = Style()


def draw(
    result: Results,
    *,
    image: Image | None = None,
    boxes: bool = True,
    labels: bool = True,
    conf: bool = True,
    kpt_line: bool = True,
    kpt_radius: float | None = None,
    line_width: float | None = None,
    min_conf: float | None = None,
    sigma: bool | None = None,
    ids: bool = True,
    style: Style = _PLAIN,
) -> Image:
    """Draw skeletons, boxes and labels on a copy of the picture.

    Large instances are drawn first, so that small ones in front of them stay visible.

    Args:
        result: What was found; its picture is not changed.
        image: ``(H, W, 3)`` uint8 BGR picture to draw on instead of the result's own; not changed either.
        boxes: Draw boxes.
        labels: Write the class name, confidence and id beside each box.
        conf: Write the confidence in the label.
        kpt_line: Draw limbs; False: keypoints only.
        kpt_radius: Radius of a keypoint in pixels, 0 for none; None: from the instance's size.
        line_width: Width of limbs and boxes in pixels; None: from the sizes of instance and picture.
        min_conf: Leave out keypoints below this confidence; None: the style's.
        sigma: Draw the uncertainty of keypoints as ellipses; None: where the network gives it.
        ids: Write the track id in the label.
        style: Colours and proportions.

    Returns:
        ``(H, W, 3)`` uint8 BGR, a new array.
    """
    picture = np.array(as_image(result.orig_img if image is None else image, name="image"))
    if not len(result):
        return picture
    size = picture.shape[:2]
    corners = np.asarray(result.boxes.xyxy, dtype=np.float64)
    hues = instance_colours(result, style)
    if boxes:
        width = line_width or style.box_width or max(1.0, (size[0] + size[1]) / 800)
        for i in np.argsort(-_area(corners), kind="stable"):
            _box(picture, corners[i], hues[i], max(1, round(width)), style)
    _figures(
        picture, result, corners, kpt_line, kpt_radius, line_width, style.min_conf if min_conf is None else min_conf,
        sigma is not False, style,
    )  # fmt: skip
    if labels:
        _labels(picture, result, corners, hues, conf, ids, style)
    return picture


def instance_colours(result: Results, style: Style = _PLAIN) -> NDArray[np.float32]:
    """Choose the ``(N, 3)`` BGR colours of boxes and labels; a track keeps its colour from frame to frame."""
    by = style.colour_by
    if by == "auto":
        by = "id" if result.boxes.is_track else "class" if len(result.names) > 1 else "place"
    palette = colours(style.palette)
    if by == "id" and result.boxes.id is not None:
        number = np.nan_to_num(np.asarray(result.boxes.id)).astype(np.intp) - 1
    elif by == "class":
        number = np.asarray(result.boxes.cls).astype(np.intp)
    else:
        # From left to right: the same colours in the next frame as long as nobody passes anybody.
        number = np.argsort(np.argsort(np.asarray(result.boxes.xyxy)[:, ::2].sum(axis=1), kind="stable"))
    return np.asarray(palette[number % len(palette)])


def _area(corners: Floats) -> Floats:
    return np.nan_to_num(box_area(corners), nan=0.0, posinf=0.0)


def _extent(corners: Floats, xy: Floats) -> Floats:
    """Measure instances by their boxes, or by their keypoints where a box is empty: ``(N,)`` pixels."""
    size = np.sqrt(_area(corners))
    for i in np.flatnonzero(size < 1):
        seen = xy[i][np.isfinite(xy[i]).all(axis=1)]
        size[i] = np.sqrt(np.prod(np.ptp(seen, axis=0) * 1.2)) if len(seen) > 1 else 0.0
    return size


def _opacity(conf: Floats, min_conf: float, style: Style) -> Floats:
    """Turn confidence into opacity: 0 below ``min_conf``, then from faint up to 1."""
    rise = np.clip((conf - min_conf) / max(style.solid_conf - min_conf, 1e-6), 0, 1)
    return np.where(conf >= min_conf, style.faint + (1 - style.faint) * rise, 0.0)


def _figures(
    picture: Image,
    result: Results,
    corners: Floats,
    kpt_line: bool,
    kpt_radius: float | None,
    line_width: float | None,
    min_conf: float,
    sigma: bool,
    style: Style,
) -> None:
    """Draw the keypoints and limbs of all instances."""
    points = result.keypoints
    xy = np.asarray(points.xy, dtype=np.float64)
    if not xy.size:
        return
    scores = np.ones(xy.shape[:2]) if points.conf is None else np.asarray(points.conf, dtype=np.float64)
    opacity = _opacity(scores, min_conf, style) * np.isfinite(xy).all(axis=2)
    parts = appearance_of(result.skeleton, style)
    extent = _extent(corners, xy)
    least, most = style.limb_limits[0], max(style.limb_limits[0], style.limb_limits[1] * max(picture.shape[:2]))
    for i in np.argsort(-extent, kind="stable"):
        if not opacity[i].any():
            continue
        widest = np.clip(style.limb_width * extent[i], least, most) if line_width is None else float(line_width)
        width = np.maximum(widest * parts.weight, min(least, widest) * np.clip(2 * parts.weight, 0.6, 1.0))
        if line_width is not None and not parts.fine:
            width = np.maximum(width, 0.6 * widest)
        spread = np.asarray(points.sigma[i], dtype=np.float64) if sigma else np.full_like(xy[i], np.nan)
        draw_figure(
            picture,
            xy[i],
            width,
            opacity[i],
            spread * style.sigma_scale,
            parts,
            style,
            lines=kpt_line,
            radius=kpt_radius,
        )


def _box(picture: Image, corners: Floats, colour: Floats, width: int, style: Style) -> None:
    """Draw one box's line inwards from its edge, with a thin dark line on both sides."""
    if not np.isfinite(corners).all():
        return
    height, across = picture.shape[:2]
    limit = np.array([across, height, across, height])
    x0, y0, x1, y1 = (int(v) for v in np.round(np.clip(corners, -limit - width, 2 * limit + width)))
    if x1 - x0 < 1 or y1 - y0 < 1:
        return
    # Across the line: a dark pixel outside, the colour, a dark pixel inside where there is room.
    roomy = min(x1 - x0, y1 - y0) > 4 * width + 8
    inner = int(roomy)
    tint = np.array([bgr(style.outline), *[colour] * width, bgr(style.outline)], dtype=np.float32)[: width + 1 + inner]
    cover = np.array([0.35, *[1.0] * width, 0.35], dtype=np.float32)[: width + 1 + inner] * np.float32(style.box_alpha)
    line = width
    width += inner
    if not roomy:
        width = min(width, (x1 - x0) // 2, (y1 - y0) // 2)
        tint, cover = tint[: width + 1], cover[: width + 1]
        line = width
    if not width:
        return
    for rect, upright, back in (
        ((x0 - 1, y0 - 1, x1 + 1, y0 + width), False, False),
        ((x0 - 1, y1 - width, x1 + 1, y1 + 1), False, True),
        ((x0 - 1, y0 + line, x0 + width, y1 - line), True, False),
        ((x1 - width, y0 + line, x1 + 1, y1 - line), True, True),
    ):
        blend_lines(picture, rect, tint[::-1] if back else tint, cover[::-1] if back else cover, upright=upright)


def _labels(
    picture: Image, result: Results, corners: Floats, hues: Floats, conf: bool, ids: bool, style: Style
) -> None:
    """Write all labels, the most confident first since it finds the best place."""
    size = (picture.shape[0], picture.shape[1])
    font_size = style.font_size or float(np.clip(round(sum(size) / 100), 10, 160))
    taken = np.empty((0, 4))
    scores = np.asarray(result.boxes.conf)
    for i in np.argsort(-scores, kind="stable"):
        if not np.isfinite(corners[i]).all():
            continue
        # The first wording that is not much wider than its box; in a crowd that is the short one. None in a picture of
        # which it would hide a tenth.
        room = max(1.6 * (corners[i, 2] - corners[i, 0]), 0.0)
        fitting = [
            (words, label)
            for words in _wordings(result, int(i), conf, ids)
            if (label := label_size(words, font_size, font=style.font))[0] <= size[1]
            and label[0] * label[1] <= 0.1 * size[0] * size[1]
        ]
        if not fitting:
            continue
        words, label = next((item for item in fitting if item[1][0] <= room), fitting[-1])
        rect = place_label(size, corners[i], label, taken)
        draw_label(picture, rect[:2], words, hues[i], font_size, font=style.font)
        taken = np.concatenate([taken, [rect]])


def _wordings(result: Results, i: int, conf: bool, ids: bool) -> Iterator[str]:
    """Offer the label's text, then a shorter one that still says what cannot be seen."""
    number = int(np.nan_to_num(result.boxes.cls[i]))
    name = str(result.names.get(number, number))
    tracked = result.boxes.id
    mark = f"#{int(tracked[i])}" if ids and tracked is not None and np.isfinite(tracked[i]) else ""
    score = f"{float(result.boxes.conf[i]):.2f}" if conf else ""
    yield " ".join(word for word in (mark, name, score) if word)
    only_class = len(result.names) == 1
    if only_class and (mark or score):
        yield " ".join(word for word in (mark, score) if word)
    elif not only_class:
        yield " ".join(word for word in (mark, name) if word)
    if mark:
        yield mark


def draw_trails(
    image: Image,
    trails: Mapping[int, ArrayLike],
    *,
    width: float | None = None,
    style: Style = _PLAIN,
) -> None:
    """Draw the paths of tracks, fading towards the past.

    Args:
        image: ``(H, W, 3)`` uint8 BGR, painted on in place.
        trails: Track id to its ``(T, 2)`` points, oldest first, pixels; NaN leaves a gap.
        width: Pixels at the newest point; None: from the picture's size.
        style: Colours.
    """
    palette = colours(style.palette)
    thick = width or max(1.5, sum(image.shape[:2]) / 500)
    for number, points in trails.items():
        path = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        age = np.linspace(0.0, 1.0, len(path))
        draw_polyline(
            image, path, palette[(number - 1) % len(palette)], thick * (0.3 + 0.7 * age), 0.1 + 0.9 * age, style=style
        )


def draw_polyline(
    image: Image,
    points: ArrayLike,
    colour: ArrayLike,
    width: ArrayLike,
    alpha: ArrayLike = 1.0,
    *,
    style: Style = _PLAIN,
) -> None:
    """Draw a path with an outline.

    Args:
        image: ``(H, W, 3)`` uint8, painted on in place.
        points: ``(T, 2)`` pixels; NaN leaves a gap.
        colour: Three values in the channel order of the picture.
        width: Pixels: one or ``(T,)``.
        alpha: Opacity in [0, 1]: one or ``(T,)``.
        style: The outline's colour and opacity.
    """
    path = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    if len(path) < 2:
        return
    wide = np.broadcast_to(np.asarray(width, dtype=np.float64), (len(path),))
    solid = np.broadcast_to(np.asarray(alpha, dtype=np.float64), (len(path),))
    limbs(
        image,
        path[:-1],
        path[1:],
        colour,
        np.stack([wide[:-1], wide[1:]], axis=1),
        np.stack([solid[:-1], solid[1:]], axis=1),
        outline=max(0.8, 0.25 * float(wide.max())),
        outline_colour=bgr(style.outline),
        outline_alpha=style.outline_alpha,
    )
