"""The building blocks of all families, each described once. No torch here.

Parts are named as in the published checkpoints, so that weights load by name.

Source: C2f and SPPF: YOLOv5/v8; C3k2 and C2PSA: YOLO11; position-sensitive attention: YOLOv10 (Wang et al. 2024,
arXiv:2405.14458), section 3.3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from poise.networks.architectures import Layer
from poise.networks.scope import Scope, Value


def bottleneck(at: Scope, x: Value, channels: int, e: float, add: bool) -> Value:
    """Two 3x3 convolutions through ``e`` times the channels, with a shortcut."""
    y = at.conv("cv1", x, int(channels * e), 3)
    y = at.conv("cv2", y, channels, 3)
    return x + y if add else y


def c2f(at: Scope, x: Value, c2: int, repeats: int, *, add: bool = False) -> Value:
    """A chain of bottlenecks."""
    return _chain(at, x, c2, repeats, 0.5, lambda link, y, hidden: bottleneck(link, y, hidden, 1.0, add))


def c3k2(
    at: Scope, x: Value, c2: int, repeats: int, *, c3k: bool = False, e: float = 0.5, attention: bool = False
) -> Value:
    """A chain whose links are narrow bottlenecks, C3k blocks, or a bottleneck with attention."""

    def link(at: Scope, y: Value, hidden: int) -> Value:
        if attention:
            return psa_block(at / "1", bottleneck(at / "0", y, hidden, 0.5, True), hidden)
        return c3k_block(at, y, hidden, 2) if c3k else bottleneck(at, y, hidden, 0.5, True)

    return _chain(at, x, c2, repeats, e, link)


def _chain(at: Scope, x: Value, c2: int, repeats: int, e: float, link: Callable[[Scope, Value, int], Value]) -> Value:
    """Split in two, send one half through a chain of links, and join every link of the chain."""
    hidden = int(c2 * e)
    chain = [*at.split(at.conv("cv1", x, 2 * hidden), (hidden, hidden))]
    for i in range(repeats):
        chain.append(link(at / f"m.{i}", chain[-1], hidden))
    return at.conv("cv2", at.concat(chain), c2)


def c3k_block(at: Scope, x: Value, channels: int, repeats: int) -> Value:
    """Two paths, one through a chain of bottlenecks."""
    hidden = channels // 2
    deep = at.conv("cv1", x, hidden)
    for i in range(repeats):
        deep = bottleneck(at / f"m.{i}", deep, hidden, 1.0, True)
    return at.conv("cv3", at.concat((deep, at.conv("cv2", x, hidden))), channels)


def sppf(at: Scope, x: Value, c1: int, c2: int, *, linear: bool = False, add: bool = False) -> Value:
    """Pool three times with the same window and join all four scales."""
    scales = [at.conv("cv1", x, c1 // 2, act=not linear)]
    for _ in range(3):
        scales.append(at.pool(scales[-1]))
    y = at.conv("cv2", at.concat(scales), c2)
    return x + y if add and c1 == c2 else y


def attention(at: Scope, x: Value, channels: int, heads: int) -> Value:
    """Self-attention over the cells of a feature map, with a depthwise convolution as position code."""
    value = channels // heads
    key = value // 2
    joined = at.conv("qkv", x, channels + 2 * key * heads, act=False)
    # The channels of query, key and value lie together a head, not a kind.
    q, k, v = at.split(at.reshape(joined, (0, heads, 2 * key + value, -1)), (key, key, value), 2)
    weights = at.softmax(at.matmul(at.transpose(q, (0, 1, 3, 2)), k) * key**-0.5, 3)
    mixed = at.like(at.matmul(v, at.transpose(weights, (0, 1, 3, 2))), x)
    place = at.conv("pe", at.like(v, x), channels, 3, groups=channels, act=False)
    return at.conv("proj", mixed + place, channels, act=False)


def psa_block(at: Scope, x: Value, channels: int) -> Value:
    """Attention and a two-layer perceptron, each with a shortcut."""
    x = x + attention(at / "attn", x, channels, max(channels // 64, 1))
    return x + at.conv("ffn.1", at.conv("ffn.0", x, 2 * channels), channels, act=False)


def c2psa(at: Scope, x: Value, c2: int, repeats: int) -> Value:
    """Split in two and send one half through attention blocks."""
    hidden = c2 // 2
    a, b = at.split(at.conv("cv1", x, 2 * hidden), (hidden, hidden))
    for i in range(repeats):
        b = psa_block(at / f"m.{i}", b, hidden)
    return at.conv("cv2", at.concat((a, b)), c2)


def block(at: Scope, layer: Layer, inputs: Sequence[Value]) -> Value:
    """Run the block of one layer of a plan; the head is described elsewhere."""
    x, c1, c2 = inputs[0], sum(layer.inputs), layer.channels
    match layer.block:
        case "Conv":
            return at.conv("", x, c2, 3, **layer.options)
        case "C2f":
            return c2f(at, x, c2, layer.repeats, **layer.options)
        case "C3k2":
            return c3k2(at, x, c2, layer.repeats, **layer.options)
        case "SPPF":
            return sppf(at, x, c1, c2, **layer.options)
        case "C2PSA":
            return c2psa(at, x, c2, layer.repeats)
        case "Upsample":
            return at.double(x)
        case "Concat":
            return at.concat(inputs)
    raise ValueError(f"no block named {layer.block!r}")


def features(layers: Sequence[Layer], images: Value, run: Callable[[Layer, Sequence[Value]], Value]) -> list[Value]:
    """Run all layers but the head, and return the feature maps that the head reads, finest first.

    Args:
        layers: Of the plan.
        images: ``(B, 3, H, W)`` RGB in [0, 1], H and W multiples of 32.
        run: Runs one layer.
    """
    last = {source: layer.index for layer in layers for source in layer.source}
    kept = {-1: images}
    for layer in layers[:-1]:
        kept[layer.index] = run(layer, [kept[source] for source in layer.source])
        for source in layer.source:
            if last[source] == layer.index:
                del kept[source]  # in evaluation nothing else holds it
    return [kept[source] for source in layers[-1].source]
