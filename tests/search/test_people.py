"""Who is one person, where tracks say it and where they do not."""

from __future__ import annotations

import numpy as np

from poise.search.people import people_of


def people(boxes: list[tuple[int, int, float, float]], *, ids: list[int] | None = None, step: float = 0.1) -> list[int]:
    """Return the people of (source, frame, x, y), boxes of 100 by 200."""
    table = np.array(boxes, dtype=float)
    corners = np.concatenate([table[:, 2:], table[:, 2:] + [100, 200]], axis=1).astype(np.float32)
    source, frame = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
    track = np.full(len(table), -1) if ids is None else np.array(ids)
    return people_of(source, frame, frame * step, track, corners).tolist()


def test_tracks_are_people_of_their_source() -> None:
    found = people([(0, 0, 0, 0), (0, 1, 900, 900), (1, 0, 0, 0), (1, 1, 0, 0)], ids=[1, 1, 1, 2])

    assert found[0] == found[1]
    assert len(set(found)) == 3


def test_untracked_boxes_are_followed_from_frame_to_frame_whatever_their_order() -> None:
    # Two people who walk towards each other and are listed in another order in the second frame.
    found = people([(0, 0, 0, 0), (0, 0, 500, 0), (0, 1, 480, 0), (0, 1, 20, 0), (0, 2, 40, 0), (0, 2, 460, 0)])

    assert found[0] == found[3] == found[4]
    assert found[1] == found[2] == found[5]
    assert found[0] != found[1]


def test_pictures_frames_far_apart_and_jumps_are_others() -> None:
    assert len(set(people([(0, 0, 0, 0), (1, 0, 0, 0), (2, 0, 0, 0)]))) == 3
    assert len(set(people([(0, 0, 0, 0), (0, 1, 0, 0)], step=5.0))) == 2
    assert len(set(people([(0, 0, 0, 0), (0, 1, 90, 0)]))) == 2
    assert len(set(people([(0, 0, np.nan, 0), (0, 1, np.nan, 0)]))) == 2


def test_two_who_want_one_follower_leave_it_to_the_nearer_one() -> None:
    found = people([(0, 0, 0, 0), (0, 0, 30, 0), (0, 1, 5, 0)])

    assert found[2] == found[0] != found[1]


def test_a_long_stay_is_one_person() -> None:
    found = people([(0, i, 10.0 * i, 0) for i in range(1000)])

    assert set(found) == {0}


def test_tracked_and_untracked_rows_do_not_share_numbers() -> None:
    found = people([(0, 0, 0, 0), (0, 1, 0, 0), (1, 0, 0, 0), (1, 1, 0, 0)], ids=[7, 7, -1, -1])

    assert found[0] == found[1]
    assert found[2] == found[3]
    assert found[0] != found[2]
