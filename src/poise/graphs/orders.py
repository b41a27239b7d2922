"""In which order the channels of a map may come: who can give them in another one, and who can take them so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.graphs.graph import Graph, Node, single

Order = NDArray[np.intp]

# Operations that treat every channel by itself and alike.
_ALIKE = {
    "Relu", "Sigmoid", "HardSigmoid", "HardSwish", "Clip", "LeakyRelu", "Tanh", "Elu", "MaxPool", "AveragePool",
    "GlobalAveragePool", "Identity",
}  # fmt: skip
_PLAIN = {"Add", "Sub", "Mul", "Div"}
_NORMAL = "BatchNormalization"


class Orders:
    """A graph, while the order of its maps' channels is changed.

    Args:
        graph: Whose nodes get other constants.

    Attributes:
        makers: Which operation makes a tensor.
        users: Which operations need it.
        before: By the ``id`` of an operation, those that must come right before it.
        known: Numbers of channels that are known already, by the map's name.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph, self.makers, self.users = graph, graph.makers, graph.users
        self.before: dict[int, list[Node]] = {}
        self.known: dict[str, int] = {}

    def constant(self, name: str) -> NDArray[Any] | None:
        """Return a constant's values, or None where it is none."""
        return self.graph.constant(name, self.makers)

    def count(self, name: str) -> int | None:
        """Return how many channels a map has, as the operations before it tell."""
        for _ in range(50):
            node = self.makers.get(name)
            if node is None or name in self.known:
                return self.known.get(name)
            if node.kind == "Conv":
                weight = self.constant(node.inputs[1])
                return None if weight is None else len(weight)
            if node.kind in _ALIKE or node.kind in (_NORMAL, "Resize", "Upsample"):
                name = node.inputs[0]
            elif node.kind in _PLAIN:
                moving = [given for given in node.inputs if self.constant(given) is None]
                if not moving:
                    return None
                name = moving[0]
            else:
                return None
        return None

    def free(self, name: str) -> bool:
        """Whether all that use a map can follow another order of its channels, down to convolutions over all."""
        users = self.users.get(name, ())
        return name not in self.graph.outputs and bool(users) and all(self._follows(user, name) for user in users)

    def _follows(self, node: Node, name: str) -> bool:
        if node.kind == "Conv" and node.inputs[0] == name:
            weight = self.constant(node.inputs[1])
            if weight is None:
                return False
            return node.ints("group", [1]) == [1] or (self._by_channel(node, weight) and self.free(node.outputs[0]))
        if node.inputs.count(name) != 1 or len(node.outputs) != 1:
            return False
        place = self._constants(node)
        return place is not None and self.free(node.outputs[0])

    def _by_channel(self, node: Node, weight: NDArray[Any]) -> bool:
        """Whether a convolution looks at each channel alone and gives one for each."""
        known = all(self.constant(name) is not None for name in node.inputs[2:])
        return node.ints("group", [1]) == [len(weight)] and weight.shape[1] == 1 and known

    def _constants(self, node: Node) -> list[int] | None:
        """Return the inputs of an operation by channels that are constants; None where it is none."""
        if node.kind in _ALIKE:
            return []
        if node.kind == _NORMAL:
            return [1, 2, 3, 4] if all(self.constant(name) is not None for name in node.inputs[1:]) else None
        if node.kind not in _PLAIN:
            return None
        places = [i for i, name in enumerate(node.inputs) if self.constant(name) is not None]
        values = self.constant(node.inputs[places[0]]) if len(places) == 1 else None
        if values is None:
            return None
        if values.size == 1:
            return []
        # One number for each channel of a map (N, C, h, w).
        return places if values.ndim in (3, 4) and values.size == values.shape[-3] else None

    def settable(self, base: str, members: set[int]) -> list[Node] | None:
        """Return the operations that make a map, back to the convolution that can give its channels in any order.

        Args:
            base: The map.
            members: ``id`` of the operations that may use it; None is returned where others do.
        """
        chain: list[Node] = []
        name = base
        if any(id(user) not in members for user in self.users.get(name, ())):
            return None
        while name not in self.graph.outputs:
            node = self.makers.get(name)
            if node is None or (chain and single(self.users[name]) is None) or len(node.outputs) != 1:
                return None
            chain.append(node)
            if node.kind == "Conv":
                weight = self.constant(node.inputs[1])
                if weight is None or any(self.constant(given) is None for given in node.inputs[2:]):
                    return None
                if node.ints("group", [1]) == [1]:
                    return chain
                if not self._by_channel(node, weight):
                    return None
                name = node.inputs[0]
            elif self._constants(node) is None:
                return None
            else:
                name = next(given for given in node.inputs if self.constant(given) is None)
        return None

    def give(self, chain: Sequence[Node], order: Order) -> None:
        """Let a convolution and what follows it give channels in another order."""
        for node in chain:
            places = range(1, len(node.inputs)) if node.kind == "Conv" else self._constants(node)
            assert places is not None
            for place in places:
                values = self.constant(node.inputs[place])
                assert values is not None
                self._reorder(node, place, order, axis=0 if values.ndim in (1, 4) and len(values) > 1 else -3)

    def take(self, name: str, order: Order) -> None:
        """Let everything that uses a map take its channels in another order."""
        for node in self.users[name]:
            if node.kind == "Conv" and node.ints("group", [1]) == [1]:
                self._reorder(node, 1, order, axis=1)
            else:
                self.give([node], order)
                self.take(node.outputs[0], order)

    def _reorder(self, node: Node, place: int, order: Order, *, axis: int) -> None:
        """Store a constant input in another order along an axis."""
        values = self.constant(node.inputs[place])
        assert values is not None
        name, casts = self.graph.new_constant(np.take(values, order, axis=axis), node.inputs[place], self.makers)
        self.makers |= {cast.outputs[0]: cast for cast in casts}
        self.before.setdefault(id(node), []).extend(casts)
        node.inputs[place] = name
