"""Sizes of all fifteen networks, folded and not."""

import json
import os
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="networks need torch")

from poise.networks import build, cost, deploy, fold  # noqa: E402
from poise.networks.architectures import plan  # noqa: E402
from poise.networks.deployment import drop  # noqa: E402

SPEC = Path(os.environ.get("POISE_SHARED", Path(__file__).resolve().parents[3] / "shared")) / "spec" / "params"

# Parameters and GFLOPs at 640 pixels of the published networks (1 class, 17 keypoints of 3 values), then of the same
# with batch norms folded and without what only training needs.
SIZES = {
    "yolov8n": (3295470, 9.294, 3289964, 9.178),
    "yolov8s": (11626046, 30.402, 11615724, 30.186),
    "yolov8m": (26464462, 81.406, 26447596, 81.022),
    "yolov8l": (44489196, 169.145, 44465580, 168.55),
    "yolov8x": (69491724, 263.952, 69462204, 263.208),
    "yolo11n": (2874462, 7.601, 2866468, 7.467),
    "yolo11s": (9918238, 23.426, 9902940, 23.173),
    "yolo11m": (20912364, 72.053, 20889004, 71.506),
    "yolo11l": (26169836, 91.261, 26138284, 90.557),
    "yolo11x": (58798636, 204.195, 58751308, 203.139),
    "yolo26n": (3679464, 10.439, 2926494, 7.572),
    "yolo26s": (11809352, 29.48, 10359750, 24.122),
    "yolo26m": (24222664, 85.456, 21538166, 73.325),
    "yolo26l": (28626120, 103.979, 25934454, 91.695),
    "yolo26x": (62731860, 225.835, 57557832, 202.285),
}


@pytest.mark.parametrize("name", SIZES)
def test_size_is_the_published_one(name: str) -> None:
    family, scale = name[:-1], name[-1]
    network = build(family, scale, 1, (17, 3), empty=True)

    whole = cost(network.state_dict(), family, scale)
    counted = sum(p.numel() for p in network.parameters())
    fold(network)
    drop(network, branches={"one2many"}, sigma=False, flow=False)
    deployed = cost(network.state_dict(), family, scale)

    assert (whole.parameters, deployed.parameters) == (SIZES[name][0], SIZES[name][2])
    assert counted == whole.parameters
    assert whole.gflops == pytest.approx(SIZES[name][1], abs=6e-4)
    assert deployed.gflops == pytest.approx(SIZES[name][3], abs=6e-4)


@pytest.mark.skipif(not SPEC.is_dir(), reason=f"{SPEC} is not there")
@pytest.mark.parametrize("name", SIZES)
def test_layers_are_the_published_ones(name: str) -> None:
    expected = json.loads((SPEC / "all-scales.json").read_text())[f"{name}-pose"]

    layers = plan(name[:-1], name[-1])

    assert [layer.channels for layer in layers] == expected["layer_out_channels"]
    assert (expected["params"], expected["params_fused"]) == (SIZES[name][0], SIZES[name][2])


@pytest.mark.skipif(not SPEC.is_dir(), reason=f"{SPEC} is not there")
@pytest.mark.parametrize("name", ["yolov8n", "yolo11n", "yolo26n", "yolo26s", "yolo26m"])
def test_tensor_names_shapes_and_types_are_the_published_ones(name: str) -> None:
    expected = json.loads((SPEC / f"{name}-pose.json").read_text())
    network = build(name[:-1], name[-1], 1, (17, 3), empty=name.endswith("m"))

    def listed(module: torch.nn.Module) -> list[list[object]]:
        return [[k, list(v.shape), str(v.dtype).removeprefix("torch.")] for k, v in module.state_dict().items()]

    assert listed(network) == expected["state_dict"]
    if not name.endswith("m"):
        assert listed(deploy(network, sigma=False)) == expected["fused"]["state_dict"]


@pytest.mark.parametrize(
    ("family", "scale", "message"),
    [("yolov9", "n", "no family named 'yolov9'; did you mean"), ("yolo11", "h", "no size 'h' of yolo11; known: n, s")],
)
def test_unknown_network_is_named(family: str, scale: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan(family, scale)


@pytest.mark.parametrize(("nc", "shape"), [(0, (17, 3)), (1, (0, 3)), (1, (17, 4))])
def test_impossible_head_is_an_error(nc: int, shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        build("yolo11", "n", nc, shape)
