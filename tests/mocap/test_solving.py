"""From points to rotations: movements that are known, seen by a camera, and solved again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from poise.clips import Clip
from poise.frames import Frame, Media
from poise.mocap import LiveCapture, Motion, MotionCapture, NobodySeen, Rig, forward
from poise.mocap import quaternions as quat
from poise.mocap.ground import MARKS
from poise.mocap.landmarks import Landmarks
from poise.mocap.sight import Camera
from poise.results import Results
from poise.skeletons import get

HEIGHT, SIZE = 1.8, (1280, 720)


def turned(axis: tuple[float, float, float], degrees: np.ndarray | float) -> np.ndarray:
    return quat.from_axis_angle(np.array(axis), np.radians(degrees))


def movement(seconds: float = 2.0, fps: float = 30.0, *, still: bool = False) -> Motion:
    """Arms that lift and bend, or somebody who stands with hanging arms; feet on the ground, facing the camera."""
    rig = Rig.of_height(HEIGHT)
    t = np.arange(round(seconds * fps)) / fps
    q = np.broadcast_to(quat.IDENTITY, (len(t), len(rig.bones), 4)).copy()
    beat = np.zeros(len(t)) if still else np.sin(2 * np.pi * 0.7 * t)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        q[:, rig.row(f"{side}UpperArm")] = turned((0, 0, 1), sign * (-70 + (0 if still else 50) + 35 * beat))
        q[:, rig.row(f"{side}LowerArm")] = turned((0, -sign, 0), 40 + 25 * beat)
        q[:, rig.row(f"{side}UpperLeg")] = turned((0, 0, 1), sign * 4.0)
    places = forward(rig, q, np.tile(rig.offsets[0], (len(t), 1)))[0]
    root = np.tile(rig.offsets[0], (len(t), 1))
    root[:, 1] += rig.rest()[rig.row("leftFoot"), 1] - places[:, rig.row("leftFoot"), 1]
    return Motion(rig, t, q, root, np.ones(q.shape[:2]), np.ones((len(t), 2), dtype=bool))


def clip_of(motion: Motion, *, noise: float = 0.0, id: int = 1, away: float = 4.0) -> Clip:
    """What a network like body-3d sees of it, from a camera a metre up."""
    marks = Landmarks.of(motion.rig, HEIGHT)
    places, turns = forward(motion.rig, motion.rotations, motion.root)
    points = places[:, marks.bones] + quat.rotate(turns[:, marks.bones], marks.offsets) - (0.0, 1.0, away)
    camera = Camera.of(SIZE, 60.0)
    hips = points[:, 23:25].mean(axis=1, keepdims=True)
    look = quat.between(np.broadcast_to([0.0, 0.0, -1.0], hips.shape), hips)
    xyz = quat.rotate(quat.inverse(look), points - hips) * (1.0, -1.0, -1.0)
    rng = np.random.default_rng(3)
    xy = camera.pixels(points) + rng.normal(size=(*points.shape[:2], 2)) * noise * camera.focal / away
    xyz = xyz + rng.normal(size=xyz.shape) * noise * (1.0, 1.0, 3.0)
    t, k = len(motion), points.shape[1]
    boxes = np.concatenate([xy.min(axis=1), xy.max(axis=1)], axis=-1)[None]
    unknown = np.full((1, t, k, 2), np.nan)
    return Clip(
        times=motion.times, frames=np.arange(t), ids=np.array([id]), boxes=boxes, box_conf=np.ones((1, t)), xy=xy[None],
        conf=np.ones((1, t, k)), sigma=unknown, skeleton=get("blazepose33"), size=SIZE, xyz=xyz[None],
    )  # fmt: skip


def pair(motion: Motion, frames: int) -> Clip:
    """Two who do the same: id 1 all the time, id 7 in the first frames."""
    one = clip_of(motion)
    columns = {n: np.repeat(getattr(one, n), 2, axis=0) for n in ("boxes", "box_conf", "xy", "conf", "sigma", "xyz")}
    for column in columns.values():
        column[1, frames:] = np.nan
    return one.replace(ids=np.array([1, 7]), **columns)


def errors(found: Motion, truth: Motion) -> np.ndarray:
    """Degrees between the bones' own rotations."""
    return np.degrees(quat.angle(quat.multiply(quat.inverse(found.rotations), truth.rotations)))


def test_perfect_points_give_the_rotations_back() -> None:
    truth = movement()

    found = MotionCapture(HEIGHT).solve(clip_of(truth))

    assert np.median(errors(found, truth)) < 3.0
    arm = [truth.rig.row("leftUpperArm"), truth.rig.row("rightLowerArm")]
    assert np.median(errors(found, truth)[:, arm]) < 6.0


def test_bones_have_one_length_and_the_given_height() -> None:
    found = MotionCapture(HEIGHT).solve(clip_of(movement(1.0), noise=0.01))

    joints = found.joints()
    arm = np.linalg.norm(joints[:, found.rig.row("leftLowerArm")] - joints[:, found.rig.row("leftUpperArm")], axis=-1)
    assert np.ptp(arm) < 1e-9
    assert found.rig.height == pytest.approx(HEIGHT, rel=0.02)


def test_somebody_who_stands_is_quieter_than_the_points() -> None:
    clip = clip_of(movement(still=True), noise=0.01)

    found = MotionCapture(HEIGHT).solve(clip)

    def tremble(x: np.ndarray) -> float:
        return float(np.sqrt(np.square(np.diff(x, n=2, axis=0)).sum(-1).mean() / 6))

    assert clip.xyz is not None
    row = found.rig.row
    solved = found.joints()[:, [row("leftHand"), row("rightLowerLeg"), row("head")]]
    assert tremble(solved) < tremble(clip.xyz[0][:, [15, 26, 0]]) / 5


def test_feet_stand_on_the_ground_and_do_not_slide() -> None:
    found = MotionCapture(HEIGHT).solve(clip_of(movement(), noise=0.008))

    assert found.contact.mean() > 0.9
    heel = forward(found.rig, found.rotations, found.root)[0][:, found.rig.row("leftFoot")]
    assert np.abs(np.diff(heel, axis=0)).max() * 30 < 0.02
    assert heel[:, 1] == pytest.approx(found.rig.rest()[found.rig.row("leftFoot"), 1], abs=0.02)


def test_a_hidden_arm_is_bridged_and_not_trusted() -> None:
    truth = movement()
    clip = clip_of(truth)
    conf = np.array(clip.conf)
    conf[0, 25:35][:, [13, 15, 17, 19, 21]] = 0.02
    hidden = clip.replace(conf=conf)

    found = MotionCapture(HEIGHT).solve(hidden)

    arm = found.rig.row("leftUpperArm")
    assert found.trust[25:35, arm].max() == 0.0
    assert found.trust[5:15, arm].min() > 0.5
    assert errors(found, truth)[25:35, arm].max() < 25.0


def test_legs_out_of_the_picture_rest() -> None:
    clip = clip_of(movement())
    conf = np.array(clip.conf)
    conf[..., 25:] = 0.02

    found = MotionCapture(HEIGHT).solve(clip.replace(conf=conf))

    assert "the legs are hardly seen: they are at rest" in found.notes
    assert np.degrees(quat.angle(found.rotations[:, found.rig.row("leftLowerLeg")])).max() < 10.0


def test_somebody_whose_feet_are_not_seen_is_on_the_ground() -> None:
    clip = clip_of(movement())
    xy, xyz, conf = (np.array(part) for part in (clip.xy, clip.xyz, clip.conf))
    xy[..., 25:, :], xyz[..., 25:, :], conf[..., 25:] = np.nan, np.nan, 0.0

    found = MotionCapture(HEIGHT).solve(clip.replace(xy=xy, xyz=xyz, conf=conf))

    assert -0.1 < found.joints()[..., 1].min() < 0.15
    assert not found.contact.any()


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_a_clip_of_few_frames_is_solved(count: int) -> None:
    found = MotionCapture(HEIGHT).solve(clip_of(movement(count / 30)))

    assert len(found) == count


def test_shoulders_seen_too_far_ahead_tilt_no_pelvis(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = movement(still=True)
    common = Landmarks.of

    def ahead(rig: Rig, height: float) -> Landmarks:
        marks = common(rig, height)
        offsets = marks.offsets.copy()
        offsets[[11, 12], 2] += 0.03
        return replace(marks, offsets=offsets)

    with monkeypatch.context() as patch:
        patch.setattr(Landmarks, "of", ahead)
        clip = clip_of(truth)

    found = MotionCapture(HEIGHT).solve(clip)

    trunk = [found.rig.row(bone) for bone in ("hips", "spine", "chest")]
    assert np.median(errors(found, truth), axis=0)[trunk].max() < 1.5


def test_the_longest_seen_is_taken_and_another_by_id() -> None:
    both = pair(movement(2.0), 20)

    assert MotionCapture(HEIGHT).solve(both).id == 1
    assert len(MotionCapture(HEIGHT).solve(both, id=7)) == 20
    with pytest.raises(ValueError, match=r"nobody has the id 3; seen are id 1 \(2.0 s\), 7 \(0.7 s\)"):
        MotionCapture(HEIGHT).solve(both, id=3)
    with pytest.raises(TypeError, match="id must be a whole number, got '7'"):
        MotionCapture(HEIGHT).solve(both, id="7")  # type: ignore[arg-type]


def test_an_assumed_height_is_said() -> None:
    notes = MotionCapture().solve(clip_of(movement(0.5))).notes

    assert any("taken to be 1.70 m tall" in note for note in notes)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_few_frames_are_enough(frames: int) -> None:
    found = MotionCapture(HEIGHT).solve(clip_of(movement(frames / 30)))

    assert len(found) == frames
    assert np.isfinite(found.rotations).all()


def test_flat_points_are_refused_with_what_to_do() -> None:
    clip = clip_of(movement(0.2)).replace(xyz=None)

    with pytest.raises(ValueError, match="pose it with Pose\\('body-3d'\\)"):
        MotionCapture().solve(clip)


def test_an_empty_clip_says_that_nobody_is_seen() -> None:
    clip = clip_of(movement(0.2))
    empty = clip.replace(xy=clip.xy * np.nan, boxes=clip.boxes * np.nan)

    with pytest.raises(NobodySeen, match="nobody is seen in 6 frames"):
        MotionCapture().solve(empty)


def test_nothing_is_smoothed_across_a_cut() -> None:
    first, second = movement(1.0), movement(1.0)
    half = quat.multiply(turned((0, 1, 0), 180.0), second.rotations[:, 0])
    rotations = np.array(second.rotations)
    rotations[:, 0] = half
    moved = second.replace(rotations=rotations, root=second.root + (1.6, 0.0, -1.0))
    a, b = clip_of(first), clip_of(moved)
    columns = {
        n: np.concatenate([getattr(a, n), getattr(b, n)], axis=1)
        for n in ("boxes", "box_conf", "xy", "conf", "sigma", "xyz")
    }
    cut = a.replace(times=np.arange(60) / 30, frames=np.arange(60), **columns)

    found = MotionCapture(HEIGHT).solve(cut)

    turns = np.degrees(quat.angle(quat.multiply(quat.inverse(found.rotations[:-1, 0]), found.rotations[1:, 0])))
    assert turns[29] > 150.0
    assert np.delete(turns, 29).max() < 10.0


@pytest.mark.parametrize(("name", "value"), [("height", 17.0), ("fov", 0.0), ("smooth", 0.0)])
def test_senseless_settings_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        MotionCapture(**{name: value})


@pytest.mark.parametrize("capture", [MotionCapture, LiveCapture])
@pytest.mark.parametrize("name", ["height", "fov", "smooth"])
@pytest.mark.parametrize("value", ["1.8", True, [1.8]])
def test_settings_that_are_no_numbers_are_told(capture: type, name: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"^{name} must be a number, got "):
        capture(**{name: value})


@pytest.mark.parametrize("gone", ["xyz", "conf"])
def test_points_of_which_none_can_be_used_are_told(gone: str) -> None:
    clip = clip_of(movement(0.2))
    useless = clip.replace(xyz=clip.xyz * np.nan) if gone == "xyz" else clip.replace(conf=clip.conf * 0.01)

    with pytest.raises(NobodySeen, match=r"no point of id 1 has a place in space \(xyz\) and a confidence of 0\.1"):
        MotionCapture().solve(useless)


def test_a_real_walk_lies_on_its_picture(shared: Path, tmp_path: Path) -> None:
    pytest.importorskip("av")
    from poise import Pose

    frames = Pose("body-3d").track(shared / "data/videos/gesture_none_stand.mp4", stream=True, verbose=False)
    clip = Clip.of(result for result, _ in zip(frames, range(20), strict=False))

    motion, views = MotionCapture().trace(clip)

    marks = Landmarks.of(motion.rig, 1.7)
    places, turns = forward(motion.rig, motion.rotations, motion.root)
    points = places[:, marks.bones] + quat.rotate(turns[:, marks.bones], marks.offsets)
    pixels = np.stack([view.pixels(p) for view, p in zip(views, points, strict=True)])
    off = np.linalg.norm(pixels - clip.xy[clip.row(motion.id)], axis=-1)
    tall = np.ptp(clip.xy[clip.row(motion.id)][..., 1], axis=-1)[:, None]
    assert np.median(off / tall) < 0.04


def test_results_in_which_nobody_is_seen_are_told_as_such() -> None:
    frames = [Frame(np.zeros((100, 200, 3), np.uint8), Media("empty.mp4", "video"), n, n / 30) for n in range(3)]
    empty = (np.zeros((0, 7)), np.zeros((0, 33, 2)), np.zeros((0, 33)))

    with pytest.raises(NobodySeen, match=r"empty\.mp4: nobody is seen in 3 frames"):
        MotionCapture().solve(Results.of(frame, *empty, skeleton=get("blazepose33")) for frame in frames)


def test_no_sole_sinks_below_the_ground() -> None:
    truth = movement(2.0)
    rig, t = truth.rig, truth.times
    rotations, root = np.array(truth.rotations), np.array(truth.root)
    # One leg after the other is put forward, and the points of the foot in front are seen too far down.
    step = np.clip(np.sin(2 * np.pi * 0.5 * t), 0, None)
    rotations[:, rig.row("leftUpperLeg")] = turned((1, 0, 0), -40 * step)
    rotations[:, rig.row("leftLowerLeg")] = turned((1, 0, 0), 40 * step)
    clip = clip_of(truth.replace(rotations=rotations, root=root))
    xy = np.array(clip.xy)
    xy[0, :, [27, 29, 31], 1] += 40 * step
    low = [
        points_of(MotionCapture(HEIGHT, foot_lock=lock).solve(clip.replace(xy=xy)))[:, MARKS, 1].min()
        for lock in (False, True)
    ]

    assert low[0] < -0.02
    assert low[1] > -0.01


def test_feet_that_come_down_for_a_moment_touch_the_ground() -> None:
    truth = movement(2.0, fps=60.0, still=True)
    hop = 0.1 * (1 - np.cos(2 * np.pi * 1.6 * truth.times))
    hopping = truth.replace(root=truth.root + hop[:, None] * (0.0, 1.0, 0.0))

    found = MotionCapture(HEIGHT).solve(clip_of(hopping, noise=0.002))

    down, up = hop < 0.01, hop > 0.08
    assert found.contact[down].mean() > 0.4
    assert found.contact[up].mean() < 0.05


def points_of(found: Motion) -> np.ndarray:
    marks = Landmarks.of(found.rig, HEIGHT)
    places, turns = forward(found.rig, found.rotations, found.root)
    return places[:, marks.bones] + quat.rotate(turns[:, marks.bones], marks.offsets)
