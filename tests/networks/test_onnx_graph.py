"""Graphs that are written without torch give what torch gives."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the other side of the comparison needs torch")

from network_files import random_network, save_published  # noqa: E402

from poise.errors import ModelError  # noqa: E402
from poise.networks import (  # noqa: E402
    Checkpoint,
    arrays,
    build,
    deploy,
    fold,
    from_checkpoint,
    metadata,
    read_checkpoint,
    save,
    write_graph,
)
from poise.runtime import open_session  # noqa: E402
from poise.skeletons import Skeleton  # noqa: E402

FIXTURES = Path(os.environ.get("POISE_SHARED", Path(__file__).resolve().parents[3] / "shared")) / "fixtures"
FILES = sorted(FIXTURES.glob("*/*.pt"))
# Pixels and scores that other kernels, which sum in another order, may give.
PIXELS, SCORES = 1e-3, 1e-4


def settled(family: str, scale: str, nc: int = 1, kpt_shape: tuple[int, int] = (17, 3), side: int = 96) -> Any:
    """Random weights whose batch norms have met pictures, and whose boxes and points lie near their cells.

    So numbers are as large as in a trained network. Boxes of ten thousand pixels would be wrong by a hundredth of a
    pixel in single precision, in torch as well.
    """
    torch.manual_seed(0)
    network = build(family, scale, nc, kpt_shape)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
            torch.nn.init.uniform_(module.weight, 0.8, 1.2)
            torch.nn.init.normal_(module.bias, std=0.1)
        elif isinstance(module, torch.nn.Conv2d) and module.bias is not None:
            module.weight.data *= 0.005
    with torch.no_grad():
        network.train()(torch.rand(2, 3, side, side))
    return network.eval()


def described(network: Any, **changes: Any) -> Checkpoint:
    k = network.kpt_shape[0]
    weights = arrays(network)
    both = network.family == "yolo26"
    made = Checkpoint(
        source=Path("random.pt"),
        format="state_dict",
        family=network.family,
        scale=network.scale,
        names={i: f"class {i}" for i in range(network.nc)},
        kpt_shape=network.kpt_shape,
        skeleton=Skeleton("points", tuple(f"keypoint_{i}" for i in range(k)), flip_idx=tuple(range(k))),
        weights=weights,
        branches=("one2many", "one2one") if both else ("one2many",),
        sigma=both,
        flow=both,
    )
    return replace(made, **changes)


def run(checkpoint: Checkpoint, images: Any, **how: Any) -> dict[str, Any]:
    data = write_graph(checkpoint, metadata(checkpoint, end2end=how.get("end2end", False)), **how)
    session = open_session(data, threads=1)
    return session.run({session.inputs[0].name: images})


def expected(checkpoint: Checkpoint, images: Any, *, end2end: bool = False) -> dict[str, Any]:
    network = deploy(from_checkpoint(checkpoint), end2end=end2end)
    with torch.inference_mode():
        found = network(torch.from_numpy(images))
    return dict(zip(("output0", "sigma"), (value.numpy() for value in found), strict=False))


def in_double(network: Any, images: Any) -> Any:
    network = network.double()
    for name, part in network.head.named_children():
        if name == "dfl":  # decoding is in single precision
            part.float()
    with torch.inference_mode():
        return network(torch.from_numpy(images).double())[0].numpy()


def pictures(*shape: int) -> Any:
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def compare(found: dict[str, Any], wanted: dict[str, Any], nc: int, pixels: float = PIXELS) -> None:
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=pixels)
    np.testing.assert_allclose(found["output0"][:, 4 : 4 + nc], wanted["output0"][:, 4 : 4 + nc], atol=SCORES)


def compare_rows(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Rows of nearly equal score may change places: hold each against the row of the nearest box and same class."""
    assert {k: v.shape for k, v in found.items()} == {k: v.shape for k, v in wanted.items()}
    for i, (rows, others) in enumerate(zip(found["output0"], wanted["output0"], strict=True)):
        far = np.abs(rows[:, None, [0, 1, 2, 3, 5]] - others[None, :, [0, 1, 2, 3, 5]]).sum(-1)
        near = far.argmin(1)
        np.testing.assert_allclose(rows[:, 4], others[:, 4], atol=SCORES)
        np.testing.assert_allclose(rows, others[near], rtol=1e-5, atol=PIXELS)
        np.testing.assert_allclose(found["sigma"][i], wanted["sigma"][i][near], rtol=1e-5, atol=PIXELS)


# Of the widest one is enough: it has the depth of the one before.
LARGE = [
    pytest.param(f, s, marks=pytest.mark.slow)
    for f, s in (("yolov8", "l"), ("yolo11", "l"), ("yolo26", "l"), ("yolo26", "x"))
]


@pytest.mark.parametrize(
    ("family", "scale"), [*((f, s) for f in ("yolov8", "yolo11", "yolo26") for s in "nsm"), *LARGE]
)
def test_every_published_network(family: str, scale: str) -> None:
    checkpoint = described(settled(family, scale))
    images = pictures(1, 3, 64, 96)

    network = deploy(from_checkpoint(checkpoint))
    with torch.inference_mode():
        wanted = network(torch.from_numpy(images))[0].numpy()
    found = run(checkpoint, images)["output0"]

    # Random weights of a hundred layers amplify rounding as no trained ones do: no further from exact than torch is.
    exact = in_double(network, images)
    noise = np.abs(wanted - exact)
    assert np.abs(found - exact).max() <= max(PIXELS, 4 * noise.max())
    assert np.abs(found - exact)[:, 4].max() <= max(SCORES, 4 * noise[:, 4].max())


@pytest.mark.parametrize(
    ("family", "nc", "kpt_shape"),
    [("yolov8", 3, (5, 2)), ("yolo11", 7, (1, 3)), ("yolo26", 5, (13, 2)), ("yolo26", 1, (1, 3))],
)
def test_other_classes_and_keypoints(family: str, nc: int, kpt_shape: tuple[int, int]) -> None:
    checkpoint = described(settled(family, "n", nc, kpt_shape))
    images = pictures(2, 3, 96, 64)

    compare(run(checkpoint, images), expected(checkpoint, images), nc)


@pytest.fixture(scope="module")
def checkpoint26() -> Checkpoint:
    return described(settled("yolo26", "n", 3, (5, 3), side=192))


# 84 cells are fewer than the rows that the selection keeps, 420 are more.
@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (2, 3, 128, 160)])
@pytest.mark.parametrize("fixed", [False, True])
def test_best_rows_of_the_one_to_one_branch(checkpoint26: Checkpoint, shape: tuple[int, ...], fixed: bool) -> None:
    images = pictures(*shape)

    found = run(checkpoint26, images, end2end=True, shape=(shape[0], *shape[2:]) if fixed else None)

    compare_rows(found, expected(checkpoint26, images, end2end=True))


def test_one_graph_takes_every_size_and_batch(checkpoint26: Checkpoint) -> None:
    session = open_session(write_graph(checkpoint26, {}), threads=1)

    for shape in ((1, 3, 32, 32), (3, 3, 64, 160), (2, 3, 160, 64)):
        images = pictures(*shape)
        compare(session.run({"images": images}), expected(checkpoint26, images), 3)
    assert [t.shape for t in session.inputs] == [(None, 3, None, None)]
    assert [t.shape for t in session.outputs] == [(None, 22, None), (None, 10, None)]


@pytest.fixture(scope="module")
def checkpoint8() -> Checkpoint:
    return described(random_network("yolov8", nc=3))


@pytest.fixture(scope="module")
def expected_small(checkpoint8: Checkpoint, checkpoint26: Checkpoint) -> dict[str, dict[str, Any]]:
    """What torch finds in one small picture: the families, and the rows of the one-to-one branch."""
    images = pictures(1, 3, 64, 64)
    return {
        "yolov8": expected(checkpoint8, images),
        "yolo26": expected(checkpoint26, images),
        "rows": expected(checkpoint26, images, end2end=True),
    }


@pytest.mark.parametrize("family", ["yolov8", "yolo26"])
@pytest.mark.parametrize("opset", range(11, 21))
def test_every_operator_set(
    family: str, opset: int, checkpoint8: Checkpoint, checkpoint26: Checkpoint, expected_small: dict[str, Any]
) -> None:
    checkpoint = checkpoint26 if family == "yolo26" else checkpoint8
    images = pictures(1, 3, 64, 64)

    compare(run(checkpoint, images, opset=opset), expected_small[family], 3)
    if family == "yolo26":
        fixed = run(checkpoint, images, opset=opset, end2end=True, shape=(1, 64, 64))
        compare_rows(fixed, expected_small["rows"])


def test_a_fixed_size_needs_no_arithmetic_of_shapes(checkpoint26: Checkpoint) -> None:
    onnx = pytest.importorskip("onnx", reason="needs onnx to look inside")

    kinds = {
        name: {node.op_type for node in onnx.load_from_string(write_graph(checkpoint26, {}, shape=shape)).graph.node}
        for name, shape in (("free", None), ("fixed", (1, 64, 64)))
    }

    assert "Shape" in kinds["free"]
    assert not kinds["fixed"] & {"Shape", "Range", "Gather", "Cast"}


@pytest.mark.parametrize("shape", [None, (2, 64, 96)])
@pytest.mark.parametrize("end2end", [False, True])
def test_graphs_are_valid(checkpoint26: Checkpoint, shape: Any, end2end: bool) -> None:
    onnx = pytest.importorskip("onnx", reason="needs onnx as a judge")

    for opset in (11, 13, 18, 20):
        model = onnx.load_from_string(write_graph(checkpoint26, {"a": "b"}, shape=shape, end2end=end2end, opset=opset))
        onnx.checker.check_model(model, full_check=True)
        onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    assert {entry.key: entry.value for entry in model.metadata_props} == {"a": "b"}
    assert model.producer_name == "poise"


def test_half_precision_stays_single_outside(checkpoint26: Checkpoint) -> None:
    images = pictures(1, 3, 96, 96)
    data = write_graph(checkpoint26, {}, half=True)
    session = open_session(data, threads=1)

    found, wanted = session.run({"images": images}), expected(checkpoint26, images)

    assert len(data) < 0.55 * len(write_graph(checkpoint26, {}))
    assert {t.dtype for t in (*session.inputs, *session.outputs)} == {np.dtype(np.float32)}
    assert np.median(np.abs(found["output0"] - wanted["output0"])) < 0.05


def test_folded_networks_are_the_same(checkpoint26: Checkpoint) -> None:
    network = from_checkpoint(checkpoint26)
    fold(network)
    images = pictures(1, 3, 64, 64)

    found = run(replace(checkpoint26, weights=arrays(network), fused=True), images)

    for name, value in run(checkpoint26, images).items():
        np.testing.assert_array_equal(found[name], value)


def test_a_file_with_one_branch(checkpoint26: Checkpoint) -> None:
    left = {k: v for k, v in checkpoint26.weights.items() if not k.startswith("model.23.cv")}
    only = replace(checkpoint26, weights=left, branches=("one2one",))
    images = pictures(1, 3, 64, 64)

    compare_rows(run(only, images, end2end=True), expected(checkpoint26, images, end2end=True))
    with pytest.raises(ValueError, match="only its other branch; end2end must be True"):
        write_graph(only, {})


def test_sigma_can_be_left_out(checkpoint26: Checkpoint) -> None:
    images = pictures(1, 3, 64, 64)

    assert run(checkpoint26, images, sigma=False).keys() == {"output0"}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_files_of_every_precision(tmp_path: Path, dtype: torch.dtype) -> None:
    checkpoint = read_checkpoint(save_published(tmp_path / "a.pt", random_network("yolo11"), dtype=dtype))
    images = pictures(1, 3, 64, 64)

    compare(run(checkpoint, images), expected(checkpoint, images), 1)


def test_our_own_format(tmp_path: Path, checkpoint26: Checkpoint) -> None:
    read = read_checkpoint(save(tmp_path / "a.safetensors", checkpoint26))
    images = pictures(1, 3, 64, 64)

    found = run(read, images)

    for name, value in run(checkpoint26, images).items():
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("model.0.conv.weight", None, r"1 tensors are missing: model\.0\.conv\.weight"),
        ("model.99.weight", np.zeros(1), r"1 tensors are surplus: model\.99\.weight"),
        ("model.1.bn.bias", np.zeros(3), r"'model\.1\.bn\.bias' has shape \[3\], expected \[32\]"),
    ],
)
def test_other_tensors_are_named(checkpoint26: Checkpoint, key: str, change: Any, message: str) -> None:
    weights = dict(checkpoint26.weights)
    weights.pop(key, None)
    if change is not None:
        weights[key] = change

    with pytest.raises(ModelError, match=message):
        write_graph(replace(checkpoint26, weights=weights), {})


@pytest.mark.skipif(not FILES, reason=f"{FIXTURES} is not there")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_stored_checkpoint(path: Path) -> None:
    checkpoint = read_checkpoint(path)
    trained = not path.with_suffix(".npz").is_file()
    images = pictures(1, 3, 192, 256) if trained else np.load(path.with_suffix(".npz"))["input"]

    found, wanted = run(checkpoint, images), expected(checkpoint, images)

    # Of all but one the weights are random and large, and rounding grows with them.
    compare(found, wanted, checkpoint.nc, pixels=PIXELS if trained else 0.02)


def test_openvino_reads_it(checkpoint26: Checkpoint) -> None:
    pytest.importorskip("openvino", reason="needs openvino")
    images = pictures(1, 3, 64, 96)

    for end2end in (False, True):
        data = write_graph(checkpoint26, metadata(checkpoint26, end2end=end2end), end2end=end2end)
        session = open_session(data, runtime="openvino", threads=1)
        found, wanted = session.run({"images": images}), expected(checkpoint26, images, end2end=end2end)
        (compare_rows(found, wanted) if end2end else compare(found, wanted, 3))
        assert session.metadata["end2end"] == str(end2end)
