"""Time the safe reader against torch.load: python benchmarks/read_checkpoint.py [--repeats 9].

The original package's files cannot be opened by torch.load without that package, so the same network is written twice:
as the package does (a pickled module with stand-in classes, which torch.load may import here) and as a state dict.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from poise.networks import load, read_checkpoint

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "networks"))
from network_files import places, random_network, save_published


def bench(call: Callable[[], Any], repeats: int) -> str:
    """Return minimum and median of CPU milliseconds."""
    call()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(1e3 * (time.process_time() - start))
    return f"{min(times):7.1f} min {statistics.median(times):7.1f} median"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--scale", default="n")
    repeats, scale = parser.parse_args().repeats, parser.parse_args().scale
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread, {repeats} repeats, CPU milliseconds")
    with tempfile.TemporaryDirectory() as folder:
        for family in ("yolov8", "yolo11", "yolo26"):
            network = random_network(family, scale)
            module = save_published(Path(folder) / "module.pt", network)
            plain = Path(folder) / "plain.pt"
            torch.save({k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}, plain)
            print(f"{family}{scale}-pose, {module.stat().st_size / 1e6:.1f} MB, {len(network.state_dict())} tensors")
            print(f"  module      torch.load          {_trusting(module, repeats)}")
            print(f"  module      read_checkpoint     {bench(lambda m=module: read_checkpoint(m), repeats)}")
            print(
                f"  state dict  torch.load          {bench(lambda p=plain: torch.load(p, weights_only=False), repeats)}"
            )
            print(
                f"  state dict  torch.load, safe    {bench(lambda p=plain: torch.load(p, weights_only=True), repeats)}"
            )
            print(f"  state dict  read_checkpoint     {bench(lambda p=plain: read_checkpoint(p), repeats)}")
            print(f"  module      load: network ready {bench(lambda m=module: load(m), repeats)}")


def _trusting(module: Path, repeats: int) -> str:
    with places({}):
        return bench(lambda: torch.load(module, weights_only=False), repeats)


if __name__ == "__main__":
    main()
