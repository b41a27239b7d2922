"""Round shapes that move with bones: rings joined to skins, each vertex with the bones that carry it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
# A bone's name to its share.
Carried = Mapping[str, float]
Carriers = Carried | Callable[[Floats], Carried]

_MOST_BONES = 4


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """A skin of triangles.

    Attributes:
        positions: ``(V, 3)`` metres, at rest.
        normals: ``(V, 3)`` of length one.
        joints: ``(V, 4)`` rows of bones.
        weights: ``(V, 4)`` their shares in 255ths, together 255.
        parts: Name of a material to ``(F, 3)`` corners, counter-clockwise from outside.
    """

    positions: NDArray[np.float32]
    normals: NDArray[np.float32]
    joints: NDArray[np.uint8]
    weights: NDArray[np.uint8]
    parts: Mapping[str, NDArray[np.uint16]]

    @property
    def triangles(self) -> int:
        """How many there are."""
        return sum(len(corners) for corners in self.parts.values())


@dataclass(frozen=True, slots=True, eq=False)
class Ring:
    """One cross-section: an ellipse, or a rounded box.

    Attributes:
        centre: ``(3,)``.
        u: ``(3,)`` half an axis.
        v: ``(3,)`` half the other.
        carried: By which bones.
        power: 2 for an ellipse, more for a box with rounded corners.
    """

    centre: Floats
    u: Floats
    v: Floats
    carried: Carriers
    power: float = 2.0

    def points(self, count: int) -> Floats:
        """Return ``(count, 3)`` round the ring."""
        turn = 2 * np.pi * np.arange(count) / count
        c, s = np.cos(turn), np.sin(turn)
        a, b = (np.sign(w) * np.abs(w) ** (2 / self.power) for w in (c, s))
        return np.asarray(self.centre + a[:, None] * self.u + b[:, None] * self.v)


@dataclass(slots=True)
class Sculpture:
    """Collects shapes and makes one mesh of them.

    Attributes:
        rows: A bone's name to its row; what is carried by a bone without one goes to ``above``.
        above: A bone's name to the nearest one that has a row.
    """

    rows: Mapping[str, int]
    above: Mapping[str, str]
    _points: list[Floats] = field(default_factory=list)
    _normals: list[Floats] = field(default_factory=list)
    _carried: list[Carried] = field(default_factory=list)
    _parts: dict[str, list[NDArray[np.intp]]] = field(default_factory=dict)
    _count: int = 0

    def skin(self, part: str, rings: Sequence[Ring], count: int, *, flat_ends: bool = False) -> None:
        """Join rings one after the other and close both ends.

        Args:
            part: The material.
            rings: Two or more.
            count: Corners of each.
            flat_ends: Close them with a sharp edge, as a hem, and not smoothly.
        """
        grid = np.array([ring.points(count) for ring in rings])
        carried = [_of(ring.carried, p) for ring, row in zip(rings, grid, strict=True) for p in row]
        self.grid(part, grid, carried, caps=not flat_ends)
        if flat_ends:
            for ring, row, inside in ((rings[0], grid[0], grid[1]), (rings[-1], grid[-1], grid[-2])):
                self._fan(part, ring, row, inside.mean(0))

    def grid(self, part: str, grid: Floats, carried: Sequence[Carried], *, caps: bool = True) -> None:
        """Join ``(R, N, 3)`` rows of points, each a closed ring; ``caps`` closes the first and the last smoothly."""
        rings, count = grid.shape[:2]
        points = [grid.reshape(-1, 3)]
        at = np.arange(rings * count).reshape(rings, count)
        a, b = at[:-1], at[1:]
        nxt = np.roll(np.arange(count), -1)
        faces = [np.stack([a, a[:, nxt], b], -1).reshape(-1, 3), np.stack([a[:, nxt], b[:, nxt], b], -1).reshape(-1, 3)]
        more = list(carried)
        if caps:
            for row, end in ((0, 0), (rings - 1, 1)):
                pole = rings * count + end
                points.append(grid[row].mean(0)[None])
                more.append(carried[row * count])
                ring = at[row]
                fan = np.stack([np.full(count, pole), ring[nxt], ring], -1)
                faces.append(fan if end == 0 else fan[:, ::-1])
        self._add(part, np.concatenate(points), np.concatenate(faces), more)

    def ball(
        self, part: str, centre: ArrayLike, radii: ArrayLike, carried: Carried, *, around: int = 8, across: int = 5,
        turn: Floats | None = None,
    ) -> None:  # fmt: skip
        """Add an ellipsoid; ``turn`` is ``(3, 3)``: where its own axes point."""
        angle = np.linspace(0, np.pi, across + 1)[1:-1]
        phi = 2 * np.pi * np.arange(around) / around
        unit = np.stack(
            [
                np.sin(angle)[:, None] * np.cos(phi),
                np.repeat(np.cos(angle)[:, None], around, 1),
                -np.sin(angle)[:, None] * np.sin(phi),
            ],
            -1,
        )
        own = np.concatenate([unit.reshape(-1, 3), [[0, 1, 0], [0, -1, 0]]]) * np.asarray(radii, dtype=np.float64)
        points = (own if turn is None else own @ turn.T) + np.asarray(centre, dtype=np.float64)
        rings = len(angle)
        at = np.arange(rings * around).reshape(rings, around)
        nxt = np.roll(np.arange(around), -1)
        a, b, top, low = at[:-1], at[1:], rings * around, rings * around + 1
        faces = [
            np.stack([a, b, a[:, nxt]], -1).reshape(-1, 3), np.stack([a[:, nxt], b, b[:, nxt]], -1).reshape(-1, 3),
            np.stack([np.full(around, top), at[0], at[0][nxt]], -1),
            np.stack([np.full(around, low), at[-1][nxt], at[-1]], -1),
        ]  # fmt: skip
        self._add(part, points, np.concatenate(faces), [carried] * len(points))

    def mesh(self) -> Mesh:
        """Return what was collected."""
        joints = np.zeros((self._count, _MOST_BONES), dtype=np.uint8)
        weights = np.zeros((self._count, _MOST_BONES), dtype=np.uint8)
        for at, carried in enumerate(self._carried):
            joints[at], weights[at] = self._shares(carried)
        return Mesh(
            np.concatenate(self._points).astype(np.float32), np.concatenate(self._normals).astype(np.float32), joints,
            weights, {part: np.concatenate(faces).astype(np.uint16) for part, faces in self._parts.items()},
        )  # fmt: skip

    def _shares(self, carried: Carried) -> tuple[list[int], list[int]]:
        total: dict[int, float] = {}
        for bone, share in carried.items():
            row = self.rows[bone if bone in self.rows else self.above[bone]]
            total[row] = total.get(row, 0.0) + share
        best = sorted(total.items(), key=lambda item: (-item[1], item[0]))[:_MOST_BONES]
        whole = sum(share for _, share in best)
        parts = [round(255 * share / whole) for _, share in best]
        parts[0] += 255 - sum(parts)
        rows = [row if part else 0 for (row, _), part in zip(best, parts, strict=True)]
        fill = [0] * (_MOST_BONES - len(best))
        return rows + fill, parts + fill

    def _fan(self, part: str, ring: Ring, row: Floats, inside: Floats) -> None:
        count = len(row)
        points = np.concatenate([row, row.mean(0)[None]])
        nxt = np.roll(np.arange(count), -1)
        faces = np.stack([np.full(count, count), np.arange(count), nxt], -1)
        self._add(part, points, faces, [_of(ring.carried, p) for p in points], inside)

    def _add(
        self,
        part: str,
        points: Floats,
        faces: NDArray[np.intp],
        carried: Sequence[Carried],
        inside: Floats | None = None,
    ) -> None:
        """Take over a shape; its faces are turned to look away from a point inside of it, its middle if None."""
        a, b, c = (points[faces[:, k]] for k in range(3))
        middle = points.mean(0) if inside is None else inside
        if ((a - middle) * np.cross(b - a, c - a)).sum() < 0:
            faces, b, c = faces[:, ::-1], b, a
            a = points[faces[:, 0]]
        flat = np.cross(b - a, c - a)  # as long as twice the area: large faces count for more
        normals = np.zeros_like(points)
        for k in range(3):
            np.add.at(normals, faces[:, k], flat)
        length = np.linalg.norm(normals, axis=1, keepdims=True)
        self._points.append(points)
        self._normals.append(np.where(length > 0, normals / np.maximum(length, 1e-12), [0.0, 1.0, 0.0]))
        self._carried += list(carried)
        self._parts.setdefault(part, []).append(faces[np.linalg.norm(flat, axis=1) > 0] + self._count)
        self._count += len(points)


def _of(carriers: Carriers, point: Floats) -> Carried:
    return carriers(point) if callable(carriers) else carriers
