"""Examples to learn from: which of the hands in a picture is meant, and what was learned from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from poise.geometry import Floats
from poise.gestures.events import NONE, UNKNOWN
from poise.gestures.shapes.embedding import HAND, differences, embed, is_upright
from poise.gestures.shapes.taught_shapes import TaughtShapes
from poise.skeletons import Skeleton


@dataclass(frozen=True, slots=True, eq=False)
class ExamplePicture:
    """What was found in one example picture or frame.

    Attributes:
        label: Its class: the name of its folder.
        source: The picture, or the video that the frame is of.
        xy: ``(N, K, 2)`` pixels of everything found.
        xyz: ``(N, K, 3)`` metres, or NaN.
    """

    label: str
    source: str
    xy: Floats
    xyz: Floats


def choose_rows(skeleton: Skeleton, pictures: Sequence[ExamplePicture], *, upright: bool | None = None) -> list[int]:
    """Return the row that each picture is about, -1 where nothing was found.

    Of several hands the one counts that looks most like some hand in each of the other pictures of its class; who
    shows a gesture with one hand lets the other one rest in different ways.
    """
    vectors = [embed(skeleton, one.xy, one.xyz, upright=upright) if len(one.xy) else None for one in pictures]
    rows = []
    for i, one in enumerate(pictures):
        mine = vectors[i]
        if mine is None:
            rows.append(-1)
            continue
        cost = np.zeros(len(mine))
        for j, vector in enumerate(vectors):
            if (
                len(mine) > 1
                and vector is not None
                and pictures[j].label == one.label
                and pictures[j].source != one.source
            ):
                cost += _apart(skeleton, mine, vector, upright).min(axis=1)
        rows.append(int(cost.argmin()))
    return rows


def _apart(skeleton: Skeleton, vectors: Floats, others: Floats, upright: bool | None) -> Floats:
    """Return ``(N, M)`` root mean square differences; large where too little can be compared."""
    up = is_upright(skeleton, upright)
    squared = np.square(differences(vectors, others, points=skeleton.name != HAND, upright=up))
    seen = np.isfinite(squared)
    mean = np.where(seen, squared, 0.0).sum(axis=-1) / np.maximum(seen.sum(axis=-1), 1)
    apart: Floats = np.where(seen.mean(axis=-1) >= 0.5, np.sqrt(mean), 1e3)
    return apart


def find_shape_conflicts(taught: TaughtShapes, groups: Sequence[object] | None = None) -> list[str]:
    """Return a sentence for each two classes that nothing tells apart.

    Every example of the two is asked which of them the nearest example of another group belongs to. Were the classes
    one and the same, half of the answers would be right; from two thirds on they count as different. Where no other
    example is left to ask, two classes whose nearest examples lie within half a limit are reported.

    Args:
        taught: The set.
        groups: What each example belongs to, such as its picture; None: each stands alone.
    """
    kin = np.arange(len(taught.labels)) if groups is None else np.array([str(one) for one in groups])
    apart = taught.apart(taught.vectors)
    told = []
    for a, b in combinations(range(len(taught.classes)), 2):
        right = []
        for i in np.flatnonzero(np.isin(taught.labels, (a, b))).tolist():
            own, other = (a, b) if taught.labels[i] == a else (b, a)
            mine = apart[i, (taught.labels == own) & (kin != kin[i])]
            rest = apart[i, taught.labels == other]
            if np.isfinite(mine).any() and np.isfinite(rest).any():
                right.append(bool(np.nanmin(mine) < np.nanmin(rest)))
        between = apart[np.ix_(taught.labels == a, taught.labels == b)]
        near = float(np.nanmin(between)) if np.isfinite(between).any() else np.inf
        if right:
            same = sum(right) < len(right) * 2 / 3
            how = f"{len(right) - sum(right)} of {len(right)} examples are nearest to the other one"
        else:
            same, how = near < 0.5 * min(taught.limits[a], taught.limits[b]), "their examples look the same"
        if same:
            names = f"{taught.classes[a]} and {taught.classes[b]}"
            told.append(f"{names}: nothing tells them apart ({how}); join the two, or make them differ more")
    return told


def format_confusion(told: Sequence[tuple[str, str]]) -> str:
    """Return a table of (true class, said): one row a class, with "none" counted right when it is unknown."""
    truths = list(dict.fromkeys(true for true, _ in told))
    says = [name for name in truths if name != NONE] + [UNKNOWN]
    counts = Counter(told)
    width = max(len(name) for name in [*truths, *says]) + 2
    lines = ["".ljust(width) + "".join(name.rjust(width) for name in says)]
    lines += [true.ljust(width) + "".join(str(counts[true, say]).rjust(width) for say in says) for true in truths]
    right = sum(true == said or (true == NONE and said == UNKNOWN) for true, said in told)
    lines.append(f"{right} of {len(told)} right, each judged by the others alone")
    return "\n".join(lines)


def find_warnings(pictures: Sequence[ExamplePicture], rows: Sequence[int]) -> list[str]:
    """Return one sentence for each thing about the examples that the user should know."""
    said = []
    for label in dict.fromkeys(one.label for one in pictures):
        mine = [(one, row) for one, row in zip(pictures, rows, strict=True) if one.label == label]
        found = [one for one, row in mine if row >= 0]
        lost = [one.source for one, row in mine if row < 0]
        if not found:
            where = f"any of its {len(mine)} pictures" if len(mine) > 1 else f"its only picture ({mine[0][0].source})"
            said.append(f"{label}: nothing was found in {where}, so it was not learned")
        elif lost:
            more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
            said.append(f"{label}: nothing was found in {len(lost)} of {len(mine)}: {', '.join(lost[:3])}{more}")
        if label != NONE and len({one.source for one in found}) == 1:
            where = "one picture" if len(found) == 1 else f"one source ({found[0].source})"
            said.append(f"{label}: all examples are from {where}; how others make it is a guess, give 5 or more")
    if not any(one.label == NONE for one in pictures):
        said.append("there is no folder 'none': give some of what is no gesture, and less will be taken for one")
    return said
