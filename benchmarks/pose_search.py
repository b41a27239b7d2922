"""How fast poses are searched, and whether a picture is found again: python benchmarks/pose_search.py [--rows N] …

``--rows`` makes so many poses, writes them as a batch does, reads them, and searches. ``--found`` takes 50 pictures in
which the network is sure of somebody whose body it sees, changes them (turned, mirrored, cut off, made smaller, all of
it together), finds the pose anew, and searches it among all poses of the pictures and of the videos. ``--keep FILE``
keeps what the network finds, so that a run may be ended (``--minutes``) and go on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from _common import arguments, median_ms, save, table

from poise import Pose, Results
from poise.files.writing import write_atomically
from poise.frames import Frame, Media
from poise.geometry import affine_apply, box_iou
from poise.image import warp
from poise.search import Like, PoseIndex, search, search_movements
from poise.skeletons import get
from poise.sources import frames_between, open_source, read_picture

# Whom the network is sure of, and how much it must see: points from the shoulders down, longest side in pixels.
SURE, POINT_SEEN, POINTS, SIDE = 0.9, 0.3, 10, 120
PICTURES = 50
CHANGES = ("turned", "mirrored", "cut", "scaled", "all")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="0: no search of many rows")
    parser.add_argument("--found", action="store_true", help="find changed pictures again")
    parser.add_argument("--model", default="body")
    parser.add_argument("--keep", type=Path, help="keep what the network finds in this file")
    parser.add_argument("--minutes", type=float, default=600.0, help="leave off after so many, with --keep")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    if options.rows:
        rows = speed(options.rows)
        table(rows, title=f"search over {options.rows:,} poses")
    again: list[dict[str, Any]] = []
    if options.found:
        again = found(options)
        table(again, title="of changed pictures, the original is first")
    save(options.json, speed=rows, found=again)


def speed(count: int) -> list[dict[str, Any]]:
    from pose_tables import bodies, write_people

    def memory() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    shard = 100_000
    with tempfile.TemporaryDirectory() as folder:
        for number, at in enumerate(range(0, count, shard)):
            n = min(shard, count - at)
            # Videos of 10 minutes at 10 frames a second, one tracked person each.
            frame = (np.arange(n) + at) % 6000
            names = [f"video-{(i + at) // 6000:04d}.mp4" for i in range(n)]
            xy = bodies(n, seed=number)
            write_people(
                Path(folder) / f"part-{number:06d}.parquet",
                xy,
                np.random.default_rng(number).uniform(0.2, 1, (n, 17)),
                source=names,
                frame=frame,
                time=frame / 10,
                id=np.ones(n, dtype=np.int64),
            )
        before = memory()
        start = time.perf_counter()
        index = PoseIndex.read(folder)
        reading = time.perf_counter() - start
    out = [
        {
            "what": "read Parquet, embed",
            "seconds": reading,
            "poses a second": count / reading,
            "MB more": memory() - before,
        }
    ]
    like = Like.of(one_body(3))
    looks = Like(*(np.repeat(part, 3, axis=0) for part in (like.embedding, like.weight)), like.layout, np.zeros(3, int))
    for what, asked, more in (
        ("the first query, with who is who", like, {}),
        ("one pose", like, {}),
        ("one pose, mirrored too", like, {"mirror": True}),
        ("one pose, up matters", like, {"upright": True}),
        ("a picture (three looks), mirrored too", looks, {"mirror": True}),
    ):
        once = what.startswith("the first")
        took = median_ms(
            lambda a=asked, m=more: search(index, a, **m), repeats=1 if once else 7, warmup=0 if once else 1
        )
        out.append(
            {"what": what, "seconds": took / 1e3, "poses a second": count / took * 1e3, "MB more": memory() - before}
        )
    moves = Like(
        *(np.repeat(part, 20, axis=0) for part in (like.embedding, like.weight)),
        like.layout,
        np.zeros(20, int),
        np.arange(20) / 10,
    )
    took = median_ms(lambda: search_movements(index, moves), repeats=3, warmup=0)
    out.append(
        {
            "what": "a movement of 2 s",
            "seconds": took / 1e3,
            "poses a second": count / took * 1e3,
            "MB more": memory() - before,
        }
    )
    return out


def one_body(seed: int) -> Results:
    from pose_tables import bodies

    image = np.broadcast_to(np.zeros(1, np.uint8), (2000, 2000, 3))
    return Results.of(image, [[0, 0, 2000, 2000, 1, 0]], bodies(1, seed=seed), np.ones((1, 17)))


class Kept:
    """A model that remembers what it has found in a picture.

    Args:
        name: Of the model.
        file: Where it is kept between runs.
    """

    def __init__(self, name: str, file: Path | None, minutes: float) -> None:
        self.name, self.file = name, file
        self.until = time.monotonic() + 60 * minutes
        self.model: Pose | None = None
        self.known: dict[str, Any] = {}
        if file is not None and file.exists():
            self.known = json.loads(file.read_text())
        self.new = 0

    def predict(self, picture: Any, **_: Any) -> list[Results]:
        frame = picture if isinstance(picture, Frame) else Frame(picture, Media("array"))
        image = np.ascontiguousarray(frame.image)
        key = hashlib.sha1(f"{self.name} {image.shape}".encode() + image.tobytes()).hexdigest()
        if key not in self.known:
            if time.monotonic() > self.until:
                self.write()
                raise SystemExit(f"left off after {len(self.known)} pictures; run it again to go on")
            self.model = self.model or Pose(self.name)
            result = self.model.predict(frame, verbose=False)[0]
            boxes = np.asarray(result.boxes.data, dtype=float)
            points = np.concatenate([result.keypoints.xy, np.asarray(result.keypoints.conf)[..., None]], axis=-1)
            self.known[key] = [boxes.round(4).tolist(), points.astype(float).round(4).tolist()]
            self.new += 1
            if self.new % 50 == 0:
                self.write()
        boxes, points = self.known[key]
        values = np.array(points, dtype=float).reshape(-1, 17, 3)
        return [Results.of(frame, np.reshape(boxes, (-1, 6)), values[..., :2], values[..., 2], skeleton=get("coco17"))]

    def write(self) -> None:
        if self.file is not None and self.new:
            write_atomically(self.file, json.dumps(self.known))


def found(options: argparse.Namespace) -> list[dict[str, Any]]:
    model = Kept(options.model, options.keep, options.minutes)
    results = [model.predict(frame)[0] for frame in pictures(options.shared / "data")]
    chosen = [(result, row) for result in results if (row := sure(result)) is not None][:PICTURES]
    index = PoseIndex.of([*results, *(model.predict(frame)[0] for frame in others(options.shared / "data"))])
    out = []
    for change in CHANGES:
        first = {"one look": 0, "three looks": 0, "three looks, up matters": 0}
        for number, (result, row) in enumerate(chosen):
            changed, box = transform(result, row, change, seed=number)
            again = model.predict(changed)[0]
            person = rank_of(again, box)
            for how in first:
                if person is None:
                    continue
                try:
                    like = Like.of(again, person=person, model=None if how == "one look" else model)
                except ValueError:  # too little is seen of the person
                    continue
                hits = search(index, like, mirror=True, top=40, upright="up" in how)
                # Who does exercises stands like this again in every repetition.
                apart = [hit for hit in hits if hit.source != result.path or is_of(hit, result)]
                first[how] += bool(apart) and is_of(apart[0], result)
        out.append({"change": change, **{how: f"{n}/{len(chosen)}" for how, n in first.items()}})
    model.write()
    print(f"\n{len(index):,} poses of {len(index.sources)} pictures and videos; {len(chosen)} are searched")
    return out


def pictures(data: Path) -> list[Frame]:
    """Return the photos that show people, and the frame in the middle of each video."""
    folders = ("coco-mini/train2017", "coco-mini/val2017", "images", *(f"mmpose-samples/{name}" for name in SAMPLES))
    paths = [
        path for folder in folders for path in sorted((data / folder).iterdir()) if path.suffix in (".jpg", ".png")
    ]
    out = [Frame(read_picture(path), Media(str(path))) for path in paths]
    for path in sorted((data / "videos").glob("*.mp4")):
        with open_source(str(path)) as source:
            length = next(iter(source)).media.duration
        out.append(next(frames_between(path, length / 2)))
    return out


SAMPLES = ("aic", "coco", "crowdpose", "mpii", "ochuman")


def others(data: Path) -> Any:
    """Give a frame of each second of the videos."""
    for path in sorted((data / "videos").glob("*.mp4")):
        last = -1.0
        for frame in open_source(str(path)):
            if frame.time >= last + 1.0:
                last = frame.time
                yield frame


def sure(result: Results) -> int | None:
    """Return the row of the largest person, if the network is sure of it and sees the body."""
    if not len(result):
        return None
    box = np.asarray(result.boxes.xyxy)
    row = int(np.argmax(np.prod(box[:, 2:] - box[:, :2], axis=1)))
    seen = int((np.asarray(result.keypoints.conf)[row, 5:] >= POINT_SEEN).sum())
    large = float((box[row, 2:] - box[row, :2]).max()) >= SIDE
    return row if large and seen >= POINTS and float(result.boxes.conf[row]) >= SURE else None


def transform(result: Results, row: int, change: str, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Change a picture; returns it and where the person's box lies in it."""
    rng = np.random.default_rng(1000 + seed)
    turn = np.deg2rad(rng.uniform(10, 30) * rng.choice([-1, 1]))
    scale, side = rng.uniform(0.5, 0.8), int(rng.integers(3))
    box = np.asarray(result.boxes.xyxy, dtype=float)[row]
    low, high = np.zeros(2), np.array(result.orig_shape[::-1], dtype=float)
    if change in ("cut", "all"):
        wide, tall = box[2:] - box[:2]
        # The feet, or one side.
        if side == 0:
            high[1] = np.floor(box[3] - 0.2 * tall)
        elif side == 1:
            high[0] = np.floor(box[2] - 0.15 * wide)
        else:
            low[0] = np.ceil(max(box[0], 0) + 0.15 * wide)
    corners = np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
    linear = np.eye(2)
    if change in ("mirrored", "all"):
        linear = np.diag([-1.0, 1.0]) @ linear
    if change in ("scaled", "all"):
        linear = scale * linear
    if change in ("turned", "all"):
        linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ linear
    placed = corners @ linear.T
    matrix = np.concatenate([linear, -placed.min(axis=0)[:, None]], axis=1)
    size = np.ceil(np.ptp(placed, axis=0)).astype(int).tolist()
    part = result.orig_img.copy()
    # What is cut off must not come back in the corners of a turned picture.
    grey = np.full_like(part, 114)
    x0, y0, x1, y1 = (int(v) for v in (*low, *high))
    grey[y0:y1, x0:x1] = part[y0:y1, x0:x1]
    changed = warp(grey, matrix[None], (size[0], size[1]), fill=114)[0]
    kept = np.array([*np.maximum(box[:2], low), *np.minimum(box[2:], high)])
    ends = affine_apply(matrix, np.array([kept[:2], [kept[2], kept[1]], kept[2:], [kept[0], kept[3]]]))
    return changed, np.array([*ends.min(axis=0), *ends.max(axis=0)])


def rank_of(result: Results, box: np.ndarray) -> int | None:
    """Return which person, numbered by size from 1, stands in a box; None: nobody does."""
    if not len(result):
        return None
    boxes = np.asarray(result.boxes.xyxy, dtype=float)
    share = box_iou(box[None], boxes)[0]
    if share.max() < 0.2:
        return None
    order = np.argsort(-np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), kind="stable")
    return int(np.flatnonzero(order == int(share.argmax()))[0]) + 1


def is_of(hit: Any, result: Results) -> bool:
    """Return whether a hit is of this picture, or of this moment of a video."""
    return hit.source == result.path and hit.start - 1.0 <= result.time <= hit.end + 1.0


if __name__ == "__main__":
    main()
