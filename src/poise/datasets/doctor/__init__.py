"""The data set doctor: everything that is wrong with labelled pictures, and how to mend it."""

from poise.datasets.doctor._check import Diagnosis, check, quick
from poise.datasets.doctor._mirror import mend_mirror
from poise.datasets.doctor._sheet import write_sheet
from poise.datasets.doctor._sigmas import estimate as estimate_sigmas

__all__ = ["Diagnosis", "check", "estimate_sigmas", "mend_mirror", "quick", "write_sheet"]
