"""Scores of a network on labelled pictures. No torch: whatever engine runs the network, the numbers are made here."""

from poise.validation._detection import Watch
from poise.validation._run import calibration_of, coco_results, validate_as, write_pictures
from poise.validation._settings import ValSettings
from poise.validation._validate import agree, expectation, ordered, validate

__all__ = [
    "ValSettings",
    "Watch",
    "agree",
    "calibration_of",
    "coco_results",
    "expectation",
    "ordered",
    "validate",
    "validate_as",
    "write_pictures",
]
