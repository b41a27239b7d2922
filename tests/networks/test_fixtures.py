"""Outputs of the networks against stored outputs of the published ones."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need torch")

from poise.networks import deploy, load  # noqa: E402
from poise.networks.decoding import select  # noqa: E402
from poise.networks.network import _TorchScope  # noqa: E402

SHARED = Path(os.environ.get("POISE_SHARED", Path(__file__).resolve().parents[3] / "shared")) / "fixtures"
YOLO = SHARED / "yolo"
NAMES = ["yolov8n-pose-coco", "yolo11n-pose-coco", "yolo26n-pose-coco", "yolo26n-pose-tiger12x2"]
TWO_BRANCHES = NAMES[2:]
# Other kernels sum in another order; the weights are random and large, so a pixel's error is larger than usual.
PIXELS = 0.02
RAW = 1e-4

pytestmark = pytest.mark.skipif(not YOLO.is_dir(), reason=f"{YOLO} is not there")


@pytest.fixture(scope="module", params=NAMES)
def case(request: pytest.FixtureRequest) -> Any:
    return _case(request.param)


@pytest.fixture(scope="module", params=TWO_BRANCHES)
def case26(request: pytest.FixtureRequest) -> Any:
    return _case(request.param)


def _case(name: str) -> Any:
    network, _ = load(YOLO / f"{name}.pt")
    with np.load(YOLO / f"{name}.npz") as stored:
        arrays = {key: stored[key] for key in stored.files}
    return network, arrays, torch.from_numpy(arrays["input"])


def worst(found: Any, expected: np.ndarray) -> float:
    assert tuple(found.shape) == expected.shape
    return float(np.abs(found.numpy() - expected).max())


@torch.inference_mode()
def test_decoded_output(case: Any) -> None:
    network, stored, images = case

    assert worst(network(images)[0], stored["eval/out"]) < PIXELS


@torch.inference_mode()
def test_folded_output(case: Any) -> None:
    network, stored, images = case

    assert worst(deploy(network)(images)[0], stored["eval/out_fused"]) < PIXELS


@torch.inference_mode()
def test_every_layer(case: Any) -> None:
    network, stored, images = case
    seen: dict[int, Any] = {}
    hooks = [
        layer.register_forward_hook(lambda _m, _i, out, i=i: seen.__setitem__(i, out.clone()))
        for i, layer in enumerate(list(network.model)[:-1])
    ]

    maps = network.features(images)

    for hook in hooks:
        hook.remove()
    for i, value in seen.items():
        flat = value.flatten()
        picks = torch.linspace(0, len(flat) - 1, 64).long()  # in float32, as the samples were taken
        stats = np.array([value.mean(), value.std(), value.abs().max()])
        assert list(value.shape) == stored[f"layer/{i:02d}/shape"].tolist()
        np.testing.assert_allclose(flat[picks].numpy(), stored[f"layer/{i:02d}/sample"], atol=RAW, rtol=RAW)
        np.testing.assert_allclose(stats, stored[f"layer/{i:02d}/stats"], atol=RAW, rtol=1e-3)
    for level, value in zip(("P3", "P4", "P5"), maps, strict=True):
        assert worst(value, stored[f"feats/{level}"]) < RAW


def test_training_output_is_raw(case: Any) -> None:
    network, stored, images = case
    network.head.training = True  # not its batch norms: the stored outputs were made so

    with torch.no_grad():
        found = network(images)
    network.head.training = False

    branches = found if "one2many" in found else {"one2many": found}
    for branch, raw in branches.items():
        assert [tuple(level.shape) for level in raw["feats"]] == [stored[f"feats/P{i}"].shape for i in (3, 4, 5)]
        for name in set(raw) - {"feats"}:
            assert worst(raw[name], stored[f"raw/{branch}/{name}"]) < RAW


@torch.inference_mode()
def test_one_to_one_branch_before_selection(case26: Any) -> None:
    network, stored, images = case26
    expected = stored.get("eval/out_one2one_decoded_xywh")
    if expected is None:
        pytest.skip("not stored for this network")
    ready = deploy(network, end2end=True, folded=False)
    ready.head.end2end = False
    for part in ("cv2", "cv3", "cv4", "cv4_kpts", "cv4_sigma"):  # its weights, in the other branch's place
        setattr(ready.head, part, getattr(ready.head, f"one2one_{part}"))

    assert worst(ready(images)[0], expected) < PIXELS


@torch.inference_mode()
@pytest.mark.parametrize("folded", [False, True])
def test_end_to_end_rows(case26: Any, folded: bool) -> None:
    network, stored, images = case26
    expected = stored.get("eval/out_end2end_topk" + ("_fused" if folded else ""))
    if expected is None:
        pytest.skip("not stored for this network")

    rows = deploy(network, end2end=True, folded=folded)(images)[0].numpy()

    # Rows of nearly equal score may change places: hold each against the stored row of the nearest box.
    near = np.abs(rows[0, :, None, :4] - expected[0, None, :, :4]).sum(-1).argmin(1)
    assert rows.shape == expected.shape
    assert np.abs(rows[0] - expected[0, near]).max() < PIXELS
    assert np.abs(rows[0, :, 4] - expected[0, :, 4]).max() < RAW
    assert (np.diff(rows[0, :, 4]) <= 0).all()


def test_selection_among_three_classes() -> None:
    with np.load(YOLO / "ops.npz") as stored:
        given, expected = torch.from_numpy(stored["topk/pred"]), stored["topk/out"]
    boxes, scores, points = given.transpose(1, 2).split((4, 3, given.shape[2] - 7), 1)

    found = select(_TorchScope(torch.nn.Module()), boxes, scores, points, None, 3, 300)[0]

    np.testing.assert_array_equal(found.numpy(), expected)


def test_flow_density() -> None:
    from poise.networks.flow import RealNVP

    with np.load(YOLO / "ops.npz") as stored:
        weights = {k.removeprefix("flow/sd/"): torch.from_numpy(stored[k]) for k in stored.files if "flow/sd/" in k}
        x, expected = torch.from_numpy(stored["flow/x"]), stored["flow/log_prob"]
    flow = RealNVP()
    flow.load_state_dict(weights, strict=True)

    found = flow(x).detach().numpy()

    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-5)


def test_real_training_run() -> None:
    from poise.networks import read_checkpoint

    found = read_checkpoint(SHARED / "tiger" / "yolo26n-pose-best.pt")

    assert (found.name, found.kpt_shape, dict(found.names)) == ("yolo26n-pose", (12, 2), {0: "tiger"})
    assert found.train_metrics["metrics/mAP50-95(P)"] == pytest.approx(0.49877)
    assert len(found.train_results["epoch"]) == 30
    assert found.train_args["imgsz"] == 320
    assert found.licence.startswith("AGPL-3.0")
    assert (found.imgsz, found.version, found.fused) == (320, "8.4.190", False)
