"""From a clip of somebody to a movement: the whole way, offline.

    motion = MotionCapture(height=1.82).solve("dance.mp4")

Points become rays and depths (:mod:`~poise.mocap.sight`), the person's bones are measured
(:mod:`~poise.mocap.measuring`), a body of them is fitted to all frames together (:mod:`~poise.mocap.flow`), then stood
on the ground and held there by its feet (:mod:`~poise.mocap.ground`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from poise.clips import Clip
from poise.clips.repair import rolling_median
from poise.filters.offline import savitzky_golay
from poise.mocap import quaternions as quat
from poise.mocap.body import Body, Pose
from poise.mocap.calibrating import Calibrated, calibrated, check_pose
from poise.mocap.fitting import Anatomy, normal, settle
from poise.mocap.flow import Pace, flow
from poise.mocap.ground import Standing, upright
from poise.mocap.guessing import guess, untwisted
from poise.mocap.hand_motion import SeenHands, add_hands, at_own_wrist
from poise.mocap.landmarks import Landmarks
from poise.mocap.levelling import levelled
from poise.mocap.measuring import HEIGHT, Measured, measure
from poise.mocap.motion import Motion
from poise.mocap.rig import Rig
from poise.mocap.sight import HIPS, Camera, Sight, distances, seen
from poise.mocap.stances import Contacts, contacts, held_feet
from poise.mocap.toes import bends, eased, flattened
from poise.mocap.trust import trusted
from poise.mocap.who import Person, person
from poise.results import Results

if TYPE_CHECKING:
    from poise.model import Pose as Model

Floats = NDArray[np.float64]

FOV = 60.0
# How far away somebody is follows from how large they look, which changes slowly: seconds of the filter.
_AWAY_S = 1.0
# Legs that are seen less than this share of the time are at rest.
_LEGS = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """How the picture was taken, as it was assumed or found.

    Attributes:
        camera: The camera.
        up: ``(4,)`` the rotation from its axes into the movement's.
        shift: ``(3,)`` metres added after it.
    """

    camera: Camera
    up: Floats
    shift: Floats

    def pixels(self, places: Floats) -> Floats:
        """Return ``(…, 2)`` pixels of ``(…, 3)`` places in the movement's axes."""
        return self.camera.pixels(quat.rotate(quat.inverse(self.up), places - self.shift))


class MotionCapture:
    """Turns a clip of a person into rotations of bones.

    Everything is in metres and in the axes of :mod:`poise.mocap.rig`. One camera tells neither size nor distance: the
    size is that of ``height``, and how far away somebody is follows from how large they look.

    Args:
        height: How tall the person is, metres; None: 1.70 is assumed, and said in the movement's notes.
        fov: Field of view along the longer side of the picture, degrees. It changes how long a path into the picture
            is, little else.
        smooth: How quiet the movement becomes: 1 as it is tuned, 0.5 livelier, 2 calmer.
        foot_lock: Hold feet where they stand.
        hands: Also look for the hands of everybody, at some cost, and move fingers and palms as they do; True, or the
            model that finds them, ``Pose("hands")``.
        calibrate: ``"t-pose"`` or ``"a-pose"``: the person holds that pose for a second somewhere in the clip, from
            which their bones are measured, and where the network sees points on them.

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
        self.height, self.fov, self.foot_lock, self.calibrate = height, fov, foot_lock, calibrate
        self.smooth, self.pace, self.hands = smooth, Pace().calmer(smooth), hands
        self.standing = Standing()

    def solve(
        self,
        source: Clip | str | PathLike[str] | Iterable[Results],
        *,
        id: int | None = None,
        hands: Clip | None = None,
    ) -> Motion:
        """Capture one person's movement.

        Args:
            source: A clip of ``body-3d``, its results, or a file: a video, which ``body-3d`` then looks at, or a clip
                that ``Clip.save`` wrote (.npz).
            id: Whom; None: who is seen longest.
            hands: Everybody's hands beside a clip of their bodies, both from
                :func:`poise.mocap.hand_watch.with_hands`: then fingers move.

        Raises:
            ValueError: The points have no xyz, nobody has the id, or hands are wanted of a clip, which has none.
            NobodySeen: There is nobody.
        """
        return self.trace(source, id=id, hands=hands)[0]

    def trace(
        self,
        source: Clip | str | PathLike[str] | Iterable[Results],
        *,
        id: int | None = None,
        hands: Clip | None = None,
    ) -> tuple[Motion, tuple[View, ...]]:
        """Capture a movement, and return with it how each frame was taken: to draw it over the pictures.

        Args:
            source: As in :meth:`solve`.
            id: As there.
            hands: As there.

        Returns:
            The movement, and one view a frame.
        """
        clip, hands = self._seen(source, hands)
        who = person(clip, id)
        kept = np.concatenate([np.arange(low, high) for low, high in who.stretches])
        beside = None
        if hands is not None:
            beside = at_own_wrist(SeenHands.of(hands, who.id, who.times[kept]), who.xy[kept][:, WRISTS])
        camera = Camera.of(who.size, self.fov)
        height = HEIGHT if self.height is None else self.height
        rays = camera.rays(who.xy)
        away = _away(who, rays)
        measured = _measured(who, rays, away, height)
        body = Body(measured.rig, Landmarks.of(measured.rig, height))
        sight = seen(rays, who.xyz, who.sure, away, measured.gain, body.landmarks)
        parts = [self._stretch(body, who, sight, low, high, camera) for low, high in who.stretches]
        own: Calibrated | None = None
        stood: Floats | None = None
        if self.calibrate is not None:
            pose = Pose.joined([part.pose for part in parts])
            points, sure = sight.points[kept], who.sure[kept]
            own = calibrated(body, measured.gain, pose, points, sure, who.times[kept], height, self.calibrate)
        if own is not None:
            body = own.body
            stood = who.times[kept][[own.span.low, own.span.high - 1]]
            sight = seen(rays, who.xyz, who.sure, away, own.gain, body.landmarks)
            parts = [self._stretch(body, who, sight, low, high, camera) for low, high in who.stretches]
        motion = Motion(
            rig=body.rig,
            times=who.times[kept],
            rotations=quat.continuous(np.concatenate([part.pose.rotations for part in parts])),
            root=np.concatenate([part.pose.root for part in parts]),
            trust=np.concatenate([part.trust for part in parts]),
            contact=np.concatenate([part.contact for part in parts]),
            id=who.id,
            source=clip.source,
            notes=(*who.notes, *self._notes(who, stood)),
        )
        views = tuple(view for part in parts for view in part.views)
        if beside is not None:
            ups = np.array([view.up for view in views])
            ends = np.cumsum([0, *(len(part.pose.root) for part in parts)]).tolist()
            motion = add_hands(motion, beside, camera, ups, list(pairwise(ends)), self.smooth)
        return motion, views

    def _seen(
        self, source: Clip | str | PathLike[str] | Iterable[Results], hands: Clip | None
    ) -> tuple[Clip, Clip | None]:
        """Return a clip of bodies, and one of hands where they are wanted."""
        if self.hands is False or hands is not None:
            return clip_of(source), hands
        found = _results(source)
        if isinstance(found, Clip):
            raise ValueError(
                f"{found.source}: a clip of bodies holds no hands; give MotionCapture(hands=True) the video itself, or "
                "solve(…, hands=…) the hands that poise.mocap.hand_watch.with_hands found with it"
            )
        from poise.mocap.hand_watch import with_hands

        return with_hands(found, None if self.hands is True else self.hands)

    def _stretch(self, body: Body, who: Person, sight: Sight, low: int, high: int, camera: Camera) -> _Part:
        """Solve one unbroken stretch."""
        at = slice(low, high)
        sight, sure, times = sight[at], who.sure[at], who.times[at]
        anatomy = Anatomy(body)
        pose = untwisted(body, settle(body, anatomy, guess(body, anatomy, sight), sight), times)
        pose = flow(body, anatomy, pose, sight, times, self.pace)
        duration = np.gradient(times) if len(times) > 1 else np.full(1, 1 / 30)
        up = quat.between(upright(body, pose, body.place(pose), sure, duration), [0.0, 1.0, 0.0])
        pose, sight = _turned(body, pose, sight, np.broadcast_to(up, (len(times), 4)))
        nods = np.broadcast_to(quat.IDENTITY, (len(times), 4))
        if self.foot_lock:
            nods = levelled(body, body.place(pose), sure, times, sight.rays, self.standing)
            pose, sight = _turned(body, pose, sight, nods)
        standing: Contacts = contacts(body, body.place(pose), sure, times, sight.rays, self.standing)
        if self.foot_lock and (standing.marks.any() or standing.pins.floor is not None):
            pose = flow(body, anatomy, pose, sight, times, self.pace, pins=standing.pins, warm=True)
        off = normal(body, anatomy, pose, sight).off
        feet = held_feet(body.place(pose), standing, times)
        shift = np.array([-pose.root[0, 0], -standing.level, -pose.root[0, 2]])
        pose = pose.replace(root=pose.root + shift)
        if standing.pins.floor is not None:
            toes = eased(bends(body.rig, body.place(pose)), times)
            pose = pose.replace(rotations=flattened(body.rig, pose.rotations, toes))
        views = tuple(View(camera, quat.multiply(nod, up), shift) for nod in nods)
        return _Part(pose, trusted(body.rig, sure, off), feet, views)

    def _notes(self, who: Person, stood: Floats | None) -> list[str]:
        notes = []
        if self.calibrate is not None:
            notes.append(
                f"no {self.calibrate} is held for a second: bones are measured over the whole clip"
                if stood is None
                else f"calibrated by the {self.calibrate} from {stood[0]:.2f} to {stood[1]:.2f} s"
            )
        if self.height is None:
            notes.append(f"the person is taken to be {HEIGHT:.2f} m tall; lengths and paths scale with it")
        notes.append(
            f"distance from the camera is a guess from how large the person looks, with a field of view of "
            f"{self.fov:g} degrees"
        )
        knees = who.sure[:, _KNEES].max(axis=1) > 0.3
        if knees.mean() < _LEGS:
            notes.append("the legs are hardly seen: they are at rest")
        return notes


_KNEES, WRISTS = [25, 26], [15, 16]


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    pose: Pose
    trust: Floats
    contact: NDArray[np.bool_]
    views: tuple[View, ...]


def check(height: float | None, fov: float, smooth: float) -> None:
    """Refuse a height, a field of view or a smoothness that cannot be.

    Raises:
        TypeError: It is no number.
        ValueError: It cannot be.
    """
    for name, value in (("height", height), ("fov", fov), ("smooth", smooth)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, Real)):
            raise TypeError(f"{name} must be a number, got {value!r}")
    if height is not None and not 0.4 <= height <= 2.6:
        raise ValueError(f"height must be from 0.4 to 2.6 metres, got {height}")
    if not 5 <= fov <= 150:
        raise ValueError(f"fov must be from 5 to 150 degrees, got {fov}")
    if not 0 < smooth <= 10:
        raise ValueError(f"smooth must be above 0 and at most 10, got {smooth}")


def clip_of(source: Clip | str | PathLike[str] | Iterable[Results]) -> Clip:
    """Return a clip of a source: itself, collected results, a saved clip, or a video posed with ``body-3d``."""
    found = _results(source)
    if isinstance(found, Clip):
        return found
    return joined(Clip.of(found))


def _results(source: Clip | str | PathLike[str] | Iterable[Results]) -> Clip | Iterable[Results]:
    """Return a clip where the source is one or a saved one, else results, of a video those of ``body-3d``."""
    if isinstance(source, Clip):
        return source
    if isinstance(source, (str, PathLike)):
        if Path(source).suffix.lower() == ".npz":
            return Clip.load(Path(source))
        from poise.model import Pose as Model

        found: Any = Model("body-3d").track(str(source), stream=True, verbose=False)
        return found  # type: ignore[no-any-return]
    return source


def joined(clip: Clip) -> Clip:
    """Return a clip in which the pieces of broken tracks are one."""
    from poise.tracking import relink

    return relink(clip)[0]


def _away(who: Person, rays: Floats) -> Floats:
    """Return ``(T,)`` how far the hips are, in metres of xyz: steadied within each stretch, and never unknown."""
    raw = distances(rays, who.xyz, who.sure)
    out = np.empty(len(raw))
    known = np.isfinite(raw)
    usual = float(np.median(raw[known])) if known.any() else 3.0
    for low, high in who.stretches:
        at = slice(low, high)
        times, part = who.times[at], np.log(raw[at])
        there = np.isfinite(part)
        if not there.any():
            out[at] = usual
            continue
        part = np.interp(times, times[there], part[there])
        step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
        half = max(1, round(0.15 / step))
        out[at] = np.exp(savitzky_golay(rolling_median(part, 2 * half + 1), times, window_s=_AWAY_S))
    return out


def _measured(who: Person, rays: Floats, away: Floats, height: float) -> Measured:
    common = Rig.of_height(height)
    first = seen(rays, who.xyz, who.sure, away, 1.0, Landmarks.of(common, height))
    hips = first.points[:, HIPS].mean(axis=1, keepdims=True)
    return measure(first.points - hips, who.sure, height)


def _turned(body: Body, pose: Pose, sight: Sight, turns: Floats) -> tuple[Pose, Sight]:
    """Return poses and what is seen of them, of which everything is turned about the camera, ``(T, 4)``."""
    rotations = pose.rotations.copy()
    rotations[:, 0] = quat.multiply(turns, rotations[:, 0])
    every = turns[:, None]
    return (
        pose.replace(root=quat.rotate(turns, pose.root), rotations=rotations),
        Sight(quat.rotate(every, sight.points), quat.rotate(every, sight.rays), sight.across, sight.along),
    )
