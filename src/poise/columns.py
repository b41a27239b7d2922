"""The columns of a result: an array type that reads like a tensor, boxes, and keypoints."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poise.errors import suggest
from poise.geometry import xyxy_to_xywh
from poise.skeletons import Skeleton, get

Rows = int | slice | list[int] | list[bool] | NDArray[Any]


class InMainMemory:
    """The methods that move tensors between devices, for things that always live in main memory: they do nothing."""

    __slots__ = ()

    def cpu(self) -> Self:
        """Return the same object."""
        return self

    def cuda(self, *_: Any, **__: Any) -> Self:
        """Return the same object: results live in main memory."""
        return self

    def to(self, *_: Any, **__: Any) -> Self:
        """Return the same object: results live in main memory."""
        return self


class Array(InMainMemory, np.ndarray[tuple[Any, ...], np.dtype[Any]]):
    """A numpy array with the tensor methods that users of this field write, all harmless here.

    ``.cpu()``, ``.cuda()``, ``.to(…)``, ``.detach()`` return the array itself, ``.numpy()`` a plain numpy view;
    ``.int()``, ``.long()``, ``.float()``, ``.clone()`` a copy that may be written to. ``int(a)``, ``float(a)`` and
    ``round(a)`` work on any array of one element. A single element, ``a[0]``, is an array without axes, so that it
    has these methods too; it formats, compares and hashes like a number.
    """

    def detach(self) -> Self:
        """Return the array itself."""
        return self

    def numpy(self) -> NDArray[Any]:
        """Return a plain numpy view."""
        return self.view(np.ndarray)

    def clone(self) -> Array:
        """Return a copy."""
        return self.copy().view(Array)

    def int(self) -> Array:
        """Return a copy as int32, rounded towards zero."""
        return self.astype(np.int32).view(Array)

    def long(self) -> Array:
        """Return a copy as int64, rounded towards zero."""
        return self.astype(np.int64).view(Array)

    def float(self) -> Array:
        """Return a copy as float32."""
        return self.astype(np.float32).view(Array)

    def numel(self) -> builtins.int:
        """Return the number of elements."""
        return self.size

    def dim(self) -> builtins.int:
        """Return the number of axes."""
        return self.ndim

    def __getitem__(self, key: Any, /) -> Array:
        # numpy gives a scalar for a single element, which has no .cpu(); users write box.conf[0].cpu().
        item: Array = np.asanyarray(super().__getitem__(key)).view(Array)
        return item

    def __int__(self) -> builtins.int:
        return builtins.int(self.item())

    def __float__(self) -> builtins.float:
        return builtins.float(self.item())

    def __round__(self, ndigits: builtins.int | None = None) -> builtins.int | builtins.float:
        return round(builtins.float(self.item()), ndigits)

    def __hash__(self) -> builtins.int:  # type: ignore[override]  # numpy says None; one element hashes like a number
        if self.ndim:
            raise TypeError(f"unhashable: an array of shape {self.shape}")
        return hash(self.item())


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


def freeze(values: ArrayLike, dtype: Any = np.float32) -> Array:
    """Return values as a read-only ``Array`` without a copy where possible."""
    array = np.asarray(values, dtype=dtype).view(Array)
    array.flags.writeable = False
    return array


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


class _Columns(InMainMemory):
    """What boxes and keypoints share: rows, iteration, and harmless tensor methods."""

    __slots__ = ()

    def __len__(self) -> int:
        raise NotImplementedError  # pragma: no cover

    def __getitem__(self, rows: Rows) -> Self:
        raise NotImplementedError  # pragma: no cover

    def __iter__(self) -> Iterator[Self]:
        return (self[i] for i in range(len(self)))

    def numpy(self) -> Self:
        """Return the same columns: they are numpy arrays already."""
        return self


@dataclass(frozen=True, slots=True, eq=False)
class Boxes(_Columns):
    """The boxes of every instance in one frame, as columns.

    Attributes:
        data: ``(N, 6)`` float32 x1, y1, x2, y2, conf, class; ``(N, 7)`` with the track id before conf.
        orig_shape: Height and width of the source picture, pixels.
    """

    data: Array
    orig_shape: tuple[int, int]

    def __post_init__(self) -> None:
        data = np.asarray(self.data, dtype=np.float32)
        if data.size == 0 and data.ndim != 2:
            data = data.reshape(0, 6)
        if data.ndim != 2 or data.shape[1] not in (6, 7):
            raise ValueError(f"boxes must have shape (N, 6) or, with track ids, (N, 7), got {data.shape}")
        object.__setattr__(self, "data", freeze(data))

    def __len__(self) -> int:
        return len(self.data)

    def __reduce__(self) -> tuple[Any, ...]:
        return (Boxes, (self.data.numpy(), self.orig_shape))  # through __init__, so that copies are read-only too

    def __getitem__(self, rows: Rows) -> Boxes:
        return Boxes(self.data[rows_of(rows, len(self))], self.orig_shape)

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
        return freeze(xyxy_to_xywh(self.data[:, :4]))

    @property
    def xyxyn(self) -> Array:
        """``(N, 4)`` corners divided by the picture's width and height."""
        return freeze(self.xyxy / self._whwh)

    @property
    def xywhn(self) -> Array:
        """``(N, 4)`` centre and size divided by the picture's width and height."""
        return freeze(self.xywh / self._whwh)

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

    def __post_init__(self) -> None:
        points = np.shape(self.xy)
        n = points[0] if len(points) == 3 else 0
        k = len(self.skeleton)
        if points != (n, k, 2):
            raise ValueError(f"xy must have shape (N, {k}, 2) for skeleton {self.skeleton.name!r}, got {points}")
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
        conf = None if self.conf is None else self.conf.numpy()
        spread = (_unless_nan(self.sigma), _unless_nan(self.xyz))
        return (Keypoints, (self.xy.numpy(), conf, self.skeleton, self.orig_shape, *spread))

    def __getitem__(self, rows: Rows) -> Keypoints:
        at = rows_of(rows, len(self))
        conf = None if self.conf is None else self.conf[at]
        return Keypoints(self.xy[at], conf, self.skeleton, self.orig_shape, self.sigma[at], self.xyz[at])

    @property
    def data(self) -> Array:
        """``(N, K, 3)`` x, y, conf, or ``(N, K, 2)`` where there is no confidence."""
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
        return freeze(self.xy / np.array([width, height], dtype=np.float32))

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
    return None if repeated and np.isnan(column.flat[0]) else column.numpy()


def attribute_error(kind: str, name: str, known: list[str]) -> AttributeError:
    """Return the error for an attribute that is not there, with the nearest one that is."""
    return AttributeError(f"{kind} has no attribute {name!r}{suggest(name, known)}")
