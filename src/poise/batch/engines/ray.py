"""Workers as actors of a Ray cluster: they hold the models, and what they find is kept by the process that asked.

Nodes need Poise and, unless sources are addresses, the same files under the same paths. They write nothing into the
folder of the batch, so it need not be shared: rows come back as they are found, a few at a time, and go into journals
like those of processes. Ray decides where actors run, and adds nodes where it is set up to.
"""

from __future__ import annotations

import hashlib
import os
import queue
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from poise import files
from poise.batch.doing import Doer, head_of
from poise.batch.engines import Engine, Words
from poise.batch.journal import Journal
from poise.batch.manifest import Item
from poise.batch.work import Work, weights_of
from poise.batch.worker import keep_sample, patient
from poise.errors import ModelError, PoiseError, require
from poise.files.writing import write_atomically
from poise.weights import home

# What an actor has found and nobody has fetched yet: more lets it wait.
_AHEAD = 8
_MOST_WEIGHTS = 8 << 30
_FILES = (".onnx", ".pt", ".pth", ".safetensors", ".torchscript")


class Actor:
    """What runs on a node: models that stay open, and one item after the other.

    Args:
        work: What is done, as plain values.
        path: Where the asking process finds modules.
        weights: The networks that it has, see :func:`poise.batch.work.weights_of`.
        parcels: Files of networks: option, name, sha256 and where their bytes are in Ray's store.

    Raises:
        ModelError: This node has another network of that name.
        PoiseError: A model cannot be used.
    """

    def __init__(
        self,
        work: dict[str, Any],
        path: list[str],
        weights: list[dict[str, str]],
        parcels: list[tuple[str, str, str, Any]],
    ) -> None:
        sys.path += [one for one in path if one not in sys.path]
        asked = Work(**work)
        for option, name, sha256, reference in parcels:
            asked = _with_model(asked, option, str(unpack(name, sha256, partial(_fetched, reference))))
        if not parcels and (here := weights_of(asked)) != weights:
            other = next((one["name"] for one in here if one not in weights), asked.model)
            raise ModelError(f"{other}: a node has another network of this name; install the same Poise on all")
        self._doer = Doer(asked)

    def head(self) -> bytes:
        """Return how rows are to be read."""
        return head_of(self._doer.rows)

    def node(self) -> str:
        """Return the node on which it runs."""
        import ray

        return str(ray.get_runtime_context().get_node_id())

    def do(self, item: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        """Do one item; gives ``("rows", bytes)``, ``("beat", frames)``, ``("sample", JPEG)``; last ``("end", …)``."""
        said: queue.Queue[tuple[str, Any]] = queue.Queue(_AHEAD)
        task = Item(**item)

        def run() -> None:
            try:
                outcome = self._doer.do(
                    task,
                    lambda body: said.put(("rows", body)),
                    lambda frames: said.put(("beat", frames)),
                    (lambda picture: said.put(("sample", picture))) if task.sample else None,
                )
            except BaseException as error:
                said.put(("broken", f"{type(error).__name__}: {error}"))
                raise
            said.put(("end", (outcome.facts(), outcome.error, outcome.seconds)))

        threading.Thread(target=run, daemon=True).start()
        while True:
            word = said.get()
            yield word
            if word[0] in ("end", "broken"):
                return


def _fetched(reference: Any) -> bytes:
    """Return what was put into Ray's store: it comes to each node once."""
    import ray

    data: bytes = ray.get(reference)
    return data


def unpack(name: str, sha256: str, fetch: Callable[[], bytes]) -> Path:
    """Return the path of a network's file on this node, written once; its folder's name is that of its content.

    Args:
        name: Of the file.
        sha256: Of its bytes.
        fetch: Gives them.

    Raises:
        ModelError: They are not these bytes.
    """
    path = home() / "batch" / sha256 / name
    if not path.is_file():
        data = fetch()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ModelError(f"{name}: came to this node as other bytes than it was sent")
        write_atomically(path, data)
    return path


def _with_model(work: Work, option: str, path: str) -> Work:
    if option == "model":
        return replace(work, model=path)
    return replace(work, opening={**work.opening, option: path})


class RayActors(Engine):
    """The engine that runs workers as actors of a Ray cluster.

    Args:
        work: What is done.
        out: Folder of the batch, on this machine.
        address: ``"auto"``, or the address of the cluster.
        workers: How many actors; None: as many as the cluster has cores for now.
        threads: CPU threads of each.
        weights: The networks, see :func:`poise.batch.work.weights_of`.

    Raises:
        MissingExtra: Ray is not installed.
        PoiseError: No cluster answers.
        ValueError: ``"local"``.
    """

    def __init__(
        self,
        work: Work,
        out: Path,
        *,
        address: str,
        workers: int | None,
        threads: int,
        weights: list[dict[str, str]],
    ) -> None:
        if address == "local":
            raise ValueError("ray='local' would start a cluster for one call; leave it out: processes do the same")
        self._ray = require("ray", extra="ray", feature="a batch on a cluster (--ray)")
        self._ours = not self._ray.is_initialized()
        if self._ours:
            try:
                _answers(address)
                self._ray.init(address=address, log_to_driver=False, logging_level="error")
            except (OSError, ValueError, RuntimeError) as error:
                raise PoiseError(
                    f"no Ray cluster answers at {address!r} ({str(error).splitlines()[0]}); start one with "
                    "'ray start --head', or leave --ray out to work on this machine"
                ) from None
        cores = int(self._ray.cluster_resources().get("CPU", 1))
        workers = workers or max(1, cores // threads)
        nodes = sum(bool(node["Alive"]) for node in self._ray.nodes())
        super().__init__(workers, f"{workers} actors of a Ray cluster of {nodes} node{'s' if nodes > 1 else ''}")
        self._work, self._out, self._weights = work, out, weights
        device = str(work.opening.get("device", "cpu"))
        on_gpu = device.startswith("cuda") or device.isdigit()
        # A node that is gone takes its actor along; another is asked for then.
        self._kind = self._ray.remote(num_cpus=threads, num_gpus=1 if on_gpu else 0, max_restarts=0)(Actor)
        self._parcels = [(option, path.name, sha, self._ray.put(data)) for option, path, sha, data in _parcels(work)]

    def close(self) -> None:
        """End all actors at once."""
        super().close()
        if self._ours:
            self._ray.shutdown()

    def _begin(self, number: int) -> _Hand:
        # References in a list stay references: a node fetches the bytes only where it does not have the file.
        start = partial(self._kind.remote, self._work.plain(), list(sys.path), self._weights, self._parcels)
        return _Hand(self._ray, number, start, self._out, self._said)


def _answers(address: str) -> None:
    """Find out in a moment whether somebody answers at an address: Ray itself would wait for many minutes.

    Raises:
        OSError: Nobody does.
    """
    place = urlsplit(address if "://" in address else f"ray://{address}")
    if place.hostname and place.port:
        socket.create_connection((place.hostname, place.port), timeout=10).close()


def _parcels(work: Work) -> Iterator[tuple[str, Path, str, bytes]]:
    """Give the files of networks that nodes may not have: option, path, sha256, bytes."""
    for option, value in (("model", work.model), *(("detector", work.opening.get("detector")),)):
        path = Path(str(value or ""))
        if value and path.suffix.lower() in _FILES and path.is_file():
            data = files.read_bytes(path, most=_MOST_WEIGHTS)
            yield option, path, hashlib.sha256(data).hexdigest(), data


class _Hand:
    """The thread of this process that gives one actor its items, and keeps what comes back."""

    def __init__(self, ray: Any, worker: int, start: Callable[[], Any], out: Path, said: Words) -> None:
        self._ray, self._worker, self._start, self._out, self._said = ray, worker, start, out, said
        self._items: deque[Item] = deque()
        self._change = threading.Condition()
        self._ended = False
        self._actor: Any = None
        self._node = ""
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def name(self) -> str:
        return f"node {self._node[:12]}"

    def give(self, item: Item) -> None:
        with self._change:
            self._items.append(item)
            self._change.notify()

    def drop(self) -> None:
        with self._change:
            numbers = [item.number for item in self._items]
            self._items.clear()
        self.send({"is": "dropped", "numbers": numbers})

    def end(self) -> None:
        with self._change:
            self._ended = True
            self._change.notify()
        if self._actor is not None:
            with suppress(Exception):  # it may be gone, with its node
                self._ray.kill(self._actor, no_restart=True)

    def send(self, message: dict[str, Any]) -> None:
        if not self._ended:
            self._said.put((self, (self._worker, message)))

    def _run(self) -> None:
        try:
            self._actor = self._start()
            head = self._ray.get(self._actor.head.remote())
            self._node = self._ray.get(self._actor.node.remote())
            journal = Journal(self._out / "journal", f"{os.getpid()}-{os.urandom(6).hex()}", head)
            self.send({"is": "open"})
            while (item := self._next()) is not None:
                self._do(item, journal)
        except self._ray.exceptions.RayError as error:
            self._told(error)
        except (PoiseError, OSError) as error:
            self.send({"is": "broken", "error": str(error)})

    def _told(self, error: Any) -> None:
        cause = getattr(error, "cause", None)
        text = str(error)
        if isinstance(cause, (PoiseError, ValueError)):
            self.send({"is": "broken", "error": str(cause)})
        elif "creation task" in text and "Error:" in text:
            lines = [line.strip() for line in text.splitlines() if "Error:" in line]
            self.send({"is": "broken", "error": lines[-1].partition("Error: ")[2] or lines[-1]})
        else:
            alive = {node["NodeID"] for node in self._ray.nodes() if node["Alive"]}
            lost = bool(self._node) and self._node not in alive
            reason = "its node is gone" if lost else f"its actor ended ({type(error).__name__})"
            self.send({"is": "died", "reason": reason, "killed": True, "lost": lost})

    def _next(self) -> Item | None:
        with self._change:
            while not self._items and not self._ended:
                self._change.wait()
            return None if self._ended else self._items.popleft()

    def _do(self, item: Item, journal: Journal) -> None:
        patient(partial(journal.begin, item.shard, item.number), self, self._out)
        stream = self._actor.do.options(num_returns="streaming", _generator_backpressure_num_objects=_AHEAD)
        for reference in stream.remote(asdict(item)):
            what, value = self._ray.get(reference)
            if what == "rows":
                patient(partial(journal.rows, value), self, self._out)
            elif what == "beat":
                self.send({"is": "beat", "number": item.number, "frames": value})
            elif what == "sample":
                keep_sample(self._out, item.number, value)
            elif what == "broken":
                self.send({"is": "broken", "error": value})
            else:
                facts, error, seconds = value
                if error is None:
                    patient(partial(journal.end, facts), self, self._out)
                    self.send({"is": "done", "number": item.number, "facts": facts})
                else:
                    self.send({"is": "failed", "number": item.number, "error": error, "seconds": seconds})
