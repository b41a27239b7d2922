"""A checkpoint as a session of torch."""

import ast
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need torch")

from network_files import random_network, save_published  # noqa: E402

from poise.errors import ModelError  # noqa: E402
from poise.networks import deploy, load, open_session, read_checkpoint, save  # noqa: E402
from poise.runtime.torch import TorchSession, devices  # noqa: E402


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    network = random_network("yolo26", nc=2, kpt_shape=(5, 3))
    return save_published(tmp_path_factory.mktemp("files") / "best.pt", network)


@pytest.fixture(scope="module")
def session(file: Path) -> TorchSession:
    return open_session(file)


def pictures(*shape: int) -> dict[str, Any]:
    return {"images": np.random.default_rng(0).random(shape, dtype=np.float32)}


@pytest.mark.parametrize(
    ("end2end", "sigma", "expected"),
    [
        (None, True, {"output0": (2, 21, 84), "sigma": (2, 10, 84)}),
        (False, False, {"output0": (2, 21, 84)}),
        (True, True, {"output0": (2, 84, 21), "sigma": (2, 84, 10)}),
        (True, False, {"output0": (2, 84, 21)}),
    ],
)
def test_outputs_and_what_is_said_of_them(file: Path, end2end: Any, sigma: bool, expected: Any) -> None:
    session = open_session(file, end2end=end2end, keep_sigma=sigma)

    found = session.run(pictures(2, 3, 64, 64))

    assert {name: value.shape for name, value in found.items()} == expected
    assert [t.name for t in session.outputs] == list(expected)
    for tensor in session.outputs:
        assert all(said in (None, real) for said, real in zip(tensor.shape, found[tensor.name].shape, strict=True))
    assert session.outputs[0].shape == ((None, None, 21) if end2end else (None, 21, None))
    assert session.inputs[0].shape == (None, 3, None, None)
    assert (session.engine, session.device) == ("torch", "cpu")


def test_numbers_are_the_network_s(file: Path, session: TorchSession) -> None:
    network, _ = load(file)
    feeds = pictures(1, 3, 96, 160)

    found = session.run(feeds)

    with torch.inference_mode():
        expected = deploy(network)(torch.from_numpy(feeds["images"]))
    np.testing.assert_allclose(found["output0"], expected[0].numpy(), atol=2e-3)
    np.testing.assert_allclose(found["sigma"], expected[1].numpy(), atol=1e-3)


def test_metadata_are_those_of_exported_files(file: Path) -> None:
    found = open_session(file, end2end=True).metadata

    assert (found["task"], found["head"], found["stride"], found["end2end"]) == ("pose", "Pose26", "32", "True")
    assert ast.literal_eval(found["names"]) == {0: "class 0", 1: "class 1"}
    assert ast.literal_eval(found["kpt_shape"]) == [5, 3]
    assert ast.literal_eval(found["imgsz"]) == [320, 320]
    assert ast.literal_eval(found["args"])["nms"] is False
    assert len(ast.literal_eval(found["kpt_names"])[0]) == 5
    assert found["license"] == "AGPL-3.0"
    assert all(isinstance(value, str) for value in found.values())


def test_many_threads_share_one_session(session: TorchSession) -> None:
    feeds = [pictures(1, 3, 64, 32 * (i % 3 + 1)) for i in range(12)]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(session.run, feeds))

    for given, result in zip(feeds, found, strict=True):
        np.testing.assert_allclose(result["output0"], session.run(given)["output0"], atol=1e-3)


def test_read_only_and_strided_pictures(session: TorchSession) -> None:
    images = pictures(1, 3, 64, 64)["images"]
    frozen = images.copy()
    frozen.flags.writeable = False
    strided = np.ascontiguousarray(images.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)

    expected = session.run({"images": images})["output0"]

    np.testing.assert_array_equal(session.run({"images": frozen})["output0"], expected)
    np.testing.assert_array_equal(session.run({"images": strided})["output0"], expected)


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 1, 64, 64), (1, 3, 65, 64), (1, 3, 64, 48)])
def test_pictures_of_another_shape_are_an_error(session: TorchSession, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="multiples of 32, got"):
        session.run(pictures(*shape))


def test_device_that_is_not_there(file: Path) -> None:
    with pytest.raises(ModelError, match="device 'cuda:97' is not available in this torch; available: cpu"):
        open_session(file, device="cuda:97")


def test_branch_that_is_not_there(tmp_path: Path) -> None:
    path = save_published(tmp_path / "a.pt", random_network("yolov8"))

    with pytest.raises(ModelError, match=r"a\.pt: yolov8 has no one-to-one branch"):
        open_session(path, end2end=True)


def test_our_format_opens_the_same(file: Path, session: TorchSession, tmp_path: Path) -> None:
    path = save(tmp_path / "a.safetensors", read_checkpoint(file))
    feeds = pictures(1, 3, 64, 64)

    found, expected = open_session(path).run(feeds), session.run(feeds)

    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)


def test_devices_start_with_the_cpu() -> None:
    assert devices()[0] == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(("precision", "pixels"), [("f32", 0.1), ("auto", 4.0)])
def test_cuda_agrees_with_the_cpu(file: Path, precision: str, pixels: float) -> None:
    feeds = pictures(2, 3, 128, 96)

    found = open_session(file, device="cuda", precision=precision).run(feeds)
    expected = open_session(file).run(feeds)

    np.testing.assert_allclose(found["output0"], expected["output0"], atol=pixels)
    assert isinstance(open_session(file, device="cuda:0"), TorchSession)
