"""Gestures as events, beside falls and zones in one stream."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from poise.drawing import draw, draw_label, label_size, place_label
from poise.frames import Frame, Image, Media
from poise.gesturing.hands import HandFinder, owners, points_of_bodies, wrist_squares
from poise.motion.events import Event
from poise.motion.gestures import UNKNOWN, Gesture, GestureEvent, GestureRecognizer
from poise.results import Results

if TYPE_CHECKING:
    from poise.model import Pose

# Plates of labels, BGR; those of `poise gestures`.
_HAND_LABEL, _BODY_LABEL = (60, 200, 250), (220, 160, 60)


class GestureWatch:
    """Says when a gesture of a tracked body or of a hand begins and ends.

    Events: ``NAME.on`` and ``NAME.off``, such as ``thumb_up.on`` (value: ``left_hand``, ``right_hand`` or ``body``;
    left is the person's own). Hands have the id of the body whose wrist they are at, None without one. How late they
    are said: see :class:`poise.motion.gestures.GestureEvents`.

    Pictures that stand alone have no time in which a gesture could begin, so nothing is said of them.

    Args:
        set: As for :class:`poise.GestureRecognizer`: the default is hands and body. Or a recogniser with settings of
            your own.
        hands: The model of hands; made when the first frame comes, and only if the set has gestures of hands.
        mirrored: The pictures are mirrored, as selfie cameras give them.

    Attributes:
        recognizer: Says what each frame shows.
        notes: What the user may want to know, one sentence each.
        gestures: What the last frame shows, one a hand and body, ``unknown`` included.

    Raises:
        ValueError: There is no such set; with the nearest name.
        FormatError: A file is wrong: its line, what was found, what was expected.
    """

    def __init__(
        self,
        set: str | Path | Sequence[str | Path] | GestureRecognizer | None = None,
        *,
        hands: Pose | None = None,
        mirrored: bool = False,
    ) -> None:
        self.recognizer = set if isinstance(set, GestureRecognizer) else GestureRecognizer(set, mirrored=mirrored)
        self.notes = self.recognizer.conflicts
        self.gestures: list[Gesture] = []
        self._hands = hands
        self._finder: HandFinder | None = None
        self._media: Media | None = None
        self._last = (0.0, 0)
        self._seen: tuple[Results | None, Results | None] = (None, None)

    def update(self, result: Results) -> list[Event]:
        """Take the next frame, with its picture if gestures of hands are wanted.

        Raises:
            ValueError: The set has gestures of bodies, and the skeleton is none that it knows.
        """
        if result.media is not self._media:
            self.recognizer.reset()
            self._media = result.media
        self._last = (result.time, result.frame)
        hands = self._find(result) if "hand" in self.recognizer.parts else None
        bodies = result if "body" in self.recognizer.parts else None
        self._seen = (hands, bodies)
        shown = [one for one in (hands, bodies) if one is not None]
        if result.media.kind == "image":
            self.gestures = [gesture for one in shown for gesture in self.recognizer.recognize(one)]
            return []
        ids = [_owned(hands, result)] if hands is not None else []
        ids += [_ids(result)] if bodies is not None else []
        self.gestures = self.recognizer.update(*shown, ids=ids)
        return [_event(one, result.frame) for one in self.recognizer.events]

    def finish(self) -> list[Event]:
        """End the gestures that are on, and forget everything."""
        time, frame = self._last
        events = [_event(one, frame) for one in self.recognizer.finish(time)]
        self.recognizer.reset()
        self._media, self.gestures, self._seen = None, [], (None, None)
        return events

    def paint(self, image: Image) -> Image:
        """Return the picture of the last frame with its hands and the names of gestures drawn on."""
        hands, bodies = self._seen
        if hands is not None and len(hands):
            image = draw(hands, image=image, boxes=False, labels=False)
        height, width = image.shape[:2]
        size = max(12.0, min(height, width) / 28)
        taken = np.empty((0, 4))
        for one in self.gestures:
            result = bodies if one.part == "body" else hands
            if one.gesture == UNKNOWN or result is None:
                continue
            words = f"{one.gesture} {one.conf:.2f}"
            box = np.asarray(result.boxes.xyxy[one.row]).tolist()
            place = place_label((height, width), box, label_size(words, size), taken)
            draw_label(image, place[:2], words, _BODY_LABEL if one.part == "body" else _HAND_LABEL, size)
            taken = np.vstack([taken, place])
        return image

    def _find(self, result: Results) -> Results:
        if self._finder is None:
            if self._hands is None:
                from poise.model import Pose

                self._hands = Pose("hands")
            self._finder = HandFinder(self._hands)
        frame = Frame(result.orig_img, result.media, result.frame, result.time)
        return self._finder.find(frame, result if _has_wrists(result) else None)


def _has_wrists(result: Results) -> bool:
    """Return whether a result says where hands are, and whose."""
    return len(result) > 0 and result.skeleton.name == "coco17"


def _owned(hands: Results, bodies: Results) -> list[int | None]:
    """Return the id of the body that each hand belongs to."""
    if not _has_wrists(bodies):
        return [None] * len(hands)
    known = _ids(bodies)
    return [None if row is None else known[row] for row in owners(hands, wrist_squares(*points_of_bodies(bodies)))]


def _ids(bodies: Results) -> list[int | None]:
    number = bodies.boxes.id
    return [None] * len(bodies) if number is None else np.asarray(number).astype(int).tolist()


def _event(one: GestureEvent, frame: int) -> Event:
    return Event(one.time, frame, one.id, f"{one.gesture}.{one.state}", one.part, one.conf)
