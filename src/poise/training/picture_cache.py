"""The pictures of a data set at training size, from their files or from a cache."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from poise.datasets import Dataset
from poise.errors import SourceError
from poise.frames import Image
from poise.training.pixels import resize
from poise.weights import home

Cache = Literal[False, "ram", "disk"]

Log = Callable[[str], None]

Watch = Callable[[Iterable[int]], Iterable[int]]

# A cache may take this share of what is free when it is filled; the network and the user need the rest.
_SHARE = 0.5

# Pictures of a data set that needs no more bytes than this are kept as they are decoded, without a cache too.
SMALL = 2**28


class PictureCache:
    """Pictures whose longer side is resized to the network's input, ``(H, W, 3)`` uint8 RGB.

    A cache holds all of them one after the other in one block, in memory or in one file, that worker processes share.
    Without one, each process keeps the pictures of a small data set as it decodes them.

    Args:
        dataset: Where they are.
        indices: The pictures that will be asked for.
        sizes: Width and height of every picture of the data set.
        side: The longer side after resizing, pixels.
        cache: ``"ram"`` and ``"disk"`` decode all of them once, now; a cache on disk that is there is used again.
        log: Told in one sentence what the user should know.
        watch: Wraps the indices while they are decoded into a cache, for a progress bar.
        shares: Processes on this machine that fill a cache of their own.
    """

    def __init__(
        self,
        dataset: Dataset,
        indices: Sequence[int],
        sizes: Sequence[tuple[int, int]],
        *,
        side: int,
        cache: Cache = False,
        log: Log,
        watch: Watch | None = None,
        shares: int = 1,
    ) -> None:
        self._dataset = dataset
        self._side = side
        self._sizes = sizes
        self._watch: Watch | None = watch
        self._start: dict[int, int] = {}
        self._block: torch.Tensor | None = None
        self._file: Path | None = None
        self._mapped: NDArray[np.uint8] | None = None
        self._broken: dict[int, str] = {}
        self._kept: dict[int, Image] | None = None
        if cache == "ram":
            self._fill_memory(indices, log, shares)
        elif cache == "disk":
            self._fill_file(indices, log)
        self._watch = None  # it cannot go to another process
        if not self._start and self._plan(indices)[1] <= SMALL:
            self._kept = {}

    @property
    def cached(self) -> bool:
        """Whether reading a picture a second time costs next to nothing."""
        return bool(self._start) or self._kept is not None

    def size(self, index: int) -> tuple[int, int]:
        """Return width and height of a picture after resizing."""
        width, height = self._sizes[index]
        ratio = self._side / max(width, height)
        return max(min(math.ceil(width * ratio), self._side), 1), max(min(math.ceil(height * ratio), self._side), 1)

    def read(self, index: int) -> Image:
        """Return a picture, not to be written to.

        Raises:
            SourceError: It cannot be read.
        """
        if index in self._broken:
            raise SourceError(self._broken[index])
        start = self._start.get(index)
        if start is None and self._kept is not None:
            if index not in self._kept:
                self._kept[index] = self._decode(index)
            return self._kept[index]
        if start is None:
            return self._decode(index)
        width, height = self.size(index)
        return self._bytes()[start : start + 3 * width * height].reshape(height, width, 3)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_mapped": None}  # a copy in another process opens the file itself

    def _bytes(self) -> NDArray[np.uint8]:
        if self._mapped is None:
            if self._block is not None:
                self._mapped = self._block.numpy()
            else:
                self._mapped = np.memmap(str(self._file), dtype=np.uint8, mode="r")
        return self._mapped

    def _decode(self, index: int) -> Image:
        image = self._dataset.image(index)
        if image.shape[1::-1] != self._sizes[index]:
            raise SourceError(
                f"{self._dataset.paths[index]}: is {image.shape[1]} x {image.shape[0]} pixels, but its labels are for "
                f"{self._sizes[index][0]} x {self._sizes[index][1]}"
            )
        return np.ascontiguousarray(resize(image, self.size(index))[..., ::-1])

    def _plan(self, indices: Sequence[int]) -> tuple[dict[int, int], int]:
        """Return where each picture starts in the block, and the length of the block, bytes."""
        lengths = [3 * width * height for width, height in map(self.size, indices)]
        ends = np.cumsum(lengths, dtype=np.int64)
        return dict(zip(indices, (ends - lengths).tolist(), strict=True)), int(ends[-1])

    def _decode_all(self, start: dict[int, int], store: Callable[[int, Image], None]) -> None:
        """Decode on all processors; damaged pictures are remembered."""

        def decode(index: int) -> None:
            try:
                image = self._decode(index)
            except SourceError as error:
                self._broken[index] = str(error)
            else:
                store(start[index], image)

        with ThreadPoolExecutor(os.cpu_count()) as threads:
            done = threads.map(decode, start)
            for _ in self._watch(start) if self._watch else start:
                next(done)

    def _fill_memory(self, indices: Sequence[int], log: Log, shares: int) -> None:
        start, need = self._plan(indices)
        free = int(free_memory() * _SHARE / shares)
        if need > free:
            log(_too_much(len(indices), need, free, "memory"))
            return
        self._block = torch.empty(need, dtype=torch.uint8)
        block = self._block.numpy()

        def store(at: int, image: Image) -> None:
            block[at : at + image.size] = image.reshape(-1)

        self._decode_all(start, store)
        self._start = start

    def _fill_file(self, indices: Sequence[int], log: Log) -> None:
        start, need = self._plan(indices)
        folder = home() / "pictures"
        file = folder / f"{self._fingerprint(indices)}.bin"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not file.is_file() or file.stat().st_size != need:
                free = int(shutil.disk_usage(folder).free * _SHARE)
                if need > free:
                    log(_too_much(len(indices), need, free, f"disk at {folder}"))
                    return
                self._write_file(file, start, need)
            self._broken = {int(k): v for k, v in json.loads(file.with_suffix(".json").read_text("utf-8")).items()}
        except (OSError, ValueError) as error:
            self._broken = {}
            log(f"cache: {file} cannot be used ({error}); going on without a cache")
            return
        self._file, self._start = file, start

    def _write_file(self, file: Path, start: dict[int, int], need: int) -> None:
        # Of this process alone until it is whole: several may fill the same cache at once.
        part = file.with_name(f"{file.name}.{os.getpid()}.part")
        turn = Lock()
        try:
            with part.open("wb") as out:
                out.truncate(need)

                def store(at: int, image: Image) -> None:
                    with turn:
                        out.seek(at)
                        out.write(image.tobytes())

                self._decode_all(start, store)
            file.with_suffix(".json").write_text(json.dumps(self._broken), "utf-8")
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)

    def _fingerprint(self, indices: Sequence[int]) -> str:
        """Return a name that changes when a picture, their choice or the size does."""
        digest = hashlib.sha256(f"1 {self._side}".encode())
        for i in indices:
            path = self._dataset.paths[i]
            stat = path.stat()
            digest.update(f"\n{path.resolve()} {stat.st_size} {stat.st_mtime_ns} {self._sizes[i]}".encode())
        return digest.hexdigest()[:24]


def free_memory() -> int:
    """Return the bytes that can be taken without swapping, as far as the system and its container say."""
    free = 4 * 2**30
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    group = Path("/sys/fs/cgroup")
    try:
        limit, used = ((group / name).read_text("ascii").strip() for name in ("memory.max", "memory.current"))
        if limit != "max":
            free = min(free, max(int(limit) - int(used), 0))
    except (OSError, ValueError):
        pass
    return free


def _too_much(count: int, need: int, free: int, place: str) -> str:
    return (
        f"cache: {count} pictures need {need / 1e9:.1f} GB of {place}, and only {free / 1e9:.1f} GB may be used "
        f"(half of what is free); going on without a cache"
    )
