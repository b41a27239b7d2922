"""The heads: from three feature maps to what each cell says, and from that to pixels. No torch here.

YOLOv8 and YOLO11 share one; YOLO26 has two branches of the same make and a standard deviation a keypoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from poise.networks.architectures import FAMILIES, STRIDES
from poise.networks.decoding import centres, corners, expectation, keypoints, select
from poise.networks.scope import Scope, Value

# What the parts of a branch begin with.
BRANCHES = {"one2many": "", "one2one": "one2one_"}
# The parts of a branch of YOLO26.
PARTS = ("cv2", "cv3", "cv4", "cv4_kpts", "cv4_sigma")
# Most rows of the one-to-one branch.
LIMIT = 300


@dataclass(frozen=True, slots=True)
class Head:
    """What a head is made for.

    Attributes:
        family: Such as ``"yolo26"``.
        inputs: Channels of the three feature maps, finest first.
        nc: Number of classes.
        kpt_shape: Keypoints, and values a keypoint (2: x, y; 3: x, y, confidence).
    """

    family: str
    inputs: tuple[int, ...]
    nc: int
    kpt_shape: tuple[int, int]

    @property
    def bins(self) -> int:
        """Box distances are a distribution over this many bins; 1: a plain number."""
        return FAMILIES[self.family].bins

    @property
    def spread(self) -> bool:
        """The head gives a standard deviation a keypoint."""
        return FAMILIES[self.family].head == "Pose26"


def branch_of(family: str, branches: Iterable[str], *, end2end: bool) -> str:
    """Return the name of the branch that is wanted.

    Args:
        family: Of the network.
        branches: Those that its head holds.
        end2end: The one-to-one branch is wanted.

    Raises:
        ValueError: It is not there.
    """
    wanted = "one2one" if end2end else "one2many"
    if wanted not in FAMILIES[family].branches:
        raise ValueError(f"{family} has no one-to-one branch; end2end must be False")
    if wanted not in branches:
        raise ValueError(f"this network holds only its other branch; end2end must be {not end2end}")
    return wanted


def plain(at: Scope, x: Value, c1: int, width: int, outputs: int) -> Value:
    """Two 3x3 convolutions and a bare 1x1."""
    del c1
    return at.bare("2", at.conv("1", at.conv("0", x, width, 3), width, 3), outputs)


def depthwise(at: Scope, x: Value, c1: int, width: int, outputs: int) -> Value:
    """Two depthwise-separable convolutions and a bare 1x1."""
    y = at.conv("0.1", at.conv("0.0", x, c1, 3, groups=c1), width)
    y = at.conv("1.1", at.conv("1.0", y, width, 3, groups=width), width)
    return at.bare("2", y, outputs)


def raw(
    at: Scope, head: Head, maps: Sequence[Value], *, branch: str = "one2many", sigma: bool = False
) -> dict[str, Value]:
    """Return what a branch says of A cells.

    Returns:
        ``boxes`` (B, 4 * bins, A), ``scores`` logits (B, nc, A), ``kpts`` (B, K * D, A), and with ``sigma``
        ``kpts_sigma`` (B, 2K, A).
    """
    prefix, (k, values), inputs = BRANCHES[branch], head.kpt_shape, head.inputs

    def levels(part: str, outputs: int, make: Callable[[Scope, Value, int], Value], sources: Sequence[Value]) -> Value:
        found = [make(at / f"{prefix}{part}.{i}", x, inputs[i]) for i, x in enumerate(sources)]
        return at.concat([at.reshape(x, (0, outputs, -1)) for x in found], 2)

    def bare(outputs: int) -> Callable[[Scope, Value, int], Value]:
        return lambda at, x, _: at.bare("", x, outputs)

    box, kind = max(16, inputs[0] // 4, 4 * head.bins), max(inputs[0], min(head.nc, 100))
    scores = depthwise if FAMILIES[head.family].depthwise else plain
    found = {
        "boxes": levels("cv2", 4 * head.bins, lambda at, x, c1: plain(at, x, c1, box, 4 * head.bins), maps),
        "scores": levels("cv3", head.nc, lambda at, x, c1: scores(at, x, c1, kind, head.nc), maps),
    }
    if not head.spread:
        rows = k * values
        width = max(inputs[0] // 4, rows)
        return {**found, "kpts": levels("cv4", rows, lambda at, x, c1: plain(at, x, c1, width, rows), maps)}
    width = max(inputs[0] // 4, k * (values + 2))
    trunks = []
    for i, x in enumerate(maps):
        trunk = at / f"{prefix}cv4.{i}"
        trunks.append(trunk.conv("1", trunk.conv("0", x, width, 3), width, 3))
    found["kpts"] = levels("cv4_kpts", k * values, bare(k * values), trunks)
    if sigma:
        found["kpts_sigma"] = levels("cv4_sigma", 2 * k, bare(2 * k), trunks)
    return found


def pixels(
    at: Scope,
    head: Head,
    maps: Sequence[Value],
    *,
    branch: str = "one2many",
    sigma: bool = False,
    selected: bool = False,
    unit: Value = None,
) -> tuple[Value, ...]:
    """Return boxes, scores and keypoints in pixels of the network's input.

    Args:
        at: The head's place.
        head: What it is made for.
        maps: Three feature maps, finest first.
        branch: Which of its branches.
        sigma: Give the keypoints' standard deviations too.
        selected: Give the best rows only: for the one-to-one branch.
        unit: ``(2K, 1)`` standard deviations of the errors of x and y at sigma 1.

    Returns:
        ``(output0,)`` or ``(output0, sigma)``: (B, 4 + nc + K * D, A) and (B, 2K, A), or with ``selected``
        (B, min(300, A), 6 + K * D) and (B, min(300, A), 2K).
    """
    said = {name: at.exact(x) for name, x in raw(at, head, maps, branch=branch, sigma=sigma).items()}
    points, strides = at.anchors(maps, STRIDES)
    distances = said["boxes"] if head.bins == 1 else expectation(at, said["boxes"], head.bins)
    scores = at.sigmoid(said["scores"])
    factor, offset = (1.0, 0.0) if head.spread else (2.0, -0.5)
    xy = keypoints(at, said["kpts"], points, strides, head.kpt_shape, factor=factor, offset=offset)
    # The sigmoid is the scale in cells.
    spread = at.sigmoid(said["kpts_sigma"]) * (strides * unit) if sigma else None
    if selected:
        return select(at, corners(at, distances, points, strides), scores, xy, spread, head.nc, LIMIT)
    output = at.concat((centres(at, distances, points, strides), scores, xy))
    return (output,) if spread is None else (output, spread)
