"""Exercises, seated, turning or of kinds that are easily confused, as a detector would see them.

Movements in space (:mod:`_moving_bodies`, and the 33 metric points of ``body-3d`` of real labelled clips) are filmed
by a pinhole camera that may go round, and told with a network's faults: noise that lasts, hidden limbs that are
guessed, left and right that swap when seen from the side, points that drop out, and legs outside the picture that are
invented at its edge. How large the faults are was measured on the shared clips' tracks: see ``Faults``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import _moving_bodies as moves
import numpy as np
from _moving_bodies import Floats, Made, Random

from poise.frames import Frame, Media
from poise.reps import Person
from poise.results import Results

FLIP = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
SIZE = (1280, 720)
# The kinds of scene.
TURNING, SEATED, STANDING, ALIKE, NONE = "turning", "seated", "standing", "alike", "no exercise"


@dataclass(frozen=True)
class Scene:
    """What is filmed, and what is to be said of it.

    Attributes:
        kind: One of ``turning``, ``seated``, ``standing``, ``alike`` and ``no exercise``.
        name: What it is.
        person: The points as a detector sees them.
        exercise: The bundled exercise; empty: none of them.
        reps: How many repetitions.
        size: Of the picture, pixels.
    """

    kind: str
    name: str
    person: Person
    exercise: str
    reps: int
    size: tuple[int, int] = SIZE


@dataclass(frozen=True)
class Camera:
    """A pinhole camera that looks at the person.

    Attributes:
        azimuth: ``(T,)`` degrees: 0 in front of somebody who faces +x, 90 at their left, 180 behind.
        away: ``(T,)`` metres.
        height: ``(T,)`` metres above the floor.
        fill: Share of the picture's height that 1.75 m fill where the person stands.
        aim: Metres above the floor that are in the picture's middle.
    """

    azimuth: Floats
    away: Floats
    height: Floats
    fill: float
    aim: float

    def project(self, points: Floats, size: tuple[int, int]) -> tuple[Floats, Floats]:
        """Return ``(T, K, 2)`` pixels and ``(T, K)`` metres from the camera."""
        turn = np.radians(self.azimuth)
        eye = np.stack([self.away * np.cos(turn), self.away * np.sin(turn), self.height], axis=-1)
        aim = np.array([0.0, 0.0, self.aim]) + np.median(points[:, 11:13].mean(axis=1) * [1, 1, 0], axis=0)
        eye = eye + aim * [1, 1, 0]
        ahead = aim - eye
        ahead /= np.linalg.norm(ahead, axis=-1, keepdims=True)
        right = np.cross(ahead, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right, axis=-1, keepdims=True)
        down = np.cross(ahead, right)
        to = points - eye[:, None]
        x, y, z = (np.einsum("tkc,tc->tk", to, axis) for axis in (right, down, ahead))
        z = np.maximum(z, 0.2)
        focal = self.fill * size[1] / 1.75 * float(np.median(self.away))
        middle = np.array(size) / 2
        return np.stack([focal * x / z + middle[0], focal * y / z + middle[1]], axis=-1), z


@dataclass(frozen=True)
class Faults:
    """A network's faults, in torso lengths and shares; the middle of what the shared clips' tracks have.

    Attributes:
        lasting: Standard deviation of the error that lasts about ``lasts_s``.
        white: The same of the error of each frame alone.
        lasts_s: Seconds.
        hidden: How much larger both are for limbs behind the body.
        swaps: Swaps of left and right a second, seen from the side.
        drops: Limbs that drop out a second.
        missing: Share of frames without the person.
    """

    lasting: float = 0.02
    white: float = 0.007
    lasts_s: float = 0.25
    hidden: float = 3.0
    swaps: float = 0.5
    drops: float = 0.15
    missing: float = 0.01


def seen(
    made: Made, camera: Camera, random: Random, *, faults: Faults | None = None, size: tuple[int, int] = SIZE,
    legs: str = "seen",
) -> Person:  # fmt: skip
    """Film a movement, and tell it as a detector does.

    Args:
        made: The movement.
        camera: The camera.
        random: Of the faults.
        faults: Their size.
        size: Of the picture.
        legs: ``seen``; ``hidden``: behind a desk, guessed below the hips; ``cut``: below the picture's edge.
    """
    faults = Faults() if faults is None else faults
    time, n = made.time, len(made.time)
    step = float(np.median(np.diff(time)))
    xy, depth = camera.project(made.points, size)
    torso = float(np.median(np.linalg.norm(xy[:, [5, 6]] - xy[:, [11, 12]], axis=-1))) if not made.lies else 0.0
    torso = max(torso, moves.TRUNK * camera.fill * size[1] / 1.75 * 0.8)
    conf = np.clip(random.normal(0.85, 0.05, 17) + 0.05 * _lasting(random, n, 17, step, 0.5), 0.3, 0.98)
    # What is behind: of each pair, the far one where the trunk is seen from its side.
    across = made.points[:, 5] - made.points[:, 6]
    turn = np.radians(camera.azimuth)
    toward = np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    side = (across[:, :2] * toward).sum(axis=-1) / np.maximum(np.linalg.norm(across, axis=-1), 1e-6)  # 1: left is near
    behind = np.zeros((n, 17))
    for left in range(1, 17, 2):
        much = np.clip((np.abs(side) - 0.6) / 0.3, 0, 1)
        much = much * np.where(depth[:, left] > depth[:, left + 1], side > 0, True)
        behind[:, left] = np.where(side < 0, much, 0.0)
        behind[:, left + 1] = np.where(side > 0, much, 0.0)
    behind[:, 9:11] *= random.uniform(0.3, 1.0)  # a far hand is often in sight
    blur = 1 + (faults.hidden - 1) * behind
    conf = conf - behind * random.uniform(0.2, 0.5)
    off = faults.lasting * _lasting(random, n, 34, step, faults.lasts_s).reshape(n, 17, 2)
    off = off + faults.white * random.standard_normal((n, 17, 2))
    # Where limbs move fast, pictures blur and the network lags.
    speed = np.linalg.norm(np.gradient(xy, step, axis=0), axis=-1) / torso
    off = off * (blur * (1 + 0.15 * np.clip(speed, 0, 6)))[..., None]
    out = xy + off * torso
    if legs != "seen":
        _without_legs(out, conf, random, size, torso, step, cut=legs == "cut")
    _drop_out(out, conf, random, step, faults)
    for at in (range(5, 11), range(11, 17)):
        for first, past in _spells(random, n, step, faults.swaps, (0.05, 0.8)):
            inside = np.arange(first, past)[np.abs(side[first:past]) > 0.8]
            rows = np.ix_(inside, list(at))
            other = np.ix_(inside, [FLIP[k] for k in at])
            out[rows], conf[rows] = out[other].copy(), conf[other].copy()
    outside = (out[..., 1] > size[1]) | (out[..., 1] < 0) | (out[..., 0] < 0) | (out[..., 0] > size[0])
    conf = np.where(outside, np.minimum(conf, random.uniform(0.05, 0.35, conf.shape)), conf)
    out = np.clip(out, 0, np.array(size, dtype=float) - 1)
    keep = random.random(n) >= faults.missing
    keep[0] = True
    out, conf = out[keep], np.clip(conf[keep], 0.02, 0.99)
    shown = conf > 0.2
    low = np.where(shown[..., None], out, np.inf).min(axis=1) - 5
    high = np.where(shown[..., None], out, -np.inf).max(axis=1) + 5
    box = np.where(shown.any(axis=1)[:, None], np.concatenate([low, high], axis=1), [0, 0, 10, 10])
    frame = np.flatnonzero(keep).astype(float)
    return Person(1, frame, time[keep], out, conf, box)


def _lasting(random: Random, n: int, columns: int, step: float, seconds: float) -> Floats:
    """Return ``(n, columns)`` of noise of unit variance that forgets itself within so many seconds."""
    keep = np.exp(-step / seconds)
    white = random.standard_normal((n, columns)) * np.sqrt(1 - keep * keep)
    out = np.empty((n, columns))
    last = random.standard_normal(columns)
    for t in range(n):
        last = keep * last + white[t]
        out[t] = last
    return out


def _spells(random: Random, n: int, step: float, rate: float, lasts: tuple[float, float]) -> Iterator[tuple[int, int]]:
    """Yield the first and past-the-last frame of spells that begin so often a second."""
    for first in np.flatnonzero(random.random(n) < rate * step).tolist():
        yield first, min(n, first + max(1, round(random.uniform(*lasts) / step)))


def _drop_out(xy: Floats, conf: Floats, random: Random, step: float, faults: Faults) -> None:
    """Let limbs drop out for moments: little conf, and somewhere near."""
    torso = float(np.median(np.linalg.norm(xy[:, 5] - xy[:, 11], axis=-1)))
    for limb in ((7, 9), (8, 10), (13, 15), (14, 16), (9,), (10,), (15,), (16,)):
        for first, past in _spells(random, len(xy), step, faults.drops / 2, (0.05, 0.5)):
            for k in limb:
                conf[first:past, k] = random.uniform(0.03, 0.3)
                xy[first:past, k] += random.normal(0, 0.25 * torso, 2)


def _without_legs(
    xy: Floats, conf: Floats, random: Random, size: tuple[int, int], torso: float, step: float, *, cut: bool
) -> None:
    """Let knees and ankles be guessed: below the hips, or at the picture's lower edge, unsure and unsteady."""
    n = len(xy)
    hips = xy[:, 11:13].mean(axis=1)
    for k in range(13, 17):
        shake = _lasting(random, n, 2, step, 0.4) * np.array([0.25, 0.2]) * torso
        at = hips + [0.35 * torso * (1 if k % 2 else -1), (0.55 if k < 15 else 1.0) * torso]
        xy[:, k] = at + shake
        conf[:, k] = np.clip(0.22 + 0.12 * _lasting(random, n, 1, step, 0.6)[:, 0], 0.02, 0.6)
    if cut:
        xy[:, 13:, 1] = np.minimum(xy[:, 13:, 1], size[1] - 1)
    conf[:, 11:13] = np.clip(conf[:, 11:13] - 0.2, 0.1, 1)
    xy[:, 11:13] += (_lasting(random, n, 4, step, 0.4) * 0.06 * torso).reshape(n, 2, 2)


def still(n: int, azimuth: float, random: Random, *, seated: bool = False, lies: bool = False) -> Camera:
    """Return a camera that stands."""
    one = np.ones(n)
    return Camera(
        azimuth * one, random.uniform(2.2, 4.5) * one, random.uniform(0.7, 1.7) * one, random.uniform(0.5, 0.8),
        0.4 if lies else 0.75 if seated else 0.9,
    )  # fmt: skip


def going_round(time: Floats, first: float, last: float, random: Random, *, how: str, lies: bool = False) -> Camera:
    """Return a camera that goes round, evenly, in one go in the middle, or there and back."""
    n = len(time)
    share = (time - time[0]) / max(time[-1] - time[0], 1e-6)
    if how == "at once":
        share = np.clip((share - random.uniform(0.35, 0.5)) / 0.15, 0, 1)
    elif how == "there and back":
        share = 0.5 - 0.5 * np.cos(2 * np.pi * share)
    share = share * share * (3 - 2 * share) if how != "evenly" else share
    base = still(n, 0.0, random, lies=lies)
    near = 1 + random.uniform(-0.15, 0.15) * np.sin(np.pi * share)
    return replace(base, azimuth=first + (last - first) * share, away=base.away * near)


def results(scene: Scene) -> Iterator[Results]:
    """Yield the scene as results of one person with id 1."""
    media = Media(scene.name, "video")
    picture = np.broadcast_to(np.uint8(0), (scene.size[1], scene.size[0], 3))
    one = scene.person
    for frame, time, xy, conf, box in zip(one.frame, one.time, one.xy, one.conf, one.box, strict=True):
        yield Results.of(Frame(picture, media, int(frame), float(time)), [[*box, 1, 0.9, 0]], xy[None], conf[None])


# BlazePose's 33 points to COCO's 17.
_SEVENTEEN = [0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28]


def spatial(shared: Path, folder: Path | None, file: str) -> tuple[Floats, Floats]:
    """Return ``(T,)`` seconds and ``(T, 17, 3)`` metres of a clip's largest person as ``body-3d`` finds them.

    x is towards the camera, y to the picture's right, z up, the hips at 0. Kept in ``folder``.
    """
    kept = folder / f"{Path(file).stem}.spatial.npz" if folder else None
    if kept is not None and kept.exists():
        data = np.load(kept)
        return data["time"], data["points"]
    from poise import Pose

    time, points = [], []
    for result in Pose("body-3d", threads=1).predict(shared / "data/videos" / file, stream=True, verbose=False):
        if len(result):
            size = np.asarray(result.boxes.xywh, dtype=np.float64)[:, 2:].prod(axis=1)
            x, y, z = np.asarray(result.keypoints.xyz, dtype=np.float64)[int(size.argmax())][_SEVENTEEN].T
            time.append(result.time)
            points.append(np.stack([-z, x, -y], axis=-1))
    out = np.array(time), np.array(points)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(kept, time=out[0], points=out[1])
    return out


def again(time: Floats, points: Floats, times: int, *, fade_s: float = 0.3) -> tuple[Floats, Floats]:
    """Show a clip that begins and ends at rest several times over, each fading into the next."""
    step = float(np.median(np.diff(time)))
    even = np.arange(time[0], time[-1], step)
    flat = np.stack([np.interp(even, time, column) for column in points.reshape(len(points), -1).T], axis=1)
    window = np.ones(max(1, round(0.12 / step)) // 2 * 2 + 1)
    weight = np.convolve(np.ones(len(flat)), window, "same")
    flat = np.stack([np.convolve(column, window, "same") / weight for column in flat.T], axis=1)
    fade = max(2, round(fade_s / step))
    share = np.linspace(0, 1, fade)[:, None]
    out = flat
    for _ in range(times - 1):
        between = out[-1] * (1 - share) + flat[0] * share
        out = np.concatenate([out, between, flat])
    return np.arange(len(out)) * step, out.reshape(len(out), 17, 3)


def standing_on(points: Floats) -> Floats:
    """Let the lower ankle of each frame be where the floor is."""
    low = points[:, 15:17, 2].min(axis=1)
    return points - np.stack([np.zeros_like(low), np.zeros_like(low), low - moves.ANKLE], axis=-1)[:, None]


def sitting(points: Floats, random: Random) -> Floats:
    """Give somebody whose hips are at 0 the legs of one who sits, facing where the shoulders face."""
    across = np.median(points[:, 5] - points[:, 6], axis=0) * [1, 1, 0]
    left = across / np.linalg.norm(across)
    ahead = np.cross(left, [0.0, 0.0, 1.0])
    out = points + [0.0, 0.0, random.uniform(0.46, 0.55)] - points[:, 11:13].mean(axis=1, keepdims=True) * [1, 1, 1]
    for k, side in ((13, 1.0), (14, -1.0)):
        hip = out[:, k - 2]
        apart = random.uniform(0.02, 0.15)
        out[:, k] = hip + moves.THIGH * ahead + side * apart * left
        out[:, k + 2] = out[:, k] * [1, 1, 0] + [0, 0, moves.ANKLE] + random.uniform(-0.1, 0.1) * ahead
    return np.asarray(out)
