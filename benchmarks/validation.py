"""Time a validation: python benchmarks/validation.py

Prints how much of validating Tiger-Pose's 53 pictures is spent outside the network, and how long the scoring of 5,000
pictures takes by each protocol (made-up people and finds, 20 a picture, as many as COCO looks at), boxes and keypoints
together, in wall and in CPU time.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
from _common import arguments, save, table

from poise.datasets import open_dataset
from poise.evaluation import (
    BOX_AREA,
    Evidence,
    Expected,
    Found,
    PoseMetrics,
    Scores,
    intervals,
    match_boxes,
    match_keypoints,
    score_by_coco,
)
from poise.skeletons import get
from poise.validation import validate

PICTURES, FINDS = 5000, 20
COCO = get("coco17")


def made_up(seed: int = 0) -> tuple[Expected, Found]:
    """Return people like COCO's in number and size, and finds of which some are near them."""
    rng = np.random.default_rng(seed)
    count = rng.poisson(2.2, PICTURES)
    picture = np.repeat(np.arange(PICTURES), count)
    n = len(picture)
    size = rng.uniform(20, 250, (n, 1, 1))
    xy = rng.uniform(0, 400, (n, 1, 2)) + rng.random((n, 17, 2)) * size
    boxes = np.concatenate([xy.min(axis=1), xy.max(axis=1)], axis=1)
    area = BOX_AREA * (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    expected = Expected(picture, np.zeros(n), boxes, xy, np.full((n, 17), 2), area, np.zeros(n, bool))
    finds = np.repeat(np.arange(PICTURES), FINDS)
    points = rng.uniform(0, 500, (len(finds), 17, 2))
    order = np.arange(n) - np.searchsorted(picture, picture)
    some = order < FINDS
    points[picture[some] * FINDS + order[some]] = xy[some] + rng.normal(0, 0.03, (some.sum(), 17, 2)) * size[some]
    corners = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
    conf = -np.sort(-rng.random((PICTURES, FINDS)), axis=1).ravel()
    nan = np.full(points.shape, np.nan)
    return expected, Found(finds, np.zeros(len(finds)), corners, conf, points, nan[..., 0], nan)


def timed(call: Callable[[], object], repeats: int = 5) -> tuple[float, float]:
    """Return the median wall and CPU seconds of a call."""
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return statistics.median(walls), statistics.median(cpus)


def by_coco(expected: Expected, found: Found) -> None:
    for kind in ("keypoints", "bbox"):
        score_by_coco(expected, found, kind=kind, names={0: "person"}, pictures=PICTURES, sigmas=COCO.sigmas)


def by_yolo(expected: Expected, found: Found) -> PoseMetrics:
    pose = match_keypoints(expected, found, pictures=PICTURES, sigmas=COCO.sigmas)
    box = match_boxes(expected, found, pictures=PICTURES)
    names = tuple(map(str, range(PICTURES)))
    used, sizes = np.arange(PICTURES), ((640, 640),) * PICTURES
    evidence = Evidence(expected, found, pose, box, names, used, sizes, COCO, COCO.sigmas, np.ones((PICTURES, 2)))
    scores = Scores.of(pose, 1), Scores.of(box, 1)
    return PoseMetrics(*scores, "yolo", {0: "person"}, PICTURES, len(expected), {}, evidence=evidence)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--threads", type=int, default=None, help="of torch")
    given = parser.parse_args()
    import torch

    from poise.networks import open_session

    if given.threads:
        torch.set_num_threads(given.threads)
    dataset = open_dataset(given.shared / "data/tiger-pose/tiger-pose.yaml", "val")
    session = open_session(given.shared / "fixtures/tiger/yolo26n-pose-best.pt")
    inference = []
    rows = []
    for _ in range(6):
        start = time.perf_counter()
        metrics = validate(session, dataset, imgsz=given.imgsz)
        total = time.perf_counter() - start
        inside = metrics.speed["inference"] * metrics.images / 1e3
        inference.append(inside)
        rows.append({"total s": total, "network s": inside, "outside": f"{100 * (1 - inside / total):.1f} %"})
    rows = sorted(rows[1:], key=lambda row: row["total s"])  # the first one warms up
    table(rows, title=f"Tiger-Pose, 53 pictures, {torch.get_num_threads()} threads")
    expected, found = made_up()
    scored = by_yolo(expected, found)
    sets = {
        "coco, keypoints and boxes": lambda: by_coco(expected, found),
        "yolo, keypoints and boxes": lambda: by_yolo(expected, found),
    }
    times = [dict(zip(("what", "wall s", "CPU s"), (name, *timed(call)), strict=True)) for name, call in sets.items()]
    wall, cpu = timed(lambda: intervals(scored, resamples=1000), repeats=1)
    times.append({"what": "intervals of 4 scores, 1000 resamples", "wall s": wall, "CPU s": cpu})
    table(times, title=f"{PICTURES} pictures, {len(expected)} people, {len(found)} finds")
    save(given.json, tiger=rows, scoring=times)


if __name__ == "__main__":
    main()
