"""Frames from the middle of a recording are those that reading it from the start gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from poise.errors import SourceError
from poise.sources import frames_between, open_source

CLIP = Path(__file__).parents[1] / "assets/clip.mp4"


@pytest.fixture(autouse=True)
def _video() -> None:
    pytest.importorskip("av")


@pytest.mark.parametrize("time", [0.0, 0.31, 0.5, 1.0])
def test_one_frame_is_the_nearest_of_all(time: float) -> None:
    every = list(open_source(str(CLIP)))
    wanted = min(every, key=lambda frame: abs(frame.time - time))

    found = list(frames_between(CLIP, time))

    assert [(frame.index, pytest.approx(frame.time)) for frame in found] == [(wanted.index, wanted.time)]
    np.testing.assert_array_equal(found[0].image, wanted.image)


def test_a_stretch_has_all_its_frames() -> None:
    every = [frame for frame in open_source(str(CLIP)) if 0.4 <= frame.time <= 1.0 + 1e-6]

    found = list(frames_between(CLIP, 0.4, 1.0))

    assert [frame.index for frame in found] == [frame.index for frame in every]


def test_beyond_the_end_there_is_none() -> None:
    with pytest.raises(SourceError, match=r"clip\.mp4: nothing at 99 s: it lasts"):
        list(frames_between(CLIP, 99))


def test_an_animation_is_read_from_its_start(tmp_path: Path) -> None:
    pictures = [PIL.Image.new("RGB", (32, 32), (40 * i, 0, 0)) for i in range(5)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=100)

    assert [frame.index for frame in frames_between(tmp_path / "a.gif", 0.2, 0.3)] == [2, 3]


def test_a_picture_has_no_times(tmp_path: Path) -> None:
    PIL.Image.new("RGB", (32, 32)).save(tmp_path / "a.png")

    with pytest.raises(SourceError, match=r"a\.png: a picture, which has no times"):
        list(frames_between(tmp_path / "a.png", 0.0))


def test_times_in_the_wrong_order_are_told() -> None:
    with pytest.raises(ValueError, match="from a time of 0 or more to a later one"):
        list(frames_between(CLIP, 2.0, 1.0))
