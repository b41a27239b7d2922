"""Joining the pieces of broken tracks."""

import numpy as np
import pytest
from drawn_people import STANDING

from poise.clips import Clip
from poise.skeletons import get
from poise.tracking import relink


def clip(
    pieces: list[tuple[int, float, float, float, float, float]], *, fps: float = 20.0, seconds: float = 6.0
) -> Clip:
    """Draw tracks: (id, from, to, x at time 0, pixels a second, height)."""
    times = np.arange(round(seconds * fps)) / fps
    shape = (len(pieces), len(times))
    boxes, xy = np.full((*shape, 4), np.nan), np.full((*shape, 17, 2), np.nan)
    for i, (_, start, end, x, speed, high) in enumerate(pieces):
        at = (times >= start) & (times < end)
        low = np.stack([x + speed * times[at] - 0.2 * high, np.full(at.sum(), 300 - high)], axis=1)
        side = np.array([0.4 * high, high])
        boxes[i, at] = np.concatenate([low, low + side], axis=1)
        xy[i, at] = low[:, None] + side * STANDING
    seen = np.isfinite(xy[..., 0])
    return Clip(
        times=times,
        frames=np.arange(len(times)),
        ids=np.array([p[0] for p in pieces]),
        boxes=boxes,
        box_conf=np.where(np.isfinite(boxes[..., 0]), 0.9, np.nan),
        xy=xy,
        conf=np.where(seen, 0.9, np.nan),
        sigma=np.full_like(xy, np.nan),
        skeleton=get("coco17"),
        size=(1280, 720),
    )


def test_walker_hidden_for_a_second_is_one_again() -> None:
    broken = clip([(1, 0, 2, 100, 120, 160), (2, 3, 6, 100, 120, 160)])

    whole, joins = relink(broken)

    assert whole.ids.tolist() == [1]
    assert [(j.kept, j.joined) for j in joins] == [(1, 2)]
    np.testing.assert_array_equal(whole.boxes[0, 60:], broken.boxes[1, 60:])


def test_pieces_of_a_chain_collect_in_the_first() -> None:
    whole, joins = relink(clip([(1, 0, 1, 100, 50, 160), (4, 1.5, 3, 100, 50, 160), (9, 3.4, 6, 100, 50, 160)]))

    assert whole.ids.tolist() == [1]
    assert [(j.kept, j.joined) for j in joins] == [(1, 4), (1, 9)]


def test_everybody_is_decided_at_once() -> None:
    # The nearest continuation of 1 is 4, but then 2 would have none.
    people = [(1, 0, 2, 300, 0, 160), (2, 0, 2, 360, 0, 160), (3, 2.5, 6, 280, 0, 160), (4, 2.5, 6, 325, 0, 160)]

    _, joins = relink(clip(people))

    assert {(j.kept, j.joined) for j in joins} == {(1, 3), (2, 4)}


def test_longer_gap_than_allowed_joins_nothing() -> None:
    broken = clip([(1, 0, 1, 100, 0, 160), (2, 4, 6, 100, 0, 160)])

    whole, joins = relink(broken, max_gap_seconds=2.0)

    assert joins == []
    assert whole.ids.tolist() == [1, 2]


@pytest.mark.parametrize(
    "other", [(2, 2.5, 6, 900, 0, 160), (2, 2.5, 6, 100, 0, 60)], ids=["elsewhere", "much smaller"]
)
def test_somebody_else_is_not_joined(other: tuple[int, float, float, float, float, float]) -> None:
    _, joins = relink(clip([(1, 0, 2, 100, 0, 160), other]))

    assert joins == []


def test_tracks_at_the_same_time_are_not_joined() -> None:
    _, joins = relink(clip([(1, 0, 4, 100, 0, 160), (2, 3, 6, 100, 0, 160)]))

    assert joins == []


def test_a_join_says_what_it_did() -> None:
    _, joins = relink(clip([(1, 0, 2, 100, 120, 160), (2, 3, 6, 100, 120, 160)]))

    assert str(joins[0]).startswith("id 2 joined to id 1 over 1.95 to 3.00 s (cost ")


def test_negative_gap_is_refused() -> None:
    with pytest.raises(ValueError, match="max_gap_seconds must be 0 or more, got -1"):
        relink(clip([(1, 0, 2, 100, 0, 160)]), max_gap_seconds=-1)
