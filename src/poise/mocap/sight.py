"""From a network's points to points in front of a camera: rays from the picture, depth from xyz.

Axes are the camera's: x right, y up, it looks along -z. A pixel says across the view to a centimetre where a point is;
along the view only xyz does, to several. So each point has two standard deviations, and each frame one error of depth
that all of its points share: how far away somebody is follows from how large they look, which is a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import radians, tan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.mocap.landmarks import Landmarks, point

Floats = NDArray[np.float64]

# Points that tell how large somebody looks: those of trunk and limbs, not hands, feet and face.
_LARGE = np.array(
    [point(f"{side}_{name}") for name in ("shoulder", "elbow", "hip", "knee", "ankle") for side in ("left", "right")]
)
HIPS = np.array([point("left_hip"), point("right_hip")])
# Below this confidence a point is outside the picture, or hidden and made up.
UNSEEN = 0.1
_AHEAD = np.array([0.0, 0.0, -1.0])
_EYE, _FLIP = np.eye(3), np.array([1.0, -1.0, -1.0])
# Points are nowhere nearer than this to the camera, metres.
_NEAREST = 0.2


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole without distortion.

    Attributes:
        size: Width and height of its picture, pixels.
        focal: Focal length, pixels.
    """

    size: tuple[int, int]
    focal: float

    @classmethod
    def of(cls, size: tuple[int, int], fov: float) -> Camera:
        """Return the camera that sees ``fov`` degrees along the longer side of its picture."""
        return cls(size, max(size) / 2 / tan(radians(fov) / 2))

    def rays(self, xy: Floats) -> Floats:
        """Return ``(…, 3)`` unit directions of ``(…, 2)`` pixels."""
        (width, height), focal = self.size, self.focal
        long = np.full((*xy.shape[:-1], 3), -1.0)
        long[..., :2] = (xy - (width / 2, height / 2)) * (1 / focal, -1 / focal)
        return np.asarray(long / np.sqrt(np.square(long).sum(-1, keepdims=True)))

    def pixels(self, places: Floats) -> Floats:
        """Return ``(…, 2)`` pixels of ``(…, 3)`` places in front of the camera."""
        away = np.maximum(-places[..., 2:], _NEAREST)
        return np.asarray(places[..., :2] / away * self.focal * (1.0, -1.0) + np.array(self.size) / 2)


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """What is seen of one person, frame by frame.

    Attributes:
        points: ``(…, K, 3)`` metres in the camera's axes; anything where the weights are 0.
        rays: ``(…, K, 3)`` unit directions from the camera.
        across: ``(…, K)`` how much they weigh across the view: one over the variance in square metres, 0 if not seen.
        along: ``(…, K)`` the same along the view.
    """

    points: Floats
    rays: Floats
    across: Floats
    along: Floats

    def __getitem__(self, at: Any) -> Sight:
        return Sight(self.points[at], self.rays[at], self.across[at], self.along[at])


def axes_up(xyz: Any) -> Floats:
    """Return a network's xyz (x right, y down, z away) in axes that are y up and z towards the camera."""
    return np.asarray(np.asarray(xyz, dtype=np.float64) * _FLIP)


def certainty(conf: Any, xy: Floats, xyz: Floats) -> Floats:
    """Return ``(…, K)`` in [0, 1] how far a point is to be believed; 0 where it is missing or made up."""
    there = np.isfinite(xy).all(-1) & np.isfinite(xyz).all(-1)
    sure = np.where(np.isfinite(conf), conf, 1.0)
    return np.asarray(np.where(there & (sure >= UNSEEN), np.minimum(sure, 1.0), 0.0))


def distances(rays: Floats, xyz: Floats, sure: Floats, slopes: Floats | None = None) -> Floats:
    """Return ``(…)`` how far the hips are from the camera along the view, in the metres of xyz; NaN where unknown.

    A point at X seen at the slope a lies at the distance D with a (D - z) = X + o, o being the same for all: least
    squares over the large points, weighed by how sure they are.
    """
    slopes = looked(rays)[0] if slopes is None else slopes
    w = np.square(sure.take(_LARGE, axis=-1))[..., None]
    there = w > 0
    slopes, xyz = (np.where(there, values.take(_LARGE, axis=-2), 0.0) for values in (slopes, xyz))
    right = xyz[..., :2] + slopes * xyz[..., 2:]
    a = slopes - (w * slopes).sum(-2, keepdims=True) / np.maximum(w.sum(-2, keepdims=True), 1e-9)
    # The weighted a add up to nothing: the other factor need not be centred too.
    pull = w * a
    above, below = (pull * right).sum((-2, -1)), (pull * a).sum((-2, -1))
    known = ((w > 0.09).sum((-2, -1)) >= 3) & (below > 0) & (above > 0)
    return np.asarray(np.where(known, above / np.where(known, below, 1.0), np.nan))


def looked(rays: Floats) -> tuple[Floats, Floats]:
    """Return ``(…, K, 2)`` slopes of rays seen by somebody who looks at the hips, and ``(…, 3, 3)`` how they look."""
    view = rays.take(HIPS, axis=-2).sum(-2)
    view = np.where(np.isfinite(view).all(-1, keepdims=True), view, _AHEAD)
    look = turn_between(_AHEAD, view)
    own = rays @ look
    return own[..., :2] / np.maximum(-own[..., 2:], 1e-3), look


def turn_between(a: Floats, b: Floats) -> Floats:
    """Return ``(…, 3, 3)`` the shortest rotation from one direction to another that is less than half a turn away.

    Args:
        a: ``(…, 3)`` vectors of any length.
        b: ``(…, 3)`` the same.
    """
    a = a / np.sqrt((a * a).sum(-1, keepdims=True))
    b = b / np.sqrt((b * b).sum(-1, keepdims=True))
    cosine = (a * b).sum(-1)[..., None, None]
    # Rodrigues' formula; the matrix of the cross product with a x b is b aᵀ - a bᵀ.
    both = b[..., :, None] * a[..., None, :]
    across = both - np.swapaxes(both, -1, -2)
    return np.asarray(across @ across / np.maximum(1 + cosine, 1e-9) + across + _EYE)


def seen(
    rays: Floats,
    xyz: Floats,
    sure: Floats,
    away: Floats,
    gain: float,
    landmarks: Landmarks,
    view: tuple[Floats, Floats] | None = None,
) -> Sight:
    """Place points on their rays.

    Args:
        rays: ``(…, K, 3)`` from :meth:`Camera.rays`.
        xyz: ``(…, K, 3)`` from :func:`axes_up`.
        sure: ``(…, K)`` from :func:`certainty`.
        away: ``(…)`` from :func:`distances`, steadied.
        gain: Metres of the person in one metre of xyz.
        landmarks: How exact the points are.
        view: What :func:`looked` gives of the rays, where it is known.
    """
    slopes, look = looked(rays) if view is None else view
    there = (sure > 0)[..., None]
    deep = np.maximum(gain * (away[..., None, None] - np.where(there, xyz[..., 2:], 0.0)), _NEAREST)
    own = np.concatenate([np.where(there, slopes, 0.0) * deep, -deep], axis=-1)
    points = own @ np.swapaxes(look, -1, -2)
    # A point of half the confidence weighs a quarter.
    weight = np.square(sure)
    return Sight(
        points=points,
        rays=np.where(there, rays, _AHEAD),
        across=weight / np.square(landmarks.across),
        along=weight / np.square(landmarks.along),
    )
