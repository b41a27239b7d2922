"""Standing, sitting, bending, lying: a person's posture from one frame.

The picture is taken to be upright, the camera to look about horizontally. Only directions and ratios of lengths count,
so a person may be near or far. What the picture does not show is "unknown".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poise.bodies.angles import joint_angle, norms, tilt
from poise.bodies.points import mean_of_seen
from poise.bodies.proportions import SHANK, SHOULDER_BREADTH, THIGH, TRUNK
from poise.events.event import Event, points_of, track_ids
from poise.geometry import Bools, Floats
from poise.results import Results
from poise.skeletons import Skeleton

POSTURES = ("standing", "sitting", "bending", "lying")
UNKNOWN = "unknown"
# The body networks' own limit for drawing; below it a keypoint is a guess.
MIN_CONF = 0.3
# Share of the body's height that trunk, thigh and shin have together.
_CHAIN = TRUNK + THIGH + SHANK
# This share of the picture's height is its lower edge.
_EDGE = 0.02
# A shin is about as long as a trunk in keypoints; in less of a trunk than this it cannot be seen.
_ROOM = 0.25
# An arm carries within 40 degrees of the vertical; one within 40 degrees of the trunk hangs or lies beside it, unless
# the trunk itself points at the camera, or the hand is lower than the hips by more body heights than hanging hands are.
_STEEP, _ALONG, _SHORT, _BELOW = 0.84, 0.77, 0.5, 0.08
_HEAD = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """What posture is told from, one row a person; NaN where the keypoints are not seen.

    Attributes:
        trunk: ``(N,)`` degrees between the line from hips to shoulders and up.
        thigh: ``(N,)`` degrees between the line from hips to knees and down.
        shin: ``(N,)`` degrees between the line from knees to ankles and down.
        knee: ``(N,)`` degrees at the straighter knee; 180: straight. Whoever stands has one straight leg, and whoever
            kneels with one knee has none, though the middles of the knees and ankles lie below the hips.
        fold: ``(N,)`` length of the thighs in the picture over that of the shins. Parallel lines shorten alike, so it
            is 1 for straight legs from wherever they are seen, and small where thighs alone point at the camera.
        aspect: ``(N,)`` width of the box over its height.
        height: ``(N,)`` least height that the body can have, pixels: by its trunk, thighs and shins, or by its
            shoulders.
        extent: ``(N,)`` from the head down to hips or ankles in the picture, in body heights; negative upside down; NaN
            where the picture ends above the ankles.
        arms: ``(N,)`` how far the wrists are below the shoulders, pixels, where the arms that are seen stand steeply
            and not along the trunk; else 0. Who lies has 0, who holds a push-up the arms' length.
        lengths: ``(N, 4)`` of trunk, thighs, shins, and from shoulder to shoulder, pixels.
        hip: ``(N, 2)`` middle of the hips, pixels.
        head: ``(N, 2)`` middle of nose, eyes and ears, or of the shoulders where the head is not seen, pixels.
        ankle: ``(N, 2)`` middle of the ankles, pixels.
        upper: ``(N,)`` conf of shoulders and hips.
        lower: ``(N,)`` conf of knees and ankles.
    """

    trunk: Floats
    thigh: Floats
    shin: Floats
    knee: Floats
    fold: Floats
    aspect: Floats
    height: Floats
    extent: Floats
    arms: Floats
    lengths: Floats
    hip: Floats
    head: Floats
    ankle: Floats
    upper: Floats
    lower: Floats


def measure(
    xy: Floats,
    conf: Floats,
    boxes: Floats,
    skeleton: Skeleton,
    *,
    size: tuple[int, int] | None = None,
    min_conf: float = MIN_CONF,
) -> Measures:
    """Measure bodies.

    Args:
        xy: ``(N, K, 2)`` keypoints, pixels.
        conf: ``(N, K)`` in [0, 1].
        boxes: ``(N, 4)`` xyxy, pixels.
        skeleton: Any that has shoulders, hips, knees and ankles by these names: coco17, blazepose33, halpe26.
        size: Width and height of the picture: knees and ankles at its lower edge are not used then, for networks put
            those there that are outside.
        min_conf: Keypoints below this are not used.

    Raises:
        KeyError: The skeleton has no such keypoint.
    """
    pairs = np.array([_pair(skeleton, part) for part in ("shoulder", "hip", "knee", "ankle")])
    ends, legs = np.zeros(len(xy), dtype=bool), pairs[2:]
    seen = (conf >= min_conf)[:, pairs]  # (N, 4, 2)
    points = xy[:, pairs]  # (N, 4, 2, 2)
    edge = np.inf if size is None else (1 - _EDGE) * size[1]
    if size is not None:
        seen[:, 2:] &= points[:, 2:, :, 1] < edge
    middle = mean_of_seen(points, seen)
    if size is not None:
        # Where there is no room for shins between knees and edge, ankles are invented.
        trunk = middle[:, 0] - middle[:, 1]
        cut = size[1] - middle[:, 2, 1] < _ROOM * np.hypot(trunk[:, 0], trunk[:, 1])
        seen[:, 3] &= ~cut[:, None]
        middle[cut, 3] = np.nan
        ends = cut | (~seen[:, 3].any(axis=1) & (xy[:, legs, 1] >= edge).any(axis=(1, 2)))
    shoulder, hip, ankle = middle[:, 0], middle[:, 1], middle[:, 3]
    faces = [skeleton.index(name) for name in _HEAD if name in skeleton]
    head = mean_of_seen(xy[:, faces], conf[:, faces] >= min_conf)
    head = np.where(np.isnan(head), shoulder, head)
    lines = middle[:, 1:] - middle[:, :-1]  # trunk, thigh, shin, each downwards
    angles = tilt(middle[:, :-1], middle[:, 1:])
    lengths = norms(lines)
    across = points[:, 0, 0] - points[:, 0, 1]
    width = np.where(seen[:, 0].all(axis=1), np.hypot(across[:, 0], across[:, 1]), np.nan)
    # A body that points at the camera looks short but not narrow, and is known by that.
    height = np.fmax(lengths.sum(axis=1) / _CHAIN, width / SHOULDER_BREADTH)
    extent = (np.fmax(hip[:, 1], ankle[:, 1]) - head[:, 1]) / np.maximum(height, 1e-9)
    box = boxes[:, 2:] - boxes[:, :2]
    sure = (conf[:, pairs] * seen).max(axis=2)
    return Measures(
        trunk=angles[:, 0],
        thigh=angles[:, 1],
        shin=angles[:, 2],
        knee=_straighter(points, seen),
        fold=lengths[:, 1] / np.maximum(lengths[:, 2], 1e-9),
        aspect=box[:, 0] / np.maximum(box[:, 1], 1e-9),
        height=height,
        extent=np.where(ends, np.nan, extent),
        arms=_steep_arms(xy, conf >= min_conf, skeleton, hip, lines[:, 0], height),
        lengths=np.concatenate([lengths, width[:, None]], axis=1),
        hip=hip,
        head=head,
        ankle=ankle,
        upper=np.minimum(sure[:, 0], sure[:, 1]),
        lower=np.minimum(sure[:, 2], sure[:, 3]),
    )


def classify(found: Measures, *, min_conf: float = 0.5) -> tuple[NDArray[np.str_], Floats]:
    """Name the posture of each person.

    Each posture is a product of soft limits on the measures, 20 degrees wide, whose middles stand in the code; they
    were set by eye on clips of squats, lunges, sit-ups, planks, seated presses and walking.

    "Sitting" is a trunk held up over legs that do not carry it straight: on a chair, on the floor, on a knee, in a
    squat. Keypoints do not show what a body rests on.

    Args:
        found: What :func:`measure` returns.
        min_conf: A posture less sure than this is unknown.

    Returns:
        ``(N,)`` names of :data:`POSTURES` or ``"unknown"``, and ``(N,)`` conf of what is said: that of the best
        posture, or one minus it for unknown.
    """
    trunk, thigh, shin = (_known(column, 0.0) for column in (found.trunk, found.thigh, found.shin))
    thighs, legs = np.isfinite(found.thigh), np.isfinite(found.thigh) & np.isfinite(found.shin)
    # Knees above the hips mean hips on the floor, where nobody holds a trunk that leans back far.
    floor = thigh > 110
    tall = _known(found.extent, 1.0)
    short = _below(_known(found.fold, 1.0), 0.55, 0.2)
    bent = _below(_known(found.knee, 180.0), 115, 30)
    upright = np.minimum(_below(trunk, 45), _above(tall, 0.5, 0.2))
    standing = np.minimum(upright, _below(thigh, 42) * (1 - short) * (1 - bent))
    # Without shins, thighs must be level: a knee that is guessed hangs below the hip somehow.
    folded = np.where(legs, np.maximum(np.maximum(_above(thigh, 50), short), bent), _above(thigh, 75))
    held = _below(trunk, np.where(floor, 38.0, 55.0))
    sitting = np.minimum(np.minimum(held, folded), _above(tall, 0.3, 0.1))
    bending = np.minimum(np.minimum(_above(trunk, 40), _below(thigh, 50)), _below(shin, 55))
    flat = np.minimum(_above(trunk, np.where(floor, 38.0, 60.0)), np.maximum(_above(thigh, 50), _above(shin, 60)))
    # Without legs a trunk that lies may be one that bends over a table; a wide box decides.
    lying = np.where(legs, flat, _above(trunk, 65) * _above(found.aspect, 1.3, 0.3))
    scores = np.stack([standing * legs, sitting * thighs, bending * legs, lying], axis=-1)
    sure = np.sqrt(np.where(legs, (found.upper + found.lower) / 2, found.upper * 0.9))
    scores *= np.where(np.isfinite(found.trunk), sure, 0.0)[:, None]
    best = scores.argmax(axis=-1)
    conf = scores.max(axis=-1, initial=0.0)
    known = conf >= min_conf
    names = np.where(known, np.array(POSTURES)[best], UNKNOWN)
    return names, np.where(known, conf, 1 - conf)


def measure_result(result: Results) -> Measures:
    """Measure the bodies of a frame."""
    height, width = result.orig_shape
    return measure(*points_of(result), result.skeleton, size=(width, height))


class PostureWatch:
    """Says when somebody's posture changes.

    Args:
        hold_s: Seconds for which a posture must be seen before it counts. The default is longer than passing through
            one on the way to another takes, and shorter than people notice.
        min_conf: As in :func:`classify`.
    """

    def __init__(self, *, hold_s: float = 0.5, min_conf: float = 0.5) -> None:
        if hold_s < 0:
            raise ValueError(f"hold_s must be 0 or more seconds, got {hold_s}")
        self.hold_s, self.min_conf = hold_s, min_conf
        self._states: dict[int, _Posture] = {}

    def update(self, result: Results) -> list[Event]:
        """Take the next frame; an event is ``posture`` with its name as value, ``unknown`` is never said."""
        names, conf = classify(measure_result(result), min_conf=self.min_conf)
        events = []
        for row, number in enumerate(track_ids(result)):
            state = self._states.setdefault(number, _Posture())
            state.seen = result.time
            name = str(names[row])
            if name in (UNKNOWN, state.said):
                state.next = state.next if name == UNKNOWN else ""
                continue
            if name != state.next:
                state.next, state.since, state.conf = name, result.time, 0.0
            state.conf = max(state.conf, float(conf[row]))
            if result.time - state.since >= self.hold_s - 1e-9:
                state.said, state.next = name, ""
                events.append(Event(result.time, result.frame, number, "posture", name, state.conf))
        # Who has been away this long comes back with another id.
        for number in [n for n, state in self._states.items() if result.time - state.seen > 10.0]:
            del self._states[number]
        return events

    def finish(self) -> list[Event]:
        """Forget everything: nothing of it ends with the source."""
        self.reset()
        return []

    def reset(self) -> None:
        """Forget everything."""
        self._states.clear()


@dataclass(slots=True)
class _Posture:
    said: str = ""
    next: str = ""
    since: float = 0.0
    conf: float = 0.0
    seen: float = 0.0


def _pair(skeleton: Skeleton, part: str) -> list[int]:
    return [skeleton.index(f"left_{part}"), skeleton.index(f"right_{part}")]


def _steep_arms(xy: Floats, seen: Bools, skeleton: Skeleton, hip: Floats, trunk: Floats, height: Floats) -> Floats:
    """Return pixels from the shoulders down to the wrists of arms that may carry the trunk; see :class:`Measures`."""
    if "left_wrist" not in skeleton or "right_wrist" not in skeleton:
        return np.zeros(len(xy))
    ends = np.array([_pair(skeleton, "shoulder"), _pair(skeleton, "wrist")])
    arm = xy[:, ends[1]] - xy[:, ends[0]]  # (N, left and right, 2)
    down = np.where(seen[:, ends].all(axis=1), arm[..., 1], 0.0)
    steep = np.abs(arm[..., 0]) < _STEEP * down
    length = np.hypot(trunk[:, 0], trunk[:, 1])[:, None]
    along = (arm * trunk[:, None]).sum(axis=-1) / np.maximum(np.hypot(arm[..., 0], arm[..., 1]) * length, 1e-9)
    below = xy[:, ends[1], 1] - hip[:, None, 1] > _BELOW * height[:, None]
    apart = (along < _ALONG) | (length < _SHORT * TRUNK * height[:, None]) | below
    both = np.where(steep & apart, down, 0.0)
    known = np.asarray(seen[:, ends].all(axis=1))
    least: Floats = np.where(known, both, np.inf).min(axis=1)
    return np.where(np.isfinite(least), least, 0.0)


def _straighter(points: Floats, seen: Bools) -> Floats:
    """Return degrees at the straighter of both knees, NaN where no leg is seen whole; see :func:`measure`."""
    knees = np.where(seen[:, 1:].all(axis=1), joint_angle(points[:, 1], points[:, 2], points[:, 3]), np.nan)
    straighter: Floats = np.fmax(knees[:, 0], knees[:, 1])
    return straighter


def _known(values: Floats, instead: float) -> Floats:
    return np.where(np.isnan(values), instead, values)


def _limited(values: Floats, least: float = 0.0) -> Floats:
    """Return values between a least one and 1; np.clip takes thrice the time for a handful."""
    limited: Floats = np.minimum(np.maximum(values, least), 1.0)
    return limited


def _above(values: Floats, middle: float | Floats, width: float = 20.0) -> Floats:
    """Return 0 below, 1 above a soft limit."""
    return _limited((values - middle) / width + 0.5)


def _below(values: Floats, middle: float | Floats, width: float = 20.0) -> Floats:
    return 1 - _above(values, middle, width)
