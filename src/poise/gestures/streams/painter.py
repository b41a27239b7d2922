"""Gestures drawn on frames: skeletons, what each hand and body shows, and what just began."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from poise.drawing import draw, draw_label, draw_zone_labels, label_size, place_label
from poise.frames import Image, Media, continues
from poise.geometry import Floats
from poise.gestures.events import UNKNOWN, Gesture, GestureEvent
from poise.results import Results

if TYPE_CHECKING:
    from poise.gestures.streams.frames import GestureFrame

# Plates of labels, BGR; a body's is blue, so that it is not taken for a hand's.
_HAND_LABEL, _BODY_LABEL = (60, 200, 250), (220, 160, 60)
# Seconds that the last events stay, and how many.
_SHOWN_S, _SHOWN = 2.0, 4
# Nose, eyes and ears of coco17: no label is put on a face where there is another place.
_FACE, _MIN_FACE = slice(0, 5), 0.3


class GesturePainter:
    """Draws one source after the other.

    The names of gestures stand beside hands and bodies, "left" and "right" with those of hands; "unknown" is not
    written. What began or ended in the last two seconds stands at the bottom left.
    """

    def __init__(self) -> None:
        self._media: Media | None = None
        self._recent: list[GestureEvent] = []

    def paint(self, seen: GestureFrame) -> Results:
        """Return the frame with everything drawn on it, and no instances.

        Raises:
            ValueError: No model has looked at it: it only says what ended with its source.
        """
        self.take(seen)
        return self.draw(seen)

    def take(self, seen: GestureFrame) -> None:
        """Remember what began and ended in a frame, which need not be drawn; called once a frame, in order."""
        if not continues(seen.frame.media, self._media, scene=False):
            self._media, self._recent = seen.frame.media, []
        now = seen.frame.time
        self._recent = [one for one in (*self._recent, *seen.events) if 0 <= now - one.time < _SHOWN_S][-_SHOWN:]

    def draw(self, seen: GestureFrame) -> Results:
        """Return the frame that was taken last with everything drawn on it, and no instances.

        Raises:
            ValueError: No model has looked at it: it only says what ended with its source.
        """
        base = seen.bodies if seen.bodies is not None else seen.hands
        if base is None:
            raise ValueError("this frame only says what ended with its source; there is nothing to draw")
        now = seen.frame.time
        image = np.array(seen.frame.image)
        for result in (seen.bodies, seen.hands):
            if result is not None and len(result):
                image = draw(result, image=image, boxes=False, labels=False)
        draw_names(image, seen.hands, seen.bodies, seen.gestures)
        if self._recent:
            # Each fades in its second half.
            said = [(format_event(one), 2 - 2 * max(0.0, now - one.time) / _SHOWN_S) for one in self._recent]
            draw_zone_labels(image, {}, {}, said=said)
        return base[:0].replace(orig_img=image)


def draw_names(image: Image, hands: Results | None, bodies: Results | None, gestures: Sequence[Gesture]) -> None:
    """Write what is shown beside hands and bodies, off faces and off each other; "unknown" is not written.

    Args:
        image: Is drawn on.
        hands: Of the frame.
        bodies: Of the frame.
        gestures: One a row of these.
    """
    height, width = image.shape[:2]
    size = max(12.0, min(height, width) / 30)
    taken = _faces(bodies)
    for one in gestures:
        result = bodies if one.part == "body" else hands
        if one.gesture == UNKNOWN or result is None:
            continue
        words = _words(one)
        box = np.asarray(result.boxes.xyxy[one.row]).tolist()
        place = place_label((height, width), box, label_size(words, size), taken)
        draw_label(image, place[:2], words, _BODY_LABEL if one.part == "body" else _HAND_LABEL, size)
        taken = np.vstack([taken, place])


def format_event(event: GestureEvent) -> str:
    """Return one line that people read."""
    who = "" if event.id is None else f"#{event.id} "
    return f"{event.time:.1f} s  {who}{event.part.replace('_', ' ')}  {event.gesture}  {event.state}"


def _words(one: Gesture) -> str:
    side = "" if one.part == "body" else one.part.removesuffix("_hand") + " "
    return f"{side}{one.gesture} {one.conf:.2f}"


def _faces(bodies: Results | None) -> Floats:
    """Return ``(N, 4)`` boxes of the faces of bodies, pixels."""
    boxes: list[Sequence[float]] = []
    if bodies is not None and bodies.skeleton.name == "coco17" and bodies.keypoints.conf is not None:
        seen = np.asarray(bodies.keypoints.conf)[:, _FACE] >= _MIN_FACE
        for points, rows in zip(np.asarray(bodies.keypoints.xy, dtype=np.float64)[:, _FACE], seen, strict=True):
            if rows.sum() >= 2:
                low, high = points[rows].min(axis=0), points[rows].max(axis=0)
                half = (high - low).max() * 0.7
                middle = (low + high) / 2
                boxes.append([*(middle - half), *(middle + half)])
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)
