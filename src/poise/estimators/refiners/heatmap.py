"""Keypoints of one person a crop from heatmaps, one map a keypoint: TinyPose, HRNet, ViTPose and their kin.

Source:
    The refinement of the maximum is one Newton step on the logarithm of the blurred heatmap: Zhang et al.,
    "Distribution-aware coordinate representation for human pose estimation" (DARK), CVPR 2020, arXiv:1910.06278,
    equation 9; with the narrow derivatives of Huang et al., "The devil is in the details" (UDP), CVPR 2020,
    arXiv:1911.07524, as MMPose and rtmlib (both Apache-2.0) take them. The quarter offset is that of Newell, Yang and
    Deng, "Stacked hourglass networks", ECCV 2016, section 3.3.

    Cell i stands for input pixel 4 i, without a shift by half a cell or pixel: TinyPose's keypoints in the labelled
    boxes of 103 pictures are then 0.16 +- 0.09 pixels of the crop too far to the right and 0.01 +- 0.10 too low on
    average (benchmarks/zoo.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from poise.errors import FormatError
from poise.estimators.protocols import Floats, Outputs
from poise.estimators.refiners.crop import CropNetwork, seen
from poise.estimators.refiners.mirror import turned
from poise.estimators.spec import Spec
from poise.runtime import Session

Decoding = Literal["dark", "quarter", "argmax"]

_OPTIONS: Mapping[str, tuple[Any, ...] | type] = {
    "decode": ("dark", "quarter", "argmax"),
    "blur": int,
    "udp": bool,
    "shift": float,
    "sigmoid": bool,
    "flip_shift": float,
    "keypoints": int,
}
# The logarithm is taken of values from here on. Source: MMPose, refine_keypoints_dark_udp.
_LOWEST, _HIGHEST = 1e-3, 50.0
# A Newton step beyond this many cells has left the peak that it started from.
_FARTHEST = 2.0
# Kernels that OpenCV's GaussianBlur uses for a given size without a spread, on which published figures rest.
_FIXED = {1: (1.0,), 3: (0.25, 0.5, 0.25), 5: (0.0625, 0.25, 0.375, 0.25, 0.0625)}
_FIXED |= {7: (0.03125, 0.109375, 0.21875, 0.28125, 0.21875, 0.109375, 0.03125)}


class Heatmap(CropNetwork):
    """A network that gives a heatmap for each keypoint: ``(N, K, h, w)``. Its other outputs are left alone.

    Options of its spec:
        decode: ``"dark"`` (the default), ``"quarter"``: a quarter of a cell towards the higher neighbour, or
            ``"argmax"``: the middle of the cell.
        blur: Width of the Gaussian of ``"dark"``, cells, odd; 3 unless given.
        udp: The first and last cell lie on the crop's edges, as in networks trained without bias such as ViTPose; else
            cell i is input pixel ``i * size / cells``.
        shift: Added to the keypoints, input pixels; 0 unless given.
        sigmoid: The maps are logits.
        flip_shift: Cells that the mirrored maps are moved to the right before they are averaged; unless given one cell
            less one pixel, and with ``udp`` none: see :mod:`poise.estimators.refiners.mirror`.
        keypoints: K, of a network that does not say it.

    Args:
        spec: Of the network.
        session: The network.

    Raises:
        FormatError: An option that is not known, or a network without one output of four axes.
    """

    def __init__(self, spec: Spec, session: Session) -> None:
        super().__init__(spec, session)
        options = spec.checked(_OPTIONS)
        found = [t for t in session.outputs if len(t.shape) in (0, 4)]
        if len(found) != 1:
            shapes = ", ".join(f"{t.name} {t.shape}" for t in session.outputs)
            raise FormatError(f"a heatmap network has one output (N, K, h, w), got {shapes}; choose another family")
        self._output = found[0].name
        self._decode: Decoding = options.get("decode", "dark")
        self._udp = bool(options.get("udp", False))
        self._kernel = kernel(options.get("blur", 3))
        self._shift = float(options.get("shift", 0.0))
        self._sigmoid = bool(options.get("sigmoid", False))
        self._flip_shift: float | None = options.get("flip_shift", 0.0 if self._udp else None)
        said = found[0].shape[1] if len(found[0].shape) == 4 else None
        self.keypoints = self._count(session, self._output, said)

    def decode(
        self, outputs: Outputs, hint: Floats | None = None, trust: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """Decode crops; the hint is not used."""
        del hint, trust
        maps: Floats = np.asarray(outputs[self._output], dtype=np.float32)
        if self._sigmoid:
            maps = (1 / (1 + np.exp(-maps))).astype(np.float32)
        cell, conf = peaks(maps)
        place = cell.astype(np.float64)
        if self._decode == "quarter":
            place += quarter(maps, cell)
        elif self._decode == "dark":
            place += newton(maps, cell, self._kernel)
        grid = np.array(maps.shape[:1:-1], dtype=np.float64)
        span = grid - 1 if self._udp else grid
        xy = place * (np.array(self.spec.size) / span) + self._shift
        return seen(xy, conf)

    def average(self, outputs: Outputs, mirrored: Outputs, flip_idx: Sequence[int]) -> dict[str, NDArray[Any]]:
        """Average the maps with those of the mirrored crops (flip test)."""
        maps = outputs[self._output]
        shift = self._flip_shift
        if shift is None:
            shift = 1 - maps.shape[-1] / self.spec.size[0]
        return {**outputs, self._output: (maps + turned(mirrored[self._output], flip_idx, shift)) / 2}


def peaks(maps: Floats) -> tuple[NDArray[np.intp], Floats]:
    """Return the ``(N, K, 2)`` column and row of the largest cell of ``(N, K, h, w)`` maps, and its value."""
    n, k, h, w = maps.shape
    flat = maps.reshape(n, k, h * w)
    best = flat.argmax(axis=-1)
    y, x = np.divmod(best, w)
    return np.stack([x, y], axis=-1), np.take_along_axis(flat, best[..., None], -1)[..., 0]


def quarter(maps: Floats, cell: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return ``(N, K, 2)``: a quarter of a cell towards the higher neighbour; 0 on the rim."""
    around = _patch(maps, cell, 1)
    step = np.stack(
        [np.sign(around[..., 1, 2] - around[..., 1, 0]), np.sign(around[..., 2, 1] - around[..., 0, 1])], axis=-1
    )
    inside = (cell > 0) & (cell < np.array(maps.shape[:1:-1]) - 1)
    return np.where(inside.all(axis=-1, keepdims=True), step * 0.25, 0.0)


def newton(maps: Floats, cell: NDArray[np.intp], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ``(N, K, 2)`` step from each largest cell to the maximum of its parabola, cells.

    Args:
        maps: ``(N, K, h, w)``.
        cell: ``(N, K, 2)`` column and row.
        weights: Of the blur, from :func:`kernel`.
    """
    reach = len(weights) // 2
    # Only what lies under the kernel of the nine cells in the middle is blurred.
    around = _patch(maps, cell, reach + 1).astype(np.float64)
    rows = sum(w * around[..., i : i + 3, :] for i, w in enumerate(weights))
    blurred = sum(w * rows[..., i : i + 3] for i, w in enumerate(weights))
    # Beyond the rim the map goes on as it ends, for the derivatives; the blur itself mirrors it.
    log = np.log(np.clip(_edges(cast(NDArray[np.float64], blurred), cell, maps.shape), _LOWEST, _HIGHEST))
    dx = (log[..., 1, 2] - log[..., 1, 0]) / 2
    dy = (log[..., 2, 1] - log[..., 0, 1]) / 2
    dxx = log[..., 1, 2] - 2 * log[..., 1, 1] + log[..., 1, 0]
    dyy = log[..., 2, 1] - 2 * log[..., 1, 1] + log[..., 0, 1]
    dxy = (
        log[..., 2, 2] - log[..., 1, 2] - log[..., 2, 1] + 2 * log[..., 1, 1]
        - log[..., 1, 0] - log[..., 0, 1] + log[..., 0, 0]
    ) / 2  # fmt: skip
    tiny = np.finfo(np.float32).eps
    dxx, dyy = dxx + tiny, dyy + tiny
    determinant = dxx * dyy - dxy**2
    safe = np.where(determinant == 0, 1, determinant)
    step = -np.stack([dyy * dx - dxy * dy, dxx * dy - dxy * dx], axis=-1) / safe[..., None]
    good = (determinant != 0) & (np.abs(step).max(axis=-1) <= _FARTHEST)
    return np.where(good[..., None], step, 0.0)


def kernel(width: int) -> NDArray[np.float64]:
    """Return the weights of a Gaussian of an odd width, as OpenCV chooses its spread.

    Raises:
        FormatError: The width is even or not from 1 to 31.
    """
    if not 1 <= width <= 31 or width % 2 == 0:
        raise FormatError(f"option 'blur' must be an odd number from 1 to 31, got {width}")
    if width in _FIXED:
        return np.array(_FIXED[width])
    sigma = 0.3 * ((width - 1) * 0.5 - 1) + 0.8
    weights = np.exp(-np.square(np.arange(width) - width // 2) / (2 * sigma**2))
    return np.asarray(weights / weights.sum())


def _patch(maps: Floats, cell: NDArray[np.intp], reach: int) -> Floats:
    """Return the ``(N, K, 2 * reach + 1, 2 * reach + 1)`` cells around each; the map is mirrored at its rim."""
    n, k, h, w = maps.shape
    span = np.arange(-reach, reach + 1)
    x = _mirrored(cell[..., 0, None] + span, w)
    y = _mirrored(cell[..., 1, None] + span, h)
    n_, k_ = np.arange(n)[:, None, None, None], np.arange(k)[None, :, None, None]
    return maps[n_, k_, y[..., :, None], x[..., None, :]]


def _mirrored(index: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    """Fold indices into a length, the rim itself not repeated (OpenCV's BORDER_REFLECT_101)."""
    if length == 1:
        return np.zeros_like(index)
    turn = 2 * (length - 1)
    folded = np.abs(index) % turn
    return np.where(folded >= length, turn - folded, folded)


def _edges(blurred: NDArray[np.float64], cell: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Repeat the rim of the map in ``(N, K, 3, 3)`` patches that reach beyond it."""
    out = blurred.copy()
    h, w = shape[2:]
    x, y = cell[..., 0, None], cell[..., 1, None]
    out[..., :, 0] = np.where(x == 0, out[..., :, 1], out[..., :, 0])
    out[..., :, 2] = np.where(x == w - 1, out[..., :, 1], out[..., :, 2])
    out[..., 0, :] = np.where(y == 0, out[..., 1, :], out[..., 0, :])
    out[..., 2, :] = np.where(y == h - 1, out[..., 1, :], out[..., 2, :])
    return out
