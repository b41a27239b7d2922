"""The same body, live: each frame as it comes, from those before it.

    capture = LiveCapture(height=1.82)
    for result in Pose("body-3d").track(0, stream=True):
        for moment in capture.update(result):
            ...

A frame costs one Gauss-Newton step from the pose before, of which each joint takes the share that a One-Euro filter
would: little at rest, nearly all in motion. Bones are measured over the first seconds and then ever more slowly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import cos, hypot, log, pi, sin
from math import exp as e_to
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poise.frames import Media, continues
from poise.mocap.body import ROOT, Body, Placed, Pose, product, quat_matrix
from poise.mocap.calibrating import Waiting, check_pose
from poise.mocap.fitting import Anatomy, Pins, bounded, diagonal_of, normal, settle
from poise.mocap.ground import MARKS, PRIOR_S, Standing, axes_of
from poise.mocap.guessing import guess
from poise.mocap.hand_motion import SeenHands
from poise.mocap.landmarks import SKELETON, Landmarks
from poise.mocap.live_feet import Feet, giving_way, low_pass, resting
from poise.mocap.live_hands import LiveHands
from poise.mocap.measuring import HEIGHT, measure
from poise.mocap.motion import MotionFrame
from poise.mocap.resting import Rest
from poise.mocap.rig import Rig
from poise.mocap.sight import HIPS, Camera, Sight, axes_up, certainty, distances, looked, seen, turn_between
from poise.mocap.solving import FOV, check
from poise.mocap.toes import EASE, bends, flattened
from poise.mocap.trust import trusted
from poise.mocap.who import rows_of_people
from poise.results import Results

if TYPE_CHECKING:
    from poise.mocap.hand_watch import HandWatch
    from poise.model import Pose as Model

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
        still: The same, beyond it, of somebody who has been at rest for a while: what is seen badly is averaged.
        lasting: In so many frames the error of a point along the view is seen once anew.
    """

    rest_hz: float = 0.7
    turn_hz: float = 4.0
    move_hz: float = 12.0
    speed_hz: float = 1.5
    away_hz: float = 0.5
    twists: float = 40.0
    still: float = 20000.0
    lasting: float = 3.0
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
# Nor does anybody move faster than this, metres a second.
_MOST_WAY = 10.0
# A held foot that is this far from where it stands is put there once more, metres.
_OFF = 0.002
_UP, _FLAT = np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.0, 1.0])
# Seconds after which what was seen of the way up counts a third.
_UP_S = 20.0
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
        hands: Also look for everybody's hands in the pictures, and move fingers and palms as they do; True, or the
            model that finds them, ``Pose("hands")``.
        calibrate: ``"t-pose"`` or ``"a-pose"``: as soon as somebody holds that pose for a second, their bones are
            measured from it, and where the network sees points on them; until then as without it.

    Raises:
        TypeError: A number is none.
        ValueError: A number is not sensible, or there is no such pose.
    """

    def __init__(
        self,
        height: float | None = None,
        *,
        fov: float = FOV,
        smooth: float = 1.0,
        foot_lock: bool = True,
        hands: bool | Model = False,
        calibrate: str | None = None,
    ) -> None:
        check(height, fov, smooth)
        check_pose(calibrate)
        self.calibrate = calibrate
        self.height, self.fov, self.smooth, self.foot_lock = height or HEIGHT, fov, smooth, foot_lock
        self._common = Rig.of_height(self.height)
        self._body = Body(self._common, Landmarks.of(self._common, self.height))
        self._anatomy = Anatomy(self._body)
        self._watch: HandWatch | None = None
        if hands is not False:
            from poise.mocap.hand_watch import HandWatch

            self._watch = HandWatch(None if hands is True else hands)
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

    @property
    def calibrated(self) -> frozenset[int]:
        """Ids of those in sight who have held the pose, and are shown as it told."""
        return frozenset(id for id, one in self._people.items() if one.calibrated)

    def update(self, results: Results, hands: Results | None = None) -> list[MotionFrame]:
        """Return a moment of everybody who is in the frame.

        Args:
            results: One frame of ``body-3d``, tracked; without ids its most confident person is id 1.
            hands: Everybody's hands in it, as :class:`poise.mocap.hand_watch.HandWatch` gives them; None: they are
                looked for in the picture where hands were asked for.

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
        if hands is None and self._watch is not None:
            hands = self._watch.update(results)
        return [self._follow(id, row, results, camera, hands) for id, row in rows_of_people(results)]

    def _follow(self, id: int, row: int, results: Results, camera: Camera, hands: Results | None) -> MotionFrame:
        points = results.keypoints
        xy = np.asarray(points.xy[row], dtype=np.float64)
        xyz = axes_up(points.xyz[row])
        conf = np.ones(len(xy)) if points.conf is None else np.asarray(points.conf[row], dtype=np.float64)
        sure = certainty(conf, xy, xyz)
        one = self._people.get(id)
        if one is None:
            one = self._people[id] = _Follower(self._body, self._anatomy, self.height, self.smooth, self.foot_lock)
            one.waiting = None if self.calibrate is None else Waiting(self.calibrate, self.height)
        frame = one.step(id, results.time, camera.rays(xy), xyz, sure)
        return frame if hands is None else one.with_hands(frame, SeenHands.of_frame(hands, id), camera)


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
    waiting: Waiting | None = None
    calibrated: bool = False
    _lost: int = 0

    def __post_init__(self) -> None:
        self._speed: Floats = np.zeros(self.body.size)
        self._rest = Rest(len(self.body.landmarks.bones))
        self._groups, self._rise = _groups(self.body), np.full(self.body.size, self.response.turn_hz)
        self._rise[:ROOT] = self.response.move_hz
        self._toes = np.zeros(2)
        self._free, self._moves = giving_way(self.body), np.zeros((len(MARKS), 3, self.body.size - 1))
        self._away, self._trend = float("nan"), 0.0
        self._upright, self._turn, self._goal_turn = _UP * PRIOR_S, np.eye(3), np.eye(3)
        self._origin = np.zeros(3)
        self._feet: Feet | None = None
        self._placed: Placed | None = None
        self._gain = 1.0
        self._goal: tuple[Rig, float] | None = None
        self._kept: list[tuple[Floats, Floats]] = []
        self._stride, self._count, self._measured = 1, 0, 0
        self._hands: LiveHands | None = None

    def step(self, id: int, time: float, rays: Floats, xyz: Floats, sure: Floats) -> MotionFrame:
        """Follow for one frame."""
        dt = max(time - self.time, 1e-3) if self.pose is not None else 1 / 30
        self.time = time
        view = looked(rays)
        self._range(float(distances(rays, xyz, sure, view[0])), dt)
        sight = seen(rays, xyz, sure, np.asarray(self._away), self._gain, self.body.landmarks, view)
        self._keep(sight.points, sure)
        own = sight.points
        sight = Sight(sight.points @ self._turn.T, sight.rays @ self._turn.T, sight.across, sight.along)
        if self.pose is None or self._feet is None:
            self.pose = settle(self.body, self.anatomy, guess(self.body, self.anatomy, sight), sight)
            self._origin = self.pose.root * _FLAT
            self._feet = Feet(sight.points[MARKS], self.standing)
        heights = resting(self.body, self.height)
        placed = self.body.place(self.pose) if self._placed is None else self._placed
        soles = placed.points.take(MARKS, axis=0)
        pins = self._feet.pins(sight, self.pose.depth, soles, heights, sure, dt)
        off = self._advance(self.pose, placed, sight, pins if self.foot_lock else None, dt)
        if self.waiting is not None:
            self._calibrate(self.waiting, self.pose, own / self._gain, sure)
        self._measure(dt)
        self._right(dt)
        # The next frame begins from here.
        placed = self.body.place(self.pose)
        soles = placed.points.take(MARKS, axis=0)
        off_held = self._feet.missed(soles)
        if self.foot_lock and np.square(off_held).sum(-1).max() > _OFF**2:
            # In a fast turn the held feet move along arcs, which one straight step misses.
            self.pose = self.body.moved(self.pose, np.concatenate([self._feet.held(off_held), [0.0]]))
            placed = self.body.place(self.pose)
            soles = placed.points.take(MARKS, axis=0)
        self._placed = placed
        self._feet.settle(soles, heights, sure, dt)
        if self._count % 5 == 0:
            self._look_up(self.pose, placed, sure, 5 * dt)
        root = self.pose.root - self._origin - _UP * self._feet.level
        rig = self.body.rig
        contact = np.asarray((self._feet.stands & (self._feet.holds > 0.5)).reshape(2, 2).any(axis=1))
        self._toes = np.maximum(bends(rig, placed, self._feet.level), self._toes - EASE * dt)
        rotations = flattened(rig, self.pose.rotations, self._toes)
        return MotionFrame(id, time, rig, rotations, root, trusted(rig, sure, off), contact)

    def with_hands(self, frame: MotionFrame, seen: SeenHands, camera: Camera) -> MotionFrame:
        """Return the moment of :meth:`step` with its hands."""
        assert self._placed is not None
        if self._hands is None:
            self._hands = LiveHands(self.smooth)
        frame = self._hands.add(frame, self._placed.turns, seen, camera, self._turn)
        self.lag_s = max(self.lag_s, self._hands.lag_s)
        return frame

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

    def _advance(self, pose: Pose, placed: Placed, sight: Sight, pins: Pins | None, dt: float) -> Floats:
        """Take one step towards what is seen; returns ``(K,)`` how many standard deviations the points are off."""
        self._rest.look(sight, dt)
        # What is off along the view stays off for many frames; across it each frame says nearly as much as the first.
        sight = Sight(sight.points, sight.rays, sight.across, sight.along / self.response.lasting)
        step, off = self._newton(pose, placed, sight, pins, dt)
        if np.abs(step[ROOT:-1]).max() > _FAST:
            # Far from where it was, one step is not enough.
            goal = self.body.moved(pose, step)
            more, off = self._newton(goal, self.body.place(goal), sight, pins, dt)
            step = self.body.between(self.body.moved(goal, more), pose)
        known = np.sort(off[sight.across > 0])
        self._lost = self._lost + 1 if len(known) and known[len(known) // 2] > _LOST else 0
        if self._lost >= _LOST_FRAMES:
            goal = settle(self.body, self.anatomy, guess(self.body, self.anatomy, sight), sight)
            step = self.body.between(goal, pose)
            self._lost = 0
        most = _MOST_SPEED * dt
        step[ROOT:-1] = np.minimum(np.maximum(step[ROOT:-1], -most), most)
        # Nobody leaps across the room, whatever the first frames made of how far away they are.
        way = hypot(*step[:ROOT].tolist())
        if way > _MOST_WAY * dt:
            step[:ROOT] *= _MOST_WAY * dt / way
        step *= self._shares(step, dt)
        if pins is not None and self._feet is not None:
            # What the filter takes away of a step, the held feet do not give away.
            soles = placed.points.take(MARKS, axis=0) + self._moves @ step[:-1]
            self._feet.grip(self._moves, self._free)
            step[:-1] += self._feet.held(self._feet.missed(soles))
        self.pose = self.body.moved(pose, step)
        return off

    def _newton(self, pose: Pose, placed: Placed, sight: Sight, pins: Pins | None, dt: float) -> tuple[Floats, Floats]:
        """Return a step towards what is seen, and how many standard deviations the points are off after it."""
        found = normal(self.body, self.anatomy, pose, sight, pins=pins, placed=placed)
        curve, self._moves = found.curve, found.moves.take(MARKS, axis=0)
        # What was known of each number a moment ago counts less the longer ago it is.
        patience = max(30 * dt, 1.0)
        diagonal = diagonal_of(curve)
        diagonal += self.response.twists / patience
        diagonal[ROOT:-1] += self._rest.share * self.response.still / patience
        # How far away somebody is changes slowly, and is seen badly; its error more slowly still.
        curve[-1, -1] += 1 / (self.response.error**2 * patience)
        far = float(pose.root @ pose.root)
        curve[:ROOT, :ROOT] += pose.root[:, None] * pose.root / (self.response.deep**2 * patience * far)
        step = bounded(np.asarray(-np.linalg.solve(curve, found.slope), dtype=np.float64))
        return step, found.off_after(step, sight)

    def _shares(self, step: Floats, dt: float) -> Floats:
        """Return ``(D,)`` the share of a step that is taken: One-Euro, one cutoff for each joint.

        Source:
            Casiez, Roussel and Vogel, 1€ Filter, CHI 2012.
        """
        r = self.response
        self._speed += low_pass(r.speed_hz, dt) * (step / dt - self._speed)
        energy = np.sqrt(self._groups @ np.square(self._speed))
        hertz = (r.rest_hz + self._rise * energy) / self.smooth
        hertz[-1] = r.away_hz
        moving = energy[ROOT:-1]
        self.lag_s = float(moving @ (1 / hertz[ROOT:-1])) / (2 * pi * max(float(moving.sum()), 1e-9))
        return np.asarray(1 - np.exp(-2 * pi * hertz * dt))

    def _look_up(self, pose: Pose, placed: Placed, sure: Floats, dt: float) -> None:
        """Follow which way is up, in the camera's axes, from how the person stands."""
        camera = Placed(placed.turns, placed.places @ self._turn, placed.points)
        whole, trunk, stands, sits = axes_of(self.body, pose, camera, sure)
        # What is older counts less and less.
        self._upright = self._upright * e_to(-dt / _UP_S) + dt * (stands * whole + _SITS * (1 - stands) * sits * trunk)
        self._goal_turn = turn_between(self._upright, _UP)

    def _right(self, dt: float) -> None:
        """Turn everything a little towards the way up that was found, and let the person stay where they stand."""
        assert self.pose is not None
        assert self._feet is not None
        a, b, c = (self._goal_turn @ self._turn.T).tolist()
        # Of a small turn, the part of its matrix that changes sign when it is turned back is its vector.
        x, y, z = (c[1] - b[2]) / 2, (a[2] - c[0]) / 2, (b[0] - a[1]) / 2
        far = hypot(x, y, z)
        if far < 1e-4:
            return
        half = min(low_pass(_TILT_HZ, dt) * far, _TILT_SPEED * dt) / 2
        share = sin(half) / far
        change = np.array([x * share, y * share, z * share, cos(half)])
        matrix = quat_matrix(change)
        self._turn = matrix @ self._turn
        self._origin = self._origin + self._feet.turned(matrix) * _FLAT
        rotations = self.pose.rotations
        rotations[0] = product(change, rotations[0])
        self.pose = Pose(matrix @ self.pose.root, rotations, self.pose.hinges, self.pose.depth)

    def _keep(self, points: Floats, sure: Floats) -> None:
        """Keep points to measure bones from, in the network's metres."""
        if self._count % self._stride == 0:
            flat = points / self._gain
            self._kept.append((flat - flat.take(HIPS, axis=0).sum(axis=0) / 2, sure))
            if len(self._kept) > _MEMORY:
                # Half as dense, over twice the time: bounded, and the bones settle.
                self._kept = self._kept[::2]
                self._stride *= 2
        self._count += 1

    def _calibrate(self, waiting: Waiting, pose: Pose, points: Floats, sure: Floats) -> None:
        """Wait for the pose; once it was held, bones ease towards it and are not measured any more."""
        found = waiting.add(self.body, pose, points, sure, self.time)
        if found is not None:
            rig = found.body.rig
            self.body = self.body.stretched(self.body.rig, found.body.landmarks.on(self.body.rig, rig))
            self._goal, self.waiting, self.calibrated = (rig, found.gain), None, True

    def _measure(self, dt: float) -> None:
        """Measure bones now and then, and ease them towards what was found."""
        if not self.calibrated and len(self._kept) >= 5 and self._count >= max(1.5 * self._measured, 5):
            self._measured = self._count
            points, weights = (np.array(part) for part in zip(*self._kept, strict=True))
            found = measure(points, weights, self.height)
            self._goal = (found.rig, found.gain)
            if self._count <= 5:
                self._fit(found.rig, found.gain)
        if self._goal is not None:
            rig, gain = self._goal
            share = 1 - e_to(-dt / _EASE_S)
            away = rig.offsets - self.body.rig.offsets
            if np.abs(away).max() > 1e-5:
                offsets = self.body.rig.offsets + share * away
                self._fit(rig.with_offsets(offsets), self._gain + share * (gain - self._gain))
            else:
                self._goal = None

    def _fit(self, rig: Rig, gain: float) -> None:
        self._gain = gain
        self.body = self.body.stretched(rig, self.body.landmarks.on(rig, self.body.rig))


def _groups(body: Body) -> Floats:
    """Return ``(D, D)``: which numbers are of one joint, and move as quickly as it does."""
    out = np.zeros((body.size, body.size))
    for at in (slice(0, ROOT), *(body.columns(int(b)) for b in (*body.balls, *body.hinged)), slice(-1, None)):
        out[at, at] = 1.0
    return out
