"""Normalise pictures channel by channel.

Networks that take bytes as cameras give them (N, H, W, 3) often subtract the mean and divide before they turn the axes.
Three numbers are then applied along the innermost axis, which engines do one by one. After the turn each number belongs
to a whole plane. The arithmetic on each pixel is the same, so every output is equal bit for bit.
"""

from __future__ import annotations

import numpy as np

from poise.graphs.graph import Graph, Node, single

_TURN = [0, 3, 1, 2]


def turn_first(graph: Graph) -> int:
    """Turn the axes of a picture before it is normalised; returns how many operations come after it now."""
    users = graph.users
    for start in graph.inputs:
        chain: list[Node] = []
        name = start
        while True:
            node = single(users.get(name, ()))
            if node is None or name in graph.outputs:
                break
            if node.kind == "Transpose" and node.ints("perm") == _TURN:
                return _turned(graph, start, chain, node)
            if not _by_pixel(graph, node, name):
                break
            chain.append(node)
            name = node.outputs[0]
    return 0


def _by_pixel(graph: Graph, node: Node, name: str) -> bool:
    """Whether an operation treats every pixel alike: a conversion, or one number for each channel or for all."""
    if node.kind in ("Cast", "Identity"):
        return True
    if node.kind not in ("Add", "Sub", "Mul", "Div") or len(node.inputs) != 2:
        return False
    other = node.inputs[1] if node.inputs[0] == name else node.inputs[0]
    values = graph.constant(other, graph.makers)
    return values is not None and values.ndim <= 4 and values.size in (1, 3) and values.shape[-1:] in ((), (1,), (3,))


def _turned(graph: Graph, start: str, chain: list[Node], transpose: Node) -> int:
    if not any(node.kind not in ("Cast", "Identity") for node in chain):
        return 0
    makers = graph.makers
    first = graph.fresh(f"{start}_planes")
    turn = Node("Transpose", [start], [first])
    turn.set_ints("perm", _TURN)
    new: list[Node] = [turn]
    name = first
    before = start
    for i, node in enumerate(chain):
        inputs = []
        for given in node.inputs:
            if given == before:
                inputs.append(name)
                continue
            values = graph.constant(given, makers)
            assert values is not None
            planes = values.reshape(-1, 1, 1) if values.size == 3 else values.reshape(())
            made, casts = graph.new_constant(np.ascontiguousarray(planes), given, makers)
            new += casts
            inputs.append(made)
        before = node.outputs[0]
        name = transpose.outputs[0] if i == len(chain) - 1 else graph.fresh(f"{before}_planes")
        new.append(Node(node.kind, inputs, [name], dict(node.attributes), node.domain))
    graph.replace({id(chain[0]): new, id(transpose): [], **{id(node): [] for node in chain[1:]}})
    return len(chain)
