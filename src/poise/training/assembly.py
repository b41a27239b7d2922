"""The parts of a training, put together from its settings."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from poise.errors import ModelError, PoiseError
from poise.networks import PoseNetwork
from poise.sinks import RunFolder
from poise.training import optimisers
from poise.training.autobatch import find_batch
from poise.training.checkpoints import State, load_optimizer, set_random_state
from poise.training.config import TrainSettings
from poise.training.distributed import Group
from poise.training.ema import Ema
from poise.training.frozen import Batches, FeatureLoader
from poise.training.guard import Guard
from poise.training.layout import lay_out
from poise.training.loader import Loader
from poise.training.losses import Gains, PoseLoss
from poise.training.plots import Plots
from poise.training.precision import Precision
from poise.training.preparation import Data, augmentation, freeze, open_data, workers
from poise.training.progress import Progress, Tables, duration
from poise.training.recipes import settle
from poise.training.run import Run
from poise.training.schedules import Schedule
from poise.training.scoring import Scorer
from poise.training.state import Training
from poise.training.transfer import start


@dataclass(slots=True, eq=False)
class Parts:
    """What a training works with.

    Attributes:
        training: What the training is at the moment.
        run: Its folder.
        network: What learns.
        frozen: Its batch norms that keep their statistics.
        loader: Gives the batches.
        optimizer: Moves the parameters.
        schedule: How far.
        loss: How wrong the network is.
        precision: How a step is computed.
        scorer: How good the network is.
        guard: Stops what is no number.
        tables: The run's tables.
        plots: Its pictures.
        group: The processes that train together.
        note: Tells the user something.
    """

    training: Training
    run: Run
    network: PoseNetwork
    frozen: list[str]
    loader: Batches
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    loss: PoseLoss
    precision: Precision
    scorer: Scorer
    guard: Guard
    tables: Tables
    plots: Plots
    group: Group
    note: Callable[[str], None]

    def learn(self) -> None:
        """Switch the network to training; what is frozen stays as it is."""
        self.network.train()
        for name in self.frozen:
            self.network.get_submodule(name).eval()

    def lengthen(self, epochs: int) -> None:
        """Train for another number of epochs than was planned."""
        self.training.epochs = self.loss.epochs = epochs
        self.schedule = replace(self.schedule, epochs=epochs)

    def halve(self) -> None:
        """Go on with half the batch, after the GPU had no more memory.

        Raises:
            PoiseError: On a CPU, or where a batch has one picture only.
        """
        old = self.training.batch_size
        size = old // 2 // self.group.world * self.group.world
        if not self.training.device.startswith("cuda") or size < 1:
            raise PoiseError(
                f"not enough memory for batches of {old} pictures at {self.training.args.imgsz} pixels; set a smaller "
                "batch or imgsz" + (", or go on with --resume" if self.training.rows else "")
            )
        self.optimizer.zero_grad(set_to_none=True)
        torch.cuda.empty_cache()
        self.loader.close()
        self.training.pending, self.training.batch_size = 0, size
        self.loader = open_loader(
            self.training.args, self.training.data, size, self.training.device, self.group, self.note
        )
        self.schedule = replace(self.schedule, batches=len(self.loader), batch=size)
        # Where the memory ended in a step, some processes have made it and others have not.
        self.group.share(self.network.state_dict().values())
        if self.group.world > 1:
            memory, scale = self.group.given((self.optimizer.state_dict(), self.precision.state_dict()))
            load_optimizer(self.optimizer, memory)
            self.precision.load_state_dict(scale)
        self.note(f"not enough GPU memory for batches of {old}; the epoch begins again with batches of {size}")

    def close(self) -> None:
        """Stop the processes that read pictures, and finish the tables."""
        self.loader.close()
        self.tables.close()


def assemble(settings: TrainSettings, *, device: str, group: Group, progress: Progress) -> Parts:
    """Make everything that a training needs; of one that goes on, as it was at the end of its last epoch.

    Raises:
        PoiseError: The data, the model or the folder cannot be used.
    """
    if group.rank == 0 and not settings.resume:
        # Before all labels are read, which takes minutes for a large set.
        RunFolder.check(settings.project, settings.name, exist_ok=settings.exist_ok)
    data = open_data(settings)
    run = Run(settings, group)
    try:
        return _assembled(settings, data, run, device=device, group=group, progress=progress)
    except BaseException:
        with run.ending(dict):
            raise


def _assembled(
    settings: TrainSettings, data: Data, run: Run, *, device: str, group: Group, progress: Progress
) -> Parts:
    earlier = run.state
    network, origin = start(
        earlier.architecture if earlier else settings.model,
        names=data.spec.names,
        kpt_shape=data.spec.kpt_shape,
        pretrained=settings.pretrained if not earlier else False,
    )
    if earlier:
        network.load_state_dict(earlier.weights)
    network.to(device)
    lay_out(network)
    frozen = freeze(network, "backbone" if settings.head_only else settings.freeze)
    for line in data.notes:
        progress.say(line)
    gains = Gains(**{name: getattr(settings, name) for name in ("box", "cls", "dfl", "pose", "kobj", "rle")})
    sigmas = [float(sigma) for sigma in data.spec.skeleton.sigmas]
    epochs = earlier.epochs if earlier else settings.epochs
    loss = PoseLoss(network, sigmas=sigmas, gains=gains, epochs=epochs, add=group.sum)
    size = earlier.batch if earlier else settings.batch
    if size == -1:
        alone = copy(loss)
        alone.add = lambda numbers: numbers  # each process tries how much fits for itself
        size = find_batch(network, alone, imgsz=settings.imgsz, device=device, amp=settings.amp, note=progress.say)
        size = max(group.least(size) // group.world, 1) * group.world
    if not earlier:
        seen = round(sum(data.train_scan.usable) * settings.fraction)
        settings = settle(settings, pictures=seen, batch=size, fresh=origin.source is None)
        run.note(settings)
    pictures = open_loader(settings, data, size, device, group, progress.say)
    loader: Batches = pictures
    if settings.head_only:
        if origin.source is None and not earlier:
            raise ModelError("head_only trains on the features of a trained network; start from a checkpoint")
        loader = open_features(settings, data, size, device, group, progress.say, network, run.folder, pictures)
    choice = optimisers.choose(
        settings.optimizer,
        pictures=loader.pictures,
        batch=size,
        epochs=settings.epochs,
        nc=len(data.spec.names),
        lr0=settings.lr0,
        momentum=settings.momentum,
        warmup_bias_lr=settings.warmup_bias_lr,
    )
    decay = optimisers.scaled_decay(settings.weight_decay, batch=size, nbs=settings.nbs)
    optimizer = optimisers.make(network, choice, weight_decay=decay)
    schedule = Schedule(
        choice,
        batches=len(loader),
        batch=size,
        epochs=epochs,
        lrf=settings.lrf,
        cos_lr=settings.cos_lr,
        warmup_epochs=settings.warmup_epochs,
        warmup_momentum=settings.warmup_momentum,
        nbs=settings.nbs,
    )
    precision = Precision(device, amp=settings.amp)
    training = Training(
        args=settings,
        save_dir=run.folder,
        data=data,
        device=device,
        model=network,
        ema=Ema(network),
        optimizer=optimizer,
        epochs=epochs,
        batch_size=size,
        rank=group.rank,
    )
    if earlier:
        restore(training, precision, earlier)
    group.share(network.state_dict().values())
    parts = Parts(
        training=training,
        run=run,
        network=network,
        frozen=frozen,
        loader=loader,
        optimizer=optimizer,
        schedule=schedule,
        loss=loss,
        precision=precision,
        scorer=Scorer(settings, data, loss, device, progress.say),
        guard=Guard(run.folder, late=device.startswith("cuda")),
        tables=Tables(run.folder, training.rows),
        plots=Plots(run.folder if settings.plots and group.rank == 0 else None, progress.say),
        group=group,
        note=progress.say,
    )
    name = f"{network.family}{network.scale}-pose"
    progress.say(f"{name}: " + (f"goes on after epoch {earlier.epoch}" if earlier else str(origin)))
    progress.say(f"{choice.name}, lr {choice.lr:g}, {len(loader)} batches of {size} an epoch, {device}: {run.folder}")
    parts.plots.labels(data.spec, data.train_scan)
    run.tell("running", arguments=settings.table(), origin=str(origin))
    return parts


def open_loader(
    settings: TrainSettings, data: Data, size: int, device: str, group: Group, note: Callable[[str], None]
) -> Loader:
    """Open what gives the batches.

    Raises:
        ValueError: The batch cannot be shared among the processes.
    """
    if size % group.world:
        raise ValueError(f"batch must be a multiple of the {group.world} processes, got {size}")
    return Loader(
        data.train,
        data.train_scan,
        imgsz=settings.imgsz,
        batch=size // group.world,
        augmentation=augmentation(settings),
        seed=settings.seed,
        workers=workers(settings.workers, device),
        cache="ram" if settings.cache is True else settings.cache or False,  # type: ignore[arg-type]
        fraction=settings.fraction,
        rect=settings.rect,
        rank=group.rank,
        world=group.world,
        note=note,
    )


def open_features(
    settings: TrainSettings,
    data: Data,
    size: int,
    device: str,
    group: Group,
    note: Callable[[str], None],
    network: PoseNetwork,
    folder: Path,
    changed: Loader,
) -> FeatureLoader:
    """Compute the features of all pictures, and say how long the training takes from there."""
    if group.world > 1:
        raise ValueError("head_only trains in one process; leave torchrun out")
    plain = Loader(
        data.train, data.train_scan, imgsz=settings.imgsz, batch=size, augmentation=None, fraction=settings.fraction
    )
    loader = FeatureLoader(
        network,
        plain,
        changed,
        variants=settings.variants,
        batch=size,
        seed=settings.seed,
        device=device,
        file=folder / "features",
        note=note,
    )
    plain.close()
    changed.close()
    each = loader.seconds(network, device)
    note(f"head only: about {duration(each * settings.epochs)} for {settings.epochs} epochs, beside validation")
    return loader


def restore(training: Training, precision: Precision, state: State) -> None:
    """Bring a training to where it was; its network has its weights already."""
    training.ema.load_state_dict({"updates": state.updates, "weights": state.average})
    load_optimizer(training.optimizer, state.optimizer)
    precision.load_state_dict(state.scaler)
    for name, parameter in training.model.named_parameters():
        if name in state.gradients:
            parameter.grad = torch.empty_like(parameter).copy_(state.gradients[name])
    training.pending = state.pending
    training.best_fitness, training.best_epoch = state.best, state.best_epoch
    training.seconds = state.seconds
    training.rows.extend(state.rows)
    training.kept = len(state.rows)
    set_random_state(state.random)


def snapshot(training: Training, precision: Precision, random: dict[str, object]) -> State:
    """Return all that a training needs to go on."""
    waiting = {n: p.grad for n, p in training.model.named_parameters() if p.grad is not None and training.pending}
    return State(
        epoch=len(training.rows),
        epochs=training.epochs,
        args=training.args.table(),
        weights=dict(_cpu(training.model)),
        average=dict(_cpu(training.ema.network)),
        updates=training.ema.updates,
        optimizer=training.optimizer.state_dict(),
        scaler=precision.state_dict(),
        pending=training.pending,
        gradients=waiting,
        best=training.best_fitness,
        best_epoch=training.best_epoch,
        seconds=training.seconds,
        batch=training.batch_size,
        rows=training.rows,
        random=random,
    )


def _cpu(module: nn.Module) -> dict[str, torch.Tensor]:
    return {key: value.detach().cpu() for key, value in module.state_dict().items()}
