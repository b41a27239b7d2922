"""The sets of exercises that are made: which movement, how often, from where, and with which faults.

``tuned`` scenes were looked at while limits were chosen; ``held out`` ones were not: other seeds, other real clips.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from _dances import beat_dance, dance
from _exercise_scenes import (
    ALIKE,
    NONE,
    SEATED,
    STANDING,
    TURNING,
    Camera,
    Scene,
    again,
    going_round,
    seen,
    sitting,
    spatial,
    standing_on,
    still,
)
from _floor_moves import push_up, sit_up, with_ways
from _moving_bodies import Made, Move, deadlift, jumping_jack, lunge, rounds, squat, upper_body, wander

ARMS = ("biceps-curl", "shoulder-press", "lateral-raise", "front-raise", "pull-down", "triceps-extension")
# Seconds a repetition takes, slow and fast.
PACE = {
    "jumping jack": (0.9, 1.3), "clapping push-up": (0.9, 1.4), "push-up": (1.2, 2.5), "dance": (1.0, 1.0),
}  # fmt: skip
# From where each is filmed while the camera goes round, first to last, degrees.
WAYS = ((0, 90), (0, -90), (90, 0), (-90, 0), (20, 110), (45, -45), (0, 180), (90, 180), (0, 360))


def moves() -> dict[str, Move]:
    """Return every movement by the name of its row."""
    found: dict[str, Move] = {
        "squat": squat, "deadlift": deadlift, "jumping jack": jumping_jack, "sit-up": sit_up, "push-up": push_up,
        "clapping push-up": partial(push_up, clap=True),
        "forward lunge, in turn": partial(lunge, kind="forward"),
        "forward lunge, one leg": partial(lunge, kind="forward", in_turn=False),
        "reverse lunge": partial(lunge, kind="reverse"), "split lunge": partial(lunge, kind="split", in_turn=False),
        "free dance": dance, "danced phrases": partial(dance, phrase=True), "dance on a beat": beat_dance,
    }  # fmt: skip
    for kind in ARMS:
        for seated in (False, True):
            found[kind + (", seated" if seated else "")] = partial(upper_body, kind=kind, seated=seated)
    return found


def make(name: str, random: np.random.Generator, *, fps: float = 30.0, reps: int | None = None) -> Made:
    """Return one set of a movement."""
    reps = int(random.integers(4, 9)) if reps is None else reps
    slow = next((v for k, v in PACE.items() if name.startswith(k)), (1.6, 3.2))
    period = random.uniform(*slow)
    wait = random.uniform(0.3, 1.5, 2)
    if "dance" in name:
        reps, period = 1, random.uniform(12, 25)
    time, w = rounds(random, reps, period=period, fps=fps, before=wait[0], after=wait[1])
    made = moves()[name](time, w, random)
    return replace(made, reps=reps if made.exercise else 0)


def pan(scene: Scene, random: np.random.Generator, *, size: float) -> Scene:
    """Let a hand hold the camera: the picture sways by so many torsos."""
    one = scene.person
    torso = float(np.median(np.linalg.norm(one.xy[:, 5] - one.xy[:, 11], axis=-1)))
    sway = np.stack([wander(random, one.time, size * torso), wander(random, one.time, 0.3 * size * torso)], axis=-1)
    return replace(scene, person=replace(one, xy=one.xy + sway[:, None], box=one.box + np.tile(sway, 2)))


def _scene(
    kind: str, name: str, made: Made, camera: Camera, random: np.random.Generator, *, legs: str = "seen",
    note: str = "",
) -> Scene:  # fmt: skip
    if legs == "cut":
        # The camera looks higher and closer: the picture ends at the thighs.
        camera = replace(camera, aim=camera.aim + 0.35, fill=1.15)
    person = seen(made, camera, random, legs=legs)
    return Scene(kind, name + note, person, made.exercise, made.reps)


def scenes(
    split: str, *, each: int = 3, kinds: tuple[str, ...] = (TURNING, SEATED, STANDING, ALIKE, NONE)
) -> Iterator[Scene]:
    """Yield the scenes of a split, ``tuned`` or ``held out``."""

    def drawn(*words: object) -> np.random.Generator:
        return np.random.default_rng(zlib.crc32("|".join(map(str, (split, *words))).encode()))

    if TURNING in kinds:
        for name in (
            "squat",
            "deadlift",
            "jumping jack",
            "push-up",
            "split lunge",
            "forward lunge, in turn",
            *ARMS[:5],
        ):
            for k in range(2 * each):
                random = drawn(TURNING, name, k)
                made = make(name, random)
                how = ("evenly", "at once", "there and back")[k % 3]
                way = WAYS[int(random.integers(len(WAYS)))]
                camera = going_round(made.time, *way, random, how=how, lies=made.lies)
                scene = _scene(TURNING, name, made, camera, random)
                yield pan(scene, random, size=0.15) if k % 2 else scene
    for kind, names in (
        (SEATED, [f"{name}, seated" for name in ARMS]),
        (STANDING, ["squat", "deadlift", "jumping jack", "push-up", "sit-up", *ARMS]),
    ):
        if kind not in kinds:
            continue
        for name in names:
            for legs in ("seen", "hidden", "cut") if kind == SEATED else ("seen",):
                for k in range(each if kind == SEATED else 2 * each):
                    random = drawn(kind, name, legs, k)
                    made = make(name, random)
                    azimuth = random.choice([0, 25, -25, 50, -50, 80, -80, 160, 180, 200])
                    if "raise" in name and abs(azimuth) in (50, 80):
                        azimuth = 15  # from the side the two raises look alike
                    camera = still(len(made.time), azimuth, random, seated=made.seated, lies=made.lies)
                    yield _scene(
                        kind, name, made, camera, random, legs=legs, note="" if legs == "seen" else f", legs {legs}"
                    )
    if ALIKE in kinds:
        for name in (
            "forward lunge, in turn",
            "forward lunge, one leg",
            "reverse lunge",
            "split lunge",
            "clapping push-up",
        ):
            for azimuth in (0, 30, -60, 90, 150):
                for k in range(each):
                    random = drawn(ALIKE, name, azimuth, k)
                    made = make(name, random)
                    camera = still(len(made.time), azimuth + random.uniform(-10, 10), random, lies=made.lies)
                    yield _scene(ALIKE, name, made, camera, random)
    if NONE in kinds:
        for name in ("free dance", "danced phrases", "dance on a beat"):
            for k in range(5 * each):
                random = drawn(NONE, name, k)
                made = make(name, random)
                camera = still(len(made.time), random.uniform(-180, 180), random)
                yield _scene(NONE, name, made, camera, random)


BEGIN, END = ("plank", "kneeling", "standing"), ("plank", "kneeling", "lying")


def on_the_floor(split: str, *, each: int = 2) -> Iterator[Scene]:
    """Yield push-ups, clapping and not, with how people get down to them and what they do afterwards: no falls."""
    for name in ("clapping push-up", "push-up"):
        for begin in BEGIN:
            for end in END:
                for azimuth in (0, 25, -45, 65, 90, 180):
                    for k in range(each):
                        words = (split, name, begin, end, azimuth, k)
                        random = np.random.default_rng(zlib.crc32("|".join(map(str, words)).encode()))
                        made = make(name, random, reps=int(random.integers(2, 5)))
                        made = with_ways(made, random, begin=begin, end=end)
                        camera = still(len(made.time), azimuth + random.uniform(-10, 10), random, lies=True)
                        yield _scene(ALIKE, f"{name}, from {begin}, then {end}", made, camera, random)


# Labelled clips whose people are filmed anew: from all around, and with the legs of who sits.
ROUND = {
    "tuned": (("squat_home_front", "squat", 3), ("curl_dumbbell_portrait", "biceps-curl", 4),
              ("jumping_jack_front", "jumping-jack", 6), ("lat_pulldown_back", "pull-down", 3)),
    "held out": (("squat_gym_hold", "squat", 2), ("squat_barbell_side", "squat", 5),
                 ("curl_alternating_side", "biceps-curl", 9), ("lunge_split_side", "lunge", 8),
                 ("shoulder_press_seated", "shoulder-press", 2)),
}  # fmt: skip
_SEATED = ("biceps-curl", "shoulder-press", "pull-down")


def filmed_anew(split: str, shared: Path, folder: Path | None, *, each: int = 3) -> Iterator[Scene]:
    """Yield labelled clips, as ``body-3d`` found them in space, seen by a camera that goes round, and seated."""
    for stem, exercise, reps in ROUND[split]:
        time, points = spatial(shared, folder, f"{stem}.mp4")
        for kind in (TURNING, SEATED) if exercise in _SEATED else (TURNING,):
            for k in range(2 * each):
                random = np.random.default_rng(zlib.crc32(f"{split}|{stem}|{kind}|{k}".encode()))
                times = max(1, round(6 / reps))
                when, body = again(time, points, times)
                if kind == SEATED:
                    body = sitting(body, random)
                elif exercise in ("biceps-curl", "shoulder-press", "pull-down"):
                    body = body + [0.0, 0.0, random.uniform(0.5, 0.9)]
                else:
                    body = standing_on(body)
                made = Made(when, body, exercise, reps * times, seated=kind == SEATED)
                if kind == TURNING:
                    way = WAYS[int(random.integers(len(WAYS)))]
                    camera = going_round(when, *way, random, how=("evenly", "at once", "there and back")[k % 3])
                else:
                    camera = still(len(when), random.uniform(-60, 60), random, seated=True)
                legs = "seen" if kind == TURNING else ("seen", "hidden", "cut")[k % 3]
                yield _scene(kind, f"{stem}, real", made, camera, random, legs=legs)
