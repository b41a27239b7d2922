"""Bodies in 3D: regions, refinement, agreement with MediaPipe, metres, and following over a video."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from poise import weights
from poise.estimators import Options
from poise.estimators.blazepose import COCO17, BlazePose, refine, rois_from_body, rois_from_circle
from poise.runtime import Session, open_session
from poise.skeletons import get

ASSETS = Path(__file__).resolve().parents[1] / "assets"
PEER = json.loads((ASSETS / "mediapipe.json").read_text(encoding="utf-8"))["pictures"]
RUNS: Counter[str] = Counter()


class Counted:
    """A session that counts its runs."""

    def __init__(self, name: str) -> None:
        self._session, self._name = open_session(weights.load(name), threads=2, name=name), name
        self.inputs, self.outputs = self._session.inputs, self._session.outputs
        self.engine, self.device, self.metadata = "onnxruntime", "cpu", self._session.metadata

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        RUNS[self._name] += 1
        return self._session.run(feeds)

    def close(self) -> None:
        self._session.close()


@pytest.fixture(scope="module")
def body() -> BlazePose:
    opened: dict[str, Session] = {}

    def open_network(name: str) -> Session:
        return opened.setdefault(name, Counted(name))

    return BlazePose(weights.model("body-3d"), open_network, get("blazepose33"))


def read(path: Path) -> np.ndarray:
    return np.ascontiguousarray(np.asarray(PIL.Image.open(path).convert("RGB"))[..., ::-1])


def test_the_region_reaches_the_farthest_sure_keypoint() -> None:
    xy = np.zeros((1, 17, 2))
    xy[0, 5:7], xy[0, 15], xy[0, 16] = (0, -50), (0, 80), (0, 500)
    conf = np.ones((1, 17))
    conf[0, 16] = 0.1

    roi = rois_from_body(xy, conf, xy, scale=1.25, min_conf=0.15)

    np.testing.assert_allclose(roi, [[0, 0, 2 * 1.25 * 80, 0]])


def test_hips_that_are_not_seen_are_taken_from_the_guess() -> None:
    xy = np.zeros((1, 17, 2))
    guess = np.zeros((1, 17, 2))
    guess[0, 11:13] = (3, 90)
    conf = np.ones((1, 17))
    conf[0, 11:13] = 0.0

    assert rois_from_body(xy, conf, guess, scale=1.0, min_conf=0.15)[0, :2].tolist() == [3, 90]


def test_the_circle_points_give_the_next_region() -> None:
    roi = rois_from_circle(np.array([[10.0, 10]]), np.array([[30.0, 10]]))

    np.testing.assert_allclose(roi, [[10, 10, 50, 90]])


def test_refinement_moves_to_the_middle_of_a_sure_heatmap_only() -> None:
    heat = np.full((1, 64, 64, 2), -20.0, dtype=np.float32)
    heat[0, 20, [30, 31], 0] = 5.0
    heat[0, 20, 30, 1] = -1.0
    points = np.array([[[120.0, 82.0], [120.0, 82.0]]])

    refined = refine(points, heat, 256)

    np.testing.assert_allclose(refined, [[[122, 80], [120, 82]]], atol=1e-3)


def test_refinement_leaves_points_outside_the_crop() -> None:
    points = np.array([[[-500.0, 900.0]]])

    assert refine(points, np.full((1, 64, 64, 1), 9.0, dtype=np.float32), 256).tolist() == points.tolist()


def test_a_body_agrees_with_mediapipe(body: BlazePose, photo: Path) -> None:
    found = body([read(photo)], Options())[0]
    pose = PEER["src/poise/cli/demo.jpg"]["pose"]
    xy = np.array(pose["xy"])

    # MediaPipe proposes the region with another network, so the crops differ: 2 % of the body's 281 pixels.
    assert np.median(np.linalg.norm(found.xy[0] - xy, axis=-1)) < 0.02 * np.ptp(xy, axis=0).max()
    assert np.median(np.linalg.norm(found.xyz[0] - pose["world"], axis=-1)) < 0.06


def test_metres_follow_the_picture_when_it_is_turned(body: BlazePose, photo: Path) -> None:
    image = read(photo)
    straight = body([image], Options())[0].xyz[0]

    turned = body([np.ascontiguousarray(image[::-1, ::-1])], Options())[0].xyz[0]

    # Upside down: x and y change sign, depth stays. Within 5 cm, as the two crops are sampled differently.
    assert np.median(np.abs(turned * [-1, -1, 1] - straight)) < 0.05
    assert np.median(np.abs(turned - straight)[:, 1]) > 0.2


def test_the_origin_lies_between_the_hips(body: BlazePose, photo: Path) -> None:
    skeleton = get("blazepose33")

    xyz = body([read(photo)], Options())[0].xyz[0]

    hips = xyz[[skeleton.index("left_hip"), skeleton.index("right_hip")]].mean(axis=0)
    assert np.linalg.norm(hips) < 0.03
    # y points down: the nose lies above the hips.
    assert xyz[skeleton.index("nose"), 1] < -0.3


def test_coco_points_keep_their_names() -> None:
    names = get("blazepose33").keypoints

    assert tuple(names[i] for i in COCO17) == get("coco17").keypoints


def test_hidden_points_are_less_sure_than_seen_ones(body: BlazePose) -> None:
    skeleton = get("blazepose33")

    conf = body([read(ASSETS / "astronaut.jpg")], Options())[0].conf[0]

    assert conf[skeleton.index("nose")] > 0.8
    assert conf[[skeleton.index("left_ankle"), skeleton.index("right_ankle")]].max() < 0.3


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 30000, 3), (30000, 1, 3)])
def test_odd_pictures_give_no_bodies(body: BlazePose, shape: tuple[int, int, int]) -> None:
    found = body([np.zeros(shape, dtype=np.uint8)], Options())[0]

    assert (found.xy.shape, found.xyz.shape) == ((0, 33, 2), (0, 33, 3))


@pytest.mark.parametrize("options", [Options(classes=(1,)), Options(max_det=0), Options(conf=1.0)])
def test_options_drop_the_body(body: BlazePose, photo: Path, options: Options) -> None:
    assert len(body([read(photo)], options)[0].xy) == 0


def test_a_video_asks_the_proposer_five_times_less_and_sees_the_same(body: BlazePose, photo: Path) -> None:
    image = read(photo)
    clip = [np.ascontiguousarray(image[:, 2 * t : 2 * t + 600]) for t in range(12)]
    RUNS.clear()
    still = body(clip, Options())
    alone = Counter(RUNS)
    RUNS.clear()

    followed = body(clip, Options(), body.memory(), times=[t / 30 for t in range(12)])

    assert alone["movenet-multipose"] >= 5 * RUNS["movenet-multipose"]
    assert RUNS["blazepose-full"] <= alone["blazepose-full"]
    size = np.ptp(still[0].xy[0], axis=0).max()
    for one, other in zip(still, followed, strict=True):
        assert np.median(np.linalg.norm(one.xy[0] - other.xy[0], axis=-1)) < 0.03 * size
