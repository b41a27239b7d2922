"""Speed, memory and id switches of the tracker: python benchmarks/tracking.py [--other PYTHON] [--cache FOLDER].

Speed is CPU time of ``Tracker.update`` on one core, on people who walk about in a 1920x1080 picture; memory is what a
stream of one hour with 1,000 visitors leaves. Id switches are counted on drawn people (known ids) and on the real
clips of ``--shared``, whose people were named by eye on sheets of crops (``tracking_labels/``; people_one_by_one by
its visits). Every tracker gets the same detections: ``--other`` names the Python of an environment with Roboflow's
``trackers`` in it, whose box-only ByteTrack then reads them from files in ``--cache``.
"""

from __future__ import annotations

import pickle
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _common import arguments, save, table, versions
from numpy.typing import NDArray

from poise import Pose, Results
from poise.evaluation import TrackingScores, evaluate_tracking
from poise.frames import Frame, Media
from poise.geometry import box_iou
from poise.skeletons import get
from poise.tracking import Tracker, TrackSettings

LABELS = Path(__file__).parent / "tracking_labels"
CLIPS = ("people_vtest.mp4", "people_street_pan.avi", "people_store_aisle.gif", "people_one_by_one.mp4")
PATIENCE = 2.0
# Somebody who stands, as shares of the box, in COCO's order.
STANDING = np.array(
    [[.5, .06], [.54, .04], [.46, .04], [.6, .06], [.4, .06], [.75, .2], [.25, .2], [.85, .38], [.15, .38], [.9, .52],
     [.1, .52], [.65, .52], [.35, .52], [.66, .75], [.34, .75], [.67, .97], [.33, .97]]
)  # fmt: skip
# Which arm or leg a keypoint belongs to, as its phase in the step: opposite limbs swing together.
SWING = np.array([0] * 7 + [0.5, -0.5, 1, -1] + [0, 0] + [-0.5, 0.5, -1, 1])


@dataclass(frozen=True, eq=False)
class Scene:
    """A clip with detections: results, and who each row is ('' where nobody said)."""

    name: str
    results: list[Results]
    people: list[NDArray[np.str_]]


def walkers(
    paths: NDArray[Any], times: NDArray[Any], *, hidden: NDArray[np.bool_], seed: int, height: float = 180.0
) -> Scene:
    """Draw people along ``(I, T, 2)`` paths of their boxes' centres; nearer ones (lower in the picture) hide others."""
    rng = np.random.default_rng(seed)
    media, image = Media("drawn", "video", 1 / float(np.median(np.diff(times)))), np.full((720, 1280, 3), 128, np.uint8)
    tall = height * rng.uniform(0.85, 1.15, len(paths))
    results, people = [], []
    for t, time_ in enumerate(times):
        side = np.stack([0.4 * tall, tall], axis=1)
        step = np.sin(2 * np.pi * (0.9 * time_ + np.arange(len(paths)) / 3))
        xy = (paths[:, t] - side / 2)[:, None] + side[:, None] * STANDING
        xy[..., 0] += side[:, :1] * 0.35 * step[:, None] * SWING
        xy += rng.normal(0, 0.01, xy.shape) * tall[:, None, None]
        boxes = np.concatenate([paths[:, t] - side / 2, paths[:, t] + side / 2], axis=1)
        boxes += rng.normal(0, 0.02, boxes.shape) * tall[:, None]
        iou = box_iou(boxes, boxes)
        front = paths[:, t, 1] + tall / 2
        covered = (iou > 0.45) & (front[None] > front[:, None])
        seen = ~covered.any(axis=1) & ~hidden[:, t] & (rng.random(len(paths)) > 0.03)
        conf = np.clip(rng.normal(0.75, 0.12, len(paths)), 0.12, 0.99)
        rows = np.flatnonzero(seen)
        data = np.concatenate([boxes[rows], conf[rows, None], np.zeros((len(rows), 1))], axis=1)
        results.append(Results.of(Frame(image, media, t, float(time_)), data, xy[rows], np.full((len(rows), 17), 0.7)))
        people.append(rows.astype(str))
    return Scene("", results, people)


def crossing(fps: float, seed: int) -> Scene:
    """Six people cross the picture in both directions at three depths."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(8 * fps)) / fps
    way = np.where(np.arange(6) % 2, -1.0, 1.0)
    start = np.where(way > 0, rng.uniform(60, 250, 6), rng.uniform(1030, 1220, 6))
    speed = way * rng.uniform(90, 160, 6)
    depth = 330 + 25 * (np.arange(6) // 2) + rng.uniform(-8, 8, 6)
    paths = np.stack(
        [start[:, None] + speed[:, None] * times, np.broadcast_to(depth[:, None], (6, len(times)))], axis=-1
    )
    return walkers(paths, times, hidden=np.zeros(paths.shape[:2], bool), seed=seed)


def occlusion(fps: float, seed: int) -> Scene:
    """Four people walk behind a wall, one second each, and come out at a somewhat other speed."""
    rng = np.random.default_rng(1000 + seed)
    times = np.arange(round(7 * fps)) / fps
    way = np.where(np.arange(4) % 2, -1.0, 1.0)
    speed = way * rng.uniform(80, 150, 4)
    enter = rng.uniform(2.0, 3.5, 4)
    change = np.clip(times - enter[:, None], 0, None) * (rng.uniform(0.75, 1.25, (4, 1)) - 1)
    middle = 640 + rng.uniform(-150, 150, 4)
    x = middle[:, None] + speed[:, None] * (times - enter[:, None] + change)
    y = np.broadcast_to((200 + 110 * np.arange(4) + rng.uniform(-10, 10, 4))[:, None], x.shape)
    hidden = (times >= enter[:, None]) & (times < enter[:, None] + 1.0)
    return walkers(np.stack([x, y], axis=-1), times, hidden=hidden, seed=seed, height=150)


def real(path: Path, cache: Path, model: str) -> Scene:
    """Read a labelled clip; the network runs once, and what it found is kept in ``cache``."""
    store = cache / f"{path.stem}.{model}.npz"
    frames = []
    from poise.sources import open_source

    with open_source(str(path)) as source:
        frames = list(source)
    if not store.exists():
        found = list(Pose(model, threads=1).predict(str(path), stream=True, conf=0.1, verbose=False))
        columns = {"boxes": [r.boxes.data for r in found], "xy": [r.keypoints.xy for r in found]}
        columns["conf"] = [r.keypoints.conf for r in found]
        joined = {name: np.concatenate([np.asarray(v) for v in values]) for name, values in columns.items()}
        np.savez_compressed(store, counts=[len(r) for r in found], **joined)
    kept = np.load(store)
    ends = np.cumsum(kept["counts"])
    results = [
        Results.of(frame, kept["boxes"][end - n : end], kept["xy"][end - n : end], kept["conf"][end - n : end])
        for frame, end, n in zip(frames, ends, kept["counts"], strict=True)
    ]
    labels = np.loadtxt(LABELS / f"{path.stem}.csv", delimiter=",", skiprows=1, dtype=str)
    at, boxes = labels[:, 0].astype(int), labels[:, 2:].astype(float)
    people = []
    for t, result in enumerate(results):
        here = np.flatnonzero(at == t)
        iou = box_iou(np.asarray(result.boxes.xyxy, dtype=float), boxes[here])
        names = np.full(len(result), "", dtype="U16")
        if iou.size:
            rows = iou.argmax(axis=0)
            good = iou[rows, np.arange(len(here))] > 0.8
            names[rows[good]] = labels[here[good], 1]
        people.append(names)
    return Scene(path.stem, results, people)


def ours(scene: Scene, settings: TrackSettings | str) -> NDArray[np.intp]:
    """Return an id for every row of a scene, -1 for none."""
    tracker, ids = Tracker(settings), []
    for result in scene.results:
        tracked = np.asarray(tracker.update(result).boxes.data)
        given = np.full(len(result), -1)
        if len(tracked):
            same = (np.asarray(result.boxes.data)[:, None, :5] == tracked[None][:, :, [0, 1, 2, 3, 5]]).all(axis=-1)
            given[same.argmax(axis=0)] = tracked[:, 4]
        ids.append(given)
    return np.concatenate(ids)


def score(scene: Scene, ids: NDArray[np.intp]) -> TrackingScores:
    """Score the rows that have a name."""
    true, found, similarity, start = [], [], [], 0
    names = sorted({name for frame in scene.people for name in frame} - {""})
    for people in scene.people:
        given = ids[start : start + len(people)]
        start += len(people)
        named = np.flatnonzero(people != "")
        tracked = named[given[named] >= 0]
        true.append([names.index(people[i]) for i in named])
        found.append(given[tracked])
        similarity.append(named[:, None] == tracked[None])
    return evaluate_tracking(true, found, [s.astype(float) for s in similarity])


def write(scene: Scene, folder: Path, name: str) -> None:
    """Write the boxes of a scene for another tracker."""
    np.savez_compressed(
        folder / f"{name}.boxes.npz",
        counts=[len(r) for r in scene.results],
        boxes=np.concatenate([np.asarray(r.boxes.data) for r in scene.results]),
        fps=scene.results[0].media.fps,
    )


def speed_row(people: int, tracker: str) -> dict[str, Any]:
    """Time people who walk about."""
    rng = np.random.default_rng(0)
    frames, media, image = 300, Media("drawn", "video", 30.0), np.zeros((1080, 1920, 3), np.uint8)
    centre, pace = rng.uniform([60, 220], [1860, 860], (people, 2)), rng.normal(0, 60, (people, 2))
    results = []
    side = np.array([72.0, 180.0])
    for t in range(frames):
        centre = centre + pace / 30
        pace = np.where((centre < [60, 220]) | (centre > [1860, 860]), -pace, pace)
        xy = (centre - side / 2)[:, None] + side * STANDING + rng.normal(0, 2, (people, 17, 2))
        boxes = np.concatenate([centre - side / 2, centre + side / 2], axis=1) + rng.normal(0, 2, (people, 4))
        data = np.concatenate([boxes, np.full((people, 1), 0.9), np.zeros((people, 1))], axis=1)
        results.append(Results.of(Frame(image, media, t, t / 30), data, xy, np.full((people, 17), 0.8)))
    follow, times = Tracker(tracker), []
    for _ in range(9):
        follow.reset()
        begin = time.process_time()
        for result in results:
            follow.update(result)
        times.append(time.process_time() - begin)
    return {
        "people": people,
        "tracker": tracker,
        "frames/s (best of 9)": round(frames / min(times)),
        "frames/s (median)": round(frames / statistics.median(times)),
    }


def visitors(seconds: float, total: int) -> Iterator[Results]:
    """Let people walk through, each for ten seconds or so, at ten frames a second."""
    rng = np.random.default_rng(1)
    media, image = Media("hall", "stream", 10.0), np.zeros((720, 1280, 3), np.uint8)
    enter = np.sort(rng.uniform(0, seconds - 12, total))
    lane, pace = rng.uniform(200, 520, total), rng.uniform(110, 140, total)
    side = np.array([60.0, 150.0])
    for t in range(round(seconds * 10)):
        there = np.flatnonzero((enter <= t / 10) & (t / 10 < enter + 11))
        centre = np.stack([-20 + pace[there] * (t / 10 - enter[there]), lane[there]], axis=1)
        boxes = np.concatenate([centre - side / 2, centre + side / 2], axis=1)
        data = np.concatenate([boxes, np.full((len(there), 1), 0.9), np.zeros((len(there), 1))], axis=1)
        xy = (centre - side / 2)[:, None] + side * STANDING
        yield Results.of(Frame(image, media, t, t / 10), data, xy, np.full((len(there), 17), 0.8))


def memory_row(seconds: float = 3600.0, total: int = 1000) -> dict[str, Any]:
    """Measure what the tracker holds (its size when pickled) after a tenth of the stream, and at its end."""
    tracker, held, most, last = Tracker(), [], 0, 0
    for result in visitors(seconds, total):
        tracked = tracker.update(result)
        most = max(most, len(tracker))
        last = max([last, *tracked.boxes.id.int().tolist()])
        if result.frame in (round(seconds), round(seconds * 10) - 1):
            held.append(len(pickle.dumps(tracker)) / 1024)
    return {
        "seconds": seconds,
        "visitors": total,
        "ids given": last,
        "most tracks held": most,
        "KiB after a tenth": round(held[0]),
        "KiB at the end": round(held[1]),
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--other", type=Path, help="Python of the environment with Roboflow's trackers")
    parser.add_argument("--cache", type=Path, default=Path("runs/tracking"))
    parser.add_argument("--model", default="body")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--skip", nargs="*", default=[], choices=["speed", "memory", "drawn", "real"])
    given = parser.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    get("coco17")
    print(versions())
    speed = [] if "speed" in given.skip else [
        speed_row(n, tracker) for tracker in ("pose.yaml", "bytetrack.yaml") for n in (1, 10, 50)
    ]  # fmt: skip
    table(speed, title="Tracker.update, CPU time, one core")
    memory = [] if "memory" in given.skip else [memory_row()]
    table(memory, title="One hour, 1,000 visitors")
    scenes: dict[str, list[Scene]] = {}
    if "drawn" not in given.skip:
        for fps in (10.0, 30.0):
            scenes[f"crossing, {fps:.0f} fps"] = [crossing(fps, s) for s in range(given.seeds)]
            scenes[f"1 s hidden, {fps:.0f} fps"] = [occlusion(fps, s) for s in range(given.seeds)]
    if "real" not in given.skip:
        scenes |= {name: [real(given.shared / "data/videos" / name, given.cache, given.model)] for name in CLIPS}
    names = {
        (name, i): f"{name.replace(' ', '_').replace(',', '')}.{i}" for name in scenes for i in range(len(scenes[name]))
    }
    for (name, i), file in names.items():
        write(scenes[name][i], given.cache, file)
    trackers: dict[str, Any] = {"poise": TrackSettings(patience=PATIENCE)}
    trackers["poise, boxes only"] = TrackSettings(patience=PATIENCE, pose_weight=0.0, recover=False)
    others: list[str] = []
    if given.other is not None:
        script = Path(__file__).with_name("tracking_bytetrack.py")
        subprocess.run([given.other, script, given.cache, str(PATIENCE)], check=True)
        others = ["default", "low", "same"]
    rows = []
    for name, group in scenes.items():
        for tracker, settings in trackers.items():
            rows.append(_row(name, tracker, [score(s, ours(s, settings)) for s in group]))
        for setting in others:
            ids = [np.load(given.cache / f"{names[name, i]}.{setting}.npy") for i in range(len(group))]
            rows.append(_row(name, f"ByteTrack ({setting})", [score(s, x) for s, x in zip(group, ids, strict=True)]))
    table(rows, title="Id switches on the same detections")
    save(given.json, speed=speed, memory=memory, switches=rows)


def _row(clip: str, tracker: str, scores: list[TrackingScores]) -> dict[str, Any]:
    return {
        "clip": clip,
        "tracker": tracker,
        "switches": sum(s.switches for s in scores),
        "HOTA": round(statistics.mean(s.hota for s in scores), 3),
        "AssA": round(statistics.mean(s.assa for s in scores), 3),
        "IDF1": round(statistics.mean(s.idf1 for s in scores), 3),
        "tracked": f"{sum(s.found for s in scores) / sum(s.truth for s in scores):.1%}",
    }


if __name__ == "__main__":
    sys.exit(main())
