"""Mended confidences and standard deviations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise import Pose
from poise.errors import FormatError
from poise.estimators.calibration import Calibration, read_calibration, write_calibration


@given(conf=st.floats(1e-4, 1 - 1e-4), temperature=st.floats(0.5, 10))
def test_mending_there_and_back_changes_nothing(conf: float, temperature: float) -> None:
    there = Calibration(temperature=temperature).confidence(np.array([conf]))

    logit = np.log(there) - np.log1p(-there)

    assert logit * temperature == pytest.approx(np.log(conf) - np.log1p(-conf), abs=1e-4)


def test_order_and_ends_stay() -> None:
    conf = np.array([0.0, 0.2, 0.5, 0.9, 1.0], np.float32)

    mended = Calibration(temperature=2.0).confidence(conf)

    assert (np.diff(mended) > 0).all()
    assert mended[2] == 0.5
    assert mended.dtype == np.float32
    assert ((mended >= 0) & (mended <= 1)).all()


def test_what_was_not_predicted_stays_nan() -> None:
    assert np.isnan(Calibration(temperature=2.0).confidence(np.array([np.nan])))


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"

    write_calibration(path, Calibration(1.5, 0.75), about="a model\non data")

    assert read_calibration(path) == Calibration(1.5, 0.75)
    assert path.read_text().startswith("# a model\n# on data\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("temprature = 1", r"c\.toml:1: no setting named 'temprature'; did you mean 'temperature'"),
        ("temperature = 'hot'", "temperature must be a number, got 'hot'"),
        ("temperature = true", "must be a number"),
        ("temperature = 0", "must be a positive number"),
        ("temperature = nan", "must be a positive number"),
        ("temperature", r"c\.toml(:1)?: not a readable TOML file"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)

    with pytest.raises(FormatError, match=message):
        read_calibration(path)


def test_prediction_uses_it(tmp_path: Path, photo: Path) -> None:
    path = tmp_path / "c.toml"
    write_calibration(path, Calibration(temperature=2.0))

    (plain,), (mended,) = (Pose("body-fast", calibration=c).predict(photo, verbose=False) for c in (None, path))

    np.testing.assert_allclose(mended.keypoints.xy, plain.keypoints.xy)
    np.testing.assert_allclose(
        mended.keypoints.conf, Calibration(temperature=2.0).confidence(plain.keypoints.conf), rtol=1e-5
    )
    np.testing.assert_array_equal(mended.boxes.conf, plain.boxes.conf)
