"""Scores of a network on labelled pictures. No torch: whatever engine runs the network, the numbers are made here."""

from poise.validation._validate import expectation, validate

__all__ = ["expectation", "validate"]
