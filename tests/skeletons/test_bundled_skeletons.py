"""Every bundled skeleton is sound, and agrees with what its data set publishes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poise import skeletons
from poise.skeletons import get, skeleton_of

SHARED = Path(os.environ.get("POISE_SHARED", Path(__file__).resolve().parents[3] / "shared"))

SIZES = {
    "ap10k17": 17,
    "coco-wholebody133": 133,
    "coco17": 17,
    "crowdpose14": 14,
    "dog24": 24,
    "halpe26": 26,
    "mpii16": 16,
    "tiger12": 12,
}
BUNDLED = skeletons.names()


def shared_json(name: str) -> Any:
    path = SHARED / "data" / name
    if not path.exists():
        pytest.skip(f"needs {path}; set POISE_SHARED")
    return json.loads(path.read_text())


@pytest.mark.parametrize(("name", "count"), SIZES.items())
def test_skeleton_has_the_number_of_points_in_its_name(name: str, count: int) -> None:
    assert len(skeletons.get(name)) == count


@pytest.mark.parametrize("name", BUNDLED)
def test_mirroring_twice_gives_the_order_back(name: str) -> None:
    flip = np.array(skeletons.get(name).flip_idx)

    assert flip[flip].tolist() == list(range(len(flip)))


@pytest.mark.parametrize("name", BUNDLED)
def test_mirror_map_agrees_with_the_names(name: str) -> None:
    assert skeletons.check_flip(skeletons.get(name)) == []


@pytest.mark.parametrize("name", BUNDLED)
def test_mirroring_exchanges_the_sides(name: str) -> None:
    skeleton = skeletons.get(name)

    assert (skeleton.sides[list(skeleton.flip_idx)] == -skeleton.sides).all()


@pytest.mark.parametrize("name", SIZES)
def test_mirroring_keeps_the_edges(name: str) -> None:
    skeleton = skeletons.get(name)
    flip = skeleton.flip_idx

    assert {frozenset((flip[a], flip[b])) for a, b in skeleton.edges} == {frozenset(e) for e in skeleton.edges}


@pytest.mark.parametrize("name", BUNDLED)
def test_edges_are_there_once_and_join_two_points(name: str) -> None:
    edges = [frozenset(edge) for edge in skeletons.get(name).edges]

    assert len(set(edges)) == len(edges)
    assert all(len(edge) == 2 for edge in edges)


@pytest.mark.parametrize("name", sorted(set(SIZES) - {"coco-wholebody133"}))
def test_left_and_right_have_the_same_sigma(name: str) -> None:
    skeleton = skeletons.get(name)

    np.testing.assert_array_equal(skeleton.sigmas[list(skeleton.flip_idx)], skeleton.sigmas)


def test_wholebody_keeps_the_measured_sigmas_that_differ_by_side() -> None:
    skeleton = skeletons.get("coco-wholebody133")
    body_and_hands = [*skeleton.subsets["body"], *skeleton.subsets["left_hand"], *skeleton.subsets["right_hand"]]
    mirrored = [skeleton.flip_idx[i] for i in body_and_hands]

    np.testing.assert_array_equal(skeleton.sigmas[mirrored], skeleton.sigmas[body_and_hands])
    assert skeleton.sigmas[skeleton.index("left_big_toe")] == 0.068  # published so, unlike right_big_toe
    assert skeleton.sigmas[skeleton.index("right_big_toe")] == 0.092


@pytest.mark.parametrize("name", SIZES)
def test_skeleton_states_its_sources(name: str) -> None:
    skeleton = skeletons.get(name)

    assert skeleton.source
    assert skeleton.sigmas_source


@pytest.mark.parametrize("name", SIZES)
def test_every_point_but_those_of_unjoined_parts_is_in_an_edge(name: str) -> None:
    skeleton = skeletons.get(name)
    joined = {i for edge in skeleton.edges for i in edge}

    assert joined == set(range(len(skeleton)))


def test_coco17_sigmas_are_pycocotools() -> None:
    params = pytest.importorskip("pycocotools.cocoeval", reason="the oracle is pycocotools").Params("keypoints")

    np.testing.assert_allclose(skeletons.get("coco17").sigmas, params.kpt_oks_sigmas)


def test_coco17_is_the_order_and_edges_of_the_annotations() -> None:
    category = shared_json("mmpose-samples/coco/test_coco.json")["categories"][0]
    skeleton = skeletons.get("coco17")

    assert list(skeleton.keypoints) == category["keypoints"]
    assert list(skeleton.edges) == [(a - 1, b - 1) for a, b in category["skeleton"]]


def test_ap10k17_is_the_order_and_edges_of_the_annotations() -> None:
    category = shared_json("animals/ap10k/test_ap10k.json")["categories"][0]
    skeleton = skeletons.get("ap10k17")

    assert list(skeleton.keypoints) == category["keypoints"]
    assert {frozenset(e) for e in skeleton.edges} == {frozenset((a - 1, b - 1)) for a, b in category["skeleton"]}


def test_crowdpose14_is_the_order_of_the_annotations() -> None:
    category = shared_json("mmpose-samples/crowdpose/test_crowdpose.json")["categories"][0]

    assert list(skeletons.get("crowdpose14").keypoints) == category["keypoints"]


def wholebody_points() -> list[np.ndarray]:
    """(133, 3) of each annotated person, in the order body, feet, face, left hand, right hand."""
    rows = shared_json("mmpose-samples/coco/test_coco_wholebody.json")["annotations"]
    parts = ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")
    return [np.concatenate([np.reshape(row[part], (-1, 3)) for part in parts]) for row in rows if not row["iscrowd"]]


def test_wholebody_hands_begin_at_the_wrists() -> None:
    skeleton = skeletons.get("coco-wholebody133")
    checked = 0
    for points in wholebody_points():
        for side in ("left", "right"):
            body, hand = points[skeleton.index(f"{side}_wrist")], points[skeleton.index(f"{side}_hand_wrist")]
            fingers = points[list(skeleton.subsets[f"{side}_hand"])]
            if body[2] > 0 and (fingers[:, 2] > 0).all():
                size = np.ptp(fingers[:, :2], axis=0).max()
                assert np.hypot(*(body - hand)[:2]) < size
                checked += 1
    assert checked


def test_wholebody_face_is_mirrored_to_the_face_on_the_other_side() -> None:
    """In a frontal face the midpoints of all mirror pairs lie near one line, the middle of the face."""
    skeleton = skeletons.get("coco-wholebody133")
    face = np.array(skeleton.subsets["face"])
    mirror = np.array(skeleton.flip_idx)[face]
    checked = 0
    for points in wholebody_points():
        if (points[face, 2] > 0).all():
            middle = (points[face, :2] + points[mirror, :2]) / 2
            width = np.ptp(points[face, 0])
            _, spread, _ = np.linalg.svd(middle - middle.mean(axis=0))
            assert spread[1] / np.sqrt(len(face)) < 0.15 * width
            checked += 1
    assert checked


def test_mpii_pelvis_and_thorax_are_annotated_in_the_middle() -> None:
    people = shared_json("mmpose-samples/mpii/test_mpii.json")
    skeleton = skeletons.get("mpii16")
    for person in people:
        joints = np.array(person["joints"], dtype=np.float32)
        for name, parts in skeleton.derived.items():
            middle = joints[[skeleton.index(part) for part in parts]].mean(axis=0)
            np.testing.assert_allclose(joints[skeleton.index(name)], middle, atol=0.51)


@pytest.mark.parametrize("pair", [(4, 7), (5, 6), (8, 10), (9, 11)])
def test_tiger12_pairs_its_legs(pair: tuple[int, int]) -> None:
    assert pair in skeletons.get("tiger12").pairs


def test_wholebody_subsets_cover_every_point_once() -> None:
    subsets = skeletons.get("coco-wholebody133").subsets
    parts = [i for part in ("body", "feet", "face", "left_hand", "right_hand") for i in subsets[part]]

    assert parts == list(range(133))


def test_limbs_have_the_side_of_their_points() -> None:
    skeleton = skeletons.get("coco17")
    by_name = {
        (skeleton.keypoints[a], skeleton.keypoints[b]): side
        for (a, b), side in zip(skeleton.edges, skeleton.edge_sides.tolist(), strict=True)
    }

    assert by_name["left_ankle", "left_knee"] == -1
    assert by_name["nose", "right_eye"] == 1
    assert by_name["left_hip", "right_hip"] == 0


def test_a_network_that_names_its_points_or_does_not_has_one_skeleton_however_it_is_opened() -> None:
    assert skeleton_of(17) is get("coco17")
    assert skeleton_of(12, [str(i) for i in range(12)], instance="Tiger") is get("tiger12")
    assert skeleton_of(17, get("ap10k17").keypoints, instance="bear") is get("ap10k17")
    bee = skeleton_of(3, ("head", "left_wing", "right_wing"), instance="bee")
    assert (bee.name, bee.flip_idx) == ("bee-3", (0, 2, 1))
    # A data set's own points, numbered by its description, are not COCO's person.
    own = skeleton_of(17, [f"point_{i}" for i in range(17)], instance="chair")
    assert (own.name, own.keypoints[3]) == ("chair-17", "point_3")
    with pytest.raises(ValueError, match="3 different names, got 2"):
        skeleton_of(3, ("a", "b"))
