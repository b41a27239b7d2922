"""The colours of charts, as pictures and as pages draw them."""

from __future__ import annotations

# Told apart by everyone. Source: Okabe and Ito, "Color universal design", 2008.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#000000")
BLUE, ORANGE, GREY = COLOURS[0], COLOURS[4], "#aab3bf"
# From none to most: one hue that only gets darker, so it reads without colours too.
HEAT = ("#ffffff", "#b9d9ee", "#5aa5d6", "#0072b2", "#08243f")
# Text, axes and grid, BGR.
INK, DIM, GRID = (40, 36, 32), (120, 116, 112), (228, 226, 224)
