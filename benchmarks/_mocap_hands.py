"""Fingers against known ones and on signers: for benchmarks/mocap.py."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from _mocap_scenes import HEIGHT, HandNoise, Noise, error, jumps, local_error, scene, seen, seen_hands

from poise.clips import Clip
from poise.mocap import FINGER_BONES, LiveCapture, Motion, MotionCapture, forward
from poise.mocap import quaternions as quat
from poise.mocap.hand_motion import SeenHands
from poise.mocap.hand_watch import with_hands

SIGNS = ("again", "book", "milk", "no", "school")
HANDS = ("leftHand", "rightHand")
# Joints and tips of one side as the hand model numbers them.
_ORDER = ("Thumb", "Index", "Middle", "Ring", "Little")


def live(clip: Clip, hands: Clip | None, height: float | None) -> tuple[Motion, np.ndarray, float]:
    """Return a live movement, CPU milliseconds a frame, and the mean lag."""
    capture = LiveCapture(height)
    moments, spent, lags = [], [], []
    pairs = zip(clip.results(), clip.results() if hands is None else hands.results(), strict=True)
    for result, beside in pairs:
        start = time.process_time()
        moments += capture.update(result, None if hands is None else beside)
        spent.append((time.process_time() - start) * 1e3)
        lags.append(capture.lag_s)
    columns = [np.array([getattr(m, n) for m in moments]) for n in ("time", "rotations", "root", "trust", "contact")]
    return Motion(moments[-1].rig, *columns), np.array(spent), float(np.mean(lags))


def hand_scenes() -> list[dict[str, Any]]:
    """Return how far fingers and hands are off where they are known."""
    truth, rows = scene("hands"), []
    bones = [truth.rig.row(bone) for bone in FINGER_BONES]
    lying = [truth.rig.row(bone) for bone in HANDS]
    for points, noise, shaken in (("perfect", None, None), ("noisy", Noise(), HandNoise())):
        clip, hands = seen(truth, noise, seed=1), seen_hands(truth, shaken, seed=1)
        found, alone = MotionCapture(HEIGHT).solve(clip, hands=hands), MotionCapture(HEIGHT).solve(clip)
        followed, spent, lag = live(clip, hands, HEIGHT)
        _, body, _ = live(clip, None, HEIGHT)
        world = forward(alone.rig, alone.rotations, alone.root)[1][:, lying]
        true = forward(truth.rig, truth.rotations, truth.root)[1][:, lying]
        own, theirs = local_error(found, truth)[:, bones], local_error(followed, truth)[30:, bones]
        rows.append(
            {
                "points": points,
                "fingers": round(float(np.median(own)), 2),
                "p90": round(float(np.percentile(own, 90)), 1),
                "jump beyond truth": round(float((jumps(found) - jumps(truth))[:, bones].max()), 1),
                "hands": round(float(np.median(error(found, truth)[:, lying])), 2),
                "without": round(float(np.median(np.degrees(quat.angle(quat.multiply(quat.inverse(world), true))))), 2),
                "live fingers": round(float(np.median(theirs)), 2),
                "live hands": round(float(np.median(error(followed, truth)[30:, lying])), 2),
                "live lag ms": round(1e3 * lag),
                "live ms of hands": round(float(np.median(spent) - np.median(body)), 2),
            }
        )
    return rows


def hand_points(motion: Motion) -> np.ndarray:
    """Return ``(T, 2, 21, 3)`` the points of the hand model on the solved hands."""
    rig = motion.rig
    places, turns = forward(rig, motion.rotations, motion.root)
    out = np.empty((len(motion), 2, 21, 3))
    for s, side in enumerate(("left", "right")):
        out[:, s, 0] = places[:, rig.row(f"{side}Hand")]
        for f, finger in enumerate(_ORDER):
            rows = [at for at, bone in enumerate(rig.bones) if bone.startswith(side + finger)]
            out[:, s, 4 * f + 1 : 4 * f + 4] = places[:, rows]
            out[:, s, 4 * f + 4] = places[:, rows[-1]] + quat.rotate(turns[:, rows[-1]], rig.tips[rows[-1]])
    return out


def clips_with_hands(name: str, shared: Path, cache: Path) -> tuple[Clip, Clip]:
    """Return the bodies and the hands of a signer; networks run once."""
    kept, beside = cache / f"{name}.body-3d.mocap.npz", cache / f"{name}.hands.mocap.npz"
    if not beside.exists():
        from poise import Pose

        cache.mkdir(parents=True, exist_ok=True)
        video = shared / "data/gestures/asl_clips" / f"{name}.mp4"
        body, hands = with_hands(Pose("body-3d").track(video, stream=True, verbose=False))
        body.save(kept)
        hands.save(beside)
    return Clip.load(kept), Clip.load(beside)


def real_hands(shared: Path, cache: Path) -> list[dict[str, Any]]:
    """Return how far the solved hands lie off the points in the picture, in hand lengths, and how they move."""
    rows = []
    for name in SIGNS:
        clip, hands = clips_with_hands(name, shared, cache)
        motion, views = MotionCapture().trace(clip, hands=hands)
        beside = SeenHands.of(hands, motion.id, motion.times)
        points = hand_points(motion)
        pixels = np.stack([view.pixels(p) for view, p in zip(views, points, strict=True)])
        # From the wrist on, which is the body's; a hand is as long in the picture as it could be at its distance.
        deep = np.stack(
            [-quat.rotate(quat.inverse(v.up), p - v.shift)[..., 2] for v, p in zip(views, points[:, :, 0], strict=True)]
        )
        length = 0.111 * motion.rig.height * views[0].camera.focal / deep
        there = beside.sure > 0
        ours, theirs = (xy[there][:, 1:] - xy[there][:, :1] for xy in (pixels, beside.xy))
        # How large hands look beside the body is a matter of the distance and of the person.
        size = float((ours * theirs).sum() / np.square(ours).sum())
        off = 100 * np.linalg.norm(size * ours - theirs, axis=-1) / (size * length[there])[:, None]
        bones = [motion.rig.row(bone) for bone in FINGER_BONES]
        _, spent, lag = live(clip, hands, None)
        rows.append(
            {
                "clip": name,
                "frames": len(motion),
                "seen %, left and right": (100 * there.mean(axis=0)).round().astype(int).tolist(),
                "size": round(size, 2),
                "off % of a hand": round(float(np.median(off)), 1),
                "p90": round(float(np.percentile(off, 90)), 1),
                "largest turn in a frame": round(float(jumps(motion)[:, bones].max()), 1),
                "live ms": f"{np.median(spent):.2f}, p95 {np.percentile(spent, 95):.2f}",
                "live lag ms": round(1e3 * lag),
            }
        )
    return rows
