"""Several processes that train one network, and one that is killed while it does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

torch = pytest.importorskip("torch")

from tiny import draw, run, same, settings  # noqa: E402

from poise.training import settings_of, train  # noqa: E402

# What both processes do, one thing after another, as most of the time goes into their start.
#
# First the gradients of a batch; the first process makes them alone, too. Batch norms use their statistics, as those of
# a batch would differ between one and two; with a cache a mosaic may take any picture, not only those of the own part
# of the batch.
#
# Then trainings where one of the two has no more memory, once, at some place in the second batch of the first epoch;
# in the last of them half a batch does not help.
#
# Then the command. At last the first one trains alone, until it is killed.
CODE = """
import json, os, signal, sys, torch
from poise.cli import main
from poise.datasets import open_dataset, scan
from poise.networks import build
from poise.training import Augmentation, Loader, PoseLoss, loop, settings_of, step
from poise.training.callbacks import Callbacks
from poise.training.devices import Group, join, leave

torch.set_num_threads(1)
words, alone, command, folder = map(json.loads, sys.argv[1:])

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
    torch.save([gradients(Group()), together], folder + "/gradients.pt")
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

os.environ["MASTER_PORT"] = str(port + 9)
print(main(command), flush=True)

if rank == "0":
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE"):
        del os.environ[name]
    die = lambda training: os.kill(os.getpid(), signal.SIGKILL) if (training.epoch, training.batch) == (1, 1) else None
    loop.train(settings_of(alone), callbacks=Callbacks({"on_train_batch_end": [die]}))
"""


def start_pair(*words: str) -> list[subprocess.Popen[str]]:
    """Start two processes that train together and run :data:`CODE`."""
    together = {
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(20_000 + 10 * os.getpid() % 20_000),
    }
    return [
        subprocess.Popen(
            [sys.executable, "-c", CODE, *words],
            env={**os.environ, "OMP_NUM_THREADS": "1", "RANK": rank, "LOCAL_RANK": rank, **together},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in ("0", "1")
    ]


PLACES = ("forward", "loss", "backward", "step")


class Pair(NamedTuple):
    """What two processes left behind."""

    folder: Path
    ends: list[list[Any]]  # what each says at the end of each training, and at last the command's exit code
    said: list[str]  # all that each writes to stderr
    codes: list[int]  # with which they ended


@pytest.fixture(scope="module")
def pair(cards: Path, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Run :data:`CODE` in two processes."""
    folder = tmp_path_factory.mktemp("pair")
    together = settings(
        draw(folder / "data", train=8), batch=4, nbs=4, epochs=1, val=False, project=str(folder / "halved")
    )
    alone = settings(cards, name="killed", model="yolo26n-pose", project=str(folder))
    command = ["train", f"--data={cards}", "--model=yolov8n-pose", "--imgsz=64", "--batch=2", "--epochs=1"]
    command += ["--workers=0", "--device=cpu", "--no-plots", f"--project={folder / 'runs'}"]
    processes = start_pair(*(json.dumps(part) for part in (together, alone, command, str(folder))))
    try:
        printed = [process.communicate(timeout=400) for process in processes]
    finally:
        for process in processes:
            process.kill()
    # The command prints its best checkpoint.
    results = [[json.loads(line) for line in out.splitlines() if not line.endswith(".pt")] for out, _ in printed]
    assert [len(lines) for lines in results] == [len(PLACES) + 2] * 2, printed
    return Pair(folder, results, [said for _, said in printed], [process.returncode for process in processes])


@pytest.mark.slow
def test_two_processes_have_the_gradients_of_one_with_the_doubled_batch(pair: Pair) -> None:
    alone, together = torch.load(pair.folder / "gradients.pt")

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
    ends = [results[len(PLACES)] for results in pair.ends]

    assert all("PoiseError not enough memory for batches of 4 pictures" in words for words in ends)


@pytest.mark.slow
def test_training_with_two_processes_leaves_one_run(pair: Pair) -> None:
    assert [results[-1] for results in pair.ends] == [0, 0]
    assert (pair.folder / "runs/train/weights/best.pt").is_file()
    assert not (pair.folder / "runs/train2").exists()
    assert "epoch 1/1" in pair.said[0]
    assert pair.said[1] == ""  # only the first speaks


@pytest.fixture(scope="module")
def whole(cards: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The training that was killed, without a break."""
    return run(cards, model="yolo26n-pose", project=str(tmp_path_factory.mktemp("runs")))


@pytest.mark.slow
def test_killed_training_resumes_exactly(pair: Pair, whole: Any) -> None:
    killed = pair.folder / "killed"

    resumed = train(settings_of({"resume": str(killed / "weights/last.pt")}))

    assert pair.codes == [-signal.SIGKILL, 0]
    assert type(resumed.optimizer).__name__ == "MuSGD"
    assert same(whole, resumed)
    tables = [(folder / "results.csv").read_text().splitlines() for folder in (whole.save_dir, killed)]
    assert len(tables[0]) == len(tables[1]) == 3


def test_no_plots_leaves_none(whole: Any) -> None:
    assert not [path for path in whole.save_dir.iterdir() if path.suffix in (".png", ".jpg")]
