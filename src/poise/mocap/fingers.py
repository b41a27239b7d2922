"""The 21 points of a hand as rotations: how the palm lies, how each finger is spread and bent.

Everything is reckoned for left hands whose axes are those of the rig at rest: x along the fingers, y out of the back of
the hand, z towards the thumb; right hands are mirrored in x before and after. A finger turns at its knuckle about y
(spread) and about z (bend) and bends about z at its other two joints. The thumb's saddle joint lets its first bone
point anywhere and twist a little about itself, by which it is opposed; its other two joints bend about y.

The network gives depths that are too small the more a hand is turned away from the picture, so each bone's depth is put
right by what length it has: a bone that looks short points towards the camera or away from it.
"""

from __future__ import annotations

from math import radians

import numpy as np
from numpy.typing import NDArray

from poise.mocap.body import product, unit
from poise.mocap.sight import turn_between

Floats = NDArray[np.float64]

# Where a bone that ends at a point of hand21 begins: wrist 0, thumb 1 to 4, index 5 to 8 and so on.
BEGINS = np.array([0, 0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 0, 13, 14, 15, 0, 17, 18, 19])
# Where the thumb's base and the knuckles are, and how long the other bones, in metres of the network: medians of 20
# hands that are seen flat. Thumb, index, middle, ring and little finger.
_BASES = np.array(
    [
        [0.029, -0.013, 0.026],
        [0.101, -0.003, 0.028],
        [0.100, 0.003, 0.003],
        [0.092, 0.001, -0.019],
        [0.075, -0.003, -0.036],
    ]
)
_PARTS = np.array(
    [
        [0.0332, 0.0364, 0.0293],
        [0.0390, 0.0240, 0.0240],
        [0.0430, 0.0275, 0.0250],
        [0.0390, 0.0255, 0.0245],
        [0.0300, 0.0195, 0.0205],
    ]
)
# From the wrist to the tip of the middle finger in heights of a person: that of common rigs.
_HAND = 0.111
# The palm's points, and how much each tells of how the palm lies: the thumb's base moves by itself.
_PALM = np.array([0, 1, 5, 9, 13, 17])
_TELLS = np.array([1.0, 0.3, 1.0, 1.0, 1.0, 1.0]) / 5.3
# What ends the bones of index to little finger beyond their knuckles.
_FINGERS = np.array([6, 7, 8, 10, 11, 12, 14, 15, 16, 18, 19, 20])
# Standard deviations of the points across and along the view, as shares of a bone's length.
_ACROSS, _ALONG = 0.15, 0.3
# Spread at rest, least and most of index to little finger, degrees, towards the little finger; bends likewise. Ranges
# after Kapandji, The Physiology of the Joints, rounded.
_SPREADS = np.radians([[-4.0, 0.0, 3.0, 7.0], [-30.0, -15.0, -15.0, -15.0], [15.0, 15.0, 25.0, 40.0]])
_BENDS = np.radians([[18.0, 26.0, 16.0], [-30.0, -5.0, -5.0], [95.0, 112.0, 85.0]])
_THUMB_BENDS = np.radians([[8.0, 10.0], [-25.0, -30.0], [70.0, 85.0]])
_TWISTS = radians(-20.0), radians(60.0)
# Metres: a finger whose points lie within this of the axis it is spread about says little of the spread.
_SPREAD_WEAK = 0.02
# The last joint is bent by the tendon that bends the one before, by two thirds of it; how much that says beside the
# points, which show straight fingers bent by thirty degrees at the tip. Source: Lin, Wu and Huang, Modeling the
# constraints of human hand motion, 2000 (the two thirds).
_TENDON, _TENDON_SAYS = 2 / 3, 0.5
# The thumb at rest and the way it bends, seen from the hand; what stands for a bent thumb where it is straight.
THUMB = np.array([1.0, 0.0, 1.0]) / np.sqrt(2.0)
_THUMB_AXES = np.stack([THUMB, np.array([1.0, 0.0, -1.0]) / np.sqrt(2.0), [0.0, 1.0, 0.0]], axis=-1)
_THUMB_WEAK = 0.5
# Further back than this nothing bends, so such an angle is one beyond the end of the range.
_BACK = radians(150.0)
# Columns of the numbers of a hand: spreads, bends finger by finger, where the thumb points, its twist and bends.
SPREAD, BEND, POINTS_TO, TWIST, THUMB_BEND = slice(0, 4), slice(4, 16), slice(16, 19), slice(19, 20), slice(20, 22)
NUMBERS = 22
# Of where the thumb points, the cross product of its rest with it.
_THUMB_CROSS = -np.cross(np.eye(3), THUMB)
_X = np.array([1.0, 0.0, 0.0])
_MIRROR = np.array([-1.0, 1.0, 1.0])
_MIRROR_TURN = np.array([1.0, -1.0, -1.0, 1.0])


def rest() -> Floats:
    """Return ``(22,)`` the numbers of a hand at rest: slightly curled."""
    out = np.empty(NUMBERS)
    # The little finger curls more than the index finger.
    out[BEND] = (np.array([0.8, 1.0, 1.15, 1.3])[:, None] * _BENDS[0]).ravel()
    out[SPREAD], out[THUMB_BEND] = _SPREADS[0], _THUMB_BENDS[0]
    toward = np.array([0.86, -0.32, 0.40])
    out[POINTS_TO], out[TWIST] = toward / np.linalg.norm(toward), radians(10.0)
    return out


def lengths(points: Floats | None = None, sure: Floats | None = None) -> Floats:
    """Return ``(21,)`` how long the bones of somebody's hands are, metres of the network; 0 for the wrist.

    Args:
        points: ``(N, 21, 3)`` hands, metres, in any axes; NaN where not seen. None: common proportions.
        sure: ``(N,)`` in [0, 1].
    """
    common = np.zeros(21)
    common[1::4], common[2:5] = np.linalg.norm(_BASES, axis=1), _PARTS[0]
    for finger in range(1, 5):
        common[4 * finger + 2 : 4 * finger + 5] = _PARTS[finger]
    if points is None or sure is None:
        return common
    kept = np.isfinite(points).all(axis=(1, 2)) & (sure > 0)
    if not kept.any():
        return common
    seen = np.linalg.norm(points[kept] - points[kept][:, BEGINS], axis=-1)
    # Depths are too small, so bones look short rather than long; few hands say little.
    high = np.quantile(seen, 0.8, axis=0)[1:] / common[1:]
    share = kept.sum() / (kept.sum() + 30.0)
    own = np.concatenate([[0.0], np.clip(high, 0.8, 1.2) * share + (1 - share)])
    return np.asarray(common * own)


def vectors(points: Floats, bones: Floats, ray: Floats) -> Floats:
    """Return ``(…, 21, 3)`` the bones of hands, each ending at its point, as long as they are.

    Args:
        points: ``(…, 21, 3)`` metres.
        bones: ``(21,)`` from :func:`lengths`.
        ray: ``(…, 3)`` unit directions in which the hands are seen, in the same axes.
    """
    out = points - points[..., BEGINS, :]
    deep = (out * ray[..., None, :]).sum(-1)
    flat = out - deep[..., None] * ray[..., None, :]
    wide = np.sqrt(np.square(flat).sum(-1))
    long = np.maximum(bones, 1e-6)
    # The angle between bone and picture that fits both best, in three steps of Gauss-Newton.
    into = np.sign(deep)
    deep = np.abs(deep) / long
    angle = np.arctan2(deep, wide / long)
    for _ in range(3):
        sine, cosine = np.sin(angle), np.cos(angle)
        a, b = cosine / _ALONG, sine / _ACROSS
        slope = a / _ALONG * (sine - deep) - b / _ACROSS * (cosine - wide / long)
        angle = np.minimum(np.maximum(angle - slope / (a * a + b * b), 0.0), np.pi / 2)
    # The picture does not tell towards the camera from away from it: what it adds to the network's depth counts by how
    # surely that does, so that nothing flips.
    sine = np.sin(angle)
    sine = into * (deep + (sine - deep) * np.tanh(sine * deep / _ALONG**2))
    out = flat * (np.cos(angle) / np.maximum(wide, 1e-6))[..., None] + sine[..., None] * ray[..., None, :]
    return np.asarray(out * (long / np.sqrt(np.maximum(np.square(out).sum(-1), 1e-9)))[..., None])


def palm(bones: Floats, right: NDArray[np.bool_], own: Floats) -> Floats:
    """Return ``(…, 3, 3)`` how hands are turned: the rotation of the hand at rest whose palm lies as these do.

    Args:
        bones: ``(…, 21, 3)`` from :func:`vectors`.
        right: ``(…)`` whether they are right hands.
        own: ``(21,)`` from :func:`lengths`.

    Source:
        Kabsch, A solution for the best rotation to relate two sets of vectors, Acta Crystallographica 1976.
    """
    at_rest = np.concatenate([np.zeros((1, 3)), bases(own)])
    # Taken from the middle, so that what the wrist is off by changes little.
    model = _TELLS[:, None] * (at_rest - _TELLS @ at_rest)
    u, _, v = np.linalg.svd(np.swapaxes(bones[..., _PALM, :], -1, -2) @ (model * _side(right)))
    u[..., 2] *= np.linalg.det(u @ v)[..., None]
    return np.asarray(u @ v)


def _side(right: NDArray[np.bool_]) -> Floats:
    """Return ``(…, 1, 3)`` what makes left hands of right ones, and the other way round; ones for left hands."""
    return np.where(right[..., None, None], _MIRROR, 1.0)


def bases(own: Floats) -> Floats:
    """Return ``(5, 3)`` where the thumb's base and the knuckles of a left hand are at rest, metres of the network."""
    return np.asarray(_BASES * (own[1::4] / np.linalg.norm(_BASES, axis=1))[:, None])


def numbers(bones: Floats, turn: Floats, right: NDArray[np.bool_]) -> Floats:
    """Return ``(…, 22)`` how fingers are spread and bent, and how the thumb is.

    Args:
        bones: ``(…, 21, 3)`` from :func:`vectors`.
        turn: ``(…, 3, 3)`` from :func:`palm`.
        right: ``(…)`` whether they are right hands.
    """
    own = (bones @ turn) * _side(right)
    shape = own.shape[:-2]
    out = np.empty((*shape, NUMBERS))
    fingers = own[..., _FINGERS, :].reshape(*shape, 4, 3, 3)
    out[..., SPREAD] = spread = _spread(fingers)
    out[..., BEND] = _bends(fingers, spread).reshape(*shape, 12)
    out[..., POINTS_TO], out[..., TWIST], out[..., THUMB_BEND] = _thumb(own[..., 2:5, :])
    return out


def _spread(fingers: Floats) -> Floats:
    """Return ``(…, 4)`` the turn about y that lets all joints of a finger lie in one plane with y."""
    reach = np.cumsum(fingers, axis=-2)
    x, z = reach[..., 0], reach[..., 2]
    usual = 2 * _SPREADS[0]
    first = np.square(x).sum(-1) - np.square(z).sum(-1) + _SPREAD_WEAK**2 * np.cos(usual)
    second = -2 * (x * z).sum(-1) + _SPREAD_WEAK**2 * np.sin(usual)
    return np.asarray(np.minimum(np.maximum(np.arctan2(second, first) / 2, _SPREADS[1]), _SPREADS[2]))


def _bends(fingers: Floats, spread: Floats) -> Floats:
    """Return ``(…, 4, 3)`` how far each joint bends, within its limits."""
    along = fingers[..., 0] * np.cos(spread)[..., None] - fingers[..., 2] * np.sin(spread)[..., None]
    down = np.arctan2(-fingers[..., 1], along)
    low, high = _BENDS[1:]
    out = np.empty(down.shape)
    out[..., 0] = np.minimum(np.maximum(_wrapped(down[..., 0]), low[0]), high[0])
    second = _wrapped(down[..., 1] - out[..., 0])
    out[..., 1] = second = np.minimum(np.maximum(second, low[1]), high[1])
    third = _wrapped(down[..., 2] - out[..., 0] - second)
    third = (1 - _TENDON_SAYS) * np.minimum(np.maximum(third, low[2]), high[2]) + _TENDON_SAYS * _TENDON * second
    out[..., 2] = np.minimum(third, high[2])
    return out


def _thumb(thumb: Floats) -> tuple[Floats, Floats, Floats]:
    """Return where the thumb's first bone points, its twist, and how far the other two bend."""
    way = thumb + 1e-9 * THUMB  # a hand that is not seen has no length
    way /= np.sqrt(np.square(way).sum(-1, keepdims=True))
    first = way[..., 0, :]
    # Seen from the first bone: along it, the way that it bends, and the hinge.
    onward = way[..., 1:, :] @ (turn_between(THUMB, first) @ _THUMB_AXES)
    along, toward, aside = onward[..., 0], onward[..., 1], onward[..., 2]
    # A bent thumb shows which way it bends; a straight one is taken to bend as at rest.
    twist = np.arctan2(aside.sum(-1), np.maximum(toward.sum(-1), 0.0) + _THUMB_WEAK)
    twist = np.minimum(np.maximum(twist, _TWISTS[0]), _TWISTS[1])
    bent = toward * np.cos(twist)[..., None] + aside * np.sin(twist)[..., None]
    angle = np.arctan2(bent, along)
    low, high = _THUMB_BENDS[1:]
    angle[..., 1] -= np.minimum(np.maximum(angle[..., 0], low[0]), high[0])
    return first, twist[..., None], np.minimum(np.maximum(_wrapped(angle), low), high)


def turns(found: Floats, right: NDArray[np.bool_]) -> Floats:
    """Return ``(…, 15, 4)`` rotations of finger bones, each relative to the one before, thumb first.

    Args:
        found: ``(…, 22)`` from :func:`numbers`.
        right: ``(…)`` whether they are right hands.
    """
    shape = found.shape[:-1]
    half = found / 2
    sine, cosine = np.sin(half), np.cos(half)
    out = np.zeros((*shape, 15, 4))
    # Fingers bend about -z, knuckles turn about y after that.
    out[..., 3:, 2], out[..., 3:, 3] = -sine[..., BEND], cosine[..., BEND]
    bend, spread = out[..., 3::3, :].copy(), (sine[..., SPREAD], cosine[..., SPREAD])
    out[..., 3::3, 0], out[..., 3::3, 1] = spread[0] * bend[..., 2], spread[0] * bend[..., 3]
    out[..., 3::3, 2], out[..., 3::3, 3] = spread[1] * bend[..., 2], spread[1] * bend[..., 3]
    # The thumb's first bone twists about itself before it points where it does; the others bend about y.
    ways = found[..., POINTS_TO]
    swing = np.empty((*shape, 4))
    swing[..., :3] = ways @ _THUMB_CROSS
    swing[..., 3] = np.sqrt(np.square(ways).sum(-1)) + ways @ THUMB
    twist = np.concatenate([sine[..., TWIST] * THUMB, cosine[..., TWIST]], axis=-1)
    out[..., 0, :] = product(unit(swing), twist)
    out[..., 1:3, 1], out[..., 1:3, 3] = sine[..., THUMB_BEND], cosine[..., THUMB_BEND]
    return np.asarray(out * np.where(right[..., None, None], _MIRROR_TURN, 1.0))


def offsets(own: Floats, height: float) -> tuple[Floats, Floats]:
    """Return ``(30, 3)`` where the bones of :data:`~poise.mocap.rig.FINGER_BONES` begin, and where they end, metres.

    Args:
        own: ``(21,)`` from :func:`lengths`.
        height: How tall the person is, metres.
    """
    # The network's metres are those of an average hand.
    scale = _HAND * height / float(own[9:13].sum())
    begins, ends = np.zeros((2, 5, 3, 3)), np.zeros((2, 5, 3, 3))
    begins[0, :, 0] = scale * bases(own)
    parts = scale * np.stack([own[start : start + 3] for start in (2, 6, 10, 14, 18)])
    ways = np.array([THUMB, _X, _X, _X, _X])
    begins[0, :, 1:] = parts[:, :2, None] * ways[:, None]
    ends[0, :, 2] = parts[:, 2, None] * ways
    begins[1], ends[1] = begins[0] * _MIRROR, ends[0] * _MIRROR
    return begins.reshape(30, 3), ends.reshape(30, 3)


def _wrapped(angle: Floats) -> Floats:
    """Return angles from -150 to 210 degrees: joints bend one way."""
    return np.asarray((angle + _BACK) % (2 * np.pi) - _BACK)
