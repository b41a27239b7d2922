"""What stops a training before it spoils something: losses that are no numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from poise.errors import PoiseError
from poise.training.batch import Batch
from poise.training.frozen import FeatureBatch
from poise.training.losses import Losses


class Guard:
    """Watches the losses of an epoch.

    On a GPU it looks at a loss one batch later, when the number is there anyway: asking at once would make the CPU wait
    for every step.

    Args:
        folder: Where the batch is written that gave no number.
        late: Look one batch later.
    """

    def __init__(self, folder: Path, *, late: bool) -> None:
        self._folder, self._late = folder, late
        self._waiting: tuple[Losses, Batch | FeatureBatch, int] | None = None

    def watch(self, losses: Losses, batch: Batch | FeatureBatch, epoch: int) -> None:
        """Take note of a batch's losses.

        Raises:
            PoiseError: They are not numbers; the batch is kept in a file.
        """
        ready = self._waiting if self._late else (losses, batch, epoch)
        self._waiting = (losses, batch, epoch) if self._late else None
        if ready is not None:
            self._check(*ready)

    def finish(self) -> None:
        """Look at the last batch."""
        if self._waiting is not None:
            self._check(*self._waiting)
            self._waiting = None

    def _check(self, losses: Losses, batch: Batch | FeatureBatch, epoch: int) -> None:
        if bool(torch.isfinite(losses.total)):
            return
        file = self._folder / f"bad-batch-epoch{epoch + 1}.npz"
        items = {name: float(value) for name, value in losses.items.items()}
        targets = {name: getattr(batch.targets, name).cpu().numpy() for name in batch.targets.__slots__}
        np.savez_compressed(file, images=batch.images.cpu().numpy(), names=np.array(batch.names), **targets)
        shown = ", ".join(f"{name} {value:.4g}" for name, value in items.items())
        raise PoiseError(
            f"epoch {epoch + 1}: the loss is not a number ({shown}); the batch ({', '.join(batch.names[:4])}, …) is "
            f"kept in {file}. Often a smaller lr0 or amp=False helps; the last good epoch is in weights/last.pt"
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device, or the machine, had no more memory."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "not enough memory" in str(error)
    )
