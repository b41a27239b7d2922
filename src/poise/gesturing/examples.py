"""Examples to teach gestures from, found in folders of pictures and video."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from poise.errors import SourceError
from poise.frames import Frame
from poise.gesturing.hands import HandFinder
from poise.motion.gestures.examples import Picture

if TYPE_CHECKING:
    from poise.model import Pose

# Points of a body below this are no part of an example.
_MIN_POINT = 0.3


def gather_examples(
    folders: Sequence[str | Path], *, hands: Pose | None, body: Pose, every_s: float = 0.3
) -> list[Picture]:
    """Find the hands, or bodies, in folders of examples.

    Args:
        folders: One a class, named after it; pictures and videos in them.
        hands: ``Pose("hands")`` to learn from hands; None: from bodies.
        body: Finds the bodies, and helps to find hands.
        every_s: Seconds between two frames of a video that become examples; frames in between look alike.

    Raises:
        SourceError: A folder is not there or holds nothing that can be read.
    """
    pictures = []
    for folder in folders:
        path = Path(folder)
        if not path.is_dir():
            raise SourceError(f"{path}: no such folder; expected one folder a gesture, named after it")
        finder = None if hands is None else HandFinder(hands)
        media, taken = None, -np.inf
        for result in body.predict(path, stream=True):
            frame = Frame(result.orig_img, result.media, result.frame, result.time)
            if frame.media is not media:
                media, taken = frame.media, -np.inf
            found = finder.find(frame, result) if finder else result
            if frame.media.kind != "image" and frame.time - taken < every_s:
                continue
            taken = frame.time
            xy, conf = np.asarray(found.keypoints.xy, dtype=np.float64), found.keypoints.conf
            if finder is None and conf is not None:
                xy = np.where(np.asarray(conf)[..., None] >= _MIN_POINT, xy, np.nan)
            pictures.append(Picture(path.name, frame.media.name, xy, np.asarray(found.keypoints.xyz, dtype=np.float64)))
    return pictures
