"""Pictures of every kind become upright BGR arrays, or an error that says why not."""

from __future__ import annotations

import io
import os
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_clips import corners, encode, quarters, read

from poise.errors import SourceError
from poise.sources import open_source
from poise.sources._pictures import open_picture

shared = Path(os.environ.get("POISE_SHARED", Path(__file__).resolve().parents[3] / "shared"))


def one(source: object, **options: object) -> np.ndarray:
    (frame,) = open_source(source, **options)
    return frame.image


def saved(picture: PIL.Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "QOI", "TGA", "PCX"])
def test_lossless_formats_give_the_exact_pixels_as_bgr(kind: str, tmp_path: Path) -> None:
    PIL.Image.init()
    if kind not in PIL.Image.SAVE:
        pytest.skip(f"this Pillow does not write {kind}")
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(encode(quarters(), kind))

    assert np.array_equal(one(path), quarters())


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF", "JPEG2000"])
def test_lossy_formats_give_the_colours_in_their_places(kind: str) -> None:
    if not PIL.features.check({"JPEG": "jpg", "WEBP": "webp", "AVIF": "avif", "JPEG2000": "jpg_2000"}[kind]):
        pytest.skip(f"this Pillow has no {kind}")

    assert corners(one(encode(quarters(), kind))) == ["red", "green", "blue", "white"]


@settings(max_examples=60)
@given(
    orientation=st.integers(1, 8),
    width=st.integers(1, 90),
    height=st.integers(1, 300),
    grey=st.booleans(),
    seed=st.integers(0, 999),
)
def test_exif_orientation_equals_pillows_transpose(
    orientation: int, width: int, height: int, grey: bool, seed: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width) if grey else (height, width, 3), np.uint8)
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    data = saved(PIL.Image.fromarray(pixels), "PNG", exif=exif)

    expected = PIL.ImageOps.exif_transpose(PIL.Image.open(io.BytesIO(data))).convert("RGB")
    assert np.array_equal(one(data), np.asarray(expected)[:, :, ::-1])


def test_orientation_of_a_jpeg_taller_than_one_strip() -> None:
    picture = quarters(40, 9000)
    exif = PIL.Image.Exif()
    exif[0x0112] = 6

    image = one(encode(picture, "JPEG", exif=exif))

    assert image.shape == (40, 9000, 3)
    assert corners(image) == ["blue", "red", "white", "green"]


def test_broken_exif_does_not_lose_the_picture() -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    data = bytearray(encode(quarters(), "JPEG", exif=exif))
    place = data.index(b"Exif\0\0") + 6
    data[place : place + 8] = b"\xff" * 8

    assert one(bytes(data)).shape == (48, 64, 3)


def test_pil_image_is_rgb_and_its_orientation_is_applied() -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 3
    picture = PIL.Image.open(io.BytesIO(encode(quarters(), "PNG", exif=exif)))

    assert np.array_equal(one(picture), quarters()[::-1, ::-1])


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_not_clipped(kind: str) -> None:
    values = np.array([[0, 128, 257, 32768, 65407, 65535]], np.uint16)

    image = one(saved(PIL.Image.fromarray(values), kind))

    assert image[0, :, 0].tolist() == [0, 0, 1, 128, 255, 255]
    assert image.shape == (1, 6, 3)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),  # 0..1 is how floats are usually stored
        ([0.0, 100.0, 200.0], [0, 100, 200]),  # 8-bit values in floats
        ([-1.0, 0.0, 1.0], [0, 128, 255]),  # anything else from lowest to highest
        ([float("nan"), 0.0, 1.0], [0, 0, 255]),
        ([0.0, 500.0, 1000.0], [0, 128, 255]),
    ],
)
def test_float_tiff(values: list[float], expected: list[int]) -> None:
    data = saved(PIL.Image.fromarray(np.array([values], np.float32)), "TIFF")

    assert one(data)[0, :, 1].tolist() == expected


def test_32_bit_integer_tiff_up_to_65535_is_16_bit() -> None:
    data = saved(PIL.Image.fromarray(np.array([[0, 32768, 65535]], np.int32)), "TIFF")

    assert one(data)[0, :, 0].tolist() == [0, 128, 255]


def test_cmyk_jpeg_has_the_colours_of_its_rgb() -> None:
    cmyk = PIL.Image.fromarray(quarters()[:, :, ::-1]).convert("CMYK")

    assert corners(one(saved(cmyk, "JPEG"))) == ["red", "green", "blue", "white"]


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA", "PA", "1", "L", "YCbCr", "HSV", "RGBa", "La", "RGBX", "CMYK"])
def test_every_mode_of_pillow_becomes_three_channels(mode: str) -> None:
    source = PIL.Image.fromarray(quarters()[:, :, ::-1])
    if mode in ("RGBa", "La"):
        source = source.convert("RGBA" if mode == "RGBa" else "LA")
    picture = (source.convert("P").convert("PA") if mode == "PA" else source.convert(mode)) if mode else source

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = one(picture)

    assert image.shape == (48, 64, 3)
    assert image.flags.c_contiguous
    if mode not in ("LA", "1", "L", "La"):
        assert corners(image) == ["red", "green", "blue", "white"]


def test_colours_under_transparency_are_kept() -> None:
    rgba = np.dstack([quarters()[:, :, ::-1], np.zeros((48, 64), np.uint8)])

    assert np.array_equal(one(saved(PIL.Image.fromarray(rgba), "PNG")), quarters())


def test_palette_with_transparency_gives_the_palettes_colours_without_a_warning() -> None:
    picture = PIL.Image.fromarray(quarters()[:, :, ::-1]).quantize(4)
    data = saved(picture, "PNG", transparency=bytes([0, 255, 128, 255]))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(one(data), quarters())


def test_first_page_of_tiff_and_mpo() -> None:
    pages = [PIL.Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for kind in ("TIFF", "MPO"):
        frames, errors = read(saved(pages[0], kind, save_all=True, append_images=pages[1:]))

        assert (len(frames), frames[0].media.kind, errors) == (1, "image", [])
        assert corners(frames[0].image) == ["red"] * 4


def test_one_pixel_and_one_row() -> None:
    assert one(encode(np.full((1, 1, 3), 7, np.uint8), "PNG")).tolist() == [[[7, 7, 7]]]
    assert one(encode(np.zeros((1, 30000, 3), np.uint8), "JPEG")).shape == (1, 30000, 3)
    assert one(encode(np.zeros((30000, 1, 3), np.uint8), "PNG")).shape == (30000, 1, 3)


def test_limit_names_file_size_limit_and_remedy(tmp_path: Path) -> None:
    path = tmp_path / "big.png"
    path.write_bytes(encode(np.zeros((100, 200, 3), np.uint8), "PNG"))

    with pytest.raises(SourceError, match=r"big\.png: 200 x 100 is 20,000 pixels, the limit is 19,999 .*max_pixels"):
        list(open_source(path, max_pixels=19_999))
    assert one(path, max_pixels=20_000).shape == (100, 200, 3)


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    rows = 20_000
    data = saved(PIL.Image.new("1", (20_000, rows)), "PNG")
    assert len(data) < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(SourceError, match="400,000,000 pixels"):
            list(open_source(data))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 5_000_000


def test_limit_can_be_raised_above_pillows_own_without_a_warning() -> None:
    data = saved(PIL.Image.new("1", (14_000, 13_000)), "PNG")  # 182 megapixels: Pillow's own door refuses it
    limit = PIL.Image.MAX_IMAGE_PIXELS

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Only its header: decoded it would take half a gigabyte.
        picture = open_picture(io.BytesIO(data), "big", 200_000_000)

    assert picture is not None
    assert picture.size == (14_000, 13_000)
    assert limit == PIL.Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
@pytest.mark.parametrize("part", [0.3, 0.9])
def test_truncated_picture_is_an_error_not_a_half_grey_picture(kind: str, part: float, tmp_path: Path) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (120, 160, 3), np.uint8)
    data = encode(noise, kind)
    path = tmp_path / "cut.jpg"
    path.write_bytes(data[: int(len(data) * part)])

    with pytest.raises(SourceError, match=r"cut\.jpg: (truncated|damaged)"):
        list(open_source(path))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_truncated_jpeg_and_png_are_called_truncated(kind: str) -> None:
    data = encode(np.random.default_rng(3).integers(0, 256, (120, 160, 3), np.uint8), kind)

    for part in (0.4, 0.7, 0.95):
        with pytest.raises(SourceError, match=f"bytes 0: truncated {kind}"):
            list(open_source(data[: int(len(data) * part)]))


def test_memory_for_a_large_jpeg_is_little_more_than_the_picture() -> None:
    data = encode(np.zeros((3000, 4000, 3), np.uint8), "JPEG")
    one(data)
    tracemalloc.start()
    try:
        image = one(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    # What Python and numpy allocate; Pillow's own four bytes a pixel come on top and are freed.
    assert peak < 1.25 * image.nbytes


def test_real_photos_equal_pillow() -> None:
    if not shared.is_dir():
        pytest.skip(f"no shared data at {shared}")
    folder = shared / "data" / "images"

    frames = list(open_source(folder))

    assert len(frames) == 17
    for frame in frames:
        with PIL.Image.open(frame.media.path) as picture:
            expected = np.asarray(PIL.ImageOps.exif_transpose(picture).convert("RGB"))[:, :, ::-1]
        assert np.array_equal(frame.image, expected), frame.media.name
