"""A whole clip of tracked instances as columns, for everything that looks both ways in time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import FormatError
from poise.files.npz import UNREADABLE, read_arrays
from poise.files.writing import replacing
from poise.frames import Frame, Media
from poise.image import encode, to_pil
from poise.results import Results
from poise.results.columns import freeze_columns
from poise.skeletons import Skeleton, get, names

_FORMAT = 1  # of the saved file
# A clip with more places for keypoints than this, of which fewer than this share were seen, is kept packed: whole
# arrays would take 130 MB and more.
_LARGE, _SPARSE = 4_000_000, 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Every frame of one source, as arrays with one row an id; what was not seen is NaN.

    The arrays are dense: their size is ids × frames. Where that would be much and mostly empty, :meth:`of` gives a clip
    that stores what was seen (:class:`poise.clips.packed.PackedClip`) and makes an array whole when it is asked for.
    Arrays are read-only; :meth:`replace` returns a changed copy.

    Attributes:
        times: ``(T,)`` float64 seconds from the start of the source, increasing.
        frames: ``(T,)`` int64 zero-based indices in the source, increasing; with gaps where frames were skipped.
        ids: ``(I,)`` int64 track ids from 1, increasing.
        boxes: ``(I, T, 4)`` float32 x1, y1, x2, y2, pixels; NaN in a frame where the id was not found.
        box_conf: ``(I, T)`` float32 confidence of the box in [0, 1].
        xy: ``(I, T, K, 2)`` float32 keypoints, pixels of the upright picture.
        conf: ``(I, T, K)`` float32 in [0, 1]; NaN throughout where the network gives none.
        sigma: ``(I, T, K, 2)`` float32 standard deviation, pixels; NaN where the network gives none.
        skeleton: What the K points are.
        size: Width and height of the picture, pixels.
        source: The source as the user named it.
        fps: Average frames per second as the container states it, 0.0 where unknown.
        xyz: ``(I, T, K, 3)`` float32 metres as :class:`~poise.results.Keypoints` has them; None where the network
            gives none.
    """

    times: NDArray[np.float64]
    frames: NDArray[np.int64]
    ids: NDArray[np.int64]
    boxes: NDArray[np.float32]
    box_conf: NDArray[np.float32]
    xy: NDArray[np.float32]
    conf: NDArray[np.float32]
    sigma: NDArray[np.float32]
    skeleton: Skeleton
    size: tuple[int, int]
    source: str = "array"
    fps: float = 0.0
    xyz: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        t, i, k = np.shape(self.times)[0], np.shape(self.ids)[0], len(self.skeleton)
        shapes: dict[str, tuple[Any, tuple[int, ...]]] = {
            "times": (np.float64, (t,)),
            "frames": (np.int64, (t,)),
            "ids": (np.int64, (i,)),
            "boxes": (np.float32, (i, t, 4)),
            "box_conf": (np.float32, (i, t)),
            "xy": (np.float32, (i, t, k, 2)),
            "conf": (np.float32, (i, t, k)),
            "sigma": (np.float32, (i, t, k, 2)),
            "xyz": (np.float32, (i, t, k, 3)),
        }
        if self.xyz is None:
            del shapes["xyz"]
        freeze_columns(self, shapes, given=f" ({i} ids, {t} frames, {k} keypoints)")
        for name in ("times", "frames", "ids"):
            column = getattr(self, name)
            if len(column) > 1 and not (np.diff(column) > 0).all():
                at = int(np.argmin(np.diff(column) > 0)) + 1
                raise ValueError(f"{name} must increase, got {column[at]} after {column[at - 1]} (row {at})")

    @classmethod
    def of(cls, results: Iterable[Results]) -> Clip:
        """Collect the results of one source.

        Args:
            results: Results in the order of time, such as those of ``Pose.track``. Without track ids and with one
                instance a frame at most, that instance becomes id 1. In tracked results a row without an id (in a frame
                where no row has one) belongs to nobody and is left out.

        Raises:
            ValueError: No results, several sources, skeletons or picture sizes, time that does not increase, an id
                twice in a frame, or several instances in a frame without ids.
        """
        rows = _Rows()
        for result in results:
            rows.add(result)
        return rows.clip()

    def replace(self, **changes: Any) -> Clip:
        """Return a copy with some attributes exchanged."""
        return replace(self, **changes)

    def __len__(self) -> int:
        return len(self.times)

    def __repr__(self) -> str:
        width, height = self.size
        return (
            f"Clip({self.source}, {len(self.ids)} ids, {len(self)} frames, {self.duration:.2f} s, {width}x{height}, "
            f"{self.skeleton.name})"
        )

    @property
    def duration(self) -> float:
        """Seconds from the first to the last frame, and one usual step more."""
        if len(self) < 2:
            return 0.0
        return float(self.times[-1] - self.times[0] + np.median(np.diff(self.times)))

    @property
    def present(self) -> NDArray[np.bool_]:
        """``(I, T)`` whether the id is in the frame: it has a box, or a keypoint."""
        return np.asarray(np.isfinite(self.boxes).all(-1) | np.isfinite(self.xy).all(-1).any(-1))

    def row(self, id: int) -> int:
        """Return the row of an id.

        Raises:
            KeyError: No such id; with those that there are.
        """
        at = np.flatnonzero(self.ids == id)
        if not len(at):
            raise KeyError(f"no id {id} in {self.source}; known: {', '.join(map(str, self.ids.tolist())) or 'none'}")
        return int(at[0])

    def results(self, frames: Iterable[Frame] | None = None) -> Iterator[Results]:
        """Hand the points back as results, one a frame.

        Args:
            frames: The source's frames, matched by their index; a frame that the clip does not hold gives a result
                without instances. None: the clip's own frames as black pictures that need no memory.

        Yields:
            Results with the ids that are in the frame. An id that has points and no box gets the points' extent.
        """
        present = self.present
        where = {int(number): t for t, number in enumerate(self.frames)}
        boxes = boxes_of(self.boxes, self.xy)
        confident = bool(np.isfinite(self.conf).any()) or not present.any()
        for frame in self._blank() if frames is None else frames:
            t = where.get(frame.index)
            rows = np.flatnonzero(present[:, t]) if t is not None else np.empty(0, dtype=np.intp)
            t = t or 0
            columns = (boxes[rows, t], self.ids[rows, None], self.box_conf[rows, t][:, None], np.zeros((len(rows), 1)))
            yield Results.of(
                frame,
                np.concatenate(columns, axis=1),
                self.xy[rows, t],
                self.conf[rows, t] if confident else None,
                skeleton=self.skeleton,
                sigma=self.sigma[rows, t],
                xyz=None if self.xyz is None else self.xyz[rows, t],
            )

    def _blank(self) -> Iterator[Frame]:
        width, height = self.size
        image = np.broadcast_to(np.zeros(1, dtype=np.uint8), (height, width, 3))
        media = Media(self.source, "video", self.fps, int(self.frames[-1]) + 1 if len(self) else 0, self.duration)
        return (
            Frame(image, media, int(index), float(time)) for index, time in zip(self.frames, self.times, strict=True)
        )

    def to_csv(self, path: str | Path | None = None) -> str:
        """Return the clip as CSV, one row a frame, id and keypoint, in the columns of ``poise predict --out FILE.csv``.

        Args:
            path: Also write it to this file.

        Returns:
            The text.
        """
        from poise.clips.views import clip_csv

        text = clip_csv(self)
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def to_df(self) -> Any:
        """Return the same table as a polars DataFrame; what was not predicted is null.

        Raises:
            MissingExtra: polars is not installed.
        """
        from poise.clips.views import clip_df

        return clip_df(self)

    def plot(
        self, keypoints: Sequence[str] | None = None, *, ids: Sequence[int] | None = None, pil: bool = False
    ) -> Any:
        """Draw where keypoints are over time: for each id a chart of x and one of y.

        Args:
            keypoints: Names such as ``["left_wrist"]``; None: the four that move most.
            ids: Whom; None: the three who are longest in the clip.
            pil: Return a Pillow picture.

        Returns:
            ``(H, W, 3)`` uint8 BGR, or a Pillow picture.

        Raises:
            KeyError: No such id.
            ValueError: No such keypoint, or nobody is in the clip.
        """
        from poise.clips.views import clip_chart

        picture = clip_chart(self, keypoints, ids)
        return to_pil(picture) if pil else picture

    def _repr_png_(self) -> bytes | None:
        """Show the chart in a notebook."""
        return encode(self.plot(), ".png") if self.present.any() else None

    def save(self, path: str | Path) -> Path:
        """Write the clip to an ``.npz`` file, so that a video is posed once and analysed often.

        Returns:
            The path.
        """
        path = Path(path)
        columns = {name: getattr(self, name) for name in _ARRAYS}
        if self.xyz is not None:
            columns["xyz"] = self.xyz
        s = self.skeleton
        with replacing(path) as part, part.open("wb") as file:
            np.savez_compressed(
                file,
                format=_FORMAT,
                size=self.size,
                source=self.source,
                fps=self.fps,
                skeleton=s.name,
                keypoints=s.keypoints,
                edges=np.array(s.edges, dtype=np.int64).reshape(-1, 2),
                flip_idx=s.flip_idx,
                sigmas=s.sigmas,
                instance=s.instance,
                **columns,
            )
        return path

    @classmethod
    def load(cls, path: str | Path) -> Clip:
        """Read a clip that :meth:`save` wrote; the file can hold arrays only, never code.

        Raises:
            FileNotFoundError: There is no such file.
            FormatError: The file is not one.
        """
        try:
            given = read_arrays(path, needed={"size", "skeleton", *_ARRAYS})
            width, height = (int(v) for v in given["size"])
            columns = {name: given[name] for name in (*_ARRAYS, "xyz") if name in given}
            return cls(
                **columns,
                skeleton=_skeleton(given),
                size=(width, height),
                source=str(given["source"]),
                fps=float(given["fps"]),
            )
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{path}: there is no such file; Clip.save writes one") from error
        except UNREADABLE as error:
            said = str(error) or type(error).__name__
            raise FormatError(f"{path}: not a saved clip: {said[:200]}; write one with Clip.save") from error


_ARRAYS = ("times", "frames", "ids", "boxes", "box_conf", "xy", "conf", "sigma")


class _Rows:
    """Collects results frame by frame until the ids are known."""

    def __init__(self) -> None:
        self.kept: list[Results] = []  # with the picture exchanged for its size, so that no video lies in memory
        self.size = (0, 0)

    def add(self, result: Results) -> None:
        height, width = result.orig_shape
        if not self.kept:
            self.size = (width, height)
        elif result.path != self.kept[0].path:
            raise ValueError(f"a clip has one source, got {result.path} after {self.kept[0].path}; give one video")
        elif result.skeleton != self.kept[0].skeleton:
            raise ValueError(f"a clip has one skeleton, got {result.skeleton} after {self.kept[0].skeleton}")
        elif (width, height) != self.size:
            raise ValueError(
                f"a clip has one picture size, got {width}x{height} in frame {result.frame} after "
                f"{self.size[0]}x{self.size[1]}"
            )
        self.kept.append(result.replace(orig_img=np.broadcast_to(np.zeros(1, dtype=np.uint8), (height, width, 3))))

    def clip(self) -> Clip:
        if not self.kept:
            raise ValueError("a clip needs results, got none")
        ids = self._ids()
        known = np.unique(np.concatenate([row[row > 0] for row in ids])) if ids else np.empty(0, dtype=np.int64)
        first, t, i, k = self.kept[0], len(self.kept), len(known), len(self.kept[0].skeleton)
        seen = sum(int((row > 0).sum()) for row in ids)
        if i * t * k > _LARGE and seen < _SPARSE * i * t:
            return self._packed(ids, known)
        boxes, box_conf = np.full((i, t, 4), np.nan, np.float32), np.full((i, t), np.nan, np.float32)
        columns = {
            "xy": np.full((i, t, k, 2), np.nan, np.float32),
            "conf": np.full((i, t, k), np.nan, np.float32),
            "sigma": np.full((i, t, k, 2), np.nan, np.float32),
            "xyz": np.full((i, t, k, 3), np.nan, np.float32),
        }
        for at, (result, row) in enumerate(zip(self.kept, ids, strict=True)):
            owned = row > 0
            to = np.searchsorted(known, row[owned])
            if len(np.unique(to)) != len(to):
                raise ValueError(f"{result.path}: an id is twice in frame {result.frame}: {row[owned].tolist()}")
            boxes[to, at], box_conf[to, at] = result.boxes.xyxy[owned], result.boxes.conf[owned]
            for name, column in columns.items():
                value = getattr(result.keypoints, name)
                if value is not None:
                    column[to, at] = value[owned]
        return Clip(
            times=np.array([r.time for r in self.kept]),
            frames=np.array([r.frame for r in self.kept], dtype=np.int64),
            ids=known,
            boxes=boxes,
            box_conf=box_conf,
            xy=columns["xy"],
            conf=columns["conf"],
            sigma=columns["sigma"],
            skeleton=first.skeleton,
            size=self.size,
            source=first.path,
            fps=first.media.fps,
            xyz=columns["xyz"] if np.isfinite(columns["xyz"]).any() else None,
        )

    def _packed(self, ids: list[NDArray[np.int64]], known: NDArray[np.int64]) -> Clip:
        from poise.clips.packed import PackedClip  # it is made of clips

        first, k = self.kept[0], len(self.kept[0].skeleton)
        owned = [row > 0 for row in ids]
        of_row = np.concatenate([row[mine] for row, mine in zip(ids, owned, strict=True)])
        at = np.repeat(np.arange(len(self.kept)), [int(mine.sum()) for mine in owned])
        order = np.lexsort((at, of_row))
        twice = np.flatnonzero((np.diff(of_row[order]) == 0) & (np.diff(at[order]) == 0))
        if len(twice):
            result = self.kept[at[order][twice[0]]]
            raise ValueError(f"{result.path}: an id is twice in frame {result.frame}: {of_row[order][twice[0]]}")
        parts: dict[str, list[NDArray[np.float32]]] = {}
        shapes = {"xy": (k, 2), "conf": (k,), "sigma": (k, 2), "xyz": (k, 3)}
        for result, mine in zip(self.kept, owned, strict=True):
            count = int(mine.sum())
            if not count:
                continue
            parts.setdefault("boxes", []).append(np.asarray(result.boxes.xyxy[mine], np.float32))
            parts.setdefault("box_conf", []).append(np.asarray(result.boxes.conf[mine], np.float32))
            for name, shape in shapes.items():
                value = getattr(result.keypoints, name)
                nothing = np.full((count, *shape), np.nan, np.float32)
                parts.setdefault(name, []).append(nothing if value is None else np.asarray(value[mine], np.float32))
        columns = {name: np.concatenate(some)[order] for name, some in parts.items()}
        if not np.isfinite(columns["xyz"]).any():
            del columns["xyz"]
        return PackedClip(
            times=np.array([r.time for r in self.kept]),
            frames=np.array([r.frame for r in self.kept], dtype=np.int64),
            ids=known,
            begins=np.searchsorted(of_row[order], np.append(known, known[-1] + 1)),
            at=at[order],
            columns=columns,
            skeleton=first.skeleton,
            size=self.size,
            source=first.path,
            fps=first.media.fps,
        )

    def _ids(self) -> list[NDArray[np.int64]]:
        """Return the id of every row of every frame; 0 for a row that belongs to nobody."""
        given = [result.boxes.id for result in self.kept]
        if any(column is not None for column in given):
            return [
                np.zeros(len(result), np.int64)
                if column is None
                else np.nan_to_num(np.asarray(column)).astype(np.int64)
                for result, column in zip(self.kept, given, strict=True)
            ]
        for result in self.kept:
            if len(result) > 1:
                raise ValueError(
                    f"{result.path}: frame {result.frame} has {len(result)} instances without ids; track them first: "
                    "Pose.track instead of Pose.predict"
                )
        return [np.ones(len(result), np.int64) for result in self.kept]


def boxes_of(boxes: NDArray[Any], xy: NDArray[Any]) -> NDArray[Any]:
    """Return the boxes, with the extent of the points where there are points and no box."""
    bare = ~np.isfinite(boxes).all(-1) & np.isfinite(xy).all(-1).any(-1)
    if not bare.any():
        return boxes
    filled = np.array(boxes)
    points = xy[bare]
    filled[bare] = np.concatenate([np.nanmin(points, axis=1), np.nanmax(points, axis=1)], axis=-1)
    return filled


def _skeleton(given: dict[str, Any]) -> Skeleton:
    """Return the bundled skeleton of the saved name, or where it is another, the one that the file describes."""
    own = Skeleton(
        name=str(given["skeleton"]),
        keypoints=tuple(str(name) for name in given["keypoints"]),
        edges=tuple((int(a), int(b)) for a, b in given["edges"]),
        flip_idx=tuple(int(i) for i in given["flip_idx"]),
        sigmas=given["sigmas"],
        instance=str(given["instance"]),
    )
    bundled = get(own.name) if own.name in names() else own
    return bundled if bundled == own else own
