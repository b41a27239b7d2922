"""Every engine runs the bundled networks and gives the same numbers."""

from __future__ import annotations

import functools
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from poise import Pose, weights
from poise.errors import ModelError
from poise.runtime import devices, fastest, open_session, usable_cores

needs_openvino = pytest.mark.skipif(find_spec("openvino") is None, reason="needs openvino (extra 'openvino')")


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(0).random((1, 128, 128, 3), dtype=np.float32) * 2 - 1


def test_onnxruntime_names_its_tensors_and_keeps_the_metadata() -> None:
    session = open_session(weights.load("face-detector-short"), threads=1)

    assert [t.name for t in session.inputs] == ["image"]
    assert session.inputs[0].shape == (1, 128, 128, 3)
    assert session.inputs[0].dtype == np.float32
    assert {t.name for t in session.outputs} == {"boxes", "logits"}
    assert session.metadata["licence"].startswith("Apache-2.0")


@needs_openvino
def test_openvino_agrees_with_onnxruntime(noise: np.ndarray) -> None:
    data = weights.load("face-detector-short")
    first, second = (open_session(data, runtime=name, threads=1) for name in ("onnxruntime", "openvino"))

    a, b = first.run({"image": noise}), second.run({"image": noise})

    assert a.keys() == b.keys()
    assert second.metadata["licence"] == first.metadata["licence"]
    for name in a:
        # Two orders of float32 summation.
        np.testing.assert_allclose(a[name], b[name], rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("engine", ["onnxruntime", pytest.param("openvino", marks=needs_openvino)])
def test_one_session_serves_many_threads(engine: str, noise: np.ndarray) -> None:
    session = open_session(weights.load("face-detector-short"), runtime=engine, threads=1)
    pictures = [np.roll(noise, i, axis=1) for i in range(4)]
    expected = [session.run({"image": p})["boxes"] for p in pictures]
    found: dict[tuple[int, int], np.ndarray] = {}

    def work(i: int) -> None:
        for turn in range(5):
            found[i, turn] = session.run({"image": pictures[i]})["boxes"]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 20
    for (i, _), boxes in found.items():
        np.testing.assert_allclose(boxes, expected[i], atol=1e-3)


@pytest.mark.parametrize("engine", ["onnxruntime", pytest.param("openvino", marks=needs_openvino)])
@pytest.mark.parametrize("content", [b"", b"this is not a network", b"\x08\x08" * 100])
def test_what_is_not_a_network_is_refused(engine: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(content)

    with pytest.raises(ModelError, match=r"x\.onnx: not a network"):
        open_session(tmp_path / "x.onnx", runtime=engine)


def test_a_truncated_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(weights.load("face-mesh")[:100_000])

    with pytest.raises(ModelError, match=r"x\.onnx: not a network"):
        open_session(tmp_path / "x.onnx")


@pytest.mark.parametrize("engine", ["onnxruntime", pytest.param("openvino", marks=needs_openvino)])
def test_a_device_that_is_not_there_is_an_error_and_not_a_silent_cpu_run(engine: str) -> None:
    with pytest.raises(ModelError, match=r"device 'cuda:3' is not available.*cpu"):
        open_session(weights.load("face-mesh"), runtime=engine, device="cuda:3")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"runtime": "openvin"}, "did you mean 'openvino'"),
        ({"precision": "f23"}, "precision"),
        ({"threads": 0}, "threads must be 1 or more"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_session(b"", **arguments)


def test_the_cpu_is_always_a_device_and_has_a_core() -> None:
    assert devices()[0] == "cpu"
    assert usable_cores() >= 1


@needs_openvino
@pytest.mark.parametrize("card", weights.models(), ids=lambda card: card.name)
def test_every_bundled_model_finds_the_same_in_openvino(card: weights.Card, photo: Path) -> None:
    picture = Path(__file__).parents[1] / "assets/hand.jpg" if card.name == "hands" else photo
    if card.name == "face":
        picture = Path(__file__).parents[1] / "assets/astronaut.jpg"

    first, second = (Pose(card.name, runtime=name)(picture)[0] for name in ("onnxruntime", "openvino"))

    assert len(first) == len(second) > 0
    np.testing.assert_allclose(first.keypoints.xy, second.keypoints.xy, atol=0.5)
    np.testing.assert_allclose(first.boxes.conf, second.boxes.conf, atol=0.01)


# What OpenVINO puts in a thread's place for signals must not outlive its networks; see poise.runtime.openvino.
INTERRUPTED = """
import os, signal, sys, threading, time
from poise import weights
from poise.runtime import open_session

def networks(count):
    return [open_session(weights.load("face-detector-short"), runtime="openvino", threads=1) for _ in range(count)]

def free(sessions):
    while sessions:
        sessions.pop(0).close()

{work}
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(10)
except KeyboardInterrupt:
    print("interrupted")
"""


@needs_openvino
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has stacks for signals in OpenVINO")
@pytest.mark.parametrize(
    "work",
    [
        pytest.param("free(networks(2))", id="freed in the order in which they were opened"),
        pytest.param(
            "t = threading.Thread(target=free, args=(networks(1),)); t.start(); t.join()", id="freed by another thread"
        ),
    ],
)
def test_ctrl_c_arrives_after_openvino_networks_were_freed(work: str) -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED.format(work=work)], capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr


@needs_openvino
def test_openvino_sessions_of_many_threads_share_one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    import openvino

    from poise.runtime import openvino as engine

    made: list[object] = []

    class Core:
        def __init__(self) -> None:
            time.sleep(0.05)
            made.append(self)

    monkeypatch.setattr(engine, "_core", functools.cache(engine._core.__wrapped__))
    monkeypatch.setattr(openvino, "Core", Core)

    threads = [threading.Thread(target=engine.shared_core) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == 1


def test_the_fastest_engine_is_the_rule_s() -> None:
    openvino = find_spec("openvino") is not None

    assert fastest() == "onnxruntime"
    assert fastest(precision="auto") == ("openvino" if openvino else "onnxruntime")
    assert fastest("mps") is None
    assert fastest("nonsense:3") is None
