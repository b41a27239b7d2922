"""The recent paths of tracks, from frame to frame."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from poise.drawing._draw import draw_trails
from poise.drawing._style import Style
from poise.frames import Image, Media, continues
from poise.results import Results

_PLAIN = Style()
_WINDOW = 7
_MOST = 600  # frames kept where time does not advance


class Trails:
    """Remembers where each track was, and draws it.

    A track's place is the middle of its box's lower edge: where it stands.

    Args:
        seconds: Length of a trail.
        style: Colours.
    """

    def __init__(self, *, seconds: float = 2.0, style: Style = _PLAIN) -> None:
        self.seconds = seconds
        self.style = style
        self._frames: deque[tuple[float, NDArray[np.intp], NDArray[np.float64]]] = deque(maxlen=_MOST)
        self._media: Media | None = None

    def add(self, result: Results) -> None:
        """Take the next frame; another video begins new trails."""
        if not continues(result.media, self._media):
            self._frames.clear()
        self._media = result.media
        if result.boxes.id is None:
            return
        ids = np.asarray(result.boxes.id).astype(np.intp)
        box = np.asarray(result.boxes.xyxy, dtype=np.float64)
        self._frames.append((result.time, ids, np.stack([(box[:, 0] + box[:, 2]) / 2, box[:, 3]], axis=1)))
        while self._frames and not 0 <= result.time - self._frames[0][0] <= self.seconds:
            self._frames.popleft()

    def paint(self, image: Image) -> Image:
        """Return a copy of a picture with the trails of the tracks that are in the last frame.

        Args:
            image: ``(H, W, 3)`` uint8 BGR.
        """
        picture = np.array(image)
        draw_trails(picture, self.paths(), style=self.style)
        return picture

    def paths(self) -> dict[int, NDArray[np.float64]]:
        """Return the ``(T, 2)`` paths of the tracks that are in the last frame, pixels; NaN where one was not seen."""
        return {int(i): self._path(i) for i in self._frames[-1][1]} if self._frames else {}

    def _path(self, number: np.intp) -> NDArray[np.float64]:
        """Return the ``(T, 2)`` path of a track; NaN where it was not seen."""
        path = np.full((len(self._frames), 2), np.nan)
        for t, (_, ids, points) in enumerate(self._frames):
            at = np.flatnonzero(ids == number)
            if len(at):
                path[t] = points[at[0]]
        seen = np.flatnonzero(np.isfinite(path[:, 0]))
        path = path[seen[0] :] if len(seen) else path
        # A box trembles; a path does not: the mean of seven frames, of those that there are.
        window = np.ones(min(_WINDOW, len(path)))
        known = np.asarray(np.isfinite(path), dtype=np.float64)
        sums = [np.convolve(column, window, "same") for column in np.where(known > 0, path, 0.0).T]
        counts = [np.convolve(column, window, "same") for column in known.T]
        return np.where(known > 0, np.stack(sums, axis=1) / np.maximum(np.stack(counts, axis=1), 1), np.nan)
