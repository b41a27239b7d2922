"""How far augmentation may go, in a training's settings and in :class:`Augmentation` alike. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

# Largest value of each setting; probabilities and shares end at 1. What lies beyond makes pictures of nothing: a
# perspective of 0.01 a pixel already puts the horizon into the picture, a scale of 1 shrinks it to a point.
LIMITS: Mapping[str, float] = MappingProxyType(
    {
        "hsv_h": 1.0,
        "hsv_s": 1.0,
        "hsv_v": 1.0,
        "degrees": 180.0,
        "translate": 1.0,
        "scale": 0.99,
        "shear": 89.0,
        "perspective": 0.01,
        "flipud": 1.0,
        "fliplr": 1.0,
        "bgr": 1.0,
        "mosaic": 1.0,
        "mixup": 1.0,
        "cutmix": 1.0,
        "multi_scale": 0.9,
        "blur": 1.0,
        "grey": 1.0,
        "jpeg": 1.0,
        "erasing": 1.0,
    }
)


def check_ranges(values: Mapping[str, Any]) -> None:
    """Check the settings of augmentation among others.

    Raises:
        ValueError: One is no number from 0 to its limit, or a mirror map is none.
    """
    for name, limit in LIMITS.items():
        value = values.get(name, 0.0)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= limit:
            raise ValueError(f"{name} must be a number from 0 to {limit:g}, got {value!r}")
    order = values.get("flipud_idx")
    if order is not None and (not len(order) or sorted(order) != list(range(len(order)))):
        raise ValueError(f"flipud_idx must hold each index from 0 to {max(len(order), 1) - 1} once, got {list(order)}")
