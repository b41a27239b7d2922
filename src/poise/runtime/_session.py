"""The one protocol that every engine speaks, and the choice of an engine."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from math import prod
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from poise import files
from poise.errors import MissingExtra, ModelError, suggest
from poise.extras import engines
from poise.files.networks import reading
from poise.graphs import strangers
from poise.graphs.protobuf import Damaged, Refused

# Engine name -> the module that owns it; it has ``open(network, device, threads, precision) -> Session``.
ENGINES = {
    "onnxruntime": "poise.runtime.onnxruntime",
    "openvino": "poise.runtime.openvino",
}
# Weights beside an ONNX file.
MOST_BESIDE = 16 << 30
PRECISIONS = ("f32", "auto")


@dataclass(frozen=True, slots=True)
class Tensor:
    """Name, shape (None for a free axis) and numpy type of a network's input or output."""

    name: str
    shape: tuple[int | None, ...]
    dtype: np.dtype[Any]


def usable_cores() -> int:
    """Return how many cores this process may really use.

    A container's quota (Linux control groups, version 2) counts, which ``os.cpu_count`` does not know: threads beyond
    it only wait for each other.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        if quota != "max":
            cores = min(cores, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):
        pass
    return cores


def closed(name: str) -> ModelError:
    """Return what is raised where a network that was freed is to run."""
    return ModelError(
        f"{name}: the model was closed while its results were still being read; read a stream to its end before "
        "close() or the end of its with block"
    )


class Session(Protocol):
    """A loaded network. ``run`` may be called from many threads at once."""

    engine: str
    device: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    metadata: Mapping[str, str]

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Run the network once; input name to array in, output name to array out."""
        ...

    def close(self) -> None:
        """Free the network."""
        ...


def open_session(
    network: Path | bytes,
    *,
    runtime: str = "auto",
    device: str = "cpu",
    threads: int | None = None,
    precision: str = "f32",
    name: str = "",
) -> Session:
    """Load a network file.

    Args:
        network: Path of an ``.onnx`` file, or its bytes.
        runtime: ``"onnxruntime"``, ``"openvino"``, or ``"auto"`` (onnxruntime, which is always installed).
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"`` … A device that is not there is an error.
        threads: CPU threads of this session; None leaves it to the engine.
        precision: ``"f32"``, or ``"auto"`` to allow the engine a faster one (bf16 in OpenVINO).
        name: How errors call the network.

    Raises:
        ModelError: The file is not a network, or the engine or device is not there.
        MissingExtra: The engine is not installed.
        ValueError: A name that is not known.
    """
    if runtime not in ("auto", *ENGINES):
        raise ValueError(f"no runtime named {runtime!r}{suggest(runtime, ['auto', *ENGINES])}")
    if precision not in PRECISIONS:
        raise ValueError(f"no precision named {precision!r}{suggest(precision, PRECISIONS)}")
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be 1 or more, got {threads}")
    if isinstance(network, Path):
        with reading(network):
            files.check_plain(network, most=files.MOST_NETWORK)
        _check(network)
    engine = import_module(ENGINES["onnxruntime" if runtime == "auto" else runtime])
    name = name or (str(network) if isinstance(network, Path) else "network")
    session: Session = engine.open(network, device=device, threads=threads, precision=precision, name=name)
    for tensor in session.inputs:
        if prod(n or 1 for n in tensor.shape) > strangers.MOST_INPUT:
            session.close()
            raise ModelError(
                f"{name}: its input {tensor.name!r} of shape {list(tensor.shape)} has more than "
                f"{strangers.MOST_INPUT:,} numbers"
            )
    return session


def fastest(device: str = "cpu", precision: str = "f32") -> str | None:
    """Return the installed engine that runs a YOLO network fastest on a device, or None where none has that device.

    On a CPU in float32 that is onnxruntime: OpenVINO takes 0.95 of its time a frame and 1.8 times its start and 1.5
    times its memory. Where a lower precision is allowed it is OpenVINO, which then takes 0.65 on CPUs that multiply
    bfloat16 (docs/yolo.md, "Speed").

    Args:
        device: As for :func:`open_session`.
        precision: Likewise.
    """
    if device == "cpu" and not (precision == "auto" and engines.installed("openvino")):
        return "onnxruntime"
    kind = device.partition(":")[0]
    for name in ("openvino", "onnxruntime") if device == "cpu" else ENGINES:
        try:
            there = import_module(ENGINES[name]).devices()
        except MissingExtra:
            continue
        if kind in (one.partition(":")[0].partition(".")[0] for one in there):
            return name
    return None


def _check(network: Path) -> None:
    """Look into a stranger's ONNX file before an engine does; its weights in other files lie in its own folder."""
    if network.suffix.lower() != ".onnx":
        return
    folder = network.resolve().parent
    try:
        with reading(network):
            places = strangers.look(files.read_bytes(network, most=files.MOST_NETWORK))
            for place in places:
                target = network.parent / place
                if not target.resolve().is_relative_to(folder):
                    raise ModelError(f"{network}: its weights lie at {place!r}, a link out of its own folder")
                if not target.exists():
                    raise ModelError(f"{network}: its weights in another file are not there: {target}")
                files.check_plain(target, most=MOST_BESIDE)
    except Refused as error:
        raise ModelError(f"{network}: refused: {error}") from None
    except Damaged:
        return  # the engine says what it is


def ran(name: str, error: Exception) -> ModelError:
    """Return what to say when an engine fails while a network runs."""
    text = str(error).strip() or type(error).__name__
    lines = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text).splitlines()
    # What a wrong shape was and should have been is on lines of its own.
    shapes = [line.strip() for line in lines[1:5] if re.match(r"\s*index: \d+ Got: ", line)]
    first = " ".join([lines[0], *shapes])[:300]
    return ModelError(f"{name}: the network failed while it ran: {first}")


def devices() -> list[str]:
    """Return the devices of the engines that are installed, as ``open_session`` takes them, cpu first."""
    found: list[str] = []
    for module in ENGINES.values():
        try:
            engine = import_module(module)
            found += [name for name in engine.devices() if name not in found]
        except MissingExtra:
            continue
    return found
