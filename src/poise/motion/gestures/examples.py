"""Examples to learn from: which of the hands in a picture is meant, and what was learned from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from poise.geometry import Floats
from poise.motion.gestures.embedding import embed
from poise.motion.gestures.taught import NONE, UNKNOWN
from poise.skeletons import Skeleton


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
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


def meant(skeleton: Skeleton, pictures: Sequence[Picture], *, upright: bool | None = None) -> list[int]:
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
        others = [
            vector
            for j, vector in enumerate(vectors)
            if vector is not None and pictures[j].label == one.label and pictures[j].source != one.source
        ]
        cost = np.zeros(len(mine))
        for other in others:
            cost += np.nan_to_num(np.linalg.norm(mine[:, None] - other[None], axis=-1), nan=1e3).min(axis=1)
        rows.append(int(cost.argmin()))
    return rows


def confusion(told: Sequence[tuple[str, str]]) -> str:
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


def warnings(pictures: Sequence[Picture], rows: Sequence[int]) -> list[str]:
    """Return one sentence for each thing about the examples that the user should know."""
    said = []
    for label in dict.fromkeys(one.label for one in pictures):
        mine = [(one, row) for one, row in zip(pictures, rows, strict=True) if one.label == label]
        found = [one for one, row in mine if row >= 0]
        lost = [one.source for one, row in mine if row < 0]
        if lost:
            more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
            said.append(f"{label}: nothing was found in {len(lost)} of {len(mine)}: {', '.join(lost[:3])}{more}")
        if label != NONE and len({one.source for one in found}) == 1:
            where = "one picture" if len(found) == 1 else f"one source ({found[0].source})"
            said.append(f"{label}: all examples are from {where}; how others make it is a guess, give 5 or more")
    if not any(one.label == NONE for one in pictures):
        said.append("there is no folder 'none': give some of what is no gesture, and less will be taken for one")
    return said
