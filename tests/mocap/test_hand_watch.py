"""Whose hand it is: the hands that a model found, and the bodies they belong to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hand_points import gripping, hands_of
from test_solving import clip_of

from poise.clips import Clip
from poise.frames import Frame
from poise.mocap import hand_watch
from poise.mocap.hand_motion import hand_id
from poise.mocap.hand_watch import HandWatch, with_hands
from poise.results import Results
from poise.skeletons import get

TRUTH = gripping(0.5)
BODIES, HANDS = clip_of(TRUTH), hands_of(TRUTH)
NAMES = {0: "left_hand", 1: "right_hand"}


def body(ids: Sequence[int], frame: int = 0, *, apart: float = 500.0) -> Results:
    """Return people beside each other in one frame."""
    xy = np.stack([BODIES.xy[0, frame] + (apart * at - 200, 0) for at in range(len(ids))])
    boxes = [[*one.min(axis=0), *one.max(axis=0), id, 0.9, 0] for one, id in zip(xy, ids, strict=True)]
    seen = next(iter(BODIES.results()))
    picture = Frame(seen.orig_img, seen.media, frame, frame / 30)
    assert BODIES.xyz is not None
    xyz = np.repeat(BODIES.xyz[:, frame], len(ids), axis=0)
    return Results.of(picture, boxes, xy, np.ones(xy.shape[:2]), skeleton=get("blazepose33"), xyz=xyz)


def hand(side: int, *, said: int | None = None, by: tuple[float, float] = (-200.0, 0.0), frame: int = 0) -> Any:
    """Return points, xyz and what the network says of the side: 0 left, 1 right."""
    assert HANDS.xyz is not None
    return HANDS.xy[side, frame] + by, HANDS.xyz[side, frame], side if said is None else said


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the hand model finds in every frame."""
    given: list[Any] = []

    class Finder:
        def __init__(self, model: Any) -> None:
            assert model == "hands"

        def find(self, frame: Frame, bodies: Results) -> Results:
            assert bodies.skeleton.name == "coco17"
            n = len(given)
            xy = np.array([one[0] for one in given]).reshape(n, 21, 2)
            boxes = [[*p.min(axis=0), *p.max(axis=0), 0.9, one[2]] for p, one in zip(xy, given, strict=True)]
            xyz = np.array([one[1] for one in given]).reshape(n, 21, 3)
            return Results.of(frame, boxes, xy, np.full((n, 21), 0.9), skeleton=get("hand21"), names=NAMES, xyz=xyz)

    monkeypatch.setattr(hand_watch, "HandFinder", Finder)
    return given


def watch() -> HandWatch:
    return HandWatch("hands")  # type: ignore[arg-type]


def ids(results: Results) -> list[int]:
    return [] if results.boxes.id is None else sorted(np.asarray(results.boxes.id).astype(int).tolist())


def test_hands_are_those_of_the_nearest_wrists(found: list[Any]) -> None:
    found += [hand(1, by=(300.0, 0.0)), hand(0), hand(1), hand(0, by=(300.0, 0.0))]

    seen = watch().update(body([3, 8]))

    assert ids(seen) == [hand_id(3, 0), hand_id(3, 1), hand_id(8, 0), hand_id(8, 1)]
    named = dict(zip(np.asarray(seen.boxes.id).astype(int).tolist(), np.asarray(seen.keypoints.xy), strict=True))
    assert named[hand_id(8, 0)] == pytest.approx(HANDS.xy[0, 0] + (300.0, 0.0), abs=1e-3)
    assert seen.keypoints.xyz[0].shape == (21, 3)


def test_a_wrist_knows_better_than_the_hand_which_side_it_is(found: list[Any]) -> None:
    found += [hand(0, said=1), hand(1, said=0)]

    seen = watch().update(body([1]))

    order = np.asarray(seen.boxes.id).astype(int).tolist()
    assert np.asarray(seen.keypoints.xy)[order.index(1)] == pytest.approx(HANDS.xy[0, 0] - (200.0, 0.0), abs=1e-3)


def test_a_hand_at_nobodys_wrist_is_left_out(found: list[Any]) -> None:
    found += [hand(0), hand(1, by=(500.0, 100.0))]

    assert ids(watch().update(body([1]))) == [1]


def test_a_hand_that_was_seen_the_wrong_way_round_is_left_out(found: list[Any]) -> None:
    points, xyz, side = hand(1)
    found += [hand(0), (points.mean(axis=0) * 2 - points, xyz, side)]

    assert ids(watch().update(body([1]))) == [1]


def test_without_people_there_are_no_hands(found: list[Any]) -> None:
    found += [hand(0)]

    assert len(watch().update(body([1])[:0])) == 0


def test_hands_of_a_broken_track_are_the_same_persons(found: list[Any]) -> None:
    found += [hand(0), hand(1)]

    def results() -> Iterator[Results]:
        for frame in range(30):
            # Away for three frames, then under another number.
            seen = body([1])[:0] if 12 <= frame < 15 else body([1 if frame < 12 else 2])
            yield seen.replace(time=frame / 30, frame=frame)

    bodies, hands = with_hands(results(), "hands")  # type: ignore[arg-type]

    assert bodies.ids.tolist() == [1]
    assert isinstance(hands, Clip)
    assert hands.ids.tolist() == [1, 2]
    assert hands.present.sum(axis=1).tolist() == [27, 27]
