"""Prepare and decode NanoDet 416: person boxes.

Source:
    RangiLyu/nanodet, shufflenet 416: strides 8, 16, 32, eleven bins a side (generalised focal loss, arXiv:2006.04388).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.frames import Image
from poise.geometry import box_iou, nms

SIDE = 416
_MEAN = np.array([103.53, 116.28, 123.675], dtype=np.float32)  # BGR
_SCALE = np.array([57.375, 57.12, 58.395], dtype=np.float32)


def prepare(image: Image) -> NDArray[np.float32]:
    """Turn a ``(416, 416, 3)`` BGR picture into the network's ``(1, 3, 416, 416)`` float32 input."""
    return np.ascontiguousarray(((image - _MEAN) / _SCALE).transpose(2, 0, 1)[None])


def decode(
    outputs: Mapping[str, NDArray[Any]], *, min_score: float, max_iou: float = 0.6
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Decode the people of one picture.

    Args:
        outputs: ``cls_s8`` … and ``reg_s8`` … of the network.
        min_score: Drop boxes below this class probability.
        max_iou: Of two boxes that overlap more, the better stays.

    Returns:
        ``(N, 4)`` xyxy in input pixels and ``(N,)`` scores, best first.
    """
    boxes, scores = [], []
    for stride in (8, 16, 32):
        score = outputs[f"cls_s{stride}"][0, :, 0]
        cell = np.nonzero(score >= min_score)[0]
        bins = outputs[f"reg_s{stride}"][0, cell].reshape(len(cell), 4, 11)
        power = np.exp(bins - bins.max(axis=-1, keepdims=True))
        side = stride * (power @ np.arange(bins.shape[-1], dtype=np.float32)) / power.sum(axis=-1)
        y, x = np.divmod(cell, SIDE // stride)
        centre = (np.stack([x, y], -1) + 0.5) * stride
        boxes.append(np.concatenate([centre - side[:, :2], centre + side[:, 2:]], -1))
        scores.append(score[cell])
    box = np.concatenate(boxes).astype(np.float32)
    score = np.concatenate(scores).astype(np.float32)
    keep = nms(box_iou(box, box), score, max_similarity=max_iou)
    return box[keep], score[keep]
