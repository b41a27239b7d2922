"""A training, put together from its settings: a new one, or one that goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

import torch

from poise.errors import ModelError, PoiseError
from poise.networks import PoseNetwork
from poise.training import optimisers
from poise.training.augmentation import Augmentation
from poise.training.callbacks import Training
from poise.training.checkpoints import ResumeState, restore
from poise.training.data import Data
from poise.training.devices import Group, count_workers
from poise.training.examples import Batches
from poise.training.initialisation import Transfer, freeze_layers, lay_out_memory, start_network
from poise.training.loader import FeatureLoader, Loader
from poise.training.losses import Gains, PoseLoss
from poise.training.optimisers import MANY_STEPS, NOMINAL_BATCH, OptimiserChoice, Schedule
from poise.training.progress import format_duration
from poise.training.run import Run
from poise.training.settings import TrainSettings
from poise.training.step import Ema, LossGuard, Precision, Step, find_batch_size

_Part = TypeVar("_Part", Augmentation, Gains)

# MuSGD, less scaling and whole pictures earlier: on Tiger-Pose, 30 epochs from random weights, the keypoints' mAP50-95
# is half as high again as with AdamW (docs/train.md).
_RANDOM_START: dict[str, Any] = {
    "optimizer": "MuSGD",
    "lr0": 0.01,
    "momentum": 0.9,
    "warmup_bias_lr": 0.0,
    "scale": 0.3,
}
_WHOLE_EPOCHS = 15  # without mosaic at the end, at most; half of a shorter training


def set_up(
    settings: TrainSettings, data: Data, run: Run, *, device: str, group: Group, log: Callable[[str], None]
) -> tuple[Training, Step, Batches, Schedule]:
    """Make what a training works with; of one that goes on, as it was at the end of its last epoch.

    Args:
        settings: What the user asks for.
        data: The data set.
        run: Where it writes, and the state of a training that goes on.
        device: Where it runs.
        group: The processes that train together.
        log: Tells the user something.

    Returns:
        The training, what its steps work with, its batches, and the rates of its steps.

    Raises:
        PoiseError: The model or the folder cannot be used.
        ValueError: A setting that cannot be, with this data or on this device.
    """
    state = run.state
    network, origin = _network(settings, data, state)
    lay_out_memory(network.to(device))
    frozen = freeze_layers(network, "backbone" if settings.head_only else settings.freeze)
    for line in data.notes:
        log(line)
    epochs = state.epochs if state else settings.epochs
    sigmas = [float(sigma) for sigma in data.spec.skeleton.sigmas]
    loss = PoseLoss(network, sigmas=sigmas, gains=_part(Gains, settings), epochs=epochs, add=group.sum)
    batch = state.batch if state else settings.batch
    if batch == -1:
        # Each process tries how much fits for itself.
        batch = find_batch_size(network, loss.alone(), imgsz=settings.imgsz, device=device, amp=settings.amp, log=log)
        batch = max(group.minimum(batch) // group.world, 1) * group.world
    if not state:
        seen = round(sum(data.train_scan.usable) * settings.fraction)
        settings = apply_recipe(settings, pictures=seen, batch=batch, fresh=origin.source is None)
        run.write_settings(settings)
    pictures = open_loader(settings, data, batch, device=device, group=group, log=log)
    loader: Batches = pictures
    if settings.head_only:
        if origin.source is None and not state:
            raise ModelError("head_only trains on the features of a trained network; start from a checkpoint")
        loader = _open_features(
            settings, data, batch, pictures, network, run.folder, device=device, group=group, log=log
        )
    choice, schedule = _schedule(settings, data, loader, batch, epochs)
    decay = optimisers.scaled_decay(settings.weight_decay, batch=batch, nbs=settings.nbs)
    step = Step(
        network,
        frozen,
        loss,
        optimisers.make_optimiser(network, choice, weight_decay=decay),
        Precision(device, amp=settings.amp),
        LossGuard(run.folder, late=device.startswith("cuda")),
    )
    training = Training(
        args=settings,
        save_dir=run.folder,
        data=data,
        device=device,
        model=network,
        ema=Ema(network),
        optimizer=step.optimizer,
        epochs=epochs,
        batch_size=batch,
        rank=group.rank,
    )
    if state:
        restore(training, step.precision, state)
    group.broadcast(network.state_dict().values())
    name = f"{network.family}{network.scale}-pose"
    log(f"{name}: " + (f"goes on after epoch {state.epoch}" if state else str(origin)))
    log(f"{choice.name}, lr {choice.lr:g}, {len(loader)} batches of {batch} an epoch, {device}: {run.folder}")
    run.write_manifest(arguments=settings.table(), origin=str(origin))
    return training, step, loader, schedule


def apply_recipe(settings: TrainSettings, *, pictures: int, batch: int, fresh: bool) -> TrainSettings:
    """Fill in what the user left open, which depends on how long a training is and what it starts from.

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
    chosen: dict[str, Any] = dict(_RANDOM_START)
    if "optimizer" in settings.given:  # rates belong to an optimiser
        chosen = {"scale": chosen["scale"]}
    chosen["close_mosaic"] = min(max(settings.epochs // 2, 1), _WHOLE_EPOCHS)
    # A short training has few steps; adding gradients up would leave an eighth of them.
    if pictures * settings.epochs < MANY_STEPS * NOMINAL_BATCH:
        chosen["nbs"] = min(batch, NOMINAL_BATCH)
    return replace(settings, **{name: value for name, value in chosen.items() if name not in settings.given})


def open_loader(
    settings: TrainSettings, data: Data, batch: int, *, device: str, group: Group, log: Callable[[str], None]
) -> Loader:
    """Open what gives the batches.

    Args:
        settings: The training's settings.
        data: The data set.
        batch: Pictures of a batch, in all processes together.
        device: Where the network runs.
        group: The processes that train together.
        log: Tells the user something.

    Raises:
        ValueError: The batch cannot be shared among the processes.
    """
    if batch % group.world:
        raise ValueError(f"batch must be a multiple of the {group.world} processes, got {batch}")
    return Loader(
        data.train,
        data.train_scan,
        imgsz=settings.imgsz,
        batch=batch // group.world,
        augmentation=_part(Augmentation, settings),
        seed=settings.seed,
        workers=count_workers(settings.workers, device),
        cache="ram" if settings.cache is True else settings.cache or False,  # type: ignore[arg-type]
        fraction=settings.fraction,
        rect=settings.rect,
        rank=group.rank,
        world=group.world,
        log=log,
    )


def halve_batch(training: Training, step: Step, loader: Batches, *, group: Group, log: Callable[[str], None]) -> Loader:
    """Go on with half the batch, after the GPU had no more memory; return what gives the batches from now on.

    Raises:
        PoiseError: On a CPU, or where a batch has one picture only.
    """
    old = training.batch_size
    batch = old // 2 // group.world * group.world
    if not training.device.startswith("cuda") or batch < 1:
        raise PoiseError(
            f"not enough memory for batches of {old} pictures at {training.args.imgsz} pixels; set a smaller "
            "batch or imgsz" + (", or go on with --resume" if training.rows else "")
        )
    step.optimizer.zero_grad(set_to_none=True)
    torch.cuda.empty_cache()
    loader.close()
    training.pending, training.batch_size = 0, batch
    smaller = open_loader(training.args, training.data, batch, device=training.device, group=group, log=log)
    # Where the memory ended in a step, some processes have made it and others have not.
    step.copy_from_first(group)
    log(f"not enough GPU memory for batches of {old}; the epoch begins again with batches of {batch}")
    return smaller


def _network(settings: TrainSettings, data: Data, state: ResumeState | None) -> tuple[PoseNetwork, Transfer]:
    network, origin = start_network(
        state.architecture if state else settings.model,
        names=data.spec.names,
        kpt_shape=data.spec.kpt_shape,
        pretrained=settings.pretrained if not state else False,
    )
    if state:
        network.load_state_dict(state.weights)
    return network, origin


def _schedule(
    settings: TrainSettings, data: Data, loader: Batches, batch: int, epochs: int
) -> tuple[OptimiserChoice, Schedule]:
    choice = optimisers.choose_optimiser(
        settings.optimizer,
        pictures=loader.pictures,
        batch=batch,
        epochs=settings.epochs,
        nc=len(data.spec.names),
        lr0=settings.lr0,
        momentum=settings.momentum,
        warmup_bias_lr=settings.warmup_bias_lr,
    )
    return choice, Schedule(
        choice,
        batches=len(loader),
        batch=batch,
        epochs=epochs,
        lrf=settings.lrf,
        cos_lr=settings.cos_lr,
        warmup_epochs=settings.warmup_epochs,
        warmup_momentum=settings.warmup_momentum,
        nbs=settings.nbs,
    )


def _open_features(
    settings: TrainSettings,
    data: Data,
    batch: int,
    augmented: Loader,
    network: PoseNetwork,
    folder: Path,
    *,
    device: str,
    group: Group,
    log: Callable[[str], None],
) -> FeatureLoader:
    """Compute the features of all pictures, and say how long the training takes from there."""
    if group.world > 1:
        raise ValueError("head_only trains in one process; leave torchrun out")
    plain = Loader(
        data.train, data.train_scan, imgsz=settings.imgsz, batch=batch, augmentation=None, fraction=settings.fraction
    )
    loader = FeatureLoader(
        network,
        plain,
        augmented,
        variants=settings.variants,
        batch=batch,
        seed=settings.seed,
        device=device,
        file=folder / "features",
        log=log,
    )
    plain.close()
    augmented.close()
    seconds = loader.seconds_an_epoch(network, device) * settings.epochs
    log(f"head only: about {format_duration(seconds)} for {settings.epochs} epochs, beside validation")
    return loader


def _part(kind: type[_Part], settings: TrainSettings) -> _Part:
    """Take from the settings those that a part of the training has too."""
    shared = {field.name for field in fields(kind)} & {field.name for field in fields(settings)}
    return kind(**{name: getattr(settings, name) for name in shared})
