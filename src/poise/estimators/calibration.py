"""Confidences and standard deviations that mean what they say, by two numbers fitted on labelled pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import FormatError, suggest
from poise.estimators._estimator import Estimate, Estimator, Memory, Options
from poise.files.writing import write_atomically
from poise.frames import Image
from poise.skeletons.tomlfile import read_toml

_NUMBERS = ("temperature", "sigma_scale")
# Logits beyond this say nothing more: float32 confidences end at 1 - 6e-8.
_MOST = 15.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """What mends a model's confidences.

    Attributes:
        temperature: The logit of a keypoint's confidence is divided by it; 1 changes nothing.
        sigma_scale: A keypoint's standard deviation is multiplied by it; 1 changes nothing.

    The confidence of boxes is left alone: it decides what is found, and thresholds are chosen on it.

    Source:
        Guo et al., "On calibration of modern neural networks", ICML 2017, section 4.2.
    """

    temperature: float = 1.0
    sigma_scale: float = 1.0

    def __post_init__(self) -> None:
        for name in _NUMBERS:
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a positive number, got {value}")

    def confidence(self, conf: NDArray[Any]) -> NDArray[Any]:
        """Mend confidences of keypoints; NaN stays NaN."""
        with np.errstate(divide="ignore"):
            logit = np.clip(np.log(conf) - np.log1p(-conf), -_MOST, _MOST)
        mended: NDArray[Any] = (1 / (1 + np.exp(-logit / self.temperature))).astype(conf.dtype)
        return mended

    def spread(self, sigma: NDArray[Any]) -> NDArray[Any]:
        """Mend standard deviations."""
        return (sigma * self.sigma_scale).astype(sigma.dtype)


def write_calibration(path: str | Path, calibration: Calibration, *, about: str = "") -> None:
    """Write a calibration as a small TOML file.

    Args:
        path: The file.
        calibration: The two numbers.
        about: Lines that say what it was fitted on.
    """
    lines = [f"# {line}" for line in about.splitlines()]
    lines += [f"{name} = {getattr(calibration, name):.6g}" for name in _NUMBERS]
    write_atomically(path, "\n".join(lines) + "\n")


def read_calibration(path: str | Path) -> Calibration:
    """Read what :func:`write_calibration` wrote.

    Raises:
        FormatError: The file is not one; says what was found.
    """
    file = read_toml(path)
    for key, value in file.table.items():
        if key not in _NUMBERS:
            raise file.wrong(key, f"no setting named {key!r}{suggest(key, _NUMBERS)}")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise file.wrong(key, f"{key} must be a number, got {value!r}")
    try:
        return Calibration(**{key: float(value) for key, value in file.table.items()})
    except (OverflowError, ValueError) as error:
        raise FormatError(f"{file.path}: {error}") from None


class Calibrated:
    """An estimator whose keypoints have mended confidences and standard deviations.

    Args:
        inner: The estimator.
        calibration: What mends it.
    """

    def __init__(self, inner: Estimator, calibration: Calibration) -> None:
        self.inner, self.calibration = inner, calibration
        self.skeleton, self.names = inner.skeleton, inner.names
        self.takes_boxes = bool(getattr(inner, "takes_boxes", False))

    def memory(self) -> Memory | None:
        """Return the inner estimator's memory for one video."""
        return self.inner.memory()

    def __call__(
        self, images: Sequence[Image], options: Options, memory: Memory | None = None, *, times: Sequence[float] = ()
    ) -> list[Estimate]:
        """Find the instances of each picture; see :class:`poise.estimators.Estimator`."""
        return [self._mend(found) for found in self.inner(images, options, memory, times=times)]

    def _mend(self, found: Estimate) -> Estimate:
        conf = None if found.conf is None else self.calibration.confidence(found.conf)
        sigma = None if found.sigma is None else self.calibration.spread(found.sigma)
        return replace(found, conf=conf, sigma=sigma)
