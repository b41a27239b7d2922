"""The same body, live: each frame as it comes, from those before it.

    capture = LiveCapture(height=1.82)
    for result in Pose("body-3d").track(0, stream=True):
        for moment in capture.update(result):
            ...

A frame costs one Gauss-Newton step from the pose before, of which each joint takes the share that a One-Euro filter
would: little at rest, nearly all in motion. Bones are measured over the first seconds and then ever more slowly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import exp as e_to
from math import log, pi

import numpy as np
from numpy.typing import NDArray

from poise.frames import Media, continues
from poise.mocap import quaternions as quat
from poise.mocap.body import ROOT, Body, Pose
from poise.mocap.fitting import Anatomy, Pins, bounded, normal, settle
from poise.mocap.ground import MARKS, PRIOR_S, Standing, axes_of, sole_heights
from poise.mocap.guessing import guess
from poise.mocap.landmarks import SKELETON, Landmarks
from poise.mocap.measuring import HEIGHT, measure
from poise.mocap.motion import MotionFrame
from poise.mocap.rig import Rig
from poise.mocap.sight import HIPS, Camera, Sight, axes_up, certainty, distances, looked, seen
from poise.mocap.solving import FOV, check
from poise.mocap.trust import trusted
from poise.results import Results

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """How quickly a live body follows; One-Euro's settings, for joints and for the hips.

    Attributes:
        rest_hz: Cutoff at rest.
        turn_hz: Rise of a joint's cutoff for each radian a second.
        move_hz: Rise of the hips' cutoff for each metre a second.
        speed_hz: Cutoff of the speed's own low-pass.
        away_hz: Cutoff of how far away somebody is.
        deep: Standard deviation of a step of the hips along the view, metres at 30 frames a second.
        error: The same of the error of depth.
        twists: Extra curvature that holds each number where it was, per square radian: what nothing is seen of stays.
    """

    rest_hz: float = 0.7
    turn_hz: float = 4.0
    move_hz: float = 12.0
    speed_hz: float = 1.5
    away_hz: float = 0.5
    twists: float = 40.0
    deep: float = 0.03
    error: float = 0.003


# Somebody not seen for so long is forgotten, seconds.
FORGET_S = 1.0
# Bones are measured over so many frames at most, spread evenly over the time since somebody came; and are measured
# again when half as many have come as there were. A measured length is approached with this time constant, seconds.
_MEMORY, _EASE_S = 240, 0.7
# The points are this many standard deviations off, in the middle, for so many frames: the fit has lost the body.
_LOST, _LOST_FRAMES = 4.0, 3
# A joint that turns further than this in one step asks for a second; none turns faster than this, radians a second.
_FAST, _MOST_SPEED = 0.2, 30.0
_UP = np.array([0.0, 1.0, 0.0])
# Seconds after which what was seen of the ground and of the way up counts a third.
_GROUND_S, _UP_S = 1.0, 20.0
# The same for a sole that is below the ground.
_SINK_S = 2.0
# Cutoffs of where a sole is, of its speed, and with which the place where it is held follows, Hz; a held sole comes and
# goes over so many seconds.
_PLACE_HZ, _SPEED_HZ, _CREEP_HZ, _HOLD_S = 3.0, 2.0, 0.1, 0.2
# What a trunk tells of the way up beside a body that stands.
_SITS = 0.03
# With which cutoff the way up is followed, Hz, and how fast it turns at most, radians a second.
_TILT_HZ, _TILT_SPEED = 0.3, 0.15


class LiveCapture:
    """Turns results of ``body-3d`` into moving bones, frame by frame; one state an id, no look-ahead.

    Args:
        height: How tall people are, metres; None: 1.70.
        fov: Field of view along the longer side of the picture, degrees.
        smooth: How quiet it becomes: 1 as it is tuned; more is calmer and later.
        foot_lock: Hold feet where they stand.

    Raises:
        ValueError: A number is not sensible.
    """

    def __init__(
        self, height: float | None = None, *, fov: float = FOV, smooth: float = 1.0, foot_lock: bool = True
    ) -> None:
        check(height, fov)
        if not 0 < smooth <= 10:
            raise ValueError(f"smooth must be above 0 and at most 10, got {smooth}")
        self.height, self.fov, self.smooth, self.foot_lock = height or HEIGHT, fov, smooth, foot_lock
        self._common = Rig.of_height(self.height)
        self._body = Body(self._common, Landmarks.of(self._common, self.height))
        self._anatomy = Anatomy(self._body)
        self.reset()

    def reset(self) -> None:
        """Forget everybody."""
        self._people: dict[int, _Follower] = {}
        self._media: Media | None = None

    @property
    def lag_s(self) -> float:
        """By how many seconds the joints that move come late, as of the last frame; at rest, those at rest."""
        lags = [one.lag_s for one in self._people.values()]
        return float(np.mean(lags)) if lags else 0.0

    def update(self, results: Results) -> list[MotionFrame]:
        """Return a moment of everybody who is in the frame.

        Args:
            results: One frame of ``body-3d``, tracked; without ids its most confident person is id 1.

        Raises:
            ValueError: The points have no xyz.
        """
        points = results.keypoints
        if results.skeleton.name != SKELETON or (len(results) and not np.isfinite(points.xyz).any()):
            raise ValueError(
                f"{results.path}: live motion capture needs points in space, which body-3d gives "
                f"({SKELETON} with xyz), got {results.skeleton.name}"
            )
        if not continues(results.media, self._media, scene=False):
            self._people = {}
        self._media = results.media
        time = results.time
        for id in [i for i, one in self._people.items() if time - one.time > FORGET_S or time < one.time]:
            del self._people[id]
        height, width = results.orig_shape
        camera = Camera.of((width, height), self.fov)
        return [self._follow(id, row, results, camera) for id, row in _rows(results)]

    def _follow(self, id: int, row: int, results: Results, camera: Camera) -> MotionFrame:
        points = results.keypoints
        xy = np.asarray(points.xy[row], dtype=np.float64)
        xyz = axes_up(points.xyz[row])
        conf = np.ones(len(xy)) if points.conf is None else np.asarray(points.conf[row], dtype=np.float64)
        sure = certainty(conf, xy, xyz)
        one = self._people.get(id)
        if one is None:
            one = self._people[id] = _Follower(self._body, self._anatomy, self.height, self.smooth, self.foot_lock)
        return one.step(id, results.time, camera.rays(xy), xyz, sure)


def _rows(results: Results) -> Iterator[tuple[int, int]]:
    """Yield id and row of everybody who is to be followed."""
    ids = results.boxes.id
    if ids is not None:
        for row, id in enumerate(np.nan_to_num(np.asarray(ids)).astype(int).tolist()):
            if id > 0:
                yield id, row
    elif len(results):
        yield 1, int(np.argmax(np.asarray(results.boxes.conf)))


@dataclass(slots=True)
class _Foot:
    """A sole's point: where it seems to be, and where it is held."""

    place: Floats
    speed: float = 1.0
    stands: bool = False
    anchor: Floats | None = None
    hold: float = 0.0  # 0 free to 1 firm


@dataclass(eq=False)
class _Follower:
    """Follows one person."""

    body: Body
    anatomy: Anatomy
    height: float
    smooth: float
    foot_lock: bool
    response: Response = field(default_factory=Response)
    standing: Standing = field(default_factory=Standing)
    time: float = -1.0
    lag_s: float = 0.0
    pose: Pose | None = None
    _lost: int = 0

    def __post_init__(self) -> None:
        self._speed: Floats = np.zeros(self.body.size)
        self._groups, self._every = _groups(self.body), np.arange(self.body.size)
        self._away, self._trend = float("nan"), 0.0
        self._upright, self._turn, self._turn_goal = _UP * PRIOR_S, quat.IDENTITY, quat.IDENTITY
        self._level = float("nan")
        self._origin = np.zeros(3)
        self._feet: list[_Foot] = []
        self._gain = 1.0
        self._goal: tuple[Rig, float] | None = None
        self._kept: list[tuple[Floats, Floats]] = []
        self._stride, self._count, self._measured = 1, 0, 0

    def step(self, id: int, time: float, rays: Floats, xyz: Floats, sure: Floats) -> MotionFrame:
        """Follow for one frame."""
        dt = max(time - self.time, 1e-3) if self.pose is not None else 1 / 30
        self.time = time
        view = looked(rays)
        self._range(float(distances(rays, xyz, sure, view[0])), dt)
        self._measure(rays, xyz, sure, view, dt)
        sight = seen(rays, xyz, sure, np.asarray(self._away), self._gain, self.body.landmarks, view)
        matrix = quat.to_matrix(self._turn).T
        sight = Sight(sight.points @ matrix, sight.rays @ matrix, sight.across, sight.along)
        if self.pose is None:
            self.pose = settle(self.body, self.anatomy, guess(self.body, self.anatomy, sight), sight)
            self._origin = self.pose.root * (1.0, 0.0, 1.0)
            self._feet = [_Foot(place) for place in sight.points[MARKS]]
        pins = self._pins(sight, sure, dt)
        off = self._advance(self.pose, sight, pins, dt)
        placed = self.body.place(self.pose)
        self._stand(placed.points[MARKS], sure, dt)
        if self._count % 5 == 0:
            self._look_up(sure, 5 * dt)
        self._right(dt)
        root = self.pose.root - self._origin - _UP * self._level
        contact = [any(f.stands for f in feet) for feet in (self._feet[:2], self._feet[2:])]
        rig = self.body.rig
        return MotionFrame(
            id, time, rig, self.pose.rotations.copy(), root, trusted(rig, sure, off), np.array(contact, dtype=bool)
        )

    def _range(self, raw: float, dt: float) -> None:
        """Follow how far away the person is, in metres of xyz: with its trend, so that a walk towards the camera is not
        late (a fading-memory filter of constant velocity, in the logarithm).
        """
        if not np.isfinite(self._away):
            self._away, self._trend = (raw if np.isfinite(raw) else 3.0), 0.0
            return
        keep = e_to(-2 * pi * self.response.away_hz / self.smooth * dt)
        ahead = log(self._away) + self._trend * dt
        miss = log(raw) - ahead if np.isfinite(raw) else 0.0
        self._trend += (1 - keep) ** 2 / dt * miss
        self._away = e_to(ahead + (1 - keep**2) * miss)

    def _advance(self, pose: Pose, sight: Sight, pins: Pins | None, dt: float) -> Floats:
        """Take one step towards what is seen; returns how far the points are off."""
        first = self._newton(pose, sight, pins, dt)
        goal = self.body.moved(pose, first)
        if np.abs(first[ROOT:-1]).max() > _FAST:
            # Far from where it was, one step is not enough.
            goal = self.body.moved(goal, self._newton(goal, sight, pins, dt))
        off = _off(self.body.place(goal).points, goal, sight)
        known = np.sort(off[sight.across > 0])
        self._lost = self._lost + 1 if len(known) and known[len(known) // 2] > _LOST else 0
        if self._lost >= _LOST_FRAMES:
            goal = settle(self.body, self.anatomy, guess(self.body, self.anatomy, sight), sight)
            self._lost = 0
        step = self.body.between(goal, pose)
        most = _MOST_SPEED * dt
        step[ROOT:-1] = np.minimum(np.maximum(step[ROOT:-1], -most), most)
        self.pose = self.body.moved(pose, step * self._shares(step, dt))
        return off

    def _newton(self, pose: Pose, sight: Sight, pins: Pins | None, dt: float) -> Floats:
        """Return a step towards what is seen."""
        curve, slope, _ = normal(self.body, self.anatomy, pose, sight, pins=pins)
        # What was known of each number a moment ago counts less the longer ago it is.
        patience = max(30 * dt, 1.0)
        curve[self._every, self._every] += self.response.twists / patience
        # How far away somebody is changes slowly, and is seen badly; its error more slowly still.
        curve[-1, -1] += 1 / (self.response.error**2 * patience)
        view = pose.root / np.sqrt(pose.root @ pose.root)
        curve[:ROOT, :ROOT] += view[:, None] * view / (self.response.deep**2 * patience)
        return bounded(np.asarray(-np.linalg.solve(curve, slope), dtype=np.float64))

    def _shares(self, step: Floats, dt: float) -> Floats:
        """Return ``(D,)`` the share of a step that is taken: One-Euro, one cutoff for each joint.

        Source:
            Casiez, Roussel and Vogel, 1€ Filter, CHI 2012.
        """
        r = self.response
        self._speed += _share(r.speed_hz, dt) * (step / dt - self._speed)
        energy = np.sqrt(self._groups @ np.square(self._speed))
        rise = np.full(len(step), r.turn_hz)
        rise[:ROOT] = r.move_hz
        hertz = (r.rest_hz + rise * energy) / self.smooth
        hertz[-1] = r.away_hz
        moving = energy[ROOT:-1]
        self.lag_s = float((moving / (2 * pi * hertz[ROOT:-1])).sum() / max(moving.sum(), 1e-9))
        return np.asarray(1 - np.exp(-2 * pi * hertz * dt))

    def _pins(self, sight: Sight, sure: Floats, dt: float) -> Pins | None:
        """Find out which points of the soles stand, from where they are seen, and hold those."""
        s = self.standing
        share = _share(_PLACE_HZ, dt)
        assert self.pose is not None
        shift = sight.rays[MARKS] * self.pose.depth
        heights = sole_heights(self.body)
        # The lower foot may stand wherever it is; the other one, where that one is or the ground was.
        bottom = min((f.place[1] - h for f, h in zip(self._feet, heights, strict=True)), default=0.0)
        if np.isfinite(self._level):
            bottom = max(bottom, self._level)
        held, weights = np.zeros((len(MARKS), 3)), np.zeros((len(MARKS), 3))
        for m, foot in enumerate(self._feet):
            ray, seen_at = sight.rays[MARKS[m]], sight.points[MARKS[m]] + shift[m]
            usable = sure[MARKS[m]] > 0.2
            moved = (seen_at - foot.place) * share if usable else np.zeros(3)
            foot.place = foot.place + moved
            flat = moved - (moved @ ray) * ray * (1 - s.along)
            foot.speed += _share(_SPEED_HZ, dt) * (float(np.sqrt(flat @ flat)) / dt - foot.speed)
            low = foot.place[1] - heights[m] - bottom < 1.5 * s.low
            foot.stands = usable and low and foot.speed < (s.fast if foot.stands else s.slow)
            if foot.stands and foot.anchor is not None:
                away = foot.place - foot.anchor
                away = away - (away @ ray) * ray * (1 - s.along)
                foot.stands = float(np.sqrt(away @ away)) < s.drift
            if foot.stands and foot.anchor is None:
                foot.anchor = self.body.place(self.pose).points[MARKS[m]].copy()
            foot.hold = min(max(foot.hold + (dt if foot.stands else -dt) / _HOLD_S, 0.0), 1.0)
            if foot.hold == 0.0:
                foot.anchor = None
            elif foot.anchor is not None:
                # It creeps to where the foot is seen: nothing pops when it is let go.
                foot.anchor = foot.anchor + _share(_CREEP_HZ, dt) * (foot.place - foot.anchor)
                held[m], weights[m] = foot.anchor, 10.0 ** (-3 * (1 - foot.hold)) / s.firm**2
        return Pins(MARKS, held, weights) if self.foot_lock and weights.any() else None

    def _stand(self, soles: Floats, sure: Floats, dt: float) -> None:
        """Follow the height of the ground: quickly down to a sole that is below it, slowly up to those that stand."""
        low = soles[:, 1] - sole_heights(self.body)
        if not np.isfinite(self._level):
            self._level = float(low.min())
        usable = sure[MARKS] > 0.2
        if not usable.any():
            return
        lowest = float(low[usable].min())
        if lowest < self._level:
            self._level += (1 - e_to(-dt / _SINK_S)) * (lowest - self._level)
        stands = [m for m, foot in enumerate(self._feet) if foot.stands and usable[m]]
        if stands:
            self._level += (1 - e_to(-dt / _GROUND_S)) * (float(np.mean(low[stands])) - self._level)

    def _look_up(self, sure: Floats, dt: float) -> None:
        """Follow which way is up, in the camera's axes, from how the person stands."""
        assert self.pose is not None
        back = quat.inverse(self._turn)
        rotations = self.pose.rotations.copy()
        rotations[0] = quat.multiply(back, rotations[0])
        one = self.pose.replace(root=quat.rotate(back, self.pose.root), rotations=rotations)
        whole, trunk, stands, sits = axes_of(self.body, one, self.body.place(one), sure)
        # What is older counts less and less.
        self._upright = self._upright * e_to(-dt / _UP_S) + dt * (stands * whole + _SITS * (1 - stands) * sits * trunk)
        self._turn_goal = quat.between(self._upright, _UP)

    def _right(self, dt: float) -> None:
        """Turn a little towards the way up that was found."""
        change = quat.multiply(self._turn_goal, quat.inverse(self._turn))
        far = float(quat.angle(change))
        if far > 1e-4:
            share = min(_share(_TILT_HZ, dt), _TILT_SPEED * dt / far)
            self._tilt(quat.slerp(quat.IDENTITY, change, np.asarray(share)))

    def _tilt(self, change: Floats) -> None:
        """Turn everything about the camera, and let the person stay where they stand."""
        assert self.pose is not None
        self._turn = quat.normalise(quat.multiply(change, self._turn))
        feet = np.array([foot.place for foot in self._feet]).mean(axis=0)
        shift = quat.rotate(change, feet) - feet
        self._origin = self._origin + shift * (1.0, 0.0, 1.0)
        self._level += float(shift[1])
        rotations = self.pose.rotations.copy()
        rotations[0] = quat.multiply(change, rotations[0])
        self.pose = self.pose.replace(root=quat.rotate(change, self.pose.root), rotations=rotations)
        for foot in self._feet:
            foot.place = quat.rotate(change, foot.place)
            if foot.anchor is not None:
                foot.anchor = quat.rotate(change, foot.anchor)

    def _measure(self, rays: Floats, xyz: Floats, sure: Floats, view: tuple[Floats, Floats], dt: float) -> None:
        """Keep points to measure bones from, measure them now and then, and ease the bones towards what was found."""
        if self._count % self._stride == 0:
            away = np.asarray(self._away)
            first = seen(rays, xyz, sure, away, 1.0, self.body.landmarks, view).points
            self._kept.append((first - first[HIPS].mean(axis=0), sure))
            if len(self._kept) > _MEMORY:
                # Half as dense, over twice the time: bounded, and the bones settle.
                self._kept = self._kept[::2]
                self._stride *= 2
        self._count += 1
        if len(self._kept) >= 5 and self._count >= max(1.5 * self._measured, 5):
            self._measured = self._count
            points, weights = (np.array(part) for part in zip(*self._kept, strict=True))
            found = measure(points, weights, self.height)
            self._goal = (found.rig, found.gain)
            if self._count <= 5:
                self._fit(found.rig, found.gain)
        if self._goal is not None:
            rig, gain = self._goal
            share = 1 - e_to(-dt / _EASE_S)
            away_from = np.abs(rig.offsets - self.body.rig.offsets).max()
            if away_from > 1e-5:
                offsets = self.body.rig.offsets + share * (rig.offsets - self.body.rig.offsets)
                self._fit(Rig(rig.bones, offsets, rig.tips), self._gain + share * (gain - self._gain))
            else:
                self._goal = None

    def _fit(self, rig: Rig, gain: float) -> None:
        self._gain = gain
        self.body = self.body.stretched(rig, self.body.landmarks)


def _off(points: Floats, pose: Pose, sight: Sight) -> Floats:
    """Return ``(K,)`` how many standard deviations points are off."""
    off = points - sight.points - pose.depth * sight.rays
    deep = (off * sight.rays).sum(-1)
    squares = sight.across * (np.square(off).sum(-1) - np.square(deep)) + sight.along * np.square(deep)
    return np.asarray(np.sqrt(np.maximum(squares, 0.0)))


def _share(hertz: float, dt: float) -> float:
    """Return the share of a step that a first-order low-pass takes."""
    return 1 - e_to(-2 * pi * hertz * dt)


def _groups(body: Body) -> Floats:
    """Return ``(D, D)``: which numbers are of one joint, and move as quickly as it does."""
    out = np.zeros((body.size, body.size))
    for at in (slice(0, ROOT), *(body.columns(int(b)) for b in (*body.balls, *body.hinged)), slice(-1, None)):
        out[at, at] = 1.0
    return out
