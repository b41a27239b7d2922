"""The columns of a result: boxes and keypoints."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from poise.errors import suggest
from poise.geometry import xyxy_to_xywh
from poise.results.arrays import Array, alike, freeze
from poise.skeletons import Skeleton, get

Rows = int | slice | list[int] | list[bool] | NDArray[Any]


def freeze_columns(owner: object, shapes: Mapping[str, tuple[Any, tuple[int, ...]]], *, given: str = "") -> None:
    """Give a frozen object read-only arrays of the right types and shapes.

    Args:
        owner: The object; its attributes are replaced.
        shapes: Attribute to number type and shape.
        given: What the shapes follow from, for the message, such as ``" to match xy (3, 17, 2)"``.

    Raises:
        ValueError: A shape that does not match.
    """
    for name, (dtype, shape) in shapes.items():
        array = np.asarray(getattr(owner, name), dtype=dtype).view()
        if array.shape != shape:
            raise ValueError(f"{name} must have shape {shape}{given}, got {array.shape}")
        array.flags.writeable = False
        object.__setattr__(owner, name, array)


def one_row(rows: Rows) -> bool:
    """Whether ``rows`` is the index of one row: an integer, numpy's and arrays without axes too."""
    return isinstance(rows, (int, np.integer)) or (isinstance(rows, np.ndarray) and rows.ndim == 0)


def rows_of(rows: Rows, count: int) -> Any:
    """Turn an index, slice, list or mask into something that keeps the row axis.

    Raises:
        IndexError: An index or a mask that does not fit ``count`` rows.
    """
    if one_row(rows):
        row = operator.index(rows)  # type: ignore[arg-type]  # an array without axes has __index__
        if not -count <= row < count:
            there = f"there are {count} (0 to {count - 1})" if count else "nothing was found"
            raise IndexError(f"instance {row} does not exist; {there}")
        return slice(row % count, row % count + 1)
    if isinstance(rows, slice):
        return rows
    chosen = np.asarray(rows)
    if chosen.dtype == bool and chosen.shape != (count,):
        raise IndexError(f"a mask must have shape ({count},) to match the instances, got {chosen.shape}")
    if not chosen.size:
        return np.empty(0, dtype=np.intp)
    if chosen.ndim != 1 or chosen.dtype.kind not in "biu":
        raise IndexError(
            f"instances are chosen by an index, a slice, a list of indices or a mask of shape ({count},), "
            f"got {chosen.dtype} of shape {chosen.shape}"
        )
    return chosen


class _Columns:
    """What boxes and keypoints share: rows, iteration, and copies of one's own."""

    __slots__ = ()

    def __len__(self) -> int:
        raise NotImplementedError  # pragma: no cover

    def __getitem__(self, rows: Rows) -> Self:
        raise NotImplementedError  # pragma: no cover

    def __iter__(self) -> Iterator[Self]:
        return (self[i] for i in range(len(self)))

    def numpy(self) -> Self:
        """Return a copy whose columns are plain numpy arrays that may be written to."""
        raise NotImplementedError  # pragma: no cover

    def clone(self) -> Self:
        """Return a copy whose columns may be written to."""
        raise NotImplementedError  # pragma: no cover

    def cpu(self) -> Self:
        """Return a copy whose columns may be written to."""
        return self.clone()

    def cuda(self, *_: Any, **__: Any) -> Self:
        """Return a copy whose columns may be written to: results live in main memory."""
        return self.clone()

    def to(self, *_: Any, **__: Any) -> Self:
        """Return a copy whose columns may be written to: results live in main memory."""
        return self.clone()


@dataclass(frozen=True, slots=True, eq=False)
class Boxes(_Columns):
    """The boxes of every instance in one frame, as columns.

    Attributes:
        data: ``(N, 6)`` float32 x1, y1, x2, y2, conf, class; ``(N, 7)`` with the track id before conf.
        orig_shape: Height and width of the source picture, pixels.
    """

    data: Array
    orig_shape: tuple[int, int]
    _own: bool = False  # data is a copy of the user's, to be kept as it is

    def __post_init__(self) -> None:
        if self._own:
            return
        data = np.asarray(self.data, dtype=np.float32)
        if data.size == 0 and data.ndim != 2:
            data = data.reshape(0, 6)
        if data.ndim != 2 or data.shape[1] not in (6, 7):
            raise ValueError(f"boxes must have shape (N, 6) or, with track ids, (N, 7), got {data.shape}")
        object.__setattr__(self, "data", freeze(data))

    def __len__(self) -> int:
        return len(self.data)

    def __reduce__(self) -> tuple[Any, ...]:
        return (Boxes, (np.asarray(self.data), self.orig_shape))  # through __init__, so that copies are read-only too

    def __getitem__(self, rows: Rows) -> Boxes:
        return Boxes(self.data[rows_of(rows, len(self))], self.orig_shape, self._own)

    def __repr__(self) -> str:
        rows = [f"{_numbers(row[:4])} conf {row[-2]:.2f} class {row[-1]:.0f}{_id(row)}" for row in self.data[:_SHOWN]]
        return _listed("Boxes", len(self), f"xyxy pixels of {self.orig_shape[1]}x{self.orig_shape[0]}", rows)

    def numpy(self) -> Boxes:
        """Return a copy whose columns are plain numpy arrays that may be written to."""
        return Boxes(np.array(self.data, subok=False), self.orig_shape, True)  # type: ignore[arg-type]

    def clone(self) -> Boxes:
        """Return a copy whose columns may be written to."""
        return Boxes(np.array(self.data, subok=False).view(Array), self.orig_shape, True)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of ``data``."""
        return self.data.shape

    @property
    def xyxy(self) -> Array:
        """``(N, 4)`` corners x1, y1, x2, y2, pixels."""
        return self.data[:, :4]

    @property
    def xywh(self) -> Array:
        """``(N, 4)`` centre x, centre y, width, height, pixels."""
        return alike(xyxy_to_xywh(self.data[:, :4]), self.data)

    @property
    def xyxyn(self) -> Array:
        """``(N, 4)`` corners divided by the picture's width and height."""
        return alike(self.xyxy / self._whwh, self.data)

    @property
    def xywhn(self) -> Array:
        """``(N, 4)`` centre and size divided by the picture's width and height."""
        return alike(self.xywh / self._whwh, self.data)

    @property
    def _whwh(self) -> NDArray[np.float32]:
        height, width = self.orig_shape
        return np.array([width, height, width, height], dtype=np.float32)

    @property
    def is_track(self) -> bool:
        """Whether the rows carry track ids."""
        return bool(self.data.shape[1] == 7)

    @property
    def id(self) -> Array | None:
        """``(N,)`` track ids from 1; None for results that were not tracked."""
        return self.data[:, 4] if self.is_track else None

    @property
    def conf(self) -> Array:
        """``(N,)`` confidence of each instance in [0, 1]."""
        return self.data[:, -2]

    @property
    def cls(self) -> Array:
        """``(N,)`` class number, as float32 like the rest of ``data``."""
        return self.data[:, -1]


class Point(NamedTuple):
    """One named keypoint: of every instance as ``(N,)`` arrays, or, after ``result[i]``, of one as numbers."""

    x: Any
    y: Any
    conf: Any


@dataclass(frozen=True, slots=True, eq=False)
class Keypoints(_Columns):
    """The keypoints of every instance in one frame, as columns; row i belongs to row i of the boxes.

    Attributes:
        xy: ``(N, K, 2)`` float32, pixels of the upright source picture, origin at its outer top-left corner. A
            keypoint that was not predicted is NaN.
        conf: ``(N, K)`` float32 in [0, 1]; None where the network gives no confidence.
        sigma: ``(N, K, 2)`` float32, standard deviation in pixels; NaN where the network gives none.
        xyz: ``(N, K, 3)`` float32 metres: x right, y down, z away from the camera, origin as the model's card says;
            NaN where the network gives none.
        skeleton: What the K points are.
        orig_shape: Height and width of the source picture, pixels.
    """

    xy: Array
    conf: Array | None
    skeleton: Skeleton = field(default_factory=lambda: get("coco17"))
    orig_shape: tuple[int, int] = (0, 0)
    sigma: Array = None  # type: ignore[assignment]
    xyz: Array = None  # type: ignore[assignment]
    _own: Any = None  # (N, K, 2 or 3) copy of the user's, of which xy and conf are parts

    def __post_init__(self) -> None:
        points = np.shape(self.xy)
        n = points[0] if len(points) == 3 else 0
        k = len(self.skeleton)
        if points != (n, k, 2):
            raise ValueError(f"xy must have shape (N, {k}, 2) for skeleton {self.skeleton.name!r}, got {points}")
        if self._own is not None:
            object.__setattr__(self, "xy", self._own[..., :2])
            object.__setattr__(self, "conf", self._own[..., 2] if self._own.shape[2] == 3 else None)
            return
        for name, shape in (("xy", (n, k, 2)), ("conf", (n, k)), ("sigma", (n, k, 2)), ("xyz", (n, k, 3))):
            value = getattr(self, name)
            if value is None:
                if name == "conf":
                    continue
                value = np.broadcast_to(np.float32(np.nan), shape)
            if np.shape(value) != shape:
                raise ValueError(f"{name} must have shape {shape} to match xy {points}, got {np.shape(value)}")
            object.__setattr__(self, name, freeze(value))

    def __len__(self) -> int:
        return len(self.xy)

    def __reduce__(self) -> tuple[Any, ...]:
        conf = None if self.conf is None else np.asarray(self.conf)
        spread = (_unless_nan(self.sigma), _unless_nan(self.xyz))
        return (Keypoints, (np.asarray(self.xy), conf, self.skeleton, self.orig_shape, *spread))

    def __getitem__(self, rows: Rows) -> Keypoints:
        at = rows_of(rows, len(self))
        conf = None if self.conf is None else self.conf[at]
        own = None if self._own is None else self._own[at]
        return Keypoints(self.xy[at], conf, self.skeleton, self.orig_shape, self.sigma[at], self.xyz[at], own)

    def __repr__(self) -> str:
        scale = "x y" if self.conf is None else "x y conf"
        rows = []
        for points in self.data[:_SHOWN]:
            first = ", ".join(
                f"{name} {_numbers(point[:2])}{f' {point[2]:.2f}' if len(point) == 3 else ''}"
                for name, point in zip(self.skeleton.keypoints[:3], points, strict=False)
            )
            rows.append(f"{first}{', …' if len(self.skeleton) > 3 else ''}")
        what = f"{len(self.skeleton)} keypoints of {self.skeleton.name}, {scale}, pixels of "
        return _listed("Keypoints", len(self), f"{what}{self.orig_shape[1]}x{self.orig_shape[0]}", rows)

    def numpy(self) -> Keypoints:
        """Return a copy whose columns are plain numpy arrays that may be written to."""
        return self._copy(np.array)

    def clone(self) -> Keypoints:
        """Return a copy whose columns may be written to."""
        return self._copy(lambda column: np.array(column).view(Array))

    def _copy(self, made: Any) -> Keypoints:
        # One NaN repeated stays what it is: it says that the network gives none.
        spread = [made(np.asarray(c)) if any(c.strides) else c for c in (self.sigma, self.xyz)]
        own = made(np.asarray(self.data))
        return Keypoints(self.xy, self.conf, self.skeleton, self.orig_shape, spread[0], spread[1], own)

    @property
    def data(self) -> Array:
        """``(N, K, 3)`` x, y, conf, or ``(N, K, 2)`` where there is no confidence."""
        if self._own is not None:
            own: Array = self._own
            return own
        if self.conf is None:
            return self.xy
        return freeze(np.concatenate([self.xy, self.conf[..., None]], axis=-1))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of ``data``."""
        return (*self.xy.shape[:2], 2 if self.conf is None else 3)

    @property
    def xyn(self) -> Array:
        """``(N, K, 2)`` positions divided by the picture's width and height."""
        height, width = self.orig_shape
        return alike(self.xy / np.array([width, height], dtype=np.float32), self.xy)

    @property
    def has_visible(self) -> bool:
        """Whether the keypoints carry confidence."""
        return self.conf is not None

    def named(self, name: str) -> Point:
        """Return one keypoint of every instance by its name.

        Raises:
            KeyError: With the nearest name that the skeleton has.
        """
        k = self.skeleton.index(name)
        conf = np.full(len(self), np.nan, np.float32) if self.conf is None else self.conf[:, k]
        return Point(self.xy[:, k, 0], self.xy[:, k, 1], conf)


def _unless_nan(column: Array) -> NDArray[Any] | None:
    """Return the column to be pickled; None for one NaN repeated without bytes of its own."""
    repeated = column.size > 0 and not any(column.strides)
    return None if repeated and np.isnan(column.flat[0]) else np.asarray(column)


# Instances that are printed: with a line before and one after them ten lines at most.
_SHOWN = 8


def _listed(kind: str, count: int, what: str, rows: list[str]) -> str:
    """Return what is printed of columns."""
    head = f"{kind}({count} {'instance' if count == 1 else 'instances'}, {what})"
    more = [f"  … {count - len(rows)} more"] if count > len(rows) else []
    return "\n".join([head, *(f"  {i}: {row}" for i, row in enumerate(rows)), *more])


def _numbers(values: Any) -> str:
    return " ".join(f"{value:.1f}" for value in np.asarray(values).tolist())


def _id(row: Any) -> str:
    return f" id {row[4]:.0f}" if len(row) == 7 else ""


def attribute_error(kind: str, name: str, known: list[str]) -> AttributeError:
    """Return the error for an attribute that is not there, with the nearest one that is."""
    return AttributeError(f"{kind} has no attribute {name!r}{suggest(name, known)}")
