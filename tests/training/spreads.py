"""The OKS spreads of the published recipe, for tests of the loss."""

from __future__ import annotations

from collections.abc import Sequence

from poise.skeletons import get


def default_sigmas(kpt_shape: Sequence[int]) -> tuple[float, ...]:
    """Return COCO's own for exactly 17 keypoints of 3 values, else 1 / K."""
    if tuple(kpt_shape) == (17, 3):
        return tuple(get("coco17").sigmas.tolist())
    return (1 / kpt_shape[0],) * kpt_shape[0]
