"""An array type that reads like a tensor, for code that was written for tensors."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poise.errors import suggest


class Extreme(NamedTuple):
    """What ``max(dim=…)`` and ``min(dim=…)`` of a tensor give: the values along an axis, and where they are."""

    values: Array
    indices: Array


class _Size(int):
    """The number of elements, as numpy's ``size``, that can also be called as a tensor's."""

    shape: tuple[int, ...]

    def __call__(self, dim: builtins.int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]


class Array(np.ndarray[tuple[Any, ...], np.dtype[Any]]):
    """A numpy array with the tensor methods that users of this field write.

    Results are read-only. ``.cpu()``, ``.cuda()``, ``.to(…)``, ``.clone()``, ``.int()``, ``.long()``, ``.float()``,
    ``.bool()`` give a copy that may be written to, and ``.numpy()`` a plain numpy array, a copy too. ``dim=`` and
    ``keepdim=`` are known where numpy says ``axis=`` and ``keepdims=``; ``max`` and ``min`` with ``dim=`` give
    ``values`` and ``indices``. ``int(a)``, ``float(a)`` and ``round(a)`` work on any array of one element. A single
    element, ``a[0]``, is an array without axes, so that it has these methods too; it formats, compares and hashes like
    a number.
    """

    def cpu(self) -> Array:
        """Return a copy of one's own."""
        return self.clone()

    def cuda(self, *_: Any, **__: Any) -> Array:
        """Return a copy of one's own: results live in main memory."""
        return self.clone()

    def to(self, *_: Any, **__: Any) -> Array:
        """Return a copy of one's own: results live in main memory."""
        return self.clone()

    def detach(self) -> Self:
        """Return the array itself."""
        return self

    def contiguous(self) -> Self:
        """Return the array itself."""
        return self

    def numpy(self) -> NDArray[Any]:
        """Return a plain numpy array, a copy of one's own."""
        return np.array(self, subok=False)

    def clone(self) -> Array:
        """Return a copy of one's own."""
        return np.array(self, subok=False).view(Array)

    def astype(self, *args: Any, **options: Any) -> NDArray[Any]:
        """Return a plain numpy array of another type: whoever writes this means numpy, and OpenCV takes its numbers."""
        plain: NDArray[Any] = np.asarray(self).astype(*args, **options)
        return plain

    def int(self) -> Array:
        """Return a copy as int32, rounded towards zero."""
        return self.astype(np.int32).view(Array)

    def long(self) -> Array:
        """Return a copy as int64, rounded towards zero."""
        return self.astype(np.int64).view(Array)

    def float(self) -> Array:
        """Return a copy as float32."""
        return self.astype(np.float32).view(Array)

    def double(self) -> Array:
        """Return a copy as float64."""
        return self.astype(np.float64).view(Array)

    def half(self) -> Array:
        """Return a copy as float16."""
        return self.astype(np.float16).view(Array)

    def bool(self) -> Array:
        """Return a copy as truth values: whether each element is not 0."""
        return self.astype(np.bool_).view(Array)

    @property
    def data(self) -> Self:  # type: ignore[override]
        """The array itself, as old code writes it."""
        return self

    @property
    def size(self) -> _Size:
        """The number of elements; called, the shape, and with an axis its length."""
        size = _Size(np.asarray(self).size)
        size.shape = self.shape
        return size

    def numel(self) -> builtins.int:
        """Return the number of elements."""
        return builtins.int(self.size)

    nelement = numel

    def dim(self) -> builtins.int:
        """Return the number of axes."""
        return self.ndim

    def view(self, *shape: Any, **options: Any) -> Any:
        """Return the array in another shape if whole numbers are given, as a tensor does; else numpy's view."""
        sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        if sizes and all(isinstance(n, (builtins.int, np.integer)) for n in sizes):
            return self.reshape(tuple(sizes))
        return super().view(*shape, **options)

    def unsqueeze(self, dim: builtins.int) -> Array:
        """Return the array with one more axis of length 1."""
        return np.expand_dims(self, dim).view(Array)

    def squeeze(self, *axes: Any, dim: Any = None, axis: Any = None) -> Array:
        """Return the array without axes of length 1; an axis that is longer stays, as of a tensor."""
        chosen = next((a for a in (*axes, dim, axis) if a is not None), None)
        if chosen is None:
            return np.squeeze(np.asarray(self)).view(Array)
        several = chosen if isinstance(chosen, (tuple, list)) else (chosen,)
        return np.squeeze(np.asarray(self), tuple(a for a in several if self.shape[a] == 1)).view(Array)

    def permute(self, *axes: Any) -> Array:
        """Return the array with its axes in another order."""
        return np.asarray(self).transpose(*axes).view(Array)

    def t(self) -> Array:
        """Return the array with its axes turned round."""
        return self.permute(*range(self.ndim)[::-1])

    def abs(self) -> Array:
        """Return the amounts."""
        amounts: NDArray[Any] = np.abs(np.asarray(self))
        return amounts.view(Array)

    def norm(self, *_: Any, dim: Any = None, keepdim: builtins.bool = False) -> Any:
        """Return the Euclidean length of the whole, or along an axis."""
        return _wrapped(np.sqrt(np.square(np.asarray(self)).sum(axis=dim, keepdims=keepdim)))

    def clamp(self, min: Any = None, max: Any = None) -> Array:
        """Return the values held between two limits."""
        return np.asarray(self).clip(min, max).view(Array)

    def max(self, *axis: Any, dim: Any = None, keepdim: builtins.bool = False, **options: Any) -> Any:
        """Return the greatest value; with ``dim=`` those along an axis, and where they are."""
        if dim is None:
            return _wrapped(np.asarray(self).max(*axis, **options))
        return _extreme(self, np.argmax, dim, keepdim)

    def min(self, *axis: Any, dim: Any = None, keepdim: builtins.bool = False, **options: Any) -> Any:
        """Return the least value; with ``dim=`` those along an axis, and where they are."""
        if dim is None:
            return _wrapped(np.asarray(self).min(*axis, **options))
        return _extreme(self, np.argmin, dim, keepdim)

    def argsort(self, *axis: Any, dim: Any = None, descending: builtins.bool = False, **options: Any) -> Array:
        """Return the order of the elements; ``descending=True`` begins with the greatest."""
        if dim is not None:
            options["axis"] = dim
        values = -np.asarray(self) if descending else np.asarray(self)
        return values.argsort(*axis, **options).view(Array)

    def __getitem__(self, key: Any, /) -> Array:
        # numpy gives a scalar for a single element, which has no .cpu(); users write box.conf[0].cpu().
        return _wrapped(super().__getitem__(key))  # type: ignore[no-any-return]

    def __setitem__(self, key: Any, value: Any, /) -> None:
        if not self.flags.writeable:
            _refuse()
        super().__setitem__(key, value)

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

    if not TYPE_CHECKING:  # a type checker is to find what is not there by itself

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):
                raise AttributeError(name)
            known = [one for one in dir(type(self)) if not one.startswith("_")]
            raise AttributeError(
                f"arrays of results have no attribute {name!r}{suggest(name, known)}; they are numpy arrays: write "
                "np.…(array), or torch.from_numpy(array.numpy()) for a tensor"
            )


def _refuse() -> NoReturn:
    raise ValueError(
        "results are read-only: write to a copy, such as xy = result.keypoints.xy.clone(), and put it back with "
        "result.update(keypoints=xy) where it is to be drawn or saved"
    )


def _wrapped(values: Any) -> Any:
    return np.asanyarray(values).view(Array)


def _extreme(array: Array, which: Any, dim: int, keepdim: bool) -> Extreme:
    values = np.asarray(array)
    at = np.expand_dims(which(values, axis=dim), dim)
    found = np.take_along_axis(values, at, axis=dim)
    if not keepdim:
        found, at = found.squeeze(dim), at.squeeze(dim)
    return Extreme(_wrapped(found), _wrapped(at))


def _with_dim(name: str) -> Any:
    """Return numpy's method with ``dim=`` and ``keepdim=`` for its ``axis=`` and ``keepdims=``."""
    plain = getattr(np.ndarray, name)

    def method(self: Array, *args: Any, **options: Any) -> Any:
        for theirs, ours in (("dim", "axis"), ("keepdim", "keepdims")):
            if theirs in options:
                options[ours] = options.pop(theirs)
        return _wrapped(plain(np.asarray(self), *args, **options))

    method.__name__, method.__doc__ = name, f"numpy's ``{name}``; ``dim=`` is its ``axis=``."
    return method


def _in_place(name: str) -> Any:
    plain = getattr(np.ndarray, name)

    def method(self: Array, other: Any, /) -> Any:
        if not self.flags.writeable:
            _refuse()
        return plain(self, other)

    method.__name__ = name
    return method


for _name in ("mean", "sum", "prod", "all", "any", "argmax", "argmin", "cumsum"):
    setattr(Array, _name, _with_dim(_name))
for _name in ("__iadd__", "__isub__", "__imul__", "__itruediv__", "__ifloordiv__", "__ipow__", "__iand__", "__ior__"):
    setattr(Array, _name, _in_place(_name))


def freeze(values: ArrayLike, dtype: Any = np.float32) -> Array:
    """Return values as a read-only ``Array`` without a copy where possible."""
    array = np.ndarray.view(np.asarray(values, dtype=dtype), Array)
    array.flags.writeable = False
    return array


def alike(values: ArrayLike, other: NDArray[Any]) -> Array:
    """Return float32 values as an array of the kind of another: read-only, one's own, or plain numpy."""
    if not isinstance(other, Array):
        return np.asarray(values, dtype=np.float32)  # type: ignore[return-value]  # whoever asked for numpy gets it
    if other.flags.writeable:
        return np.asarray(values, dtype=np.float32).view(Array)
    return freeze(values)


def plain(value: Any) -> Any:
    """Return a number of numpy's as Python's own, and everything else as it is.

    Example:
        >>> plain(np.int64(5)), plain(np.array(0.5)), plain("5")
        (5, 0.5, '5')
    """
    single = isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0)
    return value.item() if single else value


def longer_side(imgsz: Any) -> Any:
    """Return the longer side where height and width are given, as numbers or as text, else ``imgsz`` as it is.

    Raises:
        ValueError: They are no numbers.
    """
    if isinstance(imgsz, str):
        sides = [side.strip() for side in imgsz.strip("()[] ").split(",")]
        imgsz = [int(side) for side in sides] if all(side.isascii() and side.isdigit() for side in sides) else imgsz
    if not isinstance(imgsz, (list, tuple, np.ndarray)) or np.ndim(imgsz) == 0:
        return plain(imgsz)
    try:
        return max(int(side) for side in imgsz)
    except (TypeError, ValueError):
        raise ValueError(f"imgsz must be from 32 to 8192 pixels, or height and width, got {imgsz!r}") from None
