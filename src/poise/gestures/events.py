"""From a gesture a frame to on and off: debounce, hold time and bounded latency."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

# What is said of anything that is no known gesture.
UNKNOWN = "unknown"
# The class of examples that are no gesture.
NONE = "none"


@dataclass(frozen=True, slots=True)
class Gesture:
    """What one hand or body shows in one frame.

    Attributes:
        part: ``"left_hand"``, ``"right_hand"`` or ``"body"``; left is the person's own.
        gesture: Its name, or ``"unknown"``.
        conf: How sure the recogniser is of what it says, in [0, 1]; of ``"unknown"`` too.
        id: The person's track id; None in pictures and where nobody is tracked. Of a hand near no body's wrist it is
            the hand's own: from 1 where only hands are looked for, from 1,000,001 beside bodies, so that it is nobody
            else's in the video.
        row: Row of the hand or body in the results it was seen in.
        span: Of a taught movement, which is said once, when it is over: when it began and ended, seconds.
    """

    part: str
    gesture: str
    conf: float
    id: int | None = None
    row: int = 0
    span: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class GestureEvent:
    """A gesture begins or ends.

    Attributes:
        state: ``"on"`` or ``"off"``.
        gesture: Its name.
        part: As in :class:`Gesture`.
        id: As in :class:`Gesture`.
        time: When this was said, seconds.
        start: When the gesture was first seen, seconds.
        end: When it was last seen, seconds; of ``"on"`` None.
        conf: The best confidence so far.
    """

    state: Literal["on", "off"]
    gesture: str
    part: str
    id: int | None
    time: float
    start: float
    end: float | None
    conf: float

    def record(self) -> dict[str, object]:
        """Return plain values for a line of JSON."""
        end = None if self.end is None else round(self.end, 3)
        return {
            "event": f"gesture_{self.state}", "gesture": self.gesture, "part": self.part, "id": self.id,
            "time": round(self.time, 3), "start": round(self.start, 3), "end": end, "conf": round(self.conf, 3),
        }  # fmt: skip


@dataclass(slots=True)
class _State:
    shown: str = ""  # what is on
    start: float = 0.0
    last: float = 0.0
    conf: float = 0.0
    next: str = ""  # what may come on
    since: float = 0.0
    frames: int = 0
    looks: int = 0
    next_last: float = 0.0
    next_conf: float = 0.0
    part: str = ""
    id: int | None = None
    end: float | None = None  # of a movement: when it was over


class GestureEvents:
    """Turns what is seen in each frame into on and off, for every hand and body on its own.

    A gesture is on when it has been seen for ``hold_s`` and in ``min_frames`` frames, and off when it has not been
    seen for ``release_s``, or as soon as another one is on. A gap shorter than ``release_s`` neither ends nor repeats
    it. So "on" comes at most ``hold_s`` and one frame after the gesture is first seen without gaps, and "off" at most
    ``release_s`` and one frame after it is last seen.

    Args:
        hold_s: Seconds until it counts. The default is about the shortest gesture that people make on purpose, and
            longer than the one or two frames that a hand passes through another shape.
        release_s: Seconds that a gap may last. The default outlasts the dropouts of the bundled hand model.
        min_frames: Frames until it counts, so that one wrong frame of a slow video does not.
        holds: Seconds for gestures with a hold time of their own, by name.
    """

    def __init__(
        self,
        *,
        hold_s: float = 0.2,
        release_s: float = 0.4,
        min_frames: int = 2,
        holds: Mapping[str, float] | None = None,
    ) -> None:
        if hold_s < 0 or release_s < 0 or min_frames < 1:
            got = f"{hold_s}, {release_s}, {min_frames}"
            raise ValueError(f"hold_s and release_s must be 0 or more and min_frames 1 or more, got {got}")
        self.hold_s, self.release_s, self.min_frames = hold_s, release_s, min_frames
        self._holds = dict(holds or {})
        self._states: dict[Hashable, _State] = {}

    def reset(self) -> None:
        """Forget everything, as a new object does."""
        self._states.clear()

    def update(
        self, seen: Iterable[Gesture], time: float, *, keys: Iterable[Hashable] | None = None
    ) -> list[GestureEvent]:
        """Take the gestures of one frame.

        Args:
            seen: One a hand or body.
            time: Of the frame, seconds; not before that of the last one.
            keys: Who each is; the default is id and part.
        """
        events: list[GestureEvent] = []
        gestures = list(seen)
        names = [(one.id, one.part) for one in gestures] if keys is None else list(keys)
        for state in self._states.values():
            state.looks += 1
        for key, one in zip(names, gestures, strict=True):
            state = self._states.setdefault(key, _State())
            if not state.shown:
                # What began as somebody's ends as theirs, so that each "off" has its "on".
                state.part, state.id = one.part, one.id
            if one.gesture != UNKNOWN:
                self._saw(state, one, time, events)
        for key in list(self._states):
            state = self._states[key]
            # What is seen in fewer than half of the frames is a glimpse, however often it comes back.
            if state.next and (time - state.next_last > self.release_s or 2 * state.frames < state.looks):
                state.next = ""
            if state.shown and time - state.last > self.release_s:
                events.append(_off(state, time))
            if not state.shown and not state.next:
                del self._states[key]
        return events

    def finish(self, time: float) -> list[GestureEvent]:
        """End what is on, because the source ends."""
        events = [_off(state, time) for state in self._states.values() if state.shown]
        self._states.clear()
        return events

    def _saw(self, state: _State, one: Gesture, time: float, events: list[GestureEvent]) -> None:
        if one.span is not None:
            # A whole movement: it counts at once, and again when it is made again.
            if state.shown:
                events.append(_off(state, time))
            state.shown, state.conf, state.last, state.next = one.gesture, one.conf, time, ""
            state.start, state.end = one.span
            events.append(GestureEvent("on", state.shown, state.part, state.id, time, state.start, None, state.conf))
            return
        if one.gesture == state.shown:
            state.last, state.conf, state.next = time, max(state.conf, one.conf), ""
            return
        if one.gesture != state.next:
            state.next, state.since, state.frames, state.looks = one.gesture, time, 0, 1
            state.next_conf = 0.0
        state.frames += 1
        state.next_last, state.next_conf = time, max(state.next_conf, one.conf)
        hold = self._holds.get(one.gesture, self.hold_s)
        # A gesture without a hold time is a whole movement, already seen over several frames.
        enough = self.min_frames if hold else 1
        if time - state.since >= hold - 1e-9 and state.frames >= enough:
            if state.shown:
                events.append(_off(state, time))
            state.part, state.id = one.part, one.id
            state.shown, state.start, state.last, state.conf = one.gesture, state.since, time, state.next_conf
            state.next = ""
            events.append(GestureEvent("on", state.shown, state.part, state.id, time, state.start, None, state.conf))


def _off(state: _State, time: float) -> GestureEvent:
    end = state.last if state.end is None else state.end
    event = GestureEvent("off", state.shown, state.part, state.id, time, state.start, end, state.conf)
    state.shown, state.end = "", None
    return event
