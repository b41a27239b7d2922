"""The VMC protocol: what a marionette reads, in which order, on which axes."""

from __future__ import annotations

import socket
import time

import numpy as np
import pytest
from live_moments import moment, waving

from poise.mocap import BONES, Rig, forward, osc
from poise.mocap.motion import MotionFrame
from poise.mocap.receivers import Receivers, Target
from poise.mocap.vmc import VmcEncoder, unity_name

# Unity's HumanBodyBones, of which an avatar's bones are named; those of the face are left out.
_LIMBS = ["Shoulder", "UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot", "Toes"]
_FINGERS = [
    f + p for f in ("Thumb", "Index", "Middle", "Ring", "Little") for p in ("Proximal", "Intermediate", "Distal")
]
UNITY = {"Hips", "Spine", "Chest", "UpperChest", "Neck", "Head"}
UNITY |= {side + bone for side in ("Left", "Right") for bone in (*_LIMBS, *_FINGERS)}

RAISED = {"leftUpperArm": ((0.0, 0.0, 1.0), 60.0)}


def bones(parts: list[bytes]) -> dict[str, np.ndarray]:
    """Return the seven numbers of each bone of a frame."""
    messages = [one for part in parts for one in osc.decode(part) if one.address == "/VMC/Ext/Bone/Pos"]
    return {str(one.arguments[0]): np.array(one.arguments[1:], float) for one in messages}


def turn(q: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Turn a vector as Unity does: the product of quaternions is the same for both hands."""
    u, w = q[:3], q[3]
    return np.asarray(v + 2 * np.cross(u, np.cross(u, v) + w * v))


def unity_places(parts: list[bytes], rig: Rig) -> dict[str, np.ndarray]:
    """Return where the bones of an avatar are whose bones are nested as in Unity, from what it received."""
    found = bones(parts)
    places: dict[str, np.ndarray] = {}
    turns: dict[str, np.ndarray] = {}
    for at, bone in enumerate(rig.bones):
        name, above = unity_name(bone), int(rig.parents[at])
        place, rotation = found[name][:3], found[name][3:]
        if above < 0:
            places[name], turns[name] = place, rotation
            continue
        parent = unity_name(rig.bones[above])
        places[name] = places[parent] + turn(turns[parent], place)
        a, b = turns[parent], rotation
        turns[name] = np.append(a[3] * b[:3] + b[3] * a[:3] + np.cross(a[:3], b[:3]), a[3] * b[3] - a[:3] @ b[:3])
    return places


def test_every_bone_is_called_as_unity_calls_it() -> None:
    names = [unity_name(bone) for bone in BONES]

    assert set(names) <= UNITY
    assert len(set(names)) == len(BONES)
    assert [unity_name(f"leftThumb{part}") for part in ("Metacarpal", "Proximal", "Distal")] == [
        "LeftThumbProximal",
        "LeftThumbIntermediate",
        "LeftThumbDistal",
    ]


def test_left_arm_that_is_lifted_is_the_avatars_left_and_above_its_shoulder() -> None:
    frame = moment(turned=RAISED)

    places = unity_places(VmcEncoder().frame(frame, 0.0), frame.rig)

    # An avatar in Unity looks along +z, so its left is at -x.
    assert places["LeftHand"][0] < places["LeftUpperArm"][0] < 0
    assert places["LeftHand"][1] > places["LeftUpperArm"][1] + 0.4
    assert places["RightHand"][0] > 0
    assert places["RightHand"][1] == pytest.approx(places["RightUpperArm"][1], abs=1e-6)
    assert places["LeftToes"][2] > places["LeftFoot"][2]


def test_avatar_stands_as_the_mirror_image_of_the_person_in_right_handed_axes() -> None:
    turned = {
        "hips": ((0.0, 1.0, 0.0), 35.0),
        "chest": ((1.0, 0.0, 0.0), 20.0),
        "leftUpperArm": ((0.0, 0.6, 0.8), 50.0),
        "rightLowerLeg": ((1.0, 0.0, 0.0), 70.0),
        "head": ((0.0, 0.6, 0.8), -25.0),
    }
    frame = moment(turned=turned, root=(0.4, 0.8, -3.0))
    there = forward(frame.rig, frame.rotations, frame.root)[0]

    places = unity_places(VmcEncoder(centred=False).frame(frame, 0.0), frame.rig)

    for at, bone in enumerate(frame.rig.bones):
        # 32 bits of metres: a tenth of a micrometre.
        np.testing.assert_allclose(places[unity_name(bone)], there[at] * (-1, 1, 1), atol=1e-6)


def test_frame_ends_with_the_state_and_the_time() -> None:
    parts = VmcEncoder().frame(moment(), 12.5)
    messages = [one for part in parts for one in osc.decode(part)]

    assert messages[0] == ("/VMC/Ext/Root/Pos", ("root", 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0))
    assert messages[1].arguments[0] == "Hips"
    assert messages[-2:] == [("/VMC/Ext/OK", (1, 3, 0, 1)), ("/VMC/Ext/T", (12.5,))]
    assert len(messages) == 21 + 3


@pytest.mark.parametrize(("fingers", "datagrams"), [(False, 2), (True, 4)])
def test_no_datagram_is_cut_in_pieces_on_its_way(fingers: bool, datagrams: int) -> None:
    parts = VmcEncoder().frame(moment(fingers=fingers), 0.0)

    assert len(parts) == datagrams
    assert max(map(len, parts)) <= 1452


def test_way_begins_at_the_origin_and_again_after_recentre() -> None:
    encoder = VmcEncoder()

    def hips(z: float) -> list[float]:
        return [round(x, 5) for x in bones(encoder.frame(moment(root=(0.5, 0.9, z)), 0.0))["Hips"][:3].tolist()]

    assert hips(-4.0) == [0.0, 0.9, 0.0]
    assert hips(-3.5) == [0.0, 0.9, 0.5]
    encoder.recentre()
    assert hips(-3.5) == [0.0, 0.9, 0.0]


def test_avatar_of_another_size_keeps_its_bones_and_takes_steps_as_long_as_its_legs() -> None:
    small = Rig.of_height(0.85)
    encoder = VmcEncoder(small)
    encoder.frame(moment(root=(0.0, 0.9, 0.0)), 0.0)

    found = bones(encoder.frame(moment(root=(0.0, 0.9, 1.0)), 0.1))

    np.testing.assert_allclose(found["Hips"][:3], [0, 0.45, 0.5], atol=1e-6)
    np.testing.assert_allclose(
        found["LeftLowerArm"][:3], small.offsets[small.row("leftLowerArm")] * (-1, 1, 1), atol=1e-6
    )


def test_nobody_in_sight_is_told_and_moves_nothing() -> None:
    messages = [one for part in VmcEncoder().idle(3.0) for one in osc.decode(part)]

    assert messages == [("/VMC/Ext/OK", (1, 3, 0, 0)), ("/VMC/Ext/T", (3.0,))]


def test_moment_that_is_not_finite_moves_nothing() -> None:
    frame = moment()
    frame.rotations[3, 0] = np.nan

    assert VmcEncoder().frame(frame, 3.0) == VmcEncoder().idle(3.0)


def test_python_osc_reads_a_frame_of_a_person_with_fingers() -> None:
    others = pytest.importorskip("pythonosc.osc_packet")
    frame = moment(turned=RAISED, fingers=True)

    read = [one.message for part in VmcEncoder().frame(frame, 1.5) for one in others.OscPacket(part).messages]

    assert [one.address for one in read[-2:]] == ["/VMC/Ext/OK", "/VMC/Ext/T"]
    moved = {one.params[0]: one.params[1:] for one in read if one.address == "/VMC/Ext/Bone/Pos"}
    assert list(moved) == [unity_name(bone) for bone in frame.rig.bones]
    assert moved["LeftUpperArm"][3:] == pytest.approx((0, 0, -np.sin(np.pi / 6), np.cos(np.pi / 6)), abs=1e-7)


def test_vmcp_receives_every_frame_in_order_with_its_bones_and_axes() -> None:
    # Installed by hand where this is to be checked: its licence keeps it out of what this project asks for.
    others, facades, events = (pytest.importorskip(f"vmcp.{part}") for part in ("osc", "facades", "events"))
    backend = pytest.importorskip("vmcp.osc.backend.osc4py3").as_eventloop
    got: list[object] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    system = others.OSC(backend)
    moments: list[MotionFrame] = [waving(at / 30) for at in range(45)]
    encoder = VmcEncoder()

    with system.open(), Receivers([Target("127.0.0.1", port)], pytest.fail) as receivers:
        channel = system.create_receiver("127.0.0.1", port, "marionette").open()
        for kind in (events.RootTransformEvent, events.BoneTransformEvent, events.StateEvent, events.RelativeTimeEvent):
            facades.on_receive(channel, kind, got.append)
        for one in moments:
            receivers.send(encoder.frame(one, one.time))
            before, patience = len(got), time.monotonic() + 10
            while len(got) < before + 24 and time.monotonic() < patience:
                system.run()

    assert len(got) == 45 * 24
    for at, one in enumerate(moments):
        root, *moved, state, ticked = got[24 * at : 24 * at + 24]
        assert ticked.delta == pytest.approx(one.time, abs=1e-6)
        assert (state.model_state.name, state.tracking_state.name) == ("LOADED", "OK")
        assert root.joint == "root"
        assert [bone.joint.value for bone in moved] == [unity_name(bone) for bone in one.rig.bones]
        hips, arm = moved[0], moved[one.rig.row("leftUpperArm")]
        assert (hips.position.x, hips.position.z) == (0.0, pytest.approx(0.3 * one.time, abs=1e-6))
        # About Unity's z axis a left arm is lifted by negative angles.
        angle = np.degrees(2 * np.arctan2(arm.rotation.z, arm.rotation.w))
        assert angle == pytest.approx(-(60 + 30 * np.sin(2 * np.pi * one.time)), abs=1e-4)
