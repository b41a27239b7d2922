"""The pictures of a data set at training size, from their files or from a cache."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from poise.datasets import Dataset
from poise.errors import SourceError
from poise.frames import Image
from poise.training._warp import resize

Cache = Literal[False, "ram", "disk"]
# A cache may take this share of the memory that is free when it is filled; the network needs the rest.
_SHARE = 0.5


class Pictures:
    """Pictures whose longer side is resized to the network's input, ``(H, W, 3)`` uint8 RGB.

    Args:
        dataset: Where they are.
        wanted: Indices of the pictures that will be asked for.
        sizes: Width and height of every picture of the data set.
        side: The longer side after resizing, pixels.
        cache: ``"ram"`` decodes all of them once, now.
        note: Told in one sentence what the user should know.
    """

    def __init__(
        self,
        dataset: Dataset,
        wanted: Sequence[int],
        sizes: Sequence[tuple[int, int]],
        *,
        side: int,
        cache: Cache = False,
        note: Callable[[str], None],
    ) -> None:
        self._dataset = dataset
        self._side = side
        self._sizes = sizes
        self._flat: NDArray[np.uint8] | None = None
        self._start: dict[int, int] = {}
        self.broken: dict[int, str] = {}
        if cache:
            self._fill(wanted, note)

    def size(self, index: int) -> tuple[int, int]:
        """Return width and height of a picture after resizing."""
        width, height = self._sizes[index]
        ratio = self._side / max(width, height)
        return (
            max(min(math.ceil(width * ratio), self._side), 1),
            max(min(math.ceil(height * ratio), self._side), 1),
        )

    def read(self, index: int) -> Image:
        """Return a picture.

        Raises:
            SourceError: It cannot be read.
        """
        if index in self.broken:
            raise SourceError(self.broken[index])
        start = self._start.get(index)
        if self._flat is not None and start is not None:
            width, height = self.size(index)
            return self._flat[start : start + 3 * width * height].reshape(height, width, 3)
        return self._decode(index)

    def _decode(self, index: int) -> Image:
        image = resize(self._dataset.image(index), self.size(index))
        return np.ascontiguousarray(image[..., ::-1])

    def _fill(self, wanted: Sequence[int], note: Callable[[str], None]) -> None:
        need = sum(3 * width * height for width, height in map(self.size, wanted))
        free = free_memory()
        if need > free * _SHARE:
            note(
                f"cache: {len(wanted)} pictures at {self._side} pixels need {need / 1e9:.1f} GB, but only "
                f"{free * _SHARE / 1e9:.1f} GB may be used (half of what is free); going on without a cache"
            )
            return
        flat = np.empty(need, dtype=np.uint8)
        start = 0
        for i in wanted:
            self._start[i] = start
            start += 3 * self.size(i)[0] * self.size(i)[1]

        def put(i: int) -> None:
            width, height = self.size(i)
            try:
                flat[self._start[i] :][: 3 * width * height].reshape(height, width, 3)[:] = self._decode(i)
            except SourceError as error:
                self.broken[i] = str(error)

        with ThreadPoolExecutor(os.cpu_count()) as threads:
            list(threads.map(put, wanted))
        self._flat = flat


def free_memory() -> int:
    """Return the bytes that can be taken without swapping, as far as the system says."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:  # noqa: PTH123
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):
        return 4 * 2**30
