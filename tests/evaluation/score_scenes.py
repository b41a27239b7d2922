"""Made-up people and finds for tests of scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from poise.evaluation import BOX_AREA, Expected, Found


def scene(
    seed: int = 0, *, pictures: int = 12, crowds: bool = False, unlabelled: bool = False, classes: int = 1
) -> tuple[Expected, Found]:
    """Return people of all sizes, each found once or twice with errors, or missed."""
    rng = np.random.default_rng(seed)
    n = 3 * pictures
    picture = np.repeat(np.arange(pictures), 3)
    size = rng.uniform(25, 300, (n, 1, 1))
    xy = rng.uniform(0, 200, (n, 1, 2)) + rng.random((n, 17, 2)) * size
    boxes = np.concatenate([xy.min(axis=1), xy.max(axis=1)], axis=1)
    visibility = rng.choice([0, 1, 2], (n, 17), p=[0.2, 0.2, 0.6])
    if unlabelled:
        visibility[rng.random(n) < 0.3] = 0
    crowd = rng.random(n) < 0.25 if crowds else np.zeros(n, bool)
    area = BOX_AREA * (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    kind = rng.integers(0, classes, n)
    points = np.where(visibility[..., None] > 0, xy, np.nan)
    expected = Expected(picture, kind, boxes, points, visibility, area, crowd)
    rows = np.sort(np.concatenate([np.flatnonzero(rng.random(n) < 0.9), np.flatnonzero(rng.random(n) < 0.4)]))
    found = xy[rows] + rng.normal(0, 0.04, (len(rows), 17, 2)) * size[rows]
    corners = boxes[rows] + rng.normal(0, 0.05, (len(rows), 4)) * size[rows, 0]
    conf = rng.permutation(np.linspace(0.05, 0.95, len(rows)))
    order = np.lexsort((-conf, picture[rows]))
    chosen = rows[order]
    spread = np.broadcast_to(0.04 * size[chosen], (len(rows), 17, 2))
    return expected, Found(
        picture[chosen], kind[chosen], corners[order], conf[order], found[order], rng.random((len(rows), 17)), spread
    )


def repeated(rows: Expected | Found, counts: np.ndarray) -> Expected | Found:
    """Return the rows of each picture as often as it counts, as pictures of their own."""
    taken = [np.flatnonzero(rows.picture == i) for i, count in enumerate(counts) for _ in range(count)]
    numbers = np.repeat(np.arange(len(taken)), [len(part) for part in taken])
    return replace(rows[np.concatenate(taken)], picture=numbers)
