"""What is measured on a hand of 21 points: bends, distances in palms, directions. Free of place, size and mirror."""

from __future__ import annotations

import numpy as np

from poise.bodies.angles import angle_between, norms
from poise.geometry import Bools, Floats

# Points of each finger from the palm to the tip. Source: skeletons/hand21.toml.
FINGERS = {
    "thumb": (1, 2, 3, 4),
    "index": (5, 6, 7, 8),
    "middle": (9, 10, 11, 12),
    "ring": (13, 14, 15, 16),
    "pinky": (17, 18, 19, 20),
}
_FOUR = np.array([FINGERS[name] for name in ("index", "middle", "ring", "pinky")])
_KNUCKLES = _FOUR[:, 0]
_CHAINS = np.array(list(FINGERS.values()))
# Where a finger's direction starts: the thumb's at its second joint, the others' at the knuckle.
_STARTS = (np.arange(5), np.array([1, 0, 0, 0, 0]))
_UP = np.array([0.0, -1.0, 0.0])
# Where the tip of a thumb that is laid on the hand comes to rest: knuckles and middle joints of the fingers.
_LAP = np.array([5, 9, 13, 17, 6, 10, 14])
NAMES = (
    *(f"{finger}_bend" for finger in FINGERS),
    *(f"{finger}_up" for finger in FINGERS),
    "thumb_open",
    "thumb_out",
    "index_reach",
    "index_middle_spread",
    "palm_up",
)
# A thumb counts as stretched out from this distance (palms) and up to this bend (degrees); the scales make the two
# comparable. Chosen on the hands of benchmarks/gestures.py: thumbs laid in were at 0.58 and below or bent by 54 and
# more, thumbs stretched at 0.55 and above and bent by 42 and less.
_OUT, _OUT_SCALE, _BENT, _BENT_SCALE = 0.42, 0.2, 50.0, 25.0

# A hand says something from this score of the network and this longer side in pixels. MediaPipe follows hands from 0.5
# on, but sees them in blurred backgrounds and sleeves up to 0.7; of a hand of under 20 pixels the fingers are guessed.
# Dark and small hands of benchmarks/gesture_hands.py that are told right have 0.88 and 21 pixels.
_MIN_SCORE, _MIN_SIDE = 0.7, 20.0
# Of a hand that the picture's edge cuts, the points outside are invented. They may be this many hand sizes outside,
# which is what the network is off by.
_OUTSIDE = 0.08


def readable(xy: Floats, conf: Floats, size: tuple[int, int]) -> Bools:
    """Say which ``(N, 21, 2)`` hands with ``(N,)`` scores show enough, in a picture of height and width ``size``."""
    low, high = xy.min(axis=1), xy.max(axis=1)
    side = (high - low).max(axis=1)
    beyond = np.maximum(-low, high - (size[1], size[0])).max(axis=1)
    clear: Bools = (conf >= _MIN_SCORE) & (side >= _MIN_SIDE) & (beyond <= _OUTSIDE * side)
    return clear


def spatial(xy: Floats, xyz: Floats | None) -> Floats:
    """Return ``(N, 21, 3)`` points: metres where they are given, else pixels with depth 0.

    Args:
        xy: ``(N, 21, 2)`` pixels.
        xyz: ``(N, 21, 3)`` metres along the picture's axes; NaN or None where the network gives none.
    """
    flat = np.concatenate([xy, np.zeros((*xy.shape[:-1], 1))], axis=-1).astype(np.float64)
    if xyz is None:
        return flat
    deep = np.isfinite(xyz).all(axis=(1, 2), keepdims=True)
    points: Floats = np.where(deep, xyz, flat)
    return points


def palm_size(points: Floats) -> Floats:
    """Return the ``(N,)`` mean distance from the wrist to the four knuckles; NaN where it is 0."""
    size = norms(points[:, _KNUCKLES] - points[:, :1]).mean(axis=1)
    scale: Floats = np.where(size > 0, size, np.nan)
    return scale


def hand_measures(xy: Floats, points: Floats) -> Floats:
    """Measure hands.

    Args:
        xy: ``(N, 21, 2)`` pixels.
        points: ``(N, 21, 3)`` from :func:`spatial`, x right, y down.

    Returns:
        ``(N, M)`` in the order of :data:`NAMES`. ``*_bend``: degrees, the sum of the bends at a finger's two joints
        beyond the knuckle, 0 when straight, about 180 when rolled in; the larger of what the picture shows and what
        the network believes in space, because perspective can hide a bend but not make one. ``*_up``: degrees between
        the finger (knuckle to tip) and the picture's up. ``thumb_out``: distance of the thumb's tip from the nearest
        knuckle or middle joint of the hand, in palms. ``thumb_open``: above 0 where the thumb is stretched out and
        away, below 0 where it is laid in or bent. ``index_reach``: its tip's distance from the wrist, in palms.
        ``index_middle_spread``: degrees between those two fingers. ``palm_up``: degrees between wrist to middle
        knuckle and the picture's up.
    """
    flat = np.concatenate([xy, np.zeros((*xy.shape[:-1], 1))], axis=-1)
    both = np.stack([points, flat])[:, :, _CHAINS]  # (2, N, 5, 4, 3)
    bones = np.diff(both, axis=3)
    bends = angle_between(bones[..., :-1, :], bones[..., 1:, :]).sum(axis=3)
    bend = bends.max(axis=0)
    scale = palm_size(points)
    tips = both[0, :, :, 3]
    along = tips - both[0, :, _STARTS[0], _STARTS[1]].swapaxes(0, 1)
    ups = angle_between(along, _UP)
    out = norms(points[:, _LAP] - points[:, 4:5]).min(axis=1) / scale
    opened = np.minimum((out - _OUT) / _OUT_SCALE, (_BENT - bends[0, :, 0]) / _BENT_SCALE)
    reach = norms(tips[:, 1] - points[:, 0]) / scale
    spread = angle_between(along[:, 1], along[:, 2])
    palm = angle_between(points[:, 9] - points[:, 0], _UP)
    measures: Floats = np.column_stack([bend, ups, opened, out, reach, spread, palm])
    return measures


def distances(points: Floats, pairs: np.ndarray) -> Floats:
    """Return ``(N, P)`` distances between ``(P, 2)`` pairs of points, in palm sizes."""
    between = norms(points[:, pairs[:, 0]] - points[:, pairs[:, 1]])
    scaled: Floats = between / palm_size(points)[:, None]
    return scaled
