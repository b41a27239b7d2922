"""Several processes that train one network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

torch = pytest.importorskip("torch")

from tiny import draw, settings  # noqa: E402

# What both processes do, one thing after another, as most of the time goes into their start.
#
# First the gradients of a batch; the first process makes them alone, too. Batch norms use their statistics, as those of
# a batch would differ between one and two; with a cache a mosaic may take any picture, not only those of the own part
# of the batch.
#
# Then trainings where one of the two has no more memory, once, at some place in the second batch of the first epoch;
# in the last of them half a batch does not help.
CODE = """
import json, os, sys, torch
from poise.datasets import open_dataset, scan
from poise.networks import build
from poise.training import Augmentation, Loader, PoseLoss, loop, settings_of, step
from poise.training.callbacks import Callbacks
from poise.training.devices import Group, join, leave

torch.set_num_threads(1)
words = json.loads(sys.argv[1])

def gradients(group):
    torch.manual_seed(0)
    network = build("yolo26", "n", 1, (4, 3)).train()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    data = open_dataset(words["data"])
    loader = Loader(data, scan(data), imgsz=64, batch=8 // group.world, augmentation=Augmentation(), cache="ram",
                    rank=group.rank, world=group.world)
    batch = next(iter(loader.epoch(0)))
    loss = PoseLoss(network, sigmas=[0.25] * 4, epochs=10, add=group.sum)
    losses = loss(network(batch.images.float() / 255), batch.targets, (64, 64), 0)
    losses.total.backward()
    group.sum_gradients(network)
    items = group.sum(torch.stack(list(losses.items.values())))
    return {"items": items, **{n: p.grad for n, p in network.named_parameters()}}

group = join("cpu")
together = gradients(group)
if group.rank == 0:
    torch.save([gradients(Group()), together], sys.argv[2])
# A group whose threads still run when Python ends can end the process with an error.
leave()

rank, port = os.environ["RANK"], int(os.environ["MASTER_PORT"])
places = {"forward": (loop, "forward"), "loss": (PoseLoss, "_boxes"), "backward": (step.Precision, "backward"),
          "step": (step.Precision, "step")}
calls = 0

def spoiled(function):
    def call(*arguments, **more):
        global calls
        calls += 1
        if rank == "1" and calls == 2:
            raise torch.OutOfMemoryError("no more memory")
        return function(*arguments, **more)
    return call

def pretend(training):  # a GPU, which may go on with half a batch
    training.device = "cuda"

def stop(training):
    training.device = "cpu"

events = {"on_train_batch_start": [pretend], "on_train_epoch_end": [stop], "on_train_epoch_start": [stop]}
for number, name in enumerate([*places, "forward"]):
    halves, calls = number < len(places), 0
    os.environ["MASTER_PORT"] = str(port + 1 + number)
    owner, attribute = places[name]
    real = getattr(owner, attribute)
    setattr(owner, attribute, spoiled(real))
    try:
        done = loop.train(settings_of(words), callbacks=Callbacks(events if halves else {}))
    except Exception as error:
        print(json.dumps(f"{type(error).__name__} {error}"))
    else:
        total = sum(float(p.detach().double().abs().sum()) for p in done.model.parameters())
        print(json.dumps([done.batch_size, len(done.rows), total]))
    setattr(owner, attribute, real)
"""


def start_pair(*command: str, port: int) -> list[subprocess.Popen[str]]:
    """Start two processes that train together, each with its number behind the command's words."""
    together = {
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(20_000 + (os.getpid() + port) % 20_000),
    }
    return [
        subprocess.Popen(
            [sys.executable, *command],
            env={**os.environ, "OMP_NUM_THREADS": "1", "RANK": rank, "LOCAL_RANK": rank, **together},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in ("0", "1")
    ]


@pytest.mark.slow
def test_training_with_two_processes_leaves_one_run(tmp_path: Path) -> None:
    file = draw(tmp_path / "data")
    words = ["--model=yolov8n-pose", "--imgsz=64", "--batch=2", "--epochs=1", "--workers=0", "--device=cpu"]
    words += [f"--data={file}", f"--project={tmp_path / 'runs'}", "--no-plots"]
    processes = start_pair("-m", "poise", "train", *words, port=1)
    said = [process.communicate(timeout=400) for process in processes]

    assert [process.returncode for process in processes] == [0, 0], said
    assert (tmp_path / "runs/train/weights/best.pt").is_file()
    assert not (tmp_path / "runs/train2").exists()
    assert said[1][1] == ""  # only the first speaks


PLACES = ("forward", "loss", "backward", "step")


class Pair(NamedTuple):
    """What two processes left behind."""

    gradients: Path  # of the first alone, and of both
    ends: list[list[Any]]  # what each says at the end of each training


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Run :data:`CODE` in two processes."""
    folder = tmp_path_factory.mktemp("pair")
    words = json.dumps(settings(draw(folder / "data", train=8), batch=4, nbs=4, epochs=1, val=False))
    processes = start_pair("-c", CODE, words, str(folder / "gradients.pt"), port=10)
    try:
        printed = [process.communicate(timeout=400) for process in processes]
    finally:
        for process in processes:
            process.kill()
    results = [[json.loads(line) for line in lines.splitlines()] for lines, _ in printed]
    assert [len(lines) for lines in results] == [len(PLACES) + 1] * 2, printed
    return Pair(folder / "gradients.pt", results)


@pytest.mark.slow
def test_two_processes_have_the_gradients_of_one_with_the_doubled_batch(pair: Pair) -> None:
    alone, together = torch.load(pair.gradients)

    for name, gradient in alone.items():
        # The same sums in another order.
        torch.testing.assert_close(together[name], gradient, rtol=1e-3, atol=1e-4 * float(gradient.abs().max()) + 1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_all_processes_halve_the_batch_when_one_has_no_more_memory(pair: Pair, place: str) -> None:
    one, other = (results[PLACES.index(place)] for results in pair.ends)

    assert one == other
    assert one[:2] == [2, 1]


@pytest.mark.slow
def test_all_processes_end_where_half_a_batch_does_not_help(pair: Pair) -> None:
    ends = [results[-1] for results in pair.ends]

    assert all("PoiseError not enough memory for batches of 4 pictures" in words for words in ends)
