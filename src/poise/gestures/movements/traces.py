"""Movements as series of vectors: what a body, a hand or both do, at a fixed rate and free of place, size and speed.

Each row says how the parts lie to each other and what moved within the last moment, so that a position that is held
differs from one that is passed through.

Source:
    Zanfir, Leordeanu, Sminchisescu, The Moving Pose (ICCV 2013): normalised positions together with their changes.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

from poise.bodies import hands as hand_measures
from poise.bodies.scale import median_trunk
from poise.geometry import Bools, Floats
from poise.gestures.movements.observations import Observation
from poise.skeletons import get

Part = Literal["hand", "body", "both"]
PARTS: tuple[Part, ...] = ("hand", "body", "both")
# Rows a second. The shortest movement that people make on purpose, a punch or a flick, lasts a quarter of a second,
# which is five rows; more rows only cost time.
RATE = 20.0
# Rows over which a change is taken: 0.15 s, long enough to stand out from the networks' noise.
BACK = 3
# What was not seen for longer than this is not bridged, seconds; the bundled hand model loses a fast hand that long.
_BRIDGE_S = 0.3
# From this gap on, seconds, it is another stretch: nothing before it belongs to a movement after it.
RESTART_S = 1.0
# Points of a body below this are not compared; the bundled networks' points begin to lie well from here.
_MIN_POINT = 0.3
# The length that positions are divided by is the median of the last so many rows: 2 s. It may not jump with one bad
# frame, and has to follow somebody who comes nearer.
_SCALE_ROWS = 40
# No limb is further away than this many trunks; what seems to be is a wrong point, and is kept from looking worse.
FARTHEST = 2.5
# Body points that are compared and what each is measured from, by keypoints of coco17: arms and head from the middle of
# the shoulders, legs from the middle of the hips. Source of the indices: skeletons/coco17.toml.
_UPPER, _LOWER = np.array([0, 7, 8, 9, 10]), np.array([13, 14, 15, 16])
_CHAINS = ((5, 6), (11, 12))
# The same of blazepose33, whose points come in space; they are turned about the vertical so that shoulders and hips lie
# across, and a movement is then the same from every side. Source of the indices: skeletons/blazepose33.toml.
SPACE = "blazepose33"
_SPACE_UPPER, _SPACE_LOWER = np.array([0, 13, 14, 15, 16]), np.array([25, 26, 27, 28])
_SPACE_CHAINS = ((11, 12), (23, 24))
# Of skeletons with more points than this, such as a face's mesh, only the places are compared and how the middle goes:
# neighbours say the same, and every column costs time.
_MANY = 40
# One sees a hand's shape by its bends (in these many degrees) and by where it points.
_BEND_UNIT = 90.0
_THUMB = hand_measures.NAMES.index("thumb_open")


@dataclass(frozen=True, slots=True)
class TraceColumns:
    """What the columns of a trace are.

    Attributes:
        names: One a column.
        hand: ``(D,)`` whether a column is of a hand's shape; one side seeing a hand and the other not is then a
            difference, not a gap.
        partner: ``(D,)`` the column of the other side.
        sign: ``(D,)`` what the column is multiplied by when left and right are exchanged.
    """

    names: tuple[str, ...]
    hand: Bools
    partner: np.ndarray
    sign: Floats


class Tracer:
    """Turns observations at irregular times into rows at :data:`RATE`.

    Args:
        part: ``"hand"``, ``"body"``, or ``"both"``: a body and the shapes of its hands.
        skeleton: Name of the body's skeleton; other ones than coco17 give their points round their middle.
    """

    def __init__(self, part: Part, skeleton: str = "coco17") -> None:
        self.part: Part = part
        self.skeleton = "hand21" if part == "hand" else skeleton
        self._scales: deque[float] = deque(maxlen=_SCALE_ROWS)
        self._before: tuple[float, Floats] | None = None
        self._rows: deque[Floats] = deque(maxlen=BACK)
        self._next = 0.0
        self._middle: Floats | None = None
        self._way: Floats = np.zeros(2)

    @property
    def columns(self) -> TraceColumns:
        """What the columns are."""
        return trace_columns(self.part, self.skeleton)

    def add(self, time: float, observation: Observation) -> tuple[Floats, Floats]:
        """Take the next observation.

        Args:
            time: Seconds, rising.
            observation: What was seen.

        Returns:
            ``(R,)`` times and ``(R, D)`` rows that are complete now; R is often 0 or 1.
        """
        now = self._pose(observation)
        if self._before is None or not 0 < time - self._before[0] < RESTART_S:
            self._rows.clear()
            self._before, self._next = (time, now), time
        then, old = self._before
        count = math.floor((time - self._next) * RATE + 1e-6) + 1
        times = self._next + np.arange(count) / RATE
        self._next += count / RATE
        if not count:
            self._before = (time, now)
            return times, np.empty((0, len(self.columns.names)))
        share = ((times - then) / (time - then) if time > then else np.ones(count))[:, None]
        between = old + share * (now - old)
        # A point seen on one side only keeps that side's place; a long gap stays one.
        if time - then <= _BRIDGE_S:
            held = np.where(np.isfinite(old), old, now)
            between = np.where(np.isfinite(between), between, held)
        self._before = (time, now)
        return times, np.stack([self._changed(row) for row in between])

    def _changed(self, pose: Floats) -> Floats:
        """Add to a row what changed within the last moment."""
        past = self._rows[0] if self._rows else pose
        self._rows.append(pose)
        places, moving = _layout(self.part, self.skeleton)
        row: Floats = np.concatenate([pose[places], pose[moving] - past[moving]])
        return np.clip(row, -FARTHEST, FARTHEST)

    def _pose(self, observation: Observation) -> Floats:
        if self.part == "hand":
            return self._hand_pose(observation)
        if self.skeleton == SPACE:
            return self._space_pose(observation.xyz)
        seen = np.where((observation.conf >= _MIN_POINT)[:, None], observation.xy, np.nan).astype(np.float64)
        body = self._body_pose(seen) if self.skeleton == "coco17" else self._other_pose(seen)
        if self.part == "body":
            return body
        shapes = np.full((2, _SHAPE), np.nan)
        if observation.hands is not None and observation.flat is not None:
            there = np.isfinite(observation.flat[:, 0, 0])
            if there.any():
                shapes[there] = _shapes(
                    observation.flat[there], observation.hands[there], np.array([True, False])[there]
                )
        return np.concatenate([body, shapes.ravel()])

    def _scaled(self, size: float) -> float:
        if np.isfinite(size) and size > 0:
            self._scales.append(size)
        return float(np.median(self._scales)) if self._scales else float("nan")

    def _went(self, middle: Floats, scale: float) -> Floats:
        """Return the ``(2,)`` way gone so far in the unit of its time, so that a change of the unit is no movement."""
        if np.isfinite(middle).all() and np.isfinite(scale):
            if self._middle is not None:
                self._way = self._way + (middle - self._middle) / scale
            self._middle = middle
            return self._way
        return np.full(2, np.nan)

    def _body_pose(self, seen: Floats) -> Floats:
        scale = self._scaled(median_trunk(seen[None]))
        shoulders, hips = (seen[list(pair)].mean(axis=0) for pair in _CHAINS)
        upper = (seen[_UPPER] - shoulders) / scale
        lower = (seen[_LOWER] - hips) / scale
        pose: Floats = np.concatenate(
            [upper.ravel(), ((hips - shoulders) / scale), lower.ravel(), self._went(shoulders, scale)]
        )
        return pose

    def _space_pose(self, xyz: Floats | None) -> Floats:
        """Return places in space. Hidden points count too: the network believes places for them that serve."""
        if xyz is None or not np.isfinite(xyz).all():
            return np.full(3 * (len(_SPACE_UPPER) + 1 + len(_SPACE_LOWER)), np.nan)
        points = np.asarray(xyz, dtype=np.float64)
        across = sum(points[left] - points[right] for left, right in _SPACE_CHAINS)
        away = math.hypot(across[0], across[2])
        cos, sin = (across[0] / away, across[2] / away) if away > 0 else (1.0, 0.0)
        points = points @ np.array([[cos, 0.0, -sin], [0.0, 1.0, 0.0], [sin, 0.0, cos]])
        shoulders, hips = (points[list(pair)].mean(axis=0) for pair in _SPACE_CHAINS)
        scale = self._scaled(float(np.linalg.norm(shoulders - hips)))
        pose: Floats = np.concatenate(
            [points[_SPACE_UPPER] - shoulders, [hips - shoulders], points[_SPACE_LOWER] - hips]
        )
        return (pose / scale).ravel()

    def _other_pose(self, seen: Floats) -> Floats:
        if not np.isfinite(seen).any():
            return np.full(seen.size + 2, np.nan)
        middle = np.nanmean(seen, axis=0)
        scale = self._scaled(float(np.nanmean(np.linalg.norm(seen - middle, axis=-1))))
        pose: Floats = np.concatenate([((seen - middle) / scale).ravel(), self._went(middle, scale)])
        return pose

    def _hand_pose(self, observation: Observation) -> Floats:
        xy = observation.xy.astype(np.float64)
        if not np.isfinite(xy).all():
            return np.full(_SHAPE + 2, np.nan)
        flat = hand_measures.spatial(xy[None], None)
        scale = self._scaled(float(hand_measures.palm_size(flat)[0]))
        space = hand_measures.spatial(xy[None], None if observation.xyz is None else observation.xyz[None])[0]
        pose: Floats = np.concatenate(
            [
                _shapes(xy[None], space[None], np.array([observation.left]))[0],
                self._went(xy[[0, 5, 17]].mean(axis=0), scale),
            ]
        )
        return pose


# Five bends, the thumb, where the hand points and where the palm faces.
_SHAPE = 12


def _shapes(flat: Floats, space: Floats, left: Bools) -> Floats:
    """Return the ``(N, 12)`` shapes and directions of hands.

    Args:
        flat: ``(N, 21, 2)`` pixels.
        space: ``(N, 21, 3)`` points in space.
        left: ``(N,)`` which are left hands, whose palms face the other way.
    """
    measures = hand_measures.hand_measures(flat, space)
    thumb = np.clip(measures[:, [_THUMB]], -1.5, 1.5) / 1.5
    along, across = space[:, 9] - space[:, 0], space[:, 17] - space[:, 5]
    across = np.where(left[:, None], -across, across)
    # The cross product, written out: numpy's own takes longer than everything else here.
    facing = along[:, [1, 2, 0]] * across[:, [2, 0, 1]] - along[:, [2, 0, 1]] * across[:, [1, 2, 0]]
    ways = np.stack([along, facing], axis=1)
    ways /= np.maximum(np.sqrt((ways**2).sum(axis=2, keepdims=True)), 1e-9)
    shapes: Floats = np.concatenate([measures[:, :5] / _BEND_UNIT, thumb, ways.reshape(-1, 6)], axis=1)
    return shapes


@cache
def _layout(part: Part, skeleton: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns of a pose that are compared as they are, and those whose change is."""
    if part == "hand":
        return np.arange(_SHAPE), np.arange(_SHAPE, _SHAPE + 2)
    if skeleton == SPACE:
        wrists = np.flatnonzero(np.isin(_SPACE_UPPER, (15, 16)))
        return np.arange(30), (3 * wrists[:, None] + np.arange(3)).ravel()
    if skeleton != "coco17":
        size = 2 * len(get(skeleton)) + 2
        return np.arange(size - 2), np.arange(size) if size <= 2 * _MANY + 2 else np.arange(size - 2, size)
    places = np.arange(2 * (len(_UPPER) + 1 + len(_LOWER)))
    root = np.array([len(places), len(places) + 1])
    wrists = np.arange(6, 10)
    hands = np.arange(len(places) + 2, len(places) + 2 + 2 * _SHAPE) if part == "both" else np.empty(0, dtype=np.intp)
    return np.concatenate([places, hands]), np.concatenate([wrists, root])


@cache
def trace_columns(part: Part, skeleton: str) -> TraceColumns:
    """Return what the columns of a trace of this part and skeleton are."""
    fingers = ("thumb_bend", "index_bend", "middle_bend", "ring_bend", "pinky_bend", "thumb_open")
    shape = [*fingers, *(f"{way}_{axis}" for way in ("points", "faces") for axis in "xyz")]
    twins = {"left_hand": "right_hand", "right_hand": "left_hand"}
    # Each column is something, x and y mostly, of a place.
    if part == "hand":
        found = [("hand", one) for one in shape] + [("hand", "moved_x"), ("hand", "moved_y")]
    else:
        body = get(skeleton)
        points = list(body.keypoints)
        twins |= {points[k]: points[twin] for k, twin in enumerate(body.flip_idx)}
        moving = [*points, "middle"] if len(points) <= _MANY else ["middle"]
        if skeleton == "coco17":
            points = [*(body.keypoints[k] for k in _UPPER), "hips", *(body.keypoints[k] for k in _LOWER)]
            moving = ["left_wrist", "right_wrist", "shoulders"]
        axes = "xy"
        if skeleton == SPACE:
            points = [*(body.keypoints[k] for k in _SPACE_UPPER), "hips", *(body.keypoints[k] for k in _SPACE_LOWER)]
            moving, axes = ["left_wrist", "right_wrist"], "xyz"
        found = [(point, axis) for point in points for axis in axes]
        found += [(side, one) for side in ("left_hand", "right_hand") for one in shape] if part == "both" else []
        found += [(point, f"moved_{axis}") for point in moving for axis in axes]
    return TraceColumns(
        tuple(f"{place}_{one}" for place, one in found),
        np.array([place in ("left_hand", "right_hand") for place, _ in found]),
        np.array([found.index((twins.get(place, place), one)) for place, one in found], dtype=np.intp),
        # In a mirrored picture x turns round.
        np.array([-1.0 if one == "x" or one.endswith("_x") else 1.0 for _, one in found]),
    )


def mirrored(trace: Floats, layout: TraceColumns) -> Floats:
    """Return the ``(T, D)`` trace of the same movement made with the other side."""
    turned: Floats = trace[:, layout.partner] * layout.sign
    return turned
