"""A live movement kept for the end: on disk while it goes on, so that hours of it need no memory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable

import numpy as np

from poise.files.writing import append
from poise.mocap.motion import Motion, MotionFrame
from poise.mocap.rig import Rig

# More is not kept: twenty hours of a body at 30 frames a second.
_MOST_BYTES = 2 * 2**30


class Recording:
    """Keeps the moments of one person, or of several who were followed one after the other.

    Args:
        tell: Is told where something cannot be kept, a sentence each.
        most: Most bytes.

    Attributes:
        source: What is filmed, as the user named it.
    """

    def __init__(self, tell: Callable[[str], None], *, most: int = _MOST_BYTES) -> None:
        self.source = "live"
        self._tell, self._most = tell, most
        # Unbuffered, so that a row is there whole or not at all.
        self._file = tempfile.TemporaryFile(prefix="poise-", buffering=0)  # noqa: SIM115
        self._rig: Rig | None = None
        self._last = float("-inf")
        self._bytes = 0
        self._full = False

    def add(self, frame: MotionFrame) -> None:
        """Keep one moment; one that is not after the last is left out."""
        if self._full or frame.time <= self._last:
            return
        if self._rig is not None and self._rig.bones != frame.rig.bones:
            return
        row = np.concatenate(
            [[frame.time, frame.id], frame.root, frame.contact, frame.trust, frame.rotations.ravel()]
        ).astype(np.float64)
        if self._bytes + row.nbytes > self._most:
            self._stop(f"the recording has {self._most >> 20} MB; what follows is not recorded")
            return
        try:
            append(self._file, row.tobytes())
        except OSError as error:
            self._stop(f"the recording stops here ({error.strerror or error}); what was recorded until now is kept")
            return
        self._rig, self._last = frame.rig, frame.time
        self._bytes += row.nbytes

    def motion(self) -> Motion | None:
        """Return what was kept of the person who was followed longest, with the bones as they were known at the end."""
        if self._rig is None:
            return None
        count = len(self._rig.bones)
        self._file.seek(0)
        rows = np.fromfile(self._file, count=self._bytes // 8).reshape(-1, 7 + 5 * count)
        ids, counts = np.unique(rows[:, 1], return_counts=True)
        best = ids[np.argmax(counts)]
        rows = rows[rows[:, 1] == best]
        notes = ["recorded live: no frame knew those after it"]
        if len(ids) > 1:
            others = ", ".join(f"{one:.0f}" for one in ids if one != best)
            notes.append(f"people {others} were followed too, for a shorter time; they are left out")
        return Motion(
            rig=self._rig,
            times=rows[:, 0],
            root=rows[:, 2:5],
            contact=rows[:, 5:7] > 0,
            trust=rows[:, 7 : 7 + count],
            rotations=rows[:, 7 + count :].reshape(-1, count, 4),
            id=int(best),
            source=self.source,
            notes=tuple(notes),
        )

    def close(self) -> None:
        """Remove it from the disk."""
        self._file.close()

    def _stop(self, why: str) -> None:
        self._full = True
        self._tell(why)
