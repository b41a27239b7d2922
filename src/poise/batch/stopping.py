"""Ctrl-C and SIGTERM as a wish: what is in work is finished first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Stop:
    """Whether somebody wants the batch to stop.

    Attributes:
        asked: How often.
        code: Exit code of the process.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.code = 130

    def __call__(self, number: int, _frame: object) -> None:
        """Take a signal."""
        self.asked += 1
        self.code = 128 + number


@contextmanager
def stop_signals() -> Iterator[Stop]:
    """Take Ctrl-C and SIGTERM for a wish; a call from another thread than the main one is stopped by its process."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
