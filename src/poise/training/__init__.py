"""Training: the loop, its settings and all that it works with. What needs torch is loaded when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from poise.errors import require
from poise.training.callbacks import EVENTS, Callbacks
from poise.training.config import TrainSettings

if TYPE_CHECKING:
    from poise.training.augment import Augmentation
    from poise.training.batch import Batch, Targets
    from poise.training.loader import Loader
    from poise.training.loop import train
    from poise.training.losses import Gains, Losses, PoseLoss
    from poise.training.run import settings_of
    from poise.training.state import Training
    from poise.training.transfer import Transfer, transfer

_TORCH = {
    "Augmentation": "augment",
    "Batch": "batch",
    "Gains": "losses",
    "Loader": "loader",
    "Losses": "losses",
    "PoseLoss": "losses",
    "Targets": "batch",
    "Training": "state",
    "Transfer": "transfer",
    "settings_of": "run",
    "train": "loop",
    "transfer": "transfer",
}

__all__ = [
    "EVENTS",
    "Augmentation",
    "Batch",
    "Callbacks",
    "Gains",
    "Loader",
    "Losses",
    "PoseLoss",
    "Targets",
    "TrainSettings",
    "Training",
    "Transfer",
    "settings_of",
    "train",
    "transfer",
]


def __getattr__(name: str) -> Any:
    if name not in _TORCH:
        raise AttributeError(f"module 'poise.training' has no attribute {name!r}")
    require("torch", extra="train", feature=f"poise.training.{name}")
    value = getattr(import_module(f"poise.training.{_TORCH[name]}"), name)
    globals()[name] = value
    return value
