"""Keypoints of one person a crop from two rows of bins, one for x and one for y: RTMPose, RTMW and their kin.

Source:
    Li et al., "SimCC: a simple coordinate classification perspective for human pose estimation", ECCV 2022,
    arXiv:2107.03332; Jiang et al., "RTMPose", arXiv:2303.07399. Decoding as in rtmlib 0.0.16 (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import FormatError
from poise.estimators.protocols import Floats, Outputs
from poise.estimators.refiners.crop import CropNetwork, seen
from poise.estimators.refiners.mirror import turned
from poise.estimators.spec import Spec
from poise.runtime import Session

_OPTIONS: Mapping[str, tuple[Any, ...] | type] = {
    "split": float,
    "x": str,
    "y": str,
    "conf": ("mean", "min"),
    "softmax": bool,
    "shift": float,
    "flip_shift": float,
    "keypoints": int,
}


class SimCc(CropNetwork):
    """A network that gives for each keypoint ``(N, K, W * split)`` bins of x and ``(N, K, H * split)`` of y.

    A third row of bins (``simcc_z`` of RTMW3D) is left alone: x and y are read.

    Options of its spec:
        split: Bins a pixel; found from the outputs' shapes where they say it, else 2, as in RTMPose.
        x: Name of the output with the bins of x; unless given the one whose name says so, else the first.
        y: The same of y.
        conf: ``"mean"`` of the two maxima (the default, as rtmlib), or the ``"min"`` (as MMPose, and of three rows).
        softmax: The bins are logits, as in the first SimCC networks; RTMPose's maxima are scores as they are, which
            exceed 1 a little for plain keypoints and are cut there.
        shift: Added to the keypoints, input pixels; 0 unless given.
        flip_shift: Bins that the mirrored x is moved to the right before it is averaged; unless given one bin less one
            pixel, which is to the left: see :mod:`poise.estimators.refiners.mirror`.
        keypoints: K, of a network that does not say it.

    Args:
        spec: Of the network.
        session: The network.

    Raises:
        FormatError: An option that is not known, or a network without two outputs of three axes.
    """

    def __init__(self, spec: Spec, session: Session) -> None:
        super().__init__(spec, session)
        options = spec.checked(_OPTIONS)
        found = {t.name: t.shape for t in session.outputs if len(t.shape) in (0, 3)}
        self._x = _axis("x", 0, options, list(found))
        self._y = _axis("y", 1, options, list(found))
        self._conf = options.get("conf", "mean" if len(found) < 3 else "min")
        self._softmax = bool(options.get("softmax", False))
        self._shift = float(options.get("shift", 0.0))
        bins = [(found[name][2] if len(found[name]) == 3 else None) for name in (self._x, self._y)]
        said = found[self._x][1] if len(found[self._x]) == 3 else None
        self.keypoints = self._count(session, self._x, said)
        self._split = float(options.get("split", 0)) or _split(bins, spec.size)
        self._flip_shift = float(options.get("flip_shift", 1 - self._split))

    def decode(
        self, outputs: Outputs, hint: Floats | None = None, trust: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """Decode crops; the hint is not used."""
        del hint, trust
        bins, maxima = [], []
        for name in (self._x, self._y):
            row = np.asarray(outputs[name], dtype=np.float32)
            bins.append(row.argmax(axis=-1))
            most = row.max(axis=-1)
            maxima.append(1 / np.exp(row - most[..., None]).sum(axis=-1) if self._softmax else most)
        conf = np.minimum(*maxima) if self._conf == "min" else (maxima[0] + maxima[1]) / 2
        xy = np.stack(bins, axis=-1) / self._split + self._shift
        return seen(xy, conf)

    def average(self, outputs: Outputs, mirrored: Outputs, flip_idx: Sequence[int]) -> dict[str, NDArray[Any]]:
        """Average the bins with those of the mirrored crops (flip test)."""
        x = turned(mirrored[self._x], flip_idx, self._flip_shift)
        y = mirrored[self._y][:, list(flip_idx)]
        return {**outputs, self._x: (outputs[self._x] + x) / 2, self._y: (outputs[self._y] + y) / 2}


def _axis(axis: str, place: int, options: Mapping[str, Any], names: Sequence[str]) -> str:
    """Return the name of the output that holds the bins of an axis."""
    if axis in options:
        if options[axis] not in names:
            raise FormatError(f"option {axis!r}: no output named {options[axis]!r} of three axes; there are {names}")
        return str(options[axis])
    if len(names) not in (2, 3):
        raise FormatError(
            f"a SimCC network has two outputs (N, K, bins), of x and of y, got {names}; choose another family"
        )
    said = [name for name in names if name.lower().endswith(axis)]
    return said[0] if len(said) == 1 else names[place]


def _split(bins: Sequence[int | None], size: tuple[int, int]) -> float:
    """Return the bins a pixel that the outputs' shapes tell; 2 where they tell nothing."""
    if None in bins:
        return 2.0
    if 0 in (*bins, *size):
        raise FormatError(f"outputs of {bins[0]} and {bins[1]} bins for an input of {size[0]} x {size[1]} pixels")
    found = [count / side for count, side in zip(bins, size, strict=True) if count]
    if len(found) != 2 or found[0] != found[1]:
        raise FormatError(
            f"{bins[0]} bins of x and {bins[1]} of y do not fit an input of {size[0]} x {size[1]} pixels: "
            f"{found[0]:g} and {found[1]:g} bins a pixel; give the size (size=[width, height]) that the network was "
            "trained with, or split="
        )
    return found[0]
