"""Keypoints as plain OSC, for programs that know OSC and no skeleton: Max, TouchDesigner, Godot, Pure Data.

Of every frame are sent, in this order:

    /poise/person/ID/KEYPOINT   x y z conf u v     one of each keypoint of each person
    /poise/people               ID ID …            whole numbers: who is in the picture
    /poise/frame                INDEX TIME         a whole number and seconds; the frame is complete

x, y and z are metres from the middle of the person's hips: x to the right of the picture, y up, z towards the camera. u
and v are the place in the picture, from 0 at its left and top to 1 at its right and bottom; beyond where a point is
outside. conf is from 0 to 1. What was not found is not sent.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from poise.mocap import osc
from poise.results import Results

_FLIP = np.array([1.0, -1.0, -1.0])


def points_datagrams(result: Results, *, limit: int = osc.LIMIT) -> list[bytes]:
    """Return the datagrams of one frame, to be sent in their order.

    Args:
        result: Tracked people with xyz.
        limit: Most bytes of a datagram.

    Raises:
        ValueError: The keypoints have no xyz: another model is needed.
    """
    ids = person_ids(result)
    points = result.keypoints
    names = tuple(points.skeleton.keypoints)
    xyz = np.asarray(points.xyz, dtype=np.float64)
    if len(result) and np.isnan(xyz).all():
        raise ValueError(
            f"OSC points are places in space, which skeleton {points.skeleton.name!r} of this model lacks; "
            "use the model body-3d"
        )
    height, width = result.orig_shape
    conf = np.ones(xyz.shape[:2]) if points.conf is None else np.asarray(points.conf, dtype=np.float64)
    table = np.concatenate([xyz * _FLIP, conf[..., None], np.asarray(points.xy) / (width, height)], axis=-1)
    found = np.isfinite(table).all(axis=-1)
    values = (table + 0.0).astype(">f4").tobytes()
    messages: list[bytes] = []
    at = 0
    for row, number in enumerate(ids):
        for column, head in enumerate(_heads(number, names)):
            if found[row, column]:
                messages.append(head + values[at : at + 24])
            at += 24
    messages.append(osc.encode_message("/poise/people", *ids))
    messages.append(osc.encode_message("/poise/frame", result.frame % 2**31, float(result.time)))
    return osc.bundles(messages, limit=limit)


def person_ids(result: Results) -> list[int]:
    """Return the id of each person, 1, 2, 3 … where nobody was tracked."""
    ids = result.boxes.id
    return list(range(1, len(result) + 1)) if ids is None else [int(one) for one in np.asarray(ids)]


# Ids go up as people come and go; no more of them are remembered than are likely to be in one picture.
@lru_cache(maxsize=64)
def _heads(number: int, names: tuple[str, ...]) -> tuple[bytes, ...]:
    """Return all of each keypoint's message before its numbers."""
    return tuple(osc.head(f"/poise/person/{number}/{name}", "ffffff") for name in names)
