"""Looks round the wrists of bodies: where, how many, and how often."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np

from poise.estimators import Estimate
from poise.estimators.roi import RoiMemory
from poise.frames import Frame, Media
from poise.gestures import HandFinder
from poise.gestures.streams.hand_finder import wrist_squares
from poise.results import Results
from poise.results.columns import Boxes, Keypoints, freeze
from poise.skeletons import get

SIZE = (720, 1280)


class _Blind:
    """Stands in for the hand model: finds nothing, and remembers what it was shown."""

    skeleton = get("hand21")
    names = MappingProxyType({0: "left_hand", 1: "right_hand"})

    def __init__(self) -> None:
        self.estimator = self
        self.shown: list[tuple[int, int]] = []

    def memory(self) -> RoiMemory:
        return RoiMemory()

    def __call__(self, images: list[np.ndarray], *_: Any, **__: Any) -> list[Estimate]:
        self.shown += [image.shape[:2] for image in images]
        none = np.zeros((0, 21), np.float32)
        return [
            Estimate(np.zeros((0, 6), np.float32), np.zeros((0, 21, 2), np.float32), none, xyz=np.zeros((0, 21, 3)))
        ]


def people(frame: Frame, *, count: int, forearm: float) -> Results:
    """Return bodies side by side, each with forearms of its own length, so that crops tell whose they are."""
    xy = np.zeros((count, 17, 2))
    for i in range(count):
        x, long = 100 + 120 * i, forearm + i
        xy[i, 5:13] = [
            (x + 20, 200), (x - 20, 200), (x + 20, 250), (x - 20, 250),
            (x + 20, 250 + long), (x - 20, 250 + long), (x + 10, 200 + long), (x - 10, 200 + long),
        ]  # fmt: skip
    box = np.column_stack([xy.min(axis=1), xy.max(axis=1), np.arange(count) + 1, np.full(count, 0.9), np.zeros(count)])
    points = Keypoints(freeze(xy), freeze(np.ones((count, 17))), get("coco17"), SIZE)
    return Results(
        frame.image, Boxes(freeze(box), SIZE), points, {0: "person"}, frame.index, frame.time, frame.media
    )  # fmt: skip


def looks(count: int, *, forearm: float, kind: str = "video", frames: int = 1) -> list[list[tuple[int, int]]]:
    """Return the sizes of the crops that were looked into, a list a frame."""
    model, media = _Blind(), Media("crowd.mp4", kind)
    finder = HandFinder(model)  # type: ignore[arg-type]
    out = []
    for n in range(frames):
        frame = Frame(np.zeros((*SIZE, 3), np.uint8), media, n, n / 10)
        model.shown = []
        finder.find(frame, people(frame, count=count, forearm=forearm))
        out.append([size for size in model.shown if size != SIZE])
    return out


def test_both_wrists_of_a_picture_are_looked_at() -> None:
    ((first, second),) = looks(1, forearm=60, kind="image")

    assert first == second == (132, 132)


def test_a_crowd_costs_two_looks_a_frame_and_everybody_has_a_turn() -> None:
    shown = looks(8, forearm=60, frames=17)

    assert max(len(frame) for frame in shown) == 2
    assert len({size for frame in shown for size in frame}) == 8


def test_hands_too_small_to_read_are_not_looked_for_in_video() -> None:
    assert looks(1, forearm=20) == [[]]


def test_a_wrist_that_is_not_seen_has_no_square() -> None:
    frame = Frame(np.zeros((*SIZE, 3), np.uint8), Media("a.jpg", "image"), 0, 0.0)
    xy = np.asarray(people(frame, count=1, forearm=60).keypoints.xy, dtype=float)
    conf = np.ones((1, 17))
    conf[0, 9] = 0.1

    squares = wrist_squares(xy, conf)

    assert np.isnan(squares[0, 0]).all()
    assert np.isfinite(squares[0, 1]).all()
