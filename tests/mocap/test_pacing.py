"""When frames are given, how old they are, and what is shown between them."""

from __future__ import annotations

import numpy as np
import pytest
from live_moments import moment, waving

from poise.frames import Frame, Media
from poise.mocap.pacing import FrameClock, Glide, Latency

PICTURE = np.zeros((2, 2, 3), np.uint8)


class Hands:
    """A clock that goes on only while somebody waits or works."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def played(times: list[float], work: float, *, paced: bool = True) -> tuple[list[tuple[float, ...]], FrameClock]:
    """Return what a consumer that works so long on a frame gets: its time, the clock, and how old it is by then."""
    clock = Hands()
    media = Media("clip.mp4", "video")
    frames = [Frame(PICTURE, media, at, time) for at, time in enumerate(times)]
    timed = FrameClock(iter(frames), paced=paced, now=clock, sleep=clock.sleep)
    out = []
    for frame in timed:
        out.append((frame.time, round(clock.time - 1000, 6), round(clock.time - timed.born(frame.index), 6)))
        clock.time += work
    return out, timed


def test_video_is_given_in_its_own_time() -> None:
    seen, timed = played([0.0, 0.1, 0.3, 0.4], 0.02)

    assert seen == [(0.0, 0.0, 0.0), (0.1, 0.1, 0.0), (0.3, 0.3, 0.0), (0.4, 0.4, 0.0)]
    assert timed.skipped == 0


def test_who_is_slower_than_the_video_gets_the_newest_frame() -> None:
    seen, timed = played([at / 25 for at in range(100)], 0.1)

    assert max(age for _, _, age in seen) <= 0.04
    assert [round(now - time, 6) for time, now, _ in seen] == [age for _, _, age in seen]
    # 3.96 seconds of video, a tenth of a second for each.
    assert len(seen) == 40
    assert timed.skipped == 60


def test_video_that_is_not_paced_gives_every_frame_at_once() -> None:
    seen, timed = played([0.0, 1.0, 2.0], 0.1, paced=False)

    assert seen == [(0.0, 0.0, 0.0), (1.0, 0.1, 0.0), (2.0, 0.2, 0.0)]
    assert timed.skipped == 0


def test_after_a_pause_the_video_goes_on_from_where_it_is() -> None:
    clock = Hands()
    frames = [Frame(PICTURE, Media("a", "video"), at, at / 10) for at in range(20)]
    seen = []
    for frame in FrameClock(iter(frames), now=clock, sleep=clock.sleep):
        seen.append(frame.index)
        clock.time += 60.0 if frame.index == 5 else 0.0

    assert seen == list(range(20))
    assert clock.time - 1000 == pytest.approx(60 + 1.9 - 0.1, abs=0.01)


def test_frame_of_a_camera_that_waited_is_as_old_as_it_is() -> None:
    clock = Hands()
    media = Media("camera 0", "stream")
    # The camera's clock began 7 seconds before; handing over takes 5 ms at best, then a frame waits 45 ms.
    arrivals = [(0.0, 0.005), (0.033, 0.038), (0.066, 0.116), (0.1, 0.105)]

    def frames():
        for at, (time, arrival) in enumerate(arrivals):
            clock.time = 1000 + arrival
            yield Frame(PICTURE, media, at, 7 + time)

    timed = FrameClock(frames(), now=clock, sleep=pytest.fail)
    ages = [round(clock.time - timed.born(frame.index), 6) for frame in timed]

    assert ages == [0.0, 0.0, 0.045, 0.0]


def test_clock_of_a_camera_that_drifts_makes_no_frame_old() -> None:
    clock = Hands()
    media = Media("camera 0", "stream")

    def frames():
        for at in range(3600):
            clock.time = 1000 + at
            yield Frame(PICTURE, media, at, at * (1 - 1e-4))

    timed = FrameClock(frames(), now=clock, sleep=pytest.fail)
    ages = [clock.time - timed.born(frame.index) for frame in timed]

    # A tenth of a millisecond a second, over at most two minutes; the hour would be 360 ms.
    assert max(ages) <= 0.0125


def test_latency_is_that_of_the_last_frames() -> None:
    meter = Latency()
    assert np.isnan(meter.quantile(0.5))

    for at in range(25_000):
        meter.add(float(at))

    assert meter.count == 25_000
    assert meter.quantile(0.5) == pytest.approx(20_000, abs=1)


def arm(glide: Glide, now: float) -> float:
    """Return how far the left arm that is shown is lifted, degrees."""
    shown = glide.at(now)
    assert shown is not None
    z, w = shown.rotations[shown.rig.row("leftUpperArm"), 2:]
    return float(np.degrees(2 * np.arctan2(z, w)))


def test_moments_between_frames_lie_between_them() -> None:
    glide = Glide()
    for at in range(6):
        lifted = {"leftUpperArm": ((0.0, 0.0, 1.0), 10.0 * at)}
        glide.put(moment(at / 10, turned=lifted, root=(0.1 * at, 0.9, 0.0)), 50 + at / 10)

    assert glide.lag_s == pytest.approx(0.1)
    assert [arm(glide, 50.5 + share / 10) for share in (0, 0.25, 0.5, 1, 3)] == pytest.approx([40, 42.5, 45, 50, 50])
    shown = glide.at(50.55)
    assert shown is not None
    assert (shown.root[0], shown.time) == (pytest.approx(0.45), pytest.approx(0.45))


def test_nothing_jumps_where_a_frame_comes_early_or_late() -> None:
    glide = Glide()
    random = np.random.default_rng(4)
    comes = np.cumsum(random.uniform(0.02, 0.1, 200))
    shown: list[float] = []
    at = 0
    for now in np.arange(0.5, comes[-1], 1 / 60):
        while at < len(comes) and comes[at] <= now:
            glide.put(waving(comes[at]), comes[at])
            at += 1
        shown.append(arm(glide, now))

    # Waving turns by at most 60 * pi degrees a second; a glide may be faster by as much as a frame came late.
    assert np.abs(np.diff(shown)).max() < 3 * 60 * np.pi / 60


def test_another_person_is_not_glided_to() -> None:
    glide = Glide()
    for at in range(4):
        glide.put(moment(at / 10), 50 + at / 10)

    glide.put(moment(0.4, id=2, turned={"leftUpperArm": ((0.0, 0.0, 1.0), 80.0)}), 50.4)

    assert arm(glide, 50.4) == pytest.approx(80)


def test_before_the_first_frame_nothing_is_shown() -> None:
    assert Glide().at(1.0) is None
