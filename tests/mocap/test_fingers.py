"""From points of hands to fingers: rotations that are known, gaps, and hands on real pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hand_points import bent, gripping, hands_of, without
from test_solving import HEIGHT, clip_of, movement

from poise.clips import Clip
from poise.mocap import BONES, FINGER_BONES, LiveCapture, Motion, MotionCapture, forward
from poise.mocap import quaternions as quat
from poise.mocap.fingers import THUMB, bases, lengths, numbers, palm, rest, turns, vectors
from poise.mocap.hand_motion import seen_points
from poise.mocap.hand_watch import HandWatch, with_hands


def off(found: Motion, truth: Motion) -> np.ndarray:
    """Degrees between the bones' own rotations."""
    return np.degrees(quat.angle(quat.multiply(quat.inverse(found.rotations), truth.rotations)))


def rows(motion: Motion, side: str = "") -> list[int]:
    return [motion.rig.row(bone) for bone in FINGER_BONES if bone.startswith(side)]


@pytest.fixture(scope="module")
def truth() -> Motion:
    return gripping()


@pytest.fixture(scope="module")
def found(truth: Motion) -> Motion:
    return MotionCapture(HEIGHT).solve(clip_of(truth), hands=hands_of(truth))


def test_perfect_points_give_the_fingers_back(found: Motion, truth: Motion) -> None:
    assert found.rig.bones == BONES
    for side in ("left", "right"):
        assert np.median(off(found, truth)[:, rows(found, side)]) < 5.0
    assert bent(found, "left") == pytest.approx(bent(truth, "left"), abs=60)
    assert bent(found, "right") == pytest.approx(bent(truth, "right"), abs=90)


def test_noisy_points_give_quiet_fingers(truth: Motion) -> None:
    noisy = MotionCapture(HEIGHT).solve(clip_of(truth), hands=hands_of(truth, noise=0.003))

    assert np.median(off(noisy, truth)[:, rows(noisy)]) < 12.0
    turned = quat.multiply(quat.inverse(noisy.rotations[:-1]), noisy.rotations[1:])
    assert np.degrees(quat.angle(turned[:, rows(noisy)])).max() < 30.0


def test_palms_tell_how_hands_and_forearms_are_twisted(found: Motion, truth: Motion) -> None:
    alone = MotionCapture(HEIGHT).solve(clip_of(truth))

    def hands(motion: Motion) -> np.ndarray:
        at = [motion.rig.row("leftHand"), motion.rig.row("rightHand")]
        ours, theirs = (forward(m.rig, m.rotations, m.root)[1][:, at] for m in (motion, truth))
        return np.degrees(quat.angle(quat.multiply(quat.inverse(ours), theirs)))

    assert np.median(hands(found)) < 5.0
    assert np.median(hands(found)) < np.median(hands(alone))
    forearms = [found.rig.row("leftLowerArm"), found.rig.row("rightLowerArm")]
    assert np.abs(found.joints()[:, forearms] - alone.joints()[:, forearms]).max() < 1e-9


def test_fingers_have_one_length(found: Motion) -> None:
    joints = found.joints()
    bone = np.linalg.norm(
        joints[:, found.rig.row("leftIndexIntermediate")] - joints[:, found.rig.row("leftIndexProximal")], axis=-1
    )

    assert np.ptp(bone) < 1e-9
    assert bone[0] == pytest.approx(0.025 * HEIGHT, rel=0.2)


def test_a_short_gap_is_bridged_and_not_trusted(truth: Motion) -> None:
    hidden = without(hands_of(truth), 1, slice(25, 33))

    found = MotionCapture(HEIGHT).solve(clip_of(truth), hands=hidden)

    index = found.rig.row("rightIndexProximal")
    assert found.trust[25:33, index].max() == 0.0
    assert found.trust[:20, index].min() > 0.9
    assert np.median(off(found, truth)[25:33][:, rows(found, "right")]) < 12.0
    assert found.notes == MotionCapture(HEIGHT).solve(clip_of(truth)).notes


def test_fingers_that_are_not_seen_for_long_rest(truth: Motion) -> None:
    hidden = without(hands_of(truth), 1, slice(10, None))

    found = MotionCapture(HEIGHT).solve(clip_of(truth), hands=hidden)

    at_rest = turns(np.stack([rest(), rest()]), np.array([False, True]))[1]
    last = found.rotations[-1, rows(found, "right")]
    assert np.degrees(quat.angle(quat.multiply(quat.inverse(last), at_rest))).max() < 1.0
    assert "the right hand was seen in 17 % of the frames: in between its fingers rest" in found.notes
    moved = quat.angle(quat.multiply(quat.inverse(found.rotations[:-1]), found.rotations[1:]))[:, rows(found, "right")]
    assert np.degrees(moved).max() < 15.0


def test_hands_that_are_never_seen_are_told(truth: Motion) -> None:
    hidden = without(without(hands_of(truth), 0, slice(None)), 1, slice(None))

    found = MotionCapture(HEIGHT).solve(clip_of(truth), hands=hidden)
    alone = MotionCapture(HEIGHT).solve(clip_of(truth))

    for side in ("left", "right"):
        assert f"the {side} hand was not seen closely enough: its fingers are at rest" in found.notes
    assert found.trust[:, rows(found)].max() == 0.0
    # The body is what it was without hands.
    assert np.abs(found.joints()[:, : len(alone.rig.bones)] - alone.joints()).max() < 1e-6


def test_hands_out_of_the_picture_are_not_believed(truth: Motion) -> None:
    hands = hands_of(truth)
    xy = np.array(hands.xy)
    xy[0, ..., 1] += 720 - np.median(xy[0, ..., 1], axis=1, keepdims=True)

    found = MotionCapture(HEIGHT).solve(clip_of(truth), hands=hands.replace(xy=xy))

    assert found.trust[:, rows(found, "left")].max() == 0.0
    assert found.trust[:, rows(found, "right")].min() > 0.9


def test_upper_body_is_enough(truth: Motion) -> None:
    clip = clip_of(truth)
    conf = np.array(clip.conf)
    conf[..., 25:] = 0.02

    found = MotionCapture(HEIGHT).solve(clip.replace(conf=conf), hands=hands_of(truth))

    assert "the legs are hardly seen: they are at rest" in found.notes
    assert np.median(off(found, truth)[:, rows(found)]) < 5.0


def test_crossed_hands_stay_whose_they_are() -> None:
    truth = gripping(1.0, crossed=True)
    places = truth.joints()
    assert (places[:, truth.rig.row("leftHand"), 0] < places[:, truth.rig.row("rightHand"), 0]).all()

    found = MotionCapture(HEIGHT).solve(clip_of(truth), hands=hands_of(truth))

    assert np.median(off(found, truth)[:, rows(found)]) < 5.0
    assert bent(found, "right")[-1] - bent(found, "left")[-1] > 500


def test_a_hand_at_the_other_wrist_is_left_out(truth: Motion) -> None:
    hands = hands_of(truth)
    swapped = hands.replace(**{n: getattr(hands, n)[::-1] for n in ("boxes", "box_conf", "xy", "conf", "sigma", "xyz")})

    found = MotionCapture(HEIGHT).solve(clip_of(truth), hands=swapped)

    assert found.trust[:, rows(found)].max() == 0.0


def test_a_clip_of_bodies_has_no_hands() -> None:
    with pytest.raises(ValueError, match=r"array: a clip of bodies holds no hands; give MotionCapture\(hands=True\)"):
        MotionCapture(hands=True).solve(clip_of(movement(0.2)))


def test_hands_of_another_video_are_refused(truth: Motion) -> None:
    late = hands_of(truth).replace(times=truth.times + 0.01)

    with pytest.raises(ValueError, match="the hands have other frames than the bodies"):
        MotionCapture(HEIGHT).solve(clip_of(truth), hands=late)
    with pytest.raises(ValueError, match="hands are points of hand21, got blazepose33"):
        MotionCapture(HEIGHT).solve(clip_of(truth), hands=clip_of(truth))


def test_live_fingers_follow(truth: Motion) -> None:
    capture = LiveCapture(HEIGHT)

    moments = [
        moment
        for body, hands in zip(clip_of(truth).results(), hands_of(truth).results(), strict=True)
        for moment in capture.update(body, hands)
    ]

    assert {moment.rig.bones for moment in moments} == {BONES}
    rotations = np.stack([moment.rotations for moment in moments])
    turned = np.degrees(quat.angle(quat.multiply(quat.inverse(rotations), truth.rotations)))
    assert np.median(turned[20:, rows(truth)]) < 8.0
    assert 0.0 < capture.lag_s < 0.3


def test_live_fingers_rest_when_a_hand_is_gone(truth: Motion) -> None:
    capture = LiveCapture(HEIGHT)
    hands = without(hands_of(truth), 1, slice(20, None))

    moments = [
        moment
        for body, seen in zip(clip_of(truth).results(), hands.results(), strict=True)
        for moment in capture.update(body, seen)
    ]

    at_rest = turns(np.stack([rest(), rest()]), np.array([False, True]))[1]
    off_rest = quat.angle(quat.multiply(quat.inverse(moments[-1].rotations[rows(truth, "right")]), at_rest))
    assert np.degrees(off_rest).max() < 3.0
    assert moments[-1].trust[rows(truth, "right")].max() == 0.0
    assert moments[-1].trust[rows(truth, "left")].min() > 0.9


@pytest.mark.parametrize("right", [False, True])
def test_any_fingers_within_their_ranges_are_found(right: bool) -> None:
    rng = np.random.default_rng(2)
    given = np.tile(rest(), (50, 1))
    given[:, 4:16] += rng.uniform(0.0, 0.6, (50, 12))
    given[:, :4] += rng.uniform(-0.1, 0.1, (50, 4))
    side = np.full(50, right)
    bones = np.zeros((50, 21, 3))
    own = lengths()
    mirror = np.array([-1.0 if right else 1.0, 1.0, 1.0])
    bones[:, 1::4] = bases(own) * mirror
    made = turns(given, side)
    for finger in range(5):
        way = quat.IDENTITY
        for part in range(3):
            way = quat.multiply(way, made[:, 3 * finger + part])
            along = (THUMB if finger == 0 else np.array([1.0, 0.0, 0.0])) * mirror
            at = 4 * finger + 2 + part
            bones[:, at] = quat.rotate(way, along) * own[at]

    again = numbers(bones, palm(bones, side, own), side)

    apart = np.degrees(quat.angle(quat.multiply(quat.inverse(turns(again, side)), made)))
    # Spreads and the thumb's twist are drawn a little to their rest, last joints to two thirds of those before them.
    assert np.median(apart) < 4.0
    assert apart.max() < 20.0


def test_depth_is_put_right_by_length_and_never_flips() -> None:
    own = lengths()
    points = np.zeros((3, 21, 3))
    # Half as long in the picture as the bone is: the network's depth is too small, unknown, and away.
    points[:, 6, 0] = own[6] / 2
    points[:, 6, 2] = np.array([0.5, 0.0, -0.5]) * own[6]

    bones = vectors(points, own, np.array([0.0, 0.0, -1.0]))[:, 6]

    assert np.linalg.norm(bones, axis=-1) == pytest.approx(own[6])
    assert np.degrees(np.arctan2(bones[:, 2], bones[:, 0])) == pytest.approx([55, 0, -55], abs=6)


def test_points_of_hands_are_drawn_behind_those_of_the_body(truth: Motion) -> None:
    hands, body = without(hands_of(truth), 0, slice(3, None)), clip_of(truth).xy[0]

    points, edges = seen_points(body, hands, 1, truth.times)

    assert points.shape == (len(truth), 75, 2)
    assert np.isfinite(points[:3]).all()
    assert np.isnan(points[3:, 33:54]).all()
    assert points[:, 54:] == pytest.approx(hands.xy[1])
    assert {(33, 34), (54, 55)} <= {tuple(sorted(edge)) for edge in edges}
    assert max(max(edge) for edge in edges) == 74


@pytest.mark.slow
def test_a_signer_closes_ring_and_little_finger_of_the_right_hand(shared: Path) -> None:
    from poise import Pose

    seen = Pose("body-3d").track(shared / "data/gestures/asl_clips/no.mp4", stream=True, verbose=False, vid_stride=2)
    bodies, hands = with_hands(result for result, _ in zip(seen, range(22), strict=False))

    motion = MotionCapture().solve(bodies, hands=hands)

    # From 0.9 s on the sign is made: index and middle finger are straight, the other two closed.
    part = motion.times > 0.9

    def bends(finger: str) -> np.ndarray:
        at = [motion.rig.row(f"right{finger}{p}") for p in ("Proximal", "Intermediate", "Distal")]
        return np.degrees(quat.angle(motion.rotations[:, at])).sum(axis=1)

    assert motion.trust[part, motion.rig.row("rightIndexProximal")].mean() > 0.8
    assert min(np.median(bends(f)[part]) for f in ("Ring", "Little")) > 140
    assert max(np.median(bends(f)[part]) for f in ("Index", "Middle")) < 100
    # The left one hangs half out of the picture.
    assert "the left hand was not seen closely enough: its fingers are at rest" in motion.notes


def test_pictures_without_hands_give_none() -> None:
    clip = clip_of(movement(0.1))

    bodies, hands = with_hands(clip.results())

    assert isinstance(hands, Clip)
    assert len(bodies) == len(hands) == len(clip)
    assert not hands.present.any()
    assert len(HandWatch().update(next(iter(clip.results())))) == 0
