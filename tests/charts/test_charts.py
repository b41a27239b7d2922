"""Charts and sheets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.charts import Curve, chart, matrix, sheet
from poise.charts.lines import ticks
from poise.drawing import place_beside
from poise.errors import PoiseError


@given(low=st.floats(-1e6, 1e6), span=st.floats(1e-3, 1e6))
def test_ticks_lie_between_the_ends_and_are_few(low: float, span: float) -> None:
    found = ticks(low, low + span)

    assert 1 <= len(found) <= 12
    assert all(low - 1e-6 * span <= value <= low + span + 1e-6 * span for value in found)


def test_ticks_of_a_share_are_tenths() -> None:
    assert ticks(0, 1) == pytest.approx([i / 10 for i in range(11)])


def test_a_curve_is_drawn_in_its_colour() -> None:
    plain = chart([Curve("", [0, 1], [np.nan, np.nan])], x_range=(0, 1), y_range=(0, 1))

    drawn = chart([Curve("", [0, 1], [0.45, 0.45], "#ff0000", 4)], x_range=(0, 1), y_range=(0, 1))

    changed = (plain != drawn).any(axis=-1)
    rows = np.flatnonzero(changed.any(axis=1))
    assert len(rows) <= 6
    assert drawn[changed][:, 2].min() > 200


@pytest.mark.parametrize("x", [[], [1.0], [1.0, 1.0]])
def test_few_or_equal_values_make_a_chart(x: list[float]) -> None:
    picture = chart([Curve("a", x, x), Curve("b", x, x, dashed=True), Curve("c", x, x, bars=True, dots=True)])

    assert picture.shape == (540, 760, 3)


def test_a_sheet_holds_every_picture() -> None:
    pictures = [np.full((50, 80 + 40 * i, 3), 40 * i, np.uint8) for i in range(5)]

    made = sheet(pictures, [f"picture {i} with a name that is too long for its cell" for i in range(5)], columns=2)

    assert made.shape == (3 * (270 + 22 + 10) + 10, 2 * 370 + 10, 3)
    assert all((made == 40 * i).all(axis=-1).sum() > 5000 for i in range(5))


def test_a_sheet_of_nothing_is_refused() -> None:
    with pytest.raises(PoiseError, match="at least one"):
        sheet([])


@pytest.mark.parametrize("n", [1, 3, 30, 120])
def test_a_matrix_of_any_size_is_drawn(n: int) -> None:
    picture = matrix(np.eye(n) * 7, [f"class {i}" for i in range(n)], title="counts", x="true", y="found as")

    assert picture.dtype == np.uint8
    assert min(picture.shape[:2]) >= 9 * n
    assert picture.shape[0] < 1800


def test_a_cell_is_the_darker_the_more_it_holds() -> None:
    picture = matrix([[1.0, 5.0], [np.nan, 100.0]], ["a", "b"], levels=[[0.1, 0.5], [np.nan, 1.0]])

    # Corners of the cells, where no number is; cells of two names have 96 pixels.
    few, some = (picture[44, picture.shape[1] - 24 - x].mean() for x in (188, 92))
    none, most = (picture[140, picture.shape[1] - 24 - x].mean() for x in (188, 92))
    assert none > few > some > most


def test_names_of_strangers_are_cut_to_a_line() -> None:
    picture = matrix([[1, 2], [3, 4]], ["a\nb\t" * 400, ""])

    assert picture.shape[1] < 600


def test_a_matrix_needs_a_name_for_every_row() -> None:
    with pytest.raises(ValueError, match=r"values must have shape \(1, 1\)"):
        matrix(np.eye(2), ["a"])


def test_a_legend_that_would_hide_a_curve_stands_above_the_axes() -> None:
    x = np.linspace(0, 10, 400)
    low_and_high = Curve("swing", x, np.where(np.arange(400) % 2, 0.0, 1.0))
    unnamed = replace(low_and_high, name="")

    named, plain = (chart([curve], y="share") for curve in (low_and_high, unnamed))

    rows, columns = np.nonzero(np.any(named != plain, axis=-1))
    assert rows.max() < 40  # where the axes begin
    assert columns.min() > 380


def test_a_legend_stands_in_a_free_corner() -> None:
    x = np.linspace(0, 10, 400)
    curve = Curve("swing", x, np.where(x < 5, 0.05, 0.95))

    named, plain = (chart([one], y_range=(0, 1)) for one in (curve, replace(curve, name="")))

    rows, columns = np.nonzero(np.any(named != plain, axis=-1))
    assert (rows.min() > 300, columns.min() > 380) == (True, True)


def test_labels_of_points_that_touch_stand_apart() -> None:
    taken = np.empty((0, 4))
    for _ in range(6):
        place = place_beside((200, 300), (150, 100), 0.0, 6.0, (40, 16), taken)
        low, high = np.maximum(taken[:, :2], place[:2]), np.minimum(taken[:, 2:], place[2:])
        assert not np.all(high > low, axis=1).any()
        taken = np.concatenate([taken, [place]])
    assert taken[0].tolist() == [156, 92, 196, 108]


def test_a_label_stays_inside_the_picture() -> None:
    assert place_beside((100, 100), (99, 99), 0.0, 6.0, (40, 16), np.empty((0, 4)))[2:] <= (100, 100)
