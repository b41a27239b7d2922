"""Drawing step by step, by the names that scripts of this field use: a box, keypoints, a line of text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poise.drawing._display import display, save
from poise.drawing._draw import draw_polyline
from poise.drawing._figure import draw_figure
from poise.drawing._shapes import discs
from poise.drawing._style import Style, appearance_of, colours
from poise.drawing._text import draw_label, fill, label_size
from poise.errors import suggest
from poise.frames import Image, as_image
from poise.geometry import Floats
from poise.image import to_pil
from poise.skeletons import Skeleton, get

_STYLE = Style()
_GREY = (104, 31, 17)
Colour = Sequence[float]


def colors(number: float, bgr: bool = False) -> tuple[int, int, int]:
    """Return the palette's colour for a class or track number.

    Args:
        number: Any whole number; the palette begins again after its last colour.
        bgr: Blue first, as pictures here have it; else red first.
    """
    row = colours(_STYLE.palette)[int(number) % len(_STYLE.palette)].astype(int).tolist()
    return (row[0], row[1], row[2]) if bgr else (row[2], row[1], row[0])


class Annotator:
    """Draws on a picture, one thing at a time. Colours are blue, green, red.

    ``Results.plot`` draws a whole result; this is for what it does not draw, and for scripts that have this class.

    Args:
        im: ``(H, W, 3)`` uint8 BGR, drawn on in place where it may be written to; or a PIL image.
        line_width: Pixels; None: from the picture's size.
        font_size: Pixels; None: from the picture's size.
        font: A font file; what is not there is left out.
        pil: Give a PIL image as the result.
        example: Without effect.
        skeleton: What is drawn between keypoints; None: as their number suggests.
    """

    def __init__(
        self,
        im: Any,
        line_width: float | None = None,
        font_size: float | None = None,
        font: str | None = None,
        pil: bool = False,
        example: str = "",
        *,
        skeleton: str | Skeleton | None = None,
    ) -> None:
        del example
        self.pil = pil or hasattr(im, "getpixel")
        array = np.asarray(im.convert("RGB"))[..., ::-1] if hasattr(im, "getpixel") else im
        ready = as_image(array, name="im")
        self.im: Image = ready if ready.flags.writeable else ready.copy()
        side = sum(self.im.shape[:2]) / 2
        self.lw = max(1.0, float(line_width or round(side * 0.003)))
        self.size = float(font_size or max(12.0, side * 0.024))
        self._font = str(font) if font and Path(font).is_file() else None
        self._skeleton = get(skeleton) if isinstance(skeleton, str) else skeleton

    if not TYPE_CHECKING:  # a type checker is to find what is not there by itself

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):
                raise AttributeError(name)
            known = [one for one in dir(type(self)) if not one.startswith("_")]
            raise AttributeError(
                f"Annotator has no {name!r}{suggest(name, known)}; it draws {', '.join(known)}. Zones, counts and "
                "events are drawn by poise events --save"
            )

    def box_label(
        self,
        box: ArrayLike,
        label: str = "",
        color: Colour = (128, 128, 128),
        txt_color: Colour | None = None,
        rotated: bool = False,
    ) -> None:
        """Draw a box, and a label above it (inside, where there is no room).

        Args:
            box: x1, y1, x2, y2, pixels.
            label: One line; empty: none.
            color: Of the box and the label's plate.
            txt_color: Without effect: the text is black or white, whichever reads better.
            rotated: Not supported.
        """
        del txt_color
        if rotated:
            raise ValueError("box_label(rotated=True): oriented boxes are not drawn; give x1, y1, x2, y2")
        x1, y1, x2, y2 = np.asarray(box, dtype=np.float64).reshape(-1)[:4].round().astype(int).tolist()
        self._outline((x1, y1, x2, y2), color)
        if label:
            width, height = label_size(label, self.size, font=self._font)
            top = y1 - height if y1 >= height else y1
            left = max(0, min(x1, self.im.shape[1] - width))
            draw_label(self.im, (left, top), label, color, self.size, font=self._font)

    def rectangle(
        self, xy: ArrayLike, fill: Colour | None = None, outline: Colour | None = None, width: int = 1
    ) -> None:
        """Draw a rectangle.

        Args:
            xy: x1, y1, x2, y2, pixels.
            fill: Colour inside; None: none.
            outline: Colour of the line; None: none.
            width: Of the line, pixels.
        """
        x1, y1, x2, y2 = np.asarray(xy, dtype=np.float64).reshape(-1)[:4].round().astype(int).tolist()
        if fill is not None:
            _fill(self.im, (x1, y1, x2, y2), fill)
        if outline is not None:
            self._outline((x1, y1, x2, y2), outline, width)

    def kpts(
        self,
        kpts: ArrayLike,
        shape: tuple[int, int] = (640, 640),
        radius: float | None = None,
        kpt_line: bool = True,
        conf_thres: float = 0.25,
        kpt_color: Colour | None = None,
    ) -> None:
        """Draw the keypoints of one instance.

        Args:
            kpts: ``(K, 2)`` x, y or ``(K, 3)`` x, y, conf, pixels; NaN and (0, 0) are left out.
            shape: Without effect.
            radius: Of a keypoint, pixels; None: from the line's width.
            kpt_line: Draw limbs.
            conf_thres: Keypoints below this confidence are left out.
            kpt_color: One colour for all keypoints; then no limbs are drawn in other colours.
        """
        del shape
        xy, there = _points(kpts, conf_thres)
        if not there.any():
            return
        skeleton = self._skeleton or _usual(len(xy))
        if kpt_color is not None or skeleton is None or len(skeleton) != len(xy):
            hue = kpt_color or colors(0, True)
            discs(self.im, xy[there], np.full(there.sum(), radius or 1.5 * self.lw), np.tile(hue, (there.sum(), 1)))
            return
        parts = appearance_of(skeleton, _STYLE)
        width = np.maximum(self.lw * parts.weight, 1.0)
        spread = np.full_like(xy, np.nan)
        opacity = there.astype(np.float64)
        draw_figure(self.im, xy, width, opacity, spread, parts, _STYLE, lines=kpt_line, radius=radius)

    def draw_specific_kpts(
        self, keypoints: ArrayLike, indices: Sequence[int] | None = None, radius: float = 2, conf_thres: float = 0.25
    ) -> Image:
        """Draw some keypoints of one instance and the lines from one to the next, as an angle is drawn.

        Args:
            keypoints: ``(K, 2 or 3)``, pixels.
            indices: Which; None: 2, 5, 7.
            radius: Of a keypoint, pixels.
            conf_thres: Keypoints below this confidence are left out.
        """
        xy, there = _points(keypoints, conf_thres)
        chosen = [i for i in (indices or (2, 5, 7)) if i < len(xy) and there[i]]
        draw_polyline(self.im, xy[chosen], colors(1, True), self.lw)
        if chosen:
            discs(self.im, xy[chosen], np.full(len(chosen), radius), np.tile(colors(2, True), (len(chosen), 1)))
        return self.im

    draw_specific_points = draw_specific_kpts

    @staticmethod
    def estimate_pose_angle(a: ArrayLike, b: ArrayLike, c: ArrayLike) -> float:
        """Return the angle at ``b`` between ``a`` and ``c``, degrees from 0 to 180; NaN where a point is missing."""
        first, at, last = (np.asarray(p, dtype=np.float64).reshape(-1)[:2] for p in (a, b, c))
        u, v = first - at, last - at
        return float(np.degrees(np.arctan2(abs(u[0] * v[1] - u[1] * v[0]), u @ v)))

    def plot_angle_and_count_and_stage(
        self,
        angle_text: Any,
        count_text: Any,
        stage_text: Any,
        center_kpt: ArrayLike,
        color: Colour = _GREY,
        txt_color: Colour | None = None,
        **_: Any,
    ) -> None:
        """Write an angle, a count and a stage beside a keypoint.

        Args:
            angle_text: Degrees, or a text.
            count_text: Repetitions, or a text.
            stage_text: Such as ``"up"``.
            center_kpt: x, y, pixels.
            color: Of the plates.
            txt_color: Without effect: the text is black or white, whichever reads better.
            **_: Without effect, such as ``line_thickness``.
        """
        del txt_color
        x, y = np.asarray(center_kpt, dtype=np.float64).reshape(-1)[:2]
        if not np.isfinite([x, y]).all():
            return
        angle = f"{angle_text:.0f}" if isinstance(angle_text, (int, float, np.floating)) else str(angle_text)
        for row, words in enumerate((f"{angle}°", f"{count_text}", f"{stage_text}")):
            height = label_size(words, self.size, font=self._font)[1]
            draw_label(self.im, (x, y + row * (height + 2)), words, color, self.size, font=self._font)

    def text(
        self,
        xy: ArrayLike,
        text: str,
        txt_color: Colour = (255, 255, 255),
        anchor: str = "top",
        box_color: Colour | None = None,
        box_style: bool = False,
        **_: Any,
    ) -> None:
        """Write one or more lines on plates.

        Args:
            xy: Left and top of the first line, pixels; with ``anchor="bottom"`` left and bottom.
            text: Lines.
            txt_color: Colour of the plate where ``box_style`` is set and none is given, as scripts write it.
            anchor: ``"top"`` or ``"bottom"``.
            box_color: Of the plates; None: dark.
            box_style: The text is light on ``txt_color``.
            **_: Without effect, such as ``color``.
        """
        x, y = np.asarray(xy, dtype=np.float64).reshape(-1)[:2].tolist()
        plate = box_color or (txt_color if box_style else _GREY)
        lines = str(text).split("\n")
        height = label_size("Ag", self.size, font=self._font)[1]
        top = y - height * len(lines) if anchor == "bottom" else y
        for row, words in enumerate(lines):
            if words.strip():
                draw_label(self.im, (x, top + row * height), words, plate, self.size, font=self._font)

    def draw_region(
        self, reg_pts: ArrayLike | None = None, color: Colour = (0, 255, 0), thickness: float | None = None
    ) -> None:
        """Draw a closed polygon, or a line of two points.

        Args:
            reg_pts: ``(P, 2)`` pixels.
            color: Of the line.
            thickness: Pixels; None: the line's width.
        """
        path = np.asarray([] if reg_pts is None else reg_pts, dtype=np.float64).reshape(-1, 2)
        closed = np.concatenate([path, path[:1]]) if len(path) > 2 else path
        draw_polyline(self.im, closed, color, thickness or self.lw)

    def draw_centroid_and_tracks(
        self, track: ArrayLike, color: Colour = (255, 0, 255), track_thickness: float | None = None
    ) -> None:
        """Draw where somebody came from, and a dot where they are.

        Args:
            track: ``(T, 2)`` pixels, latest last.
            color: Of line and dot.
            track_thickness: Pixels; None: the line's width.
        """
        path = np.asarray(track, dtype=np.float64).reshape(-1, 2)
        draw_polyline(self.im, path, color, track_thickness or self.lw)
        if len(path):
            discs(self.im, path[-1:], np.full(1, 2 * self.lw), np.asarray([color], dtype=np.float64))

    @staticmethod
    def get_bbox_dimension(bbox: ArrayLike) -> tuple[float, float, float]:
        """Return width, height and area of x1, y1, x2, y2."""
        x1, y1, x2, y2 = np.asarray(bbox, dtype=np.float64).reshape(-1)[:4].tolist()
        return x2 - x1, y2 - y1, (x2 - x1) * (y2 - y1)

    def result(self, pil: bool = False) -> Any:
        """Return the picture: ``(H, W, 3)`` uint8 BGR, or a PIL image where one was given or is asked for."""
        return to_pil(self.im) if pil or self.pil else self.im

    def show(self, title: str | None = None) -> str | None:
        """Show the picture, as ``Results.show`` does."""
        return display(self.im, title or "picture")

    def save(self, filename: str | Path = "image.jpg") -> str:
        """Write the picture, and return its path."""
        return save(self.im, filename)

    def _outline(self, box: tuple[int, int, int, int], color: Colour, width: float | None = None) -> None:
        x1, y1, x2, y2 = box
        half, rest = round((width or self.lw) // 2), round((width or self.lw) - (width or self.lw) // 2)
        for side in (
            (x1 - half, y1 - half, x2 + rest, y1 + rest),
            (x1 - half, y2 - half, x2 + rest, y2 + rest),
            (x1 - half, y1 + rest, x1 + rest, y2 - half),
            (x2 - half, y1 + rest, x2 + rest, y2 - half),
        ):
            _fill(self.im, side, color)


_fill = fill  # "fill" is the name of an argument above


def _points(kpts: ArrayLike, conf_thres: float) -> tuple[Floats, NDArray[np.bool_]]:
    """Return ``(K, 2)`` positions, and which of them are there."""
    points = np.asarray(kpts, dtype=np.float64)
    points = points[0] if points.ndim == 3 and len(points) == 1 else points
    if points.ndim != 2 or points.shape[1] not in (2, 3):
        raise ValueError(f"keypoints of one instance must have shape (K, 2 or 3), got {np.shape(kpts)}")
    xy = points[:, :2]
    there = np.isfinite(xy).all(axis=1) & (xy != 0).any(axis=1)
    if points.shape[1] == 3:
        there &= points[:, 2] >= conf_thres
    return np.nan_to_num(xy), there


def _usual(count: int) -> Skeleton | None:
    return get({17: "coco17", 21: "hand21"}[count]) if count in (17, 21) else None
