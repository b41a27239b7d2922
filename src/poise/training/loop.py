"""The training loop. Read :func:`train` from top to bottom; what it calls by name is told in a file of its own."""

from __future__ import annotations

import math
import time
from typing import Any

import torch

from poise.training import distributed
from poise.training.assembly import assemble
from poise.training.callbacks import Callbacks
from poise.training.config import TrainSettings
from poise.training.frozen import see
from poise.training.guard import is_out_of_memory
from poise.training.keeping import describe, finish, keep
from poise.training.preparation import device_of, reproducible
from poise.training.progress import Progress, epoch_line
from poise.training.schedules import set_rates
from poise.training.state import Training


def train(settings: TrainSettings, *, callbacks: Callbacks | None = None) -> Training:
    """Train a network.

    Args:
        settings: Everything there is to choose; see :func:`poise.training.run.settings_of`.
        callbacks: Functions to call while it runs.

    Returns:
        The training as it ended: its folder, its best checkpoint, its metrics.

    Raises:
        PoiseError: The data, the model or the device cannot be used, the loss was no number, or the disk is full.
        KeyboardInterrupt: The user stopped it; the message says how to go on.
    """
    device = device_of(settings.device)
    group = distributed.join(device)
    call = callbacks or Callbacks()
    progress = Progress(quiet=not settings.verbose or group.rank > 0)
    with reproducible(seed=settings.seed, deterministic=settings.deterministic):
        parts = assemble(settings, device=device, group=group, progress=progress)
        training, network, optimizer = parts.training, parts.network, parts.optimizer
        settings = training.args
        began = time.monotonic() - training.seconds
        with parts.run.ending(lambda: ended(training)):
            call("on_pretrain_routine_end", training)
            call("on_train_start", training)
            try:
                while len(training.rows) < training.epochs and not training.stop:
                    epoch = training.epoch = len(training.rows)
                    mosaic = epoch < training.epochs - settings.close_mosaic
                    parts.learn()
                    call("on_train_epoch_start", training)
                    progress.begin()
                    started, waited, seen = time.monotonic(), 0.0, 0
                    totals = torch.zeros(0)
                    crowded = False
                    try:
                        asked = time.monotonic()
                        for index, batch in enumerate(parts.loader.epoch(epoch, mosaic=mosaic)):
                            waited += time.monotonic() - asked
                            training.batch = index
                            parts.plots.batch(batch, training.data.spec, epoch=epoch, index=index, mosaic=mosaic)
                            rates = parts.schedule.at(epoch * len(parts.loader) + index)
                            set_rates(optimizer, rates)
                            call("on_train_batch_start", training)

                            # Forward, loss, backward.
                            with parts.precision():
                                raw, size = see(network, batch, device)
                            found = parts.loss(raw, batch.targets.to(device), size, epoch)
                            parts.precision.backward(found.total)
                            parts.guard.watch(found, batch, epoch)

                            # A step, once the gradients of enough batches are added up.
                            training.pending += 1
                            if training.pending >= rates.accumulate:
                                group.add_gradients(network)
                                parts.precision.step(optimizer, network)
                                call("on_before_zero_grad", training)
                                optimizer.zero_grad(set_to_none=True)
                                training.ema.update(network)
                                training.pending = 0

                            # What the eye sees.
                            items = torch.stack(list(found.items.values()))
                            totals = items if not index else totals + items
                            training.components, training.running = tuple(found.items), totals / (index + 1)
                            training.seconds = time.monotonic() - began
                            seen += len(batch) * group.world
                            training.speed = seen / (time.monotonic() - started)
                            if progress.due():
                                progress.step(index + 1, len(parts.loader), epoch_line(training))
                            call("on_train_batch_end", training)
                            if settings.time and training.seconds > settings.time * 3600 and group.world == 1:
                                training.stop, training.why = True, f"the time of {settings.time:g} h is over"
                                break
                            asked = time.monotonic()
                        parts.guard.finish()
                        group.meet()
                    except (RuntimeError, MemoryError) as error:
                        if not is_out_of_memory(error):
                            raise
                        if not isinstance(error, distributed.PeerOutOfMemory):
                            group.meet(crowded=True)
                        crowded = True
                    if crowded:
                        parts.halve()
                        continue
                    training.waiting = waited / max(time.monotonic() - started, 1e-9)
                    call("on_train_epoch_end", training)

                    # The running average is what is measured and kept.
                    group.share(network.buffers())
                    training.running = group.sum(training.running) if training.running is not None else None
                    call("on_val_start", training)
                    measured = parts.scorer(training.ema.network, describe(training)) if group.rank == 0 else None
                    training.seconds = time.monotonic() - began
                    training.record(measured)
                    call("on_val_end", training)
                    if settings.time:
                        parts.lengthen(group.first(planned(training, settings.time)))
                    call("on_fit_epoch_end", training)
                    if group.rank == 0:
                        keep(training, parts)
                        call("on_model_save", training)
                    progress.end(epoch_line(training, spent=time.monotonic() - started))

                    # Whether to go on.
                    if (
                        settings.patience
                        and epoch + 1 - training.best_epoch >= settings.patience
                        and training.best_epoch
                    ):
                        training.stop = True
                        training.why = f"no better fitness in the last {settings.patience} epochs"
                    training.stop = group.agree(training.stop)
            except KeyboardInterrupt as stop:
                stop.args = (interrupted(training),)
                raise
            finally:
                progress.stop()
                parts.close()
            if group.rank == 0:
                finish(training, parts)
        call("on_train_end", training)
        call("teardown", training)
        training.release()
        distributed.leave()
    return training


def planned(training: Training, hours: float) -> int:
    """Return how many epochs fit into the time, going by those that are finished."""
    done = len(training.rows)
    left = hours * 3600 - training.seconds
    return done + max(math.ceil(left / (training.seconds / done)), 0)


def ended(training: Training) -> dict[str, Any]:
    """Return what the run's manifest says at the end."""
    return {"counts": {"epochs": len(training.rows)}, "notes": [training.why] if training.why else []}


def interrupted(training: Training) -> str:
    """Say how a training that the user stopped goes on."""
    if not training.kept:
        return f"stopped in the first epoch; nothing was kept in {training.save_dir} yet"
    return (
        f"stopped in epoch {training.kept + 1}; {training.last} holds the {training.kept} before it. "
        f"Go on with: poise train --resume {training.last}"
    )
