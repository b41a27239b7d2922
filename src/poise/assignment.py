"""Pairs of rows and columns at the least total cost."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NO = 1e6  # a cost that no assignment pays

Floats = NDArray[np.floating[Any]]


def assign(cost: Floats, *, max_cost: float = np.inf) -> NDArray[np.intp]:
    """Pair rows with columns so that the sum of the costs is least.

    ``lap`` does it where it is installed (the extra ``track``), because it is faster; else the same is done in numpy.
    Both are exact, so they differ only between solutions of the same cost.

    Args:
        cost: ``(M, N)``; NaN or inf forbids a pair.
        max_cost: A pair that costs more is not made, and leaving a row and a column alone costs as much. Infinite: as
            many pairs as can be made.

    Returns:
        ``(P, 2)`` rows and columns, by row.

    Source:
        Jonker and Volgenant 1987, through lap; without it Crouse 2016, On implementing 2D rectangular assignment
        algorithms, IEEE TAES 52(4).
    """
    if not cost.size:
        return np.empty((0, 2), dtype=np.intp)
    allowed = np.isfinite(cost) & (cost <= max_cost)
    if allowed.sum(axis=0).max() <= 1 and allowed.sum(axis=1).max() <= 1:
        return np.argwhere(allowed)  # nobody has a choice
    finite = np.where(allowed, cost, _NO).astype(np.float64)
    limit = min(float(max_cost), _NO / 2)
    lap = _lap()
    if lap is not None:
        columns = lap.lapjv(np.ascontiguousarray(finite), extend_cost=True, cost_limit=limit)[1]
    else:
        # A partner that costs nothing for everybody who stays alone; a pair is worth what it costs below the limit.
        alone = np.zeros((len(finite), len(finite)))
        columns = least_cost(np.concatenate([finite - limit, alone], axis=1))
        columns = np.where(columns < finite.shape[1], columns, -1)
    rows = np.flatnonzero(columns >= 0)
    pairs = np.stack([rows, columns[rows]], axis=1).astype(np.intp)
    return pairs[allowed[pairs[:, 0], pairs[:, 1]]]


def least_cost(cost: Floats) -> NDArray[np.intp]:
    """Give every row a column of its own, at the least total cost.

    Args:
        cost: ``(M, N)``, finite, M at most N.

    Returns:
        ``(M,)`` the column of each row.

    Raises:
        ValueError: There are more rows than columns.

    Source:
        Crouse 2016: rows are taken in one after another, each along the shortest augmenting path in reduced costs.

    Example:
        >>> least_cost(np.array([[4.0, 1.0, 2.0], [2.0, 0.0, 5.0]])).tolist()
        [2, 1]
        >>> least_cost(np.array([[4.0, 1.0, 6.0], [2.0, 0.0, 5.0]])).tolist()
        [1, 0]
    """
    count, width = cost.shape
    if count > width:
        raise ValueError(f"every row needs a column of its own, got {count} rows and {width} columns")
    price_row, price_column = np.zeros(count), np.zeros(width)
    column_of, row_of = np.full(count, -1, dtype=np.intp), np.full(width, -1, dtype=np.intp)
    for start in range(count):
        distance = np.full(width, np.inf)
        before = np.full(width, start, dtype=np.intp)
        settled = np.zeros(width, dtype=bool)
        rows, row, far = [start], start, 0.0
        while True:
            along = cost[row] - price_row[row] - price_column + far
            nearer = ~settled & (along < distance)
            distance[nearer], before[nearer] = along[nearer], row
            open_distance = np.where(settled, np.inf, distance)
            column = int(open_distance.argmin())
            free = row_of < 0
            if not free[column]:
                # Of columns that are equally near, a free one ends the path.
                equal = np.flatnonzero(free & (open_distance <= open_distance[column]))
                column = int(equal[0]) if len(equal) else column
            far = float(distance[column])
            settled[column] = True
            if row_of[column] < 0:
                break
            row = int(row_of[column])
            rows.append(row)
        price_row[start] += far
        others = np.array(rows[1:], dtype=np.intp)
        price_row[others] += far - distance[column_of[others]]
        price_column[settled] -= far - distance[settled]
        while True:
            row = int(before[column])
            row_of[column] = row
            column_of[row], column = column, int(column_of[row])
            if row == start:
                break
    return column_of


@cache
def _lap() -> ModuleType | None:
    try:
        return import_module("lap")
    except ModuleNotFoundError:
        return None
