"""From a source to actions: what is found in each frame, what follows of it, and how long that took."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

from poise.errors import SourceError
from poise.frames import Frame
from poise.live import Stream, StreamSettings
from poise.model import Pose
from poise.play.action import Action
from poise.play.controller import BodyController
from poise.play.latency import FrameAge, LatencyMeter
from poise.play.sinks import ActionSink
from poise.results import Results
from poise.sources import open_source


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """One frame of a game.

    Attributes:
        frame: Its picture.
        result: The people in it, with ids; None after the last frame.
        actions: What they did.
        milliseconds: From the frame to the actions: what it waited, the network, and everything after it.
    """

    frame: Frame
    result: Results | None
    actions: list[Action]
    milliseconds: float


def play(
    source: Any,
    controller: BodyController,
    *,
    model: Pose,
    sinks: Sequence[ActionSink] = (),
    player: int | None = None,
    meter: LatencyMeter | None = None,
    on_error: Callable[[SourceError], None] | None = None,
    vid_stride: int = 1,
) -> Generator[Played]:
    """Follow a source, and hand what players do to sinks.

    However it ends, what is down is let go: a game is not left with a key that is stuck. A sink that fails ends it too;
    the others still hear of everything.

    Args:
        source: As for ``Pose.predict``; of a camera always the newest frame.
        controller: Says what is done.
        model: Finds bodies; any skeleton with the points of coco17.
        sinks: Where actions go.
        player: Only this player's actions, from 1; None: those of all.
        meter: Takes the latency of each press and move.
        on_error: Called with what cannot be read, instead of a line in the log.
        vid_stride: Read every n-th frame of a video.

    Raises:
        SourceError: The source cannot be read.
        Exception: What a sink raised.
    """
    meter = LatencyMeter() if meter is None else meter
    age = FrameAge()
    # No filter: what steadies points also delays them, and the controller looks at many frames at once.
    stream = Stream(StreamSettings(smooth=False), model=model)
    frame: Frame | None = None

    failed: list[ActionSink] = []

    def send(actions: Sequence[Action]) -> list[Action]:
        wanted = [one for one in actions if player in (None, one.player)]
        first: Exception | None = None
        for one in wanted:
            for sink in sinks:
                try:
                    sink.send(one)
                except Exception as error:  # noqa: BLE001 - raised below, after the other sinks
                    # What a sink that has failed says of letting go was said already.
                    if sink not in failed:
                        failed.append(sink)
                        first = first or error
        if first is not None:
            raise first
        return wanted

    key = None
    try:
        with open_source(source, on_error=on_error, vid_stride=vid_stride) as frames:
            for frame in frames:
                came = clock.perf_counter()
                waited = age.of(frame.time, came) if frame.media.kind == "stream" else 0.0
                if key is not None and frame.media.key != key:
                    send(controller.finish())
                    stream.reset()
                    age = FrameAge()
                key = frame.media.key
                result = stream.process(frame.image, frame.time).result
                wanted = send(controller.update(result))
                took = (clock.perf_counter() - came + waited) * 1e3
                for one in wanted:
                    if one.state in ("press", "move"):
                        meter.add(took)
                yield Played(frame, result, wanted, took)
        if frame is not None and (last := send(controller.finish())):
            yield Played(frame, None, last, 0.0)
    finally:
        send(controller.finish())
