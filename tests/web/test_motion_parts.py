"""Each piece of the page's motion beside the Python that it follows."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from motion_node import Node, motion_parts, node_process, numbers, skeleton_table

from poise.bodies.limbs import relative_lengths
from poise.bodies.scale import torso_length
from poise.filters import Kalman, OneEuro, Smoother
from poise.frames import Frame, Media
from poise.geometry import assign, box_iou
from poise.reps import all_exercises, get_exercise
from poise.reps.cycles import Curve, Cycle, find_cycles, merge_sides, turning_points, usual_depth
from poise.reps.series import correlation, fill_gaps, smooth
from poise.reps.signals import LENGTHS, NAMES, measure
from poise.results import Results
from poise.skeletons import get
from poise.tracking import Tracker, duplicates, kalman, read_settings
from poise.tracking.appearance import colours, follow, limb_distance
from poise.tracking.association import box_similarity, pose_similarity
from poise.web import exercise_tables

few = settings(max_examples=40)
seeds = st.integers(0, 2**32 - 1)
# One rounding more or less: sums are taken in another order.
CLOSE = {"rtol": 1e-9, "atol": 1e-9}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    yield from node_process(tmp_path_factory)


def holes(rng: np.random.Generator, values: np.ndarray, share: float) -> np.ndarray:
    """Return values of which a share is NaN."""
    return np.where(rng.random(values.shape) < share, np.nan, values)


# Arrays


@few
@given(values=arrays(float, st.integers(1, 60), elements=st.floats(-9, 9) | st.just(np.nan)), share=st.floats(0, 100))
def test_percentile_is_that_of_numpy(values: np.ndarray, share: float, node: Node) -> None:
    some = values[np.isfinite(values)]
    found = node.call("arrays.js", "percentile", node_finite(node, values), share)

    assert found == (pytest.approx(np.percentile(some, share), abs=1e-12) if len(some) else None)


def node_finite(node: Node, values: np.ndarray) -> np.ndarray:
    return numbers(node.call("arrays.js", "finite", values))


@few
@given(seed=seeds, count=st.integers(2, 12))
def test_interpolation_and_search_are_those_of_numpy(seed: int, count: int, node: Node) -> None:
    rng = np.random.default_rng(seed)
    x, y = np.cumsum(rng.integers(1, 4, count)).astype(float), rng.normal(size=count)
    at = float(rng.integers(0, 20)) / 2

    assert node.call("arrays.js", "interpolate", at, x, y) == pytest.approx(np.interp(at, x, y))
    assert node.call("arrays.js", "searchSorted", x, at) == np.searchsorted(x, at)
    assert node.call("arrays.js", "searchAfter", x, at) == np.searchsorted(x, at, side="right")


# Tracking


@few
@given(
    cost=st.tuples(st.integers(1, 7), st.integers(1, 7)).flatmap(
        lambda shape: arrays(float, shape, elements=st.floats(0, 1))
    ),
    most=st.floats(0.1, 1.5),
)
def test_assignment_is_the_cheapest(cost: np.ndarray, most: float, node: Node) -> None:
    found = np.array(node.call("geometry.js", "assign", cost, most), int).reshape(-1, 2)
    expected = assign(cost, max_cost=most)

    def worth(pairs: np.ndarray) -> float:
        return float(sum(cost[i, j] - most for i, j in pairs))

    # Where several are as cheap, either may be given.
    assert worth(found) == pytest.approx(worth(expected), abs=1e-9)
    assert (cost[found[:, 0], found[:, 1]] <= most).all()
    assert len(set(found[:, 0])) == len(set(found[:, 1])) == len(found)


def test_rows_without_a_choice_are_paired(node: Node) -> None:
    cost = np.array([[0.2, np.inf], [np.inf, 0.9], [np.nan, np.inf]])

    assert node.call("geometry.js", "assign", cost, 0.5) == [[0, 0]]


@few
@given(seed=seeds)
def test_filters_of_tracks_move_and_learn_as_in_python(seed: int, node: Node) -> None:
    rng = np.random.default_rng(seed)
    size = 8
    first, second = holes(rng, rng.normal(100, 30, size), 0.2), holes(rng, rng.normal(100, 30, size), 0.2)
    noise, speed, drift = rng.uniform(1, 9, size), rng.uniform(50, 500, size), rng.normal(0, 20, size)
    memory, seconds = np.where(rng.random(size) < 0.5, np.inf, rng.uniform(0.1, 0.6, size)), float(rng.uniform(0.01, 1))
    begun = kalman.start(first[None], noise[None], speed[None])
    moved = kalman.predict(begun, seconds, drift=drift[None], memory=memory, noise=noise[None])
    updated = kalman.update(moved, second[None], noise[None], velocity_spread=speed[None])
    again = kalman.replay(
        begun, first[None], second[None], np.array([seconds]), noise[None],
        steps=3, acceleration=noise[None], velocity_spread=speed[None],
    )  # fmt: skip

    state = numbers(node.call("tracking/kalman.js", "start", first, noise, speed))
    knobs = {"drift": drift, "memory": memory, "noise": noise}
    ahead = numbers(node.call("tracking/kalman.js", "predict", list(state), seconds, knobs))
    after = numbers(node.call("tracking/kalman.js", "update", list(moved[:, 0]), second, noise, speed))
    run = {"steps": 3, "acceleration": noise, "velocitySpread": speed}
    replayed = numbers(node.call("tracking/kalman.js", "replay", list(state), first, second, seconds, noise, run))

    np.testing.assert_allclose(state, begun[:, 0])
    np.testing.assert_allclose(ahead, moved[:, 0], **CLOSE)
    np.testing.assert_allclose(after, updated[:, 0], **CLOSE)
    np.testing.assert_allclose(replayed, again[:, 0], **CLOSE)


def boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    at, side = rng.uniform(0, 60, (count, 2)), rng.uniform(20, 80, (count, 2))
    return np.concatenate([at, at + side], axis=1)


@few
@given(seed=seeds)
def test_likeness_of_boxes_and_poses_is_that_of_python(seed: int, node: Node) -> None:
    rng = np.random.default_rng(seed)
    a, b = boxes(rng, 2)
    sigmas = np.asarray(get("coco17").sigmas, float)
    one, other = rng.uniform(0, 80, (17, 2)), rng.uniform(0, 80, (17, 2))
    one[rng.random(17) < 0.3] = np.nan
    weights, spread = rng.uniform(0, 1, (2, 17)), holes(rng, rng.uniform(0, 40, 17), 0.1)
    expected = pose_similarity(
        one[None], other[None], area=np.array([900.0]), sigmas=sigmas, weight_a=weights[:1], weight_b=weights[1:],
        spread=spread[None],
    )  # fmt: skip

    knobs = {"area": 900.0, "sigmas": sigmas, "weightA": weights[0], "weightB": weights[1], "spreads": spread}
    pose = node.call("tracking/association.js", "poseSimilarity", one.ravel(), other.ravel(), knobs)

    assert node.call("geometry.js", "boxIou", a, b) == pytest.approx(box_iou(a[None], b[None])[0, 0])
    buffered = box_similarity(a[None], b[None], spread=np.array([5.0]))[0, 0]
    assert node.call("tracking/association.js", "boxSimilarity", a, b, 5.0) == pytest.approx(buffered)
    np.testing.assert_allclose(pose, [float(value[0, 0]) for value in expected], **CLOSE)


@few
@given(seed=seeds)
def test_second_sightings_are_those_of_python(seed: int, node: Node) -> None:
    rng = np.random.default_rng(seed)
    centre, sigmas = rng.uniform(100, 300, (17, 2)), np.asarray(get("coco17").sigmas, float)
    xy = centre + rng.choice([0.0, 2.0, 60.0], 5)[:, None, None] * rng.normal(size=(5, 17, 2))
    found = np.concatenate([xy.min(axis=1), xy.max(axis=1)], axis=1)
    weight, score = np.where(rng.random((5, 17)) < 0.5, 0.0, 0.7), rng.uniform(0.1, 0.9, 5)
    weight[rng.random(5) < 0.3] = 0.0
    expected = duplicates(found, xy, weight, score, sigmas=sigmas, max_oks=0.85, max_iou=0.9)

    people = [{"box": found[i], "xy": xy[i].ravel(), "weight": weight[i], "score": score[i]} for i in range(5)]
    limits = {"sigmas": sigmas, "maxOks": 0.85, "maxIou": 0.9}

    assert node.call("tracking/association.js", "duplicates", people, limits) == expected.tolist()


@few
@given(seed=seeds)
def test_looks_and_proportions_are_those_of_python(seed: int, node: Node, tmp_path_factory: Any) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    file = tmp_path_factory.mktemp("look") / "pixels"
    file.write_bytes(np.pad(image[..., ::-1], ((0, 0), (0, 0), (0, 1))).tobytes())
    box = boxes(rng, 1)[0] - 20
    picture, frame = {"rgba": str(file), "frame": 0, "width": 64, "height": 48}, {"width": 64, "height": 48}
    xy, conf = rng.uniform(0, 99, (17, 2)), rng.uniform(0, 1, 17)
    edges = np.array(get("coco17").edges)
    a, b = holes(rng, rng.normal(size=6), 0.3), holes(rng, rng.normal(size=6), 0.3)

    look = numbers(node.call("tracking/appearance.js", "colours", picture, box, frame))
    limbs = numbers(node.call("bodies/limbs.js", "relativeLengths", xy.ravel(), conf, edges.tolist()))
    apart = numbers(node.call("tracking/appearance.js", "limbDistance", a, b))
    mixed = numbers(node.call("tracking/appearance.js", "follow", a, b, 0.1))

    blue_first = colours(image, box[None])[0]
    np.testing.assert_allclose(look, blue_first[[2, 1, 0, 5, 4, 3]], **CLOSE)
    np.testing.assert_allclose(limbs, relative_lengths(xy[None], conf[None], edges)[0], **CLOSE)
    np.testing.assert_allclose(apart, limb_distance(a[None], b[None])[0, 0], **CLOSE)
    np.testing.assert_allclose(mixed, follow(a, b, 0.1), **CLOSE)


@settings(max_examples=15)
@given(seed=seeds, tracker=st.sampled_from(["pose.yaml", "bytetrack.yaml"]))
def test_people_who_cross_and_hide_get_the_ids_of_python(seed: int, tracker: str, node: Node) -> None:
    rng = np.random.default_rng(seed)
    follower, calls, expected = Tracker(tracker), [], []
    start, speed = rng.uniform(50, 600, (4, 2)), rng.normal(0, 90, (4, 2))
    shape, time = rng.uniform(-0.5, 0.5, (4, 17, 2)) * [60, 160], 0.0
    for n in range(40):
        there = np.flatnonzero(rng.random(4) > 0.25)
        at = start[there] + speed[there] * time + rng.normal(0, 1.5, (len(there), 2))
        xy = at[:, None] + shape[there] + rng.normal(0, 1, (len(there), 17, 2))
        conf = rng.uniform(0.05, 1, len(there))
        found = np.concatenate([at - [30, 80], at + [30, 80], conf[:, None], np.zeros((len(there), 1))], axis=1)
        frame = Frame(np.zeros((1, 1, 3), np.uint8), Media("made", "frames"), n, time)
        expected.append(follower.update(Results.of(frame, found, xy, np.full((len(there), 17), 0.8))))
        rows = [
            {"row": i, "kind": 0, "score": np.float32(conf[i]), "box": found[i, :4].astype(np.float32),
             "xy": xy[i].ravel().astype(np.float32), "conf": np.full(17, np.float32(0.8)), "id": 0}
            for i in range(len(there))
        ]  # fmt: skip
        calls.append(("update", [{"time": time, "width": 700, "height": 700, "instances": rows}]))
        time += float(rng.choice([0.03, 0.04, 0.3]))

    answers = node.make("tracking/tracker.js", "Tracker", [skeleton_table(), tracker], calls)

    ids = [[] if result.boxes.id is None else result.boxes.id.int().tolist() for result in expected]
    assert [[one["id"] for one in answer] for answer in answers] == ids


# Smoothing


@settings(max_examples=15)
@given(seed=seeds, method=st.sampled_from(["one-euro", "kalman"]))
def test_steadied_points_are_those_of_python(seed: int, method: str, node: Node) -> None:
    rng = np.random.default_rng(seed)
    smoother, calls, expected, time = Smoother(method), [], [], 0.0
    at = rng.uniform(100, 400, (2, 17, 2))
    for n in range(30):
        time += float(rng.choice([0.02, 0.05, 0.4, 0.7]))
        at = at + rng.normal(0, 3, at.shape) + (300 if rng.random() < 0.05 else 0)
        xy = at.astype(np.float32)
        xy[rng.random((2, 17)) < 0.1] = np.nan
        corners = np.concatenate([np.nanmin(xy, axis=1), np.nanmax(xy, axis=1)], axis=1)
        conf = np.where(np.isnan(xy[..., 0]), 0, rng.uniform(0, 1, (2, 17))).astype(np.float32)
        there = np.flatnonzero(rng.random(2) > 0.2)
        data = np.concatenate([corners, [[1, 0.8, 0], [2, 0.6, 0]]], axis=1)[there]
        frame = Frame(np.zeros((1, 1, 3), np.uint8), Media("made", "frames"), n, time)
        steady = smoother.update(Results.of(frame, data, xy[there], conf[there]))
        expected.append(np.concatenate([steady.keypoints.xy.reshape(-1, 34), steady.boxes.xyxy], axis=1))
        rows = [
            {"id": int(i) + 1, "score": np.float32([0.8, 0.6][i]), "box": corners[i], "xy": xy[i].ravel(),
             "conf": conf[i]}
            for i in there
        ]  # fmt: skip
        calls.append(("update", [rows, time]))

    answers = node.make("filters/smoothing.js", "Smoother", [skeleton_table(), method], calls)

    for answer, wanted in zip(answers, expected, strict=True):
        found = numbers([one["xy"] + one["box"] for one in answer]).reshape(-1, 38)
        np.testing.assert_allclose(found, wanted, atol=1e-3)


# Repetitions


@few
@given(seed=seeds)
def test_series_are_filled_smoothed_and_compared_as_in_python(seed: int, node: Node) -> None:
    rng = np.random.default_rng(seed)
    time = np.cumsum(rng.uniform(0.02, 0.2, 40))
    a, b = holes(rng, rng.normal(size=40), rng.choice([0, 0.3])), holes(rng, rng.normal(size=40), 0.2)

    filled = numbers(node.call("reps/series.js", "fillGaps", time, a, 0.3))
    steady = numbers(node.call("reps/series.js", "smooth", time, a, 0.1))

    np.testing.assert_allclose(filled, fill_gaps(time, a[:, None], max_gap_s=0.3)[:, 0], **CLOSE)
    np.testing.assert_allclose(steady, smooth(time, a, seconds=0.1), **CLOSE)
    assert node.call("reps/series.js", "correlation", a, b) == pytest.approx(correlation(a, b), abs=1e-9)


@few
@given(seed=seeds)
def test_measures_of_a_body_are_those_of_python(seed: int, node: Node) -> None:
    rng = np.random.default_rng(seed)
    xy, conf = rng.uniform(0, 200, (17, 2)), rng.uniform(0, 1, 17)
    values, sure = measure(xy[None], conf[None], np.ones(1), min_conf=0.3)
    long = torso_length(xy[None], conf[None])[0]
    body = {"xy": xy.ravel(), "conf": conf}

    found = node.call("reps/signals.js", "measure", body, 0.3)

    np.testing.assert_allclose(numbers(found["values"]), values[0], **CLOSE)
    np.testing.assert_allclose(numbers(found["sure"]), sure[0], **CLOSE)
    np.testing.assert_allclose(numbers(node.call("bodies/scale.js", "torsoLength", body)), long, **CLOSE)


@few
@given(seed=seeds, least=st.sampled_from([0.3, 0.45, 0.6]))
def test_cycles_of_a_curve_are_those_of_python(seed: int, least: float, node: Node) -> None:
    rng = np.random.default_rng(seed)
    time = np.cumsum(rng.uniform(0.02, 0.06, 150))
    value = np.cumsum(rng.normal(0, 0.15, 150)) % 1.3
    value[rng.integers(0, 150)] = np.nan
    line = Curve(time, value, rng.uniform(0, 1, 150), "left", 1.0)
    exercise = next(one for one in all_exercises() if not one.hold)
    object.__setattr__(changed := type(exercise)(**{**shallow(exercise), "min_depth": least}), "source", "")
    expected = find_cycles(line, changed)
    typical = usual_depth([cycle.depth for cycle in expected], least)

    table = {"time": time, "value": value, "sure": line.sure, "side": "left"}
    found = node.call("reps/cycles.js", "findCycles", table, least)

    whole = np.nan_to_num(value[:40])  # what is looked at has no gaps
    assert node.call("reps/cycles.js", "turningPoints", whole, 0.3) == turning_points(whole, 0.3)
    assert node.call("reps/cycles.js", "usualDepth", found, least) == pytest.approx(typical)
    assert len(found) == len(expected)
    for one, wanted in zip(found, expected, strict=True):
        assert {name: one[name] for name in ("side", "cut", "lead")} == {"side": "left", "cut": wanted.cut, "lead": ""}
        for name in ("start", "peak", "end", "rise", "fall", "depth", "sure", "seen", "cover"):
            assert one[name] == pytest.approx(getattr(wanted, name)), name


def shallow(exercise: Any) -> dict[str, Any]:
    return {name: getattr(exercise, name) for name in exercise.__dataclass_fields__}


@few
@given(seed=seeds)
def test_cycles_of_two_limbs_are_joined_as_in_python(seed: int, node: Node) -> None:
    rng = np.random.default_rng(seed)

    def side(name: str) -> list[Cycle]:
        starts = np.sort(rng.uniform(0, 10, rng.integers(0, 5)))
        lengths = rng.uniform(0.4, 2, len(starts))
        return [
            Cycle(float(s), float(s + n / 2), float(s + n), *rng.uniform(0.3, 1, 2).tolist(), name, 0.8, 1.0, False)
            for s, n in zip(starts, lengths, strict=True)
        ]

    left, right = side("left"), side("right")

    def tables(cycles: list[Cycle]) -> list[dict[str, Any]]:
        return [{**asdict(cycle), "depth": cycle.depth} for cycle in cycles]

    found = node.call("reps/cycles.js", "mergeSides", tables(left), tables(right))

    wanted = [(cycle.peak, cycle.side, cycle.lead) for cycle in merge_sides(left, right)]
    assert [(one["peak"], one["side"], one["lead"]) for one in found] == wanted


# Numbers that are in both places


def names_of(module: str, names: dict[str, Any]) -> dict[str, Any]:
    """Return the Python constants of these names, with or without an underscore."""
    python = importlib.import_module(module)
    found = {name: getattr(python, name, None) for name in names}
    return {name: getattr(python, f"_{name}") if value is None else value for name, value in found.items()}


@pytest.mark.parametrize(
    ("file", "table", "module"),
    [
        ("tracking/tracker.js", "CONSTANTS", "poise.tracking._tracker"),
        ("filters/smoothing.js", "CONSTANTS", "poise.filters.smoothing"),
        ("filters/uncertainty.js", "CONSTANTS", "poise.filters.uncertainty"),
        ("bodies/scale.js", "SHARES", "poise.bodies.proportions"),
        ("reps/viewpoint.js", "CONSTANTS", "poise.reps.viewpoint"),
        ("reps/verdicts.js", "CONSTANTS", "poise.reps.verdicts"),
        ("reps/consistency.js", "CONSTANTS", "poise.reps.consistency"),
        ("reps/recognition.js", "CONSTANTS", "poise.reps.recognition"),
    ],
)
def test_tables_of_constants_are_those_of_python(file: str, table: str, module: str, node: Node) -> None:
    found = node.read(file, table)

    for name, value in names_of(module, found).items():
        told = [np.inf if one == "inf" else one for one in np.atleast_1d(np.array(found[name], object))]
        assert told == pytest.approx(list(np.atleast_1d(value))), name


@pytest.mark.parametrize(
    ("file", "name", "module"),
    [
        ("tracking/detections.js", "CROWDED", "poise.tracking._detections"),
        ("filters/kalman.js", "HUBER", "poise.filters.kalman"),
        ("reps/measures.js", "MIN_POINT_CONF", "poise.reps.measures"),
        ("reps/cycles.js", "SHARE", "poise.reps.cycles"),
        ("reps/cycles.js", "EDGE_SHARE", "poise.reps.cycles"),
        ("reps/counting.js", "BRIEF", "poise.reps.counting"),
        ("reps/live.js", "SEEK_S", "poise.reps.live"),
        ("reps/live.js", "ALONE", "poise.reps.recognition"),
        ("bodies/points.js", "COCO", "poise.skeletons"),
        ("reps/viewpoint.js", "HEIGHTS", "poise.reps.viewpoint"),
        ("reps/signals.js", "NAMES", "poise.reps.signals"),
        ("reps/signals.js", "LENGTHS", "poise.reps.signals"),
    ],
)
def test_single_constants_are_those_of_python(file: str, name: str, module: str, node: Node) -> None:
    known = {"COCO": list(get("coco17").keypoints), "NAMES": list(NAMES), "LENGTHS": LENGTHS.tolist()}
    wanted = known[name] if name in known else names_of(module, {name: None})[name]
    found = node.read(file, name)

    assert (set(found) if isinstance(wanted, frozenset) else found) == wanted


def test_settings_of_filters_and_trackers_are_those_of_python(node: Node) -> None:
    assert node.read("filters/smoothing.js", "ONE_EURO") == asdict(OneEuro())
    assert node.read("filters/smoothing.js", "KALMAN") == asdict(Kalman())
    for name, found in node.read("tracking/settings.js", "TRACKERS").items():
        assert found == asdict(read_settings(name)), name


# Exercises as data


def test_exercises_of_the_manifest_are_those_of_the_files(node: Node) -> None:
    tables = json.loads(json.dumps(exercise_tables(), allow_nan=False))

    for table, exercise in zip(tables, all_exercises(), strict=True):
        found = node.call("reps/exercise.js", "readExercise", table)
        wanted = asdict(exercise)
        for name in (
            "name",
            "sides",
            "min_depth",
            "min_rep_s",
            "max_rep_s",
            "hold",
            "travels",
            "least_reps",
            "everyday",
        ):
            assert found[name] == wanted[name], name
        assert found["aliases"] == list(wanted["aliases"])
        assert [{**one, "points": tuple(one["points"])} for one in found["signals"]] == list(wanted["signals"])
        limits = {"inf": np.inf, "-inf": -np.inf}
        rules = [{**one, "min": limits.get(one["min"], one["min"]), "max": limits.get(one["max"], one["max"])}
                 for one in found["rules"]]  # fmt: skip
        assert [{"why": "", **rule} for rule in rules] == list(wanted["rules"])


@pytest.mark.parametrize("name", ["squat", "Push Ups", "push_up", "air squat", "jumping-jack"])
def test_an_exercise_is_found_by_the_names_that_python_knows(name: str, node: Node) -> None:
    known = [node.call("reps/exercise.js", "readExercise", table) for table in exercise_tables()]

    assert node.call("reps/exercise.js", "getExercise", known, name)["name"] == get_exercise(name).name


def test_an_unknown_name_is_an_error_that_tells_the_known_ones(node: Node) -> None:
    with pytest.raises(RuntimeError, match=r'no exercise named "squad"; known: biceps curl, .*; or "auto"'):
        node.make("motion.js", "Motion", motion_parts(reps="squad"), [])
    with pytest.raises(RuntimeError, match='no tracker "sort"; known: pose'):
        node.make("motion.js", "Motion", motion_parts(tracker="sort"), [])
    with pytest.raises(RuntimeError, match=r'no filter named "median"; known: true, one-euro, kalman'):
        node.make("motion.js", "Motion", motion_parts(smooth="median"), [])


# A stream


def line(time: float, *, width: int = 640, x: float = 0.0) -> dict[str, Any]:
    """Return the record of a frame with one person."""
    points = [[300.0 + x + k, 200.0 + 9 * k, 0.9] for k in range(16)] + [[None, None, None]]
    person = {"class": 0, "name": "person", "conf": 0.9, "box": [250 + x, 150, 400 + x, 400], "id": None}
    return {
        "source": "camera", "frame": 7, "time": time, "width": width, "height": 480, "skeleton": "coco17",
        "instances": [{**person, "keypoints": points}],
    }  # fmt: skip


def stream(node: Node, lines: list[dict[str, Any]], **settings: Any) -> list[dict[str, Any]]:
    return node.make("motion.js", "Motion", motion_parts(**settings), [("update", [one]) for one in lines])


def test_the_first_frame_keeps_its_points_and_gets_an_id(node: Node) -> None:
    (answer,) = stream(node, [line(0.0)], reps="auto")

    given = line(0.0)["instances"][0]
    assert {**answer["result"], "instances": []} == {**line(0.0), "instances": []}
    (person,) = answer["result"]["instances"]
    assert (person["id"], person["name"], person["keypoints"][16]) == (1, "person", [None, None, None])
    np.testing.assert_allclose(numbers(person["keypoints"][:16]), given["keypoints"][:16], atol=1e-3)
    assert answer["reps"] == [{"id": 1, "exercise": "none", "count": 0, "progress": 0}]
    assert answer["events"] == []


@pytest.mark.parametrize("later", [line(3.9, x=300), line(5.05, x=300, width=320)], ids=["back in time", "other size"])
def test_another_source_begins_anew(later: dict[str, Any], node: Node) -> None:
    same = stream(node, [line(5.0), line(5.05, x=300)])
    anew = stream(node, [line(5.0), later])

    # In one source somebody new must be seen twice; in a first frame once.
    assert same[1]["result"]["instances"] == []
    assert [one["id"] for one in anew[1]["result"]["instances"]] == [1]


def test_a_frame_that_comes_too_late_is_taken_for_one_just_after_the_last(node: Node) -> None:
    answers = stream(node, [line(5.0), line(4.9, x=1.0)])

    assert answers[1]["result"]["time"] == pytest.approx(5.001)
    assert answers[1]["result"]["instances"][0]["id"] == 1


def test_reset_forgets_everybody(node: Node) -> None:
    calls: list[tuple[str, list[Any]]] = [("update", [line(5.0)]), ("reset", []), ("update", [line(5.1, x=300.0)])]

    answers = node.make("motion.js", "Motion", motion_parts(reps="squat"), calls)

    assert answers[2]["result"]["instances"][0]["id"] == 1
    assert answers[2]["reps"] == [{"id": 1, "exercise": "squat", "count": 0, "progress": 0}]
