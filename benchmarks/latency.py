"""Milliseconds a stage and frames a second of every bundled model: python benchmarks/latency.py

Pictures of 1280x720 with 1, 3 and 10 people (copies of the bundled photo side by side), 1 and 2 threads, every engine
that is installed; then a 720p video with two people from decoding to the written, annotated mp4. With
``--peer-python PYTHON`` the ``mediapipe`` of that environment runs on the same pictures in a process of its own.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from _common import ROOT, arguments, save, table, two_people

from poise import Pose
from poise.image import resize
from poise.weights import models

PHOTO = ROOT / "src/poise/cli/demo.jpg"
FACE = ROOT / "tests/assets/astronaut.jpg"
HAND = ROOT / "tests/assets/hand.jpg"
ENGINES = [name for name in ("onnxruntime", "openvino") if find_spec(name)]

PEER = """
import sys, time, json, statistics, numpy as np, mediapipe as mp
images = np.load(sys.argv[1])
rows = []
kinds = {
    "Pose full": lambda: mp.solutions.pose.Pose(static_image_mode=STATIC, model_complexity=1),
    "Hands": lambda: mp.solutions.hands.Hands(static_image_mode=STATIC, max_num_hands=10),
    "FaceMesh": lambda: mp.solutions.face_mesh.FaceMesh(static_image_mode=STATIC, max_num_faces=10),
}
for STATIC in (True, False):
    for name, make in kinds.items():
        for people in images.files:
            image = np.ascontiguousarray(images[people][..., ::-1])
            with make() as model:
                for _ in range(3): model.process(image)
                times = []
                for _ in range(11):
                    start = time.perf_counter(); model.process(image); times.append(time.perf_counter() - start)
            rows.append({"model": "mediapipe " + name, "mode": "picture" if STATIC else "video", "people": people,
                         "ms": statistics.median(times) * 1e3})
print(json.dumps(rows))
"""


def scene(people: int, photo: Path) -> np.ndarray:
    """Return a 1280x720 picture with so many copies of the photo's person."""
    picture = Pose("body-fast").predict(photo)[0].orig_img
    columns = int(np.ceil(np.sqrt(people * 1280 / 720 * picture.shape[0] / picture.shape[1])))
    rows = int(np.ceil(people / columns))
    width, height = 1280 // columns, 720 // rows
    scale = min(width / picture.shape[1], height / picture.shape[0])
    small = resize(picture, (round(picture.shape[1] * scale), round(picture.shape[0] * scale)))
    canvas = np.full((720, 1280, 3), 127, np.uint8)
    for i in range(people):
        y, x = i // columns * height, i % columns * width
        canvas[y : y + small.shape[0], x : x + small.shape[1]] = small
    return canvas


def picture_row(model: str, engine: str, threads: int, image: np.ndarray, repeats: int) -> dict[str, object]:
    pose = Pose(model, runtime=engine, threads=threads)
    for _ in range(2):
        found = pose.predict(image)[0]
    walls, stages = [], []
    for _ in range(repeats):
        start = time.perf_counter()
        found = pose.predict(image)[0]
        walls.append((time.perf_counter() - start) * 1e3)
        stages.append(found.speed)
    middle = {k: statistics.median(s[k] for s in stages) for k in ("preprocess", "inference", "postprocess")}
    wall = statistics.median(walls)
    return {
        "model": model,
        "engine": engine,
        "threads": threads,
        "found": len(found),
        **{f"{k} ms": v for k, v in middle.items()},
        "total ms": wall,
        "outside the network %": (1 - middle["inference"] / wall) * 100,
    }


def video_row(model: str, engine: str, clip: Path, *, write: bool) -> dict[str, object]:
    pose = Pose(model, runtime=engine)
    with tempfile.TemporaryDirectory() as folder:
        for _ in pose.predict(clip, stream=True, vid_stride=50):
            pass
        start, busy = time.perf_counter(), time.process_time()
        frames = people = 0
        for result in pose.predict(clip, stream=True, save=write, project=folder):
            frames += 1
            people += len(result)
        wall, cpu = time.perf_counter() - start, time.process_time() - busy
    return {
        "model": model,
        "engine": engine,
        "writing": "annotated mp4" if write else "nothing",
        "frames": frames,
        "people a frame": people / frames,
        "frames/s": frames / wall,
        "CPU ms a frame": cpu / frames * 1e3,
    }


def peer_rows(python: str, scenes: dict[str, np.ndarray]) -> list[dict[str, object]]:
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder) / "scenes.npz"
        np.savez(pictures, **scenes)
        done = subprocess.run([python, "-c", PEER, str(pictures)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{python} could not run mediapipe:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--models", nargs="+", default=[card.name for card in models()])
    parser.add_argument("--engines", nargs="+", default=ENGINES)
    parser.add_argument("--people", nargs="+", type=int, default=[1, 3, 10])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--peer-python", help="a Python with mediapipe, to run beside")
    options = parser.parse_args()

    scenes = {str(n): scene(n, PHOTO) for n in options.people}
    rows = []
    for people, image in scenes.items():
        for model in options.models:
            photos = {"face": FACE, "hands": HAND}
            shown = scene(int(people), photos[model]) if model in photos else image
            for engine in options.engines:
                for threads in options.threads:
                    row = picture_row(model, engine, threads, shown, options.repeats)
                    rows.append({"people": people, **row})
    table(rows, title="Pictures of 1280x720")
    videos = []
    if options.shared.is_dir():
        clip = two_people(options.shared, Path(tempfile.gettempdir()) / "poise-two-people.mp4")
        for engine in options.engines:
            for model in options.models:
                videos += [video_row(model, engine, clip, write=write) for write in (False, True)]
        table(videos, title="Video of 1280x720, two people, from the file to the result")
    peers = peer_rows(options.peer_python, scenes) if options.peer_python else []
    if peers:
        table(peers, title="mediapipe on the same pictures, in a process of its own")
    save(options.json, pictures=rows, videos=videos, peers=peers)
