"""Poise in the visitor's own browser: a folder of static files that any web server can serve."""

from poise.web.bundle import Bundle, write_bundle
from poise.web.exercises import exercise_tables

__all__ = ["Bundle", "exercise_tables", "write_bundle"]
