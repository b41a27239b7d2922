"""JPEGs decoded by simplejpeg where it is installed: Pillow's pixels, and Pillow's word on what is damaged."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from poise import samples
from poise.errors import SourceError
from poise.sources import _jpeg, open_source, read_picture

pytest.importorskip("simplejpeg")


def plain(monkeypatch: pytest.MonkeyPatch, path: Path) -> np.ndarray:
    """Read with Pillow alone."""
    with monkeypatch.context() as patch:
        patch.setattr(_jpeg, "_library", lambda: None)
        return read_picture(path)


def jpeg(picture: PIL.Image.Image, **how: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", **how)
    return out.getvalue()


@pytest.fixture
def noise() -> PIL.Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (75, 101, 3), dtype=np.uint8)
    return PIL.Image.fromarray(values).resize((301, 225))


@pytest.mark.parametrize("quality", [5, 60, 100])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_pixels_are_those_of_pillow(tmp_path, monkeypatch, noise, quality, subsampling, progressive):
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(noise, quality=quality, subsampling=subsampling, progressive=progressive))
    found = read_picture(path)
    np.testing.assert_array_equal(found, plain(monkeypatch, path))
    assert found.flags.c_contiguous
    assert found.dtype == np.uint8


def test_it_is_used(monkeypatch):
    asked = []
    library = _jpeg._library()
    monkeypatch.setattr(_jpeg, "_library", lambda: asked.append(1) or library)
    read_picture(samples.runner)
    assert asked


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_other_colours_are_left_to_pillow(tmp_path, monkeypatch, noise, mode):
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(noise.convert(mode)))
    np.testing.assert_array_equal(read_picture(path), plain(monkeypatch, path))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_pictures_are_upright(tmp_path, monkeypatch, noise, orientation):
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(noise, exif=exif))
    np.testing.assert_array_equal(read_picture(path), plain(monkeypatch, path))


def test_a_picture_without_its_end_is_read_and_told(tmp_path, noise):
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(noise)[:-2])
    notes: list[str] = []
    with open_source(path, on_note=notes.append) as frames:
        assert next(iter(frames)).image.shape == (225, 301, 3)
    assert "without its end marker" in notes[0]


def test_a_truncated_picture_is_refused(tmp_path, noise):
    path = tmp_path / "a.jpg"
    data = jpeg(noise)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(SourceError, match=r"a.jpg: .*(truncated|damaged)"):
        read_picture(path)


def test_fuzzed_pictures_are_read_as_without_it(tmp_path, monkeypatch, noise):
    whole = bytearray(jpeg(noise))
    rng = np.random.default_rng(1)
    path = tmp_path / "a.jpg"
    for _ in range(60):
        data = bytearray(whole)
        for at in rng.integers(2, len(data), rng.integers(1, 6)):
            data[at] = rng.integers(256)
        path.write_bytes(data)
        answers = []
        for read in (read_picture, lambda p: plain(monkeypatch, p)):
            try:
                answers.append(read(path))
            except SourceError as error:
                answers.append(str(error))
        if isinstance(answers[0], str) or isinstance(answers[1], str):
            assert answers[0] == answers[1]
        else:
            np.testing.assert_array_equal(*answers)
