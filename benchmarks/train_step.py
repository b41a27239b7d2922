"""Time the parts of one training step: python benchmarks/train_step.py [--model yolo26n] [--imgsz 320] [--batch 8].

A batch of random pictures with one instance each goes through a network with random weights. ``loss`` is assignment and
loss alone, and ``loss backward`` its gradient down to the head's outputs; ``backward`` goes through everything. CPU
milliseconds are of all threads together: on a shared machine they are steadier than the clock.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from _common import arguments, save, table, versions

from poise.networks import PoseNetwork, build
from poise.training import PoseLoss, Targets
from poise.training.initialisation import lay_out_memory
from poise.training.loss_terms import default_sigmas
from poise.training.optimisers import Schedule, choose_optimiser, clip_gradients, make_optimiser, set_rates
from poise.training.step import Ema


class Clock:
    """Wall and CPU time of named parts, one number a round."""

    def __init__(self, device: str) -> None:
        self.cuda = device.startswith("cuda")
        self.wall: dict[str, list[float]] = defaultdict(list)
        self.cpu: dict[str, list[float]] = defaultdict(list)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        self._settle()
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self._settle()
        self.wall[name].append(1e3 * (time.perf_counter() - wall))
        self.cpu[name].append(1e3 * (time.process_time() - cpu))

    def _settle(self) -> None:
        if self.cuda:
            torch.cuda.synchronize()

    def row(self, setting: str) -> dict[str, Any]:
        """Median CPU time of each part, and of the whole step the CPU time and the least wall time."""
        whole = [name for name in self.cpu if name != "loss backward"]  # that one is contained in backward
        times = self.wall if self.cuda else self.cpu
        return {
            "setting": setting,
            **{name: statistics.median(each) for name, each in times.items()},
            "step CPU": statistics.median(map(sum, zip(*(self.cpu[name] for name in whole), strict=True))),
            "step wall, least": min(map(sum, zip(*(self.wall[name] for name in whole), strict=True))),
        }


def random_batch(args: Any, k: int) -> tuple[torch.Tensor, Targets]:
    generator = torch.Generator().manual_seed(0)
    size = float(args.imgsz)
    rows = args.batch * args.instances
    centre = size * (0.3 + 0.4 * torch.rand(rows, 2, generator=generator))
    half = size * (0.05 + 0.2 * torch.rand(rows, 2, generator=generator))
    boxes = torch.cat((centre - half, centre + half), 1)
    points = boxes[:, None, :2] + torch.rand(rows, k, 2, generator=generator) * 2 * half[:, None]
    picture = torch.arange(args.batch).repeat_interleave(args.instances)
    visible = torch.ones(rows, k, dtype=torch.bool)
    images = torch.rand(args.batch, 3, args.imgsz, args.imgsz, generator=generator)
    return images, Targets(picture, torch.zeros_like(picture), boxes, points, visible)


def bench(args: Any, setting: str, *, laid_out: bool, optimiser: str, kind: dict[str, bool]) -> dict[str, Any]:
    torch.manual_seed(0)
    k, values = args.kpt_shape
    network: PoseNetwork = build(args.model[:-1], args.model[-1], 1, (k, values)).to(args.device)
    network.train()
    images, targets = random_batch(args, k)
    images, targets = images.to(args.device), targets.to(args.device)
    if laid_out:
        lay_out_memory(network)
        images = images.contiguous(memory_format=torch.channels_last)
    loss = PoseLoss(network, sigmas=default_sigmas((k, values)), epochs=100)
    choice = choose_optimiser(optimiser, pictures=210, batch=args.batch, epochs=30, nc=1, lr0=0.001)
    moved = make_optimiser(network, choice, weight_decay=5e-4)
    if kind:
        moved = type(moved)(moved.param_groups, **kind)
    rates = Schedule(choice, batches=27, batch=args.batch, epochs=30).at(100)
    ema = Ema(network)
    clock = Clock(args.device)
    size = (args.imgsz, args.imgsz)
    amp = torch.autocast(torch.device(args.device).type, torch.bfloat16, enabled=args.amp)
    for i in range(args.repeats + 2):
        if i == 2:
            clock = Clock(args.device)
        with clock.part("forward"), amp:
            raw = network(images)
        with clock.part("loss"):
            losses = loss(raw, targets, size, 0)
        outputs = [v for b in (raw.values() if "one2many" in raw else [raw]) for n, v in b.items() if n != "feats"]
        with clock.part("loss backward"):
            torch.autograd.grad(losses.total, outputs, retain_graph=True, allow_unused=True)
        with clock.part("backward"):
            losses.total.backward()
        with clock.part("clip"):
            clip_gradients(network)
        with clock.part("optimiser"):
            set_rates(moved, rates)
            moved.step()
            moved.zero_grad()
        with clock.part("ema"):
            ema.update(network)
        del raw, losses, outputs
    return clock.row(setting)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--model", default="yolo26n", help="family and size")
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--instances", type=int, default=1, help="a picture")
    parser.add_argument("--kpt-shape", type=int, nargs=2, default=(12, 2))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--amp", action="store_true", help="bfloat16 autocast")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=9)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    settings: list[tuple[str, bool, str, dict[str, bool]]] = [
        ("laid out, AdamW fused", True, "AdamW", {}),
        ("as built, AdamW fused", False, "AdamW", {}),
        ("laid out, AdamW foreach", True, "AdamW", {"foreach": True, "fused": False}),
        ("laid out, SGD fused", True, "SGD", {}),
        ("laid out, MuSGD", True, "MuSGD", {}),
    ]
    rows = [
        bench(args, name, laid_out=laid_out, optimiser=optimiser, kind=kind)
        for name, laid_out, optimiser, kind in settings
    ]
    print(f"{args.model}-pose, {args.batch} x 3 x {args.imgsz} x {args.imgsz}, {args.device}, {args.threads} threads")
    print(f"torch {torch.__version__}; milliseconds (CPU time, medians) of {args.repeats} steps; {versions()}")
    table(rows)
    save(args.json, rows=rows)


if __name__ == "__main__":
    main()
