"""ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import ModelError
from poise.extras import engines
from poise.runtime._session import Tensor, closed, ran, usable_cores

ort: Any = engines.load("onnxruntime")

_PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "dml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
}


# By default a session's threads spin while they wait for work, in a run between its nodes and after it, and keep the
# next network, the decoder, the encoder and other programs waiting. On two cores that others use too, a YOLO26n takes
# 148 ms so, 81 where they never spin, 79 where they spin for 10 us; with the cores to itself 37, 41 and 38: most nodes
# follow each other within that time. Longer waits bring nothing on free cores and cost on busy ones
# (benchmarks/threads.py).
_TIMED = tuple(int(part) for part in ort.__version__.split(".")[:2] if part.isdigit()) >= (1, 26)
_SPINNING = ("session.intra_op.spin_duration_us", "10") if _TIMED else ("session.intra_op.allow_spinning", "0")


class OnnxRuntimeSession:
    """A network in ONNX Runtime."""

    engine = "onnxruntime"

    def __init__(self, session: Any, device: str, name: str = "network") -> None:
        self._session = session
        self._name = name
        self.device = device
        self.inputs = tuple(_tensor(t) for t in session.get_inputs())
        self.outputs = tuple(_tensor(t) for t in session.get_outputs())
        self.metadata: Mapping[str, str] = dict(session.get_modelmeta().custom_metadata_map)
        self._names = [t.name for t in self.outputs]

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Run the network once."""
        session = self._session  # another thread may free it meanwhile
        if session is None:
            raise closed(self._name)
        try:
            found = session.run(self._names, dict(feeds))
        except Exception as error:  # onnxruntime raises a dozen unrelated types
            raise ran(self._name, error) from error
        return dict(zip(self._names, found, strict=True))

    def close(self) -> None:
        """Free the network."""
        self._session = None


def open(network: Path | bytes, *, device: str, threads: int | None, precision: str, name: str) -> OnnxRuntimeSession:
    """Load a network; see :func:`poise.runtime.open_session`."""
    del precision  # float32 files run in float32 here
    kind, _, number = device.partition(":")
    provider = _PROVIDERS.get(kind)
    there = ort.get_available_providers()
    if provider is None or provider not in there:
        known = [k for k, v in _PROVIDERS.items() if v in there]
        raise ModelError(f"device {device!r} is not available in this onnxruntime; available: {', '.join(known)}")
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads or usable_cores()
    options.add_session_config_entry(*_SPINNING)
    settings = [(provider, {"device_id": number})] if number else [provider]
    try:
        session = ort.InferenceSession(
            network if isinstance(network, bytes) else str(network), options, providers=settings
        )
    except Exception as error:  # onnxruntime raises a dozen unrelated types
        raise ModelError(f"{name}: not a network that onnxruntime can load: {error}") from error
    if provider not in session.get_providers():
        raise ModelError(f"device {device!r} did not start; onnxruntime offers {', '.join(session.get_providers())}")
    return OnnxRuntimeSession(session, device, name)


def devices() -> list[str]:
    """Return the devices that this build offers."""
    there = ort.get_available_providers()
    return [name for name, provider in _PROVIDERS.items() if provider in there]


def _tensor(value: Any) -> Tensor:
    shape = tuple(d if isinstance(d, int) else None for d in value.shape)
    return Tensor(value.name, shape, np.dtype(_DTYPES.get(value.type, "float32")))
