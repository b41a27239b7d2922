"""Movements whose rotations are known, and what body-3d would see of them: for benchmarks/mocap.py."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poise.clips import Clip
from poise.mocap import quaternions as quat
from poise.mocap.ground import MARKS
from poise.mocap.landmarks import Landmarks
from poise.mocap.motion import Motion
from poise.mocap.rig import Rig, forward
from poise.mocap.sight import Camera
from poise.skeletons import get

SIZE, FOV = (1280, 720), 60.0
HEIGHT = 1.75
# Where the camera stands: in front of the person, metres away and metres up.
AWAY, UP = 4.0, 1.1


@dataclass(frozen=True)
class Noise:
    """How far body-3d is off, as its own clips tell: the spread of its limbs' lengths and its trembling.

    Attributes:
        across: Standard deviation of pixels, in metres at the person.
        along: The same of xyz's depth.
        slow: Share of the variance that lasts: networks err alike in frames that look alike.
    """

    across: float = 0.012
    along: float = 0.05
    slow: float = 0.7


def turned(axis: tuple[float, float, float], degrees: np.ndarray) -> np.ndarray:
    return quat.from_axis_angle(np.array(axis) / np.linalg.norm(axis), np.radians(degrees))


def scene(name: str, *, seconds: float = 6.0, fps: float = 30.0, seed: int = 0) -> Motion:
    """Return a movement with known rotations: ``free``, ``walk``, ``squat``, ``turn``, ``jacks`` or ``stand``.

    Of ``hands``, fingers are known too: raised hands that turn, spread, point and make fists.
    """
    rig = Rig.of_height(HEIGHT, fingers=name == "hands")
    t = np.arange(round(seconds * fps)) / fps
    rng = np.random.default_rng(seed)
    q = np.broadcast_to(quat.IDENTITY, (len(t), len(rig.bones), 4)).copy()
    root = np.tile(rig.offsets[0], (len(t), 1))

    def put(bone: str, *turns: np.ndarray) -> None:
        whole = turns[0]
        for turn in turns[1:]:
            whole = quat.multiply(whole, turn)
        q[:, rig.row(bone)] = np.broadcast_to(whole, q[:, 0].shape)

    def wave(low: float, high: float, hertz: float, phase: float = 0.0) -> np.ndarray:
        return (low + high) / 2 + (high - low) / 2 * np.sin(2 * np.pi * hertz * t + phase)

    def arms(swing: np.ndarray, lift: np.ndarray, bend: np.ndarray, twist: np.ndarray) -> None:
        """Swing forwards, lift from hanging to the side, bend the elbow, twist the forearm, degrees; left, right."""
        for s, (side, sign) in enumerate((("left", 1.0), ("right", -1.0))):
            put(
                f"{side}UpperArm",
                turned((1, 0, 0), -swing[s]),
                turned((0, 0, 1), sign * (lift[s] - 90)),
            )
            put(f"{side}LowerArm", turned((0, -sign, 0), bend[s]), turned((1, 0, 0), sign * twist[s]))

    def legs(swing: np.ndarray, spread: np.ndarray, bend: np.ndarray, foot: np.ndarray) -> None:
        """Swing forwards, spread sideways, bend the knee, tip the foot up, degrees; left, right."""
        for s, (side, sign) in enumerate((("left", 1.0), ("right", -1.0))):
            put(f"{side}UpperLeg", turned((0, 0, 1), sign * spread[s]), turned((1, 0, 0), -swing[s]))
            put(f"{side}LowerLeg", turned((1, 0, 0), bend[s]))
            put(f"{side}Foot", turned((1, 0, 0), -foot[s]))

    z = np.zeros(len(t))
    both = np.stack([z, z])
    if name == "walk":
        f = 0.9
        swing = np.stack([wave(-22, 28, f), wave(-22, 28, f, np.pi)])
        bend = np.stack([wave(3, 55, f, -1.2 + p) for p in (0, np.pi)])
        legs(swing, both + 2, bend, np.stack([wave(-12, 12, f, 0.8 + p) for p in (0, np.pi)]))
        arms(0.8 * swing[::-1], both + 8, both + np.stack([wave(15, 35, f), wave(15, 35, f, np.pi)]), both + 10)
        put("spine", turned((0, 1, 0), wave(-6, 6, f)))
        put("hips", turned((0, 1, 0), 90 + wave(-5, 5, f, np.pi)))
    elif name == "squat":
        down = np.clip(wave(-20, 110, 0.35), 0, None)
        legs(np.stack([down, down]), both + 8, np.stack([down * 1.15] * 2), np.stack([down * 0.5] * 2))
        arms(np.stack([20 + 0.6 * down] * 2), both + 6, both + 20, both)
        put("hips", turned((0, 1, 0), z + 35), turned((1, 0, 0), 0.35 * down))
    elif name == "turn":
        f = 0.9
        arms(np.stack([wave(-20, 30, f, np.pi), wave(-20, 30, f)]), both + 12, np.stack([wave(10, 60, f)] * 2), both)
        swing = np.stack([wave(-2, 30, f), wave(-2, 30, f, np.pi)])
        legs(swing, both + 4, np.clip(2 * swing, 2, None), both + 0.0)
        put("hips", turned((0, 1, 0), 360 * np.clip((t - 1) / max(t[-1] - 2, 1), 0, 1)))
    elif name == "jacks":
        up = np.stack([wave(10, 150, 0.8)] * 2)
        arms(both, up, both + 15, both)
        legs(both, np.stack([wave(2, 25, 0.8)] * 2), both + 4, both)
    elif name == "stand":
        arms(both + 5, both + 8, both + 12, both)
        legs(both, both + 4, both + 2, both)
    elif name == "hands":
        legs(both, both + 4, both + 2, both)
        arms(
            np.stack([wave(25, 70, 0.2), wave(35, 60, 0.25)]),
            np.stack([wave(10, 40, 0.3), wave(10, 30, 0.2)]),
            np.stack([wave(60, 120, 0.25), wave(70, 110, 0.3)]),
            np.stack([wave(-60, 60, 0.3), wave(-50, 70, 0.25)]),
        )
        for side, sign in (("left", 1.0), ("right", -1.0)):
            put(f"{side}Hand", turned((0, 0, 1), sign * wave(-30, 40, 0.35)), turned((0, sign, 0), wave(-10, 15, 0.4)))
            for n, finger in enumerate(("Index", "Middle", "Ring", "Little")):
                f, p = rng.uniform(0.3, 0.8), rng.uniform(0, 6)
                spread, first, second = (
                    wave(-12 + 6 * n, -2 + 6 * n, 0.4, p),
                    wave(-5, 80, f, p),
                    wave(2, 95, f, p + 0.7),
                )
                put(
                    f"{side}{finger}Proximal",
                    turned((0, sign, 0), spread),
                    turned((0, 0, -sign), first),
                )
                put(f"{side}{finger}Intermediate", turned((0, 0, -sign), second))
                put(f"{side}{finger}Distal", turned((0, 0, -sign), 0.6 * second + wave(0, 12, 0.5, p)))
            thumb = np.array([sign, 0.0, 1.0])
            way = np.stack([sign * wave(0.7, 0.95, 0.4), wave(-0.6, -0.1, 0.5), wave(0.1, 0.6, 0.3)], axis=-1)
            twist = quat.from_axis_angle(thumb / np.linalg.norm(thumb), sign * np.radians(wave(-5, 20, 0.4)))
            put(f"{side}ThumbMetacarpal", quat.between(np.broadcast_to(thumb, way.shape), way), twist)
            put(f"{side}ThumbProximal", turned((0, sign, 0), wave(0, 40, 0.5)))
            put(f"{side}ThumbDistal", turned((0, sign, 0), wave(0, 60, 0.6)))
    elif name == "free":
        r = [rng.uniform(0.15, 0.6) for _ in range(16)]
        p = rng.uniform(0, 6, 16)
        arms(
            np.stack([wave(-30, 100, r[0], p[0]), wave(-30, 100, r[1], p[1])]),
            np.stack([wave(5, 100, r[2], p[2]), wave(5, 100, r[3], p[3])]),
            np.stack([wave(5, 120, r[4], p[4]), wave(5, 120, r[5], p[5])]),
            np.stack([wave(-50, 50, r[6], p[6]), wave(-50, 50, r[7], p[7])]),
        )
        legs(
            np.stack([wave(-20, 70, r[8], p[8]), wave(-20, 70, r[9], p[9])]),
            np.stack([wave(0, 25, r[10], p[10]), wave(0, 25, r[11], p[11])]),
            np.stack([wave(3, 90, r[12], p[12]), wave(3, 90, r[13], p[13])]),
            both,
        )
        put("hips", turned((0, 1, 0), wave(-40, 40, 0.2)), turned((1, 0, 0), wave(-5, 20, 0.3)))
        put("spine", turned((0, 1, 0), wave(-12, 12, 0.4)), turned((1, 0, 0), wave(-5, 12, 0.3)))
        put("chest", turned((0, 1, 0), wave(-12, 12, 0.4)), turned((1, 0, 0), wave(-5, 12, 0.3)))
        put("neck", turned((0, 1, 0), wave(-20, 20, 0.3)))
        put("head", turned((0, 1, 0), wave(-20, 20, 0.3)), turned((1, 0, 0), wave(-10, 15, 0.4)))
    else:
        raise ValueError(f"no scene {name!r}")
    places, world = forward(rig, q, root)
    # On the ground: the lowest point of the soles is as high as it is at rest, so that none is under it.
    marks = Landmarks.of(rig, HEIGHT)
    bones, offsets = marks.bones[MARKS], marks.offsets[MARKS]
    soles = places[:, bones] + quat.rotate(world[:, bones], offsets)
    lift = (rig.rest()[bones] + offsets)[:, 1] - soles[..., 1]
    root[:, 1] += lift.max(axis=1)
    if name == "walk":
        # The lowest point of the soles stands still: it is what carries the walker on.
        step = np.diff(soles - root[:, None], axis=0)[np.arange(len(t) - 1), lift[1:].argmax(axis=1)]
        root[1:, 0] = -np.cumsum(step[:, 0])
        root[:, 0] -= (root[0, 0] + root[-1, 0]) / 2
    ones = np.ones(q.shape[:2])
    return Motion(rig, t, q, root, ones, np.zeros((len(t), 2), dtype=bool), source=name)


def seen(motion: Motion, noise: Noise | None = None, *, seed: int = 0) -> Clip:
    """Return what a network like body-3d would give of a movement: pixels, and xyz as seen by who looks at the hips."""
    rig = motion.rig
    marks = Landmarks.of(rig, HEIGHT)
    places, turns = forward(rig, motion.rotations, motion.root)
    points = places[:, marks.bones] + quat.rotate(turns[:, marks.bones], marks.offsets)
    return pictured(points, motion.times, noise, seed=seed, source=motion.source)


def pictured(points: np.ndarray, times: np.ndarray, noise: Noise | None, *, seed: int, source: str) -> Clip:
    """Return what would be given of ``(T, 33, 3)`` points: metres, y up, the ground at 0, the person at x = z = 0."""
    fps = (len(times) - 1) / (times[-1] - times[0])
    points = points - (0.0, UP, AWAY)
    rng = np.random.default_rng(seed)
    camera = Camera.of(SIZE, FOV)
    hips = points[:, 23:25].mean(axis=1, keepdims=True)
    look = quat.between(np.broadcast_to([0.0, 0.0, -1.0], hips.shape), hips)
    xyz = quat.rotate(quat.inverse(look), points - hips)
    xy = camera.pixels(points)
    if noise is not None:
        metre = camera.focal / AWAY
        xy = xy + metre * _lasting(rng, xy.shape, noise.across, noise.slow, fps)
        xyz = xyz + _lasting(rng, xyz.shape, 1.0, noise.slow, fps) * (noise.across, noise.across, noise.along)
    t, k = len(times), points.shape[1]
    low, high = xy.min(axis=1), xy.max(axis=1)
    return Clip(
        times=times,
        frames=np.arange(t),
        ids=np.array([1]),
        boxes=np.concatenate([low, high], axis=-1)[None],
        box_conf=np.ones((1, t)),
        xy=xy[None],
        conf=np.ones((1, t, k)),
        sigma=np.full((1, t, k, 2), np.nan),
        skeleton=get("blazepose33"),
        size=SIZE,
        source=source,
        fps=fps,
        xyz=(xyz * (1.0, -1.0, -1.0))[None],
    )


@dataclass(frozen=True)
class HandNoise:
    """How far the hand model is off, after its own clips: how bones of a hand change their lengths, and tremble.

    Attributes:
        across: Standard deviation of points across the view, metres.
        along: The same of their depth.
        flat: What is left of their depth: the network's hands are flatter than those that it sees.
        slow: Share of the variance that lasts.
    """

    across: float = 0.003
    along: float = 0.006
    flat: float = 0.85
    slow: float = 0.97


def seen_hands(motion: Motion, noise: HandNoise | None = None, *, seed: int = 0) -> Clip:
    """Return what the hand model would give of a movement with fingers, beside :func:`seen`."""
    rig = motion.rig
    places, turns = forward(rig, motion.rotations, motion.root)
    rng = np.random.default_rng(seed)
    camera, t = Camera.of(SIZE, FOV), len(motion)
    both_xy, both_xyz = np.empty((2, t, 21, 2)), np.empty((2, t, 21, 3))
    for s, side in enumerate(("left", "right")):
        points = np.empty((t, 21, 3))
        points[:, 0] = places[:, rig.row(f"{side}Hand")]
        for f, finger in enumerate(("Thumb", "Index", "Middle", "Ring", "Little")):
            rows = [n for n, bone in enumerate(rig.bones) if bone.startswith(side + finger)]
            points[:, 4 * f + 1 : 4 * f + 4] = places[:, rows]
            points[:, 4 * f + 4] = places[:, rows[-1]] + quat.rotate(turns[:, rows[-1]], rig.tips[rows[-1]])
        points -= (0.0, UP, AWAY)
        middle = points.mean(axis=1, keepdims=True)
        look = quat.between(np.broadcast_to([0.0, 0.0, -1.0], middle.shape), middle)
        xyz, xy = quat.rotate(quat.inverse(look), points - middle), camera.pixels(points)
        if noise is not None:
            off = _lasting(rng, xyz.shape, 1.0, noise.slow, motion.fps) * (noise.across, noise.across, noise.along)
            xyz = xyz * (1.0, 1.0, noise.flat) + off
            xy = xy + off[..., :2] * (1.0, -1.0) * camera.focal / AWAY
        both_xy[s], both_xyz[s] = xy, xyz * (1.0, -1.0, -1.0)
    boxes = np.concatenate([both_xy.min(axis=2), both_xy.max(axis=2)], axis=-1)
    return Clip(
        times=motion.times,
        frames=np.arange(t),
        ids=np.array([1, 2]),
        boxes=boxes,
        box_conf=np.ones((2, t)),
        xy=both_xy,
        conf=np.ones((2, t, 21)),
        sigma=np.full((2, t, 21, 2), np.nan),
        skeleton=get("hand21"),
        size=SIZE,
        source=motion.source,
        fps=motion.fps,
        xyz=both_xyz,
    )


def _lasting(rng: np.random.Generator, shape: tuple[int, ...], sigma: float, slow: float, fps: float) -> np.ndarray:
    """Return noise of which a share lasts for half a second."""
    quick, lasting = rng.normal(size=shape), rng.normal(size=shape)
    keep = np.exp(-1 / (0.5 * fps))
    for i in range(1, len(lasting)):
        lasting[i] = keep * lasting[i - 1] + np.sqrt(1 - keep**2) * lasting[i]
    return sigma * (np.sqrt(1 - slow) * quick + np.sqrt(slow) * lasting)


def error(found: Motion, truth: Motion) -> np.ndarray:
    """Return ``(T, J)`` degrees between the world rotations of bones."""
    at = np.searchsorted(truth.times, found.times)
    ours = forward(found.rig, found.rotations, found.root)[1]
    theirs = forward(truth.rig, truth.rotations, truth.root)[1][at]
    return np.degrees(quat.angle(quat.multiply(quat.inverse(ours), theirs)))


def local_error(found: Motion, truth: Motion) -> np.ndarray:
    """Return ``(T, J)`` degrees between the bones' own rotations, those that files hold."""
    at = np.searchsorted(truth.times, found.times)
    return np.degrees(quat.angle(quat.multiply(quat.inverse(found.rotations), truth.rotations[at])))


def jumps(found: Motion) -> np.ndarray:
    """Return ``(T - 1, J)`` degrees from frame to frame."""
    return np.degrees(quat.angle(quat.multiply(quat.inverse(found.rotations[:-1]), found.rotations[1:])))
