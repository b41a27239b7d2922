"""The second pass: everything together, and the report of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from motion_kit import clip_of, walker

from poise.cli import main
from poise.clips import fix
from poise.clips.angles import angle_rows
from poise.model.second_pass import second_pass


def noisy(seed: int = 0) -> np.ndarray:
    points = walker(120)
    return points + np.random.default_rng(seed).normal(size=points.shape)


@pytest.mark.parametrize("steady", ["rts", "savgol", "butterworth"])
def test_every_filter_brings_a_noisy_walker_nearer_to_the_truth(steady: str) -> None:
    clip = clip_of(noisy())

    found, report = fix(clip, steady=steady)

    error = np.linalg.norm(found.xy[0] - walker(120), axis=-1)[5:-5]
    before = np.linalg.norm(clip.xy[0] - walker(120), axis=-1)[5:-5]
    assert error.mean() < 0.8 * before.mean()
    assert report.jitter_after[0] < 0.5 * report.jitter_before[0]


def test_gaps_are_filled_flagged_and_less_sure() -> None:
    points = noisy()
    points[50:56, 15] = np.nan

    found, report = fix(clip_of(points))

    np.testing.assert_allclose(found.xy[0, 50:56, 15], walker(120)[50:56, 15], atol=12.0)
    assert np.argwhere(report.filled[0]).tolist() == [[t, 15] for t in range(50, 56)]
    np.testing.assert_allclose(found.conf[0, 50:56, 15], 0.45, atol=1e-6)


def test_long_gaps_stay() -> None:
    points = noisy()
    points[40:80, 15] = np.nan

    found, report = fix(clip_of(points))

    assert np.isnan(found.xy[0, 40:80, 15]).all()
    assert not report.filled.any()


def test_nothing_is_carried_across_a_cut() -> None:
    points = noisy()
    points[60:] += [0.0, 3000.0]

    found, report = fix(clip_of(points).replace(boxes=clip_of(walker(120)).boxes))

    assert np.flatnonzero(report.cuts[0]).tolist() == [60]
    assert np.abs(found.xy[0, 59:61] - points[59:61]).max() < 10.0


def test_with_everything_off_the_clip_is_as_it_was() -> None:
    clip = clip_of(noisy())

    found, report = fix(clip, swaps=False, gate=False, max_gap_s=0, steady="none")

    np.testing.assert_array_equal(found.xy, clip.xy)
    assert report.jitter_after[0] == pytest.approx(report.jitter_before[0])


@pytest.mark.parametrize("fps", [5.0, 30.0, 120.0])
def test_frame_rates_from_5_to_120(fps: float) -> None:
    found, _ = fix(clip_of(noisy(), fps=fps))

    assert np.isfinite(found.xy).all()


def test_a_changing_frame_rate() -> None:
    times = np.cumsum(np.random.default_rng(0).choice([0.02, 0.04, 0.1], 120))

    for steady in ("rts", "savgol", "butterworth"):
        assert np.isfinite(fix(clip_of(noisy(), times=times), steady=steady)[0].xy).all()


def test_conf_that_is_nan_stays_nan() -> None:
    found, _ = fix(clip_of(noisy(), conf=np.nan))

    assert np.isfinite(found.xy).all()
    assert np.isnan(found.conf).all()


def test_nobody_in_the_clip() -> None:
    found, report = fix(clip_of(np.full((10, 17, 2), np.nan)))

    assert np.isnan(found.xy).all()
    assert report.text() == ""


def test_a_clip_without_ids() -> None:
    clip = clip_of(walker(10))
    empty = clip.replace(**{n: getattr(clip, n)[:0] for n in ("ids", "boxes", "box_conf", "xy", "conf", "sigma")})

    found, report = fix(empty)

    assert found.xy.shape == (0, 10, 17, 2)
    assert [len(result) for result in found.results()] == [0] * 10
    assert report.summary() == {"joined": [], "swaps": [], "people": []}
    assert angle_rows(found)[0]["frame"].tolist() == []


def test_a_clip_of_one_frame() -> None:
    for steady in ("rts", "savgol", "butterworth", "none"):
        found, _ = fix(clip_of(walker(1)), steady=steady)

        np.testing.assert_allclose(found.xy[0], walker(1), atol=1e-3)


def test_the_report_is_plain_json_and_sentences() -> None:
    points = noisy()
    points[50:53, 15] = np.nan

    _, report = second_pass(clip_of(points))

    assert json.loads(json.dumps(report.summary()))["people"][0]["filled"] == {"left_ankle": 3}
    assert "id 1: 3 keypoints filled in" in report.text()


@pytest.mark.parametrize(
    ("wrong", "what"), [({"steady": "savgoll"}, "did you mean 'savgol'"), ({"max_gap_s": -1}, "negative")]
)
def test_arguments_that_cannot_be(wrong: dict[str, object], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        fix(clip_of(walker(5)), **wrong)  # type: ignore[arg-type]


def test_the_command_writes_video_points_and_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    video = Path(__file__).parents[1] / "assets/clip.mp4"

    assert main(["fix", str(video), "--model", "body-fast", "--quiet"]) == 0

    folder = tmp_path / "runs/pose/fix"
    lines = (folder / "results.jsonl").read_text().splitlines()
    assert len(lines) == 20
    assert json.loads(lines[3])["instances"][0]["id"] == 1
    assert json.loads((folder / "report.json").read_text())["people"][0]["id"] == 1
    assert (folder / "clip.mp4").stat().st_size > 10_000
    assert json.loads((folder / "manifest.json").read_text())["status"] == "done"
