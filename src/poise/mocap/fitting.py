"""The pose in which a body's points lie where they are seen: Gauss-Newton, with what anatomy expects.

Each frame is a least-squares problem of some fifty numbers. What the picture does not say (the twist of a straight arm,
a hidden leg) is left to weak terms that draw every joint to its rest, and to its frames before and after
(:mod:`poise.mocap.flow`): so nothing flips where an axis is undefined.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import radians
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.mocap import quaternions as quat
from poise.mocap.body import ROOT, Body, Placed, Pose, exp, log, product, quat_matrix
from poise.mocap.joints import Ball, Hinge, joint, mirrored, rad
from poise.mocap.sight import Sight

Floats = NDArray[np.float64]

_EYE = np.eye(3)
# Residuals beyond this many standard deviations count less and less (Geman-McClure's weight).
_FAR = 4.0
# Curvature with which the ground holds soles that would be below it: a standard deviation of 5 mm.
_GROUND = 1 / 0.005**2
# Standard deviation beyond the end of a joint's range, radians.
_LIMIT = radians(4.0)
# Standard deviation of the depth that all points of a frame share, as a share of their distance, and least, metres.
DEPTH, DEPTH_LEAST = 0.04, 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Pins:
    """Points that are held in place: feet that stand.

    Attributes:
        marks: ``(P,)`` rows of the landmarks.
        places: ``(…, P, 3)`` where they are held, metres.
        weights: ``(…, P, 3)`` one over the variance along each axis, 0 where nothing holds.
        floor: ``(P,)`` heights below which none of them is, metres; None: there is no ground.
    """

    marks: NDArray[np.intp]
    places: Floats
    weights: Floats
    floor: Floats | None = None

    def __getitem__(self, at: Any) -> Pins:
        return Pins(self.marks, self.places[at], self.weights[at], self.floor)


@dataclass(frozen=True, slots=True, eq=False)
class Equations:
    """Normal equations of one step.

    Attributes:
        curve: ``(…, D, D)`` curvature.
        slope: ``(…, D)`` slope.
        off: ``(…, K)`` how many standard deviations each point is off.
        away: ``(…, K, 3)`` metres by which the points are off.
        moves: ``(…, K, 3, D - 1)`` how they move.
    """

    curve: Floats
    slope: Floats
    off: Floats
    away: Floats
    moves: Floats

    def off_after(self, step: Floats, sight: Sight) -> Floats:
        """Return ``(…, K)`` how many standard deviations each point will be off, as far as the step is short."""
        moves = self.moves.reshape(*self.moves.shape[:-3], -1, self.moves.shape[-1])
        moved = (moves @ step[..., :-1, None]).reshape(self.away.shape)
        away = self.away + moved - step[..., -1, None, None] * sight.rays
        return np.sqrt(_squares(away, sight)[0])


def _squares(away: Floats, sight: Sight) -> tuple[Floats, Floats]:
    """Return ``(…, K)`` squares of deviations, and metres along the rays."""
    deep = (away * sight.rays).sum(-1)
    flat = deep * deep
    squares = sight.across * ((away * away).sum(-1) - flat) + sight.along * flat
    return np.maximum(squares, 0.0), deep


class Anatomy:
    """What joints do when nothing is seen of them, and how far they go; see :mod:`poise.mocap.joints`.

    Args:
        body: Whose.
    """

    def __init__(self, body: Body) -> None:
        self._body = body
        rigs = body.rig.bones
        known = [joint(rigs[b]) for b in body.balls]
        balls = [(k[0], k[1]) for k in known if k is not None and isinstance(k[0], Ball)]
        rest = np.array([rad(mirrored(ball.rest, sign)) for ball, sign in balls])
        self.rest = exp(rest)
        self._from_rest = quat.inverse(self.rest)
        self._weights = 1 / np.square(np.array([rad(ball.spread) for ball, _ in balls]))
        self._reach = np.array([radians(ball.reach) for ball, _ in balls])
        twisting = [(at, ball, sign) for at, (ball, sign) in enumerate(balls) if ball.twist is not None]
        self._twisting = np.array([at for at, _, _ in twisting])
        self._twist_axes = np.array([mirrored(b.twist[0], s) for _, b, s in twisting if b.twist is not None])
        self._twist_weights = np.array([1 / radians(b.twist[1]) ** 2 for _, b, _ in twisting if b.twist is not None])
        parents = body.rig.parents
        self._twist_bones = body.balls[self._twisting]
        self._twist_at = ROOT + 3 * self._twisting[:, None] + np.arange(3)
        self._twist_parents = parents[self._twist_bones]
        hinges = [k[0] for k in (joint(rigs[b]) for b in body.hinged) if k is not None and isinstance(k[0], Hinge)]
        self._low = np.array([rad((h.bends[0], h.twists[0])) for h in hinges])
        self._high = np.array([rad((h.bends[1], h.twists[1])) for h in hinges])
        self._hinge_rest = np.array([rad((h.rest, 0.0)) for h in hinges])
        self._hinge_weights = 1 / np.square(np.array([rad(h.spread) for h in hinges]))
        self._first_hinge = ROOT + 3 * len(balls)

    def rest_pose(self, shape: tuple[int, ...]) -> Pose:
        """Return poses in which every joint is at rest, arms hanging."""
        pose = self._body.rest(shape)
        rotations, hinges = pose.rotations.copy(), pose.hinges + self._hinge_rest
        rotations[..., self._body.balls, :] = self.rest
        rotations[..., self._body.hinged, :] = self._body.hinge_rotations(hinges)
        return pose.replace(rotations=rotations, hinges=hinges)

    def add(self, pose: Pose, placed: Placed, curve: Floats, slope: Floats) -> None:
        """Add these terms to the normal equations.

        Args:
            pose: Where the joints are.
            placed: The same in space.
            curve: ``(…, D, D)``.
            slope: ``(…, D)``.
        """
        body, first = self._body, self._first_hinge
        q = pose.rotations.take(body.balls, axis=-2)
        away = log(product(q, self._from_rest))
        far = np.sqrt(np.square(away).sum(-1))
        beyond = np.maximum(far - self._reach, 0.0) / np.maximum(far, 1e-9)
        weights = self._weights + (beyond / _LIMIT**2)[..., None]
        diagonal = diagonal_of(curve)
        diagonal[..., ROOT:first] += weights.reshape(*weights.shape[:-2], -1)
        slope[..., ROOT:first] += (weights * away).reshape(*away.shape[:-2], -1)
        out = np.minimum(pose.hinges - self._low, 0.0) + np.maximum(pose.hinges - self._high, 0.0)
        hard = (out != 0.0) * (1 / _LIMIT**2)
        away = pose.hinges - self._hinge_rest
        # A knee that is plainly bent is not held straight: the pull fades beyond its spread.
        soft = self._hinge_weights / (1 + self._hinge_weights * np.square(away))
        both = soft * away + hard * out
        flat = (*both.shape[:-2], both.shape[-2] * 2)
        diagonal[..., first:-1] += (soft + hard).reshape(flat)
        slope[..., first:-1] += both.reshape(flat)
        self._add_twists(pose, placed, curve, slope)

    def _add_twists(self, pose: Pose, placed: Placed, curve: Floats, slope: Floats) -> None:
        """Add a term for the twist of each long bone: its rate under a turn w is w · (a + a') / (1 + a · a')."""
        q, axis = pose.rotations.take(self._twist_bones, axis=-2), self._twist_axes
        twist = 2 * np.arctan2((q[..., :3] * axis).sum(-1), q[..., 3])
        twist = (twist + np.pi) % (2 * np.pi) - np.pi
        # Axes of the ball's numbers are its parent's, so the rate is found there.
        after = (quat_matrix(q) @ axis[..., None])[..., 0]
        rate = (axis + after) / np.maximum(1 + (axis * after).sum(-1, keepdims=True), 0.5)
        own = self._twist_at
        pull = self._twist_weights[:, None] * rate
        curve[..., own[:, :, None], own[:, None, :]] += pull[..., :, None] * rate[..., None, :]
        slope[..., own] += pull * twist[..., None]


def normal(
    body: Body,
    anatomy: Anatomy,
    pose: Pose,
    sight: Sight,
    *,
    pins: Pins | None = None,
    placed: Placed | None = None,
) -> Equations:
    """Return the normal equations of one step.

    Args:
        body: Whose points.
        anatomy: Its joints.
        pose: Where it is.
        sight: What is seen.
        pins: What holds it.
        placed: The pose in space, where that is known.
    """
    placed = body.place(pose) if placed is None else placed
    moves = body.jacobian(placed, body.axes(placed))
    off = placed.points - sight.points + pose.depth[..., None, None] * -sight.rays
    squares, deep = _squares(off, sight)
    robust = 1 / (1 + squares / _FAR**2)
    a, b = np.sqrt(sight.across) * robust, np.sqrt(sight.along) * robust
    # Along and across the ray: the root of the weights as a matrix is a I + (b - a) n nᵀ.
    share = (b - a)[..., None] * sight.rays
    root = a[..., None, None] * _EYE + share[..., None] * sight.rays[..., None, :]
    d = body.size
    rows = np.empty((*moves.shape[:-1], d))
    rows[..., :-1] = root @ moves
    rows[..., -1] = -b[..., None] * sight.rays
    error = a[..., None] * off + share * deep[..., None]
    flat = rows.reshape(*rows.shape[:-3], -1, d)
    turned = np.swapaxes(flat, -1, -2)
    # In two halves: each is so small that BLAS does not wake its threads for it, which takes longer than the product.
    half = flat.shape[-2] // 2
    curve = turned[..., :half] @ flat[..., :half, :] + turned[..., half:] @ flat[..., half:, :]
    slope = (turned @ error.reshape(*error.shape[:-2], -1, 1))[..., 0]
    firm = 1 / np.maximum(DEPTH**2 * np.square(pose.root).sum(-1), DEPTH_LEAST**2)
    curve[..., -1, -1] += firm
    slope[..., -1] += pose.depth * firm
    anatomy.add(pose, placed, curve, slope)
    if pins is not None:
        _hold(pins, placed, moves, curve, slope)
    return Equations(curve, slope, np.sqrt(squares), off, moves)


def _hold(pins: Pins, placed: Placed, moves: Floats, curve: Floats, slope: Floats) -> None:
    """Add what holds points in place, and above the ground, to the normal equations."""
    points, weights = placed.points.take(pins.marks, axis=-2), pins.weights
    pull = weights * (points - pins.places)
    if pins.floor is not None:
        deep = np.minimum(points[..., 1] - pins.floor, 0.0)
        if deep.any():
            # One that is held needs no ground: where it stands is that already.
            hard = _GROUND * ((deep < 0) & (weights[..., 1] < _GROUND))
            weights, pull = weights.copy(), pull.copy()
            weights[..., 1] += hard
            pull[..., 1] += hard * deep
    at = np.flatnonzero(weights.any(axis=(*range(weights.ndim - 2), -1)))
    if not len(at):
        return
    held, weights, pull = moves.take(pins.marks[at], axis=-3), weights.take(at, axis=-2), pull.take(at, axis=-2)
    flat = held.reshape(*held.shape[:-3], -1, held.shape[-1])
    turned = np.swapaxes(flat, -1, -2)
    weights = weights.reshape(*weights.shape[:-2], -1)
    curve[..., :-1, :-1] += turned @ (weights[..., None] * flat)
    slope[..., :-1] += (turned @ pull.reshape(*pull.shape[:-2], -1, 1))[..., 0]


def diagonal_of(curve: Floats) -> Floats:
    """Return ``(…, D)`` the diagonals of matrices, to be written to."""
    return np.asarray(np.einsum("...ii->...i", curve))


def settle(body: Body, anatomy: Anatomy, pose: Pose, sight: Sight, *, steps: int = 8, damping: float = 30.0) -> Pose:
    """Fit every frame by itself.

    Args:
        body: Whose points.
        anatomy: Its joints.
        pose: Where to begin.
        sight: What is seen.
        steps: How many steps.
        damping: Added to the curvature of turns, per square radian; halved with each step.
    """
    for n in range(steps):
        found = normal(body, anatomy, pose, sight)
        diagonal_of(found.curve)[...] += damping / 2**n
        step = np.asarray(-np.linalg.solve(found.curve, found.slope[..., None])[..., 0], dtype=np.float64)
        pose = body.moved(pose, bounded(step))
    return pose


def bounded(step: Floats, most: float = 0.6) -> Floats:
    """Return a step of which no turn is longer than ``most`` radians: further off, Gauss-Newton's line is no guide."""
    out = step.copy()
    out[..., ROOT:-1] = np.minimum(np.maximum(step[..., ROOT:-1], -most), most)
    return out
