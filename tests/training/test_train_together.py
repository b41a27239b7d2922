"""Several processes that train one network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from tiny import draw, settings  # noqa: E402

# What one process does. Batch norms use their statistics, as those of a batch would differ between one and two; with
# a cache a mosaic may take any picture, and not only those of the own part of the batch.
CODE = """
import sys, torch
torch.set_num_threads(1)
from poise.datasets import open_dataset, scan
from poise.networks import build
from poise.training import Augmentation, Loader, PoseLoss
from poise.training.devices import join, leave

group = join("cpu")
torch.manual_seed(0)
network = build("yolo26", "n", 1, (4, 3)).train()
for module in network.modules():
    if isinstance(module, torch.nn.BatchNorm2d):
        module.eval()
data = open_dataset(sys.argv[1])
loader = Loader(data, scan(data), imgsz=64, batch=6 // group.world, augmentation=Augmentation(), cache="ram",
                rank=group.rank, world=group.world)
batch = next(iter(loader.epoch(0)))
loss = PoseLoss(network, sigmas=[0.25] * 4, epochs=10, add=group.sum)
found = loss(network(batch.images.float() / 255), batch.targets, (64, 64), 0)
found.total.backward()
group.sum_gradients(network)
items = group.sum(torch.stack(list(found.items.values())))
if group.rank == 0:
    torch.save({"items": items, **{n: p.grad for n, p in network.named_parameters()}}, sys.argv[2])
# A group whose threads still run when Python ends can end the process with an error.
leave()
"""


def start(file: Path, out: Path, **environment: str) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-c", CODE, str(file), str(out)]
    return subprocess.Popen(words, env={**os.environ, "OMP_NUM_THREADS": "1", **environment})


@pytest.mark.slow
def test_two_processes_have_the_gradients_of_one_with_the_doubled_batch(tmp_path: Path) -> None:
    file = draw(tmp_path / "data")
    together = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(20_000 + os.getpid() % 20_000)}

    alone = start(file, tmp_path / "one.pt")
    pair = [start(file, tmp_path / "two.pt", RANK=str(rank), **together) for rank in (0, 1)]
    assert [process.wait(timeout=400) for process in (alone, *pair)] == [0, 0, 0]

    one, two = torch.load(tmp_path / "one.pt"), torch.load(tmp_path / "two.pt")
    for name, gradient in one.items():
        # The same sums in another order.
        torch.testing.assert_close(two[name], gradient, rtol=1e-3, atol=1e-4 * float(gradient.abs().max()) + 1e-8)


@pytest.mark.slow
def test_training_with_two_processes_leaves_one_run(tmp_path: Path) -> None:
    file = draw(tmp_path / "data")
    words = ["--imgsz=64", "--batch=2", "--epochs=1", "--workers=0", "--device=cpu", f"--project={tmp_path / 'runs'}"]
    port = str(20_000 + (os.getpid() + 1) % 20_000)
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "poise", "train", f"--data={file}", *words, "--no-plots"],
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "RANK": str(r),
                "LOCAL_RANK": str(r),
                "WORLD_SIZE": "2",
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": port,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for r in (0, 1)
    ]
    said = [process.communicate(timeout=400) for process in processes]

    assert [process.returncode for process in processes] == [0, 0], said
    assert (tmp_path / "runs/train/weights/best.pt").is_file()
    assert not (tmp_path / "runs/train2").exists()
    assert said[1][1] == b""  # only the first speaks


# One of two processes has no more memory, once, at some place in the second batch of the first epoch.
CROWDED = """
import json, sys, torch
from poise.training import loop, step
from poise.training.callbacks import Callbacks
from poise.training.run import settings_of

rank, place, halves = int(sys.argv[1]), sys.argv[2], sys.argv[3] == "halves"
torch.set_num_threads(1)
calls = 0

def spoiled(function):
    def call(*arguments, **more):
        global calls
        calls += 1
        if rank == 1 and calls == 2:
            raise torch.OutOfMemoryError("no more memory")
        return function(*arguments, **more)
    return call

if place == "forward":
    loop.forward = spoiled(loop.forward)
elif place == "loss":
    from poise.training.losses import PoseLoss
    PoseLoss._boxes = spoiled(PoseLoss._boxes)
else:
    setattr(step.Precision, place, spoiled(getattr(step.Precision, place)))

def pretend(training):  # a GPU, which may go on with half a batch
    training.device = "cuda"

def stop(training):
    training.device = "cpu"

events = {"on_train_batch_start": [pretend], "on_train_epoch_end": [stop], "on_train_epoch_start": [stop]}
try:
    done = loop.train(settings_of(json.loads(sys.argv[4])), callbacks=Callbacks(events if halves else {}))
except Exception as error:
    print(type(error).__name__, error)
    sys.exit(3)
total = sum(float(p.detach().double().abs().sum()) for p in done.model.parameters())
print(json.dumps([done.batch_size, len(done.rows), total]))
"""


def crowded(tmp_path: Path, place: str, *, halves: bool) -> list[tuple[int, str]]:
    """Train with two processes of which one has no more memory; return how each ends and what it says last."""
    words = json.dumps(settings(draw(tmp_path / "data", train=8), batch=4, nbs=4, epochs=1, val=False))
    port = str(20_000 + (os.getpid() + len(place) + 7 * halves) % 20_000)
    processes = []
    for rank in ("0", "1"):
        own = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        command = [sys.executable, "-c", CROWDED, rank, place, "halves" if halves else "", words]
        processes.append(
            subprocess.Popen(
                command, env={**os.environ, "OMP_NUM_THREADS": "1", **own}, stdout=subprocess.PIPE, text=True
            )
        )
    try:
        said = [process.communicate(timeout=240)[0].strip().splitlines() for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(process.returncode, lines[-1]) for process, lines in zip(processes, said, strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("place", ["forward", "loss", "backward", "step"])
def test_all_processes_halve_the_batch_when_one_has_no_more_memory(tmp_path: Path, place: str) -> None:
    one, other = crowded(tmp_path, place, halves=True)

    assert one == other
    assert (one[0], json.loads(one[1])[:2]) == (0, [2, 1])


@pytest.mark.slow
def test_all_processes_end_where_half_a_batch_does_not_help(tmp_path: Path) -> None:
    ends = crowded(tmp_path, "forward", halves=False)

    assert [code for code, _ in ends] == [3, 3]
    assert all("PoiseError not enough memory for batches of 4 pictures" in words for _, words in ends)
