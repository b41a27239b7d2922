"""Write the made sets that the tests count: python benchmarks/make_exercise_sets.py

tests/assets/sets.npz: keypoints over time of people who never were (_exercise_sets.py), 15 frames a second.
"""

from __future__ import annotations

import zlib

import numpy as np
from _common import ROOT
from _exercise_scenes import Scene, going_round, seen, still
from _exercise_sets import make, on_the_floor, pan

FPS = 15.0
# Name, seed, movement, first and last azimuth of the camera, and how it goes round. The seeds are of sets that a
# counter without the rule in question gets wrong.
TURNS = (
    ("squat_turns", 6, "squat", (0, 90), "evenly"), ("squat_turns_back", 4, "squat", (-90, 0), "at once"),
    ("jack_turns", 0, "jumping jack", (0, 90), "there and back"), ("curl_turns", 2, "biceps-curl", (0, 90), "at once"),
    ("lateral_turns", 0, "lateral-raise", (0, 90), "evenly"),
)  # fmt: skip
# Name, seed, movement, azimuth, and what is seen of the legs.
STAYS = (
    ("front_hidden", 0, "front-raise, seated", 50, "hidden"), ("front_cut", 0, "front-raise, seated", 0, "cut"),
    ("lateral_cut", 1, "lateral-raise, seated", 20, "cut"),
    ("triceps_seated", 0, "triceps-extension, seated", 25, "hidden"),
    ("lunge_front", 3, "forward lunge, in turn", 0, "seen"), ("squat_side", 3, "squat", 90, "seen"),
    ("clapping", 0, "clapping push-up", 60, "seen"), ("dance", 1, "free dance", 20, "seen"),
    ("dance_phrases", 0, "danced phrases", -40, "seen"), ("dance_on_a_beat", 0, "dance on a beat", 0, "seen"),
)  # fmt: skip


def sets() -> dict[str, Scene]:
    """Return the scenes by name."""
    out = {}
    for name, seed, movement, way, how in TURNS:
        random = np.random.default_rng(zlib.crc32(f"asset {name} {seed}".encode()))
        made = make(movement, random, fps=FPS, reps=5)
        camera = going_round(made.time, *way, random, how=how, lies=made.lies)
        out[name] = pan(Scene("", name, seen(made, camera, random), made.exercise, made.reps), random, size=0.15)
    for name, seed, movement, azimuth, legs in STAYS:
        random = np.random.default_rng(zlib.crc32(f"asset {name} {seed}".encode()))
        made = make(movement, random, fps=FPS, reps=5)
        camera = still(len(made.time), azimuth, random, seated=made.seated, lies=made.lies)
        out[name] = Scene("", name, seen(made, camera, random, legs=legs), made.exercise, made.reps)
    return out


def main() -> None:
    """Write the file."""
    arrays: dict[str, np.ndarray] = {}
    scenes = sets()
    down = {
        f"down_{k}": scene
        for k, scene in enumerate(on_the_floor("asset", each=1))
        if ", from standing" in scene.name and k in (49, 98)
    }
    for name, scene in (scenes | down).items():
        one = scene.person
        arrays[f"{name}.time"] = one.time.astype(np.float32)
        steps = np.diff(np.round(one.xy * 4), axis=0, prepend=0)  # quarters of a pixel, from frame to frame
        arrays[f"{name}.steps"] = steps.astype(np.int16)
        arrays[f"{name}.conf"] = np.round(one.conf * 255).astype(np.uint8)
        arrays[f"{name}.what"] = np.array([scene.exercise, str(scene.reps)])
    path = ROOT / "tests/assets/sets.npz"
    np.savez_compressed(path, **arrays)
    print(f"{len(scenes) + len(down)} sets, {path.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main()
