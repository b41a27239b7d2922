"""Training: the loop, its settings and all that it works with. What needs torch is loaded when it is first used.

How it begins and goes on: ``settings``, ``data``, ``initialisation``, ``devices``, ``setup``, ``run``, ``checkpoints``.
What it sees: ``picture_cache``, ``pixels``, ``augmentation``, ``sampling``, ``loader``, ``examples``. What a step is:
``step``, ``losses`` with ``assignment`` and ``loss_terms``, ``optimisers``. What is known of it: ``callbacks``,
``progress``, ``scoring``, ``plots``. All of them meet in ``loop``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from poise.extras.lazy import lazy_names
from poise.training.callbacks import EVENTS, Callbacks
from poise.training.settings import TrainSettings

if TYPE_CHECKING:
    from poise.training.augmentation import Augmentation
    from poise.training.callbacks import Training
    from poise.training.examples import Batch, Targets
    from poise.training.initialisation import Transfer, transfer
    from poise.training.loader import Loader
    from poise.training.loop import train
    from poise.training.losses import Gains, Losses, PoseLoss
    from poise.training.run import settings_of

_TORCH = {
    "Augmentation": "augmentation",
    "Batch": "examples",
    "Gains": "losses",
    "Loader": "loader",
    "Losses": "losses",
    "PoseLoss": "losses",
    "Targets": "examples",
    "Training": "callbacks",
    "Transfer": "initialisation",
    "settings_of": "run",
    "train": "loop",
    "transfer": "initialisation",
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


__getattr__ = lazy_names(__name__, _TORCH, torch=_TORCH)
