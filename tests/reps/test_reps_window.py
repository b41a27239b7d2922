"""What a live counter keeps of its window, against the same frames measured and counted anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from rep_figures import drawn, results

from poise import Pose, RepCounter, samples
from poise.reps import Person, all_exercises, collect_people, get_exercise, measure_person
from poise.reps.counting import count_exercise
from poise.reps.exercise import Exercise
from poise.reps.measures import PersonMeasures
from poise.reps.recognition import MIN_SCORE, recognise_exercise
from poise.reps.series import median, percentiles
from poise.reps.window import MeasureWindow, measure_bodies

KNOWN = all_exercises()
WINDOW_S = 6.0


@pytest.fixture(scope="module")
def filmed() -> Person:
    """Four squats of the bundled clip, as the network sees them in every other frame."""
    return collect_people(Pose("body-fast").predict(samples.squats, stream=True, vid_stride=2, verbose=False))[0]


def hidden(person: Person, *, seed: int = 0) -> Person:
    """Return somebody whose joints are unseen for moments and for seconds, filmed unevenly, at half the rate later."""
    rng = np.random.default_rng(seed)
    conf = person.conf.copy()
    for joint in range(5, 17):
        for longest, often in ((10, 10), (40, 2)):
            for start in rng.integers(0, len(person), often):
                conf[start : start + rng.integers(1, longest), joint] = 0.05
    # Never so soon after one another that a frame would be left out.
    time = 1.3 * person.time + rng.uniform(-0.003, 0.003, len(person))
    count = np.arange(len(person))
    return replace(person, conf=conf, time=time).part((count < 0.6 * len(person)) | (count % 2 == 0))


def looks(person: Person) -> Iterator[tuple[PersonMeasures, PersonMeasures]]:
    """Yield the measures of the last seconds every third frame: from a window, and taken anew."""
    window = MeasureWindow(KNOWN)
    first = 0
    for now in range(len(person)):
        assert window.take(person.time[now])
        window.add(person.time[now], measure_bodies(person.xy[now : now + 1], person.conf[now : now + 1])[0])
        if now % 3 or now < 8:
            continue
        window.forget(before=person.time[now] - WINDOW_S)
        first = now + 1 - len(window)
        part = person.part(slice(first, now + 1))
        yield window.measured(), measure_person(part.time, part.xy, part.conf)
    assert first > 0, "the clip is too short to forget anything"


def close(a: PersonMeasures, b: PersonMeasures) -> None:
    for name in ("time", "xy", "conf", "scale", "values", "sure", "shoulder_width"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-9, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("name", ["squat", "biceps curl", "jumping jack", "push-up"])
def test_a_window_measures_and_counts_as_all_of_it_anew(name: str) -> None:
    exercise = get_exercise(name)
    counts = []
    for kept, anew in looks(hidden(drawn(name, reps=6))):
        close(kept, anew)
        ours, plain = (count_exercise(one, exercise, refine=False) for one in (kept, anew))
        assert [(r.start, r.peak, r.end, r.side) for r in ours.reps] == [
            (r.start, r.peak, r.end, r.side) for r in plain.reps
        ]
        assert [r.reason for r in ours.rejected] == [r.reason for r in plain.rejected]
        for a, b in zip(ours.curves, plain.curves, strict=True):
            np.testing.assert_allclose(a.value, b.value, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(a.sure, b.sure, rtol=1e-9, atol=1e-9)
        counts.append(ours.count)
    assert max(counts) >= 2


def plain_live_count(person: Person, fixed: Exercise | None) -> list[tuple[float, str, float, float, float]]:
    """Count live the plain way: at every look the whole window is measured, recognised and counted anew.

    Returns:
        Of each repetition when it was said, the exercise, and its start, peak and end.
    """
    first, looked, sought, after, chosen = 0, -np.inf, -np.inf, -np.inf, fixed
    said = []
    for n, now in enumerate(person.time.tolist()):
        if now - looked < (0.1 if chosen else 0.25) - 1e-6 or n + 1 - first < 6:
            continue
        looked = now
        old = int(np.searchsorted(person.time[first : n + 1], now - WINDOW_S))
        first += old if old > (n + 1 - first) // 8 else 0
        part = person.part(slice(first, n + 1))
        measures = measure_person(part.time, part.xy, part.conf)
        if fixed is None and now - sought >= (0.5 if chosen else 0.25) - 1e-6:
            sought = now
            scored = [(s, c) for s, c in recognise_exercise(measures, KNOWN) if s >= MIN_SCORE]
            scored = [(s, c) for s, c in scored if len(c.reps) > 1 or s >= 0.7]
            held = next((s for s, c in scored if chosen and c.exercise == chosen.name), 0.0)
            if scored and (chosen is None or (scored[0][1].spec is not chosen and scored[0][0] > 1.1 * held)):
                chosen, after = scored[0][1].spec, -np.inf
        if chosen is None:
            continue
        for rep in [r for r in count_exercise(measures, chosen, refine=False).reps if r.peak > after]:
            after = max(after, rep.peak + (0.5 if chosen.sides == "alternating" else 0.9) * (rep.end - rep.peak))
            said.append((now, chosen.name, rep.start, rep.peak, rep.end))
    return said


def live_count(person: Person, fixed: Exercise | None) -> list[tuple[float, str, float, float, float]]:
    counter = RepCounter(fixed or "auto", window_s=WINDOW_S)
    return [
        (result.time, event.exercise, event.rep.start, event.rep.peak, event.rep.end)
        for result in results([person])
        for event in counter.update(result)
    ]


@pytest.mark.parametrize("fixed", [None, get_exercise("squat")], ids=["recognised", "named"])
def test_a_filmed_clip_is_counted_live_as_its_whole_window_is(filmed: Person, fixed: Exercise | None) -> None:
    said = live_count(filmed, fixed)

    assert len(said) == 4
    assert said == plain_live_count(filmed, fixed)


@pytest.mark.parametrize("name", ["squat", "biceps curl", "shoulder press", "sit-up"])
def test_who_is_badly_seen_is_counted_live_as_the_whole_window_is(name: str) -> None:
    person = hidden(drawn(name, reps=5), seed=1)
    said = live_count(person, None)

    assert said
    assert said == plain_live_count(person, None)


def test_another_exercise_replaces_the_first_when_it_would_in_the_whole_window() -> None:
    one, other = drawn("squat", reps=4), drawn("lateral raise", reps=5)
    columns = {n: np.concatenate([getattr(one, n), getattr(other, n)]) for n in ("xy", "conf", "box")}
    count = len(columns["xy"])
    both = Person(1, np.arange(count, dtype=float), np.arange(count) / 30, **columns)
    said = live_count(both, None)

    assert list(dict.fromkeys(exercise for _, exercise, *_ in said)) == ["squat", "lateral raise"]
    assert said == plain_live_count(both, None)


def test_frames_of_passers_by_do_not_wait_for_ever() -> None:
    counter = RepCounter()
    passing = drawn("squat", reps=1)
    for number in range(1, 400):
        visitor = passing.part(slice(0, 2))
        visitor = replace(visitor, id=number, time=visitor.time + number)
        for result in results([visitor]):
            counter.update(result)

    assert len(counter._waiting) <= 256


def test_percentiles_are_those_of_numpy() -> None:
    rng = np.random.default_rng(0)
    for count in (1, 2, 3, 10, 59, 60, 199, 200, 601):
        values = np.round(rng.normal(size=count), 2)
        shares = (0, 3, 50, 80, 97, 100)

        assert percentiles(values, shares) == np.percentile(values, shares).tolist()
        assert median(values) == np.median(values)
