"""What the tests and the benchmark of batches share: cheap works, and a storm that kills processes at random."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from poise.errors import SourceError
from poise.frames import Frame, Media
from poise.results import Results

HERE = Path(__file__).resolve().parent


def write_items(folder: Path, count: int) -> Path:
    """Write small files to work on; returns the pattern that names them."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        (folder / f"{i:05d}.dat").write_text(str(i), encoding="utf-8")
    return folder / "*.dat"


def found_in(source: str, seed: int, *, people: int, frame: int = 0, media: Media | None = None) -> Results:
    """Return people who depend on a number alone."""
    rng = np.random.default_rng([seed, frame])
    boxes = np.concatenate([rng.random((people, 4)) * 100, rng.random((people, 1)), np.zeros((people, 1))], axis=1)
    picture = np.zeros((4, 6, 3), np.uint8)
    media = media or Media(source, path=source)
    return Results.of(
        Frame(picture, media, frame, frame / 25), boxes, rng.random((people, 17, 2)) * 100, rng.random((people, 17))
    )


def people(source: str, pause: float = 0.0, log: str = "", frames: int = 1) -> Iterator[Results]:
    """Find made-up people in a file with a number in it: none to three in each frame."""
    if log:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(descriptor, f"{Path(source).stem}\n".encode())
        os.close(descriptor)
    seed = int(Path(source).read_text(encoding="utf-8"))
    if seed % 50 == 13:
        raise SourceError(f"{source}: unlucky")
    media = Media(source, "image" if frames == 1 else "video", path=source)
    for frame in range(frames):
        time.sleep(pause)
        yield found_in(source, seed, people=seed % 4, frame=frame, media=media)


def moody(source: str, mood: str = "", on: int = -1) -> Iterator[Results]:
    """Behave badly at one file."""
    seed = int(Path(source).read_text(encoding="utf-8"))
    if seed == on:
        if mood == "exit":
            os._exit(3)
        if mood == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if mood == "fault":
            import ctypes

            ctypes.string_at(0)
        if mood == "memory":
            raise MemoryError
        if mood == "bug":
            raise RuntimeError("a bug")
        if mood == "hang":
            time.sleep(3600)
        if mood == "endless":
            for frame in range(10**9):
                time.sleep(0.01)
                yield found_in(source, seed, people=1, frame=frame)
    yield found_in(source, seed, people=1 + seed % 3)


def once_only(source: str, folder: str = "", on: int = -1) -> Iterator[Results]:
    """End the process at one file, the first time."""
    seed = int(Path(source).read_text(encoding="utf-8"))
    mark = Path(folder, "seen")
    if seed == on and not mark.exists():
        mark.touch()
        os._exit(9)
    yield found_in(source, seed, people=1)


def call(sources: Any, out: Path, **arguments: Any) -> list[str]:
    """Return the command line of a process that runs one batch."""
    given = json.dumps({"sources": [str(one) for one in sources], "out": str(out), **arguments})
    code = "import json, sys; from poise.batch import run_batch; run_batch(**json.loads(sys.argv[1]))"
    return [sys.executable, "-c", code, given]


def environment() -> dict[str, str]:
    """Return the environment of such a process: these works can be imported in it."""
    path = os.pathsep.join([str(HERE), *(p for p in sys.path if p)])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that still live."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, rest = path.read_text(encoding="utf-8", errors="replace").rpartition(")")
        except OSError:
            continue
        fields = rest.split()
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(head.partition(" ")[0]))
    return found


def kill(pid: int) -> None:
    """End a process as the system does when it needs its memory."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def storm(command: list[str], *, kills: int, seed: int, least: float, most: float) -> dict[str, int]:
    """Run a batch to its end, and kill its process or one of its workers again and again meanwhile.

    Args:
        command: Of the batch.
        kills: How often.
        seed: Of what is killed, and when.
        least: Seconds between two kills, at least; the process has been started by then.
        most: At most.

    Returns:
        How often it was started, and what was killed: ``starts``, ``parents``, ``workers``.
    """
    rng = random.Random(seed)
    told = {"starts": 0, "parents": 0, "workers": 0}
    running: subprocess.Popen[bytes] | None = None
    while told["parents"] + told["workers"] < kills:
        if running is None or running.poll() is not None:
            if running is not None and running.returncode == 0:
                break  # done before all kills
            running = subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL)
            told["starts"] += 1
        time.sleep(rng.uniform(least, most))
        below = children(running.pid)
        if below and rng.random() < 0.6:
            kill(rng.choice(below))
            told["workers"] += 1
        else:
            kill(running.pid)
            running.wait()
            told["parents"] += 1
    if running is None or running.wait() != 0:
        subprocess.run(command, env=environment(), check=True)
        told["starts"] += 1
    return told


def shards(out: Path) -> dict[str, bytes]:
    """Return the bytes of a batch's output, by file."""
    return {path.name: path.read_bytes() for path in sorted((out / "shards").iterdir())}


def slow(source: str) -> Iterator[Results]:
    """Find made-up people, a quarter of a second each; what is begun is written into the file of a variable."""
    return people(source, pause=0.25, log=os.environ["BATCH_KIT_LOG"])
