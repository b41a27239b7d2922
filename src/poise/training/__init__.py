"""Training: assignment, losses, optimisers, schedules. Everything here needs torch and is loaded when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from poise.errors import require

if TYPE_CHECKING:
    from poise.training.augment import Augmentation
    from poise.training.batch import Batch, Targets
    from poise.training.loader import Loader
    from poise.training.losses import Gains, Losses, PoseLoss

_TORCH = {
    "Augmentation": "augment",
    "Batch": "batch",
    "Gains": "losses",
    "Loader": "loader",
    "Losses": "losses",
    "PoseLoss": "losses",
    "Targets": "batch",
}

__all__ = ["Augmentation", "Batch", "Gains", "Loader", "Losses", "PoseLoss", "Targets"]


def __getattr__(name: str) -> Any:
    if name not in _TORCH:
        raise AttributeError(f"module 'poise.training' has no attribute {name!r}")
    require("torch", extra="train", feature=f"poise.training.{name}")
    value = getattr(import_module(f"poise.training.{_TORCH[name]}"), name)
    globals()[name] = value
    return value
