"""The files that choose a tracker."""

from pathlib import Path

import pytest

from poise import FormatError
from poise.tracking import TrackSettings, read_settings


@pytest.mark.parametrize("name", ["pose.yaml", "bytetrack.yaml", "botsort.yaml", "bytetrack"])
def test_names_that_users_know_are_there(name: str) -> None:
    assert read_settings(name).tracker_type == name.removesuffix(".yaml")


def test_the_default_file_says_what_the_class_says() -> None:
    assert read_settings("pose.yaml") == TrackSettings() == read_settings(None)


def test_track_buffer_counts_frames_of_a_thirtieth() -> None:
    assert read_settings("bytetrack.yaml").patience == pytest.approx(1.0)


def test_boxes_only_trackers_use_no_pose() -> None:
    settings = read_settings("bytetrack.yaml")

    assert (settings.pose_weight, settings.recover) == (0.0, False)


def test_toml_is_read_as_well(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('tracker_type = "pose"\npatience = 5.0\n')

    assert read_settings(path).patience == 5.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tracker_type: pose\n# so\npatiense: 3\n", r"t\.yaml:3: unknown key 'patiense'; did you mean 'patience'\?"),
        ("match_thresh: 1.5\n", r"t\.yaml:1: match_thresh must be from 0 to 1, got 1\.5"),
        ("\nmatch_thresh: high\n", r"t\.yaml:2: match_thresh must be from 0 to 1, got 'high'"),
        ("tracker_type: bytetrak\n", r"t\.yaml:1: no tracker_type 'bytetrak'; did you mean 'bytetrack'\?"),
        ("patience: 1\npatience: 2\n", r"t\.yaml:2: 'patience' is there twice"),
        ("- a\n", r"t\.yaml:1: expected a line 'key: value'"),
        ("with_reid: true\n", r"t\.yaml:1: with_reid: True is not supported"),
        ("track_buffer: 1" + "0" * 400, r"t\.yaml:1: track_buffer must be a number of frames"),
    ],
)
def test_wrong_file_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(text)

    with pytest.raises(FormatError, match=message):
        read_settings(path)


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(FormatError, match=r"no tracker file 'bytetrac\.yaml'; did you mean 'bytetrack\.yaml'\?"):
        read_settings("bytetrac.yaml")
