"""A clip that stores what was seen gives what whole arrays give, and takes less memory."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from poise.clips import Clip
from poise.clips import clip as clips
from poise.clips.angles import angle_rows
from poise.clips.packed import PackedClip
from poise.frames import Frame, Media
from poise.model.second_pass import second_pass
from poise.results import Results

FPS = 25.0
LIFE = 60  # frames for which somebody is there


def walkers(frames: int, *, at_once: int = 4, seed: int = 0) -> Iterator[Results]:
    """Give frames with people who walk by; each has an id of their own, and some are lost for a moment."""
    rng = np.random.default_rng(seed)
    media = Media("street.mp4", "video", FPS, frames, frames / FPS)
    image = np.broadcast_to(np.zeros(1, np.uint8), (480, 640, 3))
    body = rng.uniform(-0.4, 0.4, (17, 2)) * [40, 150] + [0, -80]
    for index in range(frames):
        rows, points = [], []
        for k in range(at_once):
            number, age = divmod(index + 13 * k, LIFE)
            if 20 <= age < 23 and number % 2:  # lost, and back with another id
                continue
            id = 1 + k + at_once * (2 * number + (age >= 23 and number % 2))
            at = np.array([60 + 8.0 * age, 200 + 60 * k])
            xy = body + at + rng.normal(0, 1.0, (17, 2))
            xy[rng.random(17) < 0.05] = np.nan
            box = [at[0] - 20, at[1] - 150, at[0] + 20, at[1]]
            rows.append([*box, id, 0.9, 0])
            points.append(xy)
        yield Results.of(
            Frame(image, media, index, index / FPS),
            np.array(rows).reshape(-1, 7),
            np.array(points).reshape(-1, 17, 2),
            np.full((len(rows), 17), 0.8),
        )


@pytest.fixture(scope="module")
def whole() -> Clip:
    return Clip.of(walkers(400))


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch) -> Clip:
    monkeypatch.setattr(clips, "_LARGE", 0)
    monkeypatch.setattr(clips, "_SPARSE", 2.0)
    made = Clip.of(walkers(400))
    assert isinstance(made, PackedClip)
    return made


def equal(a: Clip, b: Clip) -> None:
    assert (a.ids == b.ids).all()
    assert (a.times == b.times).all()
    assert (a.present == b.present).all()
    for name in ("boxes", "box_conf", "xy", "conf", "sigma"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-5, atol=1e-3, err_msg=name)
    assert (a.xyz is None) == (b.xyz is None)


def test_a_packed_clip_gives_the_same_arrays(whole: Clip, packed: Clip) -> None:
    equal(whole, packed)
    equal(whole, packed.replace(fps=25.0))


def test_its_results_are_the_same(whole: Clip, packed: Clip) -> None:
    for a, b in zip(whole.results(), packed.results(), strict=True):
        assert a.boxes.id is not None
        order, other = np.argsort(a.boxes.id), np.argsort(b.boxes.id)
        np.testing.assert_array_equal(np.asarray(a.boxes.data)[order], np.asarray(b.boxes.data)[other])
        np.testing.assert_array_equal(np.asarray(a.keypoints.xy)[order], np.asarray(b.keypoints.xy)[other])


def test_the_second_pass_and_angles_are_the_same(whole: Clip, packed: Clip) -> None:
    pytest.importorskip("lap")
    mended, report = second_pass(whole)
    small, told = second_pass(packed)

    assert isinstance(small, PackedClip)
    assert len(mended.ids) < len(whole.ids)  # some were joined
    equal(mended, small)
    assert told.joined == report.joined
    assert told.swaps == report.swaps
    assert (told.filled == report.filled).all()
    assert (told.outliers == report.outliers).all()
    assert told.text() == report.text()
    table, lines = angle_rows(mended)
    other, others = angle_rows(small)
    assert lines == others
    for name in ("frame", "id", "name"):
        assert (table[name] == other[name]).all()
    np.testing.assert_allclose(table["value"], other["value"], rtol=1e-4, atol=1e-3)


def test_a_saved_packed_clip_is_read_as_a_whole_one(whole: Clip, packed: Clip, tmp_path: object) -> None:
    equal(whole, Clip.load(packed.save(f"{tmp_path}/a.npz")))


def test_an_id_twice_in_a_frame_is_told_of_packed_clips_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "_LARGE", 0)
    monkeypatch.setattr(clips, "_SPARSE", 2.0)
    frames = list(walkers(3))
    boxes = np.array(frames[1].boxes.data)
    boxes[1, 4] = boxes[0, 4]
    frames[1] = Results.of(
        Frame(frames[1].orig_img, frames[1].media, 1, 1 / FPS), boxes, np.asarray(frames[1].keypoints.xy)
    )
    with pytest.raises(ValueError, match="twice in frame 1"):
        Clip.of(frames)


@pytest.mark.skipif(sys.platform == "win32", reason="measured where numpy takes zeros for free")
def test_memory_grows_with_what_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """3,000 frames with 400 ids: whole arrays of keypoints alone take 3,000 x 400 x 17 x 8 float32, 650 MB."""
    monkeypatch.setattr(clips, "_LARGE", 1_000_000)
    frames = list(walkers(3000))
    tracemalloc.start()
    clip = Clip.of(frames)
    assert isinstance(clip, PackedClip)
    assert tracemalloc.get_traced_memory()[1] < 60e6
    tracemalloc.stop()
