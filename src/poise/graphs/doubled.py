"""Fold ``x + x`` into the convolution that made x: its weights are doubled, which floating point does exactly."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from poise.graphs.graph import Graph, Node


def fold_doubled(graph: Graph) -> int:
    """Fold doubled maps into their convolutions; returns how many."""
    makers, users = graph.makers, graph.users
    changes: dict[int, list[Node]] = {}
    for node in graph.nodes:
        if node.kind != "Add" or len(node.inputs) != 2 or node.inputs[0] != node.inputs[1]:
            continue
        chain: list[tuple[Node, list[int]]] = []
        name = node.inputs[0]
        while True:
            maker = makers.get(name)
            # Nothing else may see the map before it is doubled.
            alone = {id(user) for user in users.get(name, ())} == {id(node if not chain else chain[-1][0])}
            if maker is None or not alone or name in graph.outputs:
                break
            if maker.kind == "Conv":
                places = list(range(1, len(maker.inputs)))
            elif maker.kind in ("Add", "Sub") and len(maker.inputs) == 2:
                places = [i for i in (0, 1) if graph.constant(maker.inputs[i], makers) is not None]
            else:
                break
            if not _doubles(graph, maker, places, makers):
                break
            chain.append((maker, places))
            if maker.kind == "Conv":
                changes |= _double(graph, chain, makers)
                changes[id(node)] = [Node("Identity", [node.inputs[0]], list(node.outputs))]
                break
            if len(places) != 1:
                break
            name = maker.inputs[1 - places[0]]
    graph.replace(changes)
    return sum(1 for new in changes.values() if len(new) == 1 and new[0].kind == "Identity")


def _doubles(graph: Graph, node: Node, places: list[int], makers: Mapping[str, Node]) -> bool:
    """Whether constants can be doubled as they are stored, without going to infinity."""
    for place in places:
        values = graph.constant(node.inputs[place], makers)
        if values is None or values.dtype.kind != "f" or np.abs(values).max(initial=0) > 3e4:
            return False
    return bool(places)


def _double(graph: Graph, chain: list[tuple[Node, list[int]]], makers: Mapping[str, Node]) -> dict[int, list[Node]]:
    changes: dict[int, list[Node]] = {}
    for node, places in chain:
        before: list[Node] = []
        for place in places:
            values = graph.constant(node.inputs[place], makers)
            assert values is not None
            node.inputs[place], casts = graph.new_constant(values * values.dtype.type(2), node.inputs[place], makers)
            before += casts
        changes[id(node)] = [*before, node]
    return changes


def drop_identities(graph: Graph) -> None:
    """Take operations that do nothing out of the graph."""
    renamed: dict[str, str] = {}
    for node in graph.nodes:
        if node.kind == "Identity" and node.outputs[0] not in graph.outputs:
            renamed[node.outputs[0]] = node.inputs[0]
    for node in graph.nodes:
        for i, name in enumerate(node.inputs):
            while name in renamed:
                name = renamed[name]
            node.inputs[i] = name
    graph.nodes = [n for n in graph.nodes if not (n.kind == "Identity" and n.outputs[0] in renamed)]
