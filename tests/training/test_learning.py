"""Losses, optimiser and average together: a network learns a picture by heart."""

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from spreads import default_sigmas  # noqa: E402

from poise.networks import build  # noqa: E402
from poise.training import PoseLoss, Targets  # noqa: E402
from poise.training.initialisation import lay_out_memory  # noqa: E402
from poise.training.optimisers import OptimiserChoice, clip_gradients, make_optimiser  # noqa: E402
from poise.training.step import Ema  # noqa: E402


@pytest.mark.parametrize(
    ("family", "optimiser", "lr", "steps"),
    [("yolov8", "AdamW", 0.003, 8), ("yolo11", "SGD", 0.01, 14), ("yolo26", "MuSGD", 0.003, 12)],
)
def test_a_network_learns_two_pictures_by_heart(family: str, optimiser: str, lr: float, steps: int) -> None:
    torch.manual_seed(0)
    network = build(family, "n", 1, (3, 3)).train()
    lay_out_memory(network)
    images = torch.rand(2, 3, 96, 96).contiguous(memory_format=torch.channels_last)
    boxes = torch.tensor([[16.0, 20.0, 70.0, 80.0], [30.0, 10.0, 90.0, 66.0]])
    points = torch.tensor([[[20.0, 30.0], [40.0, 50.0], [60.0, 70.0]], [[40.0, 20.0], [60.0, 40.0], [80.0, 60.0]]])
    truth = Targets(torch.arange(2), torch.zeros(2).long(), boxes, points, torch.ones(2, 3).bool())
    loss = PoseLoss(network, sigmas=default_sigmas((3, 3)), epochs=10)
    moved = make_optimiser(network, OptimiserChoice(optimiser, lr, 0.9, 0.0), weight_decay=5e-4)
    ema = Ema(network)

    history = []
    for _ in range(steps):
        losses = loss(network(images), truth, (96, 96), 0)
        losses.total.backward()
        clip_gradients(network)
        moved.step()
        moved.zero_grad()
        ema.update(network)
        history.append({name: value.item() for name, value in losses.items.items()})

    assert history[-1]["box"] < 0.8 * history[0]["box"]
    assert history[-1]["pose"] < 0.8 * history[0]["pose"]
    assert ema.updates == steps
