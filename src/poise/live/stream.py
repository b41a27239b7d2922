"""One live stream: pictures in, answers out, with everything that it remembers of one source in one object."""

from __future__ import annotations

import time as clock
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any

from poise.estimators import Memories, Options, estimate_stream
from poise.events import Event, EventStream, FallWatch, PostureWatch, ZoneWatch, read_zones
from poise.events.event import Detector
from poise.filters import Smoother
from poise.frames import Frame, Image, Media, as_image
from poise.gestures import Gesture, GestureRecognizer, GestureWatch
from poise.gestures.events import UNKNOWN
from poise.live.settings import StreamSettings
from poise.model import Pose
from poise.reps import RepWatch
from poise.results import Results
from poise.sinks import record
from poise.tracking import Tracker

if TYPE_CHECKING:
    from collections.abc import Sequence

# The longest step back in time that is taken for frames out of order; a longer one begins another source.
_BACK_S = 1.0
# The latest time of a frame, seconds: the year 5138 on the clock of Unix. Milliseconds in place of seconds are beyond.
_LATEST_S = 1e11


def frame_time(time: Any) -> float:
    """Return the time of a frame, seconds.

    Raises:
        TypeError: No number.
        ValueError: Not finite, or so large that frames could not be told apart.
    """
    if isinstance(time, bool) or not isinstance(time, Real):
        raise TypeError(f"the time of a frame must be seconds, got {str(time)[:40]!r}")
    try:
        seconds = float(time)
    except OverflowError:
        seconds = float("inf")
    if not abs(seconds) <= _LATEST_S:
        told = f"{str(time)[:40]}; expected {-_LATEST_S:g} to {_LATEST_S:g}"
        raise ValueError(f"the time of a frame must be seconds, got {told}")
    return seconds


@dataclass(frozen=True, slots=True)
class RepCount:
    """How far one person is.

    Attributes:
        id: Track id.
        exercise: What they do, ``"none"`` as long as it was not recognised.
        count: Repetitions so far.
        progress: From 0 (rest) to 1 (effort), now.
    """

    id: int
    exercise: str
    count: int
    progress: float

    def record(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "id": self.id,
            "exercise": self.exercise,
            "count": self.count,
            "progress": round(self.progress, 3),
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What a stream says of one frame.

    Attributes:
        result: The people, with ids, steadied.
        hands: The hands, where gestures of hands are looked for.
        reps: How far everybody is who is counted.
        gestures: What hands and bodies show in this frame; ``unknown`` is left out.
        events: What happened.
        speed: Milliseconds for ``preprocess``, ``inference`` and ``postprocess`` of the network, and ``after``:
            tracker, filter, counters and what else looks at the result.
    """

    result: Results
    hands: Results | None = None
    reps: tuple[RepCount, ...] = ()
    gestures: tuple[Gesture, ...] = ()
    events: tuple[Event, ...] = ()
    speed: dict[str, float] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """Return plain values, for JSON; ``result`` and ``hands`` are those of ``poise predict --json``."""
        return {
            "result": record(self.result),
            "hands": None if self.hands is None else record(self.hands),
            "reps": [one.record() for one in self.reps],
            "gestures": [
                {"id": one.id, "part": one.part, "gesture": one.gesture, "conf": round(one.conf, 3), "row": one.row}
                for one in self.gestures
            ],
            "events": [one.record() for one in self.events],
            "speed": {name: round(value, 3) for name, value in self.speed.items()},
        }


class Stream:
    """Follows one source frame by frame: who is who, repetitions, gestures, falls, postures and zones.

    Everything that is remembered belongs to this object; the networks are shared. So a server has one ``Stream`` for
    each client, and no two of them know of each other. One stream takes one frame at a time; several streams may run
    in threads of their own.

    Args:
        settings: What to look for.
        model: The opened model of ``settings.model``; opened here unless given.
        hands: The opened hand model; opened with the first frame unless given, and only if it is needed.
        name: What results call their source.

    Raises:
        ModelError: The model is not known, or cannot be used.
        ValueError: The model's skeleton is not one that the settings can be used with.

    Example:
        >>> from poise import samples
        >>> from poise.sources import open_source
        >>> stream = Stream(StreamSettings(model="body-fast", reps="auto"))
        >>> answers = [stream.process(frame.image, frame.time) for frame in open_source(samples.squats)]
        >>> answers[-1].reps[0].exercise, answers[-1].reps[0].count
        ('squat', 4)
    """

    def __init__(
        self,
        settings: StreamSettings | None = None,
        *,
        model: Pose | None = None,
        hands: Pose | None = None,
        name: str = "stream",
    ) -> None:
        self.settings = settings or StreamSettings()
        self.model = Pose(self.settings.model) if model is None else model
        self._hands = hands
        self._name = name
        self._options = Options(conf=self.settings.conf, imgsz=self.settings.imgsz, max_det=self.settings.max_det)
        self._tracker = Tracker(self.settings.tracker)
        self._smoother = Smoother(self.settings.smooth) if self.settings.smooth else None
        self._reps, self._gestures, watches = self._watches()
        self._events = EventStream(watches)
        self._begin()

    def process(self, image: Any, time: float | None = None) -> Answer:
        """Take the next frame.

        Args:
            image: ``(H, W, 3)`` uint8 BGR.
            time: When it was taken, seconds; None: now. A frame that is not after the last is taken for one just
                after it; one more than a second before begins another source.

        Raises:
            TypeError, ValueError: Not a picture, or no time; the stream is as it was before.
        """
        frame = self._frame(as_image(image, name=self._name), None if time is None else frame_time(time))
        result = next(iter(estimate_stream([frame], self.model.estimator, self._options, memories=self._memories)))
        started = clock.perf_counter()
        speed = dict(result.speed)
        result = self._tracker.update(result)
        if self._smoother is not None:
            result = self._smoother.update(result)
        events = self._events.update(result)
        gestures = () if self._gestures is None else self._gestures.gestures
        speed["after"] = (clock.perf_counter() - started) * 1e3
        return Answer(
            result,
            None if self._gestures is None else self._gestures.hands,
            self._counts(),
            tuple(one for one in gestures if one.gesture != UNKNOWN),
            tuple(events),
            speed,
        )

    def finish(self) -> list[Event]:
        """End what is going on, because the source ends, and forget everything."""
        events = self._events.finish()
        self.reset()
        return events

    def reset(self) -> None:
        """Forget everything: the next frame is the first of another source."""
        self._events.reset()
        self._tracker.reset()
        if self._smoother is not None:
            self._smoother.reset()
        self._begin()

    def _begin(self) -> None:
        self._memories = Memories(scene=True)
        self._media = Media(self._name, kind="frames")
        self._index = -1
        self._time = 0.0
        self._clock: float | None = None
        self._size: tuple[int, int] | None = None

    def _frame(self, image: Image, time: float | None) -> Frame:
        """Give a picture its number and its time; pictures of another size are another source."""
        size = (image.shape[0], image.shape[1])
        back = time is not None and self._index >= 0 and time < self._time - _BACK_S
        if back or (self._size is not None and size != self._size):
            self.reset()
        self._size = size
        now = clock.monotonic()
        if time is None:
            self._clock = now if self._clock is None else self._clock
            time = now - self._clock
        if self._index >= 0:
            time = max(time, self._time + 1e-3)
        self._index, self._time = self._index + 1, time
        return Frame(image, self._media, self._index, time, time_from="given")

    def _watches(self) -> tuple[RepWatch | None, GestureWatch | None, Sequence[Detector]]:
        """Return the detectors that the settings ask for."""
        wanted = self.settings
        watches: list[Detector] = [ZoneWatch(read_zones("zones", wanted.zones))] if wanted.zones else []
        watches += [FallWatch()] if wanted.falls else []
        watches += [PostureWatch()] if wanted.posture else []
        reps = RepWatch(wanted.reps) if wanted.reps else None
        gestures = None
        if wanted.gestures:
            recognizer = GestureRecognizer(list(wanted.gestures), mirrored=wanted.mirrored)
            recognizer.check_body(wanted.model, self.model.skeleton.name)
            gestures = GestureWatch(recognizer, hands=self._hands)
        watches += [one for one in (reps, gestures) if one is not None]
        return reps, gestures, watches

    def _counts(self) -> tuple[RepCount, ...]:
        if self._reps is None:
            return ()
        counter = self._reps.counter
        states = ((number, counter.state(number)) for number in counter.counts)
        return tuple(RepCount(number, one.exercise, one.count, one.progress) for number, one in states)
