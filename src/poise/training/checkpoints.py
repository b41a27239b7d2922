"""Checkpoints: a torch archive of tensors and plain values, which is whole or not there at all."""

from __future__ import annotations

import io
import json
import os
import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from poise import files
from poise.errors import ModelError, PoiseError
from poise.extras.version import __version__
from poise.files.writing import write_all
from poise.networks import Checkpoint, arrays
from poise.networks.network import Pose26Head
from poise.networks.own import text
from poise.networks.published import read_plain
from poise.networks.sigma import unit_std
from poise.training.callbacks import Training
from poise.training.optimisers import load_optimizer_state
from poise.training.step import Precision


def describe(training: Training) -> Checkpoint:
    """Return what the averaged network is and how it was trained, for its file; without its weights."""
    network, spec, rows = training.ema.network, training.data.spec, training.rows
    head = network.head
    pose26 = isinstance(head, Pose26Head)
    unit: tuple[float, float] | None = None
    if isinstance(head, Pose26Head):
        unit = unit_std(arrays(head.flow_model))
    return Checkpoint(
        source=training.last,
        format="poise",
        family=network.family,
        scale=network.scale,
        names=spec.names,
        kpt_shape=network.kpt_shape,
        skeleton=spec.skeleton,
        weights={},
        branches=("one2many", "one2one") if pose26 else ("one2many",),
        sigma=pose26,
        flow=pose26,
        unit_std=unit,
        imgsz=training.args.imgsz,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        version=__version__,
        description=f"{network.family}{network.scale}-pose trained on {spec.file.name}",
        train_args=training.args.table(),
        train_metrics=training.metrics,
        train_results={key: [row.get(key) for row in rows] for key in (rows[-1] if rows else {})},
    )


def write_archive(path: Path, content: Mapping[str, Any]) -> None:
    """Write an archive; a file that was there stays as it is until the new one is complete and on the disk.

    Raises:
        PoiseError: It cannot be written, with the reason.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        buffer = io.BytesIO()  # torch hides the errors of a disk
        torch.save(dict(content), buffer)
        with part.open("wb", buffering=0) as file:
            write_all(file, buffer.getbuffer())
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException as error:  # a signal may end it at any line
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if not isinstance(error, (OSError, RuntimeError)):
            raise
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        old = path.with_name("last.pt").exists()
        further = "; the last epoch is still there. Make room and go on with --resume" if old else ". Make room first"
        raise PoiseError(f"{path}: cannot be written: {reason}{further}") from error


def usable_content(checkpoint: Checkpoint, network: nn.Module) -> dict[str, Any]:
    """Return what a checkpoint for use holds: what the network is, and its weights in :func:`half_precision`."""
    weights = {key: value.detach().cpu() for key, value in network.state_dict().items()}
    return {"poise": text(checkpoint), "model": half_precision(weights)}


def half_precision(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Turn matrices and kernels into float16.

    What is small, such as the statistics of batch norms, stays float32, as float16 would lose small variances.
    """
    return {k: (v.half() if v.is_floating_point() and v.ndim > 1 else v).contiguous() for k, v in weights.items()}


@dataclass(slots=True)
class ResumeState:
    """What a training needs to go on as if it had never stopped, at the end of an epoch.

    Attributes:
        epoch: Epochs that are finished.
        epochs: Epochs of the whole training.
        args: The settings.
        weights: The network's own weights, not averaged.
        average: The averaged weights.
        updates: Steps that the average has seen.
        optimizer: The optimiser's state.
        scaler: The gradient scaler's state.
        pending: Batches whose gradients wait for a step.
        gradients: These gradients.
        best: Best fitness.
        best_epoch: Its epoch, from 1.
        seconds: Training time until now.
        batch: Pictures of a batch.
        rows: Lines of ``results.csv``.
        random: States of the random number generators.
        architecture: The network's name, such as ``"yolo26n-pose"``.
    """

    epoch: int
    epochs: int
    args: dict[str, Any]
    weights: dict[str, Any]
    average: dict[str, Any]
    updates: int
    optimizer: dict[str, Any]
    scaler: dict[str, Any]
    pending: int
    gradients: dict[str, Any]
    best: float
    best_epoch: int
    seconds: float
    batch: int
    rows: list[dict[str, Any]]
    random: dict[str, Any]
    architecture: str = ""


# What lies under "training" in the file; the averaged weights and the architecture have their own places.
_STATE = tuple(name for name in ResumeState.__dataclass_fields__ if name not in ("average", "architecture"))


def resumable_content(checkpoint: Checkpoint, state: ResumeState) -> dict[str, Any]:
    """Return what ``last.pt`` holds while the training runs: the averaged network for use, and the state to go on."""
    values = {name: getattr(state, name) for name in _STATE}
    return {"poise": text(checkpoint), "model": state.average, "training": values}


def read_state(path: str | Path) -> ResumeState:
    """Read the state of a training from its ``last.pt``; nothing in the file is run.

    Raises:
        ModelError: It is not there, holds no state, or the training is finished.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"{path}: {files.no_file(path)}; resume continues a training from its weights/last.pt")
    content = read_plain(path)
    training = content.get("training") if isinstance(content, dict) else None
    if not isinstance(training, dict) or "model" not in content:
        done = isinstance(content, dict) and "poise" in content
        why = "this training is finished" if done else "not the last.pt of a training by Poise"
        raise ModelError(f"{path}: {why}; to train further from its weights: poise train --model {path} --data …")
    missing = [name for name in _STATE if name not in training]
    if missing:
        raise ModelError(f"{path}: its training state lacks {', '.join(missing)}; the file is of another version")
    try:
        network = json.loads(content["poise"])
        return ResumeState(
            average=_tensors(content["model"]),
            architecture=f"{network['family']}{network['scale']}-pose",
            **{name: _tensors(training[name]) for name in _STATE},
        )
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not the last.pt of a training by Poise: {type(error).__name__}: {error}") from error


def get_random_state() -> dict[str, Any]:
    """Return the states of all random number generators as plain values."""
    version, numbers, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)  # noqa: NPY002
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "python": [version, list(numbers), gauss],
        "numpy": [kind, [int(key) for key in np.asarray(keys)], int(position), int(has_gauss), float(cached)],
    }


def set_random_state(state: Mapping[str, Any]) -> None:
    """Set all random number generators as they were."""
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    kind, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((kind, np.array(keys, np.uint32), position, has_gauss, cached))  # noqa: NPY002


def strip_state(path: Path) -> None:
    """Take the training's state out of a checkpoint whose training is finished."""
    content = read_plain(path)
    if isinstance(content, dict) and "training" in content:
        write_archive(path, {"poise": content["poise"], "model": half_precision(_tensors(content["model"]))})


def _tensors(item: Any) -> Any:
    """Turn arrays into tensors."""
    if isinstance(item, np.ndarray):
        return torch.tensor(item.astype(item.dtype.newbyteorder("="), copy=False))
    if isinstance(item, dict):
        return {key: _tensors(value) for key, value in item.items()}
    if isinstance(item, list):
        return [_tensors(value) for value in item]
    if isinstance(item, tuple):
        return tuple(_tensors(value) for value in item)
    return item


def restore(training: Training, precision: Precision, state: ResumeState) -> None:
    """Bring a training to where it was; its network has its weights already."""
    training.ema.load_state_dict({"updates": state.updates, "weights": state.average})
    load_optimizer_state(training.optimizer, state.optimizer)
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


def snapshot(training: Training, precision: Precision) -> ResumeState:
    """Return all that a training needs to go on."""
    waiting = {n: p.grad for n, p in training.model.named_parameters() if p.grad is not None and training.pending}
    return ResumeState(
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
        random=get_random_state(),
    )


def _cpu(module: nn.Module) -> dict[str, torch.Tensor]:
    return {key: value.detach().cpu() for key, value in module.state_dict().items()}
