"""Joint and segment angles by name, with their uncertainty and what the camera's view does to them."""

from __future__ import annotations

from poise.motion.angles._kinematics import velocity
from poise.motion.angles._measure import Measures, measure
from poise.motion.angles._names import AngleSet, angle_set, from_toml
from poise.motion.angles._plot import draw_angles, joint_names, plot_angles
from poise.motion.angles._table import angle_rows, check_table, csv_text, write_table
from poise.motion.angles._view import View, view

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
