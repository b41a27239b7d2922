"""Pairs at the least cost, held against two programs that are not ours."""

from __future__ import annotations

import numpy as np
import pytest

from poise import geometry
from poise.geometry import assign, least_cost

SHAPES = [(1, 1), (1, 7), (2, 2), (3, 5), (8, 8), (12, 40), (30, 30)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_row_gets_a_column_at_the_cost_that_scipy_finds(shape: tuple[int, int]) -> None:
    optimize = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(3)
    for values in (rng.normal(size=(20, *shape)), rng.integers(0, 4, (20, *shape)).astype(float)):
        for cost in values:
            columns = least_cost(cost)

            assert len(set(columns.tolist())) == shape[0]
            expected = cost[optimize.linear_sum_assignment(cost)].sum()
            assert cost[np.arange(shape[0]), columns].sum() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("shape", [*SHAPES, (7, 1), (40, 12)], ids=str)
@pytest.mark.parametrize("max_cost", [0.2, 0.6, np.inf])
def test_without_lap_the_pairs_are_those_of_lap(
    shape: tuple[int, int], max_cost: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("lap")
    rng = np.random.default_rng(5)
    for cost in rng.random((20, *shape)):
        cost[rng.random(shape) < 0.3] = np.nan
        with monkeypatch.context() as patch:
            with_lap = assign(cost, max_cost=max_cost)
            patch.setattr(geometry, "_lap", lambda: None)
            without = assign(cost, max_cost=max_cost)

        # The costs are continuous, so that no two solutions cost the same.
        assert without.tolist() == with_lap.tolist()


def test_pairs_that_are_forbidden_are_not_made_and_the_most_pairs_are() -> None:
    cost = np.array([[1.0, np.inf, np.nan], [0.0, 5.0, np.nan]])

    assert assign(cost).tolist() == [[0, 0], [1, 1]]
    assert assign(cost, max_cost=2.0).tolist() == [[1, 0]]


def test_more_rows_than_columns_is_an_error() -> None:
    with pytest.raises(ValueError, match="got 3 rows and 2 columns"):
        least_cost(np.zeros((3, 2)))
