"""How far an exported network may be from the original, by its precision."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far an exported network may be from the original.

    A share is of the diagonal of the object's box: what a pixel means depends on the picture.

    Attributes:
        pixels: Most error of any corner of a box or keypoint, pixels of the picture.
        median: Most median error, as a share.
        tail: Most error of 95 in 100 points, as a share.
        conf: Most error of a confidence.
        missed: Most detections lost, and most gained, as a share of all.
        ap: Most average precision lost (mAP50-95 of keypoints), where labels are given.
        reason: Why so much.
    """

    pixels: float
    median: float
    tail: float
    conf: float
    missed: float
    ap: float
    reason: str


BOUNDS = {
    "fp32": Bounds(0.05, 1e-3, 1e-3, 1e-4, 0.0, 0.001, "the same arithmetic in another order"),
    "fp16": Bounds(
        float("inf"), 0.002, 0.01, 0.02, 0.02, 0.005, "weights, and on some devices sums, carry 11 bits: a part in 2000"
    ),
    "int8": Bounds(
        float("inf"),
        0.01,
        0.08,
        0.15,
        0.05,
        0.02,
        "weights and activations have 256 levels; about five times what a small network loses (benchmarks/export.py)",
    ),
}
