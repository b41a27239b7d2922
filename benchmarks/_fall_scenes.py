"""Falls, and what looks like them, made of real tracks of people who stand or walk; and two plain detectors.

Every scene takes ``(T, 17, 2)`` pixels of a real track in coco17, ``(T,)`` seconds and the body's height in pixels, and
returns points of the same shape. It begins at ``START``; before it the track is as it was filmed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from synthetic_falls import tip_over

from poise.clips import Clip
from poise.events.posture import measure
from poise.frames import Frame, Media
from poise.results import Results
from poise.skeletons import get

Points = NDArray[np.float64]
Scene = Callable[[Points, Points, float], Points]

# Clips whose people stand or walk upright and whole, for the first seconds of their tracks.
UPRIGHT = ("gesture_none_stand", "mocap_walk_side", "squat_gym_hold", "people_one_by_one", "people_vtest")
# Others, on which no limit was chosen.
HELD_OUT = ("gesture_wave", "squat_barbell_side", "jumping_jack_front", "people_street_pan", "people_worker_zone")
START = 1.2
_SECONDS = 7.0
_UPPER, _HIPS, _KNEES, _ANKLES = list(range(11)), [11, 12], [13, 14], [15, 16]
_BLACK = np.zeros((1, 1, 3), np.uint8)


@dataclass(frozen=True)
class Upright:
    """A few seconds of a real person on their feet."""

    name: str
    xy: Points
    conf: Points
    times: Points
    height: float
    size: tuple[int, int]


def upright(name: str, clip: Clip, *, most: int = 3) -> Iterator[Upright]:
    """Yield the tracks of a clip that show somebody whole from the beginning, the longest first."""
    step = float(np.median(np.diff(clip.times)))
    wait = int(START / step)
    found = 0
    for row in np.argsort(-clip.present.sum(axis=1)):
        seen = np.flatnonzero(np.isfinite(clip.xy[row, :, 0, 0]))
        if name in ("people_one_by_one", "people_vtest"):
            seen = seen[len(seen) // 3 :]  # they walk in from outside the picture
        first = seen[:wait]
        if found == most or len(first) < wait:
            return
        sure = np.nan_to_num(clip.conf[row, first])[:, [5, 6, 11, 12, 13, 14, 15, 16]]
        if np.median(sure) < 0.5 or (sure < 0.3).any(axis=1).mean() > 0.2 or np.ptp(first) > 2 * wait:
            continue
        found += 1
        # Afterwards the body keeps its last pose, for nobody walks on who falls; the trembling of the upright frames
        # comes again, there and back.
        at = np.arange(wait)
        at = np.concatenate([at, np.resize(np.concatenate([at[::-1], at]), int(_SECONDS / step) - wait)])
        order = first[at]
        xy, conf = clip.xy[row, order].astype(np.float64), clip.conf[row, order].astype(np.float64)
        steady = np.stack([_mean_of_five(column) for column in xy[:wait].reshape(wait, -1).T], axis=1)
        tremble = (xy[:wait].reshape(wait, -1) - steady).reshape(wait, *xy.shape[1:])
        xy[wait:] = steady[-1].reshape(xy.shape[1:]) + tremble[at[wait:]]
        boxes = clip.boxes[row, order].astype(np.float64)
        height = float(np.nanmedian(measure(xy, conf, boxes, get("coco17")).height))
        yield Upright(f"{name} {clip.ids[row]}", xy, conf, np.arange(len(order)) * step, height, clip.size)


def _mean_of_five(values: Points) -> Points:
    """Return the running mean of ``(T,)`` values over five frames, fewer at the ends."""
    window = np.ones(5)
    return np.asarray(np.convolve(values, window, "same") / np.convolve(np.ones(len(values)), window, "same"))


def results(one: Upright, xy: Points, *, conf: Points | None = None) -> Iterator[Results]:
    """Yield results of one person, with id 1, whose box fits its keypoints; the picture has room on every side."""
    media = Media("synthetic")
    width, height = one.size
    room = np.array([width, height], dtype=np.float64)
    picture = np.broadcast_to(_BLACK, (3 * height, 3 * width, 3))
    for t, (points, sure, now) in enumerate(zip(xy + room, one.conf if conf is None else conf, one.times, strict=True)):
        shown = sure > 0
        if not shown.any():
            yield Results.of(Frame(picture, media, t, float(now)), np.zeros((0, 7)))
            continue
        low, high = np.nanmin(points[shown], axis=0) - 5, np.nanmax(points[shown], axis=0) + 5
        yield Results.of(Frame(picture, media, t, float(now)), [[*low, *high, 1, 0.9, 0]], points[None], sure[None])


def falling(azimuth: float, elevation: float, noise: float) -> Scene:
    """Return the scene of a fall."""

    def scene(xy: Points, times: Points, height: float) -> Points:
        view = {"azimuth": azimuth, "elevation": elevation, "noise": noise}
        return tip_over(xy, times, start=START, ankles=(15, 16), height=height, **view)

    return scene


def _share(times: Points, seconds: float, *, start: float = START) -> Points:
    """Return how far a movement is, 0 to 1, slow at both ends."""
    at = np.clip((times - start) / seconds, 0, 1)
    return at * at * (3 - 2 * at)


def _still(xy: Points, times: Points) -> Points:
    """Let the feet stay where they are from the start on."""
    begun = int(np.searchsorted(times, START))
    base = xy[:, _ANKLES].mean(axis=1)
    out = xy.copy()
    out[begun:] += (base[begun] - base[begun:])[:, None]
    return out


def lie_down(seconds: float, azimuth: float = 0.0) -> Scene:
    """Return somebody who lies down on purpose, stiff, in so many seconds."""

    def scene(xy: Points, times: Points, height: float) -> Points:
        out = _still(xy, times)
        base = out[:, _ANKLES].mean(axis=1, keepdims=True)
        angle = np.radians(85) * _share(times, seconds)[:, None]
        flat = out - base
        if azimuth:  # along the view: only the height shrinks
            return base + flat * np.stack([np.ones_like(angle), np.cos(angle)], axis=-1)
        x, y = flat[..., 0], flat[..., 1]
        return base + np.stack([x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)], axis=-1)

    return scene


def sit_down(seconds: float, *, seat: float = 0.26, view: str = "side") -> Scene:
    """Return somebody who sits down on a seat so many body heights above the ankles, 0.26 a chair, 0.1 a low sofa."""

    def scene(xy: Points, times: Points, height: float) -> Points:
        out = _still(xy, times)
        share = _share(times, seconds)[:, None]
        drop = (out[:, _ANKLES, 1].mean(axis=1) - out[:, _HIPS, 1].mean(axis=1))[:, None] - seat * height
        back = 0.2 * height if view == "side" else 0.0
        for part, much in ((_UPPER, 1.0), (_HIPS, 1.0), (_KNEES, 0.1)):
            out[:, part, 1] += much * share * drop
            out[:, part, 0] -= share * back * (1.0 if part is not _KNEES else -0.25)
        return out

    return scene


def collapse(seconds: float) -> Scene:
    """Return somebody whose knees give way, and who then tips over to the side on the floor."""

    def scene(xy: Points, times: Points, height: float) -> Points:
        out = sit_down(0.6 * seconds, seat=0.08)(xy, times, height)
        angle = np.radians(85) * _share(times, 0.6 * seconds, start=START + 0.4 * seconds)[:, None]
        hip = out[:, _HIPS].mean(axis=1, keepdims=True)
        x, y = (out[:, _UPPER] - hip)[..., 0], (out[:, _UPPER] - hip)[..., 1]
        turned = np.stack([x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)], axis=-1)
        out[:, _UPPER] = hip + turned
        return out

    return scene


def bend(seconds: float, degrees: float = 100.0, *, stay: float = 2.0) -> Scene:
    """Return somebody who bends to the ground to pick something up, and comes up again."""

    def scene(xy: Points, times: Points, height: float) -> Points:
        out = _still(xy, times)
        share = _share(times, seconds) - _share(times, seconds, start=START + seconds + stay)
        angle = np.radians(degrees) * share[:, None]
        hip = out[:, _HIPS].mean(axis=1, keepdims=True)
        x, y = (out[:, _UPPER] - hip)[..., 0], (out[:, _UPPER] - hip)[..., 1]
        turned = np.stack([x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)], axis=-1)
        out[:, _UPPER] = hip + turned
        return out

    return scene


def kneel(seconds: float) -> Scene:
    """Return somebody who goes down on both knees, seen from the front, and stays."""

    def scene(xy: Points, times: Points, height: float) -> Points:
        out = _still(xy, times)
        share = _share(times, seconds)[:, None]
        shin = (out[:, _ANKLES, 1].mean(axis=1) - out[:, _KNEES, 1].mean(axis=1))[:, None]
        out[:, _UPPER + _HIPS + _KNEES, 1] += share * shin
        return out

    return scene


def shake(xy: Points, times: Points, height: float) -> Points:
    """Let the camera be knocked: the picture jumps by half a body height and trembles for half a second."""
    passed = times - START
    swing = np.where(passed > 0, 0.5 * height * np.clip(passed / 0.15, 0, 1), 0.0)
    swing = swing + np.where((passed > 0) & (passed < 0.5), 0.1 * height * np.sin(40 * passed), 0.0)
    return xy + np.stack([0.3 * swing, swing], axis=-1)[:, None]


def zoom(factor: float) -> Scene:
    """Return a camera that zooms about the middle of the track in half a second."""

    def scene(xy: Points, times: Points, height: float) -> Points:
        middle = xy[:1].mean(axis=1, keepdims=True)
        scale = (1 + (factor - 1) * _share(times, 0.5))[:, None, None]
        return middle + (xy - middle) * scale

    return scene


def switch(away: float) -> Scene:
    """Return an id that jumps to somebody who lies so many body heights beside."""

    def scene(xy: Points, times: Points, height: float) -> Points:
        lying = tip_over(xy, times, start=-5.0, ankles=(15, 16), height=height)
        lying = lying + (xy[:1, _ANKLES] - lying[:1, _ANKLES]).mean(axis=1, keepdims=True) + [away * height, 0]
        return np.where((times > START)[:, None, None], lying, xy)

    return scene


def leave(xy: Points, times: Points, height: float) -> Points:
    """Let somebody walk out through the lower edge, which is where the feet were; see ``hidden``."""
    return xy + np.stack([np.zeros_like(times), np.clip(times - START, 0, 1.2) * 0.8 * height], axis=-1)[:, None]


def hidden(one: Upright, made: Points) -> Points:
    """Return the confidence of what is in the picture that ends at the first frame's feet."""
    edge = np.nanmax(one.xy[0, :, 1]) + 2
    return np.where(made[..., 1] > edge, 0.05, one.conf)


NEGATIVES: dict[str, list[tuple[str, Scene]]] = {
    "sits down fast on a chair (0.5 s)": [("side", sit_down(0.5)), ("front", sit_down(0.5, view="front"))],
    "drops onto a low sofa (0.5 s)": [
        ("side", sit_down(0.5, seat=0.1)),
        ("front", sit_down(0.5, seat=0.1, view="front")),
    ],
    "lies down in 4 s": [("side", lie_down(4.0)), ("along", lie_down(4.0, 90.0))],
    "lies down in 3 s": [("side", lie_down(3.0)), ("along", lie_down(3.0, 90.0))],
    "lies down in 2 s": [("side", lie_down(2.0)), ("along", lie_down(2.0, 90.0))],
    "picks something up (0.5 s)": [("side", bend(0.5)), ("deep", bend(0.5, 130.0))],
    "kneels down (0.4 s)": [("front", kneel(0.4))],
    "camera is knocked": [("", shake)],
    "camera zooms": [("out", zoom(0.5)), ("in", zoom(1.6))],
    "id jumps to somebody lying": [("0.8", switch(0.8)), ("2", switch(2.0))],
    "leaves through the lower edge": [("", leave)],
}


class BoxAspect:
    """The plainest detector: a box wider than high for a second."""

    def __init__(self, *, still_s: float = 1.0) -> None:
        self.still_s, self.since = still_s, dict[int, float]()
        self.said: set[int] = set()

    def down(self, result: Results) -> NDArray[np.bool_]:
        """Return who looks fallen in one frame."""
        size = np.asarray(result.boxes.xywh, dtype=np.float64)[:, 2:]
        return np.asarray(size[:, 0] > size[:, 1])

    def update(self, result: Results) -> int:
        """Return how many alarms a frame raises; one a person."""
        alarms = 0
        numbers = result.boxes.id
        ids = [] if numbers is None else np.asarray(numbers).astype(int).tolist()
        for number, down in zip(ids, self.down(result), strict=False):
            if not down:
                self.since.pop(number, None)
                self.said.discard(number)
            elif result.time - self.since.setdefault(number, result.time) >= self.still_s and number not in self.said:
                self.said.add(number)
                alarms += 1
        return alarms


class LowShoulders(BoxAspect):
    """The rule of the many fall projects on YOLO poses: shoulders and hips low over the feet, or the box wide.

    Down: on one side, the shoulder is less than one trunk length above the ankle, and the hip less than half of one.
    """

    def down(self, result: Results) -> NDArray[np.bool_]:
        xy = np.asarray(result.keypoints.xy, dtype=np.float64)
        low = super().down(result)
        for shoulder, hip, ankle in ((5, 11, 15), (6, 12, 16)):
            trunk = np.linalg.norm(xy[:, shoulder] - xy[:, hip], axis=-1)
            with np.errstate(invalid="ignore"):
                low |= (xy[:, shoulder, 1] > xy[:, ankle, 1] - trunk) & (xy[:, hip, 1] > xy[:, ankle, 1] - trunk / 2)
        return low
