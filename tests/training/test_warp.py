"""Drawing through matrices, with OpenCV and without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="training needs torch")

from grid_pictures import backend

from poise.sources import read_picture
from poise.training import pixels

needs_opencv = pytest.mark.skipif(pixels.cv2 is None, reason="OpenCV is not here")
BACKENDS = ["pillow", pytest.param("opencv", marks=needs_opencv)]
MAPS = {
    "smaller": np.array([[0.55, 0, 3.3], [0, 0.6, 7.8], [0, 0, 1]]),
    "larger": np.array([[1.45, 0, -70.2], [0, 1.4, -90.9], [0, 0, 1]]),
    "mirrored": np.array([[-0.8, 0, 250.0], [0, 0.8, 7.8], [0, 0, 1]]),
    "turned": np.array([[0.91, 0.31, -20.13], [-0.3, 0.9, 60.0], [0, 0, 1]]),
    "perspective": np.array([[0.9, 0.2, -20.0], [-0.1, 0.9, 30.0], [0.0005, 0.0003, 1]]),
}


@pytest.fixture(scope="module")
def picture() -> NDArray[np.uint8]:
    whole = read_picture(Path(__file__).parents[1] / "assets/astronaut.jpg")
    return np.ascontiguousarray(whole[::2, ::2])


def drawn(picture: NDArray[np.uint8], matrix: NDArray[np.float64]) -> NDArray[np.uint8]:
    if not pixels.is_upright(matrix):
        return pixels.warp(picture, matrix, (256, 256))
    out = np.full((256, 256, 3), pixels.FILL, np.uint8)
    pixels.paste(picture, matrix, out)
    return out


@needs_opencv
@pytest.mark.parametrize("name", MAPS)
def test_opencv_and_pillow_agree(name: str, picture: NDArray[np.uint8]) -> None:
    ours = []
    for kind in ("pillow", "opencv"):
        with backend(kind):
            ours.append(drawn(picture, MAPS[name]).astype(int))

    # OpenCV places samples to 1/32 pixel, Pillow exactly.
    assert np.abs(ours[0] - ours[1]).mean() < 1.5
    assert abs((ours[0] - ours[1]).mean()) < 0.6  # Pillow cuts fractions off where OpenCV rounds


@needs_opencv
@pytest.mark.parametrize("size", [(320, 180), (100, 90), (256, 256), (511, 300)])
def test_resizing_gives_the_same_bits(size: tuple[int, int], picture: NDArray[np.uint8]) -> None:
    with backend("opencv"):
        theirs = pixels.resize(picture, size)
    with backend("pillow"):
        ours = pixels.resize(picture, size)

    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("kind", BACKENDS)
@pytest.mark.parametrize("name", MAPS)
def test_a_ramp_shows_where_each_pixel_is_from(kind: str, name: str) -> None:
    # Grey levels that grow with x: a bilinear sample of it is the exact position that the map says.
    ramp = np.repeat(np.repeat(np.arange(250, dtype=np.uint8)[None, :, None], 250, 0), 3, 2)
    matrix = MAPS[name]

    with backend(kind):
        image = drawn(ramp, matrix)

    y, x = np.mgrid[:256, :256] + 0.5
    back = np.linalg.inv(matrix) @ np.stack([x, y, np.ones_like(x)]).reshape(3, -1)
    from_x, from_y = back[:2] / back[2]
    inside = ((from_x > 1) & (from_x < 249) & (from_y > 1) & (from_y < 249)).reshape(256, 256)
    expected = (from_x - 0.5).reshape(256, 256)
    assert inside.any()
    found = image[..., 0][inside] + (0.5 if kind == "pillow" else 0.0)  # Pillow cuts the fraction off
    # Half a grey level of rounding, and OpenCV's 1/32 pixel.
    assert np.abs(found - expected[inside]).max() <= 0.6
    assert abs((found - expected[inside]).mean()) <= 0.05


@pytest.mark.parametrize("kind", BACKENDS)
def test_whole_shifts_copy_the_pixels(kind: str, picture: NDArray[np.uint8]) -> None:
    with backend(kind):
        image = drawn(picture, np.array([[1.0, 0, -30], [0, 1.0, 12], [0, 0, 1]]))

    np.testing.assert_array_equal(image[12:, :226], picture[:244, 30:])
    assert (image[:12] == pixels.FILL).all()


@pytest.mark.parametrize("kind", BACKENDS)
def test_a_picture_outside_draws_nothing(kind: str, picture: NDArray[np.uint8]) -> None:
    with backend(kind):
        image = drawn(picture, np.array([[1.0, 0, 400], [0, 1.0, 0], [0, 0, 1]]))

    assert (image == pixels.FILL).all()


@pytest.mark.parametrize("kind", BACKENDS)
def test_colours_that_are_not_changed_stay(kind: str, picture: NDArray[np.uint8]) -> None:
    with backend(kind):
        same = pixels.shift_colours(picture, 0.0, 1.0, 1.0)

    # Eight bits of hue are coarse.
    assert np.abs(same.astype(int) - picture).mean() < 1.0


@pytest.mark.parametrize("kind", BACKENDS)
def test_grey_stays_grey_and_brightness_follows_the_factor(kind: str) -> None:
    grey = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2)

    with backend(kind):
        image = pixels.shift_colours(grey, 0.01, 1.7, 0.5)

    assert (np.ptp(image.astype(int), axis=-1) == 0).all()
    assert np.abs(image[0, :, 0] - np.arange(256) * 0.5).max() <= 1


@pytest.mark.parametrize("kind", BACKENDS)
def test_a_third_of_the_circle_turns_red_into_green_and_green_into_blue(kind: str) -> None:
    image = np.array([[[200, 0, 0], [0, 200, 0], [0, 0, 200]]], np.uint8)

    with backend(kind):
        turned = pixels.shift_colours(image, 1 / 3, 1.0, 1.0)

    # Hue is kept in 180 or 256 steps.
    assert np.abs(turned.astype(int) - np.roll(image, 1, axis=-1)).max() <= 8


@needs_opencv
@pytest.mark.parametrize("gains", [(0.015, 1.7, 1.4), (-0.015, 0.3, 0.6), (0.1, 1.0, 1.0)])
def test_colours_agree_between_the_two(gains: tuple[float, float, float], picture: NDArray[np.uint8]) -> None:
    images = []
    for kind in ("pillow", "opencv"):
        with backend(kind):
            images.append(pixels.shift_colours(picture, *gains).astype(int))

    assert np.abs(images[0] - images[1]).mean() < 2.0
