"""The training loop. Read :func:`train` from top to bottom; what it calls by name is told in a file of its own."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import torch

from poise.sinks import RunFolder
from poise.training import devices
from poise.training.callbacks import Callbacks, Training
from poise.training.checkpoints import describe
from poise.training.data import open_data
from poise.training.optimisers import set_rates
from poise.training.plots import Plots
from poise.training.progress import Progress, format_epoch
from poise.training.run import Run
from poise.training.scoring import Scorer
from poise.training.settings import TrainSettings
from poise.training.setup import halve_batch, set_up
from poise.training.step import forward, is_out_of_memory


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
    device = devices.choose_device(settings.device)
    group = devices.join(device)
    call = callbacks or Callbacks()
    progress = Progress(quiet=not settings.verbose or group.rank > 0)
    log = progress.print_line
    with devices.reproducible(seed=settings.seed, deterministic=settings.deterministic):
        if group.rank == 0 and not settings.resume:
            # Before all labels are read, which takes minutes for a large set.
            RunFolder.check(settings.project, settings.name, exist_ok=settings.exist_ok)
        data = open_data(settings)
        run = Run(settings, group)
        with run.recorded():
            training, step, loader, schedule = set_up(settings, data, run, device=device, group=group, log=log)
            settings, network, optimizer = training.args, step.network, step.optimizer
            run.at_end(lambda: summarise(training))
            scorer = Scorer(settings, data, step.loss, device, log)
            plots = Plots(run.folder if settings.plots and group.rank == 0 else None, log)
            plots.draw_labels(data.spec, data.train_scan)
            began = time.monotonic() - training.seconds
            call("on_pretrain_routine_end", training)
            call("on_train_start", training)
            try:
                while len(training.rows) < training.epochs and not training.stop:
                    epoch = training.epoch = len(training.rows)
                    mosaic = epoch < training.epochs - settings.close_mosaic
                    step.train_mode()
                    call("on_train_epoch_start", training)
                    progress.start_epoch()
                    started, waited, pictures = time.monotonic(), 0.0, 0
                    totals = torch.zeros(0)
                    out_of_memory = False
                    try:
                        requested = time.monotonic()
                        for index, batch in enumerate(loader.epoch(epoch, mosaic=mosaic)):
                            waited += time.monotonic() - requested
                            training.batch = index
                            plots.draw_batch(batch, data.spec, epoch=epoch, index=index, mosaic=mosaic)
                            rates = schedule.at(epoch * len(loader) + index)
                            set_rates(optimizer, rates)
                            call("on_train_batch_start", training)

                            # Forward, loss, backward.
                            with step.precision():
                                outputs, size = forward(network, batch, device)
                            losses = step.loss(outputs, batch.targets.to(device), size, epoch)
                            step.precision.backward(losses.total)
                            step.guard.check(losses, batch, epoch)

                            # A step, once the gradients of enough batches are added up.
                            training.pending += 1
                            if training.pending >= rates.accumulate:
                                group.sum_gradients(network)
                                step.precision.step(optimizer, network)
                                call("on_before_zero_grad", training)
                                optimizer.zero_grad(set_to_none=True)
                                training.ema.update(network)
                                training.pending = 0

                            # What the eye sees.
                            items = torch.stack(list(losses.items.values()))
                            totals = items if not index else totals + items
                            training.components, training.running = tuple(losses.items), totals / (index + 1)
                            training.seconds = time.monotonic() - began
                            pictures += len(batch) * group.world
                            training.speed = pictures / (time.monotonic() - started)
                            if progress.is_due():
                                progress.update(index + 1, len(loader), format_epoch(training))
                            call("on_train_batch_end", training)
                            if settings.time and training.seconds > settings.time * 3600 and group.world == 1:
                                training.stop, training.why = True, f"the time of {settings.time:g} h is over"
                                break
                            requested = time.monotonic()
                        step.guard.check_last()
                        group.synchronise()
                    except (RuntimeError, MemoryError) as error:
                        if not is_out_of_memory(error):
                            raise
                        if not isinstance(error, devices.PeerOutOfMemory):
                            group.synchronise(out_of_memory=True)
                        out_of_memory = True
                    if out_of_memory:
                        loader = halve_batch(training, step, loader, group=group, log=log)
                        schedule = replace(schedule, batches=len(loader), batch=training.batch_size)
                        continue
                    training.waiting = waited / max(time.monotonic() - started, 1e-9)
                    call("on_train_epoch_end", training)

                    # The running average is what is measured and kept.
                    group.broadcast(network.buffers())
                    training.running = group.sum(training.running) if training.running is not None else None
                    call("on_val_start", training)
                    score = scorer(training.ema.network, describe(training)) if group.rank == 0 else None
                    training.seconds = time.monotonic() - began
                    training.record(score)
                    call("on_val_end", training)
                    if settings.time:
                        training.epochs = group.broadcast_number(plan_epochs(training, settings.time))
                        step.loss.epochs, schedule = training.epochs, replace(schedule, epochs=training.epochs)
                    call("on_fit_epoch_end", training)
                    if group.rank == 0:
                        run.save_epoch(training, step.precision)
                        call("on_model_save", training)
                    progress.finish_epoch(format_epoch(training, spent=time.monotonic() - started))

                    # Whether to go on.
                    if (
                        settings.patience
                        and epoch + 1 - training.best_epoch >= settings.patience
                        and training.best_epoch
                    ):
                        training.stop = True
                        training.why = f"no better fitness in the last {settings.patience} epochs"
                    training.stop = group.any(training.stop)
            except KeyboardInterrupt as stop:
                stop.args = (interruption(training),)
                raise
            finally:
                progress.stop()
                loader.close()
                run.close_tables()
            if group.rank == 0:
                training.why = training.why or f"all {training.epochs} epochs are done"
                if training.rows:
                    run.drop_state(training)
                    training.conclude(scorer.score_file(training.best))
                    plots.draw_results(training.rows, training.best_epoch, training.results, data.val)
        call("on_train_end", training)
        call("teardown", training)
        training.release()
        devices.leave()
    return training


def plan_epochs(training: Training, hours: float) -> int:
    """Return how many epochs fit into the time, going by those that are finished."""
    done = len(training.rows)
    left = hours * 3600 - training.seconds
    return done + max(math.ceil(left / (training.seconds / done)), 0)


def summarise(training: Training) -> dict[str, Any]:
    """Return what the run's manifest says at the end."""
    return {"counts": {"epochs": len(training.rows)}, "notes": [training.why] if training.why else []}


def interruption(training: Training) -> str:
    """Return how a training that the user stopped goes on, for its message."""
    if not training.kept:
        return f"stopped in the first epoch; nothing was kept in {training.save_dir} yet"
    return (
        f"stopped in epoch {training.kept + 1}; {training.last} holds the {training.kept} before it. "
        f"Go on with: poise train --resume {training.last}"
    )
