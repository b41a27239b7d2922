"""The nearest poses, and the moments that they are of."""

from __future__ import annotations

import numpy as np
import pytest
from pose_tables import bodies
from search_kit import pictures, result, turned, video

from poise.search import Like, PoseIndex, search
from poise.search import index as index_
from poise.search import nearest as nearest_
from poise.skeletons import get


def like(xy: np.ndarray, **more: object) -> Like:
    return Like.of(result(xy[None]), **more)  # type: ignore[arg-type]


def test_the_pose_itself_is_first_turned_scaled_and_trembling() -> None:
    xy = bodies(300)
    index = pictures(xy)
    asked = turned(xy[123], 77, 0.4) + np.random.default_rng(0).normal(0, 1, (17, 2))

    hits = search(index, like(asked), top=5)

    assert hits[0].source == "123.jpg"
    assert hits[0].distance < 0.05
    assert [hit.distance for hit in hits] == sorted(hit.distance for hit in hits)
    np.testing.assert_allclose(hits[0].xy, xy[123], atol=0.05)


def test_mirrored_poses_are_found_where_they_are_asked_for() -> None:
    xy = bodies(300)
    index = pictures(xy)
    asked = (xy[50] * [-1, 1])[list(get("coco17").flip_idx)]

    first = search(index, like(asked), mirror=True, top=1)[0]

    assert (first.source, first.mirrored) == ("50.jpg", True)
    assert search(index, like(asked), top=1)[0].distance > first.distance


def test_where_up_matters_who_lies_is_not_found_by_who_stands() -> None:
    standing = bodies(1)[0]
    index = pictures(np.stack([turned(standing, 90), turned(standing, 10)]))

    free = search(index, like(standing))
    upright = search(index, like(standing), upright=True)

    assert [hit.distance < 0.01 for hit in free] == [True, True]
    assert [(hit.source, hit.distance < 0.01) for hit in upright] == [("1.jpg", True), ("0.jpg", False)]


def test_of_several_people_a_hit_says_whom_it_is_like() -> None:
    xy = bodies(100)
    # Boxes by size: the second one is larger.
    asked = result(np.stack([turned(xy[10], 5, 0.2), turned(xy[20], 5, 3.0)]))

    both = search(pictures(xy), Like.of(asked), top=2)
    small = search(pictures(xy), Like.of(asked, person=2), top=1)

    assert {(hit.source, hit.like) for hit in both} == {("20.jpg", 0), ("10.jpg", 1)}
    assert small[0].source == "10.jpg"


def test_frames_that_follow_each_other_are_one_moment() -> None:
    a, b = bodies(2)
    # A for a second, B for two, A again for one.
    frames = video([*[a] * 10, *[b] * 20, *[a] * 10])
    index = PoseIndex.of(frames)

    moments = search(index, like(a), max_distance=0.05)
    every = search(index, like(a), max_distance=0.05, moments=False)

    assert [(hit.start, hit.end) for hit in moments] == [(0.0, pytest.approx(0.9)), (3.0, pytest.approx(3.9))]
    assert all(hit.start <= hit.time <= hit.end for hit in moments)
    assert len(every) == 20


def test_a_moment_is_shown_by_its_best_frame() -> None:
    a, b = bodies(2)
    shares = np.abs(np.linspace(-1, 1, 21))
    index = PoseIndex.of(video([(1 - s) * a + s * b for s in shares]))

    hits = search(index, like(a), top=1)

    assert hits[0].frame == 10
    assert 0.0 < hits[0].start < hits[0].time < hits[0].end < 2.0


def test_two_people_in_one_video_are_two_moments() -> None:
    xy = bodies(2)
    frames = [result(np.stack([xy[0], xy[0] + 900]), source="v", frame=i, time=i / 10, ids=[4, 9]) for i in range(10)]

    hits = search(PoseIndex.of(frames), like(xy[0]))

    assert sorted((hit.id, hit.start, hit.end) for hit in hits) == [(4, 0.0, 0.9), (9, 0.0, 0.9)]


def test_untracked_frames_are_moments_too() -> None:
    a = bodies(1)[0]

    hits = search(PoseIndex.of(video([a] * 30, track=None)), like(a))

    assert [(hit.id, hit.start, hit.end) for hit in hits] == [(None, 0.0, pytest.approx(2.9))]


def test_a_moment_longer_than_what_is_looked_at_together_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest_, "_STRETCH", 7)
    a, b = bodies(2)

    hits = search(PoseIndex.of(video([*[b] * 5, *[a] * 100, *[b] * 5])), like(a), top=1)

    assert (hits[0].start, hits[0].end) == (pytest.approx(0.5), pytest.approx(10.4))


def test_many_rows_of_few_moments_do_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest_, "_FINE", 8)
    monkeypatch.setattr(nearest_, "_MORE", 2)
    a = bodies(1)[0]
    trembling = a + np.random.default_rng(0).normal(0, 2, (20, 17, 2))
    index = PoseIndex.of(
        [*video([a] * 200), *(result(one[None], source=f"{i}.jpg") for i, one in enumerate(trembling))]
    )

    hits = search(index, like(a), top=21)

    assert hits[0].source == "clip.mp4"
    assert len({hit.source for hit in hits}) == 21


def test_limits_leave_out_what_is_farther() -> None:
    xy = bodies(200)
    index = pictures(xy)

    hits = search(index, like(xy[0]), max_distance=0.2, top=200)

    assert hits
    assert max(hit.distance for hit in hits) <= 0.2
    assert len(hits) < len(search(index, like(xy[0]), top=200))
    assert len(search(index, like(xy[0]), top=1)) == 1


def test_nobody_is_like_it() -> None:
    conf = np.zeros((3, 17))
    conf[:, :5] = 1

    assert search(pictures(bodies(3), conf), like(bodies(1)[0])) == []


def test_what_does_not_fit_in_memory_is_found_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    xy = bodies(300)
    frames = [result(one[None], source=f"{i}.jpg") for i, one in enumerate(xy)]
    wanted = search(PoseIndex.of(frames), like(xy[7]), mirror=True)
    monkeypatch.setattr(index_, "IN_MEMORY", 100)

    found = search(PoseIndex.of(frames), like(xy[7]), mirror=True)

    assert [hit.record() for hit in found] == [hit.record() for hit in wanted]


def test_hands_search_hands_and_say_so_of_bodies() -> None:
    hand = get("hand21")
    xy = np.random.default_rng(0).uniform(0, 300, (20, 21, 2))
    index = PoseIndex.of(result(one[None], source=f"{i}.jpg", skeleton=hand) for i, one in enumerate(xy))

    assert search(index, Like.of(result(turned(xy[4], 30)[None], skeleton=hand)), top=1)[0].source == "4.jpg"
    with pytest.raises(ValueError, match=r"shows poses of coco17, and what is searched are poses of hand21"):
        search(index, like(bodies(1)[0]))


def test_bodies_of_another_network_are_found() -> None:
    xy, other = bodies(50), get("blazepose33")
    more = get("coco17").convert(np.concatenate([xy, np.ones((50, 17, 1))], axis=-1), other)

    hits = search(pictures(xy), Like.of(result(more[8:9, :, :2], skeleton=other)), top=1)

    assert (hits[0].source, hits[0].distance < 0.01) == ("8.jpg", True)


@pytest.mark.parametrize(
    ("more", "said"),
    [({"top": 0}, "top must be 1 or more, got 0"), ({"max_distance": 1.5}, "max_distance must be from 0")],
)
def test_numbers_out_of_range_are_told(more: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        search(pictures(bodies(2)), like(bodies(1)[0]), **more)  # type: ignore[arg-type]


def test_a_record_is_plain_values() -> None:
    record = search(pictures(bodies(2)), like(bodies(1)[0]), top=1)[0].record()

    assert record["source"] == "0.jpg"
    assert list(record) == [
        *("source", "frame", "time", "start", "end", "instance", "id", "distance", "like", "mirrored", "box"),
        "keypoints",
    ]
    assert len(record["keypoints"]) == 17
