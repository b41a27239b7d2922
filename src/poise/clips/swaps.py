"""Left and right exchanged for a while: found as the cheapest labelling over the whole clip, and repaired.

Networks that look at one frame at a time take the left leg for the right one now and then, above all from the side. Of
two ways to label each frame (as it is, or left and right exchanged), the one that moves most evenly over the clip is
right: limbs do not jump. The network's own labels count too, since it is right most of the time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poise.bodies.limbs import limbs, pair_groups
from poise.clips.clip import Clip
from poise.filters.offline import runs
from poise.filters.uncertainty import sizes
from poise.geometry import Bools, Floats
from poise.skeletons import Skeleton

# A residual counts at most this much (in half squared deviations): one wild point must not decide.
_CAP = 12.0

# Smallest deviation of the residuals, in instance sizes: below it lies the networks' own rounding.
_FLOOR = 0.004

# A limb's length in the picture deviates by this share of its median as people move, and says something new this
# often a second: it changes slowly, so the frames of one second do not speak independently.
_LENGTH, _LENGTH_RATE = 0.15, 2.0

# A point that was last seen longer ago than this says nothing about where it is now, seconds.
_STALE_S = 0.5


@dataclass(frozen=True, slots=True)
class Swap:
    """One stretch of frames in which left and right were exchanged.

    Attributes:
        id: Whose.
        part: ``"body"``, or ``"arms"``, ``"legs"``, ``"trunk"``, ``"head"``.
        start: Seconds of its first frame.
        end: Seconds of its last frame.
        first: Its first frame.
        last: Its last frame.
        gain: How much more even the motion is after the repair, as the logarithm of a likelihood ratio.
    """

    id: int
    part: str
    start: float
    end: float
    first: int
    last: int
    gain: float


def label(
    left: Floats,
    right: Floats,
    conf: Floats,
    times: Floats,
    size: Floats,
    *,
    trust: float = 20.0,
    switch_cost: float = 6.0,
    lengths: Floats | None = None,
    breaks: Bools | None = None,
) -> tuple[Bools, Floats]:
    """Find the frames in which the left and right points of one instance are exchanged.

    Args:
        left: ``(T, P, 2)`` pixels of the P left points; NaN where missing.
        right: ``(T, P, 2)`` pixels of their right partners.
        conf: ``(T, P)`` lower confidence of the two, NaN where unknown.
        times: ``(T,)`` seconds.
        size: ``(T,)`` size of the instance, pixels.
        trust: Cost of each second in which the network's labels are not believed, at confidence 1. Higher repairs
            only short stretches.
        switch_cost: Cost of each begin and end of a stretch.
        lengths: ``(T,)`` what the limbs' lengths say against an exchange in each frame, see :func:`length_cost`.
        breaks: ``(T,)`` True where a frame does not continue the one before it (a cut).

    Returns:
        ``(T,)`` True where exchanged; and ``(T,)`` how much less each frame costs so.

    Source:
        Viterbi, IEEE Trans. Information Theory 13 (1967) 260, over the pairs of labels of two frames, so that cost may
        look at velocity: at the moment when one leg passes the other, positions alone cannot tell them apart. A
        residual's variance is the clip's own, from the median of its squares.
    """
    cost, seen, joined = _motion(left, right, times, size, breaks)
    at = np.flatnonzero(seen)
    exchanged = np.zeros(len(times), dtype=bool)
    gain = np.zeros(len(times))
    if len(at) < 2:
        return exchanged, gain
    both = np.isfinite(left).all(-1) & np.isfinite(right).all(-1)
    sure = np.where(both, np.where(np.isfinite(conf), conf, 0.5), 0.0).sum(axis=1) / np.maximum(both.sum(axis=1), 1)
    doubt = (trust * sure * np.gradient(times))[at]
    if lengths is not None:
        doubt = doubt + (lengths * np.gradient(times))[at]
    # Across a long gap or a cut nothing links the labels, so nothing is paid for a change there.
    switch = np.where(joined[at], switch_cost, 0.0)
    states = _viterbi(cost[at], doubt, switch)
    exchanged[at] = states
    # What the frame costs as labelled, against what it would cost as the network says.
    flip1 = np.concatenate([[False], states[1:] != states[:-1]]).astype(int)
    flip2 = np.concatenate([[0], flip1[:-1]])
    index = np.arange(len(at))
    gain[at] = cost[at][index, 0, 0] - cost[at][index, flip1, flip2] - doubt * states - switch * flip1
    return exchanged, gain


def _motion(
    left: Floats, right: Floats, times: Floats, size: Floats, breaks: Bools | None
) -> tuple[Floats, Bools, Bools]:
    """Return the cost of each frame, whether it has any pair to judge, and whether any goes on from earlier frames.

    The cost is ``(T, 2, 2)``: by whether the frame's label differs from the one before it (first index), and that one's
    from the one before that (second).
    """
    usual = float(np.nanmedian(size))
    # Differences are divided, not positions: a box that breathes must not look like motion.
    area = np.square(np.clip(np.where(np.isfinite(size), size, usual), 0.7 * usual, 1.4 * usual))[:, None]
    pair = np.stack([left, right], axis=2)  # (T, P, 2 sides, 2 axes)
    seen: Bools = np.asarray(np.isfinite(pair).all(axis=(2, 3)))
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    part = np.zeros(len(times), dtype=int) if breaks is None else np.cumsum(breaks)
    before, last = _previous(seen)
    frames = np.arange(len(times))[:, None]
    age = np.where(last >= 0, times[frames] - times[last], np.inf)
    fresh = seen & (age <= _STALE_S) & (part[frames] == part[last])
    even = fresh & (age < 1.5 * step)
    smooth = even & (before >= 0) & np.take_along_axis(even, np.maximum(last, 0), axis=0)
    columns = np.arange(pair.shape[1])[None]
    one, two = pair[last, columns], pair[before, columns]
    moved = np.full((*seen.shape, 2), np.nan)
    bent = np.full((*seen.shape, 2, 2), np.nan)
    patience = np.sqrt(np.maximum(np.where(fresh, age, step) / step, 1.0))  # a random walk's deviation grows so
    for a, now in enumerate((pair, pair[:, :, ::-1])):
        moved[..., a] = np.where(fresh, np.square(now - one).sum(axis=(2, 3)) / patience**2 / area, np.nan)
        for b, older in enumerate((two, two[:, :, ::-1])):
            bend = np.square(now - 2.0 * one + older).sum(axis=(2, 3)) / area
            bent[..., a, b] = np.where(smooth, bend, np.nan)
    position = _scaled(moved, _spread(moved[:, :, 0]))
    velocity = _scaled(bent, _spread(bent[:, :, 0, 0]))
    # Velocity decides where limbs pass each other, position where somebody jerks; each is blind where the other sees.
    place = np.nan_to_num(position)[..., None]
    cost = np.where(np.isfinite(velocity), (velocity + place) / 2, place).sum(axis=1)
    return cost, np.asarray(seen.any(axis=1)), np.asarray(fresh.any(axis=1))


def _previous(seen: Bools) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return ``(T, P)`` the second to last and the last frame before each in which the point was seen; -1: none."""
    frames = np.where(seen, np.arange(len(seen))[:, None], -1)
    until = np.maximum.accumulate(frames, axis=0)
    last = np.concatenate([np.full((1, seen.shape[1]), -1), until[:-1]])
    before = np.where(last >= 0, np.take_along_axis(last, np.maximum(last, 0), axis=0), -1)
    return before, last


def _spread(squares: Floats) -> Floats:
    """Return ``(P,)`` the variance of one coordinate from ``(T, P)`` sums of four squares.

    From their median, so that swaps do not count; 3.357 is the median of chi-square with four degrees of freedom.
    """
    middle = np.array([np.median(a[np.isfinite(a)]) if np.isfinite(a).any() else np.inf for a in squares.T])
    return np.asarray(np.maximum(middle / 3.357, _FLOOR**2))


def _scaled(squares: Floats, variance: Floats) -> Floats:
    shape = (1, -1) + (1,) * (squares.ndim - 2)
    return np.asarray(np.minimum(squares / variance.reshape(shape) / 2.0, _CAP))


def length_cost(xy: Floats, size: Floats, pairs: tuple[tuple[int, int], ...], skeleton: Skeleton) -> Floats:
    """Return ``(T,)`` how much worse the limbs' lengths are, a second, if the sides of these pairs are exchanged.

    From the side both ways are as long; from the front a thigh that leads to the other knee is too long. Counted are
    the limbs from one of the points to one that is not among them, against their median in the clip.

    Args:
        xy: ``(T, K, 2)`` pixels.
        size: ``(T,)`` pixels.
        pairs: The (left, right) pairs that are to be exchanged.
        skeleton: Whose keypoints.
    """
    other = dict(pairs) | {b: a for a, b in pairs}
    cost = np.zeros(len(xy))
    for a, b in limbs(skeleton):
        if (a in other) == (b in other):
            continue
        inner, outer = (a, b) if b in other else (b, a)
        straight = np.linalg.norm(xy[:, inner] - xy[:, outer], axis=-1) / size
        crossed = np.linalg.norm(xy[:, inner] - xy[:, other[outer]], axis=-1) / size
        known = straight[np.isfinite(straight)]
        usual = float(np.median(known)) if len(known) else 0.0
        # Points that lie on one another have no limb.
        if usual > 0:
            worse = np.square((crossed - usual) / (_LENGTH * usual)) - np.square((straight - usual) / (_LENGTH * usual))
            cost += np.clip(np.nan_to_num(worse) / 2, -2.0, 2.0)
    return cost * _LENGTH_RATE


def _viterbi(cost: Floats, doubt: Floats, switch: Floats) -> Bools:
    """Return ``(T,)`` the cheapest labels; ``cost`` ``(T, 2, 2)`` as :func:`_motion` gives it, the others ``(T,)``."""
    count = len(cost)
    # total[s, u]: cheapest way to a frame with label u whose predecessor has label s.
    flip = np.array([[0, 1], [1, 0]])
    total = np.array([[0.0, doubt[0]], [0.0, doubt[0]]])
    back = np.zeros((count, 2, 2), dtype=np.int8)
    for t in range(1, count):
        # ways[r, s, u]: labels of t-2, t-1, t.
        ways = total[:, :, None] + cost[t][flip[None], flip[:, :, None]] + switch[t] * flip[None]
        back[t] = ways.argmin(axis=0)
        total = ways.min(axis=0) + np.array([0.0, doubt[t]])[None]
    labels = np.zeros(count, dtype=bool)
    s, u = divmod(int(total.argmin()), 2)
    for t in range(count - 1, -1, -1):
        labels[t] = bool(u)
        s, u = (int(back[t, s, u]) if t else 0), s
    return labels


def repair_swaps(
    clip: Clip, *, trust: float = 20.0, switch_cost: float = 6.0, min_gain: float = 4.0, breaks: Bools | None = None
) -> tuple[Clip, list[Swap]]:
    """Exchange left and right back where they were exchanged: first of the whole body, then of each part.

    Args:
        clip: The clip.
        trust: See :func:`label`.
        switch_cost: See :func:`label`.
        min_gain: Least that a stretch must gain, all costs paid; less is left alone.
        breaks: ``(I, T)`` True where an id's frame does not continue the one before it (a cut).

    Returns:
        The repaired clip, and what was repaired in the order of id and time. Points keep their sigma, conf and xyz. A
        skeleton without left-right pairs is returned as it is.
    """
    groups = pair_groups(clip.skeleton)
    if not groups:
        return clip, []
    columns = {name: np.array(getattr(clip, name)) for name in ("xy", "conf", "sigma", "xyz") if _has(clip, name)}
    size = sizes(clip.boxes.astype(np.float64))
    log: list[Swap] = []
    every = tuple(pair for pairs in groups.values() for pair in pairs)
    for i, id in enumerate(clip.ids.tolist()):
        if not np.isfinite(columns["xy"][i]).any() or not np.isfinite(size[i]).any():
            continue
        for part, pairs in {"body": every, **groups}.items():
            a, b = (np.array(side) for side in zip(*pairs, strict=True))
            xy = columns["xy"][i].astype(np.float64)
            conf = np.fmin(columns["conf"][i][:, a], columns["conf"][i][:, b])
            cut = None if breaks is None else breaks[i]
            wrong, gain = label(
                xy[:, a],
                xy[:, b],
                conf,
                clip.times,
                size[i],
                trust=trust,
                switch_cost=switch_cost,
                lengths=length_cost(xy, size[i], pairs, clip.skeleton),
                breaks=cut,
            )
            stretches = [_entry(clip, id, part, low, high, gain) for low, high in runs(wrong)]
            stretches = [swap for swap in stretches if swap.gain >= min_gain]
            wrong = np.isin(clip.frames, [f for s in stretches for f in range(s.first, s.last + 1)])
            for column in columns.values():
                at, ab, ba = np.flatnonzero(wrong)[:, None], np.concatenate([a, b]), np.concatenate([b, a])
                column[i][at, ab] = column[i][at, ba]
            log += stretches
    log.sort(key=lambda swap: (swap.id, swap.first))
    return (clip.replace(**columns), log) if log else (clip, log)


def _has(clip: Clip, name: str) -> bool:
    return getattr(clip, name) is not None


def _entry(clip: Clip, id: int, part: str, low: int, high: int, gain: Floats) -> Swap:
    total = float(gain[low : high + 2].sum())  # the two frames after it still see the seam
    return Swap(
        id=id,
        part=part,
        start=float(clip.times[low]),
        end=float(clip.times[high - 1]),
        first=int(clip.frames[low]),
        last=int(clip.frames[high - 1]),
        gain=round(total, 1),
    )
