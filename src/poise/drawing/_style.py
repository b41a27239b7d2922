"""How a drawing looks: every knob with its default, and the colours and proportions of a skeleton."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from poise.geometry import Floats
from poise.skeletons import Skeleton

# COCO's widest spread, the hips': the sigma at which a limb has its full width.
_WIDEST = 0.107
_SIDES = {"left": "#1fa2ff", "middle": "#f4f1e8", "right": "#ff8c1a"}


@dataclass(frozen=True)
class Style:
    """Every knob of a drawing. Colours are ``"#rrggbb"``.

    The defaults for sides are blue and orange: the pair that people with any common form of colour blindness tell
    apart (Okabe and Ito 2008, "Color Universal Design").

    Attributes:
        left: Colour of the person's own left side; None: the skeleton's, where it brings one, else blue.
        right: Colour of the person's own right side; None: the skeleton's, else orange.
        middle: Colour of what has no side; None: the skeleton's, else nearly white.
        mouth: Colour of lips.
        palette: Colours of boxes and labels by track id, class or place; of fingers; of chains without sides.
        colour_by: What picks a box's colour: ``"id"`` the track id, ``"class"`` the class, ``"place"`` the order from
            left to right; ``"auto"`` the id where there is one, else the class where there are several, else the place.
        outline: Colour of the outline that lifts the drawing off a light picture.
        outline_alpha: Its opacity in [0, 1].
        limb_width: Width of the widest limb, as a part of the instance's size (square root of its box area).
        limb_limits: Least width in pixels, and greatest as a part of the picture's longer side.
        joint: Diameter of a keypoint's dot, as a part of the limb's width there.
        core: Diameter of the light middle of a dot, as a part of the dot; 0: none.
        min_conf: Keypoints below this confidence are not drawn.
        solid_conf: Keypoints from this confidence on are drawn opaque.
        faint: Opacity at ``min_conf``.
        sigma_scale: Half axis of an uncertainty ellipse in standard deviations.
        box_width: Width of a box's line in pixels; None: from the picture's size.
        box_alpha: Opacity of a box's line.
        font: A TrueType or OpenType file, or the name of an installed font; None: that of POISE_FONT, else Pillow's
            own. Letters that it lacks are taken from a font that this machine has.
        font_size: Pixels; None: from the picture's size.
    """

    left: str | None = None
    right: str | None = None
    middle: str | None = None
    mouth: str = "#ff6f91"
    palette: tuple[str, ...] = (
        "#2dd4a7", "#f472d0", "#ffd23f", "#9d8cff", "#7ddc3c", "#ff6b6b", "#3fd0f5", "#d6a45c", "#c98bff", "#b7e4c7",
    )  # fmt: skip
    colour_by: Literal["auto", "id", "class", "place"] = "auto"
    outline: str = "#0b0f14"
    outline_alpha: float = 0.6
    limb_width: float = 0.024
    limb_limits: tuple[float, float] = (1.5, 0.012)
    joint: float = 1.6
    core: float = 0.5
    min_conf: float = 0.25
    solid_conf: float = 0.6
    faint: float = 0.35
    sigma_scale: float = 2.0
    box_width: float | None = None
    box_alpha: float = 0.9
    font: str | None = None
    font_size: float | None = None

    def __post_init__(self) -> None:
        if not self.palette:
            raise ValueError("Style.palette must have at least one colour, got none")
        for name in ("left", "right", "middle", "mouth", "outline"):
            if getattr(self, name) is not None:
                bgr(getattr(self, name), name=f"Style.{name}")
        for i, colour in enumerate(self.palette):
            bgr(colour, name=f"Style.palette[{i}]")
        if self.colour_by not in ("auto", "id", "class", "place"):
            raise ValueError(f"Style.colour_by must be 'auto', 'id', 'class' or 'place', got {self.colour_by!r}")
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, (int, float)) and not value >= 0:
                raise ValueError(f"Style.{field.name} must be 0 or more, got {value}")


def bgr(colour: str, *, name: str = "colour") -> tuple[int, int, int]:
    """Read ``"#rrggbb"`` as blue, green, red.

    Example:
        >>> bgr("#ff8000")
        (0, 128, 255)
    """
    if not isinstance(colour, str) or not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        raise ValueError(f"{name} must be a colour such as '#1fa2ff', got {colour!r}")
    red, green, blue = bytes.fromhex(colour[1:])
    return blue, green, red


def colours(names: Sequence[str]) -> NDArray[np.float32]:
    """Read n colours as ``(n, 3)`` BGR."""
    return np.array([bgr(name) for name in names], dtype=np.float32).reshape(-1, 3)


@dataclass(frozen=True, eq=False)
class Appearance:
    """The colours and proportions of one skeleton in one style.

    Attributes:
        edges: ``(E, 2)`` keypoint indices.
        edge_colours: ``(E, 3)`` BGR.
        point_colours: ``(K, 3)`` BGR.
        weight: ``(K,)`` width at each keypoint, 1 at the widest.
        dots: ``(K,)`` whether a keypoint gets a dot.
        fine: Whether the skeleton is a mesh, drawn in hairlines.
    """

    edges: NDArray[np.intp]
    edge_colours: NDArray[np.float32]
    point_colours: NDArray[np.float32]
    weight: Floats
    dots: NDArray[np.bool_]
    fine: bool


def appearance_of(skeleton: Skeleton, style: Style) -> Appearance:
    """Choose colours and proportions for a skeleton; kept, since every frame of a video asks again."""
    # Skeletons may be equal and yet differ in their groups and colours.
    return _appearance_of(skeleton, style, tuple(skeleton.subsets), repr(getattr(skeleton, "colours", "")))


@lru_cache(maxsize=32)
def _appearance_of(skeleton: Skeleton, style: Style, groups: tuple[str, ...], sides: str) -> Appearance:
    count = len(skeleton)
    edges = np.array(skeleton.edges, dtype=np.intp).reshape(-1, 2)
    group, palette, kind = _groups(skeleton, edges, style)
    low, high = np.sort(group[edges], axis=1).T
    if kind == "sides":
        # A limb across the body has no side; one from the middle to a side (or to the mouth) belongs there.
        edge_group = np.where(low == high, low, np.where(low == 1, high, np.where(high == 1, low, 1)))
    else:
        # Between two fingers, or a finger and the wrist, lies the palm.
        edge_group = np.where((low == high) | (kind == "chain"), high, 0)
    # Where there are more points than a body has, some lie close together: those get finer lines.
    dense = count > 60
    weight = np.clip((skeleton.sigmas / _WIDEST) ** (0.75 if dense else 0.5), 0.15 if dense else 0.28, 1.0)
    if dense and count <= 200:
        face = [i for name, members in skeleton.subsets.items() if "face" in name.split("_") for i in members]
        weight[face] = np.minimum(weight[face], 0.2)
    if np.ptp(skeleton.sigmas) == 0 and len(edges):
        weight = weight * (1 - 0.4 * _depth(count, edges))
    joined = np.zeros(count, dtype=bool)
    joined[edges] = True
    dots = ~joined | (weight > 0.3 if dense else True)
    return Appearance(edges, palette[edge_group], palette[group], weight, dots, count > 200)


def _groups(
    skeleton: Skeleton, edges: NDArray[np.intp], style: Style
) -> tuple[NDArray[np.intp], NDArray[np.float32], str]:
    """Give each keypoint a row of a palette by its side, by finger or other named part, or by place in the chain."""
    if skeleton.sides.any() or len(skeleton) > 200:
        group = skeleton.sides.astype(np.intp) + 1
        # Points of a face have numbers for names; their groups say what they are: left_eye, lips.
        for name, members in skeleton.subsets.items():
            words = re.split(r"[_\- ]", name)
            row = 0 if "left" in words else 2 if "right" in words else 3 if {"lips", "mouth"} & {*words} else None
            if row is not None:
                group[[i for i in members if skeleton.sides[i] == 0]] = row
        return group, _side_colours(skeleton, style), "sides"
    parts = [_part(name) for name in skeleton.keypoints]
    counts = {part: parts.count(part) for part in parts}
    named = [part for part in dict.fromkeys(parts) if counts[part] > 1]
    palette = np.concatenate([_side_colours(skeleton, style)[1:2], colours(style.palette)])
    cycle = len(style.palette)
    if len(named) > 1:
        return np.array([named.index(p) % cycle + 1 if p in named else 0 for p in parts]), palette, "parts"
    place = _chain(len(skeleton), edges)
    return (place * min(cycle, len(skeleton)) // max(len(skeleton), 1)) % cycle + 1, palette, "chain"


def _part(name: str) -> str:
    """Return what a keypoint is part of: ``thumb`` for ``thumb_tip`` and ``thumb3``, itself for ``wrist``."""
    return re.sub(r"[_\- ]?\d+$", "", name) if name[-1:].isdigit() else re.split(r"[_\- ](?=[^_\- ]*$)", name)[0]


def _side_colours(skeleton: Skeleton, style: Style) -> NDArray[np.float32]:
    """Return BGR rows for left, middle, right and mouth."""
    own = getattr(skeleton, "colours", {})
    usual = getattr(Skeleton("usual", ("point",)), "colours", {})
    rows = []
    for side, house in _SIDES.items():
        # The style has the first word, then a skeleton that differs from the usual, then the house.
        asked = getattr(style, side)
        if asked is None and own.get(side) != usual.get(side):
            rows.append(tuple(own[side])[::-1])
        else:
            rows.append(bgr(asked or house))
    return np.array([*rows, bgr(style.mouth)], dtype=np.float32)


def _neighbours(count: int, edges: NDArray[np.intp]) -> list[list[int]]:
    near: list[list[int]] = [[] for _ in range(count)]
    for a, b in edges.tolist():
        near[a].append(b)
        near[b].append(a)
    return near


def _steps(near: list[list[int]], start: int) -> dict[int, int]:
    """Count the edges from ``start`` to every keypoint that it reaches, nearest first."""
    steps = {start: 0}
    queue = [start]
    for at in queue:
        for other in near[at]:
            if other not in steps:
                steps[other] = steps[at] + 1
                queue.append(other)
    return steps


def _chain(count: int, edges: NDArray[np.intp]) -> NDArray[np.intp]:
    """Number keypoints in the order in which one meets them, walking from the first end of each connected part."""
    near = _neighbours(count, edges)
    seen: dict[int, int] = {}
    for start in sorted(range(count), key=lambda i: (len(near[i]) != 1, i)):
        if start not in seen:
            for at in _steps(near, start):
                seen[at] = len(seen)
    return np.array([seen[i] for i in range(count)], dtype=np.intp)


def _depth(count: int, edges: NDArray[np.intp]) -> Floats:
    """Tell how far out each keypoint is: 0 at the middle of its connected part, 1 at the farthest end."""
    near = _neighbours(count, edges)
    depth = np.zeros(count)
    todo = set(range(count)) if count <= 200 else set()
    while todo:
        part = set(_steps(near, min(todo)))
        todo -= part
        steps = min((_steps(near, i) for i in sorted(part)), key=lambda s: max(s.values()))
        farthest = max(*steps.values(), 1)
        for at, far in steps.items():
            depth[at] = far / farthest
    return depth
