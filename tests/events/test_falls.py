"""Falls: all of it in order, and nothing less."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from event_scenes import frame, person
from synthetic_falls import tip_angles, tip_over

from poise.events.falls import FallWatch

RATE = 25


def fall(*, seconds: float = 5.0, start: float = 1.2, **view: float) -> tuple[np.ndarray, np.ndarray]:
    """Return times and ``(T, 17, 2)`` of somebody who stands and then falls."""
    times = np.arange(int(seconds * RATE)) / RATE
    xy = np.repeat(person()[None], len(times), axis=0)
    return times, tip_over(xy, times, start=start, ankles=(15, 16), height=200, **view)


def watch(times: np.ndarray, xy: np.ndarray, *, ids: int = 1) -> list[tuple[str, float]]:
    detector = FallWatch()
    said = []
    for i, (now, points) in enumerate(zip(times, xy, strict=True)):
        said += [(e.event, e.time) for e in detector.update(frame([points], time=float(now), index=i, ids=[ids]))]
    return said


@pytest.mark.parametrize("azimuth", [0, 45, 180, 225])
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_a_fall_to_the_side_is_said_once(azimuth: float, noise: float) -> None:
    said = watch(*fall(azimuth=azimuth, noise=noise))

    assert [name for name, _ in said] == ["fall"]


def test_a_fall_is_said_within_three_seconds_of_its_beginning() -> None:
    ((_, when),) = watch(*fall())

    assert 1.2 < when < 4.2


def test_a_fall_towards_a_camera_above_is_said() -> None:
    said = watch(*fall(azimuth=90, elevation=20))

    assert [name for name, _ in said] == ["fall"]


@pytest.mark.parametrize(("seconds", "names"), [(1.0, ["fall"]), (6.0, [])])
def test_who_goes_down_fast_falls_and_who_does_so_slowly_lies_down(seconds: float, names: list[str]) -> None:
    times = np.arange(10 * RATE) / RATE
    share = np.clip((times - 1.5) / seconds, 0, 1)
    xy = np.stack([person(turn=88 * s * s * (3 - 2 * s)) for s in share])

    assert [name for name, _ in watch(times, xy)] == names


def test_lying_down_slowly_is_no_fall() -> None:
    times = np.arange(8 * RATE) / RATE
    xy = np.stack([person(turn=90 * np.clip((t - 1) / 4, 0, 1)) for t in times])

    assert watch(times, xy) == []


def test_somebody_who_always_lay_has_not_fallen() -> None:
    times = np.arange(5 * RATE) / RATE

    assert watch(times, np.stack([person(turn=90)] * len(times))) == []


def test_a_push_up_is_no_fall() -> None:
    times = np.arange(6 * RATE) / RATE
    turns = 75 + 12 * np.sin(2 * np.pi * times)

    assert watch(times, np.stack([person(turn=turn) for turn in turns])) == []


def test_a_jump_is_no_fall() -> None:
    times = np.arange(4 * RATE) / RATE
    xy = np.stack([person(at=(320, 400 - 80 * abs(np.sin(4 * t)))) for t in times])

    assert watch(times, xy) == []


def test_a_camera_that_swings_up_makes_no_fall() -> None:
    times = np.arange(4 * RATE) / RATE
    xy = np.stack([person(at=(320, 300 + 400 * np.clip(t - 1, 0, 0.5))) for t in times])

    assert watch(times, xy) == []


def test_somebody_who_gets_up_is_said() -> None:
    times, xy = fall()
    after = np.arange(2 * RATE) / RATE + times[-1] + 1 / RATE

    said = watch(np.r_[times, after], np.r_[xy, np.stack([person()] * len(after))])

    assert [name for name, _ in said] == ["fall", "got_up"]


def test_falling_and_rolling_on_is_not_yet_still() -> None:
    times, xy = fall()
    xy[times > 1.9, :, 0] += (200 * (times[times > 1.9] - 1.9))[:, None]

    assert watch(times, xy) == []


def test_a_gap_in_the_fall_does_not_hide_it() -> None:
    times, xy = fall()
    xy[(times > 1.5) & (times < 1.8)] = np.nan
    keep = np.isfinite(xy[:, 0, 0])

    assert [name for name, _ in watch(times[keep], xy[keep])] == ["fall"]


def test_a_track_that_breaks_in_the_fall_does_not_hide_it() -> None:
    times, xy = fall()
    detector = FallWatch()
    said = []
    for i, now in enumerate(times):
        said += detector.update(frame([xy[i]], time=float(now), index=i, ids=[1 if now < 1.8 else 2]))

    assert [(event.event, event.id) for event in said] == [("fall", 2)]


def test_memory_does_not_grow_with_people_who_pass() -> None:
    detector = FallWatch()
    for i in range(400):
        detector.update(frame([person()], time=i * 0.5, index=i, ids=[i + 1]))

    assert len(detector) <= 21


def test_two_people_do_not_share_a_fall() -> None:
    times, xy = fall()
    detector = FallWatch()
    said = []
    for i, now in enumerate(times):
        said += detector.update(frame([person(at=(120, 400)), xy[i]], time=float(now), index=i))

    assert [event.id for event in said] == [2]


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_a_fall_away_from_a_camera_above_is_said_though_the_body_looks_upright(noise: float) -> None:
    said = watch(*fall(azimuth=270, elevation=40, noise=noise))

    assert [name for name, _ in said] == ["fall"]


def test_a_camera_that_zooms_out_makes_no_fall() -> None:
    times = np.arange(5 * RATE) / RATE
    xy = np.stack([person(height=200 - 80 * np.clip((t - 1.2) / 0.5, 0, 1)) for t in times])

    assert watch(times, xy) == []


def test_a_camera_that_zooms_out_while_it_swings_makes_no_fall() -> None:
    times = np.arange(5 * RATE) / RATE
    share = np.clip((times - 1.2) / 0.5, 0, 1)
    # The swing brings the head down, and zooming makes the body low; but the feet rise.
    xy = np.stack([person(at=(320, 400 - 90 * s), height=200 - 120 * s) for s in share])
    xy[..., 1] -= 90 * np.clip(1 - (times - 0.4) / 0.3, 0, 1)[:, None]

    assert watch(times, xy) == []


def test_who_stops_behind_a_desk_has_not_fallen() -> None:
    times = np.arange(5 * RATE) / RATE
    detector, said = FallWatch(), []
    for i, now in enumerate(times):
        result = frame([person(at=(320, 300 + 150 * np.clip(now - 1, 0, 0.8)))], time=float(now), index=i)
        if now > 1.5:
            conf = np.array(result.keypoints.conf)
            conf[:, 13:] = 0.05
            result = result.replace(keypoints=replace(result.keypoints, conf=conf))
        said += detector.update(result)

    assert said == []


def test_who_bends_to_the_floor_and_stays_has_not_fallen() -> None:
    times = np.arange(5 * RATE) / RATE
    xy = np.repeat(person()[None], len(times), axis=0)
    angle = np.radians(120) * np.clip((times - 1.2) / 0.5, 0, 1)
    hip = xy[0, 11:13].mean(axis=0)
    up = xy[:, :11] - hip
    turned = np.stack(
        [
            up[..., 0] * np.cos(angle)[:, None] - up[..., 1] * np.sin(angle)[:, None],
            up[..., 0] * np.sin(angle)[:, None] + up[..., 1] * np.cos(angle)[:, None],
        ],
        axis=-1,
    )
    xy[:, :11] = hip + turned

    assert watch(times, xy) == []


@pytest.mark.parametrize("away", [250, 400])
def test_an_id_that_jumps_to_somebody_lying_is_no_fall(away: float) -> None:
    times = np.arange(5 * RATE) / RATE
    xy = np.stack([person(at=(100, 400)) if t < 1.5 else person(at=(100 + away, 400), turn=90) for t in times])

    assert watch(times, xy) == []


def test_keypoints_that_jump_for_two_frames_do_not_hide_a_fall() -> None:
    times, xy = fall()
    xy[40:42] += 300

    assert [name for name, _ in watch(times, xy)] == ["fall"]


def test_a_small_thing_that_appears_where_somebody_left_has_not_fallen() -> None:
    times = np.arange(6 * RATE) / RATE
    detector = FallWatch()
    said = []
    for i, now in enumerate(times):
        shown = person() if now < 2 else person(at=(330, 390), height=30, turn=90)
        said += detector.update(frame([shown], time=float(now), index=i, ids=[1 if now < 2 else 2]))

    assert said == []


def test_a_parameter_without_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="still_s must be more than 0"):
        FallWatch(still_s=0)


def test_the_stick_falls_as_long_as_physics_says() -> None:
    # From 0.12 rad a 1.7 m stick needs about 0.97 s to the ground: integrated by scipy's solve_ivp beforehand.
    times = np.linspace(0, 3, 3001)
    angle = tip_angles(times, 0.0)

    landed = times[np.argmax(angle >= np.pi / 2 - 0.081)]
    assert 0.7 < landed < 1.4
