"""The letterbox of the YOLO family: sizes, pixels, and the way back."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poise.estimators.letterbox import place, resize, to_picture, write

SHARED = Path(os.environ.get("POISE_SHARED", Path(__file__).resolve().parents[3] / "shared"))
FIXTURES = SHARED / "fixtures/yolo"
needs_fixtures = pytest.mark.skipif(not FIXTURES.is_dir(), reason="the folder shared is not beside the repository")


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def weights(n: int, m: int, i: int) -> tuple[int, int, int]:
    """Source index, and the two weights of 11 bits, of place ``i`` on an axis of ``n`` made ``m`` long."""
    at = np.float32((i + 0.5) * (1.0 / (m / n)) - 0.5)
    low = int(np.floor(at))
    part = np.float32(at - np.float32(low))
    return low, int(np.rint((np.float32(1) - part) * np.float32(2048))), int(np.rint(part * np.float32(2048)))


def resize_slowly(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """OpenCV's 8-bit bilinear, one value at a time in whole numbers."""
    (w, h), (height, width) = size, image.shape[:2]
    out = np.empty((h, w, 3), dtype=np.uint8)
    for y in range(h):
        top, b0, b1 = weights(height, h, y)
        for x in range(w):
            left, a0, a1 = weights(width, w, x)
            if left < 0 or left + 1 >= width:
                a0, a1 = 2048, 0
            for c in range(3):
                lines = [image[min(max(row, 0), height - 1), :, c].tolist() for row in (top, top + 1)]
                near, far = min(max(left, 0), width - 1), min(max(left + 1, 0), width - 1)
                above, below = ((line[near] * a0 + line[far] * a1) >> 4 for line in lines)
                out[y, x, c] = ((above * b0 >> 16) + (below * b1 >> 16) + 2) >> 2
    return out


@settings(max_examples=60)
@given(
    height=st.integers(1, 13),
    width=st.integers(1, 13),
    h=st.integers(1, 17),
    w=st.integers(1, 17),
    seed=st.integers(0, 9),
)
def test_resize_equals_the_formula_in_whole_numbers(height: int, width: int, h: int, w: int, seed: int) -> None:
    image = noise(height, width, seed)

    assert np.array_equal(resize(image, (w, h)), resize_slowly(image, (w, h)))


@pytest.mark.parametrize("ratio", [1, 2, 3, 4, 5, 6])
def test_whole_ratios_equal_the_formula(ratio: int) -> None:
    image = noise(4 * ratio, 7 * ratio)

    assert np.array_equal(resize(image, (7, 4)), resize_slowly(image, (7, 4)))


@pytest.mark.parametrize("size", [(640, 360), (427, 240), (1281, 721), (100, 719), (1280, 720)])
def test_strips_join_without_a_seam(size: tuple[int, int]) -> None:
    ramp = np.repeat(np.linspace(0, 255, 720).astype(np.uint8)[:, None, None], 1280, axis=1).repeat(3, axis=2)

    rows = resize(ramp, size)[:, 0, 0].astype(int)

    assert (np.diff(rows) >= 0).all()
    assert np.diff(rows).max() <= int(np.ceil(255 / size[1])) + 1


def test_resize_equals_opencv() -> None:
    cv2 = pytest.importorskip("cv2")
    random = np.random.default_rng(3)
    for _ in range(100):
        height, width, h, w = (int(v) for v in random.integers(1, 300, 4))
        image = noise(height, width)

        assert np.array_equal(resize(image, (w, h)), cv2.resize(image, (w, h))), (height, width, h, w)


@needs_fixtures
def test_the_120_stored_placements() -> None:
    cases = json.loads((FIXTURES / "letterbox.json").read_text())
    assert len(cases) == 120
    for case in cases:
        height, width = case["imgsz"]

        found = place((case["w"], case["h"]), (width, height), auto=case["auto"], scaleup=case["scaleup"])

        assert [found.size[1], found.size[0]] == case["out_hw"], case
        assert list(found.inner) == case["resized_wh"], case
        assert (found.left, found.top) == (case["left"], case["top"]), case
        assert found.size[0] - found.inner[0] - found.left == case["right"], case
        assert found.size[1] - found.inner[1] - found.top == case["bottom"], case


@needs_fixtures
def test_the_120_stored_ways_back() -> None:
    for case in json.loads((FIXTURES / "letterbox.json").read_text()):
        height, width = case["out_hw"]
        boxes = np.array(case["box_in"], dtype=np.float32).reshape(-1, 2, 2)

        found = to_picture(boxes, (width, height), (case["w"], case["h"])).reshape(-1, 4)

        # One float32 step at 5000 pixels.
        np.testing.assert_allclose(found, case["box_rescaled"], rtol=1e-6, atol=1e-3, err_msg=str(case))


@needs_fixtures
@pytest.mark.parametrize(
    ("name", "size", "auto"), [("out_64x64", 64, False), ("out_auto", 64, True), ("out_128", 128, False)]
)
def test_the_stored_pixels(name: str, size: int, auto: bool) -> None:
    arrays = np.load(FIXTURES / "ops.npz")
    image, expected = arrays["letterbox/img"], arrays[f"letterbox/{name}"]
    placement = place((70, 45), (size, size), auto=auto)
    out = np.full((3, *expected.shape[:2]), np.nan, dtype=np.float32)

    write(image, placement, out)

    assert np.array_equal(out, expected[:, :, ::-1].transpose(2, 0, 1) / np.float32(255))


def test_an_odd_pixel_goes_right_and_down() -> None:
    below, beside = place((4, 3), (4, 4)), place((3, 4), (4, 4))

    assert (below.inner, below.top, below.size) == ((4, 3), 0, (4, 4))
    assert (beside.inner, beside.left, beside.size) == ((3, 4), 0, (4, 4))


def test_smallest_rectangle_holds_whole_strides() -> None:
    placement = place((1280, 720), (640, 640), auto=True)

    assert (placement.size, placement.inner, placement.top) == ((640, 384), (640, 360), 12)


@pytest.mark.parametrize("source", [(1, 1), (1, 4000), (4000, 1), (3, 2)])
def test_thin_pictures_keep_a_pixel(source: tuple[int, int]) -> None:
    placement = place(source, (64, 64))
    out = np.zeros((3, 64, 64), dtype=np.float32)

    write(noise(source[1], source[0]), placement, out)

    assert min(placement.inner) >= 1
    assert (out > 0).any()


def test_red_comes_first_and_grey_beside() -> None:
    image = np.zeros((2, 4, 3), dtype=np.uint8)
    image[:, :, 2] = 255
    out = np.empty((3, 4, 4), dtype=np.float32)

    write(image, place((4, 2), (4, 4)), out)

    assert (out[:, 1:3] == np.array([1, 0, 0])[:, None, None]).all()
    np.testing.assert_allclose(out[:, [0, 3]], 114 / 255, rtol=1e-6)


def test_half_floats_are_the_rounded_floats() -> None:
    image = noise(40, 60)
    placement = place((60, 40), (32, 32))
    single, half = np.empty((3, 32, 32), np.float32), np.empty((3, 32, 32), np.float16)

    write(image, placement, single)
    write(image, placement, half)

    assert np.array_equal(single.astype(np.float16), half)


def test_grey_may_stay_from_the_last_picture() -> None:
    placement = place((60, 40), (64, 64))
    fresh, used = np.empty((3, 64, 64), np.float32), np.empty((3, 64, 64), np.float32)
    write(noise(40, 60, 1), placement, used)

    write(noise(40, 60, 2), placement, fresh)
    write(noise(40, 60, 2), placement, used, pad=False)

    assert np.array_equal(fresh, used)


def test_a_view_of_a_picture_is_read_as_it_is() -> None:
    image = noise(90, 120)
    out, copied = (np.empty((3, 64, 64), np.float32) for _ in range(2))

    write(image[10:70, 5:95], place((90, 60), (64, 64)), out)
    write(image[10:70, 5:95].copy(), place((90, 60), (64, 64)), copied)

    assert np.array_equal(out, copied)


@given(w=st.integers(1, 3000), h=st.integers(1, 3000), size=st.sampled_from([32, 320, 640]), auto=st.booleans())
def test_corners_of_the_picture_come_back(w: int, h: int, size: int, auto: bool) -> None:
    placement = place((w, h), (size, size), auto=auto)
    corners = np.array([[0, 0], placement.inner], dtype=np.float32) + [placement.left, placement.top]

    found = to_picture(corners.astype(np.float32), placement.size, (w, h), clip=False)

    # Pads and gains are found again from the sizes alone, as the maker's package does: where a side of one pixel is
    # stretched the ratio differs, and with it the whole map; elsewhere it is exact but for float32.
    if min(placement.inner) > 1 and not auto:
        np.testing.assert_allclose(found, [[0, 0], [w, h]], rtol=1e-5, atol=1e-2)
    assert np.isfinite(found).all()


def test_points_outside_the_picture_move_to_its_edge() -> None:
    found = to_picture(np.array([[-5.0, -5.0], [5000.0, 5000.0]], np.float32), (640, 384), (1280, 720))

    assert found.tolist() == [[0, 0], [1280, 720]]
