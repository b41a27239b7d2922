"""HDR video (HLG and PQ) brought to the brightness and colours of usual pictures, as a table for FFmpeg's lut3d."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

# Transfer characteristics by their number in ITU-T H.273, table 3.
CURVES = {16: "PQ", 18: "HLG"}
_SIDE = 65
# Light of a white sheet of paper, cd/m², and the brightest of an HLG display. Source: ITU-R BT.2408, 2.1; BT.2100.
_WHITE, _PEAK = 203.0, 1000.0
# Light up to here, of white, stays as it is; brighter is bent so that it nears white and never reaches it.
_KNEE = 0.7
# Source: ITU-R BT.2087: linear BT.2020 to linear BT.709.
_TO_709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])


def usual(signal: NDArray[np.float64], curve: int, *, wide: bool) -> NDArray[np.float64]:
    """Return what an HDR signal looks like as sRGB.

    Args:
        signal: ``(..., 3)`` red, green, blue from 0 to 1 as coded.
        curve: One of :data:`CURVES`.
        wide: Its colours are those of BT.2020; False: of BT.709.

    Returns:
        ``(..., 3)`` from 0 to 1. HDR's white (0.75 in HLG, 0.58 in PQ) becomes a light grey of about 0.95, so that what
        is brighter can still be told apart.
    """
    light = (_hlg(signal) if curve == 18 else _pq(signal)) / _WHITE
    if wide:
        light = np.maximum(light @ _TO_709.T, 0)
    most = light.max(axis=-1, keepdims=True)
    bent = np.where(most > _KNEE, 1 - (1 - _KNEE) * np.exp(-(most - _KNEE) / (1 - _KNEE)), most)
    light = np.clip(light * bent / np.maximum(most, 1e-9), 0, 1)
    # Source: IEC 61966-2-1, sRGB.
    coded: NDArray[np.float64] = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return coded


def _hlg(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the light of a display, cd/m². Source: ITU-R BT.2100, table 5."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    luminance = scene @ np.array([0.2627, 0.6780, 0.0593])
    light: NDArray[np.float64] = _PEAK * np.maximum(luminance, 1e-9)[..., None] ** 0.2 * scene
    return light


def _pq(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the light of a display, cd/m². Source: ITU-R BT.2100, table 4."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = signal ** (1 / m2)
    light: NDArray[np.float64] = 10_000.0 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)
    return light


@lru_cache(maxsize=4)
def _table(curve: int, wide: bool) -> str:
    steps = np.linspace(0, 1, _SIDE)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")  # red runs fastest
    values = usual(np.stack([red, green, blue], axis=-1).reshape(-1, 3), curve, wide=wide)
    return f"LUT_3D_SIZE {_SIDE}\n" + "\n".join(f"{r:.5f} {g:.5f} {b:.5f}" for r, g, b in values.tolist()) + "\n"


@contextmanager
def table_file(curve: int, *, wide: bool) -> Iterator[str]:
    """Give the path of the table as a ``.cube`` file, which is there while a filter reads it."""
    descriptor, path = tempfile.mkstemp(prefix="poise-", suffix=".cube")
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(_table(curve, wide))
        yield path
    finally:
        os.unlink(path)
