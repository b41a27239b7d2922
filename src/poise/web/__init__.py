"""Poise in the visitor's own browser."""

from poise.web.exercises import exercise_tables
from poise.web.scripts import lean_script

__all__ = ["exercise_tables", "lean_script"]
