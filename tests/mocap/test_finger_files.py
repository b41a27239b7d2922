"""Fingers that move go out: into files, to avatars, from the command line."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hand_points import bent, gripping, hands_of
from test_gltf import opened
from test_solving import HEIGHT, clip_of, movement
from test_vmc import bones

from poise.cli import main
from poise.cli._options import Engine
from poise.mocap import FINGER_BONES, LiveCapture, Motion, MotionCapture, hand_watch, osc, preview
from poise.mocap import quaternions as quat
from poise.mocap.files import write_motion
from poise.mocap.formats.bvh_reader import read_bvh
from poise.mocap.formats.vrma import vrma_bytes
from poise.mocap.live import run_live
from poise.mocap.vmc import VmcEncoder, unity_name


@pytest.fixture(scope="module")
def grip() -> Motion:
    truth = gripping(1.0)
    return MotionCapture(HEIGHT).solve(clip_of(truth), hands=hands_of(truth))


def test_a_bvh_file_bends_the_fingers(grip: Motion, tmp_path: Path) -> None:
    read = read_bvh(write_motion(grip, tmp_path / "grip.bvh"))

    turned = np.degrees(quat.angle(read.rotations()[:, read.names.index("RightHandMiddle2")]))
    assert np.ptp(turned) > 60
    assert np.ptp(np.degrees(quat.angle(read.rotations()[:, read.names.index("LeftHandMiddle2")]))) < 15


@pytest.mark.parametrize("ending", [".glb", ".vrma"])
def test_gltf_files_have_a_channel_for_every_finger_bone(grip: Motion, ending: str, tmp_path: Path) -> None:
    path = write_motion(grip, tmp_path / f"grip{ending}")

    document, arrays = opened(path.read_bytes())

    (animation,) = document["animations"]
    moved = {
        document["nodes"][c["target"]["node"]]["name"]: arrays[animation["samplers"][c["sampler"]]["output"]]
        for c in animation["channels"]
        if c["target"]["path"] == "rotation"
    }
    assert set(FINGER_BONES) <= set(moved)
    closing = moved["rightMiddleIntermediate"]
    assert np.degrees(2 * np.arccos(abs(float(closing[0] @ closing[-1])))) > 60


def test_a_vrm_animation_names_the_fingers(grip: Motion) -> None:
    document, _ = opened(vrma_bytes(grip))

    known = document["extensions"]["VRMC_vrm_animation"]["humanoid"]["humanBones"]
    assert set(FINGER_BONES) <= set(known)


def test_avatars_are_sent_finger_bones(grip: Motion) -> None:
    truth = gripping(1.0)
    capture = LiveCapture(HEIGHT)

    last = [capture.update(*pair)[0] for pair in zip(clip_of(truth).results(), hands_of(truth).results(), strict=True)]

    sent = [bones(VmcEncoder().frame(moment, 0.0)) for moment in (last[5], last[-1])]
    assert {unity_name(bone) for bone in FINGER_BONES} <= set(sent[1])
    bend = [abs(2 * np.degrees(np.arcsin(one["RightMiddleIntermediate"][5]))) for one in sent]
    assert bend[1] - bend[0] > 40


def test_a_live_session_sends_fingers() -> None:
    truth = gripping(0.5)
    hands = {result.frame: result for result in hands_of(truth).results()}

    class Capture(LiveCapture):
        def update(self, results: Any, given: Any = None) -> Any:
            return super().update(results, hands[results.frame])

    with socket.socket(type=socket.SOCK_DGRAM) as avatar:
        avatar.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        avatar.bind(("127.0.0.1", 0))
        avatar.settimeout(2)
        model: Any = SimpleNamespace(track=lambda frames, **_: (r for _, r in zip(frames, results, strict=False)))
        results = list(clip_of(truth).results())
        report = run_live(
            (result.orig_img for result in results),
            capture=Capture(HEIGHT),
            vmc=f"127.0.0.1:{avatar.getsockname()[1]}",
            model=model,
            realtime=False,
            tell=str,
        )
        names = {str(m.arguments[0]) for _ in range(4) for m in osc.decode(avatar.recv(65_535)) if len(m.arguments) > 7}

    assert report.moved == len(results)
    assert {"LeftThumbProximal", "RightLittleDistal"} <= names


def test_command_writes_fingers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = gripping(0.5)
    results = list(clip_of(truth).results())
    hands = {result.frame: result for result in hands_of(truth).results()}

    class Watch:
        def __init__(self, model: Any) -> None:
            assert model == "hands"

        def update(self, bodies: Any) -> Any:
            return hands[bodies.frame]

    def opened_model(self: Engine, model: str) -> Any:
        return "hands" if model == "hands" else SimpleNamespace(track=lambda *_, **__: iter(results))

    monkeypatch.setattr(Engine, "open", opened_model)
    monkeypatch.setattr(hand_watch, "HandWatch", Watch)
    out, page, drawn = tmp_path / "grip.bvh", tmp_path / "grip.html", []
    monkeypatch.setattr(preview, "write_preview", lambda *_, points, edges, **__: drawn.append((points.shape, edges)))

    assert main(["mocap", "grip.mp4", "--hands", "--out", str(out), "--preview", str(page), "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["trust"]["rightIndexDistal"] > 0.9
    assert "RightHandPinky3" in read_bvh(out).names
    assert drawn[0][0] == (15, 75, 2)


def test_hands_of_a_saved_clip_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = clip_of(movement(0.2)).save(tmp_path / "arms.npz")

    assert main(["mocap", str(saved), "--hands"]) == 2

    assert "arms.npz: a saved clip holds no hands; give --hands the video itself" in capsys.readouterr().err


def test_hands_are_kept_beside_a_clip(tmp_path: Path) -> None:
    truth = gripping(1.0)
    body, hands = clip_of(truth).save(tmp_path / "grip.npz"), hands_of(truth).save(tmp_path / "grip.hands.npz")

    again = MotionCapture(HEIGHT).solve(body, hands=type(hands_of(truth)).load(hands))

    assert bent(again, "right")[-1] - bent(again, "left")[-1] > 500
