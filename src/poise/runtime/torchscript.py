"""TorchScript programs (extra ``train``), as this project and the field's original export them.

A program is code. Before it is loaded, its listing in the archive is read: only operations on tensors that a network is
made of may be in it, none that reads or writes files, and none that runs when it is loaded.
"""

from __future__ import annotations

import ast
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from poise.errors import ModelError, require
from poise.runtime._session import Tensor
from poise.runtime.metadata import read_config
from poise.runtime.torch import TorchSession

_MOST_CODE = 64 << 20
_CALL = re.compile(r"(?<![\w.])(?:torch|ops)\.([A-Za-z_][\w.]*)")
# What networks that were traced are made of. Source: the listings of YOLOv8, YOLO11 and YOLO26 pose networks that torch
# 2.13 traces, and the other operations of their kind, which only compute with tensors.
_OPERATIONS = """
    _convolution conv2d conv1d conv_transpose2d batch_norm layer_norm group_norm linear matmul bmm mm addmm addbmm
    baddbmm einsum silu silu_ relu relu_ leaky_relu leaky_relu_ sigmoid sigmoid_ softplus softmax log_softmax gelu
    mish mish_ hardswish hardswish_ hardsigmoid hardsigmoid_ hardtanh hardtanh_ relu6 elu elu_ tanh max_pool2d
    avg_pool2d adaptive_avg_pool2d upsample_nearest2d upsample_bilinear2d pad constant_pad_nd pixel_shuffle add add_
    sub sub_ rsub mul mul_ div div_ floor_divide remainder neg pow sqrt rsqrt exp exp_ log abs clamp clamp_
    clamp_min clamp_max floor floor_ ceil ceil_ round round_ trunc minimum maximum max min amax amin sum mean cumsum
    prod norm sort topk argmax argmin argsort gather scatter scatter_ index index_select index_put index_put_
    masked_fill masked_fill_ masked_select where cat stack split split_with_sizes chunk tensor_split unbind
    unsqueeze unsqueeze_ squeeze squeeze_ view view_as reshape flatten unflatten transpose transpose_ permute
    movedim t contiguous expand expand_as repeat repeat_interleave tile slice select narrow flip roll meshgrid
    arange linspace zeros zeros_like ones ones_like full full_like empty empty_like new_zeros new_ones new_full
    new_empty tensor scalar_tensor eye fill_ copy_ clone detach detach_ to type_as size len numel dim item
    IntImplicit FloatImplicit ScalarImplicit Bool Int Float eq ne lt le gt ge logical_and logical_or logical_not
    logical_xor __and__ __or__ __not__ __contains__ __getitem__ __range_length __derive_index isnan isfinite
    nan_to_num dropout dropout_ bitwise_and bitwise_or bitwise_not nonzero any all append list warn
    scaled_dot_product_attention format jit device dtype float32 float16 float64 int64 int32 bool prim.NumToTensor
    prim.device prim.dtype prim.ListConstruct prim.TupleConstruct prim.min prim.max prim.data prim.is_cuda
    prim.layout NumToTensor
"""
_ALLOWED = frozenset(_OPERATIONS.split())


def open(path: Path, *, device: str = "cpu", threads: int | None = None, precision: str = "f32") -> TorchSession:
    """Load a program as a session of torch.

    Args:
        path: The file.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
        threads: CPU threads; torch has one number for the whole process, and this sets it.
        precision: ``"f32"`` or ``"auto"``, as for checkpoints.

    Raises:
        ModelError: It is no program, is damaged, or holds operations that no network needs.
        MissingExtra: torch is not installed.
    """
    about = _read(path)
    torch = require("torch", extra="train", feature=f"running {path.name} (an exported .onnx needs no torch)")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # torch would rather have another format
            program = torch.jit.load(str(path), map_location="cpu")
    except (RuntimeError, ValueError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "no reason given"
        raise ModelError(f"{path}: not a TorchScript network that torch can load: {reason[:200]}") from error
    module = _module(torch, program)
    shape = _shape(about)
    try:
        session = TorchSession(module, about, device, threads, precision, picture=shape)
    except (RuntimeError, IndexError, TypeError) as error:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else "no reason given"
        raise ModelError(f"{path}: does not run on pictures of {shape[3]} x {shape[2]}: {reason[:200]}") from error
    if not _is_free(about):
        session.inputs = (Tensor("images", shape, np.dtype(np.float32)),)
    return session


def trusted(path: Path) -> Any:
    """Load a program that this process has written as a module of torch; a stranger's could run anything."""
    torch = require("torch", extra="train", feature=f"running {path.name}")
    return _module(torch, torch.jit.load(str(path), map_location="cpu"))


def _module(torch: Any, program: Any) -> Any:
    class Program(torch.nn.Module):  # type: ignore[misc]
        """A program as a module like any other: those that are read from a file refuse some of a module's methods."""

        def __init__(self) -> None:
            super().__init__()
            self._run = [program]

        def to(self, *args: Any, **_: Any) -> Any:
            self._run = [self._run[0].to(*args)]
            return self

        def forward(self, images: Any) -> tuple[Any, ...]:
            found = self._run[0](images)
            return tuple(found) if isinstance(found, (tuple, list)) else (found,)

    program.eval()
    return Program()


def _read(path: Path) -> dict[str, str]:
    """Look through a program's listing, and return its metadata.

    Raises:
        ModelError: It cannot be read, or is more than a network.
    """
    about: dict[str, str] = {}
    listings = 0
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                name = entry.filename.partition("/")[2]
                if name == "extra/config.txt":
                    about = read_config(path, archive, entry)
                elif name.startswith("code/") and name.endswith(".py"):
                    listings += 1
                    if entry.file_size > _MOST_CODE:
                        raise ModelError(f"{path}: {entry.filename[:80]} takes {entry.file_size >> 20} MiB")
                    _check(path, archive.read(entry).decode("utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file") from None
    except (zipfile.BadZipFile, ValueError, TypeError, OSError, RuntimeError, RecursionError, EOFError) as error:
        raise ModelError(f"{path}: not a TorchScript file: {error}") from error
    if not listings:
        raise ModelError(f"{path}: not a TorchScript file: it holds no program")
    if "names" in about and about["names"].startswith("{"):
        about["names"] = _numbered(about["names"])
    return about


def _check(path: Path, text: str) -> None:
    if "__setstate__" in text or "def __getstate__" in text:
        raise ModelError(f"{path}: refused: it runs code when it is loaded, which no network needs; export it as ONNX")
    for call in _CALL.finditer(text):
        if call[1] not in _ALLOWED:
            raise ModelError(
                f"{path}: refused: its program uses {call[0][:60]}, which no pose network needs; export it as ONNX"
            )


def _numbered(text: str) -> str:
    """Return class names with numbers for keys; JSON has made texts of them."""
    try:
        table = ast.literal_eval(text[:200_000])
        return str({int(key): value for key, value in table.items()})
    except (ValueError, SyntaxError, TypeError, AttributeError, MemoryError, RecursionError):
        return text


def _is_free(about: Mapping[str, str]) -> bool:
    """Return whether the program takes any size: ours do, the original's hold the places of one size."""
    return "poise.version" in about and "'dynamic': False" not in about.get("args", "")


def _shape(about: Mapping[str, str]) -> tuple[int, int, int, int]:
    """Return the shape of the input that the metadata names; 1 x 3 x 640 x 640 without."""
    try:
        size = ast.literal_eval(about.get("imgsz", "640")[:100])
        batch = int(about.get("batch", "1"))
        height, width = (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
    except (ValueError, SyntaxError, TypeError, IndexError, MemoryError, RecursionError):
        return (1, 3, 640, 640)
    good = 32 <= height <= 4096 and 32 <= width <= 4096 and 1 <= batch <= 256
    return (batch, 3, height, width) if good else (1, 3, 640, 640)
