"""Trained networks as files for other engines, each with the proof that it finds the same."""

from poise.export._export import Exported, export, export_certified
from poise.export._formats import FORMATS, PRECISIONS
from poise.export.certificate import BOUNDS, Bounds, Certificate

__all__ = ["BOUNDS", "FORMATS", "PRECISIONS", "Bounds", "Certificate", "Exported", "export", "export_certified"]
