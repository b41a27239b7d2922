"""Motion capture against known movements and on real clips: python benchmarks/mocap.py [--cache DIR] [--long SECONDS].

``--bones`` adds the error of each bone. ``--anny PYTHON`` does the same on bodies that others made: PYTHON is one that
has PyPI's anny (a virtual environment of its own), which poses them.

Prints: rotation errors and jumps on movements with known rotations, from perfect points and with body-3d's own noise,
offline and live, and those of fingers where hands are seen too; on real clips how far the solved body lies off the
points in the picture, how fast feet slide while they stand, whether they are found to stand when they do
(contact_labels.toml), how much everything trembles, before and after, and how far fingers lie off; CPU time a frame.
``--long 3600`` follows an hour of a live stream and says what grew and what drifted. Poses are kept as saved clips in
the cache folder, so that networks run once.
"""

from __future__ import annotations

import resource
import subprocess
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from _common import arguments, save, table
from _mocap_hands import hand_scenes, real_hands
from _mocap_scenes import HEIGHT, Noise, error, jumps, local_error, pictured, scene, seen

from poise.clips import Clip
from poise.mocap import LiveCapture, Motion, MotionCapture, forward
from poise.mocap import quaternions as quat
from poise.mocap.ground import MARKS
from poise.mocap.landmarks import Landmarks
from poise.mocap.solving import joined

SCENES = ("free", "walk", "squat", "turn", "jacks", "stand")
CLIPS = (
    "mocap_walk_side",
    "mocap_ballet",
    "lunge_split_side",
    "squat_home_front",
    "squat_gym_hold",
    "jumping_jack_front",
    "gesture_none_stand",
)
# Who is meant, where another is seen for longer: the walker, not the man who dances on a roof.
WHO = {"mocap_walk_side": 2}
# Frames in which somebody stands still.
STILL = {"gesture_none_stand": (0, 53), "squat_gym_hold": (0, 235)}
# Points of the network and the bones that begin there, for how much both tremble.
LIMBS = [11, 12, 13, 14, 15, 16, 25, 26, 27, 28]
BONES = [f"{s}{b}" for b in ("UpperArm", "LowerArm", "Hand", "LowerLeg", "Foot") for s in ("left", "right")]


def live(clip: Clip, height: float | None, main: int = 1) -> tuple[Motion, np.ndarray, float]:
    """Return a live movement of one person, CPU milliseconds a person and frame, and the mean lag."""
    capture = LiveCapture(height)
    moments, spent, lags = [], [], []
    for result in clip.results():
        start = time.process_time()
        found = capture.update(result)
        spent.append((time.process_time() - start) * 1e3 / max(len(found), 1))
        lags.append(capture.lag_s)
        moments += [m for m in found if m.id == main]
    columns = [np.array([getattr(m, n) for m in moments]) for n in ("time", "rotations", "root", "trust", "contact")]
    return Motion(moments[-1].rig, *columns, id=main), np.array(spent), float(np.mean(lags))


def synthetic() -> list[dict[str, Any]]:
    rows = []
    for name in SCENES:
        truth = scene(name)
        for points, noise in (("perfect", None), ("noisy", Noise())):
            clip = seen(truth, noise, seed=1)
            found = MotionCapture(HEIGHT).solve(clip)
            followed, _, lag = live(clip, HEIGHT)
            own, world, theirs = local_error(found, truth), error(found, truth), local_error(followed, truth)[30:]
            lengths = np.linalg.norm(np.diff(found.joints()[:, [6, 7, 8]], axis=1), axis=-1)
            rows.append(
                {
                    "movement": name,
                    "points": points,
                    "median": round(float(np.median(own)), 2),
                    "p90": round(float(np.percentile(own, 90)), 1),
                    "in the world": round(float(np.median(world)), 2),
                    "jump beyond truth": round(float((jumps(found) - jumps(truth)).max()), 1),
                    "bones vary %": round(100 * float((np.ptp(lengths, axis=0) / lengths.mean(axis=0)).max()), 6),
                    "live median": round(float(np.median(theirs)), 2),
                    "live lag ms": round(1e3 * lag),
                }
            )
    return rows


def by_bone(found: Motion, truth: Motion) -> dict[str, float]:
    """Return the median error of each bone in degrees; of both sides the mean."""
    middle = np.median(local_error(found, truth), axis=0)
    errors: dict[str, list[float]] = {}
    for bone, degrees in zip(found.rig.bones, middle, strict=True):
        errors.setdefault(bone.removeprefix("left").removeprefix("right"), []).append(float(degrees))
    return {bone: round(float(np.mean(degrees)), 1) for bone, degrees in errors.items() if bone != "Toes"}


def bones() -> list[dict[str, Any]]:
    """Return the error of each bone in each known movement."""
    rows = []
    for name in SCENES:
        truth = scene(name)
        for points, noise in (("perfect", None), ("noisy", Noise())):
            found = MotionCapture(HEIGHT).solve(seen(truth, noise, seed=1))
            rows.append({"movement": name, "points": points, **by_bone(found, truth)})
    return rows


def others(python: str) -> list[dict[str, Any]]:
    """Return the error of each bone on anny's bodies, which move as the known movements do."""
    truths = [scene(name) for name in SCENES]
    turns = [forward(truth.rig, truth.rotations, truth.root)[1] for truth in truths]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "given.npz", Path(folder) / "made.npz"
        np.savez(given, names=np.array(truths[0].rig.bones), turns=np.concatenate(turns))
        subprocess.run([python, Path(__file__).with_name("_anny_side.py"), given, made], check=True)
        with np.load(made) as file:
            points, heights, shapes = file["points"], file["heights"], file["shapes"]
    ends = np.cumsum([len(truth) for truth in truths])
    for shape, height, body in zip(shapes, heights, points, strict=True):
        for truth, high in zip(truths, ends, strict=True):
            own = body[high - len(truth) : high]
            # As the known movement goes: its path, and the lowest point of the soles on the ground.
            own = own - own[:, 23:25].mean(axis=1, keepdims=True) + truth.root[:, None] * (1.0, 0.0, 1.0)
            own[..., 1] -= own[:, 29:33, 1].min(axis=1)[:, None]
            for noise, called in ((None, "perfect"), (Noise(), "noisy")):
                clip = pictured(own, truth.times, noise, seed=1, source=truth.source)
                found = MotionCapture(float(height)).solve(clip)
                error = local_error(found, truth)
                row = {"body": str(shape), "movement": truth.source, "points": called}
                rows.append(row | {"median": round(float(np.median(error)), 2)} | by_bone(found, truth))
    return rows


def clip_named(name: str, shared: Path, cache: Path) -> Clip:
    kept = cache / f"{name}.body-3d.mocap.npz"
    if not kept.exists():
        from poise import Pose

        cache.mkdir(parents=True, exist_ok=True)
        results = Pose("body-3d").track(shared / "data/videos" / f"{name}.mp4", stream=True, verbose=False)
        joined(Clip.of(results)).save(kept)
    return Clip.load(kept)


def points_of(motion: Motion, height: float) -> np.ndarray:
    """Return ``(T, K, 3)`` where the network's points lie on the solved body."""
    marks = Landmarks.of(motion.rig, height)
    places, turns = forward(motion.rig, motion.rotations, motion.root)
    return places[:, marks.bones] + quat.rotate(turns[:, marks.bones], marks.offsets)


def toe_tips(motion: Motion) -> np.ndarray:
    """Return ``(T, 2, 3)`` where the toes end."""
    places, turns = forward(motion.rig, motion.rotations, motion.root)
    rows = [motion.rig.row(f"{side}Toes") for side in ("left", "right")]
    return places[:, rows] + quat.rotate(turns[:, rows], motion.rig.tips[rows])


def slide(motion: Motion, contact: np.ndarray) -> float:
    """Return the mean speed of feet between frames in both of which they stand, cm/s: of the sole's slower point."""
    soles = points_of(motion, 1.7)[:, MARKS]
    moved = np.linalg.norm(np.diff(soles, axis=0), axis=-1) / np.diff(motion.times)[:, None]
    feet = np.minimum(moved[:, 0::2], moved[:, 1::2])
    both = contact[1:] & contact[:-1]
    return float(100 * feet[both].mean()) if both.any() else float("nan")


def agreement(name: str, motion: Motion, frames: np.ndarray) -> str:
    """Return how many of the foot-frames that stand were found, and how many of those found do stand, in percent.

    Frames within a thirtieth of a second of a label's ends are not judged.
    """
    labels = tomllib.loads(Path(__file__).with_name("contact_labels.toml").read_text(encoding="utf-8")).get(name)
    if labels is None:
        return ""
    near = round(motion.fps / 30)
    within = (frames >= labels["from"]) & (frames <= labels["until"])
    stands, judged = np.zeros_like(motion.contact), np.repeat(within[:, None], 2, axis=1)
    for foot, side in enumerate(("left", "right")):
        for first, last in labels[side]:
            stands[(frames >= first) & (frames <= last), foot] = True
            for edge in (first, last + 1):
                if labels["from"] < edge <= labels["until"]:
                    judged[(frames >= edge - near) & (frames < edge + near), foot] = False
    right = (stands & motion.contact)[judged].sum()
    return f"{100 * right / stands[judged].sum():.0f} / {100 * right / max(motion.contact[judged].sum(), 1):.0f}"


def tremble(joints: np.ndarray) -> float:
    """Return millimetres: the deviation of white noise with the same second differences."""
    return float(1e3 * np.sqrt(np.square(np.diff(joints, n=2, axis=0)).sum(-1).mean() / 18))


def relative(motion: Motion) -> np.ndarray:
    """Return ``(T, …, 3)`` the limbs' joints seen from the hips, as the network's own points are."""
    places = motion.joints()
    hips = places[:, [motion.rig.row("leftUpperLeg"), motion.rig.row("rightUpperLeg")]].mean(axis=1, keepdims=True)
    return (places - hips)[:, [motion.rig.row(bone) for bone in BONES]]


def real(shared: Path, cache: Path) -> list[dict[str, Any]]:
    rows = []
    for name in CLIPS:
        clip = clip_named(name, shared, cache)
        start = time.process_time()
        motion, views = MotionCapture().trace(clip, id=WHO.get(name))
        spent = (time.process_time() - start) * 1e3 / len(motion)
        free = MotionCapture(foot_lock=False).solve(clip, id=motion.id)
        followed, live_ms, lag = live(clip, None, motion.id)
        row, at = clip.row(motion.id), np.searchsorted(clip.times, motion.times)
        deepest = -100 * points_of(motion, 1.7)[:, MARKS, 1].min(axis=1)
        pixels = np.stack([view.pixels(p) for view, p in zip(views, points_of(motion, 1.7), strict=True)])
        deep = [-quat.rotate(quat.inverse(v.up), r - v.shift)[2] for v, r in zip(views, motion.root, strict=True)]
        tall = 1.7 * views[0].camera.focal / np.array(deep)
        off = 100 * np.linalg.norm(pixels - clip.xy[row, at], axis=-1) / tall[:, None]
        sure = clip.conf[row, at] > 0.3
        quiet = ""
        if name in STILL and clip.xyz is not None:
            still = slice(*np.searchsorted(clip.frames[at], STILL[name]))
            before, after = tremble(clip.xyz[row, at][still][:, LIMBS]), tremble(relative(motion)[still])
            quiet = (
                f"{before:.1f} -> {after:.2f} ({before / after:.0f}x), live {tremble(relative(followed)[still]):.1f}"
            )
        rows.append(
            {
                "clip": name,
                "frames": len(motion),
                "off %": round(float(np.median(off[sure])), 2),
                "p90 %": round(float(np.percentile(off[sure], 90)), 2),
                "stands %": round(100 * float(motion.contact.mean())),
                "found / right %": agreement(name, motion, clip.frames[at]),
                "live": agreement(name, followed, clip.frames[np.searchsorted(clip.times, followed.times)]),
                "slide cm/s": f"{slide(free, motion.contact):.1f} -> {slide(motion, motion.contact):.2f}",
                "deepest sole cm": round(float(deepest.max()), 1),
                "deepest toe cm": round(float(-100 * toe_tips(motion)[..., 1].min()), 1),
                "deeper than 1 cm %": round(100 * float((deepest > 1).mean()), 1),
                "trembling mm": quiet,
                "ms a frame": round(spent, 1),
                "live ms": f"{np.median(live_ms):.2f}, p95 {np.percentile(live_ms, 95):.2f}",
                "live lag ms": round(1e3 * lag),
            }
        )
    return rows


def long_stream(seconds: float) -> dict[str, Any]:
    """Follow the same minute again and again: nothing grows, nothing drifts."""
    results = list(seen(scene("squat", seconds=60.0), Noise(), seed=2).results())
    capture = LiveCapture(HEIGHT)
    roots, lengths, memory, spent = [], [], [], []
    start = time.process_time()
    for n in range(round(seconds * 30)):
        for moment in capture.update(results[n % len(results)].replace(time=n / 30)):
            if n % len(results) == 900:
                roots.append(moment.root)
                lengths.append(moment.rig.offsets)
                memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
                spent.append((time.process_time() - start) * 1e3 / (n + 1))
    follower = capture._people[1]
    return {
        "minutes": len(roots),
        "root drift m": np.ptp(np.array(roots[1:]), axis=0).round(4).tolist(),
        "bones change mm": round(1e3 * float(np.ptp(np.array(lengths[1:]), axis=0).max()), 2),
        "frames kept": len(follower._kept),
        "most memory MiB, first and last minute": [round(memory[0], 1), round(memory[-1], 1)],
        "ms a frame": round(spent[-1], 2),
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--cache", type=Path, default=Path("build/clips"))
    parser.add_argument("--long", type=float, default=0.0, help="seconds of a live stream to follow")
    parser.add_argument("--hour", action="store_const", dest="long", const=3600.0, help="follow an hour of one")
    parser.add_argument("--bones", action="store_true", help="print the error of each bone, and end")
    parser.add_argument("--anny", metavar="PYTHON", help="print errors on anny's bodies, posed by this Python, and end")
    given = parser.parse_args()
    if given.bones or given.anny:
        rows = others(given.anny) if given.anny else bones()
        table(rows, title="Known movements: degrees between the bones' own rotations, the median")
        save(given.json, bones=rows)
        return
    if given.long:
        found = long_stream(given.long)
        print(found)
        save(given.json, long=found)
        return
    known = synthetic()
    table(known, title="Known movements: degrees between the bones' own rotations")
    for points, limit in (("perfect", 3.0), ("noisy", 8.0)):
        middle = np.median([row["median"] for row in known if row["points"] == points])
        print(f"{points} points: {middle:.2f} degrees, the median of the movements; to reach: {limit}")
    hands = hand_scenes()
    table(hands, title="Known hands: degrees between the fingers' own rotations, and how hands lie in the world")
    clips = real(given.shared, given.cache)
    table(clips, title="Real clips")
    signers = real_hands(given.shared, given.cache)
    table(signers, title="Real hands")
    save(given.json, synthetic=known, hands=hands, real=clips, signers=signers)


if __name__ == "__main__":
    main()
