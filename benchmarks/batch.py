"""Batches: how workers scale, what bookkeeping costs, what memory is used, and whether kills change a byte.

    python benchmarks/batch.py scale overhead manifest memory     # each is a table
    python benchmarks/batch.py kills --kills 100 --items 2000     # SIGKILL of workers and parents at random
    python benchmarks/batch.py ray --items 200                    # two nodes, one of them lost twice; needs Ray

Rates and costs are differences between a long and a short run, so that opening the model is not counted.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _common import ROOT, arguments, save, table, versions

sys.path.append(str(ROOT / "tests/batch"))

from batch_kit import call, children, environment, shards, storm, write_items

from poise import samples
from poise.batch import Progress, run_batch

PARTS = ("scale", "overhead", "manifest", "memory", "kills", "ray")
_PICTURES = (samples.runner, samples.hand)

# A loop as users write it: one picture after the other, rows into one file.
_LOOP = """
import sys
from poise import Pose
from poise.sinks import ParquetSink
model = Pose(sys.argv[1], threads=1)
with ParquetSink(sys.argv[2], overwrite=True) as sink:
    for path in sys.argv[3:]:
        for result in model.predict(path, stream=True, verbose=False):
            sink.write(result)
"""


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=list(PARTS[:4]))
    parser.add_argument("--model", default="body-fast")
    parser.add_argument("--items", type=int, help="items of the part; each has its own number unless given")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rows: dict[str, Any] = {}
    print(versions())
    for part in asked.parts:
        with tempfile.TemporaryDirectory(prefix="poise-batch-") as folder:
            rows[part] = globals()[part](asked, Path(folder))
        table(rows[part], title=part)
    save(asked.json, rows=rows)


def pictures(folder: Path, count: int) -> Path:
    """Write so many pictures: copies of two small ones; returns their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        shutil.copy(_PICTURES[i % len(_PICTURES)], folder / f"{i:06d}.jpg")
    return folder


def rate(sources: Path, out: Path, **arguments: Any) -> float:
    """Return items a second of a batch, from when all workers have begun to when the first has nothing more to do."""
    seen: list[tuple[float, int]] = []

    def watch(progress: Progress) -> None:
        if all(worker.done for worker in progress.workers) and progress.left > len(progress.workers):
            seen.append((progress.seconds, progress.done))

    run_batch(sources, out, page=False, on_progress=watch, **arguments)
    (began, first), (ended, last) = seen[0], seen[-1]
    return (last - first) / (ended - began)


def scale(asked: Any, folder: Path) -> list[dict[str, Any]]:
    """Items a second, and the processor time of an item: on a machine that others use too, only the latter tells."""
    most = asked.items or 200
    sources = {count: pictures(folder / f"in{count}", count) for count in (most // 4, most)}
    rates: dict[int, list[float]] = {1: [], 2: []}
    costs: dict[int, list[float]] = {1: [], 2: []}
    waits = write_items(folder / "items", most)
    for turn in range(3):
        for workers in rates:
            out = folder / f"out{workers}-{turn}"
            rates[workers].append(rate(sources[most], out, model=asked.model, workers=workers))
            spent = [
                cpu_of(call([sources[count]], out / f"cpu{count}", model=asked.model, workers=workers, page=False))
                for count in (most // 4, most)
            ]
            costs[workers].append((spent[1] - spent[0]) / (most - most // 4))
    best = {workers: max(found) for workers, found in rates.items()}
    cost = {workers: min(found) for workers, found in costs.items()}
    pauses = {
        workers: rate(waits, folder / f"pause{workers}", work="batch_kit:people", pause=0.1, workers=workers)
        for workers in rates
    }
    return [
        {
            "workers": workers,
            "items/s, best of 3": round(best[workers], 2),
            "of one": round(best[workers] / best[1], 2),
            "CPU ms an item": round(1e3 * cost[workers], 1),
            "of one, with a core each": round(workers * cost[1] / cost[workers], 2),
            "of one, items that only wait": round(pauses[workers] / pauses[1], 2),
        }
        for workers in rates
    ]


def cpu_of(command: list[str]) -> float:
    """Run a command; returns the CPU seconds of it and of all that it started."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment(), check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def overhead(asked: Any, folder: Path) -> list[dict[str, Any]]:
    most = asked.items or 400
    least = most // 4
    sources = {count: pictures(folder / f"in{count}", count) for count in (least, most)}

    def loop(count: int) -> list[str]:
        paths = sorted(map(str, sources[count].iterdir()))
        return [sys.executable, "-c", _LOOP, asked.model, str(folder / "loop.parquet"), *paths]

    def batch(count: int) -> list[str]:
        out = folder / f"out{count}-{time.monotonic_ns()}"
        return call([sources[count]], out, model=asked.model, workers=1, page=False)

    costs: dict[str, list[float]] = {}
    for _ in range(3):
        kinds: dict[str, Callable[[int], list[str]]] = {"plain loop": loop, "batch": batch}
        for name, kind in kinds.items():
            costs.setdefault(name, []).append((cpu_of(kind(most)) - cpu_of(kind(least))) / (most - least))
    best = {name: min(found) for name, found in costs.items()}
    return [
        {
            "what": name,
            "CPU ms an item, best of 3": round(1e3 * best[name], 2),
            "all": " ".join(f"{1e3 * one:.2f}" for one in found),
            "more than the loop": f"{best[name] / best['plain loop'] - 1:+.1%}",
        }
        for name, found in costs.items()
    ]


def manifest(asked: Any, folder: Path) -> list[dict[str, Any]]:
    """What the process that runs a batch does for an item: it lists, plans, hands out, enters."""
    rows = []
    for count in (1000, asked.items or 10_000):
        sources = write_items(folder / f"in{count}", count)
        began, cpu = time.perf_counter(), time.process_time()
        report = run_batch(
            sources, folder / f"out{count}", work="batch_kit:people", format="jsonl", workers=1, page=False
        )
        wall, used = time.perf_counter() - began, time.process_time() - cpu
        rows.append(
            {
                "items": report.items,
                "CPU ms an item": round(1e3 * used / count, 3),
                "wall ms an item": round(1e3 * wall / count, 3),
                "files out": len(report.shards),
                "manifest MB": round((report.folder / "manifest.sqlite").stat().st_size / 1e6, 1),
            }
        )
    return rows


def resident(pid: int) -> float:
    """Return the memory of a process, MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def memory(asked: Any, folder: Path) -> list[dict[str, Any]]:
    """A parent and one worker, over items of which each costs the model's work."""
    rows = []
    for name, sources, more in (
        (asked.model, pictures(folder / "in", 600), {"model": asked.model}),
        ("made-up people", write_items(folder / "items", asked.items or 20_000), {"work": "batch_kit:people"}),
    ):
        command = call([sources], folder / f"out-{len(rows)}", workers=1, page=False, **more)
        running = subprocess.Popen(command, env=environment())
        seen: list[tuple[float, float]] = []
        while running.poll() is None:
            try:
                below = children(running.pid)
                # The first is the worker; that which writes shards comes after it.
                seen.append((resident(running.pid), resident(min(below)) if below else 0.0))
            except (OSError, IndexError, ValueError):
                pass
            time.sleep(0.2)
        workers = [worker for _, worker in seen if worker]
        early = max(workers[len(workers) // 5 : 2 * len(workers) // 5])
        late = max(workers[4 * len(workers) // 5 :])
        rows.append(
            {
                "work": name,
                "parent MB": round(max(parent for parent, _ in seen)),
                "worker MB, second fifth": round(early),
                "worker MB, last fifth": round(late),
                "growth": f"{late / early - 1:+.1%}",
            }
        )
    return rows


def kills(asked: Any, folder: Path) -> list[dict[str, Any]]:
    count = asked.items or 2000
    sources = write_items(folder / "in", count)
    calm, wild, log = folder / "calm", folder / "wild", folder / "log"
    more = {"work": "batch_kit:people", "page": False}
    subprocess.run(
        call([sources], calm, workers=2, pause=0.0, log=str(folder / "calm-log"), **more),
        env=environment(),
        check=True,
    )
    command = call([sources], wild, workers=2, pause=0.1, log=str(log), **more)
    told = storm(command, kills=asked.kills, seed=asked.seed, least=0.8, most=2.0)
    again = len(log.read_text(encoding="utf-8").split()) - count
    return [
        {
            "items": count,
            "workers killed": told["workers"],
            "parents killed": told["parents"],
            "starts": told["starts"],
            "items begun again": again,
            "bytes": "equal" if shards(wild) == shards(calm) else "DIFFERENT",
        }
    ]


def ray(asked: Any, folder: Path) -> list[dict[str, Any]]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    count = asked.items or 200
    sources = write_items(folder / "in", count)
    more: dict[str, Any] = {"work": "batch_kit:people", "page": False, "pause": 0.2, "workers": 2}
    run_batch(sources, folder / "calm", **more)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    lost: list[int] = []

    def lose(progress: Progress) -> None:
        if progress.left < count * (0.8 - 0.4 * len(lost)) and len(lost) < 2:
            lost.append(progress.left)
            cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
            cluster.add_node(num_cpus=1)

    began = time.perf_counter()
    report = run_batch(sources, folder / "wild", ray=cluster.address, on_progress=lose, **more)
    seconds = time.perf_counter() - began
    # What the asking process does for an item: of items that cost nothing, many less few.
    spent = []
    for many in (200, 1200):
        quick = write_items(folder / f"quick{many}", many)
        cpu = time.process_time()
        run_batch(quick, folder / f"quick-out{many}", ray=cluster.address, **{**more, "pause": 0.0})
        spent.append(time.process_time() - cpu)
    cluster.shutdown()
    return [
        {
            "items": count,
            "nodes lost": len(lost),
            "left at that time": " ".join(map(str, lost)),
            "done": report.done,
            "failed": report.failed,
            "seconds": round(seconds, 1),
            "CPU ms an item, asking process": round(spent[1] - spent[0], 2),
            "bytes": "equal" if shards(folder / "wild") == shards(folder / "calm") else "DIFFERENT",
        }
    ]


if __name__ == "__main__":
    main()
