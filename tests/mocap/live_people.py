"""Frames and people in them, for what follows a camera live."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from live_moments import waving

from poise.frames import Frame, Media
from poise.mocap import MotionFrame
from poise.results import Results
from poise.skeletons import get

PICTURE = np.zeros((100, 200, 3), np.uint8)


def people(
    ids: Sequence[int], time: float = 0.0, *, index: int = 0, sizes: Sequence[float] = (), media: Media | None = None
) -> Results:
    """Return tracked people, 33 points each with xyz, whose boxes have the sizes given."""
    n = len(ids)
    sizes = sizes or [40.0] * n
    boxes = np.array([[10, 10, 10 + s, 10 + s, one, 0.9, 0] for one, s in zip(ids, sizes, strict=True)]).reshape(n, 7)
    xyz = np.zeros((n, 33, 3))
    xyz[:, :, 0] = np.arange(33) / 100
    xyz[:, :, 1] = -0.5
    xyz[:, :, 2] = -0.25
    frame = Frame(PICTURE, media or Media("camera 0", "stream"), index, time)
    return Results.of(
        frame,
        boxes,
        np.full((n, 33, 2), 50.0),
        np.full((n, 33), 0.75),
        skeleton=get("blazepose33"),
        xyz=xyz,
    )


class StandIn:
    """Solves nothing: everybody waves."""

    def update(self, results: Results) -> list[MotionFrame]:
        """Return everybody's moment."""
        ids = [] if results.boxes.id is None else results.boxes.id
        return [waving(results.time, id=int(one)) for one in ids]


def model(found: Sequence[Sequence[int]] | None = None) -> Any:
    """Return a model that finds in each frame the people whose ids are given; None: always person 1."""

    def track(frames: Any, **options: Any) -> Any:
        assert options["stream"]
        for at, frame in enumerate(frames):
            ids = [1] if found is None else found[min(at, len(found) - 1)]
            yield people(ids, frame.time, index=frame.index, media=frame.media)

    return SimpleNamespace(track=track)
