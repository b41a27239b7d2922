"""A body that can be fitted: its degrees of freedom, where its points are, and how they move with each of them.

A pose is ``D`` numbers: 3 for where the hips are, 3 for each ball joint, 2 for each hinge (bend and twist), and 1 for
an error of depth that all points of a frame share.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.mocap import quaternions as quat
from poise.mocap.joints import Hinge, joint, mirrored
from poise.mocap.landmarks import Landmarks
from poise.mocap.rig import Rig

Floats = NDArray[np.float64]

# The root's three numbers come first.
ROOT = 3
# Terms of the product of two quaternions x, y, z, w: result, of a, of b, sign.
_TERMS = "xxw+ xyz+ xzy- xwx+ yxz- yyw+ yzx+ ywy+ zxy+ zyx- zzw+ zwz+ wxx- wyy- wzz- www+"
_EYE, _LAST_ROW = np.eye(3), np.array([0.0, 0.0, 0.0, 1.0])
_NEXT, _LAST = np.array([1, 2, 0]), np.array([2, 0, 1])


def _tables() -> tuple[Floats, Floats]:
    """Return ``(4, 16)``, which makes of a quaternion the matrix of its product, and ``(3, 9)``, of a vector that of
    its cross product, transposed."""
    turning, crossing = np.zeros((4, 4, 4)), np.zeros((3, 3, 3))
    for term in _TERMS.split():
        r, a, b, sign = list(term)
        turning["xyzw".index(a), "xyzw".index(r), "xyzw".index(b)] = 1.0 if sign == "+" else -1.0
    # (a x p)_i is the sum of e_ijk a_j p_k, with e by its sign.
    for j in range(3):
        for k in range(3):
            for i in range(3):
                crossing[j, k, i] = (i - j) * (j - k) * (k - i) / 2
    return turning.reshape(4, 16), crossing.reshape(3, 9)


_PRODUCT, _CROSS = _tables()


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """Poses of a body, with any leading axes.

    Attributes:
        root: ``(…, 3)`` metres.
        rotations: ``(…, J, 4)`` relative to the parents; those of hinges follow from ``hinges``.
        hinges: ``(…, N, 2)`` bend and twist, radians.
        depth: ``(…)`` metres by which the points of the frame seem nearer to the camera than they are.
    """

    root: Floats
    rotations: Floats
    hinges: Floats
    depth: Floats

    def replace(self, **changes: Any) -> Pose:
        """Return a copy with some attributes exchanged."""
        return replace(self, **changes)

    def __getitem__(self, at: Any) -> Pose:
        return Pose(self.root[at], self.rotations[at], self.hinges[at], self.depth[at])

    @classmethod
    def joined(cls, parts: list[Pose]) -> Pose:
        """Put poses one after the other along the first axis."""
        names = ("root", "rotations", "hinges", "depth")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Where a posed body is.

    Attributes:
        turns: ``(…, J, 3, 3)`` world rotations of the bones.
        places: ``(…, J, 3)`` where they begin, metres.
        points: ``(…, K, 3)`` where the landmarks are.
    """

    turns: Floats
    places: Floats
    points: Floats


class Body:
    """A rig with landmarks and joints.

    Args:
        rig: The bones.
        landmarks: What is seen of them.

    Attributes:
        size: Number of degrees of freedom, D.
        balls: ``(B,)`` rows of the bones with ball joints; their three numbers follow the root's, bone by bone.
        hinged: ``(N,)`` rows of the bones with hinges; their two numbers follow.
        rest_heights: ``(K,)`` how high the landmarks are above the ground at rest, metres.
    """

    def __init__(self, rig: Rig, landmarks: Landmarks) -> None:
        self.rig, self.landmarks = rig, landmarks
        known = {at: joint(bone) for at, bone in enumerate(rig.bones)}
        hinges = {at: k for at, k in known.items() if k is not None and isinstance(k[0], Hinge)}
        balls = {at: k for at, k in known.items() if k is not None and at not in hinges}
        self.balls, self.hinged = np.array(list(balls)), np.array(list(hinges))
        self._balls, self._hinges = ROOT + 3 * np.arange(len(balls)), ROOT + 3 * len(balls)
        self.size = self._hinges + 2 * len(hinges) + 1
        self._tables(hinges)
        self._reach()
        self._order, self._levels = _levels(rig)
        self._back = np.argsort(self._order)
        self._jointed = np.concatenate([self.balls, self.hinged])
        self._fasten()

    def _fasten(self) -> None:
        """Note where the landmarks are on bones of these lengths."""
        offsets = self.landmarks.offsets
        self._marks = np.concatenate([offsets, np.ones((len(offsets), 1))], axis=-1)[..., None]
        self._offsets = self.rig.offsets.take(self._order, axis=0)
        self.rest_heights = (self._carried @ self.rig.offsets[:, 1])[self.landmarks.bones] + offsets[:, 1]

    def _tables(self, hinges: dict[int, Any]) -> None:
        """Set out axes: a ball's are its parent's, a hinge's are one of its parent's and one of its own."""
        self.bend_axes = np.array([mirrored(k.axis, sign) for k, sign in hinges.values()])
        self.twist_axes = np.array([mirrored(k.bone, sign) for k, sign in hinges.values()])
        parents = self.rig.parents
        owner = [b for b in self.balls for _ in range(3)] + [b for b in self.hinged for _ in range(2)]
        self.owner = np.array(owner, dtype=np.intp)  # bone of each number after the root's
        frame = np.array([parents[b] for b in self.owner])
        frame[self._hinges - ROOT + 1 :: 2] = self.hinged  # twists
        self._frame, self._free = frame, np.flatnonzero(frame < 0)  # free: in the world's
        axes = np.concatenate([np.tile(np.eye(3), (len(self.balls), 1)), np.zeros((2 * len(self.hinged), 3))])
        axes[self._hinges - ROOT :: 2], axes[self._hinges - ROOT + 1 :: 2] = self.bend_axes, self.twist_axes
        self._axes = axes

    def _reach(self) -> None:
        """Note which landmarks a bone's turn moves."""
        parents = self.rig.parents
        moved = np.zeros((len(parents), len(parents)), dtype=bool)  # [bone, what it carries]
        for at in range(len(parents)):
            above = at
            while above >= 0:
                moved[above, at] = True
                above = int(parents[above])
        self._carried = moved.T.astype(np.float64)
        self._moves = moved[self.owner][:, self.landmarks.bones].T.astype(np.float64)  # (K, D - 4)

    def stretched(self, rig: Rig, landmarks: Landmarks) -> Body:
        """Return the same body with bones of other lengths."""
        other = Body.__new__(Body)
        other.__dict__.update(self.__dict__)
        other.rig, other.landmarks = rig, landmarks
        other._fasten()
        return other

    def rest(self, shape: tuple[int, ...] = ()) -> Pose:
        """Return poses at rest: the T-pose."""
        j, n = len(self.rig.bones), len(self.hinged)
        turned = np.broadcast_to(quat.IDENTITY, (*shape, j, 4)).copy()
        return Pose(np.zeros((*shape, 3)), turned, np.zeros((*shape, n, 2)), np.zeros(shape))

    def place(self, pose: Pose) -> Placed:
        """Return where the bones and the landmarks of poses are."""
        # Turn and place of a bone in one matrix, and the bones by level, so that one of the skeleton is one product.
        joints = np.empty((*pose.rotations.shape[:-1], 4, 4))
        joints[..., :3, :3] = quat_matrix(pose.rotations.take(self._order, axis=-2))
        joints[..., :3, 3] = self._offsets
        joints[..., 0, :3, 3] = pose.root
        joints[..., 3, :] = _LAST_ROW
        for level, above in self._levels:
            joints[..., level, :, :] = joints.take(above, axis=-3) @ joints[..., level, :, :]
        joints = joints.take(self._back, axis=-3)
        points = (joints[..., :3, :].take(self.landmarks.bones, axis=-3) @ self._marks)[..., 0]
        return Placed(joints[..., :3, :3], joints[..., :3, 3], points)

    def axes(self, placed: Placed) -> Floats:
        """Return ``(…, D - 4, 3)`` the axes in the world about which the joints' numbers turn."""
        frames = placed.turns.take(self._frame, axis=-3)
        frames[..., self._free, :, :] = _EYE
        return np.asarray((frames @ self._axes[..., None])[..., 0])

    def jacobian(self, placed: Placed, axes: Floats) -> Floats:
        """Return ``(…, K, 3, D - 1)`` how the landmarks move with every number but the shared depth."""
        turning = axes.shape[-2]
        # The speed a × (p - o) of a point is linear in p: one product for all of them.
        flat = np.swapaxes(axes @ _CROSS, -1, -2).reshape(*axes.shape[:-2], 3, 3 * turning)
        still = cross(axes, placed.places.take(self.owner, axis=-2))  # (…, D - 4, 3)
        speed = (placed.points @ flat).reshape(*placed.points.shape[:-1], 3, turning)
        speed -= np.swapaxes(still, -1, -2)[..., None, :, :]
        out = np.empty((*placed.points.shape[:-1], 3, ROOT + turning))
        out[..., :ROOT] = _EYE
        np.multiply(speed, self._moves[:, None, :], out=out[..., ROOT:])
        return out

    def moved(self, pose: Pose, step: Floats) -> Pose:
        """Return poses after a step of their numbers.

        Args:
            pose: Where from.
            step: ``(…, D)``.
        """
        turns = step[..., ROOT : self._hinges].reshape(*step.shape[:-1], len(self.balls), 3)
        hinges = pose.hinges + step[..., self._hinges : -1].reshape(pose.hinges.shape)
        # A ball turns after what it was, a hinge bends after its twist: one product for all of them.
        bends, twists = self.bend_axes * hinges[..., :1], self.twist_axes * hinges[..., 1:]
        turned, count = exp(np.concatenate([turns, bends, twists], axis=-2)), len(self._jointed)
        before = np.concatenate([pose.rotations.take(self.balls, axis=-2), turned[..., count:, :]], axis=-2)
        rotations = pose.rotations.copy()
        rotations[..., self._jointed, :] = unit(product(turned[..., :count, :], before))
        return Pose(pose.root + step[..., :ROOT], rotations, hinges, pose.depth + step[..., -1])

    def hinge_rotations(self, hinges: Floats) -> Floats:
        """Return ``(…, N, 4)`` the rotations of hinges of ``(…, N, 2)`` bends and twists."""
        bend = exp(self.bend_axes * hinges[..., :1])
        return product(bend, exp(self.twist_axes * hinges[..., 1:]))

    def between(self, later: Pose, earlier: Pose) -> Floats:
        """Return ``(…, D)`` the step that leads from one pose to another."""
        balls = log(product(later.rotations[..., self.balls, :], quat.inverse(earlier.rotations[..., self.balls, :])))
        parts = (
            later.root - earlier.root,
            balls.reshape(*balls.shape[:-2], -1),
            (later.hinges - earlier.hinges).reshape(*balls.shape[:-2], -1),
            (later.depth - earlier.depth)[..., None],
        )
        return np.concatenate(parts, axis=-1)

    def columns(self, bone: int) -> slice:
        """Return which of the D numbers turn a bone."""
        if bone in self.balls:
            at = ROOT + 3 * int(np.flatnonzero(self.balls == bone)[0])
            return slice(at, at + 3)
        at = self._hinges + 2 * int(np.flatnonzero(self.hinged == bone)[0])
        return slice(at, at + 2)


def _levels(rig: Rig) -> tuple[NDArray[np.intp], list[tuple[slice, NDArray[np.intp]]]]:
    """Return the bones by how many are above them; and where each level but the hips is in that order, and what is
    above its bones.
    """
    deep = np.zeros(len(rig.bones), dtype=int)
    for at, above in enumerate(rig.parents):
        deep[at] = 0 if above < 0 else deep[above] + 1
    order = np.argsort(deep, kind="stable")
    back, ends = np.argsort(order), np.cumsum(np.bincount(deep)).tolist()
    levels = [slice(start, end) for start, end in pairwise(ends)]
    return order, [(level, back[rig.parents[order[level]]]) for level in levels]


def cross(a: Floats, b: Floats) -> Floats:
    """Return cross products; numpy's own takes several times as long for few vectors."""
    return np.asarray(a.take(_NEXT, axis=-1) * b.take(_LAST, axis=-1) - a.take(_LAST, axis=-1) * b.take(_NEXT, axis=-1))


def product(a: Floats, b: Floats) -> Floats:
    """Return the product of quaternions: b followed by a."""
    return np.asarray(((a @ _PRODUCT).reshape(*a.shape[:-1], 4, 4) @ b[..., None])[..., 0])


def unit(q: Floats) -> Floats:
    """Return quaternions of length one; none is near zero here."""
    return np.asarray(q / np.sqrt(np.square(q).sum(-1, keepdims=True)))


def exp(vectors: Floats) -> Floats:
    """Return the quaternions of ``(…, 3)`` rotation vectors."""
    # No angle is so small that its sine divided by it is not exact, unless it is 0.
    angle = np.maximum(np.sqrt(np.square(vectors).sum(-1, keepdims=True)), 1e-100)
    half = angle / 2
    return np.concatenate([vectors * (np.sin(half) / angle), np.cos(half)], axis=-1)


def log(q: Floats) -> Floats:
    """Return the ``(…, 3)`` rotation vectors of quaternions, the shorter way round."""
    v, w = q[..., :3], q[..., 3:]
    sine = np.maximum(np.sqrt(np.square(v).sum(-1, keepdims=True)), 1e-100)
    return np.asarray(v * np.copysign(2 * np.arctan2(sine, np.abs(w)) / sine, w))


def quat_matrix(q: Floats) -> Floats:
    """Return ``(…, 3, 3)`` rotation matrices of unit quaternions."""
    outer = q[..., :, None] * q[..., None, :]
    return (outer.reshape(*q.shape[:-1], 16) @ _TO_MATRIX).reshape(*q.shape[:-1], 3, 3)


def _to_matrix() -> Floats:
    """Return ``(16, 9)``: the matrix of a unit quaternion is linear in the products of its parts."""
    w = 3
    table = np.zeros((4, 4, 3, 3))
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        table[w, w, i, i] += 1
        table[i, i, i, i] += 1
        table[j, j, i, i] -= 1
        table[k, k, i, i] -= 1
        # Off the diagonal: 2 (q_i q_j - q_k w) at (i, j) and 2 (q_i q_j + q_k w) at (j, i).
        table[i, j, i, j] += 2
        table[k, w, i, j] -= 2
        table[i, j, j, i] += 2
        table[k, w, j, i] += 2
    return table.reshape(16, 9)


_TO_MATRIX = _to_matrix()
