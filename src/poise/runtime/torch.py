"""PyTorch (extra ``train``): runs a network that another room has built."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import ModelError, require
from poise.runtime._session import Tensor, closed

torch = require("torch", extra="train", feature="runtime 'torch'")

_MULTIPLE = 32


class TorchSession:
    """A network in PyTorch.

    Input ``images``: (B, 3, H, W) float32 RGB in [0, 1], H and W multiples of 32. The network's outputs are named
    ``output0`` and ``sigma`` in this order.

    Args:
        module: A ``torch.nn.Module`` that takes the pictures and returns a tuple of tensors; it is moved and changed.
        metadata: What the network says of itself, by the keys of this field's ONNX files.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
        threads: CPU threads. Torch has one number for the whole process; None leaves it alone.
        picture: Shape of the input that shows what comes out.
        precision: ``"f32"``, or ``"auto"``: float16 on CUDA. Boxes and keypoints are decoded in float32 all the same.

    Raises:
        ModelError: The device is not there.
    """

    engine = "torch"

    def __init__(
        self,
        module: Any,
        metadata: Mapping[str, str],
        device: str = "cpu",
        threads: int | None = None,
        precision: str = "f32",
        picture: tuple[int, int, int, int] = (1, 3, 2 * _MULTIPLE, 2 * _MULTIPLE),
    ) -> None:
        if device not in devices():
            raise ModelError(f"device {device!r} is not available in this torch; available: {', '.join(devices())}")
        if threads is not None:
            torch.set_num_threads(threads)
        self.device = device
        self.metadata = metadata
        self._half = precision == "auto" and device.startswith("cuda")
        self._module = module.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
        self.inputs: tuple[Tensor, ...] = (Tensor("images", (None, 3, None, None), np.dtype(np.float32)),)
        found = self._run(torch.zeros(*picture))
        # Batch and anchors are free; of one row an instance, so is their number.
        free = (None, None, found[0].shape[2]) if metadata.get("end2end") == "True" else (None, found[0].shape[1], None)
        shapes = [free]
        if len(found) > 1:
            width = found[1].shape[2 if free[1] is None else 1]
            shapes.append((None, None, width) if free[1] is None else (None, width, None))
        self.outputs = tuple(
            Tensor(name, shape, np.dtype(np.float32)) for name, shape in zip(("output0", "sigma"), shapes, strict=False)
        )

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Run the network once.

        Raises:
            ValueError: The pictures are not as the network takes them.
        """
        images = np.ascontiguousarray(feeds["images"], dtype=np.float32)
        if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] % _MULTIPLE or images.shape[3] % _MULTIPLE:
            raise ValueError(f"images must be (B, 3, H, W) with H and W multiples of {_MULTIPLE}, got {images.shape}")
        if not images.flags.writeable:
            images = images.copy()  # torch has no read-only tensors
        found = self._run(torch.from_numpy(images))
        return {tensor.name: value.cpu().numpy() for tensor, value in zip(self.outputs, found, strict=True)}

    def close(self) -> None:
        """Free the network."""
        self._module = None

    def _run(self, images: Any) -> tuple[Any, ...]:
        module = self._module  # another thread may free it meanwhile
        if module is None:
            raise closed("checkpoint")
        faster = torch.autocast("cuda", torch.float16) if self._half else nullcontext()
        with torch.inference_mode(), faster:
            images = images.to(self.device, memory_format=torch.channels_last, non_blocking=True)
            found: tuple[Any, ...] = module(images)
        return found


def devices() -> list[str]:
    """Return the devices that this torch finds."""
    found = ["cpu"]
    if torch.cuda.is_available():
        found += ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        found.append("mps")
    return found
