"""Zones, lines, triggers and their files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from event_scenes import frame, person
from hypothesis import assume, given
from hypothesis import strategies as st

from poise.errors import FormatError
from poise.events.event import Event, EventStream
from poise.events.zonefile import Line, Trigger, Zone, ZoneFile, read_zones
from poise.events.zones import ZoneWatch, inside

SQUARE = np.array([[200.0, 100], [440, 100], [440, 450], [200, 450]])


def walk(watch: ZoneWatch, xs: list[float], *, step: float = 0.1, y: float = 400) -> list[Event]:
    """Let one person stand at each x in turn."""
    said: list[Event] = []
    for i, x in enumerate(xs):
        said += watch.update(frame([person(at=(x, y))], time=i * step, index=i))
    return said


def names(events: list[Event]) -> list[tuple[str, object]]:
    return [(e.event, e.value) for e in events]


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "door.toml"
    path.write_text(text)
    return path


@given(
    turns=st.lists(st.integers(0, 359), min_size=3, max_size=12, unique=True),
    point=st.tuples(st.floats(-60, 60), st.floats(-60, 60)),
)
def test_inside_a_convex_polygon_is_on_the_same_side_of_every_edge(
    turns: list[int], point: tuple[float, float]
) -> None:
    angles = np.radians(sorted(turns))
    polygon = 50 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    edge = np.roll(polygon, -1, axis=0) - polygon
    side = edge[:, 0] * (point[1] - polygon[:, 1]) - edge[:, 1] * (point[0] - polygon[:, 0])
    assume((np.abs(side) > 1e-6).all())  # on an edge, either answer will do

    assert bool(inside(np.array(point), polygon)) == bool((side > 0).all())


def test_a_point_that_is_not_seen_is_outside() -> None:
    assert not inside(np.array([np.nan, 200.0]), SQUARE)


def test_entering_and_leaving_are_said_with_count_and_seconds() -> None:
    watch = ZoneWatch(ZoneFile((Zone("door", SQUARE, hold_s=0.2, leave_s=0.3),)))

    said = walk(watch, [100] * 5 + [320] * 10 + [600] * 10)

    assert [(e.event, round(float(e.value), 2)) for e in said] == [("door.enter", 1.0), ("door.leave", 0.9)]
    assert (watch.counts["door"].entered, watch.counts["door"].left, watch.counts["door"].now) == (1, 1, set())


def test_a_flicker_at_the_edge_is_one_visit() -> None:
    watch = ZoneWatch(ZoneFile((Zone("door", SQUARE),)))

    said = walk(watch, [320] * 5 + [600, 320, 600, 320, 320] * 4)

    assert names(said) == [("door.enter", 1)]


def test_passing_through_quicker_than_hold_is_no_visit() -> None:
    watch = ZoneWatch(ZoneFile((Zone("door", SQUARE, hold_s=0.5),)))

    assert walk(watch, [100] * 3 + [320] * 3 + [600] * 3) == []


def test_somebody_who_vanishes_inside_leaves() -> None:
    watch = ZoneWatch(ZoneFile((Zone("door", SQUARE),)))
    said = walk(watch, [320] * 5)
    for i in range(20):
        said += watch.update(frame([], time=0.5 + i * 0.1, index=5 + i))

    assert [e.event for e in said] == ["door.enter", "door.leave"]


def test_who_is_inside_at_the_end_leaves() -> None:
    stream = EventStream([ZoneWatch(ZoneFile((Zone("door", SQUARE),)))])
    for i in range(5):
        stream.update(frame([person()], time=i * 0.1, index=i))

    assert [e.event for e in stream.finish()] == ["door.leave"]


def test_counts_are_there_when_the_video_has_ended_and_gone_with_the_next() -> None:
    watch = ZoneWatch(ZoneFile((Zone("door", SQUARE),)))
    walk(watch, [320] * 5)
    watch.finish()

    assert (watch.counts["door"].entered, watch.counts["door"].left, watch.counts["door"].now) == (1, 1, set())
    walk(watch, [100])
    assert watch.counts["door"].entered == 0


def test_staying_is_said_once() -> None:
    watch = ZoneWatch(ZoneFile((Zone("door", SQUARE, dwell_s=1.0),)))

    said = walk(watch, [320] * 30)

    assert [e.event for e in said] == ["door.enter", "door.dwell"]


def test_a_hand_in_a_zone_for_a_time_triggers_though_the_feet_are_outside() -> None:
    # The left wrist of somebody at x = 190 is at 222, the feet end at 206; the box's foot point is outside.
    file = ZoneFile((Zone("press", SQUARE),), (), (Trigger("hand", "left_wrist", "press", False, 0.5),))

    said = walk(ZoneWatch(file), [100] * 3 + [190] * 10)

    assert [(e.event, round(float(e.value), 2)) for e in said] == [("hand", 0.5)]


def test_crossing_a_line_counts_in_and_out() -> None:
    watch = ZoneWatch(ZoneFile((), (Line("gate", np.array([[320.0, 480], [320, 0]])),)))

    said = walk(watch, [200, 250, 300, 350, 400, 400, 350, 300, 250, 200, 200])

    assert names(said) == [("gate.in", 1), ("gate.out", 1)]


def test_standing_on_a_line_counts_nothing() -> None:
    watch = ZoneWatch(ZoneFile((), (Line("gate", np.array([[320.0, 480], [320, 0]])),)))

    assert walk(watch, [200, 300, *[315, 325] * 20]) == []


def test_going_round_the_end_of_a_line_is_no_crossing() -> None:
    watch = ZoneWatch(ZoneFile((), (Line("gate", np.array([[320.0, 480], [320, 350]])),)))

    assert walk(watch, [200, 300, 400, 500], y=300) == []


def test_either_ankle_crosses() -> None:
    file = ZoneFile((), (Line("gate", np.array([[320.0, 480], [320, 0]])),), (Trigger("step", "ankle", "gate", True),))

    said = walk(ZoneWatch(file), [200, 270, 330, 400, 400, 400])

    assert [e for e in names(said) if e[0] == "step"][:1] == [("step", "in")]


def test_a_file_is_read_and_relative_units_follow_the_picture(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        'units = "relative"\n[zones.door]\npolygon = [[0.25, 0], [0.75, 0], [0.75, 1], [0.25, 1]]\n'
        '[triggers]\nhand = "left_wrist in door for 0.5 s"\n',
    )

    watch = ZoneWatch(path)

    assert watch.polygons((640, 480))["door"].tolist() == [[160, 0], [480, 0], [480, 480], [160, 480]]
    assert watch.file.triggers == (Trigger("hand", "left_wrist", "door", False, 0.5),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[zones.door]\npolygn = [[0,0],[9,0],[9,9]]", r":2: unknown key 'polygn'; did you mean 'polygon'\?"),
        ("[zone.door]\npolygon = [[0,0],[9,0],[9,9]]", r":1: unknown key 'zone'; did you mean 'zones'\?"),
        ("[zones.a]\npolygon = [[0,0],[9,9],[9,0],[0,9]]", r":2: zones.a: the polygon crosses itself: edges 1 and 3"),
        ("[zones.a]\npolygon = [[0,0],[9,9],[18,18]]", r":2: zones.a: the polygon has no area"),
        ("[zones.a]\npolygon = [[0,0],[9,9]]", r":2: zones.a: polygon must be a list of at least 3 points"),
        ("[zones.a]\npolygon = [[0,nan],[9,0],[9,9]]", r":2: zones.a: polygon must be a list of at least 3 points"),
        ("[lines.a]\npoints = [[1,1],[1,1]]", r":2: lines.a: points must be two different points"),
        ("x = [", r"door\.toml(:1)?: not a readable TOML file"),
        ("", r"defines no zone and no line"),
        ("units = 'feet'", r":1: units must be 'pixels' or 'relative', got 'feet'"),
        (
            "[zones.a]\npolygon = [[0,0],[9,0],[9,9]]\n[triggers]\nt = 'wrist in b'",
            r":4: trigger 't': no zone named 'b'",
        ),
        ("[zones.a]\npolygon = [[0,0],[9,0],[9,9]]\n[triggers]\nt = 'hello'", r":4: trigger 't' must read like"),
        ("[zones.a]\npolygon = [[0,0],[9,0],[9,9]]\nhold_s = -1", r":3: hold_s must be a number from 0, got -1"),
        (
            "units='relative'\n[zones.a]\npolygon = [[2,2],[3,2],[3,3]]",
            r":3: zones.a: polygon lies outside the picture",
        ),
    ],
)
def test_a_wrong_file_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        read_zones(written(tmp_path, text))


def test_a_zone_in_pixels_outside_the_picture_is_an_error_at_the_first_frame(tmp_path: Path) -> None:
    watch = ZoneWatch(written(tmp_path, "[zones.a]\npolygon = [[900,0],[990,0],[990,90]]"))

    with pytest.raises(FormatError, match=r"door.toml:2: a lies outside the picture, which is 640 x 480"):
        watch.update(frame([], time=0.0))


def test_a_zone_that_reaches_beyond_the_picture_is_noted(tmp_path: Path) -> None:
    watch = ZoneWatch(written(tmp_path, "[zones.a]\npolygon = [[500,0],[990,0],[990,90]]"))
    watch.update(frame([], time=0.0))

    assert "reaches beyond the picture" in watch.notes[0]


def test_a_part_that_the_skeleton_lacks_is_named() -> None:
    watch = ZoneWatch(ZoneFile((Zone("a", SQUARE, "left_wirst"),)))

    with pytest.raises(ValueError, match="no part 'left_wirst' in skeleton 'coco17'; did you mean 'left_wrist'"):
        watch.update(frame([person()], time=0.0))


def test_an_event_is_one_line_of_six_keys() -> None:
    record = Event(1.23456, 3, 2, "door.leave", 0.98765, 0.5).record()

    assert list(record.items()) == [
        ("time", 1.235), ("frame", 3), ("id", 2), ("event", "door.leave"), ("value", 0.988), ("conf", 0.5),
    ]  # fmt: skip


def test_overlapping_zones_each_count_who_is_in_both() -> None:
    watch = ZoneWatch(ZoneFile((Zone("a", SQUARE), Zone("b", SQUARE + [100, 0]))))

    said = walk(watch, [380] * 5)

    assert names(said) == [("a.enter", 1), ("b.enter", 1)]


def test_a_zone_at_the_lower_edge_holds_who_is_cut_off_by_it() -> None:
    # The box of somebody whose feet are below the picture ends at its edge, y = 480.
    low = np.array([[0.0, 300], [640, 300], [640, 480], [0, 480]])
    watch = ZoneWatch(ZoneFile((Zone("a", low),)))

    said = walk(watch, [320] * 5, y=480)

    assert names(said) == [("a.enter", 1)]


def test_who_stands_on_a_line_and_sways_is_not_counted() -> None:
    watch = ZoneWatch(ZoneFile((), (Line("gate", np.array([[320.0, 0], [320, 480]])),)))

    assert walk(watch, [320 + 8 * (-1) ** i for i in range(40)]) == []


def test_both_ankles_that_cross_a_line_are_one_crossing() -> None:
    watch = ZoneWatch(ZoneFile((), (Line("gate", np.array([[320.0, 480], [320, 0]]), "ankle"),)))

    said = walk(watch, list(range(200, 440, 6)) + list(range(440, 200, -6)))

    assert names(said) == [("gate.in", 1), ("gate.out", 1)]


def switched(watch: ZoneWatch, xs: list[float], at: int, *, gap: int = 0) -> list[Event]:
    """Let one person walk whose id changes after so many frames, unseen for some."""
    said: list[Event] = []
    for i, x in enumerate(xs):
        if at <= i < at + gap:
            said += watch.update(frame([], time=i * 0.1, index=i))
        else:
            said += watch.update(frame([person(at=(x, 400))], time=i * 0.1, index=i, ids=[1 if i < at else 2]))
    return said


@pytest.mark.parametrize("at", [8, 10, 12, 14])
@pytest.mark.parametrize("gap", [0, 2])
def test_an_id_that_changes_at_a_line_is_counted_once(at: int, gap: int) -> None:
    watch = ZoneWatch(ZoneFile((), (Line("gate", np.array([[320.0, 480], [320, 0]])),)))

    said = switched(watch, [200 + 10 * i for i in range(30)], at, gap=gap)

    assert names(said) == [("gate.in", 1)]


def test_an_id_that_changes_in_a_zone_is_one_visit() -> None:
    watch = ZoneWatch(ZoneFile((Zone("door", SQUARE),)))

    said = switched(watch, [320] * 30 + [600] * 10, 10, gap=3)

    assert [(event.event, event.id) for event in said] == [("door.enter", 1), ("door.leave", 2)]
    assert said[1].value == pytest.approx(2.9)


def test_who_appears_far_from_where_another_vanished_is_somebody_else() -> None:
    watch = ZoneWatch(ZoneFile((Zone("door", SQUARE),)))

    said = switched(watch, [210] * 10 + [430] * 10, 10)

    assert [event.event for event in said] == ["door.enter", "door.enter"]


def test_a_hand_in_a_danger_area_in_relative_units_triggers_at_any_size_of_picture(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        'units = "relative"\n[zones.press]\npolygon = [[0.5, 0.5], [1, 0.5], [1, 1], [0.5, 1]]\n'
        '[triggers]\ndanger = "left_wrist in press for 0.3 s"\n',
    )
    watch = ZoneWatch(path)

    # The left wrist of somebody at x = 300 is at 332, half of the picture 320; the feet end at 316.
    said = walk(watch, [200] * 5 + [300] * 10)

    assert [(event.event, event.time) for event in said] == [("danger", pytest.approx(0.8))]


def test_memory_does_not_grow_with_people_who_pass() -> None:
    watch = ZoneWatch(ZoneFile((Zone("door", SQUARE),), (Line("gate", np.array([[320.0, 480], [320, 0]]), "ankle"),)))
    for i in range(300):
        watch.update(frame([person(at=(310 + 20 * (i % 2), 400))], time=i * 0.5, index=i, ids=[i // 2 + 1]))

    assert len(watch._stays) + len(watch._sides) + len(watch._steps) < 100


GATE = ZoneFile((), (Line("gate", np.array([[320.0, 480], [320, 0]])),))


def test_one_frame_on_the_other_side_is_no_crossing() -> None:
    watch = ZoneWatch(GATE)

    said = walk(watch, [250] * 10 + [390] + [250] * 10 + [390, 250] * 3 + [250] * 5, step=0.04)

    assert said + watch.finish() == []


def test_who_stands_on_a_line_is_counted_once_at_most() -> None:
    """A minute on the line at 25 frames a second, with the box trembling and the body swaying."""
    rng = np.random.default_rng(0)
    time = np.arange(1500) * 0.04
    sway = 14 * np.sin(2 * np.pi * time / 1.7) + 7 * rng.standard_normal(1500)  # the person is 200 pixels tall
    on_it = [250] * 10 + list(np.linspace(250, 320, 10)) + list(320 + sway)

    watch = ZoneWatch(GATE)
    assert len(walk(watch, on_it, step=0.04) + watch.finish()) <= 1

    watch = ZoneWatch(GATE)
    said = walk(watch, [*on_it, *np.linspace(320, 420, 10), *[420] * 10], step=0.04)
    assert names(said)[-1] == ("gate.in", 1)
    assert [event for event, _ in names(said)].count("gate.in") == 1


def test_hold_of_a_line_is_read_and_waited_for(tmp_path: Path) -> None:
    text = 'units = "pixels"\n[lines.gate]\npoints = [[320, 480], [320, 0]]\nhold_s = 0.5\n'
    xs = [250] * 5 + [400] * 10

    said = walk(ZoneWatch(written(tmp_path, text)), xs)
    assert [(e.event, round(e.time, 1)) for e in said] == [("gate.in", 1.0)]
    said = walk(ZoneWatch(written(tmp_path, text.replace("0.5", "0"))), xs)
    assert [(e.event, round(e.time, 1)) for e in said] == [("gate.in", 0.5)]


def test_who_crosses_a_line_and_is_gone_before_the_hold_has_crossed() -> None:
    watch = ZoneWatch(GATE)
    said = walk(watch, [250] * 5 + [380, 420], step=0.04)
    assert said == []
    for i in range(40):
        said += watch.update(frame([], time=1 + i * 0.1, index=20 + i))
    assert names(said) == [("gate.in", 1)]

    watch = ZoneWatch(GATE)
    walk(watch, [250] * 5 + [380, 420], step=0.04)
    assert names(watch.finish()) == [("gate.in", 1)]
