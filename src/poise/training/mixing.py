"""Two training pictures made into one.

Source: mixup: Zhang et al. 2018, arXiv 1710.09412, with the Beta(32, 32) of the YOLO family's training; cutmix: Yun et
al. 2019, arXiv 1905.04899.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator

from poise.training.instances import LEAST_AREA, SMALLEST, Instances, Sample, cut, join

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
    return Sample(image, join([_uncovered(first.instances, window), _inside(second.instances, window)]))


def _uncovered(instances: Instances, window: Window) -> Instances:
    boxes, points = instances.boxes, instances.points
    low, high = np.array(window[:2]), np.array(window[2:])
    shared = np.clip(np.minimum(boxes[:, 2:], high) - np.maximum(boxes[:, :2], low), 0, None).prod(1)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    hidden = ((points > low) & (points < high)).all(-1)
    visible = instances.visible & ~hidden
    left = Instances(instances.classes, boxes, np.where(visible[..., None], points, 0), visible)
    return left[shared < (1 - LEAST_AREA) * area]


def _inside(instances: Instances, window: Window) -> Instances:
    whole = (instances.boxes[:, 2:] - instances.boxes[:, :2]).prod(1)
    boxes = np.clip(instances.boxes, np.tile(window[:2], 2), np.tile(window[2:], 2))
    sides = boxes[:, 2:] - boxes[:, :2]
    keep = (sides > SMALLEST).all(1) & (sides.prod(1) > LEAST_AREA * whole)
    return cut(instances[keep], (0.0, 0.0), window)
