"""Poise in the visitor's own browser."""

from poise.web.exercises import exercise_tables

__all__ = ["exercise_tables"]
