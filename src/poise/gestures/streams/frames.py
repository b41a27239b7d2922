"""Gestures from any source, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from poise.errors import SourceError
from poise.frames import Frame, Media, continues
from poise.gestures.events import Gesture, GestureEvent
from poise.gestures.recognizer import GestureRecognizer
from poise.gestures.streams.hand_finder import MIN_HAND, HandFinder
from poise.results import Results
from poise.tracking import Tracker

if TYPE_CHECKING:
    from poise.model import Pose

# What ``Pose.track`` and ``Pose.predict`` ask of an instance: an unlikely one can continue a track.
_MIN_TRACKED, _MIN_BODY = 0.1, 0.25


@dataclass(frozen=True, slots=True, eq=False)
class GestureFrame:
    """What one frame showed.

    Attributes:
        frame: Its picture.
        hands: Results of the hand model; None where no gesture of a hand is wanted.
        bodies: Results of the body model; None where there was none. Both are None where a source ends: then it is
            its last frame again, with what ended.
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


def watch_gestures(
    source: Any,
    recognizer: GestureRecognizer,
    *,
    hands: Pose | None,
    body: Pose | None,
    on_error: Callable[[SourceError], object] | None = None,
    vid_stride: int = 1,
) -> Generator[GestureFrame]:
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
    results: Iterable[Results]
    if body is not None:
        finder = None if hands is None else HandFinder(hands)
        results = track_bodies(body, source, wanted)
    elif hands is not None:
        finder, results = None, hands.predict(source, conf=MIN_HAND, **wanted)
    else:
        raise ValueError("watch_gestures() needs a hand model, a body model or both")
    media: Media | None = None
    shown: Frame | None = None
    for result in results:
        frame = Frame(result.orig_img, result.media, result.frame, result.time)
        if not continues(frame.media, media, scene=False):
            if shown is not None and (ended := recognizer.finish(shown.time)):
                yield GestureFrame(shown, None, None, _made(ended), ended)
            recognizer.reset()
            media = frame.media
        bodies = result if body is not None else None
        found = result if body is None else finder.find(frame, bodies) if finder else None
        yield _recognize_frame(recognizer, frame, found, bodies)
        shown = frame
    if shown is not None and (ended := recognizer.finish(shown.time)):
        yield GestureFrame(shown, None, None, _made(ended), ended)


def _made(ended: Sequence[GestureEvent]) -> list[Gesture]:
    """Return the movements that were over with the last frame."""
    return [Gesture(one.part, one.gesture, one.conf, one.id) for one in ended if one.state == "on"]


def _recognize_frame(
    recognizer: GestureRecognizer, frame: Frame, hands: Results | None, bodies: Results | None
) -> GestureFrame:
    shown = [one for one in (hands, bodies) if one is not None]
    if frame.media.kind == "image":
        # A tracker takes pictures for one scene; here each stands alone, and nobody in it has an id.
        gestures = [replace(gesture, id=None) for gesture in recognizer.recognize(*shown)]
        return GestureFrame(frame, hands, bodies, gestures, [])
    gestures = recognizer.update(*shown)
    return GestureFrame(frame, hands, bodies, gestures, recognizer.events)


def track_bodies(body: Pose, source: Any, wanted: dict[str, Any]) -> Iterator[Results]:
    """Find bodies, in video with ids."""
    tracker = Tracker()
    media: Media | None = None
    for result in body.predict(source, conf=_MIN_TRACKED, **wanted):
        if result.media.kind == "image":
            yield result[np.asarray(result.boxes.conf) >= _MIN_BODY]
            continue
        if not continues(result.media, media):
            tracker.reset()
        media = result.media
        yield tracker.update(result)
