"""What a search finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.results.summary import rounded
from poise.search.index import PoseIndex


@dataclass(frozen=True, slots=True, eq=False)
class Hit:
    """One moment in which somebody stood, sat or moved like what was looked for.

    Attributes:
        source: The picture or video, as the poses' file names it.
        frame: Index of the frame that is most alike; of a movement, its first frame.
        time: Its time, seconds from the start of the source.
        start: Seconds from which the person stands like this, or where the movement begins.
        end: Seconds until which.
        instance: The person's row in the frame.
        id: Track id, None where untracked.
        distance: 0 for the same pose, up to 1.
        like: Which of the people that were looked for it is like, from 0, the largest.
        mirrored: Whether it is like the mirrored one.
        box: ``(4,)`` float32 x1, y1, x2, y2, pixels; NaN where not known.
        xy: ``(P, 2)`` float32 the person's points that were compared, pixels; NaN where not seen.
        weight: ``(P,)`` float32 how well each was seen.
        row: Row in the index.
    """

    source: str
    frame: int
    time: float
    start: float
    end: float
    instance: int
    id: int | None
    distance: float
    like: int
    mirrored: bool
    box: NDArray[np.float32]
    xy: NDArray[np.float32]
    weight: NDArray[np.float32]
    row: int

    def record(self) -> dict[str, Any]:
        """Return it as plain values, as ``poise search --json`` prints them."""
        return {
            "source": self.source,
            "frame": self.frame,
            "time": round(self.time, 6),
            "start": round(self.start, 6),
            "end": round(self.end, 6),
            "instance": self.instance,
            "id": self.id,
            "distance": round(self.distance, 4),
            "like": self.like,
            "mirrored": self.mirrored,
            "box": rounded(self.box, 2),
            "keypoints": rounded(np.concatenate([self.xy, self.weight[:, None]], axis=1), 2),
        }


def hit_of(index: PoseIndex, row: int, *, distance: float, start: float, end: float, like: int, mirrored: bool) -> Hit:
    """Return the hit of one row.

    Args:
        index: Where it is.
        row: Its row.
        distance: To what was looked for.
        start: Seconds.
        end: Seconds.
        like: Whom it is like.
        mirrored: In the mirror.
    """
    xy, weight = index.points(np.array([row]))
    track = int(index.id[row])
    return Hit(
        index.sources[index.source[row]],
        int(index.frame[row]),
        float(index.time[row]),
        start,
        end,
        int(index.instance[row]),
        None if track < 0 else track,
        distance,
        like,
        mirrored,
        index.box[row],
        xy[0],
        weight[0],
        row,
    )
