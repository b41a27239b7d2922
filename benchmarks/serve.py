"""What a server adds to the network's own time: python benchmarks/serve.py [--minutes 60]

Loopback only. One WebSocket client at 640x480: latency from sending a JPEG frame to its answer, against the time of the
same network on the same frames without a server. Four clients that ask as fast as they are answered: each one's share.
POST /predict against the library: pictures a second, and the processor's time for one, which other programs on the
machine change less. And the memory of the server's process over some minutes of clients that come, look and go.

The server runs in a process of its own, as it does for users, so that clients do not share its interpreter.
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from _common import arguments, save, table
from websockets.sync.client import connect

from poise import Pose, samples
from poise.image import encode, resize
from poise.live import Stream, StreamSettings
from poise.sources import decode_picture, open_source

MODEL = "body-fast"


def frames(count: int) -> list[bytes]:
    """Return frames of a bundled clip as JPEG of 640x480, quality 95."""
    with open_source(samples.squats) as source:
        images = [resize(frame.image, (640, 480)) for frame, _ in zip(source, range(count), strict=False)]
    return [encode(image, ".jpg") for image in images]


@contextmanager
def server(*words: str) -> Iterator[tuple[str, int]]:
    """Run ``poise serve``; gives its address without the scheme, and the number of its process."""
    begun = subprocess.Popen(
        [sys.executable, "-m", "poise", "serve", "--port", "0", *words], stdout=subprocess.PIPE, text=True
    )
    try:
        assert begun.stdout is not None
        yield begun.stdout.readline().strip().removeprefix("http://"), begun.pid
    finally:
        begun.terminate()
        begun.wait(60)


@contextmanager
def client(address: str) -> Iterator[Any]:
    """Connect, and wait until the server is ready."""
    with connect(f"ws://{address}/stream", compression=None) as socket:
        socket.send(json.dumps({"type": "settings", "model": MODEL}))
        json.loads(socket.recv(timeout=120))
        yield socket


def asked(socket: Any, data: bytes, number: int) -> tuple[float, dict[str, Any]]:
    """Send a frame and wait for its answer; returns the seconds between, and the answer."""
    started = time.perf_counter()
    socket.send(b"PSF1" + struct.pack("<dI", number / 30, number) + data)
    text = socket.recv(timeout=120)
    taken = time.perf_counter() - started
    answer = json.loads(text)
    assert answer["type"] == "answer", answer
    return taken, answer


def in_turn(address: str, pictures: list[bytes], count: int, model: Pose) -> dict[str, Any]:
    """Measure one client and the library, a frame of each in turn, so that both meet the same machine."""
    stream = Stream(StreamSettings(model=MODEL), model=model)
    over, inside, alone, decoding = [], [], [], []
    with client(address) as socket:
        for number in range(count):
            data = pictures[number % len(pictures)]
            taken, answer = asked(socket, data, number)
            started = time.perf_counter()
            image = decode_picture(data)
            decoded = time.perf_counter()
            found = stream.process(image, number / 30)
            ended = time.perf_counter()
            if number < 10:
                continue  # the first frames look for people anew, and warm up
            over.append(taken * 1e3)
            inside.append(sum(answer["speed"].values()))
            decoding.append((decoded - started) * 1e3)
            alone.append((ended - decoded) * 1e3)
            assert len(found.result) == len(answer["result"]["instances"])
    network = statistics.median(alone)
    median, p99 = statistics.median(over), float(np.quantile(over, 0.99))
    return {
        "frames": len(over),
        "median ms": round(median, 1),
        "p99 ms": round(p99, 1),
        "library ms": round(network, 1),
        "library p99 ms": round(float(np.quantile(alone, 0.99)), 1),
        "decode ms": round(statistics.median(decoding), 1),
        "in the server ms": round(statistics.median(inside), 1),
        "added ms": round(median - network, 1),
        "aim: + 10 ms": "met" if median <= network + 10 else "missed",
        "aim: p99 <= 3 x median": "met" if p99 <= 3 * median else "missed",
    }


def shares(address: str, pictures: list[bytes], seconds: float) -> dict[str, Any]:
    """Have four clients ask as fast as they are answered, one of them without waiting for answers."""
    counts = [0] * 4
    end = time.perf_counter() + seconds

    def ask(who: int) -> None:
        with client(address) as socket:
            while time.perf_counter() < end:
                for ahead in range(4 if who == 0 else 1):  # the first one always has frames to spare
                    number = counts[who] * 4 + ahead
                    socket.send(b"PSF1" + struct.pack("<dI", number / 30, number) + pictures[number % len(pictures)])
                json.loads(socket.recv(timeout=120))
                counts[who] += 1

    together([lambda who=who: ask(who) for who in range(4)])
    least = min(counts) / (sum(counts) / 4)
    return {
        "clients": 4,
        "frames/s": round(sum(counts) / seconds, 1),
        "each": " ".join(map(str, counts)),
        "least share": f"{least:.0%}",
        "aim: 70 %": "met" if least >= 0.7 else "missed",
    }


def posts(address: str, process: int, data: bytes, count: int, model: Pose) -> list[dict[str, Any]]:
    """Measure pictures a second: the library, one client after another picture, four clients together."""

    def library() -> None:
        from poise.sinks import record

        for _ in range(count):
            json.dumps(record(model.predict(data, verbose=False)[0]))

    def ask(number: int) -> None:
        host, _, port = address.partition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=120)
        for _ in range(number):
            connection.request("POST", f"/predict?model={MODEL}", data, {"Content-Type": "image/jpeg"})
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, body

    ways = {
        "library, one thread": (library, count),
        "POST, one client": (lambda: ask(count), count),
        "POST, four clients": (lambda: together([lambda: ask(count // 4)] * 4), count // 4 * 4),
    }
    ask(4)
    rates: dict[str, list[float]] = {name: [] for name in ways}
    worked: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(3):  # in turn, so that all meet the same machine
        for name, (way, pictures) in ways.items():
            worker = os.getpid() if name.startswith("library") else process
            started, before = time.perf_counter(), processor(worker)
            way()
            rates[name].append(pictures / (time.perf_counter() - started))
            worked[name].append((processor(worker) - before) / pictures * 1e3)
    own = statistics.median(rates["library, one thread"])
    return [
        {
            "way": name,
            "pictures/s": round(statistics.median(found), 1),
            "processor ms": round(statistics.median(worked[name]), 1),
            "of the library": f"{statistics.median(found) / own:.0%}",
            "aim: 90 %": ""
            if name.startswith("library")
            else "met"
            if statistics.median(found) >= 0.9 * own
            else "missed",
        }
        for name, found in rates.items()
    ]


def together(works: list[Any]) -> None:
    """Do several things at the same time."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def memory(process: int) -> float:
    """Return the memory that a process holds, MiB; Linux only."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def processor(process: int) -> float:
    """Return the time that a process has had on all cores together, seconds; Linux only."""
    try:
        parts = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def over_time(address: str, process: int, pictures: list[bytes], minutes: float) -> dict[str, Any]:
    """Have clients come, look and go, pictures be posted and broken frames be sent, and look at the memory."""
    end = time.perf_counter() + minutes * 60
    found: list[float] = []
    sessions = 0
    while time.perf_counter() < end:
        with client(address) as socket:
            for number in range(60):
                asked(socket, pictures[number % len(pictures)], number)
            socket.send(pictures[0][:500])
            socket.recv(timeout=120)
        host, _, port = address.partition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=120)
        connection.request("POST", "/predict", pictures[0])
        connection.getresponse().read()
        connection.close()
        sessions += 1
        found.append(memory(process))
    third = max(1, len(found) // 3)
    return {
        "minutes": minutes,
        "sessions": sessions,
        "MiB at the begin": round(statistics.mean(found[:third]), 1),
        "MiB at the end": round(statistics.mean(found[-third:]), 1),
        "most MiB": round(max(found), 1),
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=1.0)
    options = parser.parse_args()
    pictures = frames(60)
    threads = os.environ.get("POISE_THREADS", "")
    words = ("--threads", threads) if threads else ()
    with server(*words) as (address, process), Pose(MODEL, threads=int(threads) if threads else None) as model:
        live = [in_turn(address, pictures, options.frames, model)]
        table(live, title="One WebSocket client, 640x480")
        fair = [shares(address, pictures, 10.0)]
        table(fair, title="Four clients")
        posted = posts(address, process, pictures[0], 60, model)
        table(posted, title="POST /predict, 640x480")
        held = []
        if Path("/proc/self/status").exists() and options.minutes > 0:
            held = [over_time(address, process, pictures, options.minutes)]
            table(held, title="Memory of the server")
    save(options.json, live=live, fair=fair, posted=posted, held=held)


if __name__ == "__main__":
    main()
