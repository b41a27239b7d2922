"""glTF and VRM animations: what is in the file, seen by another reader and by the specification."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motions import about, motions, still, walk

from poise.mocap import BONES, Motion, Rig
from poise.mocap import quaternions as quat
from poise.mocap.character import MATERIALS, build_character
from poise.mocap.files import write_motion
from poise.mocap.formats.gltf import glb_bytes
from poise.mocap.formats.vrma import vrma_bytes
from poise.mocap.rig_table import rig_names, rig_table

_TYPES = {5121: np.uint8, 5123: np.uint16, 5126: np.float32}
_WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}


def opened(data: bytes) -> tuple[dict, list[np.ndarray]]:
    """Return a file's JSON and its accessors."""
    magic, version, size = struct.unpack_from("<4sII", data)
    assert (magic, version, size) == (b"glTF", 2, len(data))
    length = struct.unpack_from("<I", data, 12)[0]
    document, body = json.loads(data[20 : 20 + length]), data[28 + length :]
    arrays = []
    for a in document["accessors"]:
        view, width = document["bufferViews"][a["bufferView"]], _WIDTHS[a["type"]]
        values = np.frombuffer(body, _TYPES[a["componentType"]], a["count"] * width, view["byteOffset"])
        arrays.append(values.reshape(-1, width) if width > 1 else values)
    return document, arrays


def played(document: dict, arrays: list[np.ndarray]) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Return where each node is in each frame by its name, and all places and rotations ``(T, nodes, …)``."""
    nodes, (animation,) = document["nodes"], document["animations"]
    frames = len(arrays[animation["samplers"][0]["input"]])
    t = np.tile([n.get("translation", [0.0, 0, 0]) for n in nodes], (frames, 1, 1))
    q = np.tile([n.get("rotation", [0.0, 0, 0, 1]) for n in nodes], (frames, 1, 1))
    for channel in animation["channels"]:
        values = arrays[animation["samplers"][channel["sampler"]]["output"]]
        (q if channel["target"]["path"] == "rotation" else t)[:, channel["target"]["node"]] = values
    above = {child: at for at, n in enumerate(nodes) for child in n.get("children", [])}
    for at in range(len(nodes)):
        if at in above:
            up = above[at]
            t[:, at] = t[:, up] + quat.rotate(q[:, up], t[:, at])
            q[:, at] = quat.multiply(q[:, up], q[:, at])
    return {n["name"]: t[:, at] for at, n in enumerate(nodes)}, t, q


@settings(max_examples=30)
@given(motion=motions(3), rig=st.sampled_from(rig_names()))
def test_nodes_are_where_the_joints_are(motion: Motion, rig: str) -> None:
    """On any rig, in metres, whatever its axes and its rest pose."""
    places, _, _ = played(*opened(glb_bytes(motion, rig=rig, character=False)))

    for at, bone in enumerate(motion.rig.bones):
        found = places[rig_table(rig).bones[bone][0]]
        assert np.abs(found - motion.joints()[:, at]).max() < 5e-5, bone


@pytest.mark.parametrize("rig", [None, "mixamo", "unreal"])
def test_the_skin_is_at_rest_in_the_t_pose_and_moves_with_the_bones(rig: str | None) -> None:
    """With each bone turned as at first, every corner of the skin is where the mesh has it, on any rig."""
    motion = walk(0.1, fingers=True)
    t_pose = still(fingers=True)

    for m, expect_rest in ((t_pose, True), (motion, False)):
        document, arrays = opened(glb_bytes(m, rig=rig))
        _, places, turns = played(document, arrays)
        (skin,), primitive = document["skins"], document["meshes"][0]["primitives"][0]["attributes"]
        bind = np.swapaxes(arrays[skin["inverseBindMatrices"]].reshape(-1, 4, 4), 1, 2)
        position = arrays[primitive["POSITION"]].astype(float)
        rows, shares = arrays[primitive["JOINTS_0"]], arrays[primitive["WEIGHTS_0"]] / 255
        moved = np.zeros_like(position)
        for k in range(4):
            node = np.array(skin["joints"])[rows[:, k]]
            local = np.einsum("vij,vj->vi", bind[rows[:, k], :3, :3], position) + bind[rows[:, k], :3, 3]
            moved += shares[:, k, None] * (places[-1, node] + quat.rotate(turns[-1, node], local))
        if expect_rest:
            assert np.abs(moved - position).max() < 1e-5
        else:
            # The right hand waves above the head, the left one hangs.
            assert moved[position[:, 0] < -0.75, 1].mean() > 1.5
            assert moved[position[:, 0] > 0.75, 1].mean() < 1.0


def test_another_reader_opens_it(tmp_path: Path) -> None:
    pygltflib = pytest.importorskip("pygltflib")
    path = write_motion(walk(0.2), tmp_path / "walk.glb")

    gltf = pygltflib.GLTF2().load(str(path))

    assert len(gltf.skins[0].joints) == 21
    assert [m.name for m in gltf.materials] == [m.name for m in gltf.materials if m.name in MATERIALS]
    assert gltf.accessors[gltf.animations[0].samplers[0].input].max == [pytest.approx(5 / 30)]
    assert gltf.scenes[0].nodes == [0, 21]


def test_times_are_those_of_the_frames() -> None:
    """From 0, uneven as they are; asked for a rate, even."""
    motion = walk(0.2)
    times = np.array([5.0, 5.1, 5.11, 5.3, 5.4, 5.9])

    document, arrays = opened(glb_bytes(motion.replace(times=times), character=False))
    even, even_arrays = opened(glb_bytes(motion.replace(times=times), fps=10, character=False))

    assert arrays[document["animations"][0]["samplers"][0]["input"]] == pytest.approx(times - 5)
    assert even_arrays[even["animations"][0]["samplers"][0]["input"]] == pytest.approx(np.arange(10) / 10)


def test_without_the_character_there_is_no_mesh() -> None:
    document, _ = opened(glb_bytes(walk(0.2), character=False))

    assert {"meshes", "skins", "materials"}.isdisjoint(document)
    assert len(document["nodes"]) == 21


def test_the_same_movement_is_the_same_file() -> None:
    assert glb_bytes(walk(0.2)) == glb_bytes(walk(0.2))


def test_a_vrm_animation_names_its_bones_and_moves_only_the_hips() -> None:
    motion = walk(0.2, fingers=True)

    document, arrays = opened(vrma_bytes(motion))

    said = document["extensions"]["VRMC_vrm_animation"]
    assert document["extensionsUsed"] == ["VRMC_vrm_animation"]
    assert said["specVersion"] == "1.0"
    assert tuple(said["humanoid"]["humanBones"]) == BONES
    assert [
        c["target"]["node"] for c in document["animations"][0]["channels"] if c["target"]["path"] != "rotation"
    ] == [0]
    places, _, _ = played(document, arrays)
    assert np.abs(places["leftIndexDistal"] - motion.joints()[:, motion.rig.row("leftIndexDistal")]).max() < 1e-5


@pytest.mark.parametrize("fingers", [False, True])
@pytest.mark.parametrize("height", [0.9, 1.75, 2.1])
def test_the_character_is_light_closed_and_as_tall_as_the_rig(fingers: bool, height: float) -> None:
    rig = Rig.of_height(height, fingers=fingers)

    mesh = build_character(rig)

    assert mesh.triangles < 4000
    assert (mesh.weights.astype(int).sum(1) == 255).all()
    assert mesh.joints.max() < len(rig.bones)
    assert np.linalg.norm(mesh.normals, axis=1) == pytest.approx(1, abs=1e-5)
    low, high = mesh.positions[:, 1].min(), mesh.positions[:, 1].max()
    assert low == pytest.approx(0, abs=0.002 * height)
    assert high == pytest.approx(height, abs=0.02 * height)
    assert len(glb_bytes(still(height=height, fingers=fingers))) < 200_000


def test_the_face_is_in_front_and_the_left_hand_to_the_left() -> None:
    rig = Rig.of_height(1.75)
    mesh = build_character(rig)

    eyes = mesh.positions[np.unique(mesh.parts["eyes"])]

    assert eyes[:, 2].min() > mesh.positions[:, 2][mesh.positions[:, 1] > 1.6].mean()
    assert set(mesh.joints[mesh.positions[:, 0] > 0.82, 0]) == {rig.row("leftHand")}


def test_every_triangle_looks_outward() -> None:
    """Of closed parts: the volume inside is positive, and most normals point away from the nearest limb."""
    mesh = build_character(Rig.of_height(1.75))
    for part in ("shoes", "soles", "eyes", "shirt"):
        a, b, c = (mesh.positions[mesh.parts[part][:, k]].astype(float) for k in range(3))
        assert (np.cross(b - a, c - a) * mesh.normals[mesh.parts[part][:, 0]]).sum() > 0, part
        middle = mesh.positions[np.unique(mesh.parts[part])].mean(0)
        assert ((a - middle) * np.cross(b - a, c - a)).sum() > 0, part


def test_a_person_without_toes_and_neck_has_a_character_too() -> None:
    bones = ("hips", "spine", "chest", "leftShoulder", "leftUpperArm", "leftUpperLeg", "leftLowerLeg")
    motion = still(bones=bones)

    document, arrays = opened(glb_bytes(motion))

    assert len(document["skins"][0]["joints"]) == len(bones)
    assert np.isfinite(arrays[document["meshes"][0]["primitives"][0]["attributes"]["POSITION"]]).all()


def test_rotations_take_the_shortest_way_from_frame_to_frame() -> None:
    motion = walk(0.2)
    q = np.array(motion.rotations)
    q[1::2] *= -1  # the same rotations

    document, arrays = opened(glb_bytes(motion.replace(rotations=q), character=False))

    for sampler in document["animations"][0]["samplers"][1:]:
        values = arrays[sampler["output"]]
        assert (values[1:] * values[:-1]).sum(1).min() > 0


def test_a_spin_keeps_its_sense() -> None:
    motion = walk(1.0)
    q = np.array(motion.rotations)
    q[:, 0] = about("y", np.linspace(0, 700, len(motion)))

    places, _, _ = played(*opened(glb_bytes(motion.replace(rotations=q), character=False)))

    assert np.abs(places["head"] - motion.replace(rotations=q).joints()[:, motion.rig.row("head")]).max() < 1e-5
