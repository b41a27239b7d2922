"""Live capture: frame by frame, bounded, with nobody mixed up."""

from __future__ import annotations

import numpy as np
import pytest
from test_solving import HEIGHT, clip_of, movement

from poise.mocap import LiveCapture
from poise.mocap import quaternions as quat
from poise.mocap.following import FORGET_S


def test_a_live_body_follows_the_movement() -> None:
    truth = movement(3.0)
    capture = LiveCapture(HEIGHT)

    found = [moment for result in clip_of(truth).results() for moment in capture.update(result)]

    assert [moment.time for moment in found] == truth.times.tolist()
    rotations = np.stack([moment.rotations for moment in found])
    off = np.degrees(quat.angle(quat.multiply(quat.inverse(rotations), truth.rotations)))
    assert np.median(off[30:]) < 4.0
    assert 0.0 < capture.lag_s < 0.2


def test_bones_ease_and_do_not_jump() -> None:
    capture = LiveCapture(HEIGHT)

    found = [moment for result in clip_of(movement(3.0), noise=0.01).results() for moment in capture.update(result)]

    offsets = np.stack([moment.rig.offsets for moment in found])
    assert np.abs(np.diff(offsets[6:], axis=0)).max() < 0.005


def test_standing_feet_are_held() -> None:
    capture = LiveCapture(HEIGHT)

    found = [m for result in clip_of(movement(3.0, still=True), noise=0.004).results() for m in capture.update(result)]

    assert np.mean([moment.contact for moment in found[15:]]) > 0.8
    roots = np.stack([moment.root for moment in found[30:]])
    assert np.ptp(roots[:, 1]) < 0.03


def test_who_left_is_forgotten_and_a_new_source_begins_anew() -> None:
    capture = LiveCapture(HEIGHT)
    results = list(clip_of(movement(1.0)).results())
    for result in results[:10]:
        capture.update(result)
    empty = results[10][:0]

    assert capture.update(empty) == []
    late = results[20].replace(time=results[9].time + FORGET_S + 0.1)
    fresh = capture.update(late)[0]

    assert fresh.root[0] == pytest.approx(0.0, abs=1e-6)
    assert fresh.root[2] == pytest.approx(0.0, abs=1e-6)
    capture.reset()
    assert capture.lag_s == 0.0


def test_what_is_kept_of_somebody_is_bounded() -> None:
    capture = LiveCapture(HEIGHT)
    results = list(clip_of(movement(2.0)).results())
    for n in range(600):
        capture.update(results[n % len(results)].replace(time=n / 30))

    follower = capture._people[1]
    assert len(follower._kept) <= 241


def test_flat_points_are_refused() -> None:
    result = next(iter(clip_of(movement(0.2)).replace(xyz=None).results()))

    with pytest.raises(ValueError, match="body-3d"):
        LiveCapture().update(result)
