"""The nearest stretches of time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pose_tables import bodies
from search_kit import result, video

from poise import Results
from poise.bodies.pose_embedding import embed, layout
from poise.search import Like, PoseIndex, search_movements
from poise.search import movements as movements_
from poise.skeletons import get

COCO = get("coco17")
A, B, C, REST = bodies(4, seed=2)


def through(*poses: np.ndarray, frames: int) -> np.ndarray:
    """Return ``(frames, 17, 2)`` points that go from pose to pose."""
    at = np.linspace(0, len(poses) - 1, frames)
    low = np.minimum(at.astype(int), len(poses) - 2)
    share = (at - low)[:, None, None]
    table = np.stack(poses)
    return table[low] * (1 - share) + table[low + 1] * share


def like(xy: np.ndarray, step: float = 0.1) -> Like:
    embedding, weight = embed(xy, None, COCO)
    return Like(embedding, weight, layout(COCO), np.zeros(len(xy), np.int64), np.arange(len(xy)) * step, "a movement")


def clip(*parts: np.ndarray, **more: object) -> list[Results]:
    return video(np.concatenate(parts), **more)  # type: ignore[arg-type]


MOVE = through(A, B, C, A, frames=20)
STILL = through(REST, REST, frames=30)


@pytest.mark.parametrize("tempo", [0.75, 1.0, 1.4])
def test_a_movement_is_found_where_it_is_at_other_tempos(tempo: float) -> None:
    performed = through(A, B, C, A, frames=round(20 * tempo))
    index = PoseIndex.of(clip(STILL, performed, STILL))

    hit = search_movements(index, like(MOVE), top=1)[0]

    assert hit.start == pytest.approx(3.0, abs=0.31)
    assert hit.end == pytest.approx(3.0 + 1.9 * tempo, abs=0.51)
    assert hit.distance < 0.1


def test_each_time_it_is_done_is_a_hit_and_the_other_way_round_is_none() -> None:
    index = PoseIndex.of(clip(STILL, MOVE, STILL, MOVE, STILL, MOVE[::-1], STILL))

    hits = search_movements(index, like(MOVE), max_distance=0.1)

    assert sorted(round(hit.start) for hit in hits) == [3, 8]


def test_frames_of_another_rate_and_other_people_are_searched_too() -> None:
    fast = video(
        np.concatenate([through(REST, REST, frames=60), through(A, B, C, A, frames=50)]), step=0.04, source="b.mp4"
    )
    other = [
        result(np.stack([one, two + 1000]), source="a.mp4", frame=i, time=i / 10, ids=[1, 2])
        for i, (one, two) in enumerate(zip(np.tile(REST, (40, 1, 1)), np.concatenate([STILL[:20], MOVE]), strict=True))
    ]

    hits = search_movements(PoseIndex.of([*other, *fast]), like(MOVE), max_distance=0.1)

    found = {(hit.source, hit.id, round(hit.start, 1)) for hit in hits}
    assert {(source, track) for source, track, _ in found} == {("a.mp4", 2), ("b.mp4", 1)}


def test_mirrored_movements_are_found_where_they_are_asked_for() -> None:
    mirror = (MOVE * [-1, 1])[:, list(COCO.flip_idx)]
    index = PoseIndex.of(clip(STILL, mirror, STILL))

    hit = search_movements(index, like(MOVE), mirror=True, top=1)[0]

    assert (hit.mirrored, hit.distance < 0.05) == (True, True)
    assert search_movements(index, like(MOVE), top=1)[0].distance > 0.1


def test_a_gap_in_the_middle_is_no_movement() -> None:
    frames = clip(STILL, MOVE, STILL)
    # Half of it is not there.
    kept = [one for one in frames if not 3.5 <= one.time <= 4.5]

    assert search_movements(PoseIndex.of(kept), like(MOVE), max_distance=0.1) == []


def test_pictures_and_short_visits_hold_no_movement() -> None:
    index = PoseIndex.of([result(A[None], source="a.jpg"), *clip(MOVE[:5], source="b.mp4")])

    assert search_movements(index, like(MOVE)) == []


def test_long_recordings_are_searched_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(movements_, "_SAMPLES", 64)
    index = PoseIndex.of(clip(*[STILL] * 10, MOVE, *[STILL] * 10))

    hits = search_movements(index, like(MOVE), max_distance=0.1)

    assert [round(hit.start) for hit in hits] == [30]


def test_a_single_pose_is_no_movement() -> None:
    index = PoseIndex.of(clip(STILL))

    with pytest.raises(
        ValueError, match=r"a movement: no movement; give a stretch of a video, such as clip\.mp4@10-12"
    ):
        search_movements(index, replace(like(MOVE), times=np.empty(0)))
