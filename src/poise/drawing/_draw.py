"""Draw what was found in a frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poise.drawing._raster import disc_samples, ellipses, halo, join, limb_samples, limbs, paint
from poise.drawing._style import Look, Style, bgr, colours, look
from poise.drawing._text import draw_label, fill, label_size, place_label
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
        width = line_width or style.box_width or max(1.0, (size[0] + size[1]) / 900)
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
    parts = look(result.skeleton, style)
    extent = _extent(corners, xy)
    least, most = style.limb_limits[0], max(style.limb_limits[0], style.limb_limits[1] * max(picture.shape[:2]))
    for i in np.argsort(-extent, kind="stable"):
        if not opacity[i].any():
            continue
        widest = np.clip(style.limb_width * extent[i], least, most) if line_width is None else float(line_width)
        width = np.maximum(widest * parts.weight, min(least, widest) * (0.7 if parts.fine else 1.0))
        if line_width is not None and not parts.fine:
            width = np.maximum(width, 0.6 * widest)
        if sigma:
            _uncertainty(picture, xy[i], np.asarray(points.sigma[i], dtype=np.float64), opacity[i], parts, style)
        _figure(picture, xy[i], width, opacity[i], parts, kpt_line, kpt_radius, style)


def _figure(
    picture: Image,
    xy: Floats,
    width: Floats,
    opacity: Floats,
    parts: Look,
    kpt_line: bool,
    kpt_radius: float | None,
    style: Style,
) -> None:
    """Draw one instance: an outline around everything, then limbs, then dots."""
    size = picture.shape[:2]
    rim = float(np.clip(0.3 * width.max(), 0.8, 0.0015 * sum(size) + 0.8)) * (0.6 if parts.fine else 1.0)
    painted = []
    palette = [np.empty((0, 3), np.float32)]
    edges = parts.edges if kpt_line else parts.edges[:0]
    both = edges[(opacity[edges] > 0).all(axis=1)]
    chosen = (opacity[edges] > 0).all(axis=1)
    if len(both):
        painted.append(
            limb_samples(size, xy[both[:, 0]], xy[both[:, 1]], width[both] / 2, opacity[both], reach=rim + 1)
        )
        palette.append(parts.edge_colours[: len(edges)][chosen])
    dots, radii = _dots(width, opacity, parts, bool(len(edges)), kpt_radius, style)
    if len(dots):
        painted.append(disc_samples(size, xy[dots], radii, opacity[dots], reach=rim + 1, first=len(both)))
        palette.append(parts.point_colours[dots])
    if not painted:
        return
    samples = join(painted)
    halo(picture, samples, bgr(style.outline), width=rim, opacity=style.outline_alpha)
    if len(dots) and style.core > 0:
        core = radii * style.core
        bright = core[:, 0] > 0.8
        if bright.any():
            first = len(both) + len(dots)
            samples = join(
                [
                    samples,
                    disc_samples(size, xy[dots[bright]], core[bright], opacity[dots[bright]], reach=1, first=first),
                ]
            )
            palette.append(parts.point_colours[dots[bright]] * 0.25 + 0.75 * 255)
    paint(picture, samples, np.concatenate(palette))


def _dots(
    width: Floats, opacity: Floats, parts: Look, has_limbs: bool, kpt_radius: float | None, style: Style
) -> tuple[NDArray[np.intp], Floats]:
    """Choose which keypoints get a dot, and their ``(n, 2)`` radii in pixels."""
    wanted = parts.dots if has_limbs and kpt_radius is None else np.ones_like(parts.dots)
    dots = np.flatnonzero((opacity > 0) & wanted)
    if kpt_radius is not None:
        radius = np.full(len(dots), float(kpt_radius))
    elif parts.fine:
        radius = width[dots] * 0.5
    else:
        radius = width[dots] / 2 * style.joint * (1.0 if has_limbs else 1.3)
    dots, radius = dots[radius > 0], radius[radius > 0]
    return dots, np.stack([radius, radius], axis=1)


def _uncertainty(picture: Image, xy: Floats, sigma: Floats, opacity: Floats, parts: Look, style: Style) -> None:
    known = np.flatnonzero(np.isfinite(sigma).all(axis=1) & (sigma > 0).all(axis=1) & (opacity > 0))
    if not len(known):
        return
    axes = sigma[known] * style.sigma_scale
    ellipses(picture, xy[known], axes, parts.point_colours[known], 0.22 * opacity[known])
    ring = max(1.0, sum(picture.shape[:2]) / 1800)
    ellipses(picture, xy[known], axes, parts.point_colours[known], 0.8 * opacity[known], ring=ring)


def _box(picture: Image, corners: Floats, colour: Floats, width: int, style: Style) -> None:
    """Draw one box's line inwards from its edge, with a thin dark line on both sides."""
    if not np.isfinite(corners).all():
        return
    height, across = picture.shape[:2]
    limit = np.array([across, height, across, height])
    x0, y0, x1, y1 = (int(v) for v in np.round(np.clip(corners, -limit - width, 2 * limit + width)))
    if x1 - x0 < 1 or y1 - y0 < 1:
        return
    dark = bgr(style.outline)
    _frame(picture, (x0 - 1, y0 - 1, x1 + 1, y1 + 1), 1, dark, 0.35 * style.box_alpha)
    _frame(picture, (x0, y0, x1, y1), width, colour, style.box_alpha)
    if x1 - x0 > 4 * width + 8 and y1 - y0 > 4 * width + 8:
        _frame(picture, (x0 + width, y0 + width, x1 - width, y1 - width), 1, dark, 0.35 * style.box_alpha)


def _frame(picture: Image, rect: tuple[int, int, int, int], width: int, colour: ArrayLike, alpha: float) -> None:
    """Blend the border of a rectangle, each pixel once."""
    x0, y0, x1, y1 = rect
    width = min(width, (x1 - x0 + 1) // 2, (y1 - y0 + 1) // 2)
    if width < 1:
        return
    for side in (
        (x0, y0, x1, y0 + width),
        (x0, max(y1 - width, y0 + width), x1, y1),
        (x0, y0 + width, x0 + width, y1 - width),
        (max(x1 - width, x0 + width), y0 + width, x1, y1 - width),
    ):
        fill(picture, side, colour, float(alpha))


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
        for words in _wordings(result, int(i), conf, ids):
            label = label_size(words, font_size, font=style.font)
            if label[0] <= size[1] and label[1] <= size[0]:
                rect = place_label(size, corners[i], label, taken)
                draw_label(picture, rect[:2], words, hues[i], font_size, font=style.font)
                taken = np.concatenate([taken, [rect]])
                break


def _wordings(result: Results, i: int, conf: bool, ids: bool) -> Iterable[str]:
    """Offer the label's text, then shorter ones for pictures in which it has no room."""
    number = int(result.boxes.cls[i])
    name = str(result.names.get(number, number))
    tracked = result.boxes.id
    mark = f"#{int(tracked[i])}" if ids and tracked is not None and np.isfinite(tracked[i]) else ""
    score = f"{float(result.boxes.conf[i]):.2f}" if conf else ""
    for words in ((mark, name, score), (mark, score), (mark,)):
        text = " ".join(word for word in words if word)
        if text:
            yield text


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
