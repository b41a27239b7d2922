"""Gestures from any source, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from poise.drawing import draw, draw_label, label_size, place_label
from poise.errors import SourceError
from poise.frames import Frame, Media
from poise.gesturing.hands import HandFinder, owners, points_of_bodies, wrist_squares
from poise.motion.gestures import UNKNOWN, Gesture, GestureEvent, GestureRecognizer
from poise.results import Results

if TYPE_CHECKING:
    from poise.model import Pose

# Plates of labels, BGR.
_HAND_LABEL, _BODY_LABEL = (60, 200, 250), (220, 160, 60)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What one frame showed.

    Attributes:
        frame: Its picture.
        hands: Results of the hand model; None where no gesture of a hand is wanted.
        bodies: Results of the body model; None where there was none.
        gestures: One a hand and body.
        events: What began or ended.
    """

    frame: Frame
    hands: Results | None
    bodies: Results | None
    gestures: list[Gesture]
    events: list[GestureEvent]

    def records(self) -> list[dict[str, Any]]:
        """Return the lines of JSON: one a hand and body."""
        head = {"source": self.frame.media.name, "frame": self.frame.index, "time": round(self.frame.time, 3)}
        return [
            head | {"id": one.id, "part": one.part, "gesture": one.gesture, "conf": round(one.conf, 3)}
            for one in self.gestures
        ]


def drawn(seen: Seen) -> Results:
    """Return the frame with bodies, hands and the names of their gestures drawn on it, without instances."""
    image = np.array(seen.frame.image)
    height, width = image.shape[:2]
    size = max(12.0, min(height, width) / 28)
    taken = np.empty((0, 4))
    for result in (seen.bodies, seen.hands):
        if result is not None and len(result):
            image = draw(result, image=image, boxes=False, labels=False)
    for one in seen.gestures:
        result = seen.bodies if one.part == "body" else seen.hands
        if one.gesture == UNKNOWN or result is None:
            continue
        words = f"{one.gesture} {one.conf:.2f}"
        box = np.asarray(result.boxes.xyxy[one.row]).tolist()
        place = place_label((height, width), box, label_size(words, size), taken)
        draw_label(image, place[:2], words, _BODY_LABEL if one.part == "body" else _HAND_LABEL, size)
        taken = np.vstack([taken, place])
    base = seen.bodies if seen.bodies is not None else seen.hands
    assert base is not None  # a frame was looked at by at least one model
    return base[:0].replace(orig_img=image)


def watch_gestures(
    source: Any,
    recognizer: GestureRecognizer,
    *,
    hands: Pose | None,
    body: Pose | None,
    on_error: Callable[[SourceError], object] | None = None,
    vid_stride: int = 1,
) -> Generator[Seen]:
    """Find hands and bodies in a source, and say what they show.

    Args:
        source: As for ``Pose.predict``.
        recognizer: Says what is shown; pictures are each looked at alone.
        hands: ``Pose("hands")``, or None to leave hands out.
        body: A model of skeleton coco17, or None: then small hands are missed more often, and nobody has an id.
        on_error: Called with what cannot be read, instead of a line in the log.
        vid_stride: Read every n-th frame of a video.

    Raises:
        ValueError: Neither model is given.
        SourceError: The source cannot be read.
    """
    wanted: dict[str, Any] = {"stream": True, "on_error": on_error, "vid_stride": vid_stride}
    first = body or hands
    if first is None:
        raise ValueError("watch_gestures() needs a hand model, a body model or both")
    finder = None if hands is None else HandFinder(hands)
    media: Media | None = None
    last = 0.0
    for result in followed(first, source, wanted) if body is not None else first.predict(source, **wanted):
        frame = Frame(result.orig_img, result.media, result.frame, result.time)
        if frame.media is not media:
            if media is not None and (ended := recognizer.finish(last)):
                yield Seen(replace(frame, media=media), None, None, [], ended)
            recognizer.reset()
            media = frame.media
        bodies = result if body is not None else None
        found = result if body is None else finder.find(frame, bodies) if finder else None
        yield _say(recognizer, frame, found, bodies)
        last = frame.time
    if media is not None and (ended := recognizer.finish(last)):
        yield Seen(Frame(np.zeros((1, 1, 3), np.uint8), media, 0, last), None, None, [], ended)


def _say(recognizer: GestureRecognizer, frame: Frame, hands: Results | None, bodies: Results | None) -> Seen:
    ids: list[list[int | None]] = []
    shown = [one for one in (hands, bodies) if one is not None]
    known = [] if bodies is None or bodies.boxes.id is None else np.asarray(bodies.boxes.id).astype(int).tolist()
    if hands is not None:
        rows = [None] * len(hands) if bodies is None else owners(hands, wrist_squares(*points_of_bodies(bodies)))
        ids.append([known[row] if row is not None and known else None for row in rows])
    if bodies is not None:
        ids.append(known or [None] * len(bodies))
    if frame.media.kind == "image":
        # A tracker takes pictures for one scene; here each stands alone, and nobody in it has an id.
        gestures = [replace(gesture, id=None) for one in shown for gesture in recognizer.recognize(one)]
        return Seen(frame, hands, bodies, gestures, [])
    gestures = recognizer.update(*shown, ids=ids)
    return Seen(frame, hands, bodies, gestures, recognizer.events)


def followed(body: Pose, source: Any, wanted: dict[str, Any]) -> Iterator[Results]:
    """Find bodies, with ids where a tracker is installed; pictures have none."""
    from poise.errors import MissingExtra

    track = getattr(body, "track", None)
    if track is not None:
        try:
            yield from track(source, **wanted)
            return
        except MissingExtra as error:
            if "lap" not in str(error):
                raise
    yield from body.predict(source, **wanted)
