"""Read the outputs of a detector that has its own suppression inside: ``dets`` (1, N, 5) and perhaps ``labels``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from poise.errors import FormatError
from poise.estimators.protocols import Floats, Outputs
from poise.runtime import Session


def is_ready(session: Session) -> bool:
    """Whether a network gives boxes with a score each, as MMDeploy (Apache-2.0) exports detectors."""
    return bool(_boxes(session))


def _boxes(session: Session) -> list[str]:
    """Return the outputs that may hold boxes; an export with free axes is known by its name."""
    return [t.name for t in session.outputs if len(t.shape) == 3 and (t.shape[2] == 5 or t.name == "dets")]


class Ready:
    """The outputs of such a network, by name.

    Args:
        session: The network.
        classes: Class numbers that are wanted, where it gives classes.
        family: How errors call it.
    """

    def __init__(self, session: Session, classes: Sequence[int], family: str) -> None:
        boxes = _boxes(session)
        if len(boxes) != 1:
            raise FormatError(f"family {family!r}: expected one output (1, N, 5) of boxes and scores, got {boxes}")
        labels = [t.name for t in session.outputs if t.name == "labels" or (len(t.shape) == 2 and t.dtype.kind == "i")]
        self._boxes, self._labels, self._classes = boxes[0], labels[0] if labels else None, list(classes)

    def read(self, outputs: Outputs) -> tuple[Floats, Floats]:
        """Return ``(N, 4)`` xyxy boxes in input pixels and their ``(N,)`` scores, of the wanted classes."""
        found = np.asarray(outputs[self._boxes], dtype=np.float32)[0]
        # Exports pad their list with boxes of class -1 and score 0.
        if self._labels is not None:
            found = found[np.isin(outputs[self._labels].reshape(-1)[: len(found)], self._classes)]
        return found[:, :4], np.clip(found[:, 4], 0, 1)
