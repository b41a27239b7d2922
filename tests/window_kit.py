"""Screens for tests of windows: one that is drawn on in memory, and an X server without a monitor."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from poise.drawing._lost import Lost
from poise.frames import Image

SIZE = (1000, 700)


class Clock:
    """Goes on by what is slept, and by hand.

    Attributes:
        now: Seconds.
    """

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Surface:
    """Takes pictures as a window does.

    Args:
        clock: Says when.
        keys: What is pressed once so many pictures were drawn.
        at: What is pressed from a time on.
        lost: The window is lost with this picture.

    Attributes:
        drawn: When, and what.
        titles: Each that was written.
        filled: How often the screen was to be filled, or not.
        closed: Whether it was closed.
    """

    interval = 0.008
    asks = True

    def __init__(
        self,
        clock: Clock,
        *,
        keys: Mapping[int, Sequence[str]] | None = None,
        at: Mapping[float, Sequence[str]] | None = None,
        lost: int = 0,
    ) -> None:
        self._clock, self._keys, self._at, self._lost = clock, dict(keys or {}), dict(at or {}), lost
        self.drawn: list[tuple[float, Image]] = []
        self.titles: list[str] = []
        self.filled = 0
        self.closed = False

    def draw(self, picture: Image) -> None:
        if len(self.drawn) + 1 == self._lost:
            raise Lost("no screen")
        self.drawn.append((self._clock(), picture))

    def title(self, words: str) -> None:
        self.titles.append(words)

    def pressed(self) -> list[str]:
        keys = list(self._keys.pop(len(self.drawn), ()))
        for time in [time for time in self._at if time <= self._clock()]:
            keys += self._at.pop(time)
        return keys

    def fill_screen(self) -> None:
        self.filled += 1

    def close(self, videos: Sequence[Path] = ()) -> None:
        self.closed = True


class Screen:
    """A screen that nobody looks at.

    Attributes:
        name: What DISPLAY is set to.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._file = folder / "Xvfb_screen0"

    def picture(self) -> NDArray[np.uint8]:
        """Return what is on the screen, ``(H, W, 3)`` BGR."""
        data = self._file.read_bytes()  # XWD: a header of big-endian numbers, colours, rows of B, G, R and a spare
        head = struct.unpack(">25I", data[:100])
        header, width, height, row, colours = head[0], head[4], head[5], head[12], head[19]
        start = header + 12 * colours
        pixels = np.frombuffer(data, np.uint8, row * height, start).reshape(height, row)
        return pixels[:, : 4 * width].reshape(height, width, 4)[:, :, :3].copy()


@contextmanager
def screen(folder: Path) -> Iterator[Screen]:
    """Start an X server; skips the test where there is none."""
    if shutil.which("Xvfb") is None:
        pytest.skip("needs Xvfb, a screen without a monitor (Debian and Ubuntu: apt install xvfb)")
    folder.mkdir(parents=True, exist_ok=True)
    words = ["Xvfb", "-displayfd", "1", "-screen", "0", f"{SIZE[0]}x{SIZE[1]}x24", "-nolisten", "tcp", "-fbdir"]
    server = subprocess.Popen([*words, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert server.stdout is not None
        number = server.stdout.readline().strip()  # written once the server takes connections
        if not number:
            pytest.skip("Xvfb does not start here")
        yield Screen(f":{number}", folder)
    finally:
        server.terminate()
        server.wait(30)
