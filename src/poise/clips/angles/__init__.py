"""Joint and segment angles by name, with their uncertainty and what the camera's view does to them."""

from __future__ import annotations

from poise.clips.angles._kinematics import velocity
from poise.clips.angles._measure import Measures, measure
from poise.clips.angles._names import AngleSet, angle_set, from_toml
from poise.clips.angles._plot import draw_angles, joint_names, plot_angles
from poise.clips.angles._table import angle_rows, check_table, csv_text, write_table
from poise.clips.angles._view import View, view

__all__ = [
    "AngleSet",
    "Measures",
    "View",
    "angle_rows",
    "angle_set",
    "check_table",
    "csv_text",
    "draw_angles",
    "from_toml",
    "joint_names",
    "measure",
    "plot_angles",
    "velocity",
    "view",
    "write_table",
]
