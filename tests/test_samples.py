"""The samples are what the documentation says they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from poise import Pose, RepCounter, samples


def test_write_makes_the_files_and_leaves_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "runner.jpg").write_bytes(b"mine")

    written = samples.write(tmp_path)

    names = sorted(path.relative_to(tmp_path).as_posix() for path in written)
    assert names == ["clip.mp4", "hand.jpg", "squats.mp4", "street/jump.jpg", "street/walk.jpg"]
    assert (tmp_path / "runner.jpg").read_bytes() == b"mine"
    assert samples.write(tmp_path) == []
    assert len(samples.write(tmp_path, overwrite=True)) == 6
    assert (tmp_path / "runner.jpg").read_bytes() == samples.runner.read_bytes()


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")

    with pytest.raises(NotADirectoryError, match="expected a folder"):
        samples.write(tmp_path / "a")


def test_the_samples_are_small() -> None:
    assert sum(path.stat().st_size for path in Path(samples.__file__).parent.iterdir() if path.is_file()) < 1.5e6


def test_three_people_are_on_the_picture_and_four_squats_in_the_video() -> None:
    pytest.importorskip("av")
    assert len(Pose()(samples.runner, verbose=False)[0]) == 3

    counter = RepCounter("squat")
    times = []
    for result in Pose("body-fast").track(samples.squats, stream=True, verbose=False):
        times.append(result.time)
        counter.update(result)
    assert counter.count == 4
    np.testing.assert_allclose(np.diff(times), 1 / 15, atol=1e-6)
