"""Poise in the visitor's own browser: a folder of static files that any web server can serve."""

from poise.web.bundle import Bundle, write_bundle
from poise.web.exercises import exercise_tables
from poise.web.scripts import lean_script, small_script

__all__ = ["Bundle", "exercise_tables", "lean_script", "small_script", "write_bundle"]
