"""What the names in a checkpoint's pickle mean, and which names are refused.

A name is never imported. A few have a meaning, each a function in this file; all others stay inert records.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

_MAX_NUMBER = 1 << 48
_MAX_AXES = 8
_MAX_KEY = 1 << 60
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,199}\Z")

# Storage name -> numpy kind and size; bfloat16 has none and is widened when it is read.
STORAGES = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "BFloat16Storage": "bf16",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "b1",
}

# Names of the standard library that checkpoints do hold; they stay inert. All others are refused.
_HARMLESS = {
    "builtins": {
        "getattr",
        "object",
        "int",
        "float",
        "str",
        "bool",
        "list",
        "dict",
        "tuple",
        "slice",
        "range",
        "complex",
    },
    "collections": {"defaultdict", "Counter", "deque"},
    "pathlib": {"Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath"},
    "argparse": {"Namespace"},
    "types": {"SimpleNamespace"},
    "datetime": {"datetime", "date", "timedelta", "timezone"},
}
_HARMLESS["pathlib._local"] = _HARMLESS["pathlib"]
_HARMLESS["__builtin__"] = _HARMLESS["builtins"]
_NUMPY = {"dtype", "ndarray", "scalar", "_reconstruct", "_frombuffer"}
_TORCH = re.compile(
    r"torch(\.nn\.|\.optim\.|\.utils\.data\.|\._C\._nn|\.(float|u?int|bfloat|bool|long|half|double)[0-9]*$|\.device$|\.strided$)"
)
_TORCH_ROOTS = ("torch", "torch.storage")
_NOT_LIBRARY = {"__builtin__", "__main__", "commands", "copy_reg", "pip", "setuptools", "pkg_resources", "exceptions"}


@dataclass(frozen=True, slots=True)
class Global:
    """A name in a pickle; nothing was imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Instance:
    """What a call of a name would have made: the name, its arguments, and the state it was given."""

    __slots__ = ("args", "items", "kind", "state")

    def __init__(self, kind: Global, args: tuple[Any, ...]) -> None:
        self.kind = kind
        self.args = args
        self.state: Any = None
        self.items: list[Any] = []


@dataclass(frozen=True, slots=True)
class Storage:
    """A block of numbers in the file: its record, kind, and how many."""

    key: str
    dtype: str
    count: int


@dataclass(frozen=True, slots=True)
class TensorRef:
    """A tensor as a view of a storage; offset and strides in numbers, checked to lie inside."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Refusal(Exception):
    """Why a pickle is not read; becomes a ModelError that names the file."""


def check_name(name: Global) -> None:
    """Refuse a name that has no business in a checkpoint."""
    if not _NAME.match(name.module) or not _NAME.match(name.name):
        raise Refusal(f"{name.module[:40]!r}.{name.name[:40]!r} is not a name")
    place = (name.module, name.name)
    if place in _MEANING or place == _REBUILD_WITH_STATE or (name.module in _TORCH_ROOTS and name.name in STORAGES):
        return
    root = name.module.partition(".")[0]
    if name.name in _HARMLESS.get(name.module, ()):
        return
    if root in sys.stdlib_module_names or root in _NOT_LIBRARY:
        known = (
            "it could run code or reach the system in another reader" if root != "__main__" else "it is not a library"
        )
    elif root == "torch" and not _TORCH.match(str(name)):
        known = "it is no layer, tensor or number type of torch"
    elif root == "numpy" and name.name not in _NUMPY and not name.module.startswith("numpy.dtypes"):
        known = "it is no array or number of numpy"
    else:
        return
    raise Refusal(f"the file names {name}, and {known}; a network's checkpoint never needs it")


def _whole(value: Any, what: str) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_NUMBER:
        raise Refusal(f"{what} is {_short(value)}, expected a whole number from 0 to 2**48")
    return value


def _short(value: Any) -> str:
    return str(value)[:60] if isinstance(value, str | int | float | Global) else type(value).__name__


def storage(reference: Any) -> Storage:
    """Resolve a persistent id: ``("storage", type, key, location, count)``."""
    if type(reference) is not tuple or len(reference) != 5 or reference[0] != "storage":
        raise Refusal("a persistent id is not a tensor's storage")
    kind, record, count = reference[1], reference[2], reference[4]
    if not isinstance(kind, Global) or kind.module not in _TORCH_ROOTS or kind.name not in STORAGES:
        raise Refusal(f"tensors of type {_short(kind)} are not supported; known: {', '.join(STORAGES)}")
    if type(record) is not str or not re.fullmatch(r"[A-Za-z0-9_.]{1,64}", record):
        raise Refusal("a storage's name is not one")
    return Storage(record, STORAGES[kind.name], _whole(count, "a storage's length"))


def _tensor(block: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> TensorRef:
    if type(block) is not Storage or type(shape) is not tuple or type(strides) is not tuple:
        raise Refusal("a tensor is not described by storage, offset, shape and strides")
    if len(shape) != len(strides) or len(shape) > _MAX_AXES:
        raise Refusal(f"a tensor has {len(shape)} axes and {len(strides)} strides; at most {_MAX_AXES} are read")
    _whole(offset, "a tensor's offset")
    for value in (*shape, *strides):
        _whole(value, "a tensor's size or stride")
    count = prod(shape)
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True)) if count else offset
    if count > block.count or last >= max(block.count, 1) + (count == 0):
        raise Refusal(f"a tensor of shape {list(shape)} does not fit its storage of {block.count} numbers")
    return TensorRef(block, offset, shape, strides)


def _parameter(data: Any, *_: Any) -> TensorRef:
    if type(data) is not TensorRef:
        raise Refusal("a parameter does not hold a tensor")
    return data


def dictionary(items: Any = (), *_: Any) -> dict[Any, Any]:
    """Make a dictionary of pairs."""
    made: dict[Any, Any] = {}
    for pair in items if type(items) in (list, tuple) else ():
        name, value = pair
        made[key(name)] = value
    return made


def set_of(items: Any = ()) -> set[Any]:
    """Make a set of values."""
    return {key(item) for item in items} if type(items) in (list, tuple) else set()


def _encode(text: Any, coding: Any = "latin1") -> bytes:
    """Pickles of protocol 2 hold bytes as text."""
    if type(text) is not str or coding not in ("latin1", "latin-1", "utf8", "utf-8", "ascii"):
        raise Refusal("_codecs.encode is called with something else than text")
    return text.encode(coding)


def key(value: Any) -> Any:
    """Allow only keys whose hash is quick and their own.

    Nested tuples may be deep enough to break the interpreter, long ones are hashed anew at each use, and of whole
    numbers beyond 61 bits, or tuples of -1 and -2, as many as one likes have the same hash.
    """
    if isinstance(value, int) and not -_MAX_KEY < value < _MAX_KEY:
        raise Refusal("a whole number of more than 60 bits is used as a key")
    if value is None or isinstance(value, str | int | float | bytes | Global | Instance | Storage):
        return value
    if (
        type(value) is tuple
        and len(value) <= _MAX_AXES
        and all(v is None or isinstance(v, str | int | float | bytes) for v in value)
    ):
        return value
    raise Refusal(f"a {type(value).__name__} is used as a key")


# What a call of these names means. Every other call becomes an Instance.
_MEANING: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): dictionary,
    ("builtins", "set"): set_of,
    ("__builtin__", "set"): set_of,
    ("builtins", "frozenset"): set_of,
    ("__builtin__", "frozenset"): set_of,
    ("_codecs", "encode"): _encode,
    ("torch", "Size"): lambda shape=(): tuple(shape) if type(shape) in (tuple, list) else (),
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _parameter,
}
_REBUILD_WITH_STATE = ("torch._tensor", "_rebuild_from_type_v2")


def call(function: Any, args: Any) -> Any:
    """Do what a call of a name means here: for most names, remember it."""
    if type(function) is not Global or type(args) is not tuple:
        raise Refusal(f"a {type(function).__name__} is called; only names are")
    if (function.module, function.name) == _REBUILD_WITH_STATE:
        return call(args[0], args[2])
    meaning = _MEANING.get((function.module, function.name))
    return meaning(*args) if meaning else Instance(function, args)
