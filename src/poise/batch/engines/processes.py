"""Workers as processes of this machine: each opens the models once and uses the threads that it is given."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, cast

from poise.batch.engines import Engine, Words
from poise.batch.manifest import Item
from poise.batch.messages import Link
from poise.batch.work import Work

# Bytes of what a worker printed last that are kept, for the reason of its end.
_KEPT = 4000
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class Child:
    """A process that is told things and says things.

    Args:
        number: What is said is said by it.
        job: What it is told first.
        said: Takes ``(number, message)``; at the end a message that is ``died``.
        threads: That its libraries may use.
    """

    def __init__(self, number: int, job: dict[str, Any], said: Words, threads: int) -> None:
        self._said = said
        self._errors: deque[bytes] = deque()
        self._ended = False
        environment = {**os.environ, **dict.fromkeys(_THREADS, str(threads))}
        more: dict[str, Any] = {}
        if os.name == "nt":
            more["creationflags"] = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        else:
            more["start_new_session"] = True  # Ctrl-C is for the process that started it alone
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from poise.batch.worker import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_with_path(environment),
            **more,
        )
        self._link = Link(cast(BinaryIO, self._process.stdout), cast(BinaryIO, self._process.stdin))
        self._reads = threading.Thread(target=self._gather, daemon=True)
        self._reads.start()
        threading.Thread(target=self._listen, args=(number,), daemon=True).start()
        self.send(job)

    def send(self, message: dict[str, Any]) -> None:
        """Tell it something; if it is gone, that is said by itself."""
        try:
            self._link.send(message)
        except (OSError, ValueError):
            return

    def end(self) -> None:
        """End it at once; nothing more is heard of it."""
        self._ended = True
        self._process.kill()
        self._process.wait()
        self._link.close()

    def _listen(self, number: int) -> None:
        while (message := self._link.receive()) is not None:
            if not self._ended:
                self._said.put((self, (number, message)))
        code = self._process.wait()
        self._reads.join(1.0)
        if not self._ended:
            self._said.put((self, (number, {"is": "died", "reason": self._reason(code), "killed": _killed(code)})))

    def _gather(self) -> None:
        stream = self._process.stderr
        assert stream is not None
        while chunk := stream.read1(_KEPT):  # type: ignore[attr-defined]
            self._errors.append(chunk)
            while sum(map(len, self._errors)) > _KEPT and len(self._errors) > 1:
                self._errors.popleft()

    def _reason(self, code: int) -> str:
        """Say why it ended, with the last line that it printed."""
        if code < 0:
            try:
                name = signal.Signals(-code).name
            except ValueError:
                name = f"signal {-code}"
            why = f"its process was ended by {name}"
            if name == "SIGKILL":
                why += " (out of memory, or by somebody)"
        else:
            why = f"its process ended with code {code}"
        text = b"".join(self._errors)[-_KEPT:].decode("utf-8", "replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        told = next((line for line in lines if line.startswith("Fatal Python error")), lines[-1] if lines else "")
        return f"{why}: {told[:200]}" if told else why


def _killed(code: int) -> bool:
    """Return whether somebody else may have ended a process: the system when memory ran out is told apart by it."""
    return code == -getattr(signal, "SIGKILL", 9)


def _with_path(environment: dict[str, str]) -> dict[str, str]:
    """Let a new process find this package where this one found it."""
    root = str(Path(__file__).resolve().parents[3])
    path = environment.get("PYTHONPATH", "")
    return {**environment, "PYTHONPATH": f"{root}{os.pathsep}{path}" if path else root}


class _Process(Child):
    """A worker of its own."""

    @property
    def name(self) -> str:
        """The number of the process."""
        return f"process {self._process.pid}"

    def give(self, item: Item) -> None:
        """Give it an item."""
        self.send({"do": "item", "item": asdict(item)})

    def drop(self) -> None:
        """Ask for the items back that it has not begun."""
        self.send({"do": "drop"})


class Processes(Engine):
    """The engine that runs workers as processes of this machine.

    Args:
        work: What is done.
        out: Folder of the batch.
        workers: How many.
        threads: CPU threads of each.
    """

    def __init__(self, work: Work, out: Path, *, workers: int, threads: int) -> None:
        super().__init__(workers, f"{workers} process{'es' if workers > 1 else ''} of this machine")
        self._work, self._out, self._threads = work, out, threads
        self._count = 0

    def _begin(self, number: int) -> _Process:
        self._count += 1
        # No other process, also of another run in this folder, has this name.
        name = f"{os.getpid()}-{self._count}-{os.urandom(4).hex()}"
        job = {
            "role": "worker",
            "name": name,
            "out": str(self._out),
            "work": self._work.plain(),
            "path": sys.path,
        }
        return _Process(number, job, self._said, self._threads)
