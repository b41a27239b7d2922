"""BVH: a tree of bones and, frame by frame, the place of the first and the angles of all, as text.

Source:
    Meredith and Maddock, Motion capture file formats explained, University of Sheffield CS-01-11, 2001.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from poise.errors import suggest
from poise.mocap.eulers import to_zxy
from poise.mocap.motion import Motion
from poise.mocap.retargeting import Retargeted, retarget
from poise.mocap.rig_table import UNITS, RigTable, rig_table
from poise.mocap.sampling import steady

_PLACE = "Xposition Yposition Zposition"
_TURN = "Zrotation Xrotation Yrotation"
_BLANK = re.compile(r"\s+")


def bvh_text(
    motion: Motion, *, rig: str | Path | RigTable | None = None, fps: float | None = None, unit: str | None = None
) -> str:
    """Return a BVH file.

    At rest every bone's axes are the world's; channels are places x, y, z of the hips and angles z, x, y of all bones.

    Args:
        motion: One frame or more.
        rig: Names, rest pose, up axis and unit; None: the table ``bvh``, centimetres, y up.
        fps: Frames per second; None: the motion's own.
        unit: ``m``, ``cm``, ``mm`` or ``in`` in place of the rig's.

    Raises:
        ValueError: No rig or unit has this name, or ``fps`` is out of range.
        FormatError: The file of a rig cannot be read.
    """
    return "\n".join(_lines(motion, rig, fps, unit)) + "\n"


def _lines(motion: Motion, rig: str | Path | RigTable | None, fps: float | None, unit: str | None) -> Iterator[str]:
    table = rig_table("bvh" if rig is None else rig)
    if unit is not None:
        if unit not in UNITS:
            raise ValueError(f"no unit of length is called {unit!r}{suggest(unit, UNITS)}")
        table = replace(table, unit=unit)
    motion = steady(motion, fps)
    made = retarget(motion, table, axes=False)
    yield "HIERARCHY"
    yield from _tree(made)
    yield "MOTION"
    yield f"Frames: {len(motion)}"
    rate = float(fps) if fps is not None else motion.fps
    yield f"Frame Time: {1 / rate:.8f}"
    row = " ".join(["%.6f"] * (3 if made.hips == 0 else 6) + ["%.6f"] * 3 * len(made.names))
    for numbers in _values(made):
        yield row % tuple(numbers)


def _values(made: Retargeted) -> NDArray[np.float64]:
    """Return ``(T, C)`` in the order of the channels."""
    frames = len(made.rotations)
    columns = []
    angles = to_zxy(made.rotations)
    for at in _order(made):
        if at == made.hips:
            columns.append(made.root)
        elif at == 0:
            columns.append(np.zeros((frames, 3)))
        columns.append(angles[:, at])
    # No -0.000000.
    return np.asarray(np.round(np.concatenate(columns, 1), 6) + 0.0, dtype=np.float64)


def _children(made: Retargeted) -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for at, above in enumerate(made.parents):
        children.setdefault(int(above), []).append(at)
    return children


def _order(made: Retargeted) -> list[int]:
    """Return the rows as the file has them: a bone, all that hangs from its first child, then the next one's."""
    children, order, open_ = _children(made), [], [0]
    while open_:
        order.append(open_.pop())
        open_ += reversed(children.get(order[-1], []))
    return order


def _tree(made: Retargeted) -> Iterator[str]:
    """Yield the lines of the bones; a bone's children follow it inside its braces."""
    children = _children(made)

    def bone(at: int, depth: int) -> Iterator[str]:
        tab = "\t" * depth
        moves = at in (0, made.hips)
        yield f"{tab}{'ROOT' if depth == 0 else 'JOINT'} {_BLANK.sub('_', made.names[at])}"
        yield tab + "{"
        # Programs differ in whether they add the first bone's offset to its place: there is none.
        yield f"{tab}\tOFFSET {_numbers(np.zeros(3) if moves else made.offsets[at])}"
        yield f"{tab}\tCHANNELS {f'6 {_PLACE}' if moves else '3'} {_TURN}"
        below = children.get(at, [])
        for child in below:
            yield from bone(child, depth + 1)
        if not below:
            yield from (f"{tab}\tEnd Site", tab + "\t{", f"{tab}\t\tOFFSET {_numbers(made.tips[at])}", tab + "\t}")
        yield tab + "}"

    yield from bone(0, 0)


def _numbers(values: NDArray[np.float64]) -> str:
    return " ".join(f"{v:.6f}" for v in np.round(values, 6) + 0.0)
