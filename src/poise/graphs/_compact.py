"""Store the weights of convolutions in a byte each: half the size of float16, for networks that travel.

Only the storage changes. When an engine opens the file it turns the bytes back into float32, and computes as before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.graphs.graph import Graph, Node
from poise.graphs.protobuf import Damaged

# Smaller weights save little, and those of depthwise convolutions (one input channel) lose most by rounding.
_LEAST = 1024
_FLOAT32 = 1


def compact(data: bytes) -> tuple[bytes, int]:
    """Store the weights of convolutions as whole numbers from -127 to 127, each output channel with its scale.

    Args:
        data: An ONNX file with weights of 32 or 16 bits.

    Returns:
        The smaller file, and how many weights were changed; the file as it was where none could be.

    Source:
        Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference",
        CVPR 2018, section 2.1, symmetric and a channel each; here for storage alone.
    """
    try:
        graph = Graph(data)
    except Damaged:
        return data, 0
    makers = graph.makers
    changes: dict[int, list[Node]] = {}
    made: dict[str, str] = {}
    for node in graph.nodes:
        if node.kind != "Conv" or len(node.inputs) < 2:
            continue
        name = node.inputs[1]
        if name not in made:
            weights = graph.constant(name, makers)
            if weights is None or weights.dtype.kind != "f" or weights.size < _LEAST or weights.shape[1] < 2:
                continue
            levels, scale = _levels(weights.astype(np.float32))
            made[name] = graph.fresh(f"{name}_restored")
            changes[id(node)] = [*_restoring(graph, name, made[name], levels, scale), node]
        node.inputs[1] = made[name]
    graph.replace(changes)
    return (graph.write(), len(made)) if made else (data, 0)


def _levels(weights: NDArray[Any]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    axes = tuple(range(1, weights.ndim))
    scale = np.maximum(np.abs(weights).max(axis=axes, keepdims=True) / 127, np.finfo(np.float32).tiny)
    return np.rint(weights / scale).astype(np.int8), scale.astype(np.float32)


def _restoring(
    graph: Graph, name: str, target: str, levels: NDArray[np.int8], scale: NDArray[np.float32]
) -> list[Node]:
    """Return the operations that turn the levels back into weights. Engines do them once, when they open the file."""
    whole = graph.fresh(f"{name}_float")
    cast = Node("Cast", [graph.add_constant(f"{name}_levels", levels)], [whole])
    cast.set_ints("to", _FLOAT32)
    return [cast, Node("Mul", [whole, graph.add_constant(f"{name}_scale", scale)], [target])]
