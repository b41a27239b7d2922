"""Time the pairing of tracks with finds, with lap and without: python benchmarks/assignment.py

Everybody may be anybody: 30 % of all pairs are allowed, which is far more crowded than people are. CPU milliseconds a
frame, the mean of 20 random frames.
"""

from __future__ import annotations

import time

import numpy as np
from _common import arguments, table

from poise import geometry

if __name__ == "__main__":
    parser = arguments(__doc__)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    own = geometry._lap
    rows = []
    for people in (10, 50, 200):
        cost = rng.random((20, people, people))
        cost[rng.random(cost.shape) < 0.7] = np.nan
        row: dict[str, object] = {"people": people}
        for name, lap in (("lap", own), ("numpy", lambda: None)):
            geometry._lap = lap  # type: ignore[assignment]
            start = time.process_time()
            for one in cost:
                geometry.assign(one, max_cost=0.7)
            row[name] = round((time.process_time() - start) / len(cost) * 1000, 2)
        rows.append(row)
    table(rows)
