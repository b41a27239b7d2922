"""Repetitions counted while they are done."""

from __future__ import annotations

import numpy as np
import pytest
from rep_figures import drawn, person, results, shaken, side_view

from poise import RepCounter
from poise.reps import Person, get_exercise


def test_each_repetition_is_announced_soon_after_it_ends() -> None:
    counter = RepCounter("squat")

    late = []
    for result in results([drawn("squat", reps=6)]):
        late += [result.time - event.rep.end for event in counter.update(result)]

    assert len(late) == counter.count == 6
    assert max(late) <= 0.3


def test_it_looks_at_nothing_that_is_yet_to_come() -> None:
    whole = results([drawn("squat", reps=6)])

    until = len(whole) // 2
    counts = []
    for frames in (whole, whole[:until]):
        counter = RepCounter("squat")
        for result in frames[:until]:
            counter.update(result)
        counts.append(counter.count)

    assert counts[0] == counts[1]


def test_it_recognises_the_exercise() -> None:
    counter = RepCounter()

    for result in results([drawn("push-up", reps=5)]):
        counter.update(result)

    assert counter.main is not None
    assert (counter.state(counter.main).exercise, counter.count) == ("push-up", 5)


def test_people_are_counted_apart() -> None:
    a, b = drawn("squat", reps=4), drawn("squat", reps=2, period=4.0)
    beside = Person(2, b.frame, b.time, b.xy + [500, 0], b.conf, b.box + [500, 0, 500, 0])
    counter = RepCounter("squat")

    for result in results([a, beside], size=(600, 1200)):
        counter.update(result)

    assert counter.counts == {1: 4, 2: 2}


def test_people_without_ids_are_followed_by_place() -> None:
    counter = RepCounter("squat")

    for result in results([drawn("squat", reps=3)], tracked=False):
        counter.update(result)

    assert counter.counts == {1: 3}


def test_sixty_frames_a_second_give_the_same() -> None:
    counter = RepCounter("squat")

    for result in results([drawn("squat", reps=4, fps=60.0)]):
        counter.update(result)

    assert counter.count == 4


def test_frames_that_come_twice_or_late_change_nothing() -> None:
    counter = RepCounter("squat")
    frames = results([drawn("squat", reps=3)])

    for i, result in enumerate(frames):
        counter.update(result)
        counter.update(frames[max(0, i - 2)])

    assert counter.count == 3


def test_memory_stays_bounded() -> None:
    counter = RepCounter("squat", window_s=5.0, max_people=3)
    one = drawn("squat", reps=3)
    for number in range(1, 6):
        visitor = Person(number, one.frame, one.time + 30 * number, one.xy, one.conf, one.box)
        for result in results([visitor]):
            counter.update(result)

    kept = [len(p._seen) for p in counter._people.values()]
    assert len(kept) <= 3
    assert max(kept) <= 5.0 * 31 * 1.3


def test_a_person_who_left_is_forgotten() -> None:
    counter = RepCounter("squat", patience_s=5.0)
    first = drawn("squat", reps=2)
    later = Person(2, first.frame, first.time + 60.0, first.xy, first.conf, first.box)

    for result in results([first]) + results([later]):
        counter.update(result)

    assert list(counter.counts) == [2]


def test_reset_equals_a_new_counter() -> None:
    counter = RepCounter("squat")
    for result in results([drawn("squat", reps=2)]):
        counter.update(result)

    counter.reset()

    assert (counter.count, counter.counts, counter.main) == (0, {}, None)


def test_the_fields_own_words_make_a_plain_angle_counter() -> None:
    counter = RepCounter(kpts=[6, 8, 10], up_angle=145, down_angle=90)

    for result in results([drawn("biceps curl", reps=5)]):
        counter.update(result)

    assert counter.count == 5


def test_progress_is_full_at_the_bottom_and_empty_at_rest() -> None:
    counter = RepCounter("squat")
    seen = []
    for result in results([drawn("squat", reps=4, period=2.0, lead=1.0)]):
        counter.update(result)
        seen.append(counter.state(1).progress)

    assert seen[6 * 30] > 0.7  # the bottom of the third
    assert seen[-1] < 0.3


def test_an_empty_stream_counts_nothing() -> None:
    counter = RepCounter(get_exercise("squat"))
    still = person(shaken(side_view(60)))
    for result in results([still]):
        counter.update(result[np.zeros(1, dtype=bool)])

    assert counter.count == 0


def test_an_unknown_exercise_is_told_at_once() -> None:
    with pytest.raises(ValueError, match="did you mean 'lunge'"):
        RepCounter("lungee")


def test_nobody_with_an_id_is_told() -> None:
    with pytest.raises(KeyError, match="nobody with id 7"):
        RepCounter("squat").state(7)


@pytest.mark.parametrize("wrong", [{"window_s": 0.5}, {"every_s": -1}, {"patience_s": 0}, {"max_people": 0}])
def test_wrong_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="window_s must be"):
        RepCounter("squat", **wrong)


def test_an_event_is_a_line_of_json() -> None:
    counter = RepCounter("squat")

    events = [event for result in results([drawn("squat", reps=2)]) for event in counter.update(result)]

    assert [(event.id, event.count) for event in events] == [(1, 1), (1, 2)]
    record = events[1].record()
    assert list(record) == ["id", "exercise", "count", "start", "peak", "end", "depth", "side", "conf"]
    assert record["start"] < record["peak"] < record["end"]
