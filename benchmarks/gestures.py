"""How well gestures are told: python benchmarks/gestures.py SHARED [--crops] [--mediapipe FILE] [--speed]

SHARED is the folder of test data. ``--crops`` runs the networks on the 24 crops and asks for the canned gestures; how
well taught ones are told is printed by taught_gestures.py, gestures of bodies by gesture_clips.py. ``--mediapipe``
takes a pickle of what ``mediapipe`` found: {path: [{"xy": (21, 2), "xyz": (21, 3)}]}.
"""

from __future__ import annotations

import argparse
import pickle
import time
from pathlib import Path
from typing import Any

import numpy as np
from taught_gestures import look

from poise.columns import Boxes, Keypoints, freeze
from poise.frames import Media
from poise.motion.gestures import GestureRecognizer
from poise.motion.gestures.examples import Picture
from poise.results import Results
from poise.skeletons import get

HAND = get("hand21")
TRUE = {"call": "call", "four": "four", "rock": "rock"}


def from_mediapipe(path: Path) -> list[Picture]:
    """Read what mediapipe found."""
    with path.open("rb") as file:
        found = pickle.load(file)  # noqa: S301 - written by the person who runs this
    pictures = []
    for name, hands in found.items():
        xy = np.array([hand["xy"] for hand in hands]).reshape(-1, 21, 2)
        xyz = np.array([hand["xyz"] for hand in hands]).reshape(-1, 21, 3)
        pictures.append(Picture(Path(name).parent.name, name, xy, xyz))
    return pictures


def crops(name: str, pictures: list[Picture]) -> None:
    found = sum(len(one.xy) > 0 for one in pictures)
    print(f"{name}: a hand found in {found} of {len(pictures)} pictures ({found / len(pictures):.3f})")
    recognizer = GestureRecognizer("hands")
    right = 0
    for one in pictures:
        if one.label in TRUE and len(one.xy):
            said = {gesture.gesture for gesture in recognizer.recognize(results(one.xy, one.xyz))}
            right += TRUE[one.label] in said
    print(f"  canned gestures: {right} of {sum(one.label in TRUE for one in pictures)} (limits were chosen on these)")


def results(xy: Any, xyz: Any) -> Results:
    n = len(xy)
    data = np.column_stack([xy.min(axis=1), xy.max(axis=1), np.full(n, 0.99), np.ones(n)])
    points = Keypoints(freeze(xy), freeze(np.ones((n, 21))), HAND, (900, 900), xyz=freeze(xyz))
    return Results(np.zeros((900, 900, 3), np.uint8), Boxes(freeze(data), (900, 900)), points, {1: "right_hand"})


def speed() -> None:
    rng = np.random.default_rng(0)
    xy, xyz = rng.normal(300, 50, (2, 21, 2)), rng.normal(0, 0.05, (2, 21, 3))
    recognizer, result = GestureRecognizer("hands"), results(xy, xyz)
    times = []
    for _ in range(9):
        start = time.process_time()
        for _ in range(200):
            recognizer.recognize(result)
        times.append((time.process_time() - start) / 400 * 1e3)
    print(
        f"recogniser, two hands a frame: {min(times):.3f} ms a hand at least, {np.median(times):.3f} median (CPU time)"
    )


def end_to_end(shared: Path) -> None:
    """Time the hand model and the recogniser on one 720p frame with two hands, followed as in a video."""
    from poise import Pose
    from poise.frames import Frame
    from poise.gesturing import HandFinder
    from poise.image import resize
    from poise.sources import read_picture

    picture = read_picture(next((shared / "data/gestures/none").glob("00c84257*")))
    image = np.zeros((720, 1280, 3), np.uint8)
    image[:, 370:910] = resize(picture, (540, 720))
    finder, recognizer = HandFinder(Pose("hands", threads=2)), GestureRecognizer("hands")
    media, walls, cpus, hands = Media("two hands", "video"), [], [], 0
    for n in range(90):
        wall, cpu = time.perf_counter(), time.process_time()
        found = finder.find(Frame(image, media, n, n / 25))
        recognizer.update(found)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
        hands += len(found)
    wall, cpu = np.median(walls[10:]), np.median(cpus[10:])
    print(
        f"hands at 720p, {hands / 90:.1f} a frame: {1 / wall:.1f} frames/s, {cpu * 1e3:.0f} ms of CPU a frame (median)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--crops", action="store_true")
    parser.add_argument("--mediapipe", type=Path)
    parser.add_argument("--speed", action="store_true")
    wanted = parser.parse_args()
    if wanted.crops:
        crops("poise", look(wanted.shared))
    if wanted.mediapipe:
        crops("mediapipe", from_mediapipe(wanted.mediapipe))
    if wanted.speed:
        speed()
        end_to_end(wanted.shared)


if __name__ == "__main__":
    main()
