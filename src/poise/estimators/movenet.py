"""Decode MoveNet: the maps of MultiPose (whole pictures) and Thunder (one person a crop) to keypoints.

Pure functions on arrays. Both networks see uint8 RGB whose sides are multiples of 32 and give maps on a grid of one
cell for 4 x 4 input pixels. Maps are channels first: ``center`` ``(N, 1, h, w)`` person-centre probability,
``kpt_heatmap`` ``(N, K, h, w)``, ``kpt_regress`` ``(N, 2K, h, w)`` cells from the centre to each keypoint, and
``kpt_offset`` ``(N, 2K, h, w)`` sub-cell corrections, both as (dy, dx) pairs; MultiPose also has ``box_scale`` and
``box_offset`` ``(N, 2, h, w)``.

Source:
    The constants 0.3, 0.127, 1.8 and the 5 x 5 maxima are those of the published graphs (TF Hub
    google/movenet/multipose/lightning/1 and singlepose/thunder/4). The published MultiPose graph stops at six people
    and suppresses nothing; here the number is free and the caller suppresses by OKS.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.estimators.detectors import whole
from poise.estimators.protocols import People
from poise.frames import Image

Maps = Mapping[str, NDArray[Any]]
Floats = NDArray[np.float32]

STRIDE = 4  # input pixels a cell
_SPREAD = 0.3  # of the shorter grid side: squared reach of MultiPose's regression guess, cells
_CONFIDENT = 0.127  # keypoints below it do not count towards MultiPose's person score
_SOFTEN = 1.8  # cells added to the distance from the middle before Thunder's centre is divided by it
_SOFTEN_KEYPOINT = 3.0  # the same for keypoints; the published graph has 1.8, which finds a little less
# Beyond this many reaches the weight is under 0.01 and no heatmap value in practice wins there.
_WINDOW = 2.2
# A hint: half the side of the window around its middle where the person's centre is sought, cells; and the distance
# from it at which a guess is worth 0.6, over the height of the grid.
_NEAR, _HINT = 3, 0.1


def local_maxima(values: Floats, *, min_value: float, limit: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find the cells that equal the maximum of the 5 x 5 cells around them.

    Args:
        values: ``(h, w)``.
        min_value: Smaller maxima are left out.
        limit: Most maxima, the largest first.

    Returns:
        Rows and columns, ``(M,)`` each.
    """
    h, w = values.shape
    padded = np.full((h + 4, w + 4), -np.inf, dtype=values.dtype)
    padded[2:-2, 2:-2] = values
    rows = np.maximum.reduce([padded[i : i + h] for i in range(5)])
    peak = np.maximum.reduce([rows[:, i : i + w] for i in range(5)])
    y, x = np.nonzero((values >= min_value) & (values >= peak - 1e-6))
    best = np.argsort(-values[y, x], kind="stable")[:limit]
    return y[best], x[best]


def whole_picture(image: Image, longer: int) -> tuple[Image, NDArray[np.float64]]:
    """Make MultiPose's input of a picture.

    Args:
        image: ``(H, W, 3)`` uint8 BGR.
        longer: Longer side of the picture as the network sees it, pixels.

    Returns:
        ``(1, h, w, 3)`` uint8 RGB with the picture in its top-left corner, and the ``(2, 3)`` map back to the picture.
    """
    canvas, back = whole.whole_picture(image, longer)
    return np.ascontiguousarray(canvas[None, ..., ::-1]), back


def decode_multipose(maps: Maps, picture: int = 0, *, min_center: float = 0.1, limit: int = 30) -> People:
    """Decode the people of one picture from MultiPose's maps; see :func:`decode_with_guesses`."""
    return decode_with_guesses(maps, picture, min_center=min_center, limit=limit)[0]


def decode_with_guesses(
    maps: Maps, picture: int = 0, *, min_center: float = 0.1, limit: int = 30
) -> tuple[People, Floats]:
    """Decode the people of one picture from MultiPose's maps.

    Args:
        maps: Output of the network.
        picture: Which picture of the batch.
        min_center: Person-centre probability below which a cell is no candidate.
        limit: Most candidates.

    Returns:
        Candidates, not yet freed of duplicates, best centre first, and ``(N, K, 2)`` where each person's centre expects
        the keypoints, seen or not, input pixels.
    """
    center, heat = maps["center"][picture, 0], maps["kpt_heatmap"][picture]
    k, h, w = heat.shape
    cy, cx = local_maxima(center, min_value=min_center, limit=limit)
    size = np.maximum(maps["box_scale"][picture][:, cy, cx], 0).T
    middle = np.stack([cy, cx], -1) + maps["box_offset"][picture][:, cy, cx].T
    edge = np.array([h, w], dtype=np.float32)
    low, high = np.clip(middle - size / 2, 0, edge), np.clip(middle + size / 2, 0, edge)
    guess = np.stack([cy, cx], -1)[:, None] + maps["kpt_regress"][picture].reshape(k, 2, h, w)[:, :, cy, cx].transpose(
        2, 0, 1
    )
    # Only a window around each guess is looked at: the Gaussian weight is separable and fades outside of it.
    reach = _SPREAD * min(h, w)
    radius = math.ceil(_WINDOW * math.sqrt(reach))
    span = np.arange(-radius, radius + 1)
    cells = np.rint(guess).astype(np.intp)[..., None] + span  # (N, K, 2, window)
    inside = (cells >= low[:, None, :, None]) & (cells <= high[:, None, :, None]) & (cells >= 0)
    inside &= cells < edge[:, None]
    weight = np.where(inside, np.exp(-np.square(cells - guess[..., None]) / reach), 0).astype(np.float32)
    rows, columns = np.clip(cells[:, :, 0], 0, h - 1), np.clip(cells[:, :, 1], 0, w - 1)
    value = heat[np.arange(k)[None, :, None, None], rows[..., :, None], columns[..., None, :]]
    value = value * weight[:, :, 0, :, None] * weight[:, :, 1, None, :]
    flat = value.reshape(len(cy), k, len(span) ** 2)
    best = flat.argmax(axis=-1)
    conf = np.take_along_axis(flat, best[..., None], -1)[..., 0]
    y = np.take_along_axis(rows, best[..., None] // len(span), -1)[..., 0]
    x = np.take_along_axis(columns, best[..., None] % len(span), -1)[..., 0]
    offset = maps["kpt_offset"][picture].reshape(k, 2, h, w)[np.arange(k), :, y, x]
    # Where the box and the window do not meet there is nothing to choose from: the guess stands, with score 0.
    point = np.where(conf[..., None] > 0, np.stack([y, x], -1) + offset, guess)
    confident = conf > _CONFIDENT
    mean = np.where(confident, conf, 0).sum(-1) / np.maximum(confident.sum(-1), 1)
    boxes = np.concatenate([low[:, ::-1], high[:, ::-1]], -1) * STRIDE
    people = People(
        boxes.astype(np.float32),
        (point[..., ::-1] * STRIDE).astype(np.float32),
        np.clip(conf, 0, 1).astype(np.float32),
        np.clip(center[cy, cx] * mean, 0, 1).astype(np.float32),
    )
    return people, (guess[..., ::-1] * STRIDE).astype(np.float32)


def decode_thunder(
    maps: Maps, hint: Floats | None = None, trust: Floats | None = None
) -> tuple[Floats, Floats, Floats]:
    """Decode one person of each crop from Thunder's maps: the one in the middle, or the one that a hint points at.

    Args:
        maps: Output of the network.
        hint: ``(N, K, 2)`` where the person's keypoints are thought to be, crop pixels; NaN where nothing is known.
        trust: ``(N, K)`` how sure each of them is, in [0, 1].

    Returns:
        ``(N, K, 2)`` keypoints in crop pixels (outer-corner convention), their ``(N, K)`` raw scores in [0, 1], and the
        ``(N,)`` person-centre probability.
    """
    center, heat = maps["center"][:, 0], maps["kpt_heatmap"]
    n, k, h, w = heat.shape
    y = np.arange(h, dtype=np.float32)[:, None]
    x = np.arange(w, dtype=np.float32)[None]
    likely = center / (np.sqrt(np.square(y - h / 2) + np.square(x - w / 2)) + _SOFTEN)
    cell = likely.reshape(n, h * w).argmax(-1)
    row = np.arange(n)
    regress = maps["kpt_regress"].reshape(n, k, 2, h * w)
    guess = np.stack(np.divmod(cell, w), -1)[:, None].astype(np.float32) + regress[row, :, :, cell]
    if hint is not None and trust is not None:
        known = np.asarray(np.isfinite(hint).all(-1))
        sure = np.where(known, trust, 0).astype(np.float32)
        expected = np.where(known[..., None], hint[..., ::-1] / STRIDE, 0).astype(np.float32)
        total = np.maximum(sure.sum(-1, keepdims=True), 1e-6)
        # Another person may be nearer to the middle: does the cell amid the expected keypoints guess more like them?
        middle = (expected * (sure / total)[..., None]).sum(axis=1)[:, :, None, None]
        near = (np.abs(y - middle[:, 0]) <= _NEAR) & (np.abs(x - middle[:, 1]) <= _NEAR)
        other = np.where(near, center, -1).reshape(n, h * w).argmax(-1)
        cells = np.stack([cell, np.where(near.any(axis=(1, 2)), other, cell)], axis=-1)
        both = np.stack(np.divmod(cells, w), -1)[:, :, None].astype(np.float32) + regress[row[:, None], :, :, cells]
        far = np.square(both - expected[:, None]).sum(-1)
        alike = (np.exp(-far / (2 * (_HINT * h) ** 2)) * sure[:, None]).sum(-1) / total
        choice = (likely.reshape(n, h * w)[row[:, None], cells] * (alike + 0.05)).argmax(-1)
        cell = cells[row, choice]
        guess = both[row, choice] + (expected - both[row, choice]) * np.clip(sure, 0, 1)[..., None]
    far = np.square(y.T - guess[..., :1])[..., None] + np.square(x - guess[..., 1:])[:, :, None]
    at = (heat / (np.sqrt(far) + _SOFTEN_KEYPOINT)).reshape(n, k, h * w).argmax(-1)
    conf = np.take_along_axis(heat.reshape(n, k, h * w), at[..., None], -1)[..., 0]
    offset = maps["kpt_offset"].reshape(n, k, 2, h * w)[row[:, None], np.arange(k), :, at]
    point = np.stack(np.divmod(at, w), -1) + offset
    return (
        (point[..., ::-1] * STRIDE).astype(np.float32),
        np.clip(conf, 0, 1).astype(np.float32),
        center.reshape(n, h * w)[row, cell],
    )


def average_mirrored(maps: Maps, mirrored: Maps, flip_idx: Sequence[int]) -> dict[str, NDArray[Any]]:
    """Average maps with those of the mirrored input (flip test).

    Cell i means pixel 4 i, so cell j of the mirrored input means pixel ``W - 1 - 4 j`` of the plain one, a quarter
    cell left of cell ``w - j``: the mirrored maps are turned, moved one cell to the right, and lose 0.25 of every dx.

    Args:
        maps: Of the plain input.
        mirrored: Of the input with its columns reversed.
        flip_idx: The keypoint that each one becomes in a mirror.
    """
    swap = list(flip_idx)
    out = {}
    for name, plain in maps.items():
        turned = mirrored[name][..., ::-1]
        turned = np.concatenate([turned[..., :1], turned[..., :-1]], axis=-1)
        if name in ("kpt_regress", "kpt_offset"):
            n, _, h, w = turned.shape
            turned = turned.reshape(n, -1, 2, h, w)[:, swap]
            turned[:, :, 1] = -turned[:, :, 1] - 0.25
            turned = turned.reshape(plain.shape)
        elif name == "box_offset":
            turned[:, 1] = -turned[:, 1] - 0.25
        elif name == "kpt_heatmap":
            turned = turned[:, swap]
        out[name] = (plain + turned) / 2
    return out
