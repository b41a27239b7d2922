"""OpenVINO (extra ``openvino``)."""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import ModelError, require
from poise.runtime._beside import metadata_beside
from poise.runtime._session import Tensor, closed, ran, usable_cores

_DTYPES = {
    "f32": "float32",
    "f16": "float16",
    "f64": "float64",
    "u8": "uint8",
    "i8": "int8",
    "i32": "int32",
    "i64": "int64",
    "boolean": "bool",
}


# So that two threads do not make one each.
_making = threading.Lock()


# Networks of one size each that a session keeps beside the one that takes any. A size of its own makes a network a
# tenth faster, and compiling it takes as long as two hundred frames save (yolo26n: 0.43 s and 2.3 ms). So the first
# size has one at once, in place of the one that takes any; others have one when they come this often.
_SIZES, _OFTEN = 4, 200
# Sizes whose runs are counted.
_MOST_SEEN = 1000


class _Compiled:
    """A network that is ready.

    A request runs one inference at a time; each thread that calls takes an idle one, or makes another.
    """

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def run(self, feeds: Mapping[int, NDArray[Any]], count: int) -> list[NDArray[Any]]:
        """Run the network once; returns its outputs in their order."""
        try:
            request = self._idle.get_nowait()
        except queue.Empty:
            request = self._compiled.create_infer_request()
        try:
            found = request.infer(feeds, share_inputs=True, share_outputs=False)
            return [found[i] for i in range(count)]
        finally:
            self._idle.put(request)


class OpenVinoSession:
    """A network in OpenVINO.

    Args:
        model: The network; it is changed.
        make: Compiles a network.
        device: Where it runs.
        metadata: What it says of itself.
        name: How errors call it.
    """

    engine = "openvino"

    def __init__(
        self, model: Any, make: Callable[[Any], Any], device: str, metadata: Mapping[str, str], name: str = "network"
    ) -> None:
        self._name, self._make, self._model = name, make, model
        self.device = device
        self.metadata = metadata
        # Compiling may give an output the names of layers that were joined with it; those of the file count.
        self.inputs = tuple(_tensor(p, _name(p, "input", i)) for i, p in enumerate(model.inputs))
        self.outputs = tuple(_tensor(p, _name(p, "output", i)) for i, p in enumerate(model.outputs))
        self._places = {tensor.name: i for i, tensor in enumerate(self.inputs)}
        self._making = threading.Lock()
        self._any: _Compiled | None = None
        self._sized: dict[tuple[int, ...], _Compiled] = {}
        self._seen: dict[tuple[int, ...], int] = {}
        self._free = len(self.inputs) == 1 and None in self.inputs[0].shape
        if not self._free:
            self._any = _Compiled(make(model))

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Run the network once."""
        try:
            ready = self._ready(next(iter(feeds.values())).shape if self._free else ())
            found = ready.run({self._places[name]: value for name, value in feeds.items()}, len(self.outputs))
        except RuntimeError as error:
            raise ran(self._name, error) from error
        return {tensor.name: value for tensor, value in zip(self.outputs, found, strict=True)}

    def _ready(self, shape: tuple[int, ...]) -> _Compiled:
        """Return the network for a size of the input."""
        kept = self._sized.get(shape)
        if kept is not None:
            return kept
        with self._making:  # not two of one size
            if self._model is None:
                raise closed(self._name)
            if not shape:
                assert self._any is not None
                return self._any
            if shape in self._sized:
                return self._sized[shape]
            if len(self._seen) >= _MOST_SEEN:
                self._seen.clear()
            self._seen[shape] = self._seen.get(shape, 0) + 1
            if (not self._sized and self._any is None) or self._seen[shape] >= _OFTEN:
                made = self._of_size(shape)
                if made is not None:
                    while len(self._sized) >= _SIZES:
                        gone = next(iter(self._sized))
                        del self._sized[gone]
                        self._seen[gone] = 0
                    self._sized[shape] = made
                    return made
            if self._any is None:
                self._any = _Compiled(self._make(self._model))
            return self._any

    def _of_size(self, shape: tuple[int, ...]) -> _Compiled | None:
        """Compile the network for one size; None where its operations do not take that."""
        model = self._model.clone()
        try:
            model.reshape(list(shape))
            return _Compiled(self._make(model))
        except RuntimeError:
            self._seen[shape] = -_OFTEN  # so that not every frame tries
            return None

    def close(self) -> None:
        """Free the network."""
        with self._making:
            self._model, self._any, self._sized = None, None, {}


def open(network: Path | bytes, *, device: str, threads: int | None, precision: str, name: str) -> OpenVinoSession:
    """Load a network; see :func:`poise.runtime.open_session`."""
    openvino = require("openvino", extra="openvino", feature="runtime 'openvino'")
    core = shared_core()
    kind = device.upper().replace("CUDA", "GPU").replace(":", ".")
    if kind.split(".")[0] not in {there.split(".")[0] for there in core.available_devices}:
        known = ", ".join(there.lower() for there in core.available_devices)
        raise ModelError(f"device {device!r} is not available in this OpenVINO; available: {known}")
    settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
    if kind == "CPU":
        settings["INFERENCE_NUM_THREADS"] = threads or usable_cores()
        if precision == "f32":
            settings["INFERENCE_PRECISION_HINT"] = "f32"
    try:
        model = core.read_model(io.BytesIO(network) if isinstance(network, bytes) else str(network))
        metadata = _metadata(model)
        if isinstance(network, Path) and network.suffix.lower() == ".xml":
            metadata = metadata_beside(network) | metadata
        _keep_slices(openvino, model)
        return OpenVinoSession(model, lambda part: core.compile_model(part, kind, settings), device, metadata, name)
    except RuntimeError as error:
        first = str(error).strip().splitlines()[-1] if str(error).strip() else "no reason given"
        raise ModelError(f"{name}: not a network that OpenVINO can load: {first}") from error


def devices() -> list[str]:
    """Return the devices that OpenVINO finds."""
    return [name.lower() for name in shared_core().available_devices]


def shared_core() -> Any:
    """Return the process's one ``openvino.Core``, which lives as long as the process; all that runs OpenVINO uses it.

    On Linux each Core that has found the CPU gives its thread another stack for signals, and when it is freed, frees
    that stack and puts back the one before it. Two that are freed in the order in which they were made, or one that
    another thread frees, leave the thread with a stack that is freed: the next signal that Python handles (Ctrl-C, the
    end of a loader process) ends the process with a segmentation fault, or may be written over other data.

    Raises:
        MissingExtra: OpenVINO is not installed.

    Source: ``SigAltStackSetup`` in OpenVINO's CPU plugin, since 2022; seen with 2026.4.
    """
    with _making:
        return _core()


@cache
def _core() -> Any:
    return require("openvino", extra="openvino", feature="runtime 'openvino'").Core()


def _keep_slices(openvino: Any, model: Any) -> None:
    """Turn slices that begin at 0 and feed a GatherElements into splits, in place.

    OpenVINO (2026.4 and before) takes such slices out and then finds that the shapes do not agree; networks that
    choose their rows themselves, as YOLO26's, would not load.
    """
    for node in model.get_ordered_ops():
        cut = node.input_value(0).get_node() if node.get_type_name() == "GatherElements" else None
        if cut is None or cut.get_type_name() != "Slice":
            continue
        data, kept = cut.input_value(0), cut.get_output_partial_shape(0)
        lengths = list(zip(data.get_partial_shape(), kept, strict=True))
        axes = [i for i, (whole, part) in enumerate(lengths) if whole.is_static and part.is_static and whole != part]
        start = cut.input_value(1).get_node()
        if len(axes) == 1 and start.get_type_name() == "Constant" and not start.get_data().any():
            whole, part = (length.get_length() for length in lengths[axes[0]])
            parts = np.array([part, whole - part], dtype=np.int64)
            split = openvino.opset8.variadic_split(data, np.int64(axes[0]), parts)
            node.input(0).replace_source_output(split.output(0))


def _metadata(model: Any) -> dict[str, str]:
    """ONNX keeps its key-value pairs under ``framework``; other sources a word there, or nothing."""
    info = model.get_rt_info()
    framework = info["framework"] if "framework" in info else {}  # noqa: SIM401 - not a dict, has no get()
    try:
        return {key: str(getattr(value, "value", value)) for key, value in dict(framework).items()}
    except (TypeError, ValueError, RuntimeError):
        return {}


def _name(port: Any, kind: str, number: int) -> str:
    """Return a port's name; networks that were traced in PyTorch have outputs without one."""
    names = port.get_names()
    return min(names, key=lambda name: (len(name), name)) if names else f"{kind}{number}"


def _tensor(port: Any, name: str) -> Tensor:
    shape = tuple(d.get_length() if d.is_static else None for d in port.get_partial_shape())
    return Tensor(name, shape, np.dtype(_DTYPES.get(port.get_element_type().to_string(), "float32")))
