"""Intervals and comparisons by drawing pictures anew."""

from __future__ import annotations

import numpy as np
import pytest
from score_scenes import repeated, scene

from poise.evaluation import Scores, match_boxes, match_keypoints, score_by_coco
from poise.evaluation.bootstrap import average_precisions, compare, draws, interval
from poise.skeletons import get

SIGMAS = get("coco17").sigmas
EVERY = np.ones((1, 12), dtype=int)


def coco(expected, found, kind, pictures=12):
    pytest.importorskip("hotcoco")
    return score_by_coco(expected, found, kind=kind, names={0: "a", 1: "b"}, pictures=pictures, sigmas=SIGMAS)


def test_every_picture_once_gives_the_score_itself() -> None:
    expected, found = scene(0, classes=2)
    matches = match_keypoints(expected, found, pictures=12, sigmas=SIGMAS)

    resampled = average_precisions(matches, EVERY, protocol="yolo")

    np.testing.assert_allclose(resampled[0], Scores.of(matches, 2).all_ap.mean(axis=0), rtol=1e-12)


def test_every_picture_once_gives_the_score_of_coco_with_its_crowds() -> None:
    expected, found = scene(0, classes=2, crowds=True)
    scores, matches = coco(expected, found, "bbox")

    resampled = average_precisions(matches, EVERY, protocol="coco")

    np.testing.assert_allclose(resampled[0], scores.all_ap.mean(axis=0), rtol=1e-12)


def test_resamples_equal_scoring_the_drawn_pictures_one_by_one() -> None:
    expected, found = scene(1)
    matches = match_boxes(expected, found, pictures=12)
    counts = draws(np.arange(12), total=12, resamples=6)

    resampled = average_precisions(matches, counts, protocol="yolo")

    for row, drawn in zip(resampled, counts, strict=True):
        again = match_boxes(repeated(expected, drawn), repeated(found, drawn), pictures=12)
        np.testing.assert_allclose(row, Scores.of(again, 1).all_ap[0], rtol=1e-12)


def test_resamples_equal_scoring_the_drawn_pictures_by_coco() -> None:
    expected, found = scene(2, crowds=True, unlabelled=True)
    _, matches = coco(expected, found, "keypoints")
    counts = draws(np.arange(12), total=12, resamples=4)

    resampled = average_precisions(matches, counts, protocol="coco")

    for row, drawn in zip(resampled, counts, strict=True):
        scores, _ = coco(repeated(expected, drawn), repeated(found, drawn), "keypoints")
        np.testing.assert_allclose(row, scores.all_ap[0], rtol=1e-12)


def test_a_model_does_not_differ_from_itself() -> None:
    expected, found = scene(0)
    matches = match_keypoints(expected, found, pictures=12, sigmas=SIGMAS)

    found_difference = compare(matches, matches, draws(np.arange(12), total=12, resamples=20), protocol="yolo")

    assert found_difference.difference == interval(0.0, np.zeros(20))
    assert found_difference.better == 0.5


def test_a_worse_model_is_worse_in_every_resample() -> None:
    expected, found = scene(0)
    matches = match_keypoints(expected, found, pictures=12, sigmas=SIGMAS)
    shifted = match_keypoints(
        expected, type(found)(*[getattr(found, n) + (40 if n == "xy" else 0) for n in found.__slots__]),
        pictures=12, sigmas=SIGMAS,
    )  # fmt: skip

    result = compare(matches, shifted, draws(np.arange(12), total=12, resamples=50), protocol="yolo")

    assert result.better == 0.0
    assert result.difference.high < 0


def test_draws_leave_pictures_out_that_were_not_scored() -> None:
    counts = draws(np.array([0, 2]), total=3, resamples=10)

    assert counts[:, 1].sum() == 0
    assert (counts.sum(axis=1) == 2).all()
