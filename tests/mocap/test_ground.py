"""What touches the ground: feet that stand, slide or roll off, hands that carry weight; told from labels and truth."""

from __future__ import annotations

import numpy as np
import pytest
from test_solving import HEIGHT, clip_of, movement, turned

from poise.mocap import LiveCapture, Motion, MotionCapture, Rig, forward
from poise.mocap import quaternions as quat
from poise.mocap.body import Body
from poise.mocap.fitting import Anatomy
from poise.mocap.landmarks import Landmarks
from poise.mocap.toes import bends, eased, flattened


def gliding(speed: float) -> Motion:
    """Somebody whose feet slide sideways at a steady speed, metres a second, as on skates."""
    truth = movement(2.0)
    return truth.replace(root=truth.root + ((truth.times - 1) * speed)[:, None] * (1.0, 0.0, 0.0))


@pytest.mark.parametrize("speed", [0.5, 2.0])
def test_feet_that_slide_on_purpose_are_not_held(speed: float) -> None:
    found = MotionCapture(HEIGHT).solve(clip_of(gliding(speed), noise=0.008))

    assert found.contact.mean() < 0.1
    assert np.gradient(found.root[:, 0], found.times) == pytest.approx(speed, abs=0.05 + 0.05 * speed)


def test_live_the_hips_of_a_skater_glide_on() -> None:
    capture = LiveCapture(HEIGHT)

    found = [m for result in clip_of(gliding(2.0), noise=0.004).results() for m in capture.update(result)]

    assert not np.any([moment.contact for moment in found[15:]])
    x = np.array([moment.root[0] for moment in found])
    assert np.diff(x[30:]).mean() * 30 == pytest.approx(2.0, rel=0.1)


def test_live_feet_stay_exactly_where_they_stand() -> None:
    capture = LiveCapture(HEIGHT)

    found = [m for result in clip_of(movement(3.0), noise=0.006).results() for m in capture.update(result)]

    places = [forward(m.rig, m.rotations, m.root)[0][m.rig.row("leftFoot")] for m in found]
    assert np.mean([moment.contact for moment in found[15:]]) > 0.9
    assert np.abs(np.diff(places[45:], axis=0)[:, [0, 2]]).max() * 30 < 0.05


def test_a_camera_that_nods_moves_no_ground() -> None:
    truth = movement(3.0)
    clip = clip_of(truth)
    nod = 25 * np.sin(2 * np.pi * 0.3 * truth.times)
    nodding = clip.replace(xy=clip.xy + nod[None, :, None, None] * (0.0, 1.0))

    found, views = MotionCapture(HEIGHT).trace(nodding)

    assert found.contact.mean() > 0.9
    assert np.ptp(found.root[:, 1]) < 0.03
    ankle = forward(found.rig, found.rotations, found.root)[0][:, found.rig.row("leftFoot")]
    pixels = np.stack([view.pixels(place) for view, place in zip(views, ankle, strict=True)])
    # Without that the feet, which are held, would lie half of the nod off.
    assert np.median(np.linalg.norm(pixels - nodding.xy[0, :, 27], axis=-1)) < 6


def posed(heel: float) -> tuple[Rig, np.ndarray, np.ndarray]:
    """A body whose feet point down by some degrees, the balls of the feet on the ground."""
    rig = Rig.of_height(HEIGHT)
    rotations = np.broadcast_to(quat.IDENTITY, (len(rig.bones), 4)).copy()
    for side in ("left", "right"):
        rotations[rig.row(f"{side}Foot")] = turned((1, 0, 0), heel)
    places = forward(rig, rotations, rig.offsets[0])[0]
    return rig, rotations, rig.offsets[0] - (0.0, places[rig.row("leftToes"), 1], 0.0)


@pytest.mark.parametrize(("heel", "bend"), [(0.0, 0.0), (35.0, 35.0), (60.0, 60.0), (-20.0, 0.0), (89.0, 80.0)])
def test_toes_stay_flat_while_the_heel_rises(heel: float, bend: float) -> None:
    rig, rotations, root = posed(heel)
    body = Body(rig, Landmarks.of(rig, HEIGHT))
    pose = Anatomy(body).rest_pose(()).replace(rotations=rotations, root=root)

    found = flattened(rig, rotations, bends(rig, body.place(pose)))

    toes = found[rig.row("leftToes")]
    assert np.degrees(quat.angle(toes)) == pytest.approx(bend, abs=1e-6)
    if 0 < heel < 80:
        places, turns = forward(rig, found, root)
        tip = places[rig.row("leftToes")] + quat.rotate(turns[rig.row("leftToes")], rig.tips[rig.row("leftToes")])
        assert tip[1] == pytest.approx(0.0, abs=1e-9)


def test_pointed_toes_in_the_air_are_left_alone() -> None:
    rig, rotations, root = posed(60.0)
    body = Body(rig, Landmarks.of(rig, HEIGHT))
    pose = Anatomy(body).rest_pose(()).replace(rotations=rotations, root=root + (0.0, 0.2, 0.0))

    assert bends(rig, body.place(pose)).tolist() == [0.0, 0.0]


def test_toes_straighten_over_some_frames_and_never_too_early() -> None:
    needed = np.zeros((30, 2))
    needed[5:15, 0] = np.linspace(0.0, 1.0, 10)

    found = eased(needed, np.arange(30) / 30)

    assert (found >= needed - 1e-12).all()
    assert np.degrees(np.abs(np.diff(found, axis=0))).max() < 20
    assert found[25:].max() == 0.0
    assert found[:, 1].max() == 0.0


def plank() -> Motion:
    """Somebody on straight arms and the balls of the feet, from the side."""
    rig = Rig.of_height(HEIGHT)
    t = np.arange(45) / 30
    q = np.broadcast_to(quat.IDENTITY, (len(t), len(rig.bones), 4)).copy()
    q[:, 0] = quat.multiply(turned((0, 1, 0), 90.0), turned((1, 0, 0), 72.0))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        q[:, rig.row(f"{side}UpperArm")] = turned((0, -sign, 0), 72.0)
        q[:, rig.row(f"{side}Hand")] = turned((0, 0, sign), 70.0)
        q[:, rig.row(f"{side}Toes")] = turned((-1, 0, 0), 70.0)
    places = forward(rig, q, np.zeros((len(t), 3)))[0]
    toes = places[:, [rig.row("leftToes"), rig.row("rightToes")]].mean(axis=1)
    return Motion(rig, t, q, -toes, np.ones(q.shape[:2]), np.zeros((len(t), 2), dtype=bool))


def test_hands_that_carry_weight_are_on_the_ground_as_the_toes_are() -> None:
    clip = clip_of(plank(), noise=0.004)
    xy = np.array(clip.xy)
    xy[0][:, 15:23, 1] += 30  # the network has them a hand's breadth too low

    def heights(foot_lock: bool) -> tuple[np.ndarray, np.ndarray]:
        found = MotionCapture(HEIGHT, foot_lock=foot_lock).solve(clip.replace(xy=xy))
        joints = found.joints()[..., 1]
        return tuple(joints[:, [found.rig.row(s + part) for s in ("left", "right")]] for part in ("Hand", "Toes"))

    floating, tiptoe = heights(foot_lock=False)
    hands, toes = heights(foot_lock=True)

    assert (floating - tiptoe).mean() < 0.0
    assert 0.02 < hands.min() < hands.max() < 0.07
    assert np.abs(toes).max() < 0.03


def test_nobody_who_lies_sinks_into_the_ground() -> None:
    truth = plank()
    rotations = np.array(truth.rotations)
    rotations[:, 0] = quat.multiply(turned((0, 1, 0), 90.0), turned((1, 0, 0), 92.0))
    lying = truth.replace(rotations=rotations)

    found = MotionCapture(HEIGHT).solve(clip_of(lying, noise=0.004))

    low = found.joints()[:, [found.rig.row(b) for b in ("hips", "head", "leftHand", "rightLowerArm", "leftLowerLeg")]]
    assert low[..., 1].min() > -0.02
