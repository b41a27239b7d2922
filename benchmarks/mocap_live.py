"""How late an avatar is, and whether it holds for an hour: python benchmarks/mocap_live.py [--shared DIR] [--hour].

Latency: a video is read as a camera, in its own time; body-3d finds the person, what solves turns them into rotations,
and the VMC packets go to a receiver in another process. Printed are milliseconds from the moment at which a camera
would have taken the frame to the packet, the frames a second that were reached, and what the receiver saw.

The hour (--hour): 108,000 frames of somebody who waves, 30 a second of an hour, through the same path as fast as it
goes, without a network but with the recording on: nothing may be lost or out of order, and the memory may not grow.
Where poise.mocap has no solver (LiveCapture), a stand-in that poses everybody alike takes its place, and the table
says so.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from _common import arguments, save, table

import poise.mocap
from poise import Pose, samples
from poise.frames import Frame, Media
from poise.mocap import BODY_BONES, MotionFrame, Rig, osc
from poise.mocap import quaternions as quat
from poise.mocap.live import run_live
from poise.results import Results
from poise.skeletons import get

HOUR, FPS = 108_000, 30.0
_AHEAD = 100  # frames that the receiver may be behind, so that its queue never overflows


class StandIn:
    """Poses everybody alike: waving."""

    def __init__(self) -> None:
        self._rig = Rig.of_height(1.7)
        self._arm = BODY_BONES.index("leftUpperArm")

    def update(self, results: Results) -> list[MotionFrame]:
        """Return everybody's moment."""
        return [self._moment(int(one), results.time) for one in ([] if results.boxes.id is None else results.boxes.id)]

    def _moment(self, number: int, now: float) -> MotionFrame:
        count = len(BODY_BONES)
        rotations = np.tile(quat.IDENTITY, (count, 1))
        rotations[self._arm] = quat.from_axis_angle((0.0, 0.0, 1.0), np.sin(2 * np.pi * now))
        root = np.array([np.sin(0.3 * now), 0.9, 0.0])
        return MotionFrame(number, now, self._rig, rotations, root, np.ones(count), np.zeros(2, bool))


def capture() -> tuple[Any, str]:
    """Return what solves, and its name."""
    solver = getattr(poise.mocap, "LiveCapture", None)
    return (StandIn(), "a stand-in") if solver is None else (solver(), "LiveCapture")


def listen(ready: Connection, counted: Any) -> None:
    """Receive in a process of its own: counts frames, and those that came incomplete or out of order."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    bound.bind(("127.0.0.1", 0))
    ready.send(bound.getsockname()[1])
    last, bones = -1.0, 0
    while True:
        for one in osc.decode(bound.recv(65_535)):
            if one.address == "/VMC/Ext/Bone/Pos":
                bones += 1
            elif one.address == "/VMC/Ext/T":
                now = float(one.arguments[0])  # type: ignore[arg-type]
                with counted.get_lock():
                    counted[0] += 1
                    counted[1] += bones not in (0, len(BODY_BONES))
                    counted[2] += now < last
                last, bones = now, 0


class Listener:
    """The receiver's process; a context manager."""

    def __enter__(self) -> Listener:
        context = multiprocessing.get_context("spawn")
        self.counted = context.Array("q", 3)
        ours, theirs = context.Pipe()
        self._process = context.Process(target=listen, args=(theirs, self.counted), daemon=True)
        self._process.start()
        self.address = f"127.0.0.1:{ours.recv()}"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()

    def wait(self, frames: int) -> None:
        """Wait until so many frames have come."""
        end = time.monotonic() + 5
        while self.counted[0] < frames and time.monotonic() < end:
            time.sleep(1e-3)


def latency(clip: Path, seconds: float | None) -> dict[str, Any]:
    """Read a video as a camera and return how late its packets are."""
    model, (solver, name) = Pose("body-3d"), capture()
    spent: list[float] = []
    update: Callable[[Results], list[MotionFrame]] = solver.update

    def timed(results: Results) -> list[MotionFrame]:
        began = time.perf_counter()
        moments = update(results)
        spent.append((time.perf_counter() - began) * 1e3)
        return moments

    began = cpu = 0.0

    def each(result: Results, moments: Sequence[MotionFrame]) -> None:
        nonlocal began, cpu
        began, cpu = began or time.monotonic(), cpu or time.process_time()

    with Listener() as receiver:
        report = run_live(
            clip, capture=SimpleNamespace(update=timed), model=model, vmc=receiver.address, seconds=seconds, each=each,
            tell=lambda _: None,
        )  # fmt: skip
        wall, cpu = time.monotonic() - began, time.process_time() - cpu
        receiver.wait(report.frames)
        came, cut, unordered = receiver.counted
    return {
        "clip": clip.name,
        "solver": name,
        "median ms": round(report.latency_ms[0], 1),
        "p95 ms": round(report.latency_ms[1], 1),
        "cpu ms a frame": round(1e3 * cpu / report.frames, 1),
        "solve ms": round(float(np.median(spent)), 2),
        "frames/s": round(report.frames / wall, 1),
        "frames": report.frames,
        "skipped": report.skipped,
        "received": came,
        "cut": cut,
        "unordered": unordered,
    }


def waving_people() -> Iterator[Frame]:
    """Give the frames of an hour, as fast as they are taken."""
    picture, media = np.zeros((48, 64, 3), np.uint8), Media("camera 0", "stream")
    for at in range(HOUR):
        yield Frame(picture, media, at, at / FPS)


def found(frames: Iterator[Frame], **_: Any) -> Iterator[Results]:
    """Give one person a frame."""
    skeleton = get("blazepose33")
    xy, conf, xyz = np.full((1, 33, 2), 20.0), np.ones((1, 33)), np.zeros((1, 33, 3))
    for frame in frames:
        yield Results.of(frame, [[5, 5, 40, 45, 1, 0.9, 0]], xy, conf, skeleton=skeleton, xyz=xyz)


def resident_mb() -> float:
    """Return the memory of this process that is in use, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def hour() -> dict[str, Any]:
    """Send an hour and return what was lost and how the memory grew."""
    memory: list[float] = []
    seen = 0

    with Listener() as receiver:

        def each(result: Results, moments: Sequence[MotionFrame]) -> None:
            nonlocal seen
            seen += 1
            if seen % _AHEAD == 0:
                receiver.wait(seen - _AHEAD)
            if seen % (HOUR // 10) == 0:
                memory.append(resident_mb())

        began = time.perf_counter()
        report = run_live(
            waving_people(), capture=StandIn(), model=SimpleNamespace(track=found), vmc=receiver.address,
            record=lambda _: None, each=each, tell=lambda _: None,
        )  # fmt: skip
        spent = time.perf_counter() - began
        receiver.wait(HOUR)
        came, cut, unordered = receiver.counted
    assert report.motion is not None
    return {
        "frames": report.frames,
        "received": came,
        "cut": cut,
        "unordered": unordered,
        "recorded": len(report.motion),
        "seconds": round(spent, 1),
        "us a frame": round(spent / HOUR * 1e6),
        "MB at a tenth": round(memory[0], 1),
        "MB at the end": round(memory[-1], 1),
    }


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, help="end each video after so many seconds")
    parser.add_argument("--hour", action="store_true", help="send the hour")
    given = parser.parse_args()
    if given.hour:
        rows = [hour()]
    else:
        more = [given.shared / f"data/videos/{name}.mp4" for name in ("mocap_walk_side", "gesture_wave")]
        clips = [Path(samples.clip), Path(samples.squats), *(clip for clip in more if clip.is_file())]
        rows = [latency(clip, given.seconds) for clip in clips]
    table(rows)
    save(given.json, rows=rows)
