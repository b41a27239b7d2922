"""Losses and assignments against stored ones of the published training code."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from spreads import default_sigmas  # noqa: E402

from poise.networks import load  # noqa: E402
from poise.training import Losses, PoseLoss, Targets  # noqa: E402
from poise.training.assignment import grid  # noqa: E402

YOLO = Path(os.environ.get("POISE_SHARED", Path(__file__).resolve().parents[3] / "shared")) / "fixtures/yolo"
NAMES = ["yolov8n-pose-coco", "yolo11n-pose-coco", "yolo26n-pose-coco", "yolo26n-pose-tiger12x2"]
# The stored values are float32 sums over thousands of cells, summed in another order.
RELATIVE = 1e-4

pytestmark = pytest.mark.skipif(not YOLO.is_dir(), reason=f"{YOLO} is not there")


class Case:
    """A network of the fixtures, its two pictures, and the loss at epoch 0 of 100 with its gradients."""

    def __init__(self, name: str) -> None:
        self.network, _ = load(YOLO / f"{name}.pt")
        self.network.head.training = True  # raw outputs, while batch norm stays in evaluation mode
        with np.load(YOLO / f"{name}.npz") as file:
            self.stored = {key: file[key] for key in file.files if key.startswith(("loss/", "input"))}
        image = torch.from_numpy(self.stored["input"])
        self.targets = targets_of(self.stored, image.shape[2:])
        self.size = (image.shape[2], image.shape[3])
        self.loss = PoseLoss(self.network, sigmas=default_sigmas(self.network.kpt_shape), epochs=100)
        self.raw: Any = self.network(torch.cat((image, image.flip(3))))
        self.losses: Losses = self.loss(self.raw, self.targets, self.size, 0)
        self.losses.total.backward()
        self.branches = self.raw if "one2many" in self.raw else {"one2many": self.raw}


def targets_of(stored: dict[str, np.ndarray], size: tuple[int, int]) -> Targets:
    h, w = size
    batch = {key.removeprefix("loss/batch/"): torch.from_numpy(a) for key, a in stored.items() if "loss/batch/" in key}
    centre, extent = batch["bboxes"].split(2, 1)
    boxes = torch.cat((centre - extent / 2, centre + extent / 2), 1) * torch.tensor([w, h, w, h])
    points = batch["keypoints"]
    xy = points[..., :2] * torch.tensor([w, h])
    visible = points[..., 2] != 0 if points.shape[2] == 3 else (points >= 0).all(2)
    return Targets(batch["batch_idx"].long(), batch["cls"][:, 0].long(), boxes, xy, visible)


@pytest.fixture(scope="module", params=NAMES)
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


def test_logged_items(case: Case) -> None:
    names = [str(name).removesuffix("_loss") for name in case.stored["loss/items_names"]]

    assert list(case.losses.items) == names
    found = [float(case.losses.items[name]) for name in names]
    np.testing.assert_allclose(found, case.stored["loss/items"], rtol=RELATIVE)


def test_total_is_the_weighted_sum_times_the_batch(case: Case) -> None:
    assert case.losses.total.item() == pytest.approx(float(case.stored["loss/total_vector"].sum()), rel=RELATIVE)


def test_components_of_each_branch(case: Case) -> None:
    cells = grid(case.branches["one2many"]["feats"])

    for name, raw in case.branches.items():
        parts = case.loss.branch(name, raw, case.targets, cells, case.size)

        found = [2 * float(part.detach()) for part in parts.values()]
        np.testing.assert_allclose(found, case.stored[f"loss/{name}/vector"], rtol=RELATIVE)


def test_assignment_of_each_branch(case: Case) -> None:
    cells = grid(case.branches["one2many"]["feats"])
    first = torch.searchsorted(case.targets.picture, torch.arange(2))

    for name, raw in case.branches.items():
        found = case.loss.assignment(name, raw, case.targets, cells)

        chosen = np.stack(np.nonzero(case.stored[f"loss/{name}/assign_fg"]))
        assert np.array_equal(torch.stack((found.picture, found.cell)).numpy(), chosen)
        within = (found.target - first[found.picture]).numpy()
        assert np.array_equal(within, case.stored[f"loss/{name}/assign_gt_idx"][tuple(chosen)])
        np.testing.assert_allclose(
            found.score.numpy(),
            case.stored[f"loss/{name}/assign_scores"][tuple(chosen)][:, 0],
            rtol=RELATIVE,
            atol=2e-6,  # scores differ between processors by as much
        )


def test_gradient_of_every_parameter(case: Case) -> None:
    names, values = case.stored["loss/gradnorm_names"], case.stored["loss/gradnorm"]
    norms = dict(zip(map(str, names), map(float, values), strict=True))
    found = {n: float(p.grad.norm()) for n, p in case.network.named_parameters() if p.grad is not None}

    assert found.keys() == norms.keys()
    # A norm near 0 is rounding of larger terms that cancel.
    floor = 1e-6 * max(norms.values())
    for name, norm in norms.items():
        assert found[name] == pytest.approx(norm, rel=RELATIVE, abs=floor), name
