"""When feet stand, hands carry weight and knees rest on the ground, and where they are held then: for whole clips.

A pixel tells to a centimetre whether a sole is still; how far away it is wobbles with the whole body, by ten times that
in a jumping jack. So rest is told from what moves across the view, at the steadied distance of the hips; and one that
rests is held on the ground where its ray meets it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poise.clips.repair import rolling_median
from poise.filters.offline import runs, savitzky_golay
from poise.mocap.body import Body, Placed
from poise.mocap.fitting import Pins
from poise.mocap.ground import FLOOR, SINKING, SUPPORTS, Standing, carries, ground_level, is_flat, resting_heights

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# The first of them are the four points of the soles: left heel and tip, right heel and tip.
SOLES = 4
# A point that is slower than this rests in a solved movement, metres a second.
_AT_REST = 0.05
# Where nothing stands in less than this share of the frames, nobody knows how high the ground is.
_KNOWN = 0.35
# Over which the distance of the hips is steadied, seconds, and to each side, over which a speed is.
_AWAY_S, _SPEED_S = 1.0, 0.06
# How far the ground is followed to each side where it seems to rise or fall, seconds.
_NEAR_S = 0.6
# Time to each side over which a point that slides is told from one that trembles, seconds.
_SLIDE_S = 0.12
# How exact a point is across the view and along it, metres: one that is not on the ground is moved there accordingly.
_ACROSS, _ALONG = 0.02, 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Contacts:
    """When and where somebody touches the ground.

    Attributes:
        level: Height of the ground, metres.
        marks: ``(T, P)`` whether each point of :data:`~poise.mocap.ground.SUPPORTS` rests; the first four are soles.
        pins: What holds them there.
    """

    level: float
    marks: Bools
    pins: Pins

    @property
    def feet(self) -> Bools:
        """``(T, 2)`` whether the left and the right foot stand."""
        return np.stack([self.marks[:, :2].any(1), self.marks[:, 2:SOLES].any(1)], axis=1)


def contacts(body: Body, placed: Placed, sure: Floats, times: Floats, rays: Floats, standing: Standing) -> Contacts:
    """Find when soles, hands and knees rest on the ground, and where to hold them.

    Args:
        body: Whose.
        placed: ``(T, …)`` with y up, seen from the camera.
        sure: ``(T, K)``.
        times: ``(T,)`` seconds.
        rays: ``(T, K, 3)`` directions from the camera.
        standing: When a sole stands.
    """
    rest = resting_heights(body, SUPPORTS)
    rays = rays[:, SUPPORTS]
    seen = sure[:, SUPPORTS] > 0.2
    places, speed = steadied(placed, seen, rays, times, standing.along)
    seen[:, SOLES:] &= carries(body, placed)
    low = places[..., 1] - rest
    level = ground_level(low, speed, seen, standing)
    one_ground = is_flat(low, speed, seen, level, standing)
    floor = np.concatenate([level + rest, level + resting_heights(body, FLOOR)]) - SINKING
    near = near_ground(low, seen & (speed < standing.slow), level, times, standing)
    usable = seen & (low - near[:, None] < np.where(np.arange(len(rest)) < SOLES, standing.low, standing.low_hand))
    marks = np.zeros(speed.shape, dtype=bool)
    held, weights = np.zeros((2, len(times), len(floor), 3))
    stands: list[list[tuple[int, int, Floats]]] = []
    for m, flat in enumerate(level + rest):
        on = _hysteresis(speed[:, m], usable[:, m], times, standing)
        if m < SOLES:
            on &= ~_lifts(on, low[:, m] - low[:, m ^ 1], times, standing)
        stands.append([])
        for a, b in _stands(on, places[:, m], rays[:, m], times, standing):
            where, ray = np.median(places[a:b, m], axis=0), np.median(rays[a:b, m], axis=0)
            if abs(where[1] - flat) < standing.touch_low or (one_ground and where[1] < flat):
                where = _onto(where, ray, flat)
            stands[m].append((a, b, where))
    for heel in (0, 2):
        _fit_foot(stands[heel], stands[heel + 1], body, heel)
    for m, a, b, where in ((m, *one) for m, ones in enumerate(stands) for one in ones):
        marks[a:b, m] = True
        # Firm while it stands; before and after, the hold fades as a power: a spring that is a thousandth as stiff
        # already yields to what is seen. One that soon goes on comes and goes more quickly.
        outside = np.maximum(np.maximum(times[a] - times, times - times[b - 1]), 0.0)
        blend = min(max((times[b - 1] - times[a]) / 5, standing.touch_blend_s), standing.blend_s)
        firm = 10.0 ** (-3 * outside / blend) / standing.firm**2
        stronger = (outside < blend) & (firm > weights[:, m, 0])
        held[stronger, m], weights[stronger, m] = where, firm[stronger, None]
    known = one_ground and marks.any(axis=1).mean() >= _KNOWN
    return Contacts(level, marks, Pins(np.concatenate([SUPPORTS, FLOOR]), held, weights, floor if known else None))


def _fit_foot(heels: list[tuple[int, int, Floats]], tips: list[tuple[int, int, Floats]], body: Body, heel: int) -> None:
    """Move heels that stand together with their tips to where a foot of this length has them."""
    ahead = body.landmarks.offsets[SUPPORTS[heel + 1]] - body.landmarks.offsets[SUPPORTS[heel]]
    for n, (a, b, place) in enumerate(heels):
        beside = max(tips, key=lambda tip: min(b, tip[1]) - max(a, tip[0]), default=None)
        if beside is None or min(b, beside[1]) <= max(a, beside[0]):
            continue
        way = place - beside[2]
        high = way[1]
        flat = np.hypot(way[0], way[2])
        long = np.sqrt(max(ahead @ ahead - high * high, 1e-6))
        moved = beside[2] + way * (long / max(flat, 1e-6)) * (1.0, 0.0, 1.0) + (0.0, high, 0.0)
        heels[n] = (a, b, moved)


def held_feet(placed: Placed, standing: Contacts, times: Floats) -> Bools:
    """Return ``(T, 2)`` whether the left and the right foot stand in a solved movement: held there, and at rest."""
    if len(times) < 2:
        return standing.feet
    moved = np.diff(placed.points[:, SUPPORTS[:SOLES]], axis=0)
    marks = standing.marks[:, :SOLES]
    slow = np.linalg.norm(moved, axis=-1) / np.diff(times)[:, None] < _AT_REST
    both = (slow & marks[1:] & marks[:-1]).reshape(-1, 2, 2).any(axis=-1)
    # The first frame of a stance rests after it, and the last one before it.
    ends = np.zeros((1, 2), dtype=bool)
    out = np.concatenate([both, ends]) | np.concatenate([ends, both])
    # Between two stances that follow one another at once, the foot moves.
    out[1:] &= both | ~out[:-1]
    return np.asarray(out)


def steadied(placed: Placed, seen: Bools, rays: Floats, times: Floats, along: float) -> tuple[Floats, Floats]:
    """Return ``(T, P, 3)`` where the points are seen, as far away as the steadied hips say, and those that are not
    ``seen`` where the body has them; and ``(T, P)`` how fast they are across the view, metres a second; of what is
    along it ``along`` counts.
    """
    points = placed.points[:, SUPPORTS]
    away = np.linalg.norm(placed.places[:, 0], axis=-1)
    steady = np.exp(savitzky_golay(np.log(away), times, window_s=_AWAY_S)) if len(times) > 2 else away
    places = rays * ((points * rays).sum(-1) * (steady / away)[:, None])[..., None]
    places = np.where(seen[..., None], places, points)
    if len(times) < 2:
        return places, np.zeros(places.shape[:2])
    step = float(np.median(np.diff(times)))
    speed = _length(_slope(places, times, max(1, round(_SPEED_S / step))), rays, along)
    return places, speed


def _slope(values: Floats, times: Floats, half: int) -> Floats:
    """Return the slopes of straight lines through so many frames to each side, fewer at the ends."""
    last = np.arange(len(times))
    low, high = np.maximum(last - half, 0), np.minimum(last + half, len(times) - 1) + 1
    shape = (-1, *(1,) * (values.ndim - 1))
    t = (times - times.mean()).reshape(shape)

    def total(x: Floats) -> Floats:
        sums = np.concatenate([np.zeros((1, *x.shape[1:])), np.cumsum(x, axis=0)])
        return np.asarray(sums[high] - sums[low])

    n = (high - low).reshape(shape)
    spread = np.maximum(total(t * t) - total(t) ** 2 / n, 1e-12)
    return np.asarray((total(t * values) - total(t) * total(values) / n) / spread)


def _length(moved: Floats, rays: Floats, along: float) -> Floats:
    deep = (moved * rays).sum(-1)
    return np.asarray(np.sqrt(np.maximum((moved * moved).sum(-1) - (1 - along**2) * deep * deep, 0.0)))


def near_ground(low: Floats, still: Bools, level: float, times: Floats, standing: Standing) -> Floats:
    """Return ``(T,)`` how high the ground seems: where depth is off or the camera nods, it rises and falls.

    Args:
        low: ``(T, P)`` heights of the supports' points less what they have at rest.
        still: ``(T, P)`` which of them are at rest.
        level: Height of the ground over all.
        times: ``(T,)`` seconds.
        standing: When a sole stands.
    """
    out = np.full(len(times), np.nan)
    rows, columns = np.nonzero(still & (np.abs(low - level) < 2 * standing.touch_low))
    values, when = low[rows, columns], times[rows]
    firsts, ends = np.searchsorted(when, times - _NEAR_S), np.searchsorted(when, times + _NEAR_S)
    for t, (a, b) in enumerate(zip(firsts, ends, strict=True)):
        if b - a >= 3:
            out[t] = np.percentile(values[a:b], 30)
    known = np.isfinite(out)
    return np.interp(times, times[known], out[known]) if known.any() else np.full(len(times), level)


def _onto(place: Floats, ray: Floats, flat: float) -> Floats:
    """Return a place moved to a height: along its ray rather than across it, as far as that is unsure."""
    spread = _ACROSS**2 * np.array([0.0, 1.0, 0.0]) + (_ALONG**2 - _ACROSS**2) * ray[1] * ray
    return np.asarray(place + spread * (flat - place[1]) / spread[1])


def _stands(on: Bools, places: Floats, rays: Floats, times: Floats, standing: Standing) -> list[tuple[int, int]]:
    """Return first frame and end of each time for which a point rests in one place, long enough."""
    out = []
    for low, high in runs(on & ~_slides(on, places, rays, times, standing)):
        parts = _anchored(places[low:high], rays[low:high], standing)
        step = (times[high - 1] - times[low]) / max(high - 1 - low, 1)
        move = max(1, round(standing.blend_s / max(step, 1e-6) / 2))
        for n, (a, b) in enumerate(parts):
            # Between two places there is a small step: the sole is free for it.
            a, b = a + move * (n > 0), b - move * (n < len(parts) - 1)
            if b <= a:
                continue
            if times[low + b - 1] - times[low + a] >= standing.least_s or b - a == len(times):
                out.append((low + a, low + b))
    return out


def _lifts(on: Bools, above: Floats, times: Floats, standing: Standing) -> Bools:
    """Return whether a heel rises while the tip of its foot stands, or a tip while its heel does: slowly at first, but
    against each other, which no depth disturbs.

    Args:
        on: ``(T,)`` whether the point seems to rest.
        above: ``(T,)`` how high it is above the other one, metres.
        times: ``(T,)`` seconds.
        standing: When a sole stands.
    """
    out = np.zeros(len(on), dtype=bool)
    for a, b in runs(on):
        if b - a < 4:
            continue
        part = above[a:b]
        step = (times[b - 1] - times[a]) / (b - 1 - a)
        half = max(1, min(round(_SPEED_S / 2 / step), (b - a - 1) // 2))
        up = rolling_median(part, 2 * half + 1) > np.percentile(part, 30) + standing.lift
        # Only before it comes down and after it has risen: in between it trembles.
        down = np.flatnonzero(~up)
        if not len(down):
            continue
        out[a : a + down[0]] = out[a + down[-1] + 1 : b] = True
    return out


def _slides(on: Bools, places: Floats, rays: Floats, times: Floats, standing: Standing) -> Bools:
    """Return whether a point that seems to rest slides at a steady speed, as skates do: where it is longer in sight,
    less speed is enough to tell.
    """
    out = np.zeros(len(on), dtype=bool)
    for a, b in runs(on):
        if times[b - 1] - times[a] < 2 * _SLIDE_S:
            continue
        half = max(1, round(_SLIDE_S * (b - 1 - a) / (times[b - 1] - times[a])))
        fast = _length(_slope(places[a:b], times[a:b], half), rays[a:b], standing.along) > standing.slide
        for low, high in runs(fast):
            # For less than that, it is a point that was mistaken.
            out[a + low : a + high] = high - low > 2 * half or high - low == b - a
    return out


def _anchored(places: Floats, rays: Floats, standing: Standing) -> list[tuple[int, int]]:
    """Split a stretch where the sole is no longer where it stood on average until then."""
    out, first = [], 0
    total = np.zeros(3)
    for t, place in enumerate(places):
        if t > first and _length(place - total / (t - first), rays[t], standing.along) > standing.drift:
            out.append((first, t))
            first, total = t, np.zeros(3)
        total = total + place
    return [*out, (first, len(places))]


def _hysteresis(speed: Floats, usable: Bools, times: Floats, standing: Standing) -> Bools:
    on = np.zeros(len(speed), dtype=bool)
    state = False
    for t in range(len(speed)):
        limit = standing.fast if state else standing.slow
        state = bool(usable[t]) and bool(speed[t] < limit)
        on[t] = state
    # Back in time too: a foot stands from when it began to be slow.
    for t in range(len(speed) - 2, -1, -1):
        if on[t + 1] and not on[t] and usable[t] and speed[t] < standing.fast:
            on[t] = True
    for a, b in runs(~on):
        # One that stays low may be mistaken for longer than one that seems to be lifted.
        longest = standing.gap_s * (2 if usable[a:b].all() else 1)
        if a > 0 and b < len(on) and times[b] - times[a - 1] <= longest:
            on[a:b] = True
    return on
