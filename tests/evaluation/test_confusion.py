"""Which class is taken for which."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.evaluation import Confusion, Expected, Found, confuse

NAMES = {0: "dog", 1: "cat"}
# Row: what was found, column: what is true.
HAND_MADE = [
    [1, 1, 1],
    [0, 1, 1],
    [1, 0, 0],
]


def expected(rows: list[tuple[int, int, tuple[float, ...]]], crowd: list[bool] | None = None) -> Expected:
    rows = sorted(rows, key=lambda row: row[0])
    n = len(rows)
    boxes = np.array([row[2] for row in rows]).reshape(n, 4)
    none = np.full((n, 1, 2), np.nan)
    return Expected(
        [row[0] for row in rows],
        [row[1] for row in rows],
        boxes,
        none,
        np.zeros((n, 1)),
        np.ones(n),
        crowd or [False] * n,
    )


def found(rows: list[tuple[int, int, tuple[float, ...], float]]) -> Found:
    rows = sorted(rows, key=lambda row: (row[0], -row[3]))
    n = len(rows)
    none = np.full((n, 1, 2), np.nan)
    boxes = np.array([row[2] for row in rows]).reshape(n, 4)
    return Found([r[0] for r in rows], [r[1] for r in rows], boxes, [r[3] for r in rows], none, none[..., 0], none)


A, B, C, D = (0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 50, 10), (60, 0, 70, 10)


def test_a_case_made_by_hand() -> None:
    true = expected([(0, 0, A), (0, 1, B), (0, 1, C), (1, 0, A)])
    finds = found(
        [
            (0, 0, A, 0.9),  # a dog that is one
            (0, 0, B, 0.8),  # a cat that was taken for a dog
            (0, 1, C, 0.7),  # a cat that is one
            (0, 1, C, 0.6),  # the same cat again
            (0, 0, D, 0.5),  # nothing is there
            (1, 0, A, 0.2),  # too unsure: the dog of picture 1 is missed
        ]
    )

    confusion = confuse(true, finds, NAMES)

    assert confusion.matrix.tolist() == HAND_MADE
    assert confusion.names == ("dog", "cat", "background")
    assert (confusion.right, confusion.confused, confusion.missed, confusion.false) == (2, 1, 1, 2)


def test_one_class_tells_found_missed_and_false() -> None:
    confusion = confuse(expected([(0, 0, A), (0, 0, B)]), found([(0, 0, A, 0.9), (0, 0, D, 0.9)]), {0: "tiger"})

    assert confusion.matrix.tolist() == [[1, 1], [1, 0]]


def test_the_pair_that_overlaps_most_is_taken_whatever_its_class_and_confidence() -> None:
    near, far = (0, 0, 10, 9), (0, 0, 10, 7)

    confusion = confuse(expected([(0, 0, A)]), found([(0, 0, far, 0.9), (0, 1, near, 0.3)]), NAMES)

    assert confusion.matrix.tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 0]]


def test_boxes_of_other_pictures_do_not_meet() -> None:
    confusion = confuse(expected([(0, 0, A)]), found([(1, 0, A, 0.9)]), {0: "tiger"})

    assert confusion.matrix.tolist() == [[0, 1], [1, 0]]


def test_the_least_overlap_counts() -> None:
    half = (0, 0, 10, 5)

    assert confuse(expected([(0, 0, A)]), found([(0, 0, half, 0.9)]), {0: "tiger"}).right == 1
    assert confuse(expected([(0, 0, A)]), found([(0, 0, half, 0.9)]), {0: "tiger"}, iou=0.51).right == 0


def test_crowds_are_left_out_where_the_protocol_says_so() -> None:
    true = expected([(0, 0, A), (0, 0, (0, 0, 100, 100))], [False, True])
    finds = found([(0, 0, A, 0.9), (0, 0, D, 0.9), (0, 0, (95, 0, 195, 10), 0.9)])

    assert confuse(true, finds, {0: "person"}, ignore_crowds=True).matrix.tolist() == [[1, 1], [0, 0]]
    assert confuse(true, finds, {0: "person"}).matrix.tolist() == [[1, 2], [1, 0]]


def test_nothing_at_all_is_a_matrix_of_zeros() -> None:
    confusion = confuse(expected([]), Found.empty(1), NAMES)

    assert confusion.matrix.tolist() == [[0] * 3] * 3
    assert np.isnan(confusion.shares).all()


def test_a_class_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match=r"classes must be from 0 to 1, got \[2\]"):
        confuse(expected([(0, 2, A)]), Found.empty(1), NAMES)


def test_shares_are_of_instances_and_false_alarms_of_finds() -> None:
    confusion = Confusion(np.array(HAND_MADE), ("dog", "cat", "background"), 0.25, 0.5)

    assert confusion.shares[:, :2].sum(axis=0) == pytest.approx(np.ones(2))
    assert confusion.shares[:, 2] == pytest.approx([1 / 3, 1 / 2, 0])


def test_the_record_has_names_counts_and_limits() -> None:
    confusion = Confusion(np.array(HAND_MADE), ("dog", "cat", "background"), 0.25, 0.5)

    assert confusion.record() == {
        "names": ["dog", "cat", "background"],
        "matrix": HAND_MADE,
        "conf": 0.25,
        "iou": 0.5,
    }


def test_supervision_counts_the_same() -> None:
    case = json.loads((Path(__file__).parents[1] / "assets/confusion.json").read_text())
    pictures = list(enumerate(case["pictures"]))
    true = expected([(i, row[0], tuple(row[1:])) for i, picture in pictures for row in picture["true"]])
    finds = found([(i, row[0], tuple(row[1:5]), row[5]) for i, picture in pictures for row in picture["found"]])

    # It asks for more than the least overlap, and one pair has exactly a half.
    assert confuse(true, finds, dict(enumerate("abcd")), iou=0.5 + 1e-9).matrix.tolist() == case["matrix"]


def by_hand(true: Expected, finds: Found, nc: int) -> list[list[int]]:
    """Count with plain loops: again and again the best pair that is left."""
    matrix = [[0] * (nc + 1) for _ in range(nc + 1)]
    left = [j for j in range(len(finds)) if finds.conf[j] >= 0.25]
    missed = list(range(len(true)))
    while True:
        best: tuple[float, int, int] | None = None
        for j in left:
            for i in missed:
                if finds.picture[j] != true.picture[i]:
                    continue
                (a, b, c, d), (e, f, g, h) = finds.boxes[j].tolist(), true.boxes[i].tolist()
                shared = max(min(c, g) - max(a, e), 0) * max(min(d, h) - max(b, f), 0)
                union = (c - a) * (d - b) + (g - e) * (h - f) - shared
                overlap = shared / union if union else 0
                if overlap >= 0.5 and (best is None or overlap > best[0]):
                    best = (overlap, j, i)
        if best is None:
            break
        _, j, i = best
        matrix[finds.classes[j]][true.classes[i]] += 1
        left.remove(j)
        missed.remove(i)
    for j in left:
        matrix[finds.classes[j]][nc] += 1
    for i in missed:
        matrix[nc][true.classes[i]] += 1
    return matrix


BOX = st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 6), st.integers(1, 6)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
TRUE = st.tuples(st.integers(0, 2), st.integers(0, 2), BOX)
FIND = st.tuples(st.integers(0, 2), st.integers(0, 2), BOX, st.sampled_from([0.1, 0.25, 0.3, 0.5, 0.9]))


@given(rows=st.lists(TRUE, max_size=8), finds=st.lists(FIND, max_size=10))
def test_plain_loops_count_the_same(rows: list, finds: list) -> None:
    true, some = expected(rows), found(finds)

    confusion = confuse(true, some, {0: "a", 1: "b", 2: "c"})

    assert confusion.matrix.tolist() == by_hand(true, some, 3)
    # Every instance is in one column, every sure find in one row.
    assert confusion.matrix.sum(axis=0)[:3].tolist() == np.bincount(true.classes, minlength=3).tolist()
    assert confusion.matrix[:3].sum() == (some.conf >= 0.25).sum()
