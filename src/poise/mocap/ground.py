"""Which way is up, where the ground is, and when a foot stands on it.

One camera does not say how it is tilted. People do: over a clip they stand upright, so the way from their feet to their
shoulders is up, whatever lean the network gives them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poise.filters.offline import runs
from poise.mocap.body import Body, Placed, Pose
from poise.mocap.fitting import Pins
from poise.mocap.landmarks import SOLES, point

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MARKS = np.array([point(name) for name in SOLES])
_UP = np.array([0.0, 1.0, 0.0])
# A point of the sole is this much lower than when it stands, metres, before the ground holds it.
SINKING = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """When a foot stands, and how firmly it is held then.

    Attributes:
        slow: A point of the sole that is slower than this comes to stand, metres a second.
        fast: One that is faster than this no longer stands.
        drift: A sole that is further than this from where it stood until now has moved on, metres.
        low: Highest it may be above the ground, metres.
        least_s: Shortest time for which a foot stands, seconds.
        gap_s: Longest time for which one may seem to move in between.
        along: Share of the speed along the view that counts: depth is unsure.
        firm: Standard deviation with which a foot is held, metres.
        blend_s: Time over which the hold comes and goes, seconds.
        touch_fast: Fastest a sole may be that only touches the ground: at the bottom of a jump, metres a second.
        touch_rise: Furthest it is above the lowest place of its touch, metres.
        touch_low: Highest that place may be above the ground, metres.
        touch_s: Shortest touch, seconds.
        touch_blend_s: Time over which the hold of a touch comes and goes, seconds.
    """

    slow: float = 0.25
    fast: float = 0.35
    drift: float = 0.12
    low: float = 0.07
    least_s: float = 0.1
    gap_s: float = 0.08
    along: float = 0.35
    firm: float = 0.001
    blend_s: float = 0.1
    touch_fast: float = 0.6
    touch_rise: float = 0.02
    touch_low: float = 0.1
    touch_s: float = 0.04
    touch_blend_s: float = 0.04


# Somebody counts as standing the less the more knees and hips are bent, at this many degrees a third; and not at all
# who leans further than this.
_BENT, _LEAN = 15.0, 45.0
# A sole that is slower than this rests, metres a second.
_AT_REST = 0.08
# Soles that rest so much deeper than the ground are on another one, metres: deeper than depth is off.
_STEP = 0.3
# Where soles stand in less than this share of the frames, nobody knows how high the ground is.
_KNOWN = 0.15
# Seconds of standing that are enough to know.
_ENOUGH_S = 0.5
# Seconds of standing that count as much as the picture's own vertical does, and how much a trunk alone counts.
PRIOR_S, TRUNK = 0.5, 0.03


def upright(body: Body, pose: Pose, placed: Placed, sure: Floats, duration: Floats) -> Floats:
    """Return ``(3,)`` the direction up.

    Args:
        body: Whose.
        pose: ``(T, …)``.
        placed: The same in space.
        sure: ``(T, K)`` how far the points are to be believed.
        duration: ``(T,)`` seconds of each frame.
    """
    whole, trunk, stands, sits = axes_of(body, pose, placed, sure)
    weight = duration * stands
    total = _UP * PRIOR_S + (weight[:, None] * whole).sum(0)
    # Who never stands straight has a trunk at least: it counts where that does not.
    missing = max(1 - weight.sum() / min(_ENOUGH_S, duration.sum()), 0.0)
    total = total + missing * TRUNK * ((duration * sits)[:, None] * trunk).sum(0)
    return np.asarray(_unit(total))


def axes_of(body: Body, pose: Pose, placed: Placed, sure: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return ``(…, 3)`` axes of the whole body and of the trunk, and ``(…)`` how far each tells what is up."""

    def mid(part: str) -> Floats:
        left, right = (placed.places[..., body.rig.row(f"{side}{part}"), :] for side in ("left", "right"))
        return np.asarray((left + right) / 2)

    def known(*parts: str) -> Floats:
        rows = [point(f"{s}_{part}") for part in parts for s in ("left", "right")]
        return np.asarray(sure[..., rows].min(axis=-1) > 0.3)

    shoulders, hips, feet = mid("UpperArm"), mid("UpperLeg"), mid("Foot")
    trunk, legs, whole = _unit(shoulders - hips), _unit(hips - feet), _unit(shoulders - feet)
    knees = [int(np.flatnonzero(body.hinged == body.rig.row(f"{s}LowerLeg"))[0]) for s in ("left", "right")]
    bends = np.maximum(np.arccos(np.clip((trunk * legs).sum(-1), -1.0, 1.0)), pose.hinges[..., knees, 0].max(axis=-1))
    lean = np.cos(np.radians(_LEAN))
    stands = np.exp(-np.square(bends / np.radians(_BENT))) * (
        known("ankle", "hip", "shoulder") & (whole[..., 1] > lean)
    )
    return whole, trunk, stands, known("hip", "shoulder") * (trunk[..., 1] > lean)


def _unit(v: Floats) -> Floats:
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9))


@dataclass(frozen=True, slots=True, eq=False)
class Contacts:
    """When and where soles stand.

    Attributes:
        level: Height of the ground, metres.
        marks: ``(T, 4)`` whether each point of :data:`~poise.mocap.landmarks.SOLES` stands.
        pins: What holds them there.
    """

    level: float
    marks: Bools
    pins: Pins

    @property
    def feet(self) -> Bools:
        """``(T, 2)`` whether the left and the right foot stand."""
        return np.stack([self.marks[:, :2].any(1), self.marks[:, 2:].any(1)], axis=1)


def contacts(body: Body, placed: Placed, sure: Floats, times: Floats, rays: Floats, standing: Standing) -> Contacts:
    """Find when soles stand, and where to hold them.

    Args:
        body: Whose.
        placed: ``(T, …)`` with y up.
        sure: ``(T, K)``.
        times: ``(T,)`` seconds.
        rays: ``(T, K, 3)`` directions from the camera.
        standing: When a sole stands.
    """
    rest = sole_heights(body)
    places = placed.points[:, MARKS]  # (T, 4, 3)
    seen = sure[:, MARKS] > 0.2
    speed = _speed(places, times, rays[:, MARKS], standing.along)
    low = places[..., 1] - rest
    level = ground_level(low, speed, seen, standing)
    floor = level + rest - SINKING if _is_flat(low, speed, seen, level, standing) else None
    # A clip of somebody cut off at the knees has no ground to stand on.
    usable = seen & (low - level < standing.low)
    marks = np.zeros(speed.shape, dtype=bool)
    held = np.zeros_like(places)
    weights = np.zeros_like(places)
    for m in range(len(MARKS)):
        on = _hysteresis(speed[:, m], usable[:, m], times, standing)
        stands = _stands(on, places[:, m], rays[:, MARKS[m]], times, standing)
        firm_ones = len(stands)
        touched = _touches(low[:, m] - level, speed[:, m], seen[:, m], times, standing)
        stands += [(a, b) for a, b in touched if not any(a < d and c < b for c, d in stands)]
        for n, (a, b) in enumerate(stands):
            at = slice(a, b)
            blend = standing.blend_s if n < firm_ones else standing.touch_blend_s
            marks[at, m] = True
            where = np.median(places[at, m], axis=0)
            flat = level + rest[m]
            if (floor is not None and where[1] < flat) or abs(where[1] - flat) < standing.touch_low:
                where[1] = flat
            # Firm while it stands; before and after, the hold fades as a power: a spring that is a thousandth as stiff
            # already yields to what is seen.
            outside = np.maximum(np.maximum(times[a] - times, times - times[b - 1]), 0.0)
            firm = 10.0 ** (-3 * outside / blend) / standing.firm**2
            stronger = (outside < blend) & (firm > weights[:, m, 0])
            held[stronger, m], weights[stronger, m] = where, firm[stronger, None]
    if marks.any(axis=1).mean() < _KNOWN:
        floor = None
    return Contacts(level, marks, Pins(MARKS, held, weights, floor))


def held_feet(body: Body, placed: Placed, standing: Contacts, times: Floats) -> Bools:
    """Return ``(T, 2)`` whether the left and the right foot stand in a solved movement: held there, and at rest."""
    if len(times) < 2:
        return standing.feet
    speed = np.linalg.norm(np.gradient(placed.points[:, MARKS], times, axis=0), axis=-1)
    still = standing.marks & (speed < _AT_REST)
    return np.stack([still[:, :2].any(1), still[:, 2:].any(1)], axis=1)


def sole_heights(body: Body) -> Floats:
    """Return ``(4,)`` how high the points of the soles are above the ground at rest."""
    return np.asarray(body.rest_heights[MARKS])


def ground_level(low: Floats, speed: Floats, seen: Bools, standing: Standing) -> float:
    """Return the height of the ground from ``(T, 4)`` heights of the soles' points less what they have at rest."""
    still = seen & (speed < standing.slow)
    values = low[still] if still.sum() >= 3 else low[seen]
    if not len(values):
        values = low.min(axis=1)
    # Where feet stand, most of their points are on the ground; a lifted foot that is still is above it.
    return float(np.percentile(values, 40 if still.sum() >= 3 else 5))


def _is_flat(low: Floats, speed: Floats, seen: Bools, level: float, standing: Standing) -> bool:
    """Return whether soles rest nowhere far below the ground: there are no stairs that lead down."""
    still = low[seen & (speed < standing.slow)]
    return len(still) < 3 or float(np.percentile(still, 5)) > level - _STEP


def _speed(places: Floats, times: Floats, rays: Floats, along: float) -> Floats:
    """Return ``(T, 4)`` metres a second; what is along the view counts ``along`` of it."""
    if len(times) < 2:
        return np.zeros(places.shape[:2])
    moved = np.gradient(places, times, axis=0)
    deep = (moved * rays).sum(-1, keepdims=True) * rays
    return np.asarray(np.linalg.norm(moved - deep * (1 - along), axis=-1))


def _stands(on: Bools, places: Floats, rays: Floats, times: Floats, standing: Standing) -> list[tuple[int, int]]:
    """Return first frame and end of each time for which a sole stands in one place, long enough."""
    out = []
    for low, high in runs(on):
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


def _touches(low: Floats, speed: Floats, seen: Bools, times: Floats, standing: Standing) -> list[tuple[int, int]]:
    """Return first frame and end of each time for which a sole touches the ground between two flights.

    A jump's landing is soon over, and points of networks come through it without ever quite stopping: it is where a
    sole is lowest, and about to rise again.
    """
    out: list[tuple[int, int]] = []
    near = seen & (speed < standing.touch_fast) & (low < standing.touch_low)
    for a, b in runs(near):
        bottom = a + int(np.argmin(low[a:b]))
        if bottom in (0, len(low) - 1):
            continue
        close = low[a:b] < low[bottom] + standing.touch_rise
        first, end = next((a + i, a + j) for i, j in runs(close) if a + i <= bottom < a + j)
        step = (times[end - 1] - times[first]) / max(end - 1 - first, 1)
        if speed[first:end].min() >= standing.slow:
            continue  # it only passes by
        if end - first >= 2 and times[end - 1] - times[first] + step >= standing.touch_s:
            out.append((first, end))
    return out


def _anchored(places: Floats, rays: Floats, standing: Standing) -> list[tuple[int, int]]:
    """Split a stretch where the sole is no longer where it stood on average until then."""
    out, first = [], 0
    total = np.zeros(3)
    for t, place in enumerate(places):
        if t > first:
            away = place - total / (t - first)
            deep = (away @ rays[t]) * rays[t]
            if np.linalg.norm(away - deep * (1 - standing.along)) > standing.drift:
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
        if a > 0 and b < len(on) and times[b] - times[a - 1] <= standing.gap_s:
            on[a:b] = True
    return on
