"""Frames fitted together: poses that explain what is seen and move as bodies do, with no delay.

The squared acceleration of every number is added to what the frames cost by themselves, so that the most likely
movement is found at once: between frames, over gaps, at limbs whose twist no frame tells. It is what a Kalman smoother
of constant velocity does, in the joints' own numbers. How much acceleration is expected follows from the movement
itself: next to none where somebody stands, much where somebody jumps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from poise.mocap.body import ROOT, Body, Pose
from poise.mocap.fitting import Anatomy, Pins, bounded, normal
from poise.mocap.sight import Sight

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How abruptly people move.

    Attributes:
        least: Acceleration of a joint at rest, radians a second², root mean square at 30 frames a second.
        most: The same of the fastest.
        root_least: Acceleration of the hips at rest, metres a second².
        root_most: The same of the fastest.
        depth: Of the error of depth, metres a second².
        share: Acceleration that is allowed for each unit of that which is seen round about.
        window_s: How far round about, seconds to each side.
        first: What is allowed before anything is known, as a share of the most.
    """

    least: float = 1.0
    most: float = 120.0
    root_least: float = 0.1
    root_most: float = 12.0
    depth: float = 0.3
    share: float = 2.0
    window_s: float = 0.2
    first: float = 0.25

    def calmer(self, factor: float) -> Pace:
        """Return a pace of so many times less acceleration.

        Args:
            factor: Above 1 is calmer.
        """
        names = ("least", "most", "root_least", "root_most", "share", "depth")
        return replace(self, **{name: getattr(self, name) / factor for name in names})


# Frames that are solved at once; longer ones in pieces that overlap so much on both sides.
WINDOW, OVERLAP = 600, 45
_REFERENCE = 30.0
# Added to the curvature in the first step, and a quarter as much in each that follows.
_DAMPING = 1.0
# So many times the acceleration that was seen without held feet is allowed with them: what they pull a limb to in one
# frame would else allow itself.
_PULLED = 3.0


def flow(
    body: Body,
    anatomy: Anatomy,
    pose: Pose,
    sight: Sight,
    times: Floats,
    pace: Pace,
    *,
    pins: Pins | None = None,
    warm: bool = False,
) -> Pose:
    """Fit all frames of one unbroken stretch.

    Args:
        body: Whose points.
        anatomy: Its joints.
        pose: ``(T, …)`` where to begin.
        sight: ``(T, …)`` what is seen.
        times: ``(T,)`` seconds.
        pace: How abruptly it moves.
        pins: Feet that are held.
        warm: The poses have been through this before.
    """
    if len(times) < 3:
        return pose
    parts: list[Pose] = []
    for low in range(0, max(len(times) - OVERLAP, 1), WINDOW):
        # Pieces overlap, and meet in the middle of that: there both know what comes before and after.
        at = slice(max(low - OVERLAP, 0), min(low + WINDOW + OVERLAP, len(times)))
        held = None if pins is None else pins[at]
        piece = _piece(body, anatomy, pose[at], sight[at], times[at], pace, held, warm)
        high = low + WINDOW if low + WINDOW < len(times) - OVERLAP else len(times)
        parts.append(piece[low - at.start : high - at.start])
    return Pose.joined(parts)


def _piece(
    body: Body, anatomy: Anatomy, pose: Pose, sight: Sight, times: Floats, pace: Pace, pins: Pins | None, warm: bool
) -> Pose:
    weights = allowed(body, None, times, pace)
    least = weights
    every = np.arange(body.size)
    for n in range(8 if warm else 6):
        bends = acceleration(body, pose, times)
        if warm or n >= 2:
            weights = allowed(body, bends, times, pace)
        if warm:
            least = weights / _PULLED**2 if n == 0 else least
            weights = np.maximum(weights, least)
        curve, slope = _chunked(body, anatomy, pose, sight, pins)
        bands, pull = _bands(weights, bends, times)
        curve[:, every, every] += bands[0] + _DAMPING / 4**n
        step = _solve(curve, bands[1], bands[2], -(slope + pull))
        pose = body.moved(pose, bounded(step))
    return pose


def _chunked(
    body: Body, anatomy: Anatomy, pose: Pose, sight: Sight, pins: Pins | None, most: int = 64
) -> tuple[Floats, Floats]:
    parts = []
    for low in range(0, len(pose.root), most):
        at = slice(low, low + most)
        found = normal(body, anatomy, pose[at], sight[at], pins=None if pins is None else pins[at])
        parts.append((found.curve, found.slope))
    curve, slope = (np.concatenate(part) for part in zip(*parts, strict=True))
    return curve, slope


def acceleration(body: Body, pose: Pose, times: Floats) -> Floats:
    """Return ``(T - 2, D)`` second differences over time of a body's numbers."""
    dt = np.diff(times)
    speed = body.between(pose[1:], pose[:-1]) / dt[:, None]
    # The depth and the hinges are plain numbers, and so is the root; turns are steps already.
    return np.asarray(np.diff(speed, axis=0) / ((dt[1:] + dt[:-1]) / 2)[:, None])


def allowed(body: Body, seen: Floats | None, times: Floats, pace: Pace) -> Floats:
    """Return ``(T - 2, D)`` weights of squared accelerations: one over what is expected, times the frame's duration."""
    d = body.size
    least, most = np.full(d, pace.least), np.full(d, pace.most)
    least[:ROOT], most[:ROOT] = pace.root_least, pace.root_most
    least[-1] = most[-1] = pace.depth
    span = (times[2:] - times[:-2]) / 2 * _REFERENCE
    if seen is None:
        expected = np.broadcast_to(np.maximum(pace.first * most, least), (len(times) - 2, d)).copy()
        expected[:, -1] = pace.depth
        return np.asarray(span[:, None] / np.square(expected))
    # A limb is as agile as its liveliest direction.
    energy = np.square(seen)
    shared = energy.copy()
    groups = [slice(0, ROOT), *_groups(body)]
    for group in groups:
        shared[:, group] = energy[:, group].mean(axis=1, keepdims=True)
    local = _around(shared, times[1:-1], pace.window_s)
    expected = np.clip(pace.share * np.sqrt(local), least, most)
    expected[:, -1] = pace.depth
    return np.asarray(span[:, None] / np.square(expected))


def _groups(body: Body) -> list[slice]:
    return [body.columns(int(bone)) for bone in (*body.balls, *body.hinged)]


def _around(values: Floats, times: Floats, window: float) -> Floats:
    """Return means over the time around each row, weighted by a triangle."""
    step = max(float(np.median(np.diff(times))) if len(times) > 1 else 1.0, 1e-6)
    half = max(1, min(round(window / step), len(values) - 1))
    kernel = 1.0 - np.abs(np.arange(-half, half + 1)) / (half + 1)
    padded = np.concatenate([np.repeat(values[:1], half, 0), values, np.repeat(values[-1:], half, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=0)
    return np.asarray(windows @ (kernel / kernel.sum()))


def _bands(weights: Floats, bends: Floats, times: Floats) -> tuple[tuple[Floats, Floats, Floats], Floats]:
    """Return the diagonal, first and second off-diagonal of the accelerations' curvature, and their slope."""
    dt = np.diff(times)
    mean = (dt[1:] + dt[:-1]) / 2
    a, c = 1 / (dt[:-1] * mean), 1 / (dt[1:] * mean)
    b = -(a + c)
    t, d = len(times), weights.shape[1]
    parts = [a[:, None], b[:, None], c[:, None]]
    main, near, far, slope = (np.zeros((n, d)) for n in (t, t - 1, t - 2, t))
    for i, first in enumerate(parts):
        main[i : t - 2 + i] += weights * first * first
        slope[i : t - 2 + i] += weights * first * bends
    near[:-1] += weights * parts[0] * parts[1]
    near[1:] += weights * parts[1] * parts[2]
    far += weights * parts[0] * parts[2]
    return (main, near, far), slope


def _beside(first: Floats, across: Floats, second: Floats, i: int, x: Floats) -> Floats:
    """Return the transposed block beside pair ``i`` times x; it is made of diagonals, so that no product is needed."""
    d = first.shape[1]
    out = np.zeros_like(x)
    out[:d] = first[i][:, None] * x[:d]
    out[:d] += across[i][:, None] * x[d:]
    if i < len(second):
        out[d:] = second[i][:, None] * x[d:]
    return out


def _solve_pair(block: Floats, right: Floats) -> Floats:
    """Solve one pair of frames by halves: of the whole, linear algebra wakes its threads, which takes far longer."""
    d = len(block) // 2
    first = np.linalg.solve(block[:d, :d], np.concatenate([block[:d, d:], right[:d]], axis=1))
    across, own = first[:, :d], first[:, d:]
    below = np.linalg.solve(block[d:, d:] - block[d:, :d] @ across, right[d:] - block[d:, :d] @ own)
    return np.concatenate([own - across @ below, below])


def _solve(curve: Floats, near: Floats, far: Floats, right: Floats) -> Floats:
    """Solve the equations of all frames: blocks on the diagonal, diagonal blocks beside them, two frames wide.

    Block elimination (Thomas) over pairs of frames.
    """
    t, d = right.shape
    odd = t % 2
    n = (t + odd) // 2
    blocks = np.zeros((n, 2 * d, 2 * d))
    beside = np.zeros((n - 1, 2 * d, 2 * d))  # rows of pair i, columns of pair i + 1
    every = np.arange(d)
    blocks[:, :d, :d] = curve[0::2]
    blocks[: n - odd, d:, d:] = curve[1::2]
    if odd:
        blocks[-1, d:, d:] = np.eye(d)
    inside, across = near[0::2], near[1::2]
    blocks[: len(inside), every, every + d] = inside
    blocks[: len(inside), every + d, every] = inside
    beside[: len(across), every + d, every] = across
    first, second = far[0::2], far[1::2]
    beside[: len(first), every, every] = first
    beside[: len(second), every + d, every + d] = second
    values = np.zeros((n, 2 * d))
    values[:, :d] = right[0::2]
    values[: n - odd, d:] = right[1::2]
    gains = np.empty((n - 1, 2 * d, 2 * d))
    for i in range(n):
        both = _solve_pair(
            blocks[i], np.concatenate([beside[i], values[i][:, None]], axis=1) if i < n - 1 else values[i][:, None]
        )
        values[i] = both[:, -1]
        if i < n - 1:
            gains[i] = both[:, :-1]
            blocks[i + 1] -= _beside(first, across, second, i, gains[i])
            values[i + 1] -= _beside(first, across, second, i, values[i][:, None])[:, 0]
    for i in range(n - 2, -1, -1):
        values[i] -= gains[i] @ values[i + 1]
    return values.reshape(2 * n, d)[:t]
