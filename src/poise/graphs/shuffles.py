"""Fold channel shuffles into the convolutions after them.

ShuffleNet, Lite-HRNet and TinyPose mix two halves of their channels after every block: concatenate, reshape, transpose,
reshape, split. Engines run each of these as a copy of the whole map. But a convolution over all channels does not mind
their order if its weights are put in the same order, and neither does the one that made them. So channels are followed
through these operations by name, and each map is put together once, from whole pieces, where something needs it: in any
order for a convolution, whose weights then follow, and in the original order for the rest (one copy by ``Gather``).
The products that a convolution adds up are the same, in another order, so that outputs differ by rounding alone.

Source:
    Zhang et al., "ShuffleNet", CVPR 2018, arXiv:1707.01083; Yu et al., "Lite-HRNet", CVPR 2021, arXiv:2104.06403.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from poise.graphs.graph import Graph, Node, single
from poise.graphs.orders import Order, Orders

# A channel of a map: the map's name and its number there.
Channel = tuple[str, int]


@dataclass(slots=True, eq=False)
class _Shuffle:
    """Reshape, transpose, reshape: channel ``j`` of the target is channel ``order[j]`` of the source."""

    nodes: tuple[Node, Node, Node]
    source: str
    target: str
    order: Order


@dataclass(slots=True, eq=False)
class _Piece:
    """Channels of a map that are needed together, next to each other."""

    base: str
    serves: tuple[int, ...]
    channels: list[int]
    name: str = ""


@dataclass(slots=True, eq=False)
class _Wanted:
    """A map that something outside of a group needs."""

    name: str
    free: bool  # in any order of its channels
    pieces: list[_Piece] = field(default_factory=list)
    order: list[int] = field(default_factory=list)  # of the pieces' channels, as they come, the places in the map

    @property
    def sorted(self) -> bool:
        return self.order == list(range(len(self.order)))


def fold_shuffles(graph: Graph) -> tuple[int, int]:
    """Fold shuffles into convolutions.

    Returns:
        Shuffles in the graph, and how many of them need no copy of their own any more.
    """
    graph.prune()
    orders = Orders(graph)
    shuffles = {s.target: s for s in (_shuffle(orders, node) for node in graph.nodes) if s is not None}
    orders.known = {target: len(shuffle.order) for target, shuffle in shuffles.items()}
    folded = 0
    changes: dict[int, list[Node]] = {}
    for group in _groups(graph, _inside(orders, shuffles)):
        rebuilt = _rebuild(orders, shuffles, group)
        if rebuilt is not None:
            nodes, copies = rebuilt
            changes |= {id(node): [] for node in group}
            changes[id(group[-1])] = nodes
            folded += sum(node.outputs[0] in shuffles for node in group) - copies
    graph.nodes = [n for node in graph.nodes for n in (*orders.before.get(id(node), ()), node)]
    graph.replace(changes)
    graph.sort()
    graph.prune()
    return len(shuffles), folded


def _shuffle(orders: Orders, node: Node) -> _Shuffle | None:
    """Recognise a shuffle by its transpose."""
    if node.kind != "Transpose" or node.ints("perm") != [0, 2, 1, 3, 4]:
        return None
    into = orders.makers.get(node.inputs[0])
    out = single(orders.users.get(node.outputs[0], ()))
    alone = single(orders.users[node.inputs[0]]) is not None
    if into is None or out is None or not alone or into.kind != "Reshape" or out.kind != "Reshape":
        return None
    if {node.inputs[0], node.outputs[0]} & set(orders.graph.outputs):
        return None
    before, after = (orders.constant(n.inputs[1]) for n in (into, out))
    if before is None or after is None or len(before) != 5 or len(after) != 4:
        return None
    groups, each = int(before[1]), int(before[2])
    if groups < 2 or each < 2 or int(after[1]) != groups * each:
        return None
    order = np.arange(groups * each).reshape(groups, each).T.reshape(-1)
    return _Shuffle((into, node, out), into.inputs[0], out.outputs[0], order)


def _inside(orders: Orders, shuffles: dict[str, _Shuffle]) -> set[int]:
    """Return the ``id`` of the operations that only move channels: shuffles, what joins before and splits around."""
    inside: set[int] = set()
    joins: set[int] = set()
    for shuffle in shuffles.values():
        inside |= {id(node) for node in shuffle.nodes}
        maker = orders.makers.get(shuffle.source)
        if (
            maker is not None
            and maker.kind == "Concat"
            and maker.ints("axis") == [1]
            and shuffle.source not in orders.graph.outputs
            and single(orders.users[shuffle.source]) is not None
        ):
            joins.add(id(maker))
    for node in orders.graph.nodes:
        if node.kind == "Split" and node.ints("axis", [0]) == [1]:
            feeds = any(id(user) in joins for name in node.outputs for user in orders.users.get(name, ()))
            if feeds or node.inputs[0] in shuffles:
                inside.add(id(node))
    return inside | joins


def _groups(graph: Graph, inside: set[int]) -> list[list[Node]]:
    """Return operations that hang together, each group in the graph's order."""
    groups: dict[int, list[Node]] = {}
    group_of: dict[str, int] = {}
    at = {id(node): i for i, node in enumerate(graph.nodes)}
    for node in graph.nodes:
        if id(node) not in inside:
            continue
        near = {group_of[name] for name in node.inputs if name in group_of}
        key = min(near, default=id(node))
        groups[key] = [member for other in near for member in groups.pop(other)] + [node]
        for member in groups[key]:
            group_of |= dict.fromkeys(member.outputs, key)
    return [sorted(group, key=lambda node: at[id(node)]) for group in groups.values()]


def _rebuild(orders: Orders, shuffles: dict[str, _Shuffle], group: Sequence[Node]) -> tuple[list[Node], int] | None:
    """Put a group's maps together anew.

    Returns:
        The new operations and how many copies of a whole map are left; None where nothing is gained.
    """
    members = {id(node) for node in group}
    channels: dict[str, list[Channel]] = {}
    if not all(_through(orders, shuffles, node, channels) for node in group):
        return None
    outputs = orders.graph.outputs
    wanted = [
        _Wanted(name, orders.free(name))
        for name in channels
        if name in outputs or any(id(user) not in members for user in orders.users.get(name, ()))
    ]
    needs: dict[Channel, list[tuple[int, int]]] = {}
    for i, entry in enumerate(wanted):
        for place, channel in enumerate(channels[entry.name]):
            needs.setdefault(channel, []).append((i, place))
    counts: dict[str, int] = {}
    for base, number in (channel for listed in channels.values() for channel in listed):
        counts[base] = max(counts.get(base, 0), number + 1)
    pieces: dict[str, list[_Piece]] = {}
    for base, count in counts.items():
        pieces[base] = _pieces(base, count, needs, any_order=orders.settable(base, members) is not None)
    for i, entry in enumerate(wanted):
        entry.pieces = [piece for listed in pieces.values() for piece in listed if i in piece.serves]
        entry.order = [
            place
            for piece in entry.pieces
            for number in piece.channels
            for j, place in needs[piece.base, number]
            if j == i
        ]
    # Channels that are copied, then and now; a split or a join of one part is none.
    before = sum(len(channels[name]) for node in group for name in node.outputs if name in channels)
    after = sum(counts[base] for base, listed in pieces.items() if len(listed) > 1)
    after += sum(
        len(entry.order) * ((len(entry.pieces) > 1) + (not entry.free and not entry.sorted)) for entry in wanted
    )
    return _write(orders, pieces, wanted, members) if after < before else None


def _through(orders: Orders, shuffles: dict[str, _Shuffle], node: Node, channels: dict[str, list[Channel]]) -> bool:
    """Follow channels through one operation; False where their number is not known."""
    shuffle = shuffles.get(node.outputs[0])
    if shuffle is not None:
        names = [shuffle.source]
    elif node.kind == "Concat":
        names = node.inputs
    elif node.kind == "Split":
        names = node.inputs[:1]
    else:
        return True  # the first two operations of a shuffle: its last one tells
    given: list[Channel] = []
    for name in names:
        count = orders.count(name)
        if name not in channels and count is None:
            return False
        given += channels.get(name) or [(name, i) for i in range(count or 0)]
    if shuffle is not None:
        if len(given) != len(shuffle.order):
            return False
        channels[shuffle.target] = [given[i] for i in shuffle.order]
    elif node.kind == "Concat":
        channels[node.outputs[0]] = given
    else:
        said = orders.constant(node.inputs[1]) if len(node.inputs) > 1 and node.inputs[1] else None
        sizes = node.ints("split") if said is None else [int(n) for n in said]
        if not sizes and len(given) % len(node.outputs) == 0:
            sizes = [len(given) // len(node.outputs)] * len(node.outputs)
        if sum(sizes) != len(given) or len(sizes) != len(node.outputs):
            return False
        for name, end, size in zip(node.outputs, np.cumsum(sizes).tolist(), sizes, strict=True):
            channels[name] = given[end - size : end]
    return True


def _pieces(base: str, count: int, needs: dict[Channel, list[tuple[int, int]]], *, any_order: bool) -> list[_Piece]:
    """Cut a map into pieces that are needed together, in another order where its maker can give one."""
    serves = [tuple(sorted({i for i, _ in needs.get((base, number), ())})) for number in range(count)]
    order = list(range(count))
    if any_order:
        order.sort(key=lambda number: (serves[number], [place for _, place in needs.get((base, number), ())]))
    pieces: list[_Piece] = []
    for number in order:
        if pieces and pieces[-1].serves == serves[number]:
            pieces[-1].channels.append(number)
        else:
            pieces.append(_Piece(base, serves[number], [number]))
    return pieces


def _write(
    orders: Orders, pieces: dict[str, list[_Piece]], wanted: Sequence[_Wanted], members: set[int]
) -> tuple[list[Node], int]:
    """Write the operations of a group anew; returns them and how many copies of a whole map are left."""
    graph = orders.graph
    made: list[Node] = []
    for base, listed in pieces.items():
        order = [number for piece in listed for number in piece.channels]
        if order != sorted(order):
            chain = orders.settable(base, members)
            assert chain is not None
            orders.give(chain, np.array(order))
        if len(listed) == 1:
            listed[0].name = base
            continue
        for piece in listed:
            piece.name = graph.fresh(f"{base}_piece")
        made.append(graph.split(base, [piece.name for piece in listed], [len(piece.channels) for piece in listed]))
    copies = 0
    for entry in wanted:
        gather = not entry.free and not entry.sorted
        target = graph.fresh(f"{entry.name}_joined") if gather else entry.name
        joined = Node("Concat" if len(entry.pieces) > 1 else "Identity", [p.name for p in entry.pieces], [target])
        if len(entry.pieces) > 1:
            joined.set_ints("axis", 1)
        made.append(joined)
        if gather:
            copies += 1
            back = graph.add_constant(f"{entry.name}_order", np.argsort(entry.order).astype(np.int64))
            made.append(Node("Gather", [target, back], [entry.name]))
            made[-1].set_ints("axis", 1)
        elif not entry.sorted:
            orders.take(entry.name, np.array(entry.order))
    return made, copies
