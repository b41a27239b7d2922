"""Live smoothing: steady at rest, quick in motion, and never more in memory than the people in view."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motion_kit import STANDING, clip_of, walker

from poise.clips import Clip, jitter_index, lag_s
from poise.filters import Kalman, OneEuro, Smoother
from poise.filters.uncertainty import sizes
from poise.frames import Frame, Media
from poise.results import Results

METHODS = ["one-euro", "kalman"]


def smooth(clip: Clip, method: object = "one-euro") -> np.ndarray:
    smoother = Smoother(method)  # type: ignore[arg-type]
    steady = Clip.of(smoother.update(result) for result in clip.results())
    return steady.xy[0].astype(float)


def standing(frames: int = 150, noise: float = 1.0, seed: int = 0) -> np.ndarray:
    still = np.repeat(STANDING[None] * 300.0 + 350.0, frames, axis=0)
    return still + np.random.default_rng(seed).normal(size=still.shape) * noise


def one_euro_by_the_paper(x: np.ndarray, dt: float, m: OneEuro, size: float) -> np.ndarray:
    """The published algorithm for one point, with speed in instance sizes and one cutoff for both axes."""

    def alpha(cutoff: float) -> float:
        tau = 1.0 / (2 * np.pi * cutoff)
        return 1.0 / (1.0 + tau / dt)

    value, speed, out = x[0], np.zeros(2), [x[0]]
    for now in x[1:]:
        raw = (now - value) / size / dt
        speed = alpha(m.speed_cutoff_hz) * raw + (1 - alpha(m.speed_cutoff_hz)) * speed
        a = alpha(m.min_cutoff_hz + m.beta * float(np.linalg.norm(speed)))
        value = a * now + (1 - a) * value
        out.append(value)
    return np.array(out)


def test_one_euro_is_the_published_filter_where_points_are_sure_and_nothing_jumps() -> None:
    method = OneEuro(max_jump=100.0)
    points = walker(60)
    clip = clip_of(points, conf=0.95)
    box = np.tile(np.float32([0, 100, 200, 300]), (1, 60, 1))

    found = smooth(clip.replace(boxes=box), method)

    expected = one_euro_by_the_paper(points[:, 15], 1 / 30, method, 200.0)
    np.testing.assert_allclose(found[:, 15], expected, atol=1e-3)  # results are float32


def test_one_euro_cuts_white_jitter_of_somebody_who_stands_five_times() -> None:
    noisy = standing()
    size = sizes(clip_of(noisy).boxes[0].astype(float))

    found = smooth(clip_of(noisy))

    assert np.nanmean(jitter_index(noisy[30:], size[30:]) / jitter_index(found[30:], size[30:])) > 5


@pytest.mark.parametrize("method", METHODS)
def test_lag_of_a_walker_is_at_most_60_ms(method: str) -> None:
    points = walker(150)
    clip = clip_of(points)

    found = smooth(clip, method)

    assert lag_s(points, found, clip.times, sizes(clip.boxes[0].astype(float))) <= 0.06


@pytest.mark.parametrize("method", METHODS)
def test_missing_points_stay_missing_and_others_do_not_notice(method: str) -> None:
    points = walker(60)
    gap = points.copy()
    gap[20:30, 9] = np.nan

    full = clip_of(points)
    found, whole = smooth(clip_of(gap).replace(boxes=full.boxes), method), smooth(full, method)

    assert (np.isnan(found[..., 0]) == np.isnan(gap[..., 0])).all()
    np.testing.assert_allclose(found[:, 15], whole[:, 15], atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=20)
@given(fps=st.floats(4, 120), x=st.floats(50, 500))
def test_what_stands_still_stays_there_at_any_frame_rate(method: str, fps: float, x: float) -> None:
    still = np.repeat(STANDING[None] * 200.0 + x, 8, axis=0)

    found = smooth(clip_of(still, fps=fps), method)

    np.testing.assert_allclose(found, still, atol=1e-2)


@pytest.mark.parametrize("method", METHODS)
def test_a_cut_is_not_smoothed_over(method: str) -> None:
    points = np.concatenate([standing(20), standing(20) + [0.0, 2000.0]])

    found = smooth(clip_of(points), method)

    np.testing.assert_allclose(found[20], points[20], atol=1e-2)


def test_a_point_that_comes_back_late_starts_anew() -> None:
    points = standing(60, noise=0.0)
    points[20:50, 9] = np.nan
    points[50:, 9] += 40.0

    found = smooth(clip_of(points))

    np.testing.assert_allclose(found[50, 9], points[50, 9], atol=1e-2)


def test_unsure_points_move_less() -> None:
    noisy = standing()
    conf = np.full(noisy.shape[:2], 0.9)
    conf[:, 9] = 0.1
    calm = smooth(clip_of(noisy, conf=conf))[30:]
    size = np.full(120, 200.0)

    index = jitter_index(calm, size)

    assert index[9] < 0.7 * index[10]


def test_conf_that_is_nan_does_no_harm() -> None:
    points = walker(30)

    found = smooth(clip_of(points, conf=np.nan))

    assert np.isfinite(found).all()


def test_one_wild_frame_hardly_moves_a_point() -> None:
    points = standing(60, noise=0.3)
    points[40, 15] += [80.0, 0.0]

    found = smooth(clip_of(points))

    assert np.abs(found[40:45, 15] - found[39, 15]).max() < 12.0


def test_memory_is_that_of_the_people_in_view() -> None:
    smoother = Smoother()
    picture = np.zeros((10, 10, 3), np.uint8)
    media = Media("gate.mp4", "video", 10.0)
    for t in range(2000):
        row = [[0, 0, 5, 9, t // 10 + 1, 0.9, 0]]
        smoother.update(Results.of(Frame(picture, media, t, t / 10), row, np.full((1, 17, 2), 3.0), np.ones((1, 17))))

    assert len(smoother._ids) <= 2


def test_two_smoothers_know_nothing_of_each_other() -> None:
    clip = clip_of(walker(20))
    first, second = Smoother(), Smoother()
    for result in clip.results():
        alone = first.update(result)
    for result in clip.results():
        beside = second.update(result)

    np.testing.assert_array_equal(alone.keypoints.xy, beside.keypoints.xy)


def test_people_without_ids_are_matched_by_their_boxes() -> None:
    smoother = Smoother()
    picture = np.zeros((10, 10, 3), np.uint8)
    media = Media("two.mp4", "video", 30.0)
    for t in range(10):
        order = [0, 1] if t % 2 else [1, 0]
        rows = [[100.0 * k, 0, 100.0 * k + 50, 90, 0.9, 0] for k in order]
        xy = np.array([np.full((17, 2), 100.0 * k + 20) for k in order])
        found = smoother.update(Results.of(Frame(picture, media, t, t / 30), rows, xy, np.ones((2, 17))))

        np.testing.assert_allclose(found.keypoints.xy, xy, atol=1e-3)
    assert found.boxes.id is None


def test_time_that_goes_back_is_an_error() -> None:
    first, second = list(clip_of(walker(2)).results())
    smoother = Smoother()
    smoother.update(second)

    with pytest.raises(ValueError, match="time must increase"):
        smoother.update(first)


def test_lag_is_stated_in_milliseconds() -> None:
    smoother = Smoother(OneEuro(min_cutoff_hz=1.0, beta=0.0))
    for result in clip_of(standing(5, noise=0.0), conf=0.95).results():
        smoother.update(result)

    np.testing.assert_allclose(smoother.lag_ms, 1000 / (2 * np.pi), rtol=1e-6)


def test_a_name_that_does_not_exist_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="no filter named 'kalmann'; did you mean 'kalman'"):
        Smoother("kalmann")


@pytest.mark.parametrize("wrong", [{"min_cutoff_hz": 0.0}, {"beta": -1.0}, {"max_jump": float("nan")}])
def test_settings_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        OneEuro(**wrong)


def test_predict_smooths_video_and_leaves_pictures_alone(photo: Path) -> None:
    from poise import Pose

    clip = Path(__file__).parents[1] / "assets/clip.mp4"
    model = Pose("body-fast", threads=1)

    raw, steady = (
        list(islice(model.predict(clip, smooth=how, stream=True, verbose=False), 6)) for how in (False, True)
    )
    pictures = [model.predict(photo, smooth=how, verbose=False)[0] for how in (False, Kalman())]

    assert not np.array_equal(raw[5].keypoints.xy, steady[5].keypoints.xy)
    np.testing.assert_array_equal(pictures[0].keypoints.xy, pictures[1].keypoints.xy)
