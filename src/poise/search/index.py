"""All poses of a batch, ready to be compared with one that is looked for."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.bodies.pose_embedding import BODY, Embedded, Layout, Vectors, embed_placed, is_body, layout
from poise.errors import FormatError, PoiseError
from poise.results import Results
from poise.runtime import usable_cores
from poise.search.people import people_of
from poise.search.products import Question, distances, products_of
from poise.search.reading import find_files, read_poses
from poise.search.rows import PoseRows
from poise.skeletons import Skeleton, get

# Rows whose products are kept in memory (for 17 points 272 bytes each); those of more lie in a temporary file that is
# mapped, so that ten million rows need no more memory than two, where the system needs it for others.
IN_MEMORY = 2_000_000
# Rows that are compared at a time: what is worked on stays in the processor's cache.
_CHUNK = 4096
# From so many threads on memory is what limits.
_THREADS = 16


class PoseIndex:
    """Poses of many sources as columns, N rows; made by :meth:`read` or :meth:`of`.

    Attributes:
        skeleton: The skeleton of what is compared: coco17 for bodies of people, whatever network found them.
        layout: Which points are compared.
        sources: The names of the sources.
        source: ``(N,)`` int64 number of the source.
        frame: ``(N,)`` int64.
        time: ``(N,)`` float64 seconds.
        instance: ``(N,)`` int32 row in the frame.
        id: ``(N,)`` int64 track id, -1 where untracked.
        box: ``(N, 4)`` float32 pixels.
        turn: ``(N,)`` float32 radians that the trunk is turned from upright.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        used: Layout,
        sources: Sequence[str],
        columns: Mapping[str, NDArray[Any]],
        blocks: list[Vectors],
    ):
        self.skeleton, self.layout, self.sources = skeleton, used, list(sources)
        self._blocks = blocks
        self.source: NDArray[np.int64] = columns["source"]
        self.frame: NDArray[np.int64] = columns["frame"]
        self.time: NDArray[np.float64] = columns["time"]
        self.instance: NDArray[np.int32] = columns["instance"]
        self.id: NDArray[np.int64] = columns["id"]
        self.box: NDArray[np.float32] = columns["box"]
        self.turn: NDArray[np.float32] = columns["turn"]
        self._centre, self._size = columns["centre"], columns["size"]
        self._begins = np.cumsum([0, *(len(block) for block in self._blocks)])

    @classmethod
    def read(
        cls,
        *places: str | Path,
        on_error: Callable[[Exception], None] | None = None,
        on_rows: Callable[[int], None] | None = None,
    ) -> PoseIndex:
        """Read the poses that a batch or ``poise predict --out`` wrote.

        Args:
            *places: Files (``.parquet``, ``.jsonl``, ``.csv``) or folders with such files.
            on_error: Called with what is wrong with one file of several, and reading goes on; without it, it is raised.
            on_rows: Called with the number of rows so far, as they come.

        Raises:
            FormatError: There are no poses, or a file is damaged.
            FileNotFoundError: A place is not there.
            MissingExtra: Parquet needs pyarrow.
        """
        making = _Making()
        paths = find_files(places)
        for path in paths:
            try:
                for rows in read_poses(path):
                    making.add(rows, str(path))
                    if on_rows is not None:
                        on_rows(making.count)
            except (PoiseError, OSError) as error:
                if on_error is None or len(paths) == 1:
                    raise
                on_error(error)
        return making.finish(", ".join(map(str, places[:3])))

    @classmethod
    def of(cls, results: Iterable[Results]) -> PoseIndex:
        """Make an index of results, such as those of ``Pose.predict`` or ``Pose.track``.

        Raises:
            ValueError: The results have different kinds of skeletons, or nobody is in them.
        """
        making = _Making()
        for result in results:
            if len(result):
                making.add(rows_of(result), result.path)
        return making.finish("the results")

    def __len__(self) -> int:
        return len(self.source)

    def __repr__(self) -> str:
        return f"PoseIndex({len(self):,} poses of {len(self.sources):,} sources, {self.layout.name})"

    @cached_property
    def person(self) -> NDArray[np.int64]:
        """``(N,)`` a number for each person of each source; see :func:`poise.search.people.people_of`."""
        return people_of(self.source, self.frame, self.time, self.id, self.box)

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """``(N,)`` rows person by person, each in the order of time."""
        return np.lexsort((self.time, self.person))

    @cached_property
    def place(self) -> NDArray[np.int64]:
        """``(N,)`` where each row stands in :attr:`order`."""
        out = np.empty(len(self), dtype=np.int64)
        out[self.order] = np.arange(len(self))
        return out

    def nearest(self, question: Question, *, upright: bool = False) -> tuple[Vectors, NDArray[np.int16]]:
        """Compare all rows with what is looked for.

        Args:
            question: Of :func:`poise.search.products.question_of`, Q poses.
            upright: Up in the picture matters.

        Returns:
            ``(N,)`` float32 distance to the nearest of the Q poses, infinite where too little is shown by both; and
            ``(N,)`` int16 which of them it is.
        """
        least = np.empty(len(self), dtype=np.float32)
        which = np.zeros(len(self), dtype=np.int16)

        def compare(chunk: tuple[slice, Vectors]) -> None:
            rows, products = chunk
            apart = distances(products, self.turn[rows], question, upright=upright)
            if apart.shape[1] > 1:
                which[rows] = apart.argmin(axis=1)
                apart.min(axis=1, out=least[rows])
            else:
                least[rows] = apart[:, 0]

        with ThreadPoolExecutor(min(usable_cores(), _THREADS)) as pool:
            for _ in pool.map(compare, self._chunks()):
                pass
        return least, which

    def each(self, question: Question, rows: NDArray[np.int64], *, upright: bool = False) -> Vectors:
        """Return the ``(M, Q)`` distances of M rows to each of the Q poses; see :meth:`nearest`."""
        apart: Vectors = distances(self.products(rows), self.turn[rows], question, upright=upright)
        return apart

    def products(self, rows: NDArray[np.int64]) -> Vectors:
        """Return the ``(M, 4 P)`` products of rows."""
        out = np.empty((len(rows), 4 * len(self.layout)), dtype=np.float32)
        block = np.searchsorted(self._begins, rows, side="right") - 1
        for number in np.unique(block).tolist():
            here = block == number
            out[here] = self._blocks[number][rows[here] - self._begins[number]]
        return out

    def points(self, rows: NDArray[np.int64]) -> tuple[Vectors, Vectors]:
        """Return ``(M, P, 2)`` pixels, NaN where not seen, and ``(M, P)`` weights of rows."""
        p = len(self.layout)
        products = self.products(rows)
        weight = products[:, :p]
        with np.errstate(invalid="ignore", divide="ignore"):
            x, y = (products[:, (1 + axis) * p : (2 + axis) * p] / weight for axis in (0, 1))
        turn = self.turn[rows][:, None]
        cos, sin = np.cos(turn), np.sin(turn)
        back = np.stack([x * cos - y * sin, y * cos + x * sin], axis=-1)
        placed: Vectors = back * self._size[rows][:, None, None] + self._centre[rows][:, None]
        return placed, weight

    def _chunks(self) -> Iterator[tuple[slice, Vectors]]:
        for begin, block in zip(self._begins.tolist(), self._blocks, strict=False):
            for at in range(0, len(block), _CHUNK):
                part = block[at : at + _CHUNK]
                yield slice(begin + at, begin + at + len(part)), part


def rows_of(result: Results) -> PoseRows:
    """Return the instances of one frame as rows."""
    n, points = len(result), result.keypoints
    conf = np.full(points.xy.shape[:2], np.nan, np.float32) if points.conf is None else np.asarray(points.conf)
    ids = np.full(n, -1) if result.boxes.id is None else np.asarray(result.boxes.id)
    return PoseRows(
        source=np.full(n, result.path, dtype=object),
        frame=np.full(n, result.frame, dtype=np.int64),
        time=np.full(n, result.time, dtype=np.float64),
        instance=np.arange(n, dtype=np.int32),
        id=np.where(np.isfinite(ids), ids, -1).astype(np.int64),
        skeleton=result.skeleton,
        box=np.asarray(result.boxes.xyxy, dtype=np.float32),
        xy=np.asarray(points.xy, dtype=np.float32),
        conf=conf,
    )


class _Making:
    """Collects rows until all are there."""

    def __init__(self) -> None:
        self.count = 0
        self._skeleton: Skeleton | None = None
        self._layout: Layout | None = None
        self._first = ""
        self._numbers: dict[str, int] = {}
        self._columns: defaultdict[str, list[NDArray[Any]]] = defaultdict(list)
        self._blocks: list[Vectors] = []
        self._spilled: Any = None
        self._lengths: list[int] = []

    def add(self, rows: PoseRows, path: str) -> None:
        if self._layout is None:
            self._skeleton = get(BODY) if is_body(rows.skeleton) else rows.skeleton
            self._layout, self._first = layout(rows.skeleton), path
        elif (used := layout(rows.skeleton)).points != self._layout.points:
            raise FormatError(
                f"{path}: poses of {used.name}, and {self._first} has some of {self._layout.name}; search them apart"
            )
        found = embed_placed(rows.xy, rows.conf, rows.skeleton)
        self._keep(found)
        columns = {
            "source": self._sources(rows.source),
            "time": np.nan_to_num(rows.time, nan=0.0, posinf=0.0, neginf=0.0),
            **{name: getattr(rows, name) for name in ("frame", "instance", "id", "box")},
            **{"centre": found.centre, "size": found.size},
            "turn": np.ascontiguousarray(found.embedding[:, -1]),
        }
        for name, column in columns.items():
            self._columns[name].append(column)
        self.count += len(rows)

    def _sources(self, names: NDArray[Any]) -> NDArray[np.int64]:
        # Names follow each other: the same object, for many rows.
        numbers, known = np.empty(len(names), dtype=np.int64), self._numbers
        last, number = None, -1
        for i, name in enumerate(names.tolist()):
            if name is not last:
                last, number = name, known.setdefault(name, len(known))
            numbers[i] = number
        return numbers

    def _keep(self, found: Embedded) -> None:
        products = products_of(found.embedding, found.weight)
        if self.count + len(products) <= IN_MEMORY:
            self._blocks.append(products)
            return
        if self._spilled is None:
            self._spilled = tempfile.TemporaryFile(prefix="poise-search-")  # noqa: SIM115 - mapped until the index goes
        self._spilled.write(products.data)
        self._lengths.append(len(products))

    def finish(self, what: str) -> PoseIndex:
        if self._skeleton is None or self._layout is None or not self.count:
            raise FormatError(f"{what}: nobody was found in it, so there is no pose to search")
        if self._spilled is not None:
            self._spilled.flush()
            width = 4 * len(self._layout)
            mapped = np.memmap(self._spilled, dtype=np.float32, mode="r", shape=(sum(self._lengths), width))
            self._blocks.append(mapped)
        columns = {name: np.concatenate(parts) for name, parts in self._columns.items()}
        return PoseIndex(self._skeleton, self._layout, list(self._numbers), columns, self._blocks)
