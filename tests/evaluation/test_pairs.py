"""Errors of keypoints and angles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from score_scenes import scene

from poise.evaluation import Expected, Found
from poise.evaluation.pairs import angle_errors, angles, error_tables, pair_up, pck, picture_scores, triples
from poise.skeletons import Skeleton, get

ELBOW = Skeleton("arm", ("shoulder", "elbow", "wrist"), edges=((0, 1), (1, 2)), flip_idx=(0, 1, 2))


def arm(points: list[list[float]], *, conf: float | None = None, visibility: list[int] | None = None):
    """One arm, true, or found when it has a confidence; its box is 100 x 100."""
    xy, box = np.array([points]), np.array([[0.0, 0.0, 100.0, 100.0]])
    if conf is None:
        seen = np.array([visibility or [2, 2, 2]])
        labelled = np.where(seen[..., None] > 0, xy, np.nan)
        return Expected([0], [0], box, labelled, seen, [5300.0], [False])
    return Found([0], [0], box, [conf], xy, np.full((1, 3), 0.5), np.full((1, 3, 2), np.nan))


def test_the_most_confident_of_two_overlapping_finds_is_taken() -> None:
    expected, found = scene(0)
    pairs = pair_up(expected, found, pictures=12)

    first = int(np.flatnonzero(pairs.taken)[0])
    same = found.conf[found.picture == expected.picture[first]]

    assert pairs.conf[first] in same


def test_error_is_the_distance_in_pixels() -> None:
    pairs = pair_up(arm([[0, 0], [50, 0], [50, 50]]), arm([[3, 4], [50, 0], [50, 60]], conf=0.9), pictures=1)

    assert pairs.error.tolist() == [[5.0, 0.0, 10.0]]


def test_a_missed_instance_counts_as_wrong() -> None:
    pairs = pair_up(arm([[0, 0], [50, 0], [50, 50]]), Found.empty(3), pictures=1)

    row = error_tables(pairs, ELBOW, ELBOW.sigmas)["all"][0]

    assert (row.labelled, row.found, row.pck, row.oks) == (3, 0.0, 0.0, 0.0)
    assert np.isnan(row.median)


def test_pck_counts_labelled_keypoints_within_a_fifth_of_the_box() -> None:
    expected = arm([[0, 0], [50, 0], [50, 50]], visibility=[2, 2, 0])
    pairs = pair_up(expected, arm([[19, 0], [50, 21], [0, 0]], conf=0.9), pictures=1)

    share = pck(pairs, ELBOW, by="bbox", within=0.2)

    assert share[:2].tolist() == [1.0, 0.0]
    assert np.isnan(share[2])


def test_pck_by_torso_needs_a_torso() -> None:
    expected, found = scene(0)
    pairs = pair_up(expected, found, pictures=12)

    assert np.isfinite(pck(pairs, get("coco17"), by="torso")).all()
    assert np.isnan(pck(pairs, get("coco17"), by="head")).all()


def test_tables_split_by_occlusion_and_size_without_losing_a_keypoint() -> None:
    expected, found = scene(0)

    tables = error_tables(pair_up(expected, found, pictures=12), get("coco17"), get("coco17").sigmas)

    total = tables["all"][0].labelled
    assert total == (expected.visibility > 0).sum()
    for title in ("keypoint", "size", "occlusion"):
        assert sum(row.labelled for row in tables[title]) == total


def test_crowds_are_left_out() -> None:
    expected, found = scene(0, crowds=True)

    assert len(pair_up(expected, found, pictures=12).taken) == (~expected.crowd).sum()


def test_a_right_angle_measured_as_half_of_one_is_off_by_45_degrees() -> None:
    pairs = pair_up(arm([[0, 0], [50, 0], [50, 50]]), arm([[0, 0], [50, 0], [0, 50]], conf=0.9), pictures=1)

    (row,) = angle_errors(pairs, ELBOW)

    assert (row.name, row.count) == ("elbow (shoulder, wrist)", 1)
    assert (row.median, row.bias) == pytest.approx((45.0, -45.0))


def test_a_skeleton_without_limbs_has_no_angles() -> None:
    assert triples(Skeleton("dots", ("a", "b"), flip_idx=(0, 1))) == []


@given(turn=st.floats(-180, 180), scale=st.floats(0.1, 10), shift=st.floats(-100, 100))
def test_an_angle_does_not_change_when_the_picture_turns(turn: float, scale: float, shift: float) -> None:
    points = np.array([[0.0, 0.0], [50.0, 10.0], [20.0, 70.0]])
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    moved = scale * points @ np.array([[cos, sin], [-sin, cos]]) + shift
    corner = np.array([[0, 1, 2]])

    assert angles(moved, corner) == pytest.approx(angles(points, corner), abs=1e-6)


def test_a_picture_is_scored_by_its_instances_and_zero_for_a_missed_one() -> None:
    expected, found = scene(0)
    some = found[found.picture != 3]
    pairs = pair_up(expected, some, pictures=13)

    scores = picture_scores(pairs, get("coco17").sigmas, pictures=13)

    assert scores[3] == 0.0
    assert np.isnan(scores[12])
    assert ((scores[:12] >= 0) & (scores[:12] <= 1)).all()
