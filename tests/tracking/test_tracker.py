"""Who is who from frame to frame."""

import numpy as np
import pytest
from drawn_people import frame, ids

from poise import Results
from poise.frames import Media
from poise.skeletons import get
from poise.tracking import Tracker, TrackSettings, follow_stream

RED, BLUE = (30, 30, 200), (200, 60, 30)


def walk(
    tracker: Tracker, *, seconds: float, fps: float = 30.0, start: float = 0.0, hidden=(), **options
) -> list[Results]:
    """Two people walk towards each other and pass, the one from the left in red."""
    out = []
    for t in start + np.arange(round(seconds * fps)) / fps:
        places = [(120 + 100 * t, 240), (520 - 100 * t, 245)]
        colours = [RED, BLUE]
        there = [i for i in range(2) if not (i in hidden and 1.3 < t < 2.3)]
        out.append(
            tracker.update(
                frame(
                    [places[i] for i in there],
                    time=float(t),
                    jitter=1.0,
                    colours=[colours[i] for i in there],
                    **options,
                )
            )
        )
    return out


def left_and_right(result: Results) -> list[int]:
    """Return the ids from left to right."""
    return [ids(result)[i] for i in np.argsort(result.boxes.xyxy[:, 0])]


def test_first_frame_gives_ids_from_one() -> None:
    result = Tracker().update(frame([(100, 200), (300, 200), (500, 200)]))

    assert ids(result) == [1, 2, 3]


def test_two_trackers_share_nothing() -> None:
    first, second = Tracker(), Tracker()
    first.update(frame([(100, 200), (300, 200)]))

    assert ids(second.update(frame([(100, 200)]))) == [1]


def test_boxes_and_keypoints_stay_those_of_the_network() -> None:
    given = frame([(100, 200)])

    result = Tracker().update(given)

    np.testing.assert_array_equal(result.boxes.xyxy, given.boxes.xyxy)
    np.testing.assert_array_equal(result.keypoints.xy, given.keypoints.xy)


@pytest.mark.parametrize("fps", [5.0, 10.0, 30.0, 60.0])
def test_people_who_pass_each_other_keep_their_ids(fps: float) -> None:
    results = walk(Tracker(), seconds=4, fps=fps)

    assert left_and_right(results[0]) == [1, 2]
    assert left_and_right(results[-1]) == [2, 1]


@pytest.mark.parametrize("tracker", ["pose.yaml", "bytetrack.yaml", "botsort.yaml"])
def test_boxes_alone_are_enough_for_people_apart(tracker: str) -> None:
    tracker = Tracker(tracker)
    for t in range(40):
        result = tracker.update(frame([(100 + 3 * t, 150), (500 - 3 * t, 390)], time=t / 30, points=False, height=120))

    assert ids(result) == [1, 2]


def test_hidden_for_a_second_keeps_the_id() -> None:
    results = walk(Tracker(), seconds=4, hidden=(1,))

    assert left_and_right(results[-1]) == [2, 1]


def test_frame_rate_may_change() -> None:
    tracker, times = Tracker(), np.cumsum([*[1 / 30] * 30, *[1 / 5] * 8, *[1 / 60] * 40])
    seen = [ids(tracker.update(frame([(100 + 80 * t, 240)], time=float(t)))) for t in times]

    assert all(found == [1] for found in seen)


def test_standing_still_where_time_does_not_advance_keeps_the_id() -> None:
    tracker = Tracker()
    seen = [ids(tracker.update(frame([(200, 240)], media=Media("array")))) for _ in range(50)]

    assert all(found == [1] for found in seen)


def test_one_who_left_for_longer_than_patience_comes_back_as_another() -> None:
    tracker = Tracker(TrackSettings(patience=1.0))
    tracker.update(frame([(200, 240)], time=0.0))
    for t in (1.5, 1.6):
        result = tracker.update(frame([(200, 240)], time=t))

    assert ids(result) == [2]


def test_unlikely_instance_continues_a_track_but_begins_none() -> None:
    tracker = Tracker()
    tracker.update(frame([(200, 240)], time=0.0))
    for t in (1, 2, 3):
        result = tracker.update(frame([(200, 240), (500, 240)], time=t / 30, conf=[0.2, 0.2]))

    assert ids(result) == [1]


def test_newcomer_has_an_id_from_the_second_frame_on() -> None:
    tracker = Tracker()
    seen = [ids(tracker.update(frame([(200, 240), (450, 240)][: 1 + (t > 0)], time=t / 30))) for t in range(3)]

    assert seen == [[1], [1], [1, 2]]


def test_somebody_found_twice_is_one() -> None:
    tracker = Tracker()
    for t in range(4):
        result = tracker.update(frame([(200, 240), (202, 241)], time=t / 30, conf=[0.9, 0.6]))

    assert ids(result) == [1]


def test_cut_to_another_scene_begins_new_ids() -> None:
    tracker = Tracker()
    tracker.update(frame([(200, 240)], time=0.0))
    bright = frame([(200, 240)], time=1 / 30)

    result = tracker.update(bright.replace(orig_img=np.full_like(bright.orig_img, 250)))

    assert ids(result) == [2]


def test_frames_without_anybody_are_no_trouble() -> None:
    tracker = Tracker()
    seen = [tracker.update(frame([(200, 240)] * (t not in (0, 3, 4)), time=t / 30)) for t in range(8)]

    assert [ids(result) for result in seen] == [[], [], [1], [], [], [1], [1], [1]]
    assert seen[0].boxes.id is not None


def test_missing_keypoints_for_seconds_change_no_id() -> None:
    tracker = Tracker()
    seen = [
        ids(tracker.update(frame([(200 + t, 240), (450, 240)], time=t / 30, points=not 10 < t < 100)))
        for t in range(130)
    ]

    assert all(found == [1, 2] for found in seen)


def test_box_without_extent_or_with_nan_is_left_out() -> None:
    tracker = Tracker()
    good = frame([(200, 240), (300, 240), (400, 240)])
    data = np.array(good.boxes.data)
    data[1, 2], data[2, 0] = data[1, 0], np.nan

    result = tracker.update(Results.of(good.orig_img, data, good.keypoints.xy, good.keypoints.conf))

    assert ids(result) == [1]


def test_reset_equals_a_new_tracker() -> None:
    tracker = Tracker()
    walk(tracker, seconds=1)
    tracker.reset()

    again, fresh = walk(tracker, seconds=1), walk(Tracker(), seconds=1)

    assert [ids(r) for r in again] == [ids(r) for r in fresh]


def test_another_skeleton_in_mid_stream_is_refused() -> None:
    tracker = Tracker()
    tracker.update(frame([(200, 240)]))

    with pytest.raises(ValueError, match="follows skeleton 'coco17', got 'hand21'"):
        tracker.update(Results.of(np.zeros((10, 10, 3), np.uint8), skeleton=get("hand21")))


@pytest.mark.parametrize("name", ["hand21", "tiger12", "halpe26", "face468"])
def test_any_skeleton_is_tracked(name: str) -> None:
    skeleton, tracker = get(name), Tracker()
    rng = np.random.default_rng(0)
    shape = rng.uniform(0, 80, (len(skeleton), 2))
    for t in range(10):
        xy = np.stack([shape + [100 + 4 * t, 100], shape + [300, 200]])
        boxes = np.concatenate([xy.min(1), xy.max(1), [[0.9, 0]] * 2], axis=1)
        result = tracker.update(Results.of(np.zeros((400, 500, 3), np.uint8), boxes, xy, skeleton=skeleton))

    assert ids(result) == [1, 2]


def test_different_classes_never_share_a_track() -> None:
    tracker = Tracker()
    tracker.update(frame([(200, 240)], time=0.0))
    for t in (1, 2):
        there = frame([(200, 240)], time=t / 30)
        data = np.array(there.boxes.data)
        data[:, -1] = 1
        result = tracker.update(there.replace(boxes=type(there.boxes)(data, there.boxes.orig_shape)))

    assert ids(result) == [2]


def test_memory_does_not_grow_with_visitors() -> None:
    tracker, most = Tracker(TrackSettings(patience=0.5)), 0
    for t in range(600):
        tracker.update(frame([(60 + (t % 20) * 25, 240 if t // 20 % 2 else 100)], time=t / 30))
        most = max(most, len(tracker))

    assert most < 20


def test_each_video_begins_with_id_one_and_pictures_are_one_scene() -> None:
    first, second = Media("a", "video"), Media("b", "video")
    videos = [frame([(200, 240)], time=t / 30, media=m) for m in (first, second) for t in range(3)]
    pictures = [frame([(200 + t, 240)], media=Media(str(t))) for t in range(3)]

    assert [ids(r) for r in follow_stream(videos, Tracker())] == [[1]] * 6
    assert [ids(r) for r in follow_stream(pictures, Tracker())] == [[1]] * 3
