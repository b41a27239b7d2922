"""Faces: regions, agreement with MediaPipe, the mirror map of the mesh, and following over a video."""

import json
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from poise import weights
from poise.estimators import Options
from poise.estimators.face import Face, rois_from_eyes
from poise.runtime import Session, open_session
from poise.skeletons import get

ASSETS = Path(__file__).resolve().parents[1] / "assets"
SHARED = Path(os.environ.get("POISE_SHARED", Path(__file__).resolve().parents[3] / "shared"))
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
def face() -> Face:
    opened: dict[str, Session] = {}

    def open_network(name: str) -> Session:
        return opened.setdefault(name, Counted(name))

    return Face(weights.model("face"), open_network, get("face468"))


def read(path: Path) -> np.ndarray:
    return np.ascontiguousarray(np.asarray(PIL.Image.open(path).convert("RGB"))[..., ::-1])


def find(name: str) -> Path:
    path = ASSETS.parent / name if name.startswith("assets/") else SHARED / name.removeprefix("shared/")
    if not path.is_file():
        pytest.skip(f"{path} is not there (the shared data are not part of the repository)")
    return path


def test_level_eyes_give_a_level_region() -> None:
    rois = rois_from_eyes(np.array([[10.0, 20, 30, 60]]), np.array([[12.0, 30]]), np.array([[28.0, 30]]))

    np.testing.assert_allclose(rois, [[20, 40, 60, 0]])


def test_a_head_on_its_side_gives_a_region_on_its_side() -> None:
    # The person's left eye below the right one: the top of the head points to the right.
    rois = rois_from_eyes(np.array([[0.0, 0, 10, 10]]), np.array([[5.0, 2]]), np.array([[5.0, 8]]))

    np.testing.assert_allclose(rois[:, 3], [90])


@pytest.mark.parametrize("name", [name for name, entry in PEER.items() if entry.get("faces")])
def test_faces_agree_with_mediapipe(face: Face, name: str) -> None:
    found = face([read(find(name))], Options())[0]

    for mesh in PEER[name]["faces"]:
        distance = np.linalg.norm(found.xy - np.array(mesh), axis=-1)
        assert np.median(distance, axis=1).min() < 0.5


def test_the_mirror_map_swaps_the_sides_of_a_real_face(face: Face) -> None:
    image = read(ASSETS / "astronaut.jpg")
    flip = np.array(get("face468").flip_idx)

    straight = face([image], Options())[0].xy[0]
    mirrored = face([np.ascontiguousarray(image[:, ::-1])], Options())[0].xy[0]

    back = np.array([image.shape[1], 0]) + mirrored[flip] * [-1, 1]
    distance = np.linalg.norm(back - straight, axis=-1)
    # Eyes are 40 pixels apart; a point in the wrong place would be off by more.
    assert np.median(distance) < 2
    assert distance.max() < 8


def test_the_mirror_map_keeps_edges_and_swaps_the_named_sides() -> None:
    skeleton = get("face468")
    flip = skeleton.flip_idx
    edges = {frozenset(edge) for edge in skeleton.edges}

    assert {frozenset((flip[a], flip[b])) for a, b in skeleton.edges} == edges
    for left, right in (("left_eye", "right_eye"), ("left_eyebrow", "right_eyebrow"), ("lips", "lips")):
        assert {flip[i] for i in skeleton.subsets[left]} == set(skeleton.subsets[right])


def test_left_is_the_persons_left(face: Face) -> None:
    skeleton = get("face468")

    xy = face([read(ASSETS / "astronaut.jpg")], Options())[0].xy[0]

    # The person faces the camera, so the left eye lies on the right of the picture.
    left, right = (xy[list(skeleton.subsets[name]), 0].mean() for name in ("left_eye", "right_eye"))
    assert left > right


def test_depth_is_not_given(face: Face) -> None:
    assert face([read(ASSETS / "astronaut.jpg")], Options())[0].xyz is None


def test_a_turned_picture_gives_the_turned_face(face: Face) -> None:
    image = read(ASSETS / "astronaut.jpg")
    straight = face([image], Options())[0].xy[0]

    turned = face([np.ascontiguousarray(np.rot90(image, axes=(1, 0)))], Options())[0].xy

    back = np.stack([turned[..., 1], image.shape[0] - turned[..., 0]], axis=-1)
    assert np.median(np.linalg.norm(back - straight, axis=-1), axis=1).min() < 4


def test_a_second_look_finds_a_small_face(face: Face) -> None:
    image = read(ASSETS / "astronaut.jpg")
    canvas = np.full((1500, 2000, 3), 128, dtype=np.uint8)
    canvas[900:1412, 1300:1812] = image
    expected = face([image], Options())[0].xy[0] + [1300, 900]

    found = face([canvas], Options())[0].xy

    assert np.median(np.linalg.norm(found - expected, axis=-1), axis=1).min() < 2


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 30000, 3), (30000, 1, 3)])
@pytest.mark.parametrize("tile", [False, True])
def test_odd_pictures_give_no_faces(face: Face, shape: tuple[int, int, int], tile: bool) -> None:
    assert face([np.zeros(shape, dtype=np.uint8)], Options(tile=tile))[0].xy.shape == (0, 468, 2)


@pytest.mark.parametrize("options", [Options(classes=(1,)), Options(max_det=0)])
def test_options_drop_the_face(face: Face, options: Options) -> None:
    assert len(face([read(ASSETS / "astronaut.jpg")], options)[0].xy) == 0


def test_a_video_asks_the_detector_five_times_less_and_sees_the_same(face: Face) -> None:
    image = read(ASSETS / "astronaut.jpg")
    clip = [np.ascontiguousarray(image[:, 2 * t : 2 * t + 460]) for t in range(12)]
    RUNS.clear()
    still = face(clip, Options())
    alone = Counter(RUNS)
    RUNS.clear()

    followed = face(clip, Options(), face.memory(), times=[t / 30 for t in range(12)])

    assert alone["face-detector-short"] >= 5 * RUNS["face-detector-short"]
    assert RUNS["face-mesh"] <= alone["face-mesh"]
    for one, other in zip(still, followed, strict=True):
        assert np.median(np.linalg.norm(one.xy[0] - other.xy[0], axis=-1)) < 2
