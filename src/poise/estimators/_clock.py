"""Milliseconds spent in the stages of one picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter


@dataclass(slots=True)
class Clock:
    """Milliseconds spent in the stages of one picture.

    Attributes:
        speed: Stage to milliseconds.
    """

    speed: dict[str, float] = field(default_factory=lambda: {"preprocess": 0.0, "inference": 0.0, "postprocess": 0.0})
    _last: float = field(default_factory=perf_counter)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time inside the block to a stage."""
        start = perf_counter()
        try:
            yield
        finally:
            self.speed[name] += (perf_counter() - start) * 1e3

    def lap(self, name: str) -> None:
        """Add the time since the last lap, or the start, to a stage."""
        now = perf_counter()
        self.speed[name] += (now - self._last) * 1e3
        self._last = now
