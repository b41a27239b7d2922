"""What a training does where its user says nothing: settings that depend on how long it is and what it starts from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from poise.training.config import TrainSettings
from poise.training.optimisers import MANY_STEPS, NOMINAL_BATCH

RECIPES = ("best", "reference")

# MuSGD, less scaling and whole pictures earlier: on Tiger-Pose, 30 epochs from random weights, the keypoints' mAP50-95
# is half as high again as with AdamW (docs/train.md).
_FRESH: dict[str, Any] = {
    "optimizer": "MuSGD",
    "lr0": 0.01,
    "momentum": 0.9,
    "warmup_bias_lr": 0.0,
    "scale": 0.3,
}
_WHOLE_EPOCHS = 15  # without mosaic at the end, at most; half of a shorter training


def settle(settings: TrainSettings, *, pictures: int, batch: int, fresh: bool) -> TrainSettings:
    """Fill in what the user left open.

    Args:
        settings: What the user said. ``recipe="reference"`` leaves all as it is.
        pictures: Pictures of the train set that are seen in an epoch.
        batch: Pictures of a batch.
        fresh: The network starts from random weights. A trained one moves less: it keeps the published settings.

    Returns:
        The settings of the training; nothing that the user gave is changed.
    """
    if settings.recipe == "reference" or not fresh:
        return settings
    chosen: dict[str, Any] = dict(_FRESH)
    if "optimizer" in settings.given:  # rates belong to an optimiser
        chosen = {"scale": chosen["scale"]}
    chosen["close_mosaic"] = min(max(settings.epochs // 2, 1), _WHOLE_EPOCHS)
    # A short training has few steps; adding gradients up would leave an eighth of them.
    if pictures * settings.epochs < MANY_STEPS * NOMINAL_BATCH:
        chosen["nbs"] = min(batch, NOMINAL_BATCH)
    return replace(settings, **{name: value for name, value in chosen.items() if name not in settings.given})
