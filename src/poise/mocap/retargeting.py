"""A movement on the bones of another rig: its names, its axes, its rest pose, its units."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from poise.mocap import quaternions as quat
from poise.mocap.motion import Motion
from poise.mocap.rig import PARENTS, Rig, forward
from poise.mocap.rig_table import RigTable, rig_table

Floats = NDArray[np.float64]

# The bone that goes on where several begin.
_ONWARD = {"hips": "spine", "chest": "neck", "leftHand": "leftMiddleProximal", "rightHand": "rightMiddleProximal"}
# y up becomes z up, and what looked along z looks along -y.
_Z_UP = quat.from_axis_angle(np.array([1.0, 0.0, 0.0]), np.pi / 2)


@dataclass(frozen=True, slots=True, eq=False)
class Retargeted:
    """A movement as nodes in a tree, ready to be written; lengths in the rig's unit, axes the file's.

    Attributes:
        names: B names, parents before children.
        bones: VRM's name of each, empty for a bone that VRM does not have.
        parents: ``(B,)`` row of each parent, -1 for the first.
        offsets: ``(B, 3)`` where each begins at rest, in the axes of its parent.
        rest: ``(B, 4)`` how its axes are turned at rest, seen from its parent.
        tips: ``(B, 3)`` where a bone without children ends, in its own axes; zero for the others.
        rotations: ``(T, B, 4)`` how its axes are turned, seen from its parent.
        hips: Row of the bone that moves.
        root: ``(T, 3)`` where that is, in the axes of its parent.
        table: Whose bones these are.
    """

    names: tuple[str, ...]
    bones: tuple[str, ...]
    parents: NDArray[np.intp]
    offsets: Floats
    rest: Floats
    tips: Floats
    rotations: Floats
    hips: int
    root: Floats
    table: RigTable

    def joints(self) -> Floats:
        """``(T, B, 3)`` where the bones begin, in the file's axes and unit."""
        return self.world()[0]

    def world(self) -> tuple[Floats, Floats]:
        """``(T, B, 3)`` where the bones begin, and ``(T, B, 4)`` how their axes are turned, seen from the file's."""
        world = np.empty_like(self.rotations)
        places = np.empty((*self.rotations.shape[:-1], 3))
        for at, above in enumerate(self.parents):
            offset = self.root if at == self.hips else self.offsets[at]
            if above < 0:
                world[:, at], places[:, at] = self.rotations[:, at], offset
            else:
                world[:, at] = quat.multiply(world[:, above], self.rotations[:, at])
                places[:, at] = places[:, above] + quat.rotate(world[:, above], offset)
        return places, world


def retarget(motion: Motion, rig: str | Path | RigTable | None = None, *, axes: bool = True) -> Retargeted:
    """Put a movement on another rig with the person's own lengths.

    Every bone points where the person's does. It stands where theirs does, too, unless the rig lacks a bone above it:
    the next one takes over that bone's rotation, and its length as it is at rest.

    Args:
        motion: Any.
        rig: A name, the path of a ``.toml``, or a table; see :func:`poise.mocap.rig_table.rig_table`.
        axes: Turn each bone's own axes as the rig has them; False: all are the world's at rest, as in BVH.

    Raises:
        ValueError: No rig has this name.
        FormatError: The file is no table of a rig.
    """
    table = rig_table(rig)
    source = motion.rig
    pose = _rest_pose(source, table.arms_down)
    places, turned = forward(source, pose, source.offsets[0])
    _, world = forward(source, motion.rotations, motion.root)
    change = _Z_UP if table.up == "z" else quat.IDENTITY
    # How the bone's axes stand in the T-pose; without axes of their own, such that at rest they are the file's.
    own = np.array([table.axes[b] for b in source.bones]) if axes else quat.inverse(quat.multiply(change, turned))
    at_rest, moving = quat.multiply(turned, own), quat.multiply(world, own)

    names, bones, parents, offsets, rest, tips, rotations = [], [], [], [], [], [], []
    last: dict[str, int] = {}  # VRM's name to the row that its children hang from
    start: dict[int, Floats] = {}  # such a row to where it begins at rest
    frames = len(motion)

    def add(name: str, bone: str, above: int, offset: Floats, q: Floats, over_time: Floats) -> int:
        names.append(name)
        bones.append(bone)
        parents.append(above)
        offsets.append(offset / table.metres)
        rest.append(q)
        tips.append(np.zeros(3))
        rotations.append(np.broadcast_to(over_time, (frames, 4)))
        return len(names) - 1

    ground = add(table.root, "", -1, np.zeros(3), quat.IDENTITY, quat.IDENTITY) if table.root else -1
    for row, bone in enumerate(source.bones):
        if bone not in table.bones:
            continue
        above = PARENTS[bone]
        while above is not None and above not in last:
            above = PARENTS[above]
        if above is None:
            before, q = ground, quat.multiply(change, at_rest[row])
            offset, over_time = quat.rotate(change, places[row]), quat.multiply(change, moving[:, row])
        else:
            before, up = last[above], source.row(above)
            back = quat.inverse(at_rest[up])
            q, offset = quat.multiply(back, at_rest[row]), quat.rotate(back, places[row] - start[before])
            over_time = quat.multiply(quat.inverse(moving[:, up]), moving[:, row])
        here = add(table.bones[bone][0], bone, before, offset, q, over_time)
        start[here] = places[row]
        for name, step in _rest_of_chain(source, row, table.bones[bone]):
            place = places[row] + quat.rotate(turned[row], step)
            offset = quat.rotate(quat.inverse(at_rest[row]), place - start[here])
            here = add(name, "", here, offset, quat.IDENTITY, quat.IDENTITY)
            start[here] = place
        last[bone] = here
        tips[here] = _tip(source, row, table, places[row] - start[here], turned[row], at_rest[row]) / table.metres

    hips = bones.index("hips")
    moved = quat.rotate(change, motion.root) / table.metres
    with_children = set(parents)
    ends = np.array([np.zeros(3) if at in with_children else tip for at, tip in enumerate(tips)])
    return Retargeted(
        names=tuple(names), bones=tuple(bones), parents=np.array(parents, dtype=np.intp), offsets=np.array(offsets),
        rest=quat.normalise(rest), tips=ends, rotations=quat.continuous(np.stack(rotations, 1)), hips=hips, root=moved,
        table=table,
    )  # fmt: skip


def _rest_pose(rig: Rig, arms_down: float) -> Floats:
    """Return ``(J, 4)``: the T-pose with the upper arms turned down."""
    pose = np.tile(quat.IDENTITY, (len(rig.bones), 1))
    for side, sign in (("left", -1.0), ("right", 1.0)):
        if f"{side}UpperArm" in rig.bones:
            turn = sign * np.radians(arms_down)
            pose[rig.row(f"{side}UpperArm")] = quat.from_axis_angle(np.array([0.0, 0.0, 1.0]), turn)
    return pose


def _rest_of_chain(rig: Rig, row: int, names: tuple[str, ...]) -> list[tuple[str, Floats]]:
    """Return the bones after the first that stand for one, and where they begin, seen from its beginning."""
    length = _length(rig, row)
    return [(name, length * n / len(names)) for n, name in enumerate(names[1:], 1)]


def _length(rig: Rig, row: int) -> Floats:
    """Return ``(3,)``: from the beginning of a bone to its end, at rest."""
    below = [at for at, above in enumerate(rig.parents) if above == row]
    if not below:
        return np.asarray(rig.tips[row])
    onward = _ONWARD.get(rig.bones[row])
    return np.asarray(rig.offsets[rig.row(onward) if onward in rig.bones else below[0]])


def _tip(rig: Rig, row: int, table: RigTable, back: Floats, turned: Floats, at_rest: Floats) -> Floats:
    """Return where a bone ends, in its own axes, metres, whether or not the table has what follows."""
    return quat.rotate(quat.inverse(at_rest), back + quat.rotate(turned, _length(rig, row)))
