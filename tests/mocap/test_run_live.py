"""A camera, a model, receivers: who is followed, what is sent, how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from live_moments import waving
from live_people import PICTURE, StandIn, model, people

from poise import samples
from poise.errors import SourceError
from poise.frames import Frame, Media
from poise.mocap import Motion, osc
from poise.mocap.choosing import Follower
from poise.mocap.live import run_live
from poise.mocap.recording import Recording
from poise.mocap.sending import LiveOutput
from poise.results import Results

CAMERA = Media("camera 0", "stream")


@pytest.fixture
def marionette() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        bound.bind(("127.0.0.1", 0))
        bound.settimeout(2)
        yield bound


def address(bound: socket.socket) -> str:
    return f"127.0.0.1:{bound.getsockname()[1]}"


def received(bound: socket.socket) -> list[osc.Message]:
    """Return every message that has come."""
    bound.setblocking(False)
    out: list[osc.Message] = []
    while True:
        try:
            out += osc.decode(bound.recv(65_535))
        except BlockingIOError:
            return out


def shot(count: int, step: float = 0.1) -> Iterator[Frame]:
    """Give the frames of a camera, as fast as they are taken."""
    for at in range(count):
        yield Frame(PICTURE, CAMERA, at, at * step)


def test_every_frame_is_sent_in_order_and_the_summary_counts_them(marionette: socket.socket) -> None:
    told: list[str] = []

    report = run_live(shot(50), capture=StandIn(), model=model(), vmc=address(marionette), tell=told.append)

    messages = received(marionette)
    hips = [one.arguments[3] for one in messages if one.arguments[0] == "Hips"]
    assert hips == pytest.approx([0.3 * at * 0.1 for at in range(50)], abs=1e-6)
    ticks = [one.arguments[0] for one in messages if one.address == "/VMC/Ext/T"]
    assert ticks == sorted(ticks)
    assert (report.frames, report.moved, report.packets, report.lost) == (50, 50, 100, 0)
    assert report.latency_ms[0] <= report.latency_ms[1]
    assert told == [str(report)]
    assert told[0].startswith("50 frames, 50 with the person in sight, 100 packets sent; camera frame to packet ")


@pytest.mark.slow
def test_clip_with_a_person_becomes_packets_and_points(marionette: socket.socket) -> None:
    got: list[Results] = []
    with socket.socket(type=socket.SOCK_DGRAM) as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        plain.bind(("127.0.0.1", 0))

        report = run_live(
            samples.squats,
            capture=StandIn(),
            vmc=address(marionette),
            osc=address(plain),
            realtime=False,
            seconds=0.4,
            tell=str,
            each=lambda result, _: got.append(result),
        )

        points = {one.address: one.arguments for one in received(plain)}
    assert (report.frames, report.skipped, report.lost) == (len(got), 0, 0)
    assert sum(one.address == "/VMC/Ext/T" for one in received(marionette)) == report.frames == report.moved > 5
    person = int(np.asarray(got[-1].boxes.id)[0])
    head, foot = (points[f"/poise/person/{person}/{name}"] for name in ("nose", "left_ankle"))
    # A standing person, in metres from the hips and in shares of the picture.
    assert 0.3 < head[1] < 0.9
    assert -1.1 < foot[1] < -0.3
    assert 0 < head[5] < foot[5] < 1


def test_lag_of_the_solver_is_told(marionette: socket.socket) -> None:
    solver = StandIn()
    solver.lag_s = 0.04  # type: ignore[attr-defined]

    report = run_live(shot(3), capture=solver, model=model(), vmc=address(marionette), tell=str)

    assert report.lag_s == pytest.approx(0.04)
    assert str(report).endswith("; smoothing shows movements 40 ms later")


def test_nobody_in_sight_leaves_the_avatar_as_it_is_and_says_so_to_the_receiver(marionette: socket.socket) -> None:
    report = run_live(shot(3), capture=StandIn(), model=model([[1], []]), vmc=address(marionette), tell=str)

    states = [one.arguments[3] for one in received(marionette) if one.address == "/VMC/Ext/OK"]
    assert states == [1, 0, 0]
    assert (report.frames, report.moved) == (3, 1)


def test_several_receivers_of_both_kinds_get_the_same_frames(marionette: socket.socket) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second, socket.socket(type=socket.SOCK_DGRAM) as plain:
        second.bind(("127.0.0.1", 0))
        plain.bind(("127.0.0.1", 0))

        run_live(
            shot(5),
            capture=StandIn(),
            model=model(),
            vmc=f"{address(marionette)},{address(second)}",
            osc=[address(plain)],
            tell=str,
        )

        assert received(marionette) == received(second)
        frames = [one.arguments for one in received(plain) if one.address == "/poise/frame"]
        assert [index for index, _ in frames] == [0, 1, 2, 3, 4]


def test_session_ends_after_so_many_seconds_of_the_source() -> None:
    assert run_live(shot(100), capture=StandIn(), model=model(), seconds=2.0, tell=str).frames == 20


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"seconds": 0}, "seconds must be more than 0, got 0"),
        ({"rate": 1000}, "rate must be from 1 to 240 moments a second, got 1000"),
        ({"vmc": "here"}, None),
        ({"vmc": "a:b"}, "--vmc expects host:port"),
        ({"osc": "udp://localhost"}, "--osc expects host:port"),
    ],
)
def test_wrong_arguments_are_told_before_the_camera_is_opened(wrong: dict[str, Any], told: str | None) -> None:
    def never() -> Iterator[Frame]:
        pytest.fail("the camera was opened")
        yield

    if told is None:
        from poise.errors import PoiseError

        wrong, expected = {"vmc": "nowhere.invalid"}, pytest.raises(PoiseError, match="no such host")
    else:
        expected = pytest.raises(ValueError, match=told)
    with expected:
        run_live(never(), capture=StandIn(), model=model(), tell=str, **wrong)


def test_ctrl_c_hands_over_the_recording_and_goes_on(marionette: socket.socket) -> None:
    got: list[Motion] = []
    told: list[str] = []

    def interrupted() -> Iterator[Frame]:
        yield from shot(8)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_live(
            interrupted(),
            capture=StandIn(),
            model=model(),
            vmc=address(marionette),
            record=got.append,
            tell=told.append,
        )

    assert len(got) == 1
    assert got[0].times.tolist() == pytest.approx([0.1 * at for at in range(8)])
    assert told[0].startswith("8 frames, ")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal for one process")
def test_process_that_is_interrupted_finishes_its_recording(marionette: socket.socket) -> None:
    script = """
import sys, time
sys.path.insert(0, sys.argv[2])
from live_people import StandIn, model
from test_run_live import shot
from poise.mocap.live import run_live

def slowly():
    for frame in shot(10**6):
        time.sleep(0.01)
        yield frame

told = {"record": lambda motion: print("recorded", len(motion)), "tell": print}
run_live(slowly(), capture=StandIn(), model=model(), vmc=sys.argv[1], rate=100, **told)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script, address(marionette), str(Path(__file__).parent)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    marionette.settimeout(60)
    while len(marionette.recv(65_535)) < 200:  # until a body comes, not only that there is none yet
        pass
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert process.returncode == -signal.SIGINT
    summary, recorded = out.splitlines()
    assert "with the person in sight" in summary
    assert int(recorded.removeprefix("recorded ")) > 0
    assert err.rstrip().endswith("KeyboardInterrupt")


def test_camera_that_breaks_off_ends_with_its_error_and_the_recording() -> None:
    got: list[Motion] = []

    def broken() -> Iterator[Frame]:
        yield from shot(4)
        raise SourceError("camera 0: gone")

    with pytest.raises(SourceError, match="camera 0: gone"):
        run_live(broken(), capture=StandIn(), model=model(), record=got.append, tell=str)

    assert len(got[0]) == 4


def test_nothing_seen_is_nothing_recorded_and_told() -> None:
    told: list[str] = []

    run_live(shot(2), capture=StandIn(), model=model([[]]), record=pytest.fail, tell=told.append)

    assert told[-1] == "nothing was recorded: nobody was in sight"


def test_recorded_movement_is_what_was_seen() -> None:
    got: list[Motion] = []

    report = run_live(shot(30), capture=StandIn(), model=model(), record=got.append, tell=str)

    expected = [waving(0.1 * at) for at in range(30)]
    np.testing.assert_array_equal(got[0].rotations, [one.rotations for one in expected])
    np.testing.assert_array_equal(got[0].root, [one.root for one in expected])
    assert got[0].source == "camera 0"
    assert report.motion is got[0]


def test_rate_sends_moments_between_the_frames_until_it_is_closed(marionette: socket.socket) -> None:
    with LiveOutput(address(marionette), rate=100) as output:
        for at in range(4):
            output.send(waving(at / 10))
            time.sleep(0.1)
        before = output.sent
    marionette.setblocking(True)
    messages = received(marionette)

    ticks = [one.arguments[0] for one in messages if one.address == "/VMC/Ext/T"]
    angles = [one.arguments[6] for one in messages if one.arguments[0] == "LeftUpperArm"]
    # Four frames alone would be four packets; how many of the forty moments a busy machine sends is its own affair.
    assert len(ticks) > 8
    assert len(set(angles)) > 8
    assert ticks == sorted(ticks)
    assert output.sent - before <= 4


def test_follower_takes_the_largest_and_stays_with_them() -> None:
    told: list[str] = []
    follower = Follower(None, told.append)

    def chosen(now: float, **sizes: float) -> int | None:
        ids = [int(name[1:]) for name in sizes]
        result = people(ids, now, sizes=list(sizes.values()))
        found = follower.choose(StandIn().update(result), result)
        return None if found is None else found.id

    assert chosen(0.0, p1=20, p2=50, p3=30) == 2
    assert chosen(0.1, p1=90, p2=40) == 2
    assert chosen(0.5, p1=90) is None  # out of sight for a moment
    assert chosen(0.9, p1=90, p2=10) == 2
    assert chosen(1.5, p1=90, p3=80) is None
    assert chosen(2.0, p1=90, p3=80) == 1
    assert told == [
        "following person 2; 2 more in sight",
        "following person 1: person 2 is out of sight; 1 more in sight",
    ]


def test_person_asked_for_by_id_is_waited_for_and_missed_once() -> None:
    told: list[str] = []
    follower = Follower(7, told.append)

    def chosen(now: float, *ids: int) -> int | None:
        result = people(ids, now)
        found = follower.choose(StandIn().update(result), result)
        return None if found is None else found.id

    assert [chosen(now / 2, 1, 2) for now in range(12)] == [None] * 12
    assert told == ["person 7 is not in sight; in sight: 1, 2"]
    assert chosen(6.0, 1, 7) == 7
    assert told[1:] == ["person 7 is in sight"]


def test_recording_keeps_who_was_followed_longest_and_notes_the_others() -> None:
    recording = Recording(pytest.fail)
    for at in range(10):
        recording.add(waving(at / 10, id=1 if at < 3 else 5))
    recording.add(waving(0.5, id=5))  # not after the last

    motion = recording.motion()
    recording.close()

    assert motion is not None
    assert (motion.id, len(motion)) == (5, 7)
    assert any("people 1 were followed too" in note for note in motion.notes)


def test_recording_that_is_full_keeps_what_it_has() -> None:
    told: list[str] = []
    recording = Recording(told.append, most=5_000)
    for at in range(100):
        recording.add(waving(at / 10))

    motion = recording.motion()
    recording.close()

    assert motion is not None
    assert len(motion) == 5_000 // (8 * (7 + 5 * 21))
    assert len(told) == 1
    assert "what follows is not recorded" in told[0]


def test_disk_that_fills_up_while_recording_keeps_what_was_written() -> None:
    told: list[str] = []
    recording = Recording(told.append)
    file = recording._file

    class Full:
        """A disk with room for a few rows."""

        room = 4_000

        def __getattr__(self, name: str) -> Any:
            return getattr(file, name)

        def write(self, data: bytes) -> int:
            part = data[: self.room]
            if not part:
                raise OSError(28, "No space left on device")
            self.room -= len(part)
            return int(file.write(part))

    recording._file = Full()  # type: ignore[assignment]
    for at in range(20):
        recording.add(waving(at / 10))
    recording._file = file

    motion = recording.motion()
    recording.close()

    assert motion is not None
    assert motion.times.tolist() == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert told == ["the recording stops here (No space left on device); what was recorded until now is kept"]
