"""``Results.plot`` and its kin, with the argument names that users of this field write."""

from __future__ import annotations

import base64
import html
from dataclasses import replace
from pathlib import Path
from typing import Any

from poise.drawing._display import display, save
from poise.drawing._draw import draw
from poise.drawing._fonts import find_font
from poise.drawing._style import Style
from poise.errors import suggest
from poise.frames import Image
from poise.image import FORMATS, encode, resize, to_pil
from poise.results import Results

_DRAW = {"boxes", "labels", "conf", "kpt_line", "kpt_radius", "line_width", "min_conf", "sigma", "ids", "style"}
_OURS = {"img", "pil", "font", "font_size", "color_mode", "show", "save", "filename"}
# Known in this field, and without effect on keypoints: accepted, so that existing calls run.
_IDLE = {"masks", "probs", "im_gpu", "txt_color"}
_USUAL_FONTS = ("Arial.ttf", "Arial.Unicode.ttf")
_COLOUR_BY = {"class": "class", "instance": "auto"}


def plot(result: Results, **options: Any) -> Any:
    """Draw a result; the work of ``Results.plot``.

    Args:
        result: What was found.
        **options: Those of :func:`poise.drawing.draw`, and ``img`` (a BGR picture to draw on), ``font`` and
            ``font_size``, ``color_mode`` (``"class"`` or ``"instance"``), ``pil`` (return a Pillow picture, RGB),
            ``save`` (write it, to ``filename`` or as ``Result.save`` names it), ``show`` (show it).

    Returns:
        ``(H, W, 3)`` uint8 BGR, or a Pillow picture.

    Raises:
        TypeError: An option that does not exist, with the nearest that does.
    """
    for name in options:
        if name not in _DRAW | _OURS | _IDLE:
            raise TypeError(f"plot() has no argument {name!r}{suggest(name, _DRAW | _OURS)}")
    style = options.get("style") or Style()
    if options.get("font_size") is not None:
        style = replace(style, font_size=float(options["font_size"]))
    # The field's defaults are names of files that it would download; here they mean the usual font.
    if options.get("font") is not None and str(options["font"]) not in _USUAL_FONTS:
        style = replace(style, font=find_font(str(options["font"])))
    if options.get("color_mode") is not None:
        mode = options["color_mode"]
        if mode not in _COLOUR_BY:
            raise ValueError(f"color_mode must be 'class' or 'instance', got {mode!r}")
        style = replace(style, colour_by=_COLOUR_BY[mode])
    chosen = {name: value for name, value in options.items() if name in _DRAW and name != "style"}
    picture = draw(result, image=options.get("img"), style=style, **chosen)
    if options.get("save"):
        save(picture, options.get("filename") or _name(result))
    if options.get("show"):
        display(picture, Path(result.path).stem or "picture")
    return to_pil(picture) if options.get("pil") else picture


def show(result: Results, **options: Any) -> str | None:
    """Draw a result and show it: see :func:`poise.drawing.display`."""
    return display(plot(result, **options | {"pil": False}), Path(result.path).stem or "picture")


def write(result: Results, filename: str | Path | None = None, **options: Any) -> str:
    """Draw a result and write it to a file; without a name to ``results_NAME`` in the working folder."""
    return save(plot(result, **options | {"pil": False, "save": False}), filename or _name(result))


def _name(result: Results) -> str:
    source = Path(result.path)
    suffix = source.suffix if source.suffix.lower() in FORMATS else ".jpg"
    return f"results_{source.stem or 'picture'}{suffix}"


def png(result: Results) -> bytes:
    """Draw a result as a PNG, for a notebook."""
    return encode(_small(plot(result)), ".png")


def page(result: Results) -> str:
    """Draw a result as a figure in HTML, for a notebook."""
    data = base64.b64encode(encode(_small(plot(result)), ".jpg")).decode("ascii")
    height, width = result.orig_shape
    caption = html.escape(f"{result.path}, frame {result.frame}, {width} × {height}: {result.verbose()}")
    return (
        f'<figure style="margin:0"><img style="max-width:100%" alt="{caption}" src="data:image/jpeg;base64,{data}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _small(picture: Image, longest: int = 1280) -> Image:
    """Shrink a picture to what a notebook shows; a saved notebook holds every byte of it."""
    scale = longest / max(picture.shape[:2])
    if scale >= 1:
        return picture
    return resize(picture, (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))))
