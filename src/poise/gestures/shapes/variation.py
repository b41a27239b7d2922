"""Plausible variations of an instance: how far another example of the same gesture may lie from it."""

from __future__ import annotations

from collections import deque
from functools import lru_cache

import numpy as np

from poise.bodies.hands import FINGERS, palm_size, spatial
from poise.geometry import Floats
from poise.gestures.shapes.embedding import HAND
from poise.skeletons import Skeleton

# Standard deviations. Of a hand: degrees that a finger is curled more or less as a whole, that each of its joints
# adds, that it is spread, and that the hand is tilted in space; shares of a bone's length and of the depth that the
# network believes; palms that a point is off. Chosen so that the variations of one hand spread about as far as the
# hands of different people who show the same (0.8 to 1.0 of it on the hands of benchmarks/taught_gestures.py).
_CURL, _JOINT, _SPREAD, _TILT = 8.0, 4.0, 4.0, 15.0
_BONE, _DEPTH, _POINT = 0.05, 0.15, 0.015
# Of anything else: degrees that each limb swings and that the whole is turned in the picture; the share by which it
# is narrower or wider, as when it turns about its own axis; radii that a point is off, about a network's own error.
_SWING, _TURN, _WIDTH, _OFF = 8.0, 4.0, 0.1, 0.02
# More points than this are a surface, such as a face, and have no limbs that swing.
_MOST_LIMBS = 64


def augmented(
    skeleton: Skeleton, xy: Floats, xyz: Floats | None, *, copies: int, rng: np.random.Generator
) -> tuple[Floats, Floats | None]:
    """Return the instances and plausible variations of each.

    Hands are curled, spread and tilted in space, finger by finger. Bodies and other skeletons have their limbs swung
    along the edges of the skeleton, and are turned a little and made narrower or wider; faces the last two only.

    Args:
        skeleton: What the K points are.
        xy: ``(N, K, 2)`` pixels; a point that was not seen is NaN and stays so.
        xyz: ``(N, K, 3)`` metres, or None; NaN where the network gives none.
        copies: Variations of each instance.
        rng: Where chance comes from.

    Returns:
        ``(N * (1 + copies), K, 2)`` and ``(…, 3)``; row ``i + N * c`` is copy c of instance i.
    """
    many = np.tile(xy, (copies, 1, 1)).astype(np.float64)
    if skeleton.name != HAND:
        flat = np.concatenate([xy, _moved_points(skeleton, many, rng)])
        return flat, None if xyz is None else np.tile(xyz, (1 + copies, 1, 1))
    deep = None if xyz is None else np.tile(xyz, (copies, 1, 1))
    moved = _moved_hands(spatial(many, deep), rng)
    if xyz is None:
        return np.concatenate([xy, moved[..., :2]]), None
    # A hand without depth is varied in pixels, the others in metres, whose picture is of no use for their pixels.
    given = np.isfinite(xyz).all(axis=(1, 2))
    rows = np.tile(given, copies)[:, None, None]
    flat = np.concatenate([xy, np.where(rows, many, moved[..., :2])])
    return flat, np.concatenate([xyz, np.where(rows, moved, np.nan)])


def _moved_hands(points: Floats, rng: np.random.Generator) -> Floats:
    points = points.copy()
    n = len(points)
    scale = palm_size(points)[:, None, None]
    across, along = points[:, 17] - points[:, 5], points[:, 9] - points[:, 0]
    normal = np.cross(across, along)
    for chain in FINGERS.values():
        curl, aside = rng.normal(0.0, _CURL, n), rng.normal(0.0, _SPREAD, n)
        for j in range(3):
            rest = list(chain[j + 1 :])
            joint = points[:, chain[j], None]
            bones = _turned(points[:, rest] - joint, across, curl + rng.normal(0.0, _JOINT, n))
            if j == 0:
                bones = _turned(bones, normal, aside)
            points[:, rest] = joint + bones
        lengths = 1.0 + rng.normal(0.0, _BONE, (n, 3, 1))
        bones = np.diff(points[:, list(chain)], axis=1) * lengths
        points[:, list(chain[1:])] = points[:, chain[0], None] + np.cumsum(bones, axis=1)
    points[..., 2] *= np.exp(rng.normal(0.0, _DEPTH, n))[:, None]
    points += rng.normal(0.0, _POINT, points.shape) * scale
    return _turned(points, rng.normal(size=(n, 3)), rng.normal(0.0, _TILT, n))


def _turned(points: Floats, axis: Floats, degrees: Floats) -> Floats:
    """Turn ``(N, P, 3)`` about ``(N, 3)`` axes through the origin by ``(N,)`` degrees (Rodrigues' formula)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = (axis / np.linalg.norm(axis, axis=1, keepdims=True))[:, None]
    angle = np.deg2rad(degrees)[:, None, None]
    cos, sin = np.cos(angle), np.sin(angle)
    turned: Floats = (
        points * cos + np.cross(unit, points) * sin + unit * (points * unit).sum(-1, keepdims=True) * (1 - cos)
    )
    return turned


def _moved_points(skeleton: Skeleton, xy: Floats, rng: np.random.Generator) -> Floats:
    n = len(xy)
    points = np.ascontiguousarray(xy).view(np.complex128)[..., 0]  # x + iy: a turn is a product
    if len(skeleton) <= _MOST_LIMBS:
        for parent, rest in _limbs(len(skeleton), skeleton.edges):
            joint = points[:, [parent]]
            swing = np.exp(1j * np.deg2rad(rng.normal(0.0, _SWING, (n, 1))))
            there = np.isfinite(joint)
            points[:, rest] = np.where(there, joint + (points[:, rest] - joint) * swing, points[:, rest])
    seen = np.isfinite(points)
    count = np.maximum(seen.sum(axis=1, keepdims=True), 1)
    middle = np.where(seen, points, 0.0).sum(axis=1, keepdims=True) / count
    off = points - middle
    radius = np.sqrt(np.square(np.abs(np.where(seen, off, 0.0))).sum(axis=1) / count[:, 0])
    width = np.exp(rng.normal(0.0, _WIDTH, (n, 1)))
    noise = rng.normal(0.0, _OFF, xy.shape) * radius[:, None, None]
    turned = (off.real * width + 1j * off.imag) * np.exp(1j * np.deg2rad(rng.normal(0.0, _TURN, (n, 1))))
    moved: Floats = np.stack([turned.real, turned.imag], axis=-1) + noise
    moved += np.stack([middle.real, middle.imag], axis=-1)
    return moved


@lru_cache
def _limbs(points: int, edges: tuple[tuple[int, int], ...]) -> list[tuple[int, list[int]]]:
    """Return each edge of a skeleton from its middle outwards: the near point, and all points beyond it."""
    near: dict[int, list[int]] = {k: [] for k in range(points)}
    for a, b in edges:
        near[a].append(b)
        near[b].append(a)
    root = max(near, key=lambda k: len(near[k]))
    parent, order, queue = {root: root}, [], deque([root])
    while queue:
        here = queue.popleft()
        order.append(here)
        for there in near[here]:
            if there not in parent:
                parent[there] = here
                queue.append(there)
    beyond = {k: [k] for k in order}
    for k in reversed(order[1:]):
        beyond[parent[k]] += beyond[k]
    return [(parent[k], beyond[k]) for k in order[1:]]
