"""The data set doctor: everything that is wrong with labelled pictures, and how to mend it."""

from poise.datasets.doctor._check import Diagnosis, check, quick

__all__ = ["Diagnosis", "check", "quick"]
