"""How well gestures are told: python benchmarks/gestures.py SHARED [--crops] [--mediapipe FILE] [--speed]

SHARED is the folder of test data. ``--crops`` runs the networks on the 24 crops and asks for the canned gestures; how
well taught ones are told is printed by taught_gestures.py, gestures of bodies by gesture_clips.py. ``--mediapipe``
takes a pickle of what ``mediapipe`` found: {path: [{"xy": (21, 2), "xyz": (21, 3)}]}.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from taught_gestures import look

from poise.frames import Image
from poise.gestures import GestureRecognizer
from poise.gestures.shapes.examples import ExamplePicture
from poise.results import Results
from poise.results.columns import Boxes, Keypoints, freeze
from poise.skeletons import get

HAND = get("hand21")
TRUE = {"call": "call", "four": "four", "rock": "rock"}


def from_mediapipe(path: Path) -> list[ExamplePicture]:
    """Read what mediapipe found."""
    with path.open("rb") as file:
        found = pickle.load(file)  # noqa: S301 - written by the person who runs this
    pictures = []
    for name, hands in found.items():
        xy = np.array([hand["xy"] for hand in hands]).reshape(-1, 21, 2)
        xyz = np.array([hand["xyz"] for hand in hands]).reshape(-1, 21, 3)
        pictures.append(ExamplePicture(Path(name).parent.name, name, xy, xyz))
    return pictures


def crops(name: str, pictures: list[ExamplePicture]) -> None:
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
            recognizer.update(result)
        times.append((time.process_time() - start) / 400 * 1e3)
    print(
        f"recogniser of a video, two hands a frame: {min(times):.3f} ms of CPU a hand at least, "
        f"{np.median(times):.3f} median"
    )


def video_of(pictures: Iterable[Image], path: Path) -> int:
    """Write pictures of 1280 x 720 as H.264 at 30 frames a second; returns how many."""
    import av

    count = 0
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for picture in pictures:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
            count += 1
        file.mux(stream.encode())
    return count


def two_hands(shared: Path) -> Iterator[Image]:
    """Yield 240 crops that wander over a real photo with two hands."""
    from poise.image import warp
    from poise.sources import read_picture

    picture = read_picture(next((shared / "data/gestures/none").glob("00c84257*")))
    height, width = picture.shape[:2]
    for t in np.linspace(0, 6 * np.pi, 240):
        scale = 720 / height * (1.1 + 0.08 * np.sin(t))
        x = 640 - scale * width * (0.5 + 0.03 * np.sin(1.7 * t))
        y = 360 - scale * height * (0.5 + 0.02 * np.cos(1.3 * t))
        yield warp(picture, np.array([[[scale, 0, x], [0, scale, y]]]), (1280, 720))[0]


def signs(shared: Path) -> Iterator[Image]:
    """Yield four sign clips at twice their size."""
    from poise.image import resize
    from poise.sources import open_source

    for name in ("again", "help", "school", "book"):
        with open_source(shared / f"data/gestures/asl_clips/{name}.mp4") as frames:
            for frame in frames:
                yield resize(np.ascontiguousarray(frame.image[100:460]), (1280, 720))


def command(video: Path, *options: str) -> tuple[float, float, list[dict[str, Any]]]:
    """Run the real command; returns seconds of wall and of CPU time, and its lines."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "poise", "gestures", str(video), "--json", "-q", *options],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, [json.loads(line) for line in done.stdout.splitlines()]


def end_to_end(shared: Path) -> None:
    """Time the real command on 720p video: decoding, networks, gestures, JSON; without its start."""
    with tempfile.TemporaryDirectory() as folder:
        for name, pictures in (("photo with two hands", two_hands), ("sign clips", signs)):
            long, short = Path(folder) / "long.mp4", Path(folder) / "short.mp4"
            frames = video_of(pictures(shared), long)
            few = video_of(islice(pictures(shared), 2), short)
            for options in (("--hands-only",), ()):
                (wall0, cpu0, _), (wall, cpu, lines) = command(short, *options), command(long, *options)
                hands = sum(line["part"] != "body" for line in lines) / frames
                rate, each = (frames - few) / (wall - wall0), (cpu - cpu0) / (frames - few) * 1e3
                print(
                    f"{name}, {' '.join(options) or 'with bodies'}: {hands:.1f} hands a frame, {rate:.1f} frames/s, "
                    f"{each:.0f} ms of CPU a frame; load of the machine {os.getloadavg()[0]:.1f}"
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
