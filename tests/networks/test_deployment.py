"""Branches, folding and sigma of a deployed network."""

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need torch")

from network_files import random_network  # noqa: E402

from poise.networks import arrays, deploy  # noqa: E402
from poise.networks.flow import RealNVP  # noqa: E402
from poise.networks.sigma import errors, unit_std  # noqa: E402


@pytest.fixture(scope="module")
def network() -> Any:
    return random_network("yolo26", nc=2, kpt_shape=(4, 3))


@pytest.fixture(scope="module")
def images() -> Any:
    return torch.rand(2, 3, 96, 64)


def test_unit_of_a_flow_that_scales_and_shifts() -> None:
    flow = RealNVP()
    for module in flow.modules():
        if isinstance(module, torch.nn.Linear):
            torch.nn.init.zeros_(module.weight)
            torch.nn.init.zeros_(module.bias)
    flow.s[0][4].bias.data[0] = np.arctanh(np.log(2.0))  # mask [0, 1]: x is doubled
    flow.t[1][4].bias.data[1] = 5.0  # a shift changes no deviation

    np.testing.assert_allclose(unit_std(arrays(flow)), [2.0, 1.0], rtol=1e-5)


def test_unit_agrees_with_draws_from_the_flow() -> None:
    torch.manual_seed(3)
    flow = RealNVP()
    for module in flow.modules():
        if isinstance(module, torch.nn.Linear):
            torch.nn.init.normal_(module.weight, std=0.15)
    draws = errors(arrays(flow), np.random.default_rng(0).standard_normal((40_000, 2)))
    with torch.no_grad():
        back = flow(torch.from_numpy(draws[:100]).float())
        normal = -0.5 * torch.zeros(2).square().sum() - np.log(2 * np.pi)

    np.testing.assert_allclose(unit_std(arrays(flow)), draws.std(0), rtol=0.02)
    assert torch.isfinite(back).all()
    assert back.max() < normal + 10


def test_errors_inverts_the_density_map() -> None:
    torch.manual_seed(4)
    flow = RealNVP()
    for module in flow.modules():
        if isinstance(module, torch.nn.Linear):
            torch.nn.init.normal_(module.weight, std=0.2)
    x, step = np.random.default_rng(0).standard_normal(2), 1e-5 * np.eye(2)
    weights = arrays(flow)

    made = errors(weights, x[None])
    slopes = (errors(weights, x + step) - errors(weights, x - step)) / 2e-5
    volume = np.log(abs(np.linalg.det(slopes)))

    expected = -0.5 * np.square(x).sum() - np.log(2 * np.pi) - volume
    with torch.no_grad():
        found = flow.double()(torch.from_numpy(made))
    assert float(found) == pytest.approx(expected, rel=1e-6)


@torch.inference_mode()
def test_sigma_is_scale_times_stride_times_unit(network: Any, images: Any) -> None:
    ready = deploy(network)
    ready.head.unit_std = torch.tensor([2.0, 3.0])
    raw = network.head.raw(network.features(images), "one2many", sigma=True)["kpts_sigma"]

    output, sigma = ready(images)

    cells = [12 * 8, 6 * 4, 3 * 2]
    strides = torch.cat([torch.full((n,), float(s)) for n, s in zip(cells, (8, 16, 32), strict=True)])
    expected = raw.sigmoid() * strides * torch.tensor([2.0, 3.0] * 4).view(8, 1)
    assert tuple(output.shape) == (2, 4 + 2 + 12, sum(cells))
    torch.testing.assert_close(sigma, expected, rtol=1e-3, atol=1e-3)


@torch.inference_mode()
def test_end_to_end_sigma_belongs_to_its_row(network: Any, images: Any) -> None:
    ready = deploy(network, end2end=True)
    plain = deploy(network, end2end=True)
    plain.head.end2end = False
    for part in ("cv2", "cv3", "cv4", "cv4_kpts", "cv4_sigma"):
        setattr(plain.head, part, getattr(plain.head, f"one2one_{part}"))

    rows, sigma = ready(images)
    output, all_sigma = plain(images)

    for b in range(2):
        centre = (rows[b, :, :2] + rows[b, :, 2:4]) / 2
        anchor = torch.cdist(centre, output[b, :2].T).argmin(1)
        torch.testing.assert_close(sigma[b], all_sigma[b, :, anchor].T)
        torch.testing.assert_close(rows[b, :, 6:], output[b, 6:, anchor].T, rtol=1e-4, atol=1e-3)


def test_both_branches_deploy_to_the_same_size(network: Any) -> None:
    sizes = {sum(p.numel() for p in deploy(network, end2end=e, sigma=s).parameters()) for e in (0, 1) for s in (0, 1)}

    assert len(sizes) == 2  # with and without sigma


def test_deploying_leaves_the_network_alone(network: Any) -> None:
    before = {k: v.clone() for k, v in network.state_dict().items()}

    deploy(network, end2end=True)

    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    assert network.state_dict().keys() == before.keys()


@torch.inference_mode()
@pytest.mark.parametrize("family", ["yolov8", "yolo11"])
def test_networks_without_second_branch(family: str, images: Any) -> None:
    network = random_network(family)

    with pytest.raises(ValueError, match=f"{family} has no one-to-one branch"):
        deploy(network, end2end=True)
    folded, plain = deploy(network)(images), deploy(network, folded=False)(images)
    assert len(folded) == 1
    torch.testing.assert_close(folded[0], plain[0], rtol=1e-3, atol=0.01)


def test_one_to_one_branch_sends_no_gradient_back(network: Any, images: Any) -> None:
    network.train()
    found = network(images)
    network.eval()

    assert found["one2one"]["boxes"].requires_grad
    found["one2one"]["boxes"].sum().backward()
    assert network.model[0].conv.weight.grad is None
    found["one2many"]["kpts_sigma"].sum().backward()
    assert network.model[0].conv.weight.grad.abs().sum() > 0
    assert {k: tuple(v.shape) for k, v in found["one2many"].items() if k != "feats"} == {
        "boxes": (2, 4, 126),
        "scores": (2, 2, 126),
        "kpts": (2, 12, 126),
        "kpts_sigma": (2, 8, 126),
    }
