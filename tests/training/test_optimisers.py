"""Groups of parameters, the rule of "auto", schedules, and the running average."""

import csv
from copy import deepcopy
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from poise.networks import PoseNetwork, build  # noqa: E402
from poise.training.initialisation import lay_out_memory  # noqa: E402
from poise.training.optimisers import (  # noqa: E402
    OptimiserChoice,
    Schedule,
    accumulation,
    choose_optimiser,
    clip_gradients,
    cosine,
    linear,
    make_optimiser,
    scaled_decay,
    set_rates,
    warmup_length,
)
from poise.training.step import Ema, decay  # noqa: E402

SGD = OptimiserChoice("SGD", 0.01, 0.937, 0.1)


@pytest.fixture(scope="module")
def network() -> PoseNetwork:
    return build("yolo26", "n", 1, (12, 2))


def small() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))


def test_auto_picks_adamw_for_a_short_training() -> None:
    assert choose_optimiser("auto", pictures=210, batch=8, epochs=30, nc=1) == OptimiserChoice("AdamW", 0.002, 0.9, 0.0)


def test_auto_picks_musgd_beyond_ten_thousand_steps() -> None:
    assert choose_optimiser("auto", pictures=64 * 101, batch=16, epochs=100, nc=1) == OptimiserChoice(
        "MuSGD", 0.01, 0.9, 0.0
    )
    assert choose_optimiser("auto", pictures=64 * 100, batch=16, epochs=100, nc=1).name == "AdamW"


def test_names_are_taken_in_any_case() -> None:
    assert choose_optimiser("sgd", pictures=1, batch=1, epochs=1, nc=1) == SGD


def test_an_unknown_optimiser_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ValueError, match="AdamW"):
        choose_optimiser("AdanW", pictures=1, batch=1, epochs=1, nc=1)


def test_adamw_groups_are_decayed_weights_norms_and_biases(network: PoseNetwork) -> None:
    groups = make_optimiser(network, OptimiserChoice("AdamW", 0.002, 0.9, 0.0), weight_decay=5e-4).param_groups

    # 126 batch norms; 150 convolutions and 36 linear layers, of which all but 126 have a bias, and so have the norms.
    assert [len(group["params"]) for group in groups] == [186, 126, 186]
    assert [group["weight_decay"] for group in groups] == [5e-4, 0.0, 0.0]


def test_musgd_trains_class_branches_at_three_times_the_rate(network: PoseNetwork) -> None:
    groups = make_optimiser(network, OptimiserChoice("MuSGD", 0.01, 0.9, 0.0), weight_decay=5e-4).param_groups

    names = {id(p): n for n, p in network.named_parameters()}
    for group in groups:
        classes = {".cv3." in names[id(p)] or ".one2one_cv3." in names[id(p)] for p in group["params"]}
        assert classes == {group["lr"] == pytest.approx(0.03)}
    assert all(p.ndim in (2, 4) for group in groups if group["orthogonal"] for p in group["params"])
    assert sum(len(group["params"]) for group in groups) == len(names)


def test_frozen_parameters_are_in_no_group() -> None:
    network = small()
    network[0].requires_grad_(False)

    assert sum(len(group["params"]) for group in make_optimiser(network, SGD, weight_decay=0.0).param_groups) == 2


@pytest.mark.parametrize("name", ["AdamW", "Adam", "SGD", "MuSGD"])
def test_every_optimiser_goes_on_exactly_from_a_saved_state(name: str) -> None:
    def steps(network: torch.nn.Module, optimiser: torch.optim.Optimizer, count: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for _ in range(count):
            optimiser.zero_grad()
            network(torch.rand(2, 3, 8, 8, generator=generator)).square().mean().backward()
            optimiser.step()

    choice = OptimiserChoice(name, 0.01, 0.9, 0.0)
    first = small()
    optimiser = make_optimiser(first, choice, weight_decay=1e-3)
    steps(first, optimiser, 2, seed=1)
    second = small()
    second.load_state_dict(first.state_dict())
    resumed = make_optimiser(second, choice, weight_decay=1e-3)
    resumed.load_state_dict(deepcopy(optimiser.state_dict()))

    steps(first, optimiser, 2, seed=2)
    steps(second, resumed, 2, seed=2)

    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_a_long_gradient_is_clipped_to_norm_ten() -> None:
    network = small()
    for parameter in network.parameters():
        parameter.grad = torch.full_like(parameter, 100.0)

    before = clip_gradients(network)

    assert before > 10
    norm = torch.cat([p.grad.flatten() for p in network.parameters()]).norm()
    assert float(norm) == pytest.approx(10, rel=1e-4)


def test_decay_and_accumulation_follow_the_nominal_batch() -> None:
    assert [accumulation(batch) for batch in (8, 48, 64, 200)] == [8, 1, 1, 1]
    assert accumulation(8, nbs=8) == 1
    assert scaled_decay(5e-4, batch=8) == pytest.approx(5e-4)
    assert scaled_decay(5e-4, batch=128) == pytest.approx(1e-3)


def test_learning_rates_equal_those_of_a_recorded_run(shared: Path) -> None:
    choice = choose_optimiser("auto", pictures=210, batch=8, epochs=30, nc=1)
    schedule = Schedule(choice, batches=27, batch=8, epochs=30, nbs=8)
    with (shared / "fixtures/tiger/yolo26n-pose-results.csv").open() as file:
        recorded = [float(row["lr/pg0"]) for row in csv.DictReader(file)]

    found = [schedule.at(27 * epoch + 26).of() for epoch in range(30)]

    assert found == pytest.approx(recorded, rel=1e-5)


def test_both_schedules_start_at_one_and_end_at_the_final_share() -> None:
    for falling in (linear, cosine):
        assert falling(0, 100) == pytest.approx(1)
        assert falling(100, 100) == pytest.approx(0.01)
        assert falling(50, 100) == pytest.approx(0.505)


def test_warmup_leaves_an_epoch() -> None:
    assert warmup_length(27, 30) == 81
    assert warmup_length(27, 2) == 27
    assert warmup_length(27, 1) == 0


def test_warmup_of_sgd_moves_momentum_biases_and_accumulation() -> None:
    schedule = Schedule(SGD, batches=10, batch=8, epochs=100)

    start, middle, end = schedule.at(0), schedule.at(15), schedule.at(30)

    assert (start.of(), start.of(bias=True), start.momentum, start.accumulate) == pytest.approx((0, 0.1, 0.8, 1))
    assert middle.momentum == pytest.approx((0.8 + 0.937) / 2)
    assert (end.momentum, end.accumulate) == pytest.approx((0.937, 8))
    assert [end.of(), end.of(bias=True)] == pytest.approx([0.01 * linear(3, 100)] * 2)


def test_rates_reach_every_group() -> None:
    optimiser = make_optimiser(small(), SGD, weight_decay=0.0)

    set_rates(optimiser, Schedule(SGD, batches=10, batch=8, epochs=100).at(0))

    assert [group["lr"] for group in optimiser.param_groups] == [0.0, 0.0, 0.1]
    assert {group["momentum"] for group in optimiser.param_groups} == {0.8}


def test_average_moves_by_the_decay_of_its_update() -> None:
    network = small()
    ema = Ema(network)
    start = ema.network[0].weight.clone()
    network[0].weight.data += 1
    network[1].running_mean += 1

    ema.update(network)

    step = 1 - decay(1)
    torch.testing.assert_close(ema.network[0].weight, start + step)
    torch.testing.assert_close(ema.network[1].running_mean, torch.full((4,), step))


def test_average_follows_a_network_whose_tensors_were_replaced() -> None:
    network = small()
    ema = Ema(network)
    network.double().float()  # makes new buffers

    network[1].running_mean += 1
    ema.update(network)

    assert (ema.network[1].running_mean > 0).all()


def test_average_goes_on_exactly_from_a_saved_state() -> None:
    network = small()
    first, second = Ema(network), Ema(small())
    network[0].weight.data += 1
    first.update(network)
    second.load_state_dict(first.state_dict())

    for ema in (first, second):
        ema.update(network)

    assert second.updates == 2
    assert torch.equal(first.network[0].weight, second.network[0].weight)


def test_average_keeps_nothing_of_a_random_start() -> None:
    assert decay(1) < 0.001
    assert decay(100_000) == pytest.approx(0.9999)


def test_laying_out_changes_results_by_rounding_only() -> None:
    first, second = build("yolo26", "n", 1, (3, 2)), build("yolo26", "n", 1, (3, 2))
    second.load_state_dict(first.state_dict())
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))

    lay_out_memory(second)

    expected, found = (
        first(images)["one2many"],
        second(images.contiguous(memory_format=torch.channels_last))["one2many"],
    )
    for name in ("boxes", "scores", "kpts", "kpts_sigma"):
        # Batch norm over eight cells makes rounding larger.
        torch.testing.assert_close(found[name], expected[name], rtol=1e-3, atol=2e-3)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
