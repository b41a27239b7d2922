"""Whose movement is sent, where several people are in the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from poise.mocap.motion import MotionFrame
from poise.mocap.points import person_ids
from poise.results import Results

# Out of sight for so long, somebody has left, and another person is followed.
_PATIENCE_S = 1.0
# A person who was asked for by id is missed after so many seconds.
_MISSED_S = 3.0


class Follower:
    """Chooses one person and stays with them.

    Without an id the largest person of the first frame with people in it is chosen, and kept until they have been out
    of sight for a second; then the largest of those who are there.

    Args:
        id: Whom to follow; None: choose.
        tell: Is told when that changes, a sentence each.

    Attributes:
        followed: Id of the person; None before anybody was seen.
    """

    def __init__(self, id: int | None, tell: Callable[[str], None]) -> None:
        self._wanted, self._tell = id, tell
        self.followed: int | None = id
        self._seen: float | None = None
        self._missed = False

    def choose(self, frames: Sequence[MotionFrame], result: Results) -> MotionFrame | None:
        """Return the moment of the person who is followed; None: not in sight.

        Args:
            frames: Of everybody in one picture.
            result: That picture's people, whose boxes tell how large they are.
        """
        for frame in frames:
            if frame.id == self.followed:
                if self._missed:
                    self._missed = False
                    self._tell(f"person {frame.id} is in sight")
                self._seen = result.time
                return frame
        if self._seen is None:
            self._seen = result.time
        gone = result.time - self._seen
        if self._wanted is not None:
            if gone >= _MISSED_S and not self._missed:
                self._missed = True
                others = ", ".join(str(frame.id) for frame in frames) or "nobody"
                self._tell(f"person {self._wanted} is not in sight; in sight: {others}")
            return None
        if not frames or (self.followed is not None and 0 <= gone < _PATIENCE_S):
            return None
        best = _largest(frames, result)
        why = "" if self.followed is None else f": person {self.followed} is out of sight"
        others = f"; {len(frames) - 1} more in sight" if len(frames) > 1 else ""
        if why or others:
            self._tell(f"following person {best.id}{why}{others}")
        self.followed, self._seen = best.id, result.time
        return best


def _largest(frames: Sequence[MotionFrame], result: Results) -> MotionFrame:
    corners = np.asarray(result.boxes.xyxy, dtype=np.float64)
    areas = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    size = dict(zip(person_ids(result), areas.tolist(), strict=True))
    return max(frames, key=lambda frame: size.get(frame.id, 0.0))
