"""A clip of many ids, each seen for a short time: memory grows with what was seen, not with frames times ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.clips.clip import Clip, boxes_of
from poise.frames import Frame
from poise.results import Results
from poise.skeletons import Skeleton

Index = NDArray[np.intp]

# Columns that hold a row for every instance.
_ROWS = ("boxes", "box_conf", "xy", "conf", "sigma", "xyz")


class PackedClip(Clip):
    """A :class:`~poise.clips.Clip` that stores what was seen only.

    ``boxes``, ``xy`` and the like are made whole each time they are asked for; who can, goes through the ids with
    :meth:`piece`. Made by ``Clip.of`` where whole arrays would be large and mostly empty.

    Args:
        times: As of a clip.
        frames: As of a clip.
        ids: ``(I,)``.
        begins: ``(I + 1,)`` where each id's rows begin; they are in the order of time.
        at: ``(N,)`` frame of each row, an index into ``times``.
        columns: ``boxes``, ``box_conf``, ``xy``, ``conf``, ``sigma`` and perhaps ``xyz``, ``(N, …)`` float32.
        skeleton: As of a clip.
        size: As of a clip.
        source: As of a clip.
        fps: As of a clip.
    """

    __slots__ = ("_at", "_begins", "_columns")
    _at: Index
    _begins: Index
    _columns: dict[str, NDArray[np.float32]]

    def __init__(
        self,
        *,
        times: NDArray[np.float64],
        frames: NDArray[np.int64],
        ids: NDArray[np.int64],
        begins: Index,
        at: Index,
        columns: dict[str, NDArray[np.float32]],
        skeleton: Skeleton,
        size: tuple[int, int],
        source: str,
        fps: float,
    ) -> None:
        for name, value in (
            ("times", times),
            ("frames", frames),
            ("ids", ids),
            ("skeleton", skeleton),
            ("size", size),
            ("source", source),
            ("fps", fps),
            ("_begins", begins),
            ("_at", at),
            ("_columns", columns),
        ):
            if isinstance(value, np.ndarray):
                value = value.view()
                value.flags.writeable = False
            object.__setattr__(self, name, value)

    @classmethod
    def joined(cls, like: Clip, ids: NDArray[np.int64], pieces: Sequence[tuple[Index, Clip]]) -> PackedClip:
        """Make a clip of pieces, each of one id.

        Args:
            like: What times, skeleton and source are.
            ids: ``(I,)``, increasing.
            pieces: For each id the frames of its piece, indices into ``like.times``, and the piece.
        """
        begins, at = [0], []
        columns: dict[str, list[NDArray[np.float32]]] = {}
        for where, piece in pieces:
            there = np.flatnonzero(piece.present[0])
            at.append(where[there])
            begins.append(begins[-1] + len(there))
            for name in _ROWS:
                if (column := getattr(piece, name)) is not None:
                    columns.setdefault(name, []).append(column[0, there])
        return cls(
            times=like.times,
            frames=like.frames,
            ids=ids,
            begins=np.array(begins),
            at=np.concatenate(at),
            columns={name: np.concatenate(parts) for name, parts in columns.items()},
            skeleton=like.skeleton,
            size=like.size,
            source=like.source,
            fps=like.fps,
        )

    def rows(self, i: int) -> tuple[Index, dict[str, NDArray[np.float32]]]:
        """Return the frames in which an id was seen, indices into ``times``, and its columns there.

        Args:
            i: The id's row.
        """
        some = slice(self._begins[i], self._begins[i + 1])
        return self._at[some], {name: column[some] for name, column in self._columns.items()}

    def piece(self, i: int) -> tuple[Index, Clip]:
        """Return the frames from the first to the last of an id, indices into ``times``, and a clip of it alone.

        Args:
            i: The id's row.
        """
        at, columns = self.rows(i)
        first, last = int(at[0]), int(at[-1]) + 1
        span = slice(first, last)
        whole = {name: _whole(column, at - first, last - first)[None] for name, column in columns.items()}
        one = Clip(
            times=self.times[span],
            frames=self.frames[span],
            ids=self.ids[i : i + 1],
            skeleton=self.skeleton,
            size=self.size,
            source=self.source,
            fps=self.fps,
            **whole,
        )
        return np.arange(first, last), one

    def merged(self, owner: Index) -> PackedClip:
        """Return the clip with the rows of each id given to another one.

        Args:
            owner: ``(I,)`` row of the id that gets each id's rows; two that become one were never seen together.
        """
        of_row = owner[np.repeat(np.arange(len(self.ids)), np.diff(self._begins))]
        order = np.lexsort((self._at, of_row))
        kept, counts = np.unique(of_row, return_counts=True)
        return PackedClip(
            times=self.times,
            frames=self.frames,
            ids=self.ids[kept],
            begins=np.concatenate([[0], np.cumsum(counts)]),
            at=self._at[order],
            columns={name: column[order] for name, column in self._columns.items()},
            skeleton=self.skeleton,
            size=self.size,
            source=self.source,
            fps=self.fps,
        )

    def replace(self, **changes: Any) -> Clip:
        """Return a copy with some attributes exchanged; it holds whole arrays."""
        names = ("times", "frames", "ids", *_ROWS, "skeleton", "size", "source", "fps")
        return Clip(**{name: changes[name] if name in changes else getattr(self, name) for name in names})

    def results(self, frames: Iterable[Frame] | None = None) -> Iterator[Results]:
        """Hand the points back as results, one a frame; see :meth:`Clip.results`."""
        columns = self._columns
        order = np.argsort(self._at, kind="stable")
        ends = np.searchsorted(self._at[order], np.arange(len(self.times) + 1))
        owner = np.repeat(np.arange(len(self.ids)), np.diff(self._begins))
        boxes = boxes_of(columns["boxes"], columns["xy"])
        there = np.isfinite(boxes).all(-1) | np.isfinite(columns["xy"]).all(-1).any(-1)
        confident = bool(np.isfinite(columns["conf"]).any()) or not there.any()
        where = {int(number): t for t, number in enumerate(self.frames)}
        for frame in self._blank() if frames is None else frames:
            t = where.get(frame.index)
            rows = order[ends[t] : ends[t + 1]] if t is not None else np.empty(0, dtype=np.intp)
            rows = rows[there[rows]]
            table = (
                boxes[rows],
                self.ids[owner[rows], None],
                columns["box_conf"][rows, None],
                np.zeros((len(rows), 1)),
            )
            yield Results.of(
                frame,
                np.concatenate(table, axis=1),
                columns["xy"][rows],
                columns["conf"][rows] if confident else None,
                skeleton=self.skeleton,
                sigma=columns["sigma"][rows],
                xyz=columns["xyz"][rows] if "xyz" in columns else None,
            )

    def _dense(self, name: str) -> Any:
        column = self._columns.get(name)
        if column is None:
            return None
        whole = np.full((len(self.ids), len(self.times), *column.shape[1:]), np.nan, np.float32)
        whole[np.repeat(np.arange(len(self.ids)), np.diff(self._begins)), self._at] = column
        whole.flags.writeable = False
        return whole

    # What a clip holds as arrays is made here when it is asked for.
    boxes: Any = property(lambda self: self._dense("boxes"))
    box_conf: Any = property(lambda self: self._dense("box_conf"))
    xy: Any = property(lambda self: self._dense("xy"))
    conf: Any = property(lambda self: self._dense("conf"))
    sigma: Any = property(lambda self: self._dense("sigma"))
    xyz: Any = property(lambda self: self._dense("xyz"))


def _whole(column: NDArray[np.float32], at: Index, frames: int) -> NDArray[np.float32]:
    whole = np.full((frames, *column.shape[1:]), np.nan, np.float32)
    whole[at] = column
    return whole


def piece_of(clip: Clip, i: int) -> tuple[Clip, int]:
    """Return a clip in which an id is, and its row: the clip itself, or of a packed one the piece."""
    return (clip.piece(i)[1], 0) if isinstance(clip, PackedClip) else (clip, i)
