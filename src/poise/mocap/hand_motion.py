"""Hands that were seen beside a body, put onto its movement: fingers, palms and the twist of forearms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import radians

import numpy as np
from numpy.typing import NDArray

from poise.clips import Clip
from poise.clips.repair import rolling_median
from poise.filters.offline import savitzky_golay
from poise.mocap import fingers
from poise.mocap import quaternions as quat
from poise.mocap.body import product, quat_matrix, unit
from poise.mocap.landmarks import SKELETON
from poise.mocap.motion import Motion
from poise.mocap.rig import BONES, FINGER_BONES, Rig, forward
from poise.mocap.sight import Camera, axes_up, turn_between
from poise.results import Results
from poise.skeletons import get

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

HAND = "hand21"
RIGHT = np.array([False, True])
# Hands below this confidence are not believed; MediaPipe's own limit.
LEAST = 0.5
# So many of a hand's points must lie in the picture.
_INSIDE = 0.75
# Palms below this trust, such as those that no wrist could turn, say nothing of how hands lie.
SURE = 0.3
# Seconds for which the fingers of a hand that is not seen stay as they were, and in which they then ease to their rest;
# how many times sooner that is for how the palm lies.
HOLD_S, EASE_S, PALM_SOONER = 0.3, 0.5, 2.0
# Window of the filter, seconds: fingers make up to five strokes a second.
_WINDOW_S = 0.2
# How far a forearm turns about itself, and a hand at the wrist; and beyond these, how far halves the trust. Kapandji.
_TWIST, _WRIST, _DOUBT = radians(90.0), radians(85.0), radians(25.0)
_AHEAD = np.array([0.0, 0.0, -1.0])


def hand_id(person: int, side: int) -> int:
    """Return the id of somebody's hand in a clip of hands: 2 id - 1 of the left one, side 0, and 2 id of the right."""
    return 2 * person - 1 + side


@dataclass(frozen=True, slots=True, eq=False)
class SeenHands:
    """One person's hands, left and right.

    Attributes:
        xy: ``(…, 2, 21, 2)`` pixels; NaN where not seen.
        xyz: ``(…, 2, 21, 3)`` metres as :class:`~poise.results.Keypoints` has them.
        sure: ``(…, 2)`` in [0, 1], 0 where not seen.
    """

    xy: Floats
    xyz: Floats
    sure: Floats

    @classmethod
    def of(cls, hands: Clip, id: int, times: Floats) -> SeenHands:
        """Take one person's hands out of a clip of :func:`~poise.mocap.hand_watch.with_hands`.

        Args:
            hands: The clip.
            id: Of the person.
            times: ``(T,)`` of the frames that are wanted.

        Raises:
            ValueError: It is a clip of something else, or of another video.
        """
        if hands.skeleton.name != HAND:
            raise ValueError(f"{hands.source}: hands are points of {HAND}, got {hands.skeleton.name}")
        at = np.minimum(np.searchsorted(hands.times, times), max(len(hands) - 1, 0))
        if len(times) and (not len(hands) or np.abs(hands.times[at] - times).max() > 1e-3):
            raise ValueError(
                f"{hands.source}: the hands have other frames than the bodies; take both from one pass over the video "
                "with poise.mocap.hand_watch.with_hands"
            )
        shape = (len(times), 2)
        xy, xyz = np.full((*shape, 21, 2), np.nan), np.full((*shape, 21, 3), np.nan)
        sure = np.zeros(shape)
        for side in (0, 1):
            if hand_id(id, side) in hands.ids and hands.xyz is not None:
                row = hands.row(hand_id(id, side))
                xy[:, side], xyz[:, side] = hands.xy[row, at], hands.xyz[row, at]
                sure[:, side] = np.nan_to_num(hands.box_conf[row, at])
        return cls(xy, xyz, believed(sure, xy, xyz, hands.size))

    @classmethod
    def of_frame(cls, hands: Results, id: int) -> SeenHands:
        """Take one person's hands out of a frame of :class:`~poise.mocap.hand_watch.HandWatch`."""
        xy, xyz, sure = np.full((2, 21, 2), np.nan), np.full((2, 21, 3), np.nan), np.zeros(2)
        given = [] if hands.boxes.id is None else np.asarray(hands.boxes.id).tolist()
        for side in (0, 1):
            if hand_id(id, side) in given:
                row = given.index(hand_id(id, side))
                xy[side], xyz[side] = hands.keypoints.xy[row], hands.keypoints.xyz[row]
                sure[side] = hands.boxes.conf[row]
        height, width = hands.orig_shape
        return cls(xy, xyz, believed(sure, xy, xyz, (width, height)))

    def points(self, camera: Camera, up: Floats) -> tuple[Floats, Floats]:
        """Return ``(…, 2, 21, 3)`` points, and ``(…, 2, 3)`` directions in which the hands are seen.

        The network sees each hand as if it were in the middle of the picture.

        Args:
            camera: What saw them.
            up: ``(…, 3, 3)`` from the camera's axes into those that are wanted.
        """
        there = self.sure > 0
        middle = np.where(there[..., None], self.xy.mean(axis=-2), np.array(camera.size) / 2)
        turn = up[..., None, :, :] @ turn_between(_AHEAD, camera.rays(middle))
        ahead = axes_up(np.where(there[..., None, None], self.xyz, 0.0))
        return ahead @ np.swapaxes(turn, -1, -2), -turn[..., 2]


def believed(sure: Floats, xy: Floats, xyz: Floats, size: tuple[int, int]) -> Floats:
    """Return ``(…, 2)`` how far hands are to be believed, 0 for those that are not seen.

    Args:
        sure: ``(…, 2)`` what the network says.
        xy: ``(…, 2, 21, 2)`` pixels.
        xyz: ``(…, 2, 21, 3)``.
        size: Width and height of the picture: of a hand that is half outside, half is made up.
    """
    there = np.isfinite(xy).all(axis=(-1, -2)) & np.isfinite(xyz).all(axis=(-1, -2))
    inside = ((xy >= 0) & (xy <= size)).all(axis=-1).mean(axis=-1)
    return np.where(there & (sure >= LEAST) & (inside >= _INSIDE), np.clip(sure, 0.0, 1.0), 0.0)


def at_own_wrist(seen: SeenHands, wrists: Floats) -> SeenHands:
    """Leave out hands that lie clearly at the other wrist: there the body's sides were exchanged back.

    Args:
        seen: ``T`` frames.
        wrists: ``(T, 2, 2)`` pixels of the body's left and right wrist.
    """
    away = np.linalg.norm(seen.xy[..., 0, :][:, :, None] - wrists[:, None], axis=-1)
    own, other = away[:, [0, 1], [0, 1]], away[:, [0, 1], [1, 0]]
    return SeenHands(seen.xy, seen.xyz, np.where(own > 2 * other, 0.0, seen.sure))


def seen_points(points: Floats, hands: Clip, id: int, times: Floats) -> tuple[Floats, list[tuple[int, int]]]:
    """Return a body's points with those of its hands behind them, and which are joined: to be drawn.

    Args:
        points: ``(T, 33, 2)`` pixels.
        hands: Of :func:`~poise.mocap.hand_watch.with_hands`.
        id: Of the person.
        times: ``(T,)`` of the frames.

    Returns:
        ``(T, 75, 2)`` pixels, NaN for hands that are not believed, and the edges.
    """
    seen = SeenHands.of(hands, id, times)
    xy = np.where(seen.sure[..., None, None] > 0, seen.xy, np.nan)
    first = points.shape[1]
    edges = list(get(SKELETON).edges)
    edges += [(first + 21 * side + a, first + 21 * side + b) for side in (0, 1) for a, b in hands.skeleton.edges]
    return np.concatenate([points, xy.reshape(len(points), -1, 2)], axis=1), edges


def add_hands(
    motion: Motion, seen: SeenHands, camera: Camera, ups: Floats, stretches: Sequence[tuple[int, int]], smooth: float
) -> Motion:
    """Return a movement with fingers, and with hands that lie as they were seen.

    Args:
        motion: Of a body.
        seen: Its hands, frame by frame.
        camera: What saw them.
        ups: ``(T, 4)`` rotations from the camera's axes into the movement's.
        stretches: First frame and end of each part that is one unbroken movement.
        smooth: How quiet it becomes; 1 as it is tuned.
    """
    points, rays = seen.points(camera, quat.to_matrix(ups))
    there = seen.sure > 0
    own = fingers.lengths(points.reshape(-1, 21, 3), seen.sure.ravel())
    bones = fingers.vectors(points, own, rays)
    palms = fingers.palm(bones, RIGHT, own)
    numbers = fingers.numbers(bones, palms, RIGHT)
    world = forward(motion.rig, motion.rotations, motion.root)[1]
    arms = Arms.of(motion.rig, motion.rotations, quat.to_matrix(world))
    seen_turns = arms.seen_from(palms)
    sure = seen.sure * plausible(seen_turns)
    turns, found, shares = arms.turns.copy(), np.empty_like(numbers), np.empty_like(sure)
    for low, high in stretches:
        for side in (0, 1):
            at = (slice(low, high), side)
            times = motion.times[low:high]
            found[at], _ = _steady(numbers[at], there[at], fingers.rest(), times, smooth)
            wrist, near = _steady(seen_turns[at], there[at] & (sure[at] > SURE), None, times, smooth)
            turns[at], shares[at] = quat.normalise(wrist), near
    rotations = np.concatenate(
        [arms.turned(motion.rotations, turns, shares), fingers.turns(found, RIGHT).reshape(len(motion), 30, 4)], axis=1
    )
    trust = np.concatenate([motion.trust, np.repeat(seen.sure, 15, axis=1)], axis=1)
    for side, row in enumerate(arms.hands):
        trust[:, row] = np.maximum(trust[:, row], sure[:, side])
    return motion.replace(
        rig=with_fingers(motion.rig, own),
        rotations=quat.continuous(rotations),
        trust=trust,
        notes=(*motion.notes, *_notes(there)),
    )


def _notes(there: Bools) -> list[str]:
    notes = []
    for side, share in zip(("left", "right"), there.mean(axis=0), strict=True):
        if not share:
            notes.append(f"the {side} hand was not seen closely enough: its fingers are at rest")
        elif share < 0.5:
            notes.append(f"the {side} hand was seen in {100 * share:.0f} % of the frames: in between its fingers rest")
    return notes


def with_fingers(rig: Rig, own: Floats) -> Rig:
    """Return somebody's bones with fingers.

    Args:
        rig: Those of the body.
        own: ``(21,)`` how long the bones of the hands are, metres of the network.
    """
    begins, ends = fingers.offsets(own, rig.height)
    tips = rig.tips.copy()
    tips[[rig.row("leftHand"), rig.row("rightHand")]] = 0.0
    assert rig.bones + FINGER_BONES == BONES
    return Rig(BONES, np.concatenate([rig.offsets, begins]), np.concatenate([tips, ends]))


@dataclass(frozen=True, slots=True, eq=False)
class Arms:
    """Both forearms and hands of a body.

    Attributes:
        forearms: Rows of the left and the right forearm.
        hands: Rows of the hands.
        bends: ``(…, 2, 4)`` the forearms' rotations without the twist about themselves.
        turns: ``(…, 2, 4)`` the hands' rotations seen from the forearms without that: twist and wrist together.
        bases: ``(…, 2, 3, 3)`` how forearms without twist lie in the world.
    """

    forearms: tuple[int, int]
    hands: tuple[int, int]
    bends: Floats
    turns: Floats
    bases: Floats

    @classmethod
    def of(cls, rig: Rig, rotations: Floats, world: Floats) -> Arms:
        """Take them out of ``(…, J, 4)`` rotations, and ``(…, J, 3, 3)`` how the bones lie in the world."""
        lower, hand = ((rig.row(f"left{bone}"), rig.row(f"right{bone}")) for bone in ("LowerArm", "Hand"))
        own = rotations[..., lower, :]
        twist = _about_x(_twist(own))
        back = quat.inverse(twist)
        return cls(
            lower,
            hand,
            product(own, back),
            product(twist, rotations[..., hand, :]),
            world[..., lower, :, :] @ quat_matrix(back),
        )

    def seen_from(self, palms: Floats) -> Floats:
        """Return ``(…, 2, 4)``: hands that lie in the world as ``(…, 2, 3, 3)``, seen from the forearms."""
        return quat.from_matrix(np.swapaxes(self.bases, -1, -2) @ palms)

    def turned(self, rotations: Floats, turns: Floats, shares: Floats) -> Floats:
        """Return ``(…, J, 4)`` rotations in which the hands lie as they were seen.

        Forearms take the twist, wrists the rest.

        Args:
            rotations: Of all bones.
            turns: ``(…, 2, 4)`` as of :meth:`seen_from`.
            shares: ``(…, 2)`` in [0, 1], how much they count beside the body's own.
        """
        near = np.where((self.turns * turns).sum(-1, keepdims=True) < 0, -turns, turns)
        whole = unit(self.turns + shares[..., None] * (near - self.turns))
        twist = _twist(whole)
        twist = _about_x(np.minimum(np.maximum(twist, -_TWIST), _TWIST))
        out = np.array(rotations)
        out[..., self.forearms, :] = product(self.bends, twist)
        out[..., self.hands, :] = product(quat.inverse(twist), whole)
        return out


def _twist(turns: Floats) -> Floats:
    """Return ``(…)`` how far rotations turn about x, before or after the rest of them, radians in [-π, π]."""
    angle = 2 * np.arctan2(turns[..., 0], turns[..., 3])
    return (angle + np.pi) % (2 * np.pi) - np.pi


def _about_x(angle: Floats) -> Floats:
    out = np.zeros((*angle.shape, 4))
    out[..., 0], out[..., 3] = np.sin(angle / 2), np.cos(angle / 2)
    return out


def plausible(turns: Floats) -> Floats:
    """Return ``(…)`` in [0, 1]: whether a forearm can turn and a wrist bend so far."""
    # The wrist turns by what is left without the twist: its cosine's half.
    wrist = 2 * np.arccos(np.minimum(np.hypot(turns[..., 0], turns[..., 3]), 1.0))
    beyond = np.maximum(np.abs(_twist(turns)) - _TWIST, 0.0) + np.maximum(wrist - _WRIST, 0.0)
    return np.asarray(1 / (1 + np.square(beyond / _DOUBT)))


def _steady(values: Floats, there: Bools, rest: Floats | None, times: Floats, smooth: float) -> tuple[Floats, Floats]:
    """Bridge gaps and take out trembling.

    Args:
        values: ``(T, C)``.
        there: ``(T,)`` whether they are known.
        rest: ``(C,)`` what they are where nothing is known for long; None: they are rotations, without a rest.
        times: ``(T,)`` seconds.
        smooth: How quiet they become.

    Returns:
        ``(T, C)`` values, at rest where nothing is seen for long; and ``(T,)`` how near something is seen: 1 to 0.
    """
    at = np.flatnonzero(there)
    if not len(at):
        return np.broadcast_to(values if rest is None else rest, values.shape), np.zeros(len(values))
    # How long ago and how soon it is seen.
    before, after = np.searchsorted(times[at], times, side="right") - 1, np.searchsorted(times[at], times)
    since = np.where(before >= 0, times - times[at[np.maximum(before, 0)]], np.inf)
    until = np.where(after < len(at), times[at[np.minimum(after, len(at) - 1)]] - times, np.inf)
    # Of how a hand lies the body knows something too, so that is let go of sooner.
    near = eased(np.minimum(since, until) * (PALM_SOONER if rest is None else 1.0))
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    width = 2 * max(1, round(0.05 / step)) + 1
    known = rolling_median(values[at] if rest is not None else quat.continuous(values[at]), width)
    out = np.stack([np.interp(times, times[at], column) for column in known.T], axis=1)
    if rest is not None:
        out = rest + near[:, None] * (out - rest)
    both = savitzky_golay(np.column_stack([out, near]), times, window_s=_WINDOW_S * smooth)
    return both[:, :-1], np.clip(both[:, -1], 0.0, 1.0)


def eased(away: Floats) -> Floats:
    """Return ``(…)`` how much of a hand is left that is not seen for so many seconds: 1 at first, 0 at rest."""
    t = np.clip((away - HOLD_S) / EASE_S, 0.0, 1.0)
    return np.asarray(1 - t * t * (3 - 2 * t))
