"""People who stand, jump, duck, lean and run on the spot as points, and results made of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from poise.frames import Media
from poise.play import Action, BodyController
from poise.results import Results
from poise.results.columns import Boxes, Keypoints, freeze
from poise.skeletons import get

ASSETS = Path(__file__).parents[1] / "assets"
MEDIA = Media("drawn", "video")
SIZE = (700, 900)
# Somebody who stands and faces the camera, y down, trunk 100 pixels: the own left is on the picture's right.
STAND = {
    "nose": (0, -30), "left_eye": (5, -35), "right_eye": (-5, -35), "left_ear": (10, -32), "right_ear": (-10, -32),
    "left_shoulder": (35, 0), "right_shoulder": (-35, 0), "left_elbow": (40, 50), "right_elbow": (-40, 50),
    "left_wrist": (42, 95), "right_wrist": (-42, 95), "left_hip": (20, 100), "right_hip": (-20, 100),
    "left_knee": (20, 180), "right_knee": (-20, 180), "left_ankle": (20, 260), "right_ankle": (-20, 260),
}  # fmt: skip
NAMES = get("coco17").keypoints
Points = NDArray[np.float64]


def stand(x: float = 450.0, y: float = 250.0) -> Points:
    """Return ``(17, 2)`` points."""
    return np.array([STAND[name] for name in NAMES], dtype=float) + (x, y)


def still(seconds: float, points: Points | None = None, *, fps: float = 30.0) -> Points:
    """Return ``(T, 17, 2)`` of somebody who does nothing."""
    return np.repeat((stand() if points is None else points)[None], round(seconds * fps), axis=0)


def run_on_spot(seconds: float, *, lift: float = 45.0, steps: float = 2.8, fps: float = 30.0) -> Points:
    """Return somebody who lifts one foot after the other, so many pixels and steps a second."""
    points = still(seconds, fps=fps)
    phase = np.arange(len(points)) / fps * np.pi * steps
    for side, sign in (("left", 1), ("right", -1)):
        up = lift * np.maximum(0, sign * np.sin(phase))
        points[:, NAMES.index(f"{side}_ankle"), 1] -= up
        points[:, NAMES.index(f"{side}_knee"), 1] -= 0.6 * up
    return points


def results(
    people: Sequence[Points],
    *,
    ids: Sequence[int] | None = None,
    conf: float = 0.9,
    time: float = 0.0,
    frame: int = 0,
    media: Media = MEDIA,
) -> Results:
    """Return one frame of several people."""
    xy = np.array(people, dtype=float).reshape(-1, 17, 2)
    sure = np.full(xy.shape[:2], conf)
    rows = [
        [*one.min(axis=0), *one.max(axis=0), *([] if ids is None else [ids[n]]), 0.9, 0] for n, one in enumerate(xy)
    ]
    boxes = np.array(rows, dtype=float).reshape(len(xy), 6 if ids is None else 7)
    picture = np.zeros((*SIZE, 3), np.uint8)
    keypoints = Keypoints(freeze(xy), freeze(sure), get("coco17"), SIZE)
    return Results(picture, Boxes(freeze(boxes), SIZE), keypoints, frame=frame, time=time, media=media)


def act_out(controller: BodyController, points: Points, *, fps: float = 30.0, start: float = 0.0) -> list[Action]:
    """Return what a controller says while one person moves."""
    actions: list[Action] = []
    for n, xy in enumerate(points):
        actions += controller.update(results([xy], ids=[1], time=start + n / fps, frame=n))
    return actions


def track(name: str) -> list[Results]:
    """Return the frames of a real person of the assets: jumps, walk, hidden, crowd, stand or wave."""
    if name in ("stand", "wave"):
        data, key = np.load(ASSETS / "gesture_bodies.npz"), {"stand": "none_stand"}.get(name, name)
    else:
        data, key = np.load(ASSETS / "gesture_moves.npz"), name
    frames = []
    rows = zip(data[f"{key}_time"], data[f"{key}_xy"], data[f"{key}_conf"], strict=True)
    for n, (time, xy, conf) in enumerate(rows):
        points = Keypoints(freeze(xy[None].astype(float)), freeze(conf[None].astype(float)), get("coco17"), SIZE)
        low, high = np.nanmin(xy, axis=0), np.nanmax(xy, axis=0)
        boxes = Boxes(freeze(np.array([[*low, *high, 1, 0.9, 0]], dtype=float)), SIZE)
        picture = np.zeros((*SIZE, 3), np.uint8)
        frames.append(Results(picture, boxes, points, frame=n, time=float(time), media=MEDIA))
    return frames


def pressed(actions: Sequence[Action]) -> list[str]:
    """Return the names of what was pressed, in order."""
    return [one.name for one in actions if one.state == "press"]
