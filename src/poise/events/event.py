"""Events: one kind of line for everything that happens in a stream of results."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from poise.bodies.points import read_points
from poise.errors import PoiseError
from poise.frames import Media, continues
from poise.geometry import Floats
from poise.results import Results

_log = logging.getLogger("poise")

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        time: When it was said, seconds from the start of the source.
        frame: Index of the frame in which it was said.
        id: Track id of who it is about.
        event: What happened, such as ``"fall"`` or ``"door.enter"``.
        value: What belongs to it: a posture, a count, seconds.
        conf: How sure it is, in [0, 1].
        start: When that began which has happened, seconds; None where it has no length.
        end: When it ended, seconds; None while it goes on.
    """

    time: float
    frame: int
    id: int | None
    event: str
    value: Value
    conf: float
    start: float | None = None
    end: float | None = None

    def record(self) -> dict[str, Value]:
        """Return plain values, rounded to milliseconds and thousandths, in the order of the JSON line."""
        value = round(self.value, 3) if isinstance(self.value, float) else self.value
        return {
            "time": round(self.time, 3),
            "frame": self.frame,
            "id": self.id,
            "event": self.event,
            "value": value,
            "conf": round(self.conf, 3),
        }


class Detector(Protocol):
    """Looks at one frame after the other and says what happened."""

    def update(self, result: Results) -> list[Event]:
        """Take the next frame of a source."""
        ...

    def finish(self) -> list[Event]:
        """End what is going on, because the source ends, and forget everything."""
        ...

    def reset(self) -> None:
        """Forget everything, and say nothing."""
        ...


class EventStream:
    """Several detectors as one stream of events.

    Args:
        detectors: Each sees every frame.
        on_event: Called with every event.
    """

    def __init__(self, detectors: Sequence[Detector], *, on_event: Callable[[Event], object] | None = None) -> None:
        self.detectors = list(detectors)
        self._on_event = on_event
        self._media: Media | None = None
        self._told = False

    def update(self, result: Results) -> list[Event]:
        """Take the next frame; another video ends what was going on in the last one.

        Returns:
            What happened; first what ended with the last video.

        Raises:
            PoiseError: A detector failed; with its name and the frame.
            ValueError: A detector cannot look at such results; with its name and the frame.
        """
        events: list[Event] = []
        if result.time_from == "assumed" and not self._told:
            self._told = warn_assumed_times()
        if self._media is not None and not continues(result.media, self._media):
            events += self._finished()
        self._media = result.media
        for detector in self.detectors:
            try:
                events += detector.update(result)
            except PoiseError:
                raise
            except ValueError as error:
                raise ValueError(f"{_name(detector)}, frame {result.frame}: {error}") from error
            except Exception as error:
                what = f"{type(error).__name__}: {error}"
                raise PoiseError(
                    f"{_name(detector)} failed in frame {result.frame} of {result.path}: {what}"
                ) from error
        return self._said(events)

    def finish(self) -> list[Event]:
        """End what is going on, because the stream ends."""
        self._media = None
        return self._said(self._finished())

    def reset(self) -> None:
        """Begin anew, without saying what ended."""
        self._media = None
        for detector in self.detectors:
            # One of the user's own may have been written before there was a reset.
            getattr(detector, "reset", detector.finish)()

    def watch(self, results: Iterable[Results]) -> Iterator[tuple[Results, list[Event]]]:
        """Pass results on, each with what happened in it; what ends with the stream comes with its last frame again."""
        result: Results | None = None
        for result in results:
            yield result, self.update(result)
        if result is not None and (ended := self.finish()):
            yield result, ended

    def _finished(self) -> list[Event]:
        return [event for detector in self.detectors for event in detector.finish()]

    def _said(self, events: list[Event]) -> list[Event]:
        if self._on_event is not None:
            for event in events:
                self._on_event(event)
        return events


class IdLinks:
    """Says whose past a new id continues.

    A tracker that loses somebody for a moment may give them another id. Who appears where somebody as large vanished a
    moment ago, not at the picture's edge, is taken for them.

    Args:
        within_s: Seconds between the last sight of one and the first of the other.
        reach: Heights of the box between their feet, at most.
    """

    def __init__(self, *, within_s: float = 1.0, reach: float = 0.5) -> None:
        self.within_s, self.reach = within_s, reach
        self._last: dict[int, tuple[float, NDArray[np.float64]]] = {}

    def update(self, result: Results, ids: Sequence[int], boxes: Floats) -> dict[int, int]:
        """Return the former id of those new ids that continue one.

        Args:
            result: The frame.
            ids: Of its instances.
            boxes: ``(N, 4)`` xyxy of its instances, pixels.
        """
        links: dict[int, int] = {}
        for box, number in zip(boxes, ids, strict=False):
            if number not in self._last and (old := self._vanished(box, ids, result)) is not None:
                links[number] = old
                del self._last[old]
        for box, number in zip(boxes, ids, strict=False):
            self._last[number] = (result.time, box)
        for number in [n for n, (seen, _) in self._last.items() if result.time - seen > self.within_s]:
            del self._last[number]
        return links

    def clear(self) -> None:
        """Forget everybody."""
        self._last.clear()

    def _vanished(self, box: NDArray[np.float64], ids: Sequence[int], result: Results) -> int | None:
        height, width = result.orig_shape
        tall, foot = box[3] - box[1], np.array([(box[0] + box[2]) / 2, box[3]])
        best, least = None, np.inf
        for number, (_, last) in self._last.items():
            if number in ids or last[0] < 2 or last[2] > width - 2 or last[3] > height - 2:
                continue
            was = last[3] - last[1]
            away = float(np.hypot(*(np.array([(last[0] + last[2]) / 2, last[3]]) - foot)))
            if away < self.reach * max(tall, was) and 0.5 < tall / max(was, 1e-9) < 2 and away < least:
                best, least = number, away
        return best


def _name(detector: Detector) -> str:
    return type(detector).__name__


def warn_assumed_times() -> bool:
    """Log that times are assumed, and return True."""
    _log.warning(
        "frames passed one by one say nothing of their times: 1/30 second each is assumed; pass fps=25 or "
        "time=seconds to predict() or track()"
    )
    return True


def track_ids(result: Results) -> list[int]:
    """Return the ids of a frame's instances.

    Without ids nobody can be followed from frame to frame: then there are none, except that the only instance of a
    frame has id 1.
    """
    if result.boxes.id is not None:
        return [int(i) for i in np.asarray(result.boxes.id)]
    return [1] if len(result) == 1 else []


def points_of(result: Results) -> tuple[Floats, Floats, NDArray[np.float64]]:
    """Return ``(N, K, 2)`` keypoints, ``(N, K)`` conf and ``(N, 4)`` boxes, pixels.

    The conf is 0 where a keypoint is NaN, and 1 for the others where the network gives none.
    """
    xy, conf = read_points(result)
    return xy, conf, np.asarray(result.boxes.xyxy, dtype=np.float64).reshape(-1, 4)
