"""Hands: regions, agreement with MediaPipe, handedness, and following over a video."""

import functools
import json
import os
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from poise import weights
from poise.estimators import Estimate, Options
from poise.estimators.hands import Hands, rois_from_hands, rois_from_palms
from poise.estimators.regions import turn, upward_angle
from poise.estimators.roi import RoiMemory
from poise.geometry import box_iou
from poise.runtime import Session, open_session
from poise.skeletons import get

ASSETS = Path(__file__).resolve().parents[1] / "assets"
SHARED = Path(os.environ.get("POISE_SHARED", Path(__file__).resolve().parents[3] / "shared"))
PEER = json.loads((ASSETS / "mediapipe.json").read_text(encoding="utf-8"))["pictures"]


class Counted:
    """A session that counts its runs."""

    def __init__(self, name: str, runs: Counter[str]) -> None:
        self._session, self._name, self._runs = open_session(weights.load(name), threads=2, name=name), name, runs
        self.inputs, self.outputs = self._session.inputs, self._session.outputs
        self.engine, self.device, self.metadata = "onnxruntime", "cpu", self._session.metadata

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        self._runs[self._name] += 1
        return self._session.run(feeds)

    def close(self) -> None:
        self._session.close()


RUNS: Counter[str] = Counter()


@pytest.fixture(scope="module")
def hands() -> Hands:
    opened: dict[str, Session] = {}

    def open_network(name: str) -> Session:
        return opened.setdefault(name, Counted(name, RUNS))

    return Hands(weights.model("hands"), open_network, get("hand21"))


def read(path: Path) -> np.ndarray:
    return np.ascontiguousarray(np.asarray(PIL.Image.open(path).convert("RGB"))[..., ::-1])


def find(name: str) -> Path:
    path = ASSETS.parent / name if name.startswith("assets/") else SHARED / name.removeprefix("shared/")
    if not path.is_file():
        pytest.skip(f"{path} is not there (the shared data are not part of the repository)")
    return path


def nearest(found: Estimate, xy: np.ndarray) -> tuple[int, np.ndarray]:
    """Row whose points are nearest to ``xy``, and their distances in pixels."""
    distance = np.linalg.norm(found.xy - xy, axis=-1)
    row = int(distance.mean(axis=1).argmin())
    return row, distance[row]


def test_upward_angle_turns_clockwise() -> None:
    start = np.zeros((4, 2))
    end = np.array([[0.0, -1], [1, 0], [0, 1], [-1, 0]])

    np.testing.assert_allclose(upward_angle(start, end), [0, 90, 180, -90])


def test_turning_up_by_its_angle_gives_the_direction() -> None:
    direction = np.array([[3.0, -4.0], [-1.0, 2.0]])
    length = np.linalg.norm(direction, axis=1)
    up = np.stack([np.zeros(2), -length], axis=-1)

    np.testing.assert_allclose(turn(up, upward_angle(np.zeros((2, 2)), direction)), direction, atol=1e-12)


def test_a_palm_that_points_up_moves_its_region_up() -> None:
    boxes = np.array([[100.0, 100, 120, 140]])
    points = np.zeros((1, 7, 2))
    points[0, 0], points[0, 2] = (110, 140), (110, 100)

    # Height 40: half of it up from the middle (110, 120); side 2.6 times the longer side.
    np.testing.assert_allclose(rois_from_palms(boxes, points), [[110, 100, 104, 0]])


def test_a_palm_that_points_right_moves_its_region_right() -> None:
    boxes = np.array([[100.0, 100, 140, 120]])
    points = np.zeros((1, 7, 2))
    points[0, 0], points[0, 2] = (100, 110), (140, 110)

    np.testing.assert_allclose(rois_from_palms(boxes, points), [[130, 110, 104, 90]])


def test_the_next_region_turns_with_the_hand() -> None:
    xy = np.random.default_rng(3).uniform(0, 50, (1, 21, 2))
    upright = rois_from_hands(xy)

    turned = rois_from_hands(turn(xy, np.array([30.0])))

    np.testing.assert_allclose(turned[:, 2], upright[:, 2])
    np.testing.assert_allclose((turned[:, 3] - upright[:, 3]) % 360, 30)
    np.testing.assert_allclose(turned[:, :2], turn(upright[:, :2], np.array([30.0])))


@pytest.fixture(scope="module")
def seen(hands: Hands) -> Callable[[str], Estimate]:
    """What is found in a picture that MediaPipe saw too, by its name."""
    return functools.cache(lambda name: hands([read(find(name))], Options())[0])


@pytest.mark.parametrize("name", [name for name, entry in PEER.items() if entry["hands"]])
def test_hands_agree_with_mediapipe(hands: Hands, seen: Callable[[str], Estimate], name: str) -> None:
    found = seen(name)

    for hand in PEER[name]["hands"]:
        row, distance = nearest(found, np.array(hand["xy"]))
        size = np.ptp(np.array(hand["xy"]), axis=0).max()
        # Sampling differs by a grey level: under half a pixel on most pictures, under 5 % of the hand on all.
        assert np.median(distance) < max(0.5, 0.05 * size)
        # The same hand along the picture's axes, in metres.
        assert np.median(np.linalg.norm(found.xyz[row] - hand["world"], axis=-1)) < 0.015
        # MediaPipe names the hand of a mirrored picture.
        assert hands.names[int(found.boxes[row, 5])] == {"Left": "right_hand", "Right": "left_hand"}[hand["label"]]


def test_half_of_the_hands_agree_to_a_third_of_a_pixel(seen: Callable[[str], Estimate]) -> None:
    names = [name for name, entry in PEER.items() if entry["hands"]]
    medians = []
    for name in names:
        found = seen(name)
        medians += [np.median(nearest(found, np.array(hand["xy"]))[1]) for hand in PEER[name]["hands"]]

    assert np.median(medians) < 0.34


def test_points_lie_where_the_joints_of_the_rendered_hand_are(hands: Hands) -> None:
    true = np.array(json.loads((ASSETS / "hand.json").read_text(encoding="utf-8"))["right_hand"])

    (xy,) = hands([read(ASSETS / "hand.jpg")], Options())[0].xy

    # The body's joints are inside it, and its wrist is a little lower than what people label as one.
    distance = np.linalg.norm(xy - true, axis=-1) / np.ptp(true, axis=0).max()
    assert np.median(distance) < 0.03
    assert distance.max() < 0.1


def test_a_mirrored_picture_shows_the_other_hand_in_the_mirrored_place(hands: Hands) -> None:
    image = read(ASSETS / "hand.jpg")

    straight = hands([image], Options(conf=0.5))[0]
    mirrored = hands([np.ascontiguousarray(image[:, ::-1])], Options(conf=0.5))[0]

    assert {int(c) for c in straight.boxes[:, 5]} == {1}
    assert {int(c) for c in mirrored.boxes[:, 5]} == {0}
    back = np.array([image.shape[1], 0]) + mirrored.xy[0] * [-1, 1]
    # The network is not exactly symmetric: within 3 % of the hand.
    assert np.median(np.linalg.norm(back - straight.xy[0], axis=-1)) < 0.03 * np.ptp(straight.xy[0], axis=0).max()


def test_bones_have_metric_lengths(hands: Hands) -> None:
    found = hands([read(ASSETS / "hand.jpg")], Options())[0]

    palm = np.linalg.norm(found.xyz[0, 0] - found.xyz[0, 9])
    # Wrist to middle knuckle: 7 to 11 cm in grown-ups.
    assert 0.06 < palm < 0.12


def test_boxes_hold_the_points_and_stay_in_the_picture(hands: Hands) -> None:
    image = read(ASSETS / "hand.jpg")

    found = hands([image], Options())[0]

    limit = np.array([image.shape[1], image.shape[0]])
    xy = np.clip(found.xy, 0, limit)
    assert (found.boxes[:, :4] >= 0).all()
    assert (found.boxes[:, 2:4] <= limit).all()
    assert (xy.min(axis=1) >= found.boxes[:, :2] - 1e-3).all()
    assert (xy.max(axis=1) <= found.boxes[:, 2:4] + 1e-3).all()


@pytest.mark.parametrize("options", [Options(classes=(0,)), Options(max_det=0), Options(conf=1.0)])
def test_options_drop_the_right_hand(hands: Hands, options: Options) -> None:
    found = hands([read(ASSETS / "hand.jpg")], options)[0]

    assert found.boxes.shape == (0, 6)
    assert found.xy.shape == (0, 21, 2)
    assert found.xyz.shape == (0, 21, 3)


def test_tiles_find_the_hand_in_a_corner_of_a_big_picture(hands: Hands) -> None:
    image = read(ASSETS / "hand.jpg")
    canvas = np.full((1200, 1600, 3), 90, dtype=np.uint8)
    canvas[-image.shape[0] :, : image.shape[1]] = image
    expected = hands([image], Options())[0].xy[0] + [0, 1200 - image.shape[0]]

    found = hands([canvas], Options(tile=True))[0]

    _, distance = nearest(found, expected)
    assert np.median(distance) < 0.05 * np.ptp(expected, axis=0).max()


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 30000, 3), (30000, 1, 3), (7, 3, 3)])
@pytest.mark.parametrize("tile", [False, True])
def test_odd_pictures_give_no_hands(hands: Hands, shape: tuple[int, int, int], tile: bool) -> None:
    found = hands([np.zeros(shape, dtype=np.uint8)], Options(tile=tile))[0]

    assert found.xy.shape == (0, 21, 2)


def drift(image: np.ndarray, frames: int) -> list[np.ndarray]:
    """A clip that the picture drifts through, 2 pixels a frame."""
    width = image.shape[1] - 2 * frames
    return [np.ascontiguousarray(image[:, 2 * t : 2 * t + width]) for t in range(frames)]


def test_a_video_asks_the_detector_five_times_less_and_sees_the_same(hands: Hands) -> None:
    clip = drift(read(ASSETS / "hand.jpg"), 12)
    RUNS.clear()
    still = hands(clip, Options())
    alone = Counter(RUNS)
    RUNS.clear()

    followed = hands(clip, Options(), hands.memory(), times=[t / 30 for t in range(12)])

    assert alone["palm-detector"] >= 5 * RUNS["palm-detector"]
    assert RUNS["hand-landmark-full"] <= alone["hand-landmark-full"]
    for one, other in zip(still, followed, strict=True):
        assert box_iou(one.boxes[:, :4], other.boxes[:, :4]).max() > 0.8


def test_a_hand_that_appears_is_found_within_half_a_second(hands: Hands) -> None:
    image = read(ASSETS / "hand.jpg")
    both = np.concatenate([image, image[:, ::-1]], axis=1)
    one = both.copy()
    one[:, image.shape[1] :] = 0
    memory = hands.memory()
    hands([one] * 3, Options(), memory, times=[0.0, 0.1, 0.2])

    found = hands([both] * 5, Options(), memory, times=[0.3, 0.4, 0.5, 0.6, 0.7])

    assert len(found[-1].xy) >= 2
    assert {0, 1} <= {int(c) for c in found[-1].boxes[:, 5]}


def test_a_lost_hand_is_forgotten(hands: Hands) -> None:
    image = read(ASSETS / "hand.jpg")
    memory = hands.memory()
    hands([image], Options(), memory, times=[0.0])
    assert len(memory.rois) == 1

    gone = hands([np.zeros_like(image)] * 2, Options(), memory, times=[0.1, 0.2])

    assert [len(found.xy) for found in gone] == [0, 0]
    assert len(memory.rois) == 0


def test_a_foreign_memory_is_refused(hands: Hands) -> None:
    with pytest.raises(TypeError, match="memory must come from this model's memory"):
        hands([np.zeros((4, 4, 3), np.uint8)], Options(), object(), times=[0.0])  # type: ignore[arg-type]


def test_times_must_match_the_frames(hands: Hands) -> None:
    with pytest.raises(ValueError, match="times must have 1 entries"):
        hands([np.zeros((4, 4, 3), np.uint8)], Options(), RoiMemory())
