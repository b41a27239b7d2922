"""Left and right exchanged: found, repaired, logged; and left alone where nothing is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from motion_kit import STANDING, clip_of, walker

from poise.bodies.limbs import pair_groups
from poise.clips import Clip, repair_swaps
from poise.clips.swaps import length_cost
from poise.skeletons import get

COCO = get("coco17")
LEGS = list(pair_groups(COCO)["legs"])
EVERY = [pair for pairs in pair_groups(COCO).values() for pair in pairs]


def exchanged(points: np.ndarray, frames: slice, pairs: list[tuple[int, int]]) -> np.ndarray:
    out = points.copy()
    left, right = map(list, zip(*pairs, strict=True))
    out[frames, left + right] = points[frames, right + left]
    return out


def noisy_walker(seed: int = 0) -> np.ndarray:
    points = walker(120)
    return points + np.random.default_rng(seed).normal(size=points.shape) * 0.8


@pytest.mark.parametrize(("low", "high"), [(40, 41), (35, 44), (30, 55)])
def test_legs_exchanged_for_a_while_are_exchanged_back(low: int, high: int) -> None:
    points = noisy_walker()
    wrong = exchanged(points, slice(low, high), LEGS)

    found, log = repair_swaps(clip_of(wrong))

    np.testing.assert_allclose(found.xy[0], points, atol=1e-3)
    assert [(swap.part, swap.first, swap.last) for swap in log] == [("legs", low, high - 1)]


def test_a_whole_body_is_one_entry_of_the_log_with_its_times() -> None:
    points = noisy_walker()

    found, log = repair_swaps(clip_of(exchanged(points, slice(40, 50), EVERY)))

    np.testing.assert_allclose(found.xy[0], points, atol=1e-3)
    assert [(swap.id, swap.part) for swap in log] == [(1, "body")]
    assert (log[0].start, log[0].end) == (pytest.approx(40 / 30), pytest.approx(49 / 30))
    assert log[0].gain > 0


def test_legs_that_pass_each_other_are_left_alone() -> None:
    clip = clip_of(noisy_walker())

    found, log = repair_swaps(clip)

    assert log == []
    assert found is clip


def test_confidence_goes_with_the_point() -> None:
    points = noisy_walker()
    conf = np.full((120, 17), 0.9)
    conf[:, 15] = 0.6
    wrong_conf = conf.copy()
    wrong_conf[40:50, [15, 16]] = conf[40:50, [16, 15]]

    found, _ = repair_swaps(clip_of(exchanged(points, slice(40, 50), LEGS), conf=wrong_conf))

    np.testing.assert_allclose(found.conf[0], conf, atol=1e-6)


def test_a_mirrored_clip_is_repaired_alike() -> None:
    wrong = exchanged(noisy_walker(), slice(40, 50), LEGS)
    mirror = wrong * [-1.0, 1.0] + [640.0, 0.0]

    found, log = repair_swaps(clip_of(wrong))
    other, other_log = repair_swaps(clip_of(mirror))

    assert [(s.part, s.first, s.last) for s in log] == [(s.part, s.first, s.last) for s in other_log]
    np.testing.assert_allclose(other.xy[0], found.xy[0] * [-1, 1] + [640, 0], atol=1e-3)


def test_lengths_speak_against_crossed_legs_from_the_front_and_say_nothing_from_the_side() -> None:
    front = np.repeat(STANDING[None] * 300, 20, axis=0)
    front[:, [13, 15]] += [40.0, 0.0]
    size = np.full(20, 150.0)

    assert (length_cost(front, size, tuple(LEGS), COCO) > 0).all()
    np.testing.assert_allclose(length_cost(front * [0.0, 1.0], size, tuple(LEGS), COCO), 0.0, atol=1e-9)


def test_points_missing_for_seconds_do_no_harm() -> None:
    points = noisy_walker()
    points[20:100, 13:] = np.nan
    points[60:] = np.nan

    found, log = repair_swaps(clip_of(points))

    assert log == []
    np.testing.assert_array_equal(np.isnan(found.xy[0]), np.isnan(np.float32(points)))


def test_a_clip_of_one_frame_and_of_none() -> None:
    assert repair_swaps(clip_of(walker(1)))[1] == []
    nobody = clip_of(np.full((5, 17, 2), np.nan))
    assert repair_swaps(nobody)[1] == []


@pytest.mark.filterwarnings("error")
def test_points_that_all_lie_in_one_place_are_left_alone() -> None:
    heap = walker()
    heap[:] = heap[:, :1]

    assert repair_swaps(clip_of(heap))[1] == []


def test_real_walker_from_the_side_is_repaired() -> None:
    """Legs of a man who walks past, as the bundled model found them: tests/assets/README.md says from where."""
    clip = Clip.load(Path(__file__).parents[1] / "assets/walk.npz")

    found, log = repair_swaps(clip)

    # By eye on drawn frames: in these, left and right legs are exchanged against the frames around them.
    frames = {f for swap in log if swap.part in ("legs", "body") for f in range(swap.first, swap.last + 1)}
    assert {100, 106, 107, 109, 110} <= frames
    assert frames <= set(range(99, 112))
    knees = found.xy[0][:, [13, 14]]
    jumps = np.linalg.norm(np.diff(knees, axis=0), axis=-1).max(axis=1)
    assert jumps[5:18].max() < np.linalg.norm(np.diff(clip.xy[0][:, [13, 14]], axis=0), axis=-1).max(axis=1)[5:18].max()
