"""Signals that services and terminals end a program with: they finish its files as Ctrl-C does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Ended(KeyboardInterrupt):
    """A signal that asks the process to end.

    Attributes:
        code: The exit code, as shells give it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by {signal.Signals(number).name}; what was written until now is complete")
        self.code = 128 + number


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into an exception, so that files and manifests are finished.

    A signal that is ignored (nohup) or has a handler of the host stays as it is. Further ones change nothing while the
    files are finished; afterwards everything is as it was.
    """
    before: dict[int, Any] = {}
    ending = False

    def end(number: int, _: FrameType | None) -> None:
        nonlocal ending
        if not ending:
            ending = True
            raise Ended(number)

    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
