"""Draw keypoints on pictures, and show them."""

from poise.drawing._annotator import Annotator, colors
from poise.drawing._arc import JointArc
from poise.drawing._display import Viewers, display, in_notebook, save
from poise.drawing._draw import draw, draw_polyline, draw_trails
from poise.drawing._fonts import find_font
from poise.drawing._plot import page, plot, png, show, write
from poise.drawing._shapes import discs, ellipses, limbs
from poise.drawing._style import Style, bgr
from poise.drawing._text import draw_label, fill, ink, label_size, place_beside, place_label, text
from poise.drawing._trails import Trails
from poise.drawing._video import Video
from poise.drawing._window import LiveWindow
from poise.drawing._zones import draw_zone_labels, draw_zones, paint_heat
from poise.errors import WindowClosed

__all__ = [
    "Annotator",
    "JointArc",
    "LiveWindow",
    "Style",
    "Trails",
    "Video",
    "Viewers",
    "WindowClosed",
    "bgr",
    "colors",
    "discs",
    "display",
    "draw",
    "draw_label",
    "draw_polyline",
    "draw_trails",
    "draw_zone_labels",
    "draw_zones",
    "ellipses",
    "fill",
    "find_font",
    "in_notebook",
    "ink",
    "label_size",
    "limbs",
    "page",
    "paint_heat",
    "place_beside",
    "place_label",
    "plot",
    "png",
    "save",
    "show",
    "text",
    "write",
]
