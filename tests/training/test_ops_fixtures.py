"""Single formulas against stored outputs of the published training code."""

import os
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from spreads import default_sigmas  # noqa: E402

from poise.networks.flow import RealNVP  # noqa: E402
from poise.training.loss_terms import ciou, distribution_loss, likelihood_loss, oks, similarity_loss  # noqa: E402
from poise.training.optimisers import MuSGD, orthogonalise  # noqa: E402

OPS = Path(os.environ.get("POISE_SHARED", Path(__file__).resolve().parents[3] / "shared")) / "fixtures/yolo/ops.npz"
COCO = torch.tensor(default_sigmas((17, 3)))

pytestmark = pytest.mark.skipif(not OPS.is_file(), reason=f"{OPS} is not there")


@pytest.fixture(scope="module")
def ops() -> dict[str, torch.Tensor]:
    with np.load(OPS) as file:
        return {key: torch.from_numpy(file[key]) for key in file.files if file[key].dtype.kind in "fib"}


def close(found: torch.Tensor, expected: torch.Tensor, rtol: float = 1e-4, atol: float = 1e-6) -> None:
    torch.testing.assert_close(found, expected, rtol=rtol, atol=atol)


def test_ciou(ops: dict[str, torch.Tensor]) -> None:
    close(ciou(ops["ciou/box1"], ops["ciou/box2"]), ops["ciou/ciou"])


def test_oks(ops: dict[str, torch.Tensor]) -> None:
    truth, predicted = ops["oks/gt"], ops["oks/pred"]
    for i in range(len(truth)):
        rows = len(predicted)
        found = oks(
            predicted[..., :2],
            truth[i, :, :2].expand(rows, -1, -1),
            (truth[i, :, 2] != 0).expand(rows, -1),
            ops["oks/area"][i].expand(rows),
            COCO,
        )

        close(found, ops["oks/coco"][i])


def test_distribution_loss(ops: dict[str, torch.Tensor]) -> None:
    close(distribution_loss(ops["dfl/pred"].view(3, 64), ops["dfl/target"], 16), ops["dfl/loss"][:, 0])


def test_similarity_loss(ops: dict[str, torch.Tensor]) -> None:
    predicted, truth = ops["kptloss/pred"][..., :2], ops["kptloss/gt"][..., :2]

    close(similarity_loss(predicted, truth, ops["kptloss/mask"], ops["kptloss/area"][:, 0], COCO), ops["kptloss/loss"])


@pytest.fixture(scope="module")
def flow(ops: dict[str, torch.Tensor]) -> RealNVP:
    flow = RealNVP()
    flow.load_state_dict({key.removeprefix("flow/sd/"): value for key, value in ops.items() if "flow/sd/" in key})
    return flow


def test_flow(ops: dict[str, torch.Tensor], flow: RealNVP) -> None:
    close(flow(ops["flow/x"]).detach(), ops["flow/log_prob"])


def test_likelihood_loss(ops: dict[str, torch.Tensor], flow: RealNVP) -> None:
    sigma = ops["rle/sigma"]  # the fixture's errors are already divided by it

    found = likelihood_loss(flow, ops["flow/x"] * (sigma + 1e-9), sigma.logit(), ops["rle/weight"])

    close(found.detach(), ops["rle/loss"])


def test_newton_schulz_steps(ops: dict[str, torch.Tensor]) -> None:
    # bfloat16 has 8 bits: another processor's order of summing may change the last of them.
    close(orthogonalise(ops["ns5/in"].unsqueeze(0))[0].float(), ops["ns5/out"].float(), rtol=0, atol=0.01)


def test_three_steps_of_musgd(ops: dict[str, torch.Tensor]) -> None:
    parameters = [ops[f"musgd/p{i}_0"].clone().requires_grad_() for i in (1, 2, 3)]
    optimiser = MuSGD(
        [{"params": parameters[:2], "orthogonal": True, "weight_decay": 5e-4}, {"params": parameters[2:]}],
        lr=0.01,
        momentum=0.9,
    )

    for step in range(3):
        for i, parameter in enumerate(parameters, 1):
            parameter.grad = ops[f"musgd/p{i}_grad{step}"].clone()
        optimiser.step()

        for i, parameter in enumerate(parameters, 1):
            close(parameter.detach(), ops[f"musgd/p{i}_{step + 1}"], atol=1e-5)
