"""From a camera to avatars and other programs: found, solved and sent frame by frame."""

from __future__ import annotations

import logging
import time as clock
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from poise.files.addresses import masked
from poise.mocap.choosing import Follower
from poise.mocap.motion import Motion, MotionFrame
from poise.mocap.pacing import FrameClock, Latency
from poise.mocap.recording import Recording
from poise.mocap.rig import Rig
from poise.mocap.sending import LiveOutput

if TYPE_CHECKING:
    from poise.model import Pose
    from poise.results import Results

_log = logging.getLogger("poise")


class Capture(Protocol):
    """Turns people into movements frame by frame, with what it remembers of those before."""

    def update(self, results: Results) -> list[MotionFrame]:
        """Return the moment of everybody in the next frame."""


@dataclass(frozen=True, slots=True)
class LiveReport:
    """What a live session did.

    Attributes:
        frames: Frames that were looked at.
        moved: Frames in which the person who is followed was in sight.
        skipped: Frames that were left out to stay current.
        packets: Datagrams that were sent, to all receivers together.
        lost: Datagrams that the system did not take.
        latency_ms: Median and 95th percentile from the birth of a frame to its packet; NaN where nothing was sent.
        lag_s: Seconds that movements are shown later on top of that: what smooths them, and at a rate the time between
            two frames.
        motion: What was recorded, where it was asked for and somebody was seen.
    """

    frames: int = 0
    moved: int = 0
    skipped: int = 0
    packets: int = 0
    lost: int = 0
    latency_ms: tuple[float, float] = (float("nan"), float("nan"))
    lag_s: float = 0.0
    motion: Motion | None = None

    def __str__(self) -> str:
        """Say it in one line."""
        words = [f"{self.frames} frames, {self.moved} with the person in sight, {self.packets} packets sent"]
        if self.skipped:
            words.append(f"{self.skipped} frames left out to stay current")
        if self.lost:
            words.append(f"{self.lost} packets lost")
        if self.packets:
            words.append(
                f"camera frame to packet {self.latency_ms[0]:.0f} ms median, {self.latency_ms[1]:.0f} ms at the 95th "
                "percentile"
            )
        if self.lag_s:
            words.append(f"smoothing shows movements {self.lag_s * 1e3:.0f} ms later")
        return "; ".join(words)


def run_live(
    source: Any,
    *,
    capture: Capture,
    vmc: str | Iterable[str] = (),
    osc: str | Iterable[str] = (),
    model: Pose | str = "body-3d",
    id: int | None = None,
    rate: float | None = None,
    rig: Rig | None = None,
    centred: bool = True,
    realtime: bool = True,
    seconds: float | None = None,
    show: bool = False,
    record: Callable[[Motion], object] | None = None,
    tell: Callable[[str], None] = _log.warning,
    each: Callable[[Results, Sequence[MotionFrame]], object] | None = None,
    **options: Any,
) -> LiveReport:
    """Follow one person in a camera or video and let avatars move as they do, until the source ends.

    Ctrl-C ends it too: what is recorded is handed over, receivers and camera are let go, the summary is told, and
    ``KeyboardInterrupt`` goes on.

    Args:
        source: A camera number, ``"webcam"``, an address or a video; see :func:`poise.sources.open_source`.
        capture: What solves: :class:`poise.mocap.LiveCapture`.
        vmc: Receivers of the VMC protocol, ``host`` or ``host:port``, 39539 unless named.
        osc: Receivers of plain points, ``host`` or ``host:port``, 9000 unless named; see :mod:`poise.mocap.points`.
        model: What finds the points in space: a model, or a name from ``poise models``.
        id: Whom to follow, by track id; None: the largest, for as long as they are in sight.
        rate: Send moments so often a second; None: each frame at once. See :class:`LiveOutput`.
        rig: The avatar's own bones.
        centred: Begin at the origin of the avatar's stage.
        realtime: Read a video as a camera: in its own time, leaving out frames that come too late.
        seconds: End after so many seconds of the source.
        show: Show the frames in a window; closing it ends the session.
        record: Is given what was recorded at the end, however it ends; None: nothing is recorded.
        tell: Is told what happens and how it was, a sentence each.
        each: Is given every frame's people and their moments.
        **options: Of :meth:`poise.Pose.track`, such as ``conf``.

    Returns:
        What was done.

    Raises:
        SourceError: The source cannot be read, or broke off for good.
        ValueError: A wrong argument, an address that is none, or a model without xyz.
        PoiseError: There is no such host.
    """
    if seconds is not None and not seconds > 0:
        raise ValueError(f"seconds must be more than 0, got {seconds}")
    session = _Session(
        follower=Follower(id, tell),
        latency=Latency(),
        recording=None,
        tell=tell,
        output=None,
        window=None,
    )
    with ExitStack() as stack:
        session.output = stack.enter_context(LiveOutput(vmc, osc, rate=rate, rig=rig, centred=centred, tell=tell))
        if record is not None:
            session.recording = Recording(tell)
            stack.callback(session.recording.close)
        if show:
            from poise.drawing import LiveWindow

            session.window = LiveWindow(instead="the frames are not shown")
            stack.callback(session.window.close)
        try:
            _follow(session, stack, source, model, capture, realtime, seconds, each, options)
        finally:
            # However it ends, the files are finished.
            motion = None if session.recording is None else session.recording.motion()
            report = session.report(motion)
            if session.frames:
                tell(str(report))
            if record is not None and motion is not None:
                record(motion)
            elif record is not None and session.frames:
                tell("nothing was recorded: nobody was in sight")
    return report


@dataclass(slots=True)
class _Session:
    """What one call of :func:`run_live` works with, and what it counts."""

    follower: Follower
    latency: Latency
    recording: Recording | None
    tell: Callable[[str], None]
    output: LiveOutput | None
    window: Any
    frames: int = 0
    moved: int = 0
    skipped: int = 0
    late: float = 0.0  # seconds that the solver shows movements late, of all frames together

    def report(self, motion: Motion | None) -> LiveReport:
        assert self.output is not None
        return LiveReport(
            frames=self.frames,
            moved=self.moved,
            skipped=self.skipped,
            packets=self.output.sent,
            lost=self.output.lost,
            latency_ms=(self.latency.quantile(0.5), self.latency.quantile(0.95)),
            lag_s=self.output.lag_s + self.late / max(self.moved, 1),
            motion=motion,
        )


def _follow(
    session: _Session,
    stack: ExitStack,
    source: Any,
    model: Pose | str,
    capture: Capture,
    realtime: bool,
    seconds: float | None,
    each: Callable[[Results, Sequence[MotionFrame]], object] | None,
    options: dict[str, Any],
) -> None:
    from poise.model import Pose
    from poise.sources import open_source

    assert session.output is not None
    pose = Pose(model) if isinstance(model, str) else model
    frames = stack.enter_context(open_source(source, on_note=session.tell))
    timed = FrameClock(frames, paced=realtime)
    results: Iterator[Results] = iter(pose.track(iter(timed), stream=True, verbose=False, **options))
    # Closing the generator is what frees the camera when Ctrl-C comes between two frames.
    stack.callback(getattr(results, "close", lambda: None))
    began: float | None = None
    for result in results:
        if began is None:
            began = result.time
            if session.recording is not None:
                session.recording.source = masked(result.media.name)
        if seconds is not None and result.time - began >= seconds:
            break
        moments = capture.update(result)
        chosen = session.follower.choose(moments, result)
        session.output.send(chosen, result)
        session.latency.add((clock.monotonic() - timed.born(result.frame)) * 1e3)
        session.frames += 1
        session.skipped = timed.skipped + frames.dropped
        if chosen is not None:
            session.moved += 1
            session.late += float(getattr(capture, "lag_s", 0.0))
            if session.recording is not None:
                session.recording.add(chosen)
        if each is not None:
            each(result, moments)
        # It is paced already: the window waits for nothing.
        if session.window is not None and not session.window.show(result, wait=False):
            break
