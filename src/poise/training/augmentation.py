"""Change pictures and their labels together: mosaic, affine maps, flips, mixing, colours.

Every function takes its randomness as a ``numpy.random.Generator``. One matrix carries the pixels of a picture and
its points, from the resized picture straight to the network's input, so points are right by construction and each
pixel is interpolated once.

Source: the YOLO family's published settings (order, ranges and filters); mosaic: Bochkovskiy et al. 2020,
arXiv 2004.10934.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from poise.frames import Image
from poise.training import pixels
from poise.training.examples import LEAST_AREA, SMALLEST, Instances, Sample, cut, join, mirror, transform
from poise.training.pixels import FILL, Matrix
from poise.training.settings import check_ranges


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How pictures are changed while a network is trained, in the field's names.

    The defaults are the field's for pose; what it has not (blur, grey, jpeg, erasing) is off. A probability is in
    [0, 1], per picture. Most attributes are settings too: :class:`poise.training.TrainSettings` says what they are.

    Attributes:
        perspective: Largest perspective coefficient, per pixel; 0.001 is strong.
        flipud_idx: Mirror map for ``flipud``; None takes the skeleton's ``flip_idx``, as every mirror changes left
            and right. Needed where names mean sides of the picture, as ``top_left`` of a building does.
        erasing: Probability that a rectangle without keypoints is filled with noise.
    """

    hsv_h: float = 0.015
    hsv_s: float = 0.7
    hsv_v: float = 0.4
    degrees: float = 0.0
    translate: float = 0.1
    scale: float = 0.5
    shear: float = 0.0
    perspective: float = 0.0
    flipud: float = 0.0
    fliplr: float = 0.5
    flipud_idx: tuple[int, ...] | None = None
    bgr: float = 0.0
    mosaic: float = 1.0
    mixup: float = 0.0
    cutmix: float = 0.0
    multi_scale: float = 0.0
    blur: float = 0.0
    grey: float = 0.0
    jpeg: float = 0.0
    erasing: float = 0.0

    def __post_init__(self) -> None:
        check_ranges({field.name: getattr(self, field.name) for field in fields(self)})


# Gives a picture of the data set, resized so that its longer side is the input's.
Fetch = Callable[[int], Sample]

Indices = Sequence[int] | NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSize:
    """The size of the input that a picture is made for.

    Attributes:
        size: Width and height of the result, pixels.
        nominal: Width and height that ``translate`` and the mosaic count in, pixels: the network's usual input, from
            which a batch of another size is scaled.
    """

    size: tuple[int, int]
    nominal: tuple[int, int]


def augment(
    index: int,
    others: Indices,
    fetch: Fetch,
    rng: Generator,
    *,
    input_size: InputSize,
    augmentation: Augmentation,
    flip_idx: Sequence[int] | None,
) -> Sample:
    """Make one training picture.

    Args:
        index: The data set's picture that it is about.
        others: Pictures that may be joined with it.
        fetch: Gives a picture of the data set.
        rng: The only source of randomness.
        input_size: That of the network.
        augmentation: What to do.
        flip_idx: The skeleton's mirror map; None switches mirroring off.
    """
    a = augmentation

    def make(i: int) -> Sample:
        return compose(i, others, fetch, rng, input_size=input_size, augmentation=a, flip_idx=flip_idx)

    sample = make(index)
    if a.mixup and rng.random() < a.mixup:
        sample = mixup(sample, make(draw_other(index, others, rng)), rng)
    if a.cutmix and rng.random() < a.cutmix:
        sample = cutmix(sample, make(draw_other(index, others, rng)), rng)
    return Sample(recolour(sample, rng, augmentation=a), sample.instances)


def draw_other(index: int, others: Indices, rng: Generator) -> int:
    """Draw one of the others, and not the same picture unless there is none else."""
    for _ in range(8):
        other = int(rng.choice(others))
        if other != index:
            return other
    return index


def compose(
    index: int,
    others: Indices,
    fetch: Fetch,
    rng: Generator,
    *,
    input_size: InputSize,
    augmentation: Augmentation,
    flip_idx: Sequence[int] | None,
) -> Sample:
    """Join one or four pictures, move them and mirror them, in one interpolation. Arguments as :func:`augment`."""
    a, size, nominal = augmentation, input_size.size, input_size.nominal
    if a.mosaic and rng.random() < a.mosaic:
        tiles = [fetch(index), *(fetch(int(i)) for i in rng.choice(others, 3))]
        side = max(nominal)
        canvas, shifts = (2 * side, 2 * side), place_mosaic([tile.image for tile in tiles], side, rng)
    else:
        tiles = [fetch(index)]
        canvas, shifts = (tiles[0].image.shape[1], tiles[0].image.shape[0]), [(0, 0)]
    matrix, scale = draw_affine(canvas, nominal, rng, a)
    if size != nominal:
        stretch = size[0] / nominal[0], size[1] / nominal[1]
        matrix, scale = np.diag([*stretch, 1.0]) @ matrix, scale * math.sqrt(stretch[0] * stretch[1])
    orders: list[Sequence[int]] = []
    # A mirror changes left and right, whichever way it stands; two of them are a turn by 180 degrees.
    upside = flip_idx if a.flipud_idx is None else a.flipud_idx
    if upside is not None and a.flipud and rng.random() < a.flipud:
        matrix = np.array([[1.0, 0, 0], [0, -1.0, size[1]], [0, 0, 1]]) @ matrix
        orders.append(upside)
    if flip_idx is not None and a.fliplr and rng.random() < a.fliplr:
        matrix = np.array([[-1.0, 0, size[0]], [0, 1.0, 0], [0, 0, 1]]) @ matrix
        orders.append(flip_idx)
    window = (0.0, 0.0, float(canvas[0]), float(canvas[1]))
    joined = join([cut(tile.instances, shift, window) for tile, shift in zip(tiles, shifts, strict=True)])
    instances = transform(joined, matrix, size, scale=scale)
    for order in orders:
        instances = mirror(instances, order)
    return Sample(paint([tile.image for tile in tiles], shifts, canvas, matrix, size), instances)


def recolour(sample: Sample, rng: Generator, *, augmentation: Augmentation) -> Image:
    """Return the picture with other colours, and with the rarer changes of its pixels."""
    a, image = augmentation, sample.image
    if a.hsv_h or a.hsv_s or a.hsv_v:
        h, s, v = rng.uniform(-1, 1, 3) * (a.hsv_h, a.hsv_s, a.hsv_v)
        image = pixels.shift_colours(image, h, 1 + s, 1 + v)
    if a.blur and rng.random() < a.blur:
        image = pixels.blur(image, rng)
    if a.grey and rng.random() < a.grey:
        image = pixels.grey(image)
    if a.jpeg and rng.random() < a.jpeg:
        image = pixels.compress(image, rng)
    if a.erasing and rng.random() < a.erasing:
        image = pixels.erase(image, sample.instances.points[sample.instances.visible], rng)
    if a.bgr and rng.random() < a.bgr:
        image = image[..., ::-1]
    return image


def place_mosaic(pictures: Sequence[Image], side: int, rng: Generator) -> list[tuple[int, int]]:
    """Choose a centre on a canvas of twice the side, and return where the corners of four pictures around it are."""
    x, y = (int(v) for v in rng.uniform(side / 2, 3 * side / 2, 2))
    shifts = []
    for i, picture in enumerate(pictures):
        h, w = picture.shape[:2]
        shifts.append((x - w if i % 2 == 0 else x, y - h if i < 2 else y))
    return shifts


def draw_affine(
    canvas: tuple[int, int], size: tuple[int, int], rng: Generator, augmentation: Augmentation
) -> tuple[Matrix, float]:
    """Draw a map M = T · S · R · P · C from a canvas to the network's input.

    C moves the canvas's centre to the origin, P gives it perspective, R turns and scales it, S shears it, T moves it
    to about the middle of the input.

    Args:
        canvas: Width and height of what is mapped, pixels.
        size: Width and height of the input, pixels.
        rng: The randomness.
        augmentation: The ranges.

    Returns:
        The ``(3, 3)`` matrix and how much R enlarges.
    """
    a = augmentation
    centre = np.array([[1, 0, -canvas[0] / 2], [0, 1, -canvas[1] / 2], [0, 0, 1]], dtype=np.float64)
    view, turn, slant, move = np.eye(3), np.eye(3), np.eye(3), np.eye(3)
    view[2, :2] = rng.uniform(-1, 1, 2) * a.perspective
    angle = math.radians(rng.uniform(-1, 1) * a.degrees)
    scale = float(rng.uniform(1 - a.scale, 1 + a.scale))
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    turn[:2, :2] = [[cos, sin], [-sin, cos]]
    slant[0, 1], slant[1, 0] = np.tan(np.radians(rng.uniform(-1, 1, 2) * a.shear))
    move[:2, 2] = rng.uniform(0.5 - a.translate, 0.5 + a.translate, 2) * size
    return move @ slant @ turn @ view @ centre, scale


def paint(
    pictures: Sequence[Image],
    shifts: Sequence[tuple[int, int]],
    canvas: tuple[int, int],
    matrix: Matrix,
    size: tuple[int, int],
) -> Image:
    """Draw pictures that lie on a canvas through the map from canvas to result.

    Args:
        pictures: Of ``(H, W, 3)`` uint8.
        shifts: Where the top-left corner of each is on the canvas, pixels.
        canvas: Width and height of the canvas; what is outside is not drawn.
        matrix: ``(3, 3)`` map from canvas to result.
        size: Width and height of the result, pixels.
    """
    parts = []
    for picture, (x, y) in zip(pictures, shifts, strict=True):
        left, top = max(-x, 0), max(-y, 0)
        part = picture[top : max(canvas[1] - y, 0), left : max(canvas[0] - x, 0)]
        if part.size:
            parts.append((part, np.array([[1.0, 0, x + left], [0, 1.0, y + top], [0, 0, 1]])))
    if len(parts) == 1 and not pixels.is_upright(matrix):
        return pixels.warp(parts[0][0], matrix @ parts[0][1], size)
    if pixels.is_upright(matrix):
        out = np.full((size[1], size[0], 3), FILL, dtype=np.uint8)
        for part, place in parts:
            pixels.paste(part, matrix @ place, out)
        return out
    drawn = np.full((canvas[1], canvas[0], 3), FILL, dtype=np.uint8)
    for part, place in parts:
        pixels.paste(part, place, drawn)
    return pixels.warp(drawn, matrix, size)


# A rectangle: left, top, right, bottom, pixels.
Window = tuple[float, float, float, float]


def mixup(first: Sample, second: Sample, rng: Generator) -> Sample:
    """Blend two pictures of one size in a proportion near a half, Beta(32, 32), and keep the labels of both."""
    weight = round(float(rng.beta(32.0, 32.0)) * 256)
    mixed = first.image.astype(np.uint16) * weight
    mixed += second.image.astype(np.uint16) * (256 - weight)
    mixed >>= 8
    return Sample(mixed.astype(np.uint8), join([first.instances, second.instances]))


def cutmix(first: Sample, second: Sample, rng: Generator) -> Sample:
    """Paste a rectangle of the second picture over the first; of a size from Beta(1, 1), anywhere.

    Of the first, keypoints under the rectangle are not visible, and instances are left out where less than a
    tenth of their box is beside it. Of the second, the part inside the rectangle is kept where it is more than a tenth.
    """
    height, width = first.image.shape[:2]
    share = math.sqrt(1 - float(rng.beta(1.0, 1.0)))
    centre = rng.uniform(0, 1, 2) * (width, height)
    low = np.clip(centre - np.array([width, height]) * share / 2, 0, (width, height)).astype(int)
    high = np.clip(centre + np.array([width, height]) * share / 2, 0, (width, height)).astype(int)
    if (high <= low).any():
        return first
    image = first.image.copy()
    image[low[1] : high[1], low[0] : high[0]] = second.image[low[1] : high[1], low[0] : high[0]]
    window = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    return Sample(image, join([_outside_window(first.instances, window), _inside_window(second.instances, window)]))


def _outside_window(instances: Instances, window: Window) -> Instances:
    boxes, points = instances.boxes, instances.points
    low, high = np.array(window[:2]), np.array(window[2:])
    shared = np.clip(np.minimum(boxes[:, 2:], high) - np.maximum(boxes[:, :2], low), 0, None).prod(1)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    hidden = ((points > low) & (points < high)).all(-1)
    visible = instances.visible & ~hidden
    left = Instances(instances.classes, boxes, np.where(visible[..., None], points, 0), visible)
    return left[shared < (1 - LEAST_AREA) * area]


def _inside_window(instances: Instances, window: Window) -> Instances:
    area = (instances.boxes[:, 2:] - instances.boxes[:, :2]).prod(1)
    boxes = np.clip(instances.boxes, np.tile(window[:2], 2), np.tile(window[2:], 2))
    sides = boxes[:, 2:] - boxes[:, :2]
    keep = (sides > SMALLEST).all(1) & (sides.prod(1) > LEAST_AREA * area)
    return cut(instances[keep], (0.0, 0.0), window)
