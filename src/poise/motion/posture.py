"""Standing, sitting, bending, lying: a person's posture from one frame.

The picture is taken to be upright, the camera to look about horizontally. Only directions and ratios of lengths count,
so a person may be near or far. What the picture does not show is "unknown".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poise.geometry import Bools, Floats
from poise.motion.events import Event, points_of, track_ids
from poise.results import Results
from poise.skeletons import Skeleton

POSTURES = ("standing", "sitting", "bending", "lying")
UNKNOWN = "unknown"
# The body networks' own limit for drawing; below it a keypoint is a guess.
MIN_CONF = 0.3
# Share of the body's height that trunk, thigh and shin have together: 0.288 + 0.245 + 0.246.
# Source: Winter, Biomechanics and Motor Control of Human Movement, 4th ed., figure 4.1 (after Drillis and Contini).
_CHAIN = 0.779
# Body height over the distance between the shoulders' keypoints, seen from the front: 1 / 0.259 by the same figure. A
# body that points at the camera looks short but not narrow, and is known by that.
_WIDTH = 3.86
# This share of the picture's height is its lower edge.
_EDGE = 0.02
# A shin is about as long as a trunk in keypoints; in less of a trunk than this it cannot be seen.
_ROOM = 0.25
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
    shoulders, hips, knees, ankles = (_pair(skeleton, part) for part in ("shoulder", "hip", "knee", "ankle"))
    seen, ends = conf >= min_conf, np.zeros(len(xy), dtype=bool)
    if size is not None:
        legs = knees + ankles
        seen[:, legs] &= xy[:, legs, 1] < (1 - _EDGE) * size[1]
    shoulder, hip, knee, ankle = (_middle(xy, seen, pair) for pair in (shoulders, hips, knees, ankles))
    if size is not None:
        # Where there is no room for shins between knees and edge, ankles are invented.
        least = _ROOM * np.hypot(shoulder[:, 0] - hip[:, 0], shoulder[:, 1] - hip[:, 1])
        cut = size[1] - knee[:, 1] < least
        seen[:, ankles] &= ~cut[:, None]
        ankle = np.where(cut[:, None], np.nan, ankle)
        ends = cut | (~seen[:, ankles].any(axis=1) & (xy[:, legs, 1] >= (1 - _EDGE) * size[1]).any(axis=1))
    head = _middle(xy, seen, [skeleton.index(name) for name in _HEAD if name in skeleton])
    up, thigh, shin = shoulder - hip, knee - hip, ankle - knee
    trunk_length, thigh_length, shin_length = (np.hypot(line[:, 0], line[:, 1]) for line in (up, thigh, shin))
    across = xy[:, shoulders[0]] - xy[:, shoulders[1]]
    width = np.where(seen[:, shoulders].all(axis=1), np.hypot(across[:, 0], across[:, 1]), np.nan)
    height = np.fmax((trunk_length + thigh_length + shin_length) / _CHAIN, _WIDTH * width)
    head = np.where(np.isfinite(head), head, shoulder)
    extent = (np.fmax(hip[:, 1], ankle[:, 1]) - head[:, 1]) / np.maximum(height, 1e-9)
    extent = np.where(ends, np.nan, extent)
    box = boxes[:, 2:] - boxes[:, :2]
    s_conf, h_conf, k_conf, a_conf = (
        (conf[:, pair] * seen[:, pair]).max(axis=1) for pair in (shoulders, hips, knees, ankles)
    )
    return Measures(
        trunk=_from_vertical(-up),
        thigh=_from_vertical(thigh),
        shin=_from_vertical(shin),
        knee=_straighter(xy, seen, hips, knees, ankles),
        fold=thigh_length / np.maximum(shin_length, 1e-9),
        aspect=box[:, 0] / np.maximum(box[:, 1], 1e-9),
        height=height,
        extent=extent,
        lengths=np.stack([trunk_length, thigh_length, shin_length, width], axis=-1),
        hip=hip,
        head=head,
        ankle=ankle,
        upper=np.minimum(s_conf, h_conf),
        lower=np.minimum(k_conf, a_conf),
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
    trunk, thigh, shin = (np.nan_to_num(column) for column in (found.trunk, found.thigh, found.shin))
    legs = np.isfinite(found.thigh) & np.isfinite(found.shin)
    short = _below(np.nan_to_num(found.fold, nan=1.0), 0.55, 0.2)
    bent = _below(np.nan_to_num(found.knee, nan=180.0), 115, 30)
    # Without shins, thighs must be level: a knee that is guessed hangs below the hip somehow.
    folded = np.where(legs, np.maximum.reduce([_above(thigh, 50), short, bent]), _above(thigh, 75))
    tall = np.nan_to_num(found.extent, nan=1.0)
    upright = np.minimum(_below(trunk, 45), _above(tall, 0.5, 0.2))
    # Knees above the hips mean hips on the floor, where nobody holds a trunk that leans back far.
    floor = thigh > 110
    flat = np.minimum(
        _above(trunk, np.where(floor, 38.0, 60.0)), np.where(legs, np.maximum(_above(thigh, 50), _above(shin, 60)), 0.0)
    )
    # Without legs a trunk that lies may be one that bends over a table; a wide box decides.
    flat = np.where(legs, flat, _above(trunk, 65) * _above(found.aspect, 1.3, 0.3))
    scores = np.stack(
        [
            np.where(legs, np.minimum(upright, _below(thigh, 42) * (1 - short) * (1 - bent)), 0.0),
            np.where(
                np.isfinite(found.thigh),
                np.minimum.reduce([_below(trunk, np.where(floor, 38.0, 55.0)), folded, _above(tall, 0.3, 0.1)]),
                0.0,
            ),
            np.where(legs, np.minimum.reduce([_above(trunk, 40), _below(thigh, 50), _below(shin, 55)]), 0.0),
            flat,
        ],
        axis=-1,
    )
    seen = np.isfinite(found.trunk)
    sure = np.sqrt(np.clip(np.where(legs, (found.upper + found.lower) / 2, found.upper * 0.9), 0, 1))
    scores = np.where(seen[:, None], scores * np.nan_to_num(sure)[:, None], 0.0)
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
        """Forget everything."""
        self._states.clear()
        return []


@dataclass(slots=True)
class _Posture:
    said: str = ""
    next: str = ""
    since: float = 0.0
    conf: float = 0.0
    seen: float = 0.0


def _pair(skeleton: Skeleton, part: str) -> list[int]:
    return [skeleton.index(f"left_{part}"), skeleton.index(f"right_{part}")]


def _middle(xy: Floats, seen: Bools, points: list[int]) -> Floats:
    """Return the ``(N, 2)`` mean of those points that are seen, NaN without any."""
    use = seen[:, points]
    count = use.sum(axis=1)
    total = np.where(use[..., None], xy[:, points], 0.0).sum(axis=1)
    return np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], np.nan)


def _straighter(xy: Floats, seen: Bools, hips: list[int], knees: list[int], ankles: list[int]) -> Floats:
    """Return degrees at the straighter of both knees, NaN where no leg is seen whole."""
    thigh, shin = xy[:, knees] - xy[:, hips], xy[:, ankles] - xy[:, knees]
    whole = seen[:, hips] & seen[:, knees] & seen[:, ankles]
    lengths = np.hypot(thigh[..., 0], thigh[..., 1]) * np.hypot(shin[..., 0], shin[..., 1])
    cosine = np.where(whole, (thigh * shin).sum(axis=-1) / np.maximum(lengths, 1e-9), np.nan)
    angles: Floats = 180 - np.degrees(np.arccos(np.clip(np.fmax(cosine[:, 0], cosine[:, 1]), -1, 1)))
    return angles


def _from_vertical(line: Floats) -> Floats:
    """Return degrees between ``(N, 2)`` lines and down, 0 to 180."""
    return np.degrees(np.arctan2(np.abs(line[:, 0]), line[:, 1]))


def _above(values: Floats, middle: float | Floats, width: float = 20.0) -> Floats:
    """Return 0 below, 1 above a soft limit."""
    return np.clip((np.asarray(values) - middle) / width + 0.5, 0, 1)


def _below(values: Floats, middle: float | Floats, width: float = 20.0) -> Floats:
    return 1 - _above(values, middle, width)
