"""Keypoints and pixels stay together, whatever is done to a picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

pytest.importorskip("torch", reason="training needs torch")

from grid_pictures import CHANNEL, GridDataset, backend, find

from poise.datasets import Labels
from poise.training import pixels
from poise.training.augmentation import Augmentation, InputSize, augment, cutmix, draw_affine, mixup, paint
from poise.training.examples import Instances, Sample, cut, from_labels, join, mirror, transform
from poise.training.pixels import blur, compress, erase, grey

BACKENDS = ["pillow", pytest.param("opencv", marks=pytest.mark.skipif(pixels.cv2 is None, reason="OpenCV is not here"))]
STILL = Augmentation(hsv_h=0, hsv_s=0, hsv_v=0, translate=0, scale=0, fliplr=0, mosaic=0)
SIDE = 96
INPUT = InputSize(size=(SIDE, SIDE), nominal=(SIDE, SIDE))


def make(
    augmentation: Augmentation,
    seed: int,
    *,
    input_size: InputSize = INPUT,
    dataset: GridDataset | None = None,
    mapped: bool = True,
) -> Sample:
    """Run the whole chain on grid pictures whose longer side is the input's."""
    data = dataset or GridDataset([(96, 64), (64, 96), (96, 96), (96, 80)], seed=seed)

    def fetch(i: int) -> Sample:
        image = np.ascontiguousarray(data.image(i)[..., ::-1])
        return Sample(image, from_labels(data.labels[i], data.size(i), data.size(i)))

    rng = np.random.default_rng(seed)
    flip_idx = data.spec.skeleton.flip_idx if mapped else None
    index = seed % len(data)
    return augment(
        index, range(len(data)), fetch, rng, input_size=input_size, augmentation=augmentation, flip_idx=flip_idx
    )


def one(xy: list[list[float]], box: list[float]) -> Instances:
    """Return one instance with visible keypoints."""
    points = np.array([xy], dtype=np.float64)
    return Instances(np.array([0]), np.array([box], dtype=np.float64), points, np.ones(points.shape[:2], bool))


chains = st.builds(
    Augmentation,
    hsv_h=st.just(0.0),
    hsv_s=st.just(0.0),
    hsv_v=st.just(0.0),
    degrees=st.sampled_from([0.0, 15.0, 180.0]),
    translate=st.floats(0, 0.3),
    scale=st.floats(0, 0.5),
    shear=st.sampled_from([0.0, 5.0]),
    perspective=st.sampled_from([0.0, 0.0005]),
    flipud=st.sampled_from([0.0, 0.5]),
    fliplr=st.sampled_from([0.0, 0.5]),
    mosaic=st.sampled_from([0.0, 0.5, 1.0]),
    mixup=st.sampled_from([0.0, 0.0, 0.5]),
    cutmix=st.sampled_from([0.0, 0.0, 0.5]),
)


@pytest.mark.parametrize("name", BACKENDS)
@settings(max_examples=150)
@given(augmentation=chains, seed=st.integers(0, 10_000), side=st.sampled_from([96, 128]))
def test_a_painted_keypoint_is_where_its_label_says_after_any_chain(
    name: str, augmentation: Augmentation, seed: int, side: int
) -> None:
    with backend(name):
        sample = make(augmentation, seed, input_size=InputSize(size=(side, side), nominal=(SIDE, SIDE)))

    # Blending lays the dots of two pictures over each other, which moves the middle that is measured.
    limit = 1.0 if not (augmentation.mixup or augmentation.cutmix) else 3.0
    assert (np.hypot(*find(sample.image, sample.instances)[:, 2:].T) <= limit).all()


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("degrees", [0.0, 20.0])
def test_dots_are_not_shifted_on_average(name: str, degrees: float) -> None:
    # Half a pixel forgotten between pixels and points would show as a shift of (scale - 1) / 2.
    chain = Augmentation(hsv_h=0, hsv_s=0, hsv_v=0, fliplr=0.0, scale=0.5, degrees=degrees)

    with backend(name):
        offsets = np.concatenate(
            [find(s.image, s.instances)[:, 2:] for s in (make(chain, seed) for seed in range(120))]
        )

    assert len(offsets) > 100
    assert np.abs(offsets.mean(0)).max() < 0.06
    assert np.hypot(*offsets.T).max() < 1.0


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize(
    ("flipud", "fliplr", "swapped"), [(0.0, 0.0, False), (0.0, 1.0, True), (1.0, 0.0, True), (1.0, 1.0, False)]
)
def test_a_mirror_changes_left_and_right_and_two_mirrors_do_not(
    name: str, flipud: float, fliplr: float, swapped: bool
) -> None:
    chain = Augmentation(hsv_h=0, hsv_s=0, hsv_v=0, scale=0.2, flipud=flipud, fliplr=fliplr)
    other = np.array([1, 0, 2])  # red and green change places

    with backend(name):
        found = np.concatenate([find(s.image, s.instances) for s in (make(chain, seed) for seed in range(20))])

    painted = CHANNEL[found[:, 0].astype(int)]
    assert len(found) > 20
    np.testing.assert_array_equal(found[:, 1], other[painted] if swapped else painted)


def test_an_upside_down_mirror_takes_its_own_map_where_it_has_one() -> None:
    chain = Augmentation(hsv_h=0, hsv_s=0, hsv_v=0, scale=0, flipud=1.0, fliplr=0, flipud_idx=(0, 1, 2, 3, 4))

    found = np.concatenate([find(s.image, s.instances) for s in (make(chain, seed) for seed in range(10))])

    np.testing.assert_array_equal(found[:, 1], CHANNEL[found[:, 0].astype(int)])


def test_an_upside_down_mirror_with_a_map_of_its_own_needs_no_other() -> None:
    chain = Augmentation(
        hsv_h=0, hsv_s=0, hsv_v=0, translate=0, scale=0, mosaic=0, flipud=1.0, fliplr=1.0, flipud_idx=(0, 1, 2, 3, 4)
    )

    turned, plain = (make(augmentation, 2, mapped=False) for augmentation in (chain, replace(chain, flipud=0.0)))

    np.testing.assert_array_equal(turned.image, plain.image[::-1])


@settings(max_examples=60)
@given(augmentation=chains, seed=st.integers(0, 10_000))
def test_boxes_enclose_their_visible_keypoints_and_stay_inside(augmentation: Augmentation, seed: int) -> None:
    instances = make(augmentation, seed).instances

    low, high = instances.boxes[:, None, :2] - 1e-6, instances.boxes[:, None, 2:] + 1e-6
    inside = ((instances.points >= low) & (instances.points <= high)).all(-1)
    assert (inside | ~instances.visible).all()
    assert ((instances.boxes >= 0) & (instances.boxes <= SIDE)).all()
    assert (instances.points[~instances.visible] == 0).all()


def test_nothing_random_gives_the_picture_in_the_middle() -> None:
    data = GridDataset([(96, 64)])

    sample = make(STILL, 0, dataset=data)

    np.testing.assert_array_equal(sample.image[16:80], data.image(0)[..., ::-1])
    assert (sample.image[:16] == 114).all()
    np.testing.assert_allclose(sample.instances.points, data.labels[0].xy + [0, 16], atol=1e-4)


def test_the_same_seed_gives_the_same_picture() -> None:
    chain = Augmentation(mixup=0.5, cutmix=0.5, degrees=10, blur=0.5, jpeg=0.5, erasing=0.5, bgr=0.5)

    first, second = make(chain, 3), make(chain, 3)

    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.instances.points, second.instances.points)


def test_a_keypoint_that_leaves_the_picture_is_not_visible() -> None:
    before = one([[5, 5], [50, 50]], [0, 0, 60, 60])

    after = transform(before, np.array([[1, 0, -10], [0, 1, 0], [0, 0, 1]], dtype=float), (60, 60), scale=1.0)

    assert after.visible.tolist() == [[False, True]]
    assert after.points.tolist() == [[[0, 0], [40, 50]]]
    assert after.boxes.tolist() == [[0, 0, 50, 60]]


@pytest.mark.parametrize(
    ("box", "kept"),
    [
        ([10, 10, 50, 50], True),
        ([10, 10, 12, 50], False),  # not wider than 2 pixels
        ([0, 0, 10, 50], False),  # outside after the shift
        ([0, 0, 31, 50], True),  # 11 of its 31 columns are left
        ([0, 0, 21.5, 50], False),  # 1.5 of its 21.5 columns are left
    ],
)
def test_the_box_filter(box: list[float], kept: bool) -> None:
    shift = np.array([[1, 0, -20.0], [0, 1, 0], [0, 0, 1]]) if box[0] == 0 else np.eye(3)

    after = transform(one([[20, 20]], box), shift, (60, 60), scale=1.0)

    assert len(after) == kept


def test_a_turned_box_is_the_box_around_its_corners() -> None:
    half = np.sqrt(0.5)
    turn = np.array([[half, half, 0], [-half, half, 50], [0, 0, 1]])

    after = transform(one([[30, 30]], [20, 20, 40, 40]), turn, (200, 200), scale=1.0)

    r = 10 * np.sqrt(2)
    np.testing.assert_allclose(after.boxes, [[60 * half - r, 50 - r, 60 * half + r, 50 + r]], atol=1e-9)


def test_a_point_behind_the_camera_of_a_perspective_is_not_visible() -> None:
    view = np.array([[1, 0, 0], [0, 1, 0], [0.1, 0, -1.0]])

    after = transform(one([[5, 5]], [0, 0, 60, 60]), view, (60, 60), scale=1.0)

    assert len(after) == 0


def test_labels_without_visibility_and_without_keypoints() -> None:
    labels = Labels.of([0, 1], [[0, 0, 10, 10], [5, 5, 20, 20]], [[[2, 2], [3, 3]], [[np.nan] * 2] * 2])

    found = from_labels(labels, (20, 20), (40, 40))

    assert found.visible.tolist() == [[True, True], [False, False]]
    assert found.points.tolist() == [[[4, 4], [6, 6]], [[0, 0], [0, 0]]]


def test_crowds_and_boxes_outside_the_picture_are_left_out() -> None:
    boxes = [[0, 0, 10, 10], [0, 0, 10, 10], [30, 30, 40, 40]]
    labels = Labels.of([0, 0, 0], boxes, np.ones((3, 1, 2)), crowd=np.array([True, False, False]))

    assert len(from_labels(labels, (20, 20), (20, 20))) == 1


def test_three_hundred_instances_keep_their_order() -> None:
    xy = np.random.default_rng(0).uniform(0, 90, (300, 4, 2))
    boxes = np.concatenate([xy.min(1) - 3, xy.max(1) + 3], axis=1)
    labels = Labels.of(np.arange(300) % 7, boxes, xy)

    after = transform(from_labels(labels, (96, 96), (96, 96)), np.diag([2.0, 2.0, 1.0]), (192, 192), scale=2.0)

    assert after.classes.tolist() == (np.arange(300) % 7).tolist()
    np.testing.assert_allclose(after.points, 2 * xy, atol=1e-4)


def test_mixing_keeps_the_labels_of_both() -> None:
    a, b = make(STILL, 0), make(STILL, 1)

    mixed = mixup(a, b, np.random.default_rng(0))

    assert len(mixed.instances) == len(a.instances) + len(b.instances)
    mean = (a.image.astype(float) + b.image) / 2
    assert np.abs(mixed.image - mean).max() < 0.35 * 255  # Beta(32, 32) stays near a half


@settings(max_examples=30)
@given(seed=st.integers(0, 1000))
def test_cutmix_shows_each_visible_keypoint(seed: int) -> None:
    mixed = cutmix(make(STILL, 0), make(STILL, 1), np.random.default_rng(seed))

    rows, ks = np.nonzero(mixed.instances.visible)
    x, y = np.floor(mixed.instances.points[rows, ks]).astype(int).T
    assert (mixed.image[np.minimum(y, 95), np.minimum(x, 95), CHANNEL[ks]] > 60).all()


@settings(max_examples=30)
@given(seed=st.integers(0, 1000))
def test_erasing_spares_keypoints(seed: int) -> None:
    sample = make(STILL, 0)
    points = sample.instances.points[sample.instances.visible]

    erased = erase(sample.image, points, np.random.default_rng(seed))

    x, y = np.floor(points).astype(int).T
    np.testing.assert_array_equal(erased[y, x], sample.image[y, x])


def test_erasing_fills_up_to_a_fifth() -> None:
    image = np.zeros((100, 100, 3), np.uint8)

    shares = [(erase(image, np.empty((0, 2)), np.random.default_rng(i)).any(-1)).mean() for i in range(50)]

    assert min(shares) > 0.01
    assert max(shares) <= 0.2


@pytest.mark.parametrize("effect", [blur, compress])
def test_effects_leave_dots_where_they_are(effect: Callable[..., NDArray[np.uint8]]) -> None:
    sample = make(STILL, 2)

    image = effect(sample.image, np.random.default_rng(1))

    found = find(image, sample.instances)
    assert len(found)
    assert np.hypot(*found[:, 2:].T).max() < 1.0
    assert (image != sample.image).any()


def test_grey_has_no_colour() -> None:
    assert (np.ptp(grey(make(STILL, 2).image).astype(int), axis=-1) == 0).all()


@pytest.mark.parametrize("scale", [0.0, 0.5])
def test_the_map_lands_in_the_middle_on_average(scale: float) -> None:
    rng = np.random.default_rng(0)

    centres = np.array(
        [(draw_affine((200, 100), (96, 96), rng, Augmentation(scale=scale))[0] @ [100, 50, 1]) for _ in range(500)]
    )

    np.testing.assert_allclose(centres[:, :2].mean(0), 48, atol=1.0)
    assert np.abs(centres[:, :2] - 48).max() <= 0.1 * 96 + 1e-9


@pytest.mark.parametrize("name", BACKENDS)
def test_four_pictures_meet_without_a_seam(name: str) -> None:
    tiles = [np.full((96, 96, 3), 200, np.uint8)] * 4
    matrix = np.array([[0.7, 0, -10.3], [0, 0.7, -20.1], [0, 0, 1]])

    with backend(name):
        image = paint(tiles, [(0, 0), (96, 0), (0, 96), (96, 96)], (192, 192), matrix, (96, 96))

    assert (image == 200).all()


def test_cutting_and_joining() -> None:
    parts = [cut(one([[5, 5], [30, 5]], [0, 0, 40, 10]), (10, 0), (0, 0, 20, 20)), one([[1, 1], [2, 2]], [0, 0, 3, 3])]

    joined = join(parts)

    assert joined.boxes.tolist() == [[10, 0, 20, 10], [0, 0, 3, 3]]
    assert joined.visible.tolist() == [[True, False], [True, True]]


def test_mirroring_moves_rows_of_keypoints() -> None:
    instance = one([[1, 1], [2, 2], [3, 3]], [0, 0, 9, 9])

    assert mirror(instance, (0, 2, 1)).points.tolist() == [[[1, 1], [3, 3], [2, 2]]]


@pytest.mark.parametrize(
    "wrong", [{"fliplr": 1.5}, {"mosaic": -0.1}, {"degrees": 200}, {"scale": "big"}, {"mixup": True}]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be a number from 0"):
        Augmentation(**wrong)
