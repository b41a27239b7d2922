"""What a training leaves on the disk: after every epoch, and at its end."""

from __future__ import annotations

import math

from poise.networks import Checkpoint
from poise.training import checkpoints
from poise.training.assembly import Parts, snapshot
from poise.training.state import Training


def describe(training: Training) -> Checkpoint:
    """Say what the averaged network is."""
    return checkpoints.describe(
        training.ema.network,
        training.data.spec,
        path=training.last,
        imgsz=training.args.imgsz,
        args=training.args.table(),
        metrics=training.metrics,
        rows=training.rows,
    )


def keep(training: Training, parts: Parts) -> None:
    """Write ``last.pt``, ``best.pt`` if it is the best, and the tables.

    The state to go on is written last: whatever breaks before, the training goes on from an epoch that is whole.

    Raises:
        PoiseError: The disk is full or not writable; what was written before is still there.
    """
    average = training.ema.network
    about = describe(training)
    done = len(training.rows)
    if training.best_epoch == done or not training.best_epoch:
        checkpoints.write(training.best, checkpoints.finished(about, average))
    period = training.args.save_period
    if period > 0 and done % period == 0:
        checkpoints.write(training.wdir / f"epoch{done}.pt", checkpoints.finished(about, average))
    parts.tables.write()
    state = snapshot(training, parts.precision, checkpoints.random_state())
    checkpoints.write(training.last, checkpoints.unfinished(about, state))
    training.kept = done


def finish(training: Training, parts: Parts) -> None:
    """Measure the best checkpoint as it lies on the disk, take the state out of ``last.pt``, and say why it ended."""
    if training.rows:
        checkpoints.strip(training.last)
        final = parts.scorer.of_file(training.best)
        training.results = final.metrics
        if not math.isnan(final.fitness):
            training.metrics, training.fitness = final.results, final.fitness
        parts.plots.finish(training.rows, training.best_epoch, final.metrics, training.data.val)
    training.why = training.why or f"all {training.epochs} epochs are done"
