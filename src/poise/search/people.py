"""Which rows are of one person in one source: by their track, or where nobody tracked, by how their boxes overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]

# Boxes of two frames that follow each other are of one person from this share of their joint area on.
_OVERLAP = 0.3
# Seconds between frames within which somebody is still the same one.
_LONGEST_STEP = 1.0
# So many rows ahead the same person is looked for: frames of 32 people.
_AHEAD = 64


def people_of(source: Codes, frame: Codes, time: NDArray[np.float64], ids: Codes, box: NDArray[np.float32]) -> Codes:
    """Return ``(N,)`` a number for each person of each source, from 0.

    Args:
        source: ``(N,)`` number of the source.
        frame: ``(N,)`` index of the frame.
        time: ``(N,)`` seconds.
        ids: ``(N,)`` track ids, -1 where untracked.
        box: ``(N, 4)`` pixels.
    """
    n = len(source)
    person = np.empty(n, dtype=np.int64)
    tracked = ids >= 0
    count = 0
    if tracked.any():
        known, number = np.unique(ids[tracked], return_inverse=True)
        both, numbers = np.unique(source[tracked] * len(known) + number.reshape(-1), return_inverse=True)
        person[tracked], count = numbers.reshape(-1), len(both)
    rest = np.flatnonzero(~tracked)
    if len(rest):
        rest = rest[np.lexsort((frame[rest], source[rest]))]
        person[rest] = count + _chains(source[rest], frame[rest], time[rest], box[rest])
    return person


def _chains(source: Codes, frame: Codes, time: NDArray[np.float64], box: NDArray[np.float32]) -> Codes:
    """Return a number for each chain of boxes; rows are in the order of sources and frames."""
    n = len(source)
    begins = np.ones(n, dtype=bool)
    begins[1:] = (source[1:] != source[:-1]) | (frame[1:] != frame[:-1])
    group = np.cumsum(begins) - 1
    sizes = np.bincount(group)
    ahead = min(_AHEAD, 2 * int(sizes.max()) - 1, n - 1)
    best, follower = np.full(n, _OVERLAP, dtype=np.float32), np.full(n, -1, dtype=np.int64)
    back, leader = best.copy(), follower.copy()
    for step in range(1, ahead + 1):
        near = (
            (group[step:] == group[:-step] + 1)
            & (source[step:] == source[:-step])
            & (np.abs(time[step:] - time[:-step]) <= _LONGEST_STEP)
        )
        a = np.flatnonzero(near)
        if not len(a):
            continue
        b = a + step
        share = _overlap(box[a], box[b])
        for score, other, here, there in ((best, follower, a, b), (back, leader, b, a)):
            better = share > score[here]
            score[here[better]], other[here[better]] = share[better], there[better]
    # Only who chose each other are one.
    chosen = np.flatnonzero(follower >= 0)
    chosen = chosen[leader[follower[chosen]] == chosen]
    first = np.arange(n)
    first[follower[chosen]] = chosen
    # Each step doubles how far back the first of a chain is known.
    while not np.array_equal(further := first[first], first):
        first = further
    return np.unique(first, return_inverse=True)[1].reshape(-1)


def _overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the ``(M,)`` intersection over union of boxes; 0 where one is not known."""
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        inner = np.maximum(sides, 0).prod(axis=1)
        areas = [(one[:, 2] - one[:, 0]) * (one[:, 3] - one[:, 1]) for one in (a, b)]
        share = inner / (areas[0] + areas[1] - inner)
    return np.where(np.isfinite(share), share, np.float32(0))
