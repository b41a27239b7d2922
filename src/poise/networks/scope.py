"""What a network's description is written against: a place in it, and what can be computed there. No torch here.

A block is a function of a scope and feature maps. The same function runs in torch (``network.py``), writes an ONNX
graph (``onnx_graph.py``) and lists the weights that it needs (``leaves.py``), so that the three cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, Self, TypeAlias

# A tensor, or the name of one in a graph. Values are added, subtracted and multiplied by Python's operators; those of
# whole numbers are divided by // and %.
Value: TypeAlias = Any


class Scope(Protocol):
    """A place in a network, such as ``model.2.m.0``. Feature maps are ``(B, C, H, W)``."""

    def __truediv__(self, name: str) -> Self:
        """Return the place of a part."""
        ...

    def conv(
        self, name: str, x: Value, channels: int, kernel: int = 1, stride: int = 1, groups: int = 1, *, act: bool = True
    ) -> Value:
        """Convolve, normalise by batch, activate with SiLU; padded so that stride 1 keeps the size."""
        ...

    def bare(self, name: str, x: Value, channels: int, *, bias: bool = True) -> Value:
        """Convolve with a kernel of one cell, without norm and activation; without bias the weights are not learned."""
        ...

    def pool(self, x: Value) -> Value:
        """Take the largest of 5 x 5 cells around each."""
        ...

    def double(self, x: Value) -> Value:
        """Repeat each cell, so that the map has twice the height and width."""
        ...

    def split(self, x: Value, sizes: Sequence[int], axis: int = 1) -> Sequence[Value]:
        """Cut into pieces."""
        ...

    def concat(self, values: Sequence[Value], axis: int = 1) -> Value:
        """Join."""
        ...

    def reshape(self, x: Value, shape: Sequence[int]) -> Value:
        """Reorder into a shape: 0 is an axis as it was, -1 what remains."""
        ...

    def like(self, x: Value, other: Value) -> Value:
        """Reorder into the shape of another value."""
        ...

    def transpose(self, x: Value, axes: Sequence[int]) -> Value:
        """Reorder the axes."""
        ...

    def matmul(self, x: Value, y: Value) -> Value:
        """Multiply matrices."""
        ...

    def softmax(self, x: Value, axis: int) -> Value:
        """Make a distribution along an axis."""
        ...

    def sigmoid(self, x: Value) -> Value:
        """Squash into 0 to 1."""
        ...

    def exact(self, x: Value) -> Value:
        """Go on in single precision."""
        ...

    def anchors(self, maps: Sequence[Value], strides: Sequence[int]) -> tuple[Value, Value]:
        """Place one anchor in the middle of every cell.

        Args:
            maps: Feature maps, finest first.
            strides: Input pixels per cell of each.

        Returns:
            ``(2, A)`` x and y in cells of the own level, and ``(1, A)`` strides; level after level, rows first.
        """
        ...

    def largest(self, x: Value) -> Value:
        """Take the largest along axis 1: ``(B, C, A)`` to ``(B, A)``."""
        ...

    def fewer(self, x: Value, limit: int) -> Value:
        """Return the smaller of a limit and the length of the last axis."""
        ...

    def top(self, x: Value, count: Value) -> tuple[Value, Value]:
        """Return the largest of each row of ``(B, A)``, best first, and where they are: ``(B, count)`` each."""
        ...

    def pick(self, x: Value, index: Value) -> Value:
        """Take from each row of ``(B, A)`` the numbers at ``(B, n)`` places."""
        ...

    def rows(self, x: Value, index: Value) -> Value:
        """Take from ``(B, C, A)`` the columns at ``(B, n)`` places, as rows: ``(B, n, C)``."""
        ...

    def column(self, x: Value) -> Value:
        """Turn ``(B, n)`` numbers of any kind into ``(B, n, 1)`` of single precision."""
        ...
