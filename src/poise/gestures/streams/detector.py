"""Gestures as events, beside falls and zones in one stream."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from poise.drawing import draw
from poise.events.event import Event
from poise.frames import Frame, Image, Media, continues
from poise.gestures.events import Gesture, GestureEvent
from poise.gestures.recognizer import GestureRecognizer
from poise.gestures.streams.hand_finder import HandFinder
from poise.gestures.streams.painter import draw_names
from poise.results import Results

if TYPE_CHECKING:
    from poise.model import Pose


class GestureWatch:
    """Says when a gesture of a tracked body or of a hand begins and ends.

    Events: ``NAME.on`` and ``NAME.off``, such as ``thumb_up.on`` (value: ``left_hand``, ``right_hand`` or ``body``;
    left is the person's own). Hands have the id of the body whose wrist they are at, one of their own without one; see
    :class:`poise.gestures.Gesture`. How late they are said: see :class:`poise.gestures.GestureEvents`.

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

    @property
    def hands(self) -> Results | None:
        """The hands of the last frame; None where no gesture of hands is looked for."""
        return self._seen[0]

    def update(self, result: Results) -> list[Event]:
        """Take the next frame, with its picture if gestures of hands are wanted.

        Raises:
            ValueError: The set has gestures of bodies, and the skeleton is none that it knows.
        """
        if not continues(result.media, self._media, scene=False):
            self.recognizer.reset()
        self._media = result.media
        self._last = (result.time, result.frame)
        hands = self._find(result) if "hand" in self.recognizer.parts else None
        # Bodies also say whose a hand is.
        wanted = "body" in self.recognizer.parts or (hands is not None and result.skeleton.name == "coco17")
        bodies = result if wanted else None
        self._seen = (hands, bodies)
        shown = [one for one in (hands, bodies) if one is not None]
        if result.media.kind == "image":
            self.gestures = self.recognizer.recognize(*shown)
            return []
        self.gestures = self.recognizer.update(*shown)
        return [_event(one, result.frame) for one in self.recognizer.events]

    def finish(self) -> list[Event]:
        """End the gestures that are on, and forget everything."""
        time, frame = self._last
        events = [_event(one, frame) for one in self.recognizer.finish(time)]
        self.reset()
        return events

    def reset(self) -> None:
        """Forget everything."""
        self.recognizer.reset()
        self._media, self.gestures, self._seen = None, [], (None, None)

    def paint(self, image: Image) -> Image:
        """Return the picture of the last frame with its hands and the names of gestures drawn on."""
        hands, bodies = self._seen
        if hands is not None and len(hands):
            image = draw(hands, image=image, boxes=False, labels=False)
        draw_names(image, hands, bodies, self.gestures)
        return image

    def _find(self, result: Results) -> Results:
        if self._finder is None:
            if self._hands is None:
                from poise.model import Pose

                self._hands = Pose("hands")
            self._finder = HandFinder(self._hands)
        frame = Frame(result.orig_img, result.media, result.frame, result.time)
        return self._finder.find(frame, result if len(result) and result.skeleton.name == "coco17" else None)


def _event(one: GestureEvent, frame: int) -> Event:
    name = f"{one.gesture}.{one.state}"
    return Event(one.time, frame, one.id, name, one.part, one.conf, start=one.start, end=one.end)
