"""Charts with one palette: curves, heat maps, matrices and sheets as pictures; histograms and bars for pages."""

from __future__ import annotations

from poise.charts.heat import heat, shares
from poise.charts.lines import Curve, chart, sheet
from poise.charts.matrix import matrix
from poise.charts.palette import BLUE, COLOURS, GREY, ORANGE
from poise.charts.svg import bars, heatmap, histogram, inline

__all__ = [
    "BLUE",
    "COLOURS",
    "GREY",
    "ORANGE",
    "Curve",
    "bars",
    "chart",
    "heat",
    "heatmap",
    "histogram",
    "inline",
    "matrix",
    "shares",
    "sheet",
]
