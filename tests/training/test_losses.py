"""Assignment and losses on small cases, odd cases, and at the size of a crowd."""

import math
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from spreads import default_sigmas  # noqa: E402

from poise.networks import PoseNetwork, build  # noqa: E402
from poise.training import Gains, PoseLoss, Targets  # noqa: E402
from poise.training import assignment as room  # noqa: E402
from poise.training import loss_terms as points  # noqa: E402
from poise.training.assignment import Predicted, assign, candidates, grid  # noqa: E402
from poise.training.losses import branch_weights  # noqa: E402

SIZE = (64, 96)


def maps(size: tuple[int, int] = SIZE, batch: int = 1) -> list[torch.Tensor]:
    return [torch.zeros(batch, 1, size[0] // s, size[1] // s) for s in (8, 16, 32)]


def targets(boxes: list[list[float]], picture: list[int] | None = None, *, k: int = 3, nc: int = 1) -> Targets:
    generator = torch.Generator().manual_seed(0)
    xyxy = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    share = torch.rand(len(xyxy), k, 2, generator=generator)
    points = xyxy[:, None, :2] + share * (xyxy[:, None, 2:] - xyxy[:, None, :2])
    return Targets(
        torch.tensor(picture if picture is not None else [0] * len(xyxy), dtype=torch.long),
        torch.arange(len(xyxy)) % nc,
        xyxy,
        points,
        torch.ones(len(xyxy), k, dtype=torch.bool),
    )


def raw(network: PoseNetwork, batch: int, dtype: Any = torch.float32, size: tuple[int, int] = SIZE) -> dict[str, Any]:
    """Random outputs of a head."""
    generator = torch.Generator().manual_seed(1)
    feats = maps(size, batch)
    count = sum(level[0, 0].numel() for level in feats)
    k, values = network.kpt_shape
    rows = {"boxes": 64, "scores": network.nc, "kpts": k * values}
    if network.family == "yolo26":
        rows |= {"boxes": 4, "kpts_sigma": 2 * k}

    def branch() -> dict[str, Any]:
        outputs = {n: torch.randn(batch, c, count, generator=generator).to(dtype) for n, c in rows.items()}
        return {**{n: value.requires_grad_() for n, value in outputs.items()}, "feats": feats}

    return {"one2many": branch(), "one2one": branch()} if network.family == "yolo26" else branch()


def leaves(outputs: dict[str, Any]) -> list[torch.Tensor]:
    branches = list(outputs.values()) if "one2many" in outputs else [outputs]
    return [value for branch in branches for name, value in branch.items() if name != "feats"]


def make(family: str, kpt_shape: tuple[int, int] = (3, 3), nc: int = 1) -> tuple[PoseNetwork, PoseLoss]:
    network = build(family, "n", nc, kpt_shape, empty=True)
    if family == "yolo26":
        network.head.flow_model = build("yolo26", "n", 1, (1, 2)).head.flow_model
    return network, PoseLoss(network, sigmas=default_sigmas(kpt_shape), epochs=10)


def check_finite(family: str, truth: Targets, batch: int, **shape: Any) -> dict[str, float]:
    network, loss = make(family, **shape)
    outputs = raw(network, batch)

    losses = loss(outputs, truth, SIZE, 0)
    losses.total.backward()

    assert math.isfinite(losses.total.item())
    for value in leaves(outputs):
        assert value.grad is not None
        assert value.grad.isfinite().all()
    return {name: value.item() for name, value in losses.items.items()}


FAMILIES = pytest.mark.parametrize("family", ["yolov8", "yolo11", "yolo26"])


@FAMILIES
def test_a_batch_without_targets_trains_only_the_scores(family: str) -> None:
    items = check_finite(family, targets([]), 2)

    assert items.pop("cls") > 0
    assert set(items.values()) == {0.0}


@FAMILIES
def test_pictures_without_targets_between_others(family: str) -> None:
    check_finite(family, targets([[8, 8, 60, 60], [20, 4, 90, 50]], [1, 3]), 5)


@FAMILIES
def test_instances_without_a_visible_keypoint(family: str) -> None:
    truth = targets([[8, 8, 60, 60], [20, 4, 90, 50]], [0, 1])
    truth.visible[:] = False

    items = check_finite(family, truth, 2)

    assert items["pose"] == 0
    assert items["box"] > 0
    assert items.get("rle", 0) == 0


@FAMILIES
@pytest.mark.parametrize("kpt_shape", [(1, 2), (12, 2), (17, 3), (133, 3)])
def test_other_keypoints_and_several_classes(family: str, kpt_shape: tuple[int, int]) -> None:
    truth = targets([[8, 8, 60, 60], [20, 4, 90, 50], [0, 0, 96, 64]], [0, 0, 1], k=kpt_shape[0], nc=3)

    items = check_finite(family, truth, 2, kpt_shape=kpt_shape, nc=3)

    assert (items["kobj"] == 0) == (kpt_shape[1] == 2)


@FAMILIES
def test_a_box_without_area(family: str) -> None:
    check_finite(family, targets([[20, 20, 20, 20], [0, 0, 0, 64]]), 1)


@FAMILIES
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_outputs_give_float32_losses(family: str, dtype: Any) -> None:
    network, loss = make(family)
    outputs = raw(network, 2, dtype)
    truth = targets([[8, 8, 60, 60], [20, 4, 90, 50]], [0, 1])

    with torch.autocast("cpu", torch.bfloat16):
        losses = loss(outputs, truth, SIZE, 0)
    losses.total.backward()

    assert losses.total.dtype == torch.float32
    expected = loss(outputs, truth, SIZE, 0).total
    assert torch.equal(losses.total, expected)
    assert all(value.grad.dtype == dtype and value.grad.isfinite().all() for value in leaves(outputs))


@FAMILIES
def test_extreme_outputs_stay_finite(family: str) -> None:
    network, loss = make(family)
    outputs = raw(network, 1)
    with torch.no_grad():
        for value in leaves(outputs):
            value *= 1000

    losses = loss(outputs, targets([[8, 8, 60, 60]]), SIZE, 0)
    losses.total.backward()

    assert losses.total.isfinite()


def test_many_keypoints_taken_in_parts_give_the_same_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    network, loss = make("yolo26")
    truth = targets([[8, 8, 60, 60], [20, 4, 90, 50]], [0, 1])
    gradients = []
    for at_once in (1 << 15, 7):
        monkeypatch.setattr(points, "_AT_ONCE", at_once)
        network.zero_grad()
        loss(raw(network, 2), truth, SIZE, 0).total.backward()
        gradients.append([p.grad.clone() for p in network.head.flow_model.parameters()])

    for whole, parts in zip(*gradients, strict=True):
        torch.testing.assert_close(whole, parts, rtol=1e-4, atol=1e-4)


def test_gains_scale_their_component() -> None:
    network, loss = make("yolo26")
    outputs, truth = raw(network, 1), targets([[8, 8, 60, 60]])
    doubled = PoseLoss(network, sigmas=default_sigmas((3, 3)), gains=Gains(15, 1, 3, 24, 2, 2), epochs=10)

    before, after = loss(outputs, truth, SIZE, 0), doubled(outputs, truth, SIZE, 0)

    assert after.total.item() == pytest.approx(2 * before.total.item(), rel=1e-5)


def test_a_wrong_number_of_sigmas_is_refused() -> None:
    with pytest.raises(ValueError, match="3 positive numbers"):
        PoseLoss(make("yolo26")[0], sigmas=[0.1, 0.1], epochs=10)


def test_branch_weights_end_with_the_one_to_one_branch() -> None:
    assert branch_weights(0, 100) == pytest.approx({"one2many": 0.8, "one2one": 0.2})
    assert branch_weights(99, 100) == pytest.approx({"one2many": 0.1, "one2one": 0.9})
    assert branch_weights(0, 1) == pytest.approx({"one2many": 0.8, "one2one": 0.2})


def test_candidates_are_the_cells_whose_middle_is_inside() -> None:
    cells = grid(maps())

    inside = candidates(torch.tensor([[4.0, 4.0, 28.0, 28.0]]), cells, gated=False)[0]

    fine = inside[:96].view(8, 12).nonzero().tolist()
    assert fine == [[1, 1], [1, 2], [2, 1], [2, 2]]  # a middle on the box's edge is outside
    assert inside[96:120].view(4, 6).nonzero().tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert inside[120:].nonzero().flatten().tolist() == [0]


def test_a_small_box_is_widened_to_sixteen_pixels() -> None:
    cells = grid(maps())

    inside = candidates(torch.tensor([[39.0, 39.0, 41.0, 41.0]]), cells, gated=False)[0]

    assert inside[:96].view(8, 12).nonzero().tolist() == [[4, 4], [4, 5], [5, 4], [5, 5]]


def test_the_gate_leaves_levels_out_whose_cells_are_too_large_or_small() -> None:
    cells = grid(maps((256, 256)))
    boxes = torch.tensor([[50.0, 50.0, 80.0, 80.0], [0.0, 0.0, 250.0, 250.0]])

    levels = [part.any(1).tolist() for part in candidates(boxes, cells, gated=True).split([1024, 256, 64], 1)]

    assert levels == [[True, False], [False, False], [False, True]]


def test_a_box_that_the_gate_empties_keeps_its_other_cells() -> None:
    # 8 pixels a side: the gate leaves the finest level alone, which has no cells here.
    cells = grid([torch.zeros(1, 1, 0, 0), *maps()[1:]])
    box = torch.tensor([[20.0, 20.0, 28.0, 28.0]])

    assert candidates(box, cells, gated=True).any()


def random_predicted(batch: int, count: int, k: int, nc: int, by_keypoints: bool) -> Predicted:
    generator = torch.Generator().manual_seed(5)
    keypoints = torch.randn(batch, 3 * k, count, generator=generator) if by_keypoints else None
    return Predicted(
        torch.randn(batch, nc, count, generator=generator),
        4 * torch.rand(batch, 4, count, generator=generator),
        keypoints,
    )


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 80), st.integers(0, 50), st.integers(1, 96), st.integers(1, 64))
    ),
    st.booleans(),
    st.booleans(),
)
def test_every_cell_learns_one_instance_in_whose_picture_it_lies(
    found: list[tuple[int, int, int, int, int]], by_keypoints: bool, single: bool
) -> None:
    found.sort()
    truth = targets([[x, y, x + w, y + h] for _, x, y, w, h in found], [row[0] for row in found])
    cells = grid(maps(batch=3))
    predicted = random_predicted(3, len(cells), 3, 1, by_keypoints)

    result = assign(truth, predicted, cells, sigmas=torch.full((3,), 0.2), topk=10, single=single)

    assert torch.equal(truth.picture[result.target], result.picture)
    assert len({*zip(result.picture.tolist(), result.cell.tolist(), strict=True)}) == len(result)
    assert candidates(truth.boxes, cells, gated=by_keypoints)[result.target, result.cell].all()
    assert ((result.score >= 0) & (result.score <= 1)).all()
    if single:
        assert len(set(result.target.tolist())) == len(result)


@pytest.mark.parametrize("by_keypoints", [False, True])
def test_targets_taken_in_parts_give_the_same(by_keypoints: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(2)
    corner = torch.rand(40, 2, generator=generator) * torch.tensor([70.0, 40.0])
    extent = torch.rand(40, 2, generator=generator) * 40 + 4
    truth = targets(torch.cat((corner, corner + extent), 1).tolist(), [i // 20 for i in range(40)])
    cells = grid(maps(batch=2))
    predicted = random_predicted(2, len(cells), 3, 1, by_keypoints)
    whole = assign(truth, predicted, cells, sigmas=torch.full((3,), 0.2))

    monkeypatch.setattr(room, "_AT_ONCE", 3 * len(cells))
    parts = assign(truth, predicted, cells, sigmas=torch.full((3,), 0.2))

    for name in ("picture", "cell", "target", "score"):
        assert torch.equal(getattr(whole, name), getattr(parts, name))


def test_a_perfect_prediction_is_asked_for_a_score_of_one() -> None:
    truth = targets([[16, 16, 80, 48]])
    cells = grid(maps())
    count = len(cells)
    sides = torch.cat(
        (
            cells.points - truth.boxes[0, :2] / cells.strides[:, None],
            truth.boxes[0, 2:] / cells.strides[:, None] - cells.points,
        ),
        1,
    )
    keypoints = truth.keypoints[0].flatten() / cells.strides[:, None] - cells.points.repeat(1, 3)
    predicted = Predicted(torch.zeros(1, 1, count), sides.T[None], keypoints.T[None])

    result = assign(truth, predicted, cells, sigmas=torch.full((3,), 0.1), single=True)

    assert len(result) == 1
    assert result.score.item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("by_keypoints", [False, True])
def test_a_crowd_fits_and_finds_cells(by_keypoints: bool) -> None:
    generator = torch.Generator().manual_seed(3)
    corner = torch.rand(600, 2, generator=generator) * 560
    extent = torch.rand(600, 2, generator=generator) * 60 + 10
    truth = targets(torch.cat((corner, corner + extent), 1).tolist(), [i // 300 for i in range(600)], k=17)
    cells = grid(maps((640, 640), 2))

    result = assign(truth, random_predicted(2, len(cells), 17, 1, by_keypoints), cells, sigmas=torch.full((17,), 0.5))

    assert len(set(result.target.tolist())) > 300
