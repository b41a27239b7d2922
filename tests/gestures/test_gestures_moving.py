"""Movements: warped in time, taught from a try, spotted once, kept in a file that cannot hurt."""

from __future__ import annotations

import base64
import itertools
import tomllib
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poise import Pose
from poise.errors import FormatError
from poise.frames import Media
from poise.gestures import GestureRecognizer
from poise.gestures.movements.examples import (
    MoveExample,
    select_usable,
    split_movements,
    trace,
    trim_movement,
)
from poise.gestures.movements.learning import find_move_conflicts, learn_moves, leave_one_out_moves
from poise.gestures.movements.move_file import write_moves
from poise.gestures.movements.observations import Observation, observe_body
from poise.gestures.movements.spotter import Spotter
from poise.gestures.movements.taught_moves import TaughtMoves
from poise.gestures.movements.traces import RATE, Tracer, mirrored, trace_columns
from poise.gestures.movements.warper import Warper
from poise.gestures.sets import read_set
from poise.results import Results
from poise.results.columns import Boxes, Keypoints, freeze
from poise.skeletons import get

ASSET = np.load(Path(__file__).parents[1] / "assets/signs.npz")
SIGNS = ("again", "milk", "no", "thanks")
BOTH, BODY = trace_columns("both", "coco17"), get("coco17")


def looks(sign: str, model: str = "body-fast", *, tempo: float = 1.0, step: int = 1) -> list[tuple[float, Observation]]:
    """What a signer shows, as one of two body networks and the hand network saw it."""
    columns_of = [ASSET[f"{sign}.{model}.{key}"].astype(float) for key in ("time", "xy", "conf", "hands", "flat")]
    rows = list(zip(*columns_of, strict=True))[::step]
    return [(tempo * at, Observation(xy, conf, hands=hands, flat=flat)) for at, xy, conf, hands, flat in rows]


def tries(*signs: str) -> list[MoveExample]:
    return [MoveExample(sign, sign, trim_movement(trace("both", looks(sign)), BOTH)) for sign in signs]


@pytest.fixture(scope="module")
def moves() -> TaughtMoves:
    return learn_moves("signs", "both", tries(*SIGNS))


def said(moves: TaughtMoves, seen: list[tuple[float, Observation]], *, mirrored: bool = False) -> list[str]:
    spotter = Spotter(moves, mirrored=mirrored)
    made = [one.gesture for at, look in seen if (one := spotter.update(at, look))]
    return made + ([last.gesture] if (last := spotter.finish()) else [])


# --- time warping


def warped(templates: list[list[float]], width: int = 1) -> Warper:
    """Return a warper of templates of equal columns, whose costs are plain differences."""
    rows = [np.repeat(np.array(one, dtype=float)[:, None], width, axis=1) for one in templates]
    ones = np.ones(width)
    return Warper(rows, [ones] * len(rows), ones, np.zeros(width, dtype=bool))


def cheapest(template: list[float], stream: list[float], end: int) -> float:
    """Return the least cost of a stretch that ends at ``end``, by trying every path."""
    best = np.inf

    def cost(t: int, i: int) -> float:
        return min(abs(stream[t] - template[i]), 4.0)

    def walk(t: int, i: int, spent: float) -> None:
        nonlocal best
        if spent >= best or t < 0:
            return
        if i == 0:
            best = min(best, spent + cost(t, 0))
            return
        if i == 1:  # a template may begin with its first two rows at once
            best = min(best, spent + cost(t, 0) + cost(t, 1))
        walk(t - 1, i - 1, spent + cost(t, i))
        if t >= 1:
            walk(t - 2, i - 1, spent + 0.5 * (cost(t, i) + cost(t - 1, i)))
        if i >= 2:
            walk(t - 1, i - 2, spent + cost(t, i) + cost(t, i - 1))

    walk(end, len(template) - 1, 0.0)
    return best / len(template)


small = st.lists(st.integers(-3, 3).map(float), min_size=2, max_size=5)


@given(small, small, st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=7))
def test_the_distance_is_that_of_the_best_of_all_paths(a: list[float], b: list[float], stream: list[float]) -> None:
    warper = warped([a, b])

    for t, value in enumerate(stream):
        distances, _ = warper.step(np.array([value]))

        np.testing.assert_allclose(distances, [cheapest(a, stream, t), cheapest(b, stream, t)], atol=1e-9)


@pytest.mark.parametrize("repeat", [1, 2])
def test_a_template_is_found_at_its_own_and_at_half_its_tempo(repeat: int) -> None:
    template = [0.0, 1.0, 3.0, 2.0, -1.0]
    warper = warped([template])

    for value in [9.0, 9.0, *np.repeat(template, repeat)]:
        distance, start = warper.step(np.array([value]))

    assert distance[0] == pytest.approx(0.0, abs=1e-9)
    assert 2 <= start[0] < 2 + repeat


def test_what_was_told_is_not_part_of_the_next() -> None:
    warper = warped([[0.0, 1.0, 2.0]])
    for value in (0.0, 1.0):
        warper.step(np.array([value]))

    warper.forget(2)
    distance, _ = warper.step(np.array([2.0]))

    assert distance[0] > 0.5


def test_warpers_that_share_templates_do_not_share_the_past() -> None:
    first = warped([[0.0, 1.0]])
    other = first.fresh()
    first.step(np.array([0.0]))

    assert first.step(np.array([1.0]))[0][0] == pytest.approx(0.0)
    assert other.step(np.array([1.0]))[0][0] > 0.0


def test_a_row_that_shows_nothing_costs_as_much_as_a_wrong_one() -> None:
    warper = warped([[0.0, 0.0]], width=2)

    distance, _ = warper.step(np.array([np.nan, np.nan]))

    assert distance[0] == pytest.approx(4.0)


# --- traces


@settings(max_examples=20)
@given(st.floats(0.3, 3.0), st.floats(-500, 500), st.floats(-500, 500))
def test_a_trace_does_not_depend_on_place_and_size(scale: float, x: float, y: float) -> None:
    seen = looks("milk")
    moved = [(at, Observation(one.xy * scale + [x, y], one.conf)) for at, one in seen]

    np.testing.assert_allclose(
        trace("body", moved),
        trace("body", [(at, Observation(one.xy, one.conf)) for at, one in seen]),
        atol=1e-6,
    )


def test_a_trace_does_not_depend_on_the_frame_rate() -> None:
    whole, half = trace("body", looks("again")), trace("body", looks("again", step=2))

    n = min(len(whole), len(half))
    # The hands of the faster stretches turn between two frames of the slower camera.
    assert np.nanmedian(np.abs(whole[:n] - half[:n])) < 0.01
    assert abs(len(whole) - len(half)) <= 1


def test_rows_come_at_a_fixed_rate_and_not_before_their_time() -> None:
    tracer = Tracer("body")
    found = [(at, tracer.add(at, look)[0]) for at, look in looks("no")]

    np.testing.assert_allclose(np.diff(np.concatenate([times for _, times in found])), 1 / RATE, atol=1e-9)
    assert all(at - 1 / RATE < times.max(initial=at) <= at + 1e-6 for at, times in found)


def in_space(seed: int, frames: int = 12) -> list[np.ndarray]:
    """Return a made-up person of 33 points in metres who moves."""
    rng = np.random.default_rng(seed)
    rest, swing = rng.normal(0, 0.4, (33, 3)), rng.normal(0, 0.1, (33, 3))
    return [rest + np.sin(n / 3) * swing for n in range(frames)]


def looks_in_space(points: list[np.ndarray]) -> list[tuple[float, Observation]]:
    return [(n / 20, Observation(xyz[:, :2] * 100 + 300, np.ones(33), xyz=xyz)) for n, xyz in enumerate(points)]


@settings(max_examples=25)
@given(st.integers(0, 1000), st.floats(-180, 180), st.floats(0.5, 2.0))
def test_a_trace_in_space_is_the_same_from_every_side(seed: int, degrees: float, size: float) -> None:
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    turn = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    points = in_space(seed)

    turned = looks_in_space([size * xyz @ turn for xyz in points])

    np.testing.assert_allclose(
        trace("body", turned, skeleton="blazepose33"),
        trace("body", looks_in_space(points), skeleton="blazepose33"),
        atol=1e-6,
    )


def test_a_mirrored_person_in_space_gives_the_mirrored_trace() -> None:
    points, flip = in_space(3), list(get("blazepose33").flip_idx)
    turned = looks_in_space([xyz[flip] * [-1, 1, 1] for xyz in points])

    np.testing.assert_allclose(
        trace("body", turned, skeleton="blazepose33"),
        mirrored(trace("body", looks_in_space(points), skeleton="blazepose33"), trace_columns("body", "blazepose33")),
        atol=1e-6,
    )


def test_without_places_in_space_there_is_nothing_to_compare() -> None:
    rows = trace("body", [(0.0, Observation(np.zeros((33, 2)), np.ones(33)))], skeleton="blazepose33")

    assert rows.shape == (1, len(trace_columns("body", "blazepose33").names))
    assert np.isnan(rows).all()


def test_a_real_wave_is_told_from_another_side(shared: Path) -> None:
    results = Pose("body-3d").predict(shared / "data/videos/gesture_wave.mp4", stream=True)
    seen = [(one.time, observe_body(one, 0)) for one in results if len(one)]
    cos, sin = np.cos(0.9), np.sin(0.9)
    turn = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    layout = trace_columns("body", "blazepose33")
    first = trim_movement(trace("body", [one for one in seen if one[0] < 3.0], skeleton="blazepose33"), layout)
    moves = learn_moves("waves", "body", [MoveExample("wave", "first", first)], skeleton="blazepose33")

    turned = [(at, Observation(one.xy, one.conf, xyz=one.xyz @ turn)) for at, one in seen if one.xyz is not None]

    assert said(moves, turned)[:1] == ["wave"]


def test_a_mirrored_picture_gives_the_mirrored_trace() -> None:
    seen = looks("no")
    turned = []
    for at, one in seen:
        xy = one.xy.copy()
        xy[:, 0] = 640 - xy[:, 0]
        flat, hands = one.flat[::-1].copy(), one.hands[::-1].copy()
        flat[..., 0], hands[..., 0] = 640 - flat[..., 0], -hands[..., 0]
        turned.append((at, Observation(xy[list(BODY.flip_idx)], one.conf[list(BODY.flip_idx)], hands=hands, flat=flat)))

    np.testing.assert_allclose(trace("both", turned), mirrored(trace("both", seen), BOTH), atol=1e-6)


@pytest.mark.parametrize("skeleton", ["coco17", "dog24", "hand21"])
def test_any_skeleton_has_columns_that_exchange_in_pairs(skeleton: str) -> None:
    layout = trace_columns("body", skeleton)

    np.testing.assert_array_equal(layout.partner[layout.partner], np.arange(len(layout.names)))


def test_a_skeleton_of_its_own_can_be_followed() -> None:
    rng = np.random.default_rng(0)
    rest = rng.normal(0, 50, (21, 2))
    wave = [rest + np.sin(at * 6) * np.outer(np.arange(21) == 8, [30, 0]) for at in np.arange(0, 2, 0.05)]
    seen = [(n * 0.05, Observation(xy + 300, np.ones(21))) for n, xy in enumerate(wave)]
    rows = trace("body", seen, skeleton="hand21")

    moves = learn_moves("mine", "body", [MoveExample("wave", "a", rows)], skeleton="hand21")

    assert said(moves, [(at, Observation(2 * one.xy, one.conf)) for at, one in seen]) == ["wave"]
    assert said(moves, [(at, Observation(seen[0][1].xy, one.conf)) for at, one in seen]) == []


def test_movements_are_parted_by_rests() -> None:
    rows = trace("both", looks("milk"))
    rest = np.repeat(rows[:1], 20, axis=0)
    for name in ("left_wrist_moved_x", "left_wrist_moved_y", "right_wrist_moved_x", "right_wrist_moved_y"):
        rest[:, BOTH.names.index(name)] = 0.0

    found = split_movements(np.concatenate([rest, rows, rest, rows, rest]), BOTH)

    assert len(found) == 2


# --- taught


@pytest.mark.parametrize(
    ("sign", "tempo", "step"),
    [*itertools.product(SIGNS, [1.0], [1]), ("again", 1.3, 1), ("milk", 0.8, 2), ("no", 1, 3)],
)
def test_a_sign_is_told_once_in_the_points_of_another_network(
    moves: TaughtMoves, sign: str, tempo: float, step: int
) -> None:
    assert said(moves, looks(sign, "body", tempo=tempo, step=step)) == [sign]


@pytest.mark.parametrize("sign", SIGNS)
def test_a_sign_that_was_not_taught_is_unknown(sign: str) -> None:
    moves = learn_moves("others", "both", tries(*(one for one in SIGNS if one != sign)))

    assert said(moves, looks(sign, "body")) == []


def test_a_movement_before_a_gap_is_not_lost(moves: TaughtMoves) -> None:
    seen = looks("no", "body")
    end = seen[-1][0]
    spotter = Spotter(moves)
    for at, look in seen:
        made = spotter.update(at, look)
        assert made is None

    made = spotter.update(end + 5.0, seen[0][1])

    assert made is not None
    assert made.gesture == "no"
    assert 0 <= made.start < made.end <= end


def test_a_clock_that_runs_back_is_another_stretch(moves: TaughtMoves) -> None:
    seen = looks("milk", "body")
    spotter = Spotter(moves)
    half = len(seen) // 2
    for at, look in seen[:half]:
        spotter.update(at + 100.0, look)

    made = [one.gesture for at, look in seen if (one := spotter.update(at, look))]
    last = spotter.finish()

    assert [*made, *([last.gesture] if last else [])] == ["milk"]


def test_a_mirrored_picture_is_told_when_it_is_said_to_be_one(moves: TaughtMoves) -> None:
    seen = []
    for at, one in looks("milk", "body"):
        xy = one.xy.copy()
        xy[:, 0] = 640 - xy[:, 0]
        flat, hands = one.flat[::-1].copy(), one.hands[::-1].copy()
        flat[..., 0], hands[..., 0] = 640 - flat[..., 0], -hands[..., 0]
        seen.append((at, Observation(xy[list(BODY.flip_idx)], one.conf[list(BODY.flip_idx)], hands=hands, flat=flat)))

    assert said(moves, seen) == []
    assert said(moves, seen, mirrored=True) == ["milk"]


def test_a_movement_learned_for_both_sides_is_told_of_either() -> None:
    moves = learn_moves("signs", "both", tries(*SIGNS), mirror=True)
    turned = mirrored(tries("thanks")[0].rows, BOTH)
    warper, least = moves.warper(), np.inf
    for row in turned:
        least = min(least, float((warper.step(row)[0] / moves.limits[moves.labels]).min()))

    assert least < 0.1


def test_examples_of_none_make_a_gesture_stricter() -> None:
    shown = tries("milk", "thanks")
    near = MoveExample("none", "no", trace("both", looks("no")))

    assert learn_moves("a", "both", [*shown, near]).limits[0] < learn_moves("a", "both", shown).limits[0]


def test_the_examples_are_judged_by_those_of_other_sources() -> None:
    again = [
        MoveExample("milk", f"milk {n}", trim_movement(trace("both", looks("milk", model)), BOTH))
        for n, model in enumerate(("body", "body-fast"))
    ]
    shown = [*again, *tries("thanks")]
    moves = learn_moves("signs", "both", shown)

    assert leave_one_out_moves(moves, shown) == [("milk", "milk"), ("milk", "milk"), ("thanks", "unknown")]


def test_many_examples_leave_the_most_typical() -> None:
    one = tries("no")[0]
    many = [
        MoveExample("no", f"{n}", one.rows + np.random.default_rng(n).normal(0, 0.01, one.rows.shape))
        for n in range(20)
    ]

    moves = learn_moves("no", "both", many)

    assert len(moves.templates) == 12
    assert said(moves, looks("no", "body")) == ["no"]


@pytest.mark.parametrize(("rows", "word"), [(2, "0.1 s"), (500, "25.0 s")])
def test_too_short_and_too_long_movements_are_refused(rows: int, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        learn_moves("signs", "both", [MoveExample("long", "a.mp4", np.zeros((rows, len(BOTH.names))))])


def test_two_gestures_of_the_same_movement_are_reported() -> None:
    one, other = tries("milk")[0], tries("thanks")[0]
    moves = learn_moves("signs", "both", [one, MoveExample("latte", "b.mp4", one.rows), other])

    (sentence,) = find_move_conflicts(moves)

    assert sentence.startswith("milk and latte: their examples look the same")


def test_a_body_with_hands_is_one_of_coco17() -> None:
    with pytest.raises(ValueError, match="needs a body of skeleton 'coco17', got 'halpe26'"):
        learn_moves("signs", "both", tries("no"), skeleton="halpe26")


def test_only_none_cannot_be_taught() -> None:
    with pytest.raises(ValueError, match="at least one example of a gesture"):
        learn_moves("signs", "both", [MoveExample("none", "a.mp4", tries("no")[0].rows)])


def test_what_is_thin_about_the_examples_is_said() -> None:
    empty = MoveExample("book", "b.mp4", np.empty((0, len(BOTH.names))))

    used, sentences = select_usable([*tries("no", "milk"), empty])

    assert [one.label for one in used] == ["no", "milk"]
    assert "book: nothing that moves was found in b.mp4" in sentences[0]
    assert sentences[1] == "no example is left of book: not in the set"
    assert "no, milk: one example each" in sentences[2]
    assert "no folder 'none'" in sentences[3]


def one_hand(sign: str, model: str) -> list[tuple[float, Observation]]:
    """Return the right hand alone, where it was seen."""
    return [
        (at, Observation(one.flat[1], np.ones(21), xyz=one.hands[1]))
        for at, one in looks(sign, model)
        if one.flat is not None and one.hands is not None and np.isfinite(one.flat[1]).all()
    ]


@pytest.mark.parametrize("sign", SIGNS)
def test_a_hand_alone_is_followed_too(sign: str) -> None:
    layout = trace_columns("hand", "hand21")
    shown = [MoveExample(one, one, trim_movement(trace("hand", one_hand(one, "body-fast")), layout)) for one in SIGNS]

    moves = learn_moves("hands", "hand", shown)

    assert said(moves, one_hand(sign, "body")) == [sign]


def test_the_same_movement_of_the_other_hand_has_the_same_palm() -> None:
    seen = one_hand("no", "body")
    turned = []
    for at, one in seen:
        xy, xyz = one.xy * [-1, 1] + [640, 0], one.xyz * [-1, 1, 1]  # type: ignore[operator]
        turned.append((at, Observation(xy, one.conf, xyz=xyz, left=True)))

    np.testing.assert_allclose(
        trace("hand", turned),
        mirrored(trace("hand", seen), trace_columns("hand", "hand21")),
        atol=1e-6,
    )


# --- its file


def test_a_set_survives_its_file(moves: TaughtMoves, tmp_path: Path) -> None:
    again = read_set(write_moves(moves, tmp_path / "signs.toml"))

    assert isinstance(again, TaughtMoves)
    assert again.names == list(SIGNS)
    for one, other in zip(moves.templates, again.templates, strict=True):
        np.testing.assert_allclose(one, other, atol=0.0101)
    np.testing.assert_allclose(again.limits, moves.limits, atol=1e-4)
    assert said(again, looks("thanks", "body")) == ["thanks"]


def broken(moves: TaughtMoves, folder: Path, old: str, new: str) -> Path:
    path = write_moves(moves, folder / "signs.toml")
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["\U0001f44b wave", "a\x7fb", 'say "hi"\n'])
def test_any_name_survives_its_file(moves: TaughtMoves, tmp_path: Path, name: str) -> None:
    renamed = replace(moves, name=name, classes=(name, *moves.classes[1:]))

    again = read_set(write_moves(renamed, tmp_path / "signs.toml"))

    assert (again.name, again.names[0]) == (name, name)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("format = 1", "format = 2", "format 2 is not known here"),
        ("rate = 20", "rate = 30", "rate 30 is not known here"),
        ('part = "both"', 'part = "foot"', "'part' must be one of"),
        ('skeleton = "coco17"', 'skeleton = "coco71"', "coco71"),
        ('skeleton = "coco17"', 'skeleton = "halpe26"', "does not go with skeleton 'halpe26'"),
        ("[limits]", "[limit]", "unknown key 'limit'; did you mean 'limits'"),
        ('"milk" = [', '"milk" = [1, ', "must list the rows of its templates"),
        ('"milk" = [', '"milk" = [2, ', "rows of"),
        ('"milk" = [', '"milk" = [100000000, ', "must list the rows"),
        ('"milk" = 0.', '"milk" = -0.', "must be a number above 0"),
        ('"milk" = 0.', '"milk" = 1' + "0" * 400 + " # ", "must be a number above 0"),
        ('"milk" = 0.', '"silk" = 0.', "a number for each of"),
        ('weights = """\n', 'weights = """\n!!', "not base64"),
        ('templates = """\n', 'templates = """\nAAAA', "not compressed base64"),
        ("rate = 20", "", "needs 'rate'"),
    ],
)
def test_a_file_that_is_wrong_says_where(moves: TaughtMoves, tmp_path: Path, old: str, new: str, word: str) -> None:
    path = broken(moves, tmp_path, old, new)

    with pytest.raises(FormatError, match=r"signs\.toml") as caught:
        read_set(path)

    assert word in str(caught.value)


def test_a_file_that_would_grow_is_not_unpacked(moves: TaughtMoves, tmp_path: Path) -> None:
    path = write_moves(moves, tmp_path / "signs.toml")
    packed = tomllib.loads(path.read_text(encoding="utf-8"))["templates"]
    bomb = base64.b64encode(zlib.compress(bytes(200_000_000), 9)).decode()
    path.write_text(path.read_text(encoding="utf-8").replace(packed, bomb), encoding="utf-8")

    with pytest.raises(FormatError, match="'templates' must be"):
        read_set(path)


# --- in the recogniser


def frame(seen: list[Observation], at: float, media: Media, ids: list[int]) -> Results:
    """Return the bodies of one frame, tracked."""
    xy = np.stack([one.xy for one in seen])
    boxes = np.column_stack([xy.min(axis=1), xy.max(axis=1), ids, np.full(len(ids), 0.9), np.zeros(len(ids))])
    points = Keypoints(freeze(xy), freeze(np.stack([one.conf for one in seen])), BODY, (480, 640))
    image = np.broadcast_to(np.uint8(0), (480, 640, 3))
    return Results(image, Boxes(freeze(boxes), (480, 640)), points, {0: "person"}, 0, at, media)


@pytest.fixture
def arms(tmp_path: Path) -> Path:
    """A set that was taught from bodies alone."""
    layout = trace_columns("body", "coco17")
    shown = [MoveExample(sign, sign, trim_movement(trace("body", looks(sign)), layout)) for sign in ("again", "thanks")]
    return write_moves(learn_moves("arms", "body", shown), tmp_path / "arms.toml")


def test_a_movement_is_an_event_with_its_begin_and_end(arms: Path) -> None:
    recognizer, media = GestureRecognizer(arms), Media("clip.mp4", "video")
    events = []
    for at, look in looks("thanks", "body"):
        recognizer.update(frame([look], at, media, [7]))
        events += recognizer.events
    events += recognizer.finish(at)

    assert [(event.state, event.gesture, event.part, event.id) for event in events] == [
        ("on", "thanks", "body", 7),
        ("off", "thanks", "body", 7),
    ]
    assert 0 <= events[0].start < 0.6
    assert events[1].end is not None
    assert 1.0 < events[1].end <= at


def test_a_movement_made_twice_is_two_events(arms: Path) -> None:
    recognizer, media = GestureRecognizer(arms), Media("clip.mp4", "video")
    once = looks("thanks", "body")
    events = []
    for at, look in [*once, *((at + once[-1][0] + 0.03, look) for at, look in once)]:
        recognizer.update(frame([look], at, media, [7]))
        events += recognizer.events
    events += recognizer.finish(at)

    assert [event.state for event in events] == ["on", "off", "on", "off"]


def test_two_people_move_apart(arms: Path) -> None:
    recognizer, media = GestureRecognizer(arms), Media("clip.mp4", "video")
    one, two = looks("thanks", "body"), looks("again", "body")
    told = set()
    for n in range(max(len(one), len(two))):
        here = [(clip[n][1], who) for clip, who in ((one, 3), (two, 4)) if n < len(clip)]
        gestures = recognizer.update(frame([look for look, _ in here], n / 30, media, [who for _, who in here]))
        told |= {(gesture.id, gesture.gesture) for gesture in gestures if gesture.gesture != "unknown"}
    told |= {(event.id, event.gesture) for event in recognizer.finish(n / 30)}

    assert told == {(3, "thanks"), (4, "again")}


def test_a_set_says_when_the_body_model_gives_other_points(arms: Path) -> None:
    GestureRecognizer(arms).check_body("body", "coco17")
    GestureRecognizer("hands").check_body("body-3d", "blazepose33")

    with pytest.raises(ValueError, match="arms: needs bodies of skeleton 'coco17', but body-3d gives 'blazepose33'"):
        GestureRecognizer(arms).check_body("body-3d", "blazepose33")


def test_a_set_of_movements_names_the_models_that_it_needs(moves: TaughtMoves, arms: Path, tmp_path: Path) -> None:
    both = write_moves(moves, tmp_path / "signs.toml")

    assert GestureRecognizer(both).parts == ("hand", "body")
    assert GestureRecognizer(arms).parts == ("body",)
    assert GestureRecognizer([arms, "body"]).names[:2] == ["again", "thanks"]
