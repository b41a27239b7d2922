"""The character's head: a face that shows where the front is, and hair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poise.mocap.shapes import Sculpture

Floats = NDArray[np.float64]

_ON = {"head": 1.0}


class _Body(Protocol):
    size: float

    def __getitem__(self, bone: str) -> Floats: ...

    def tip(self, bone: str) -> Floats: ...


def add_head(made: Sculpture, body: _Body) -> None:
    """Add it on top of the neck; its crown is where the rig says."""
    s, base = body.size, body["head"]
    # Some rigs give no sensible crown: a head has about an eighth of the height.
    reach = float(np.clip(body.tip("head")[1] - base[1], 0.16 * s, 0.28 * s))
    half = np.array([0.099 * s, 0.585 * reach, 0.114 * s])
    centre = base + np.array([0.0, reach - half[1], 0.016 * s])
    theta, phi = np.linspace(0.2, np.pi - 0.2, 11), 2 * np.pi * np.arange(16) / 16

    def at(theta: ArrayLike, phi: ArrayLike, grow: ArrayLike = 1.0) -> Floats:
        """Return points of the surface: theta from the crown, phi from the left ear over the face."""
        theta, phi, grow = np.broadcast_arrays(theta, phi, grow)
        low = np.clip(-np.cos(theta), 0, 1)
        narrow = 1 - 0.2 * low**1.5
        x = np.sin(theta) * np.cos(phi) * narrow
        z = np.sin(theta) * np.sin(phi) * (1 - 0.1 * low**2) + 0.1 * low**2
        return np.asarray(centre + np.stack([x, np.cos(theta), z], -1) * half * grow[..., None])

    skull = at(theta[:, None], phi[None])
    made.grid("skin", skull[:, ::-1], [_ON] * skull[..., 0].size)
    _add_hair(made, at)

    def on_face(x: float, y: float, out: float = 0.0) -> Floats:
        """Return a point of the face's surface from its place in halves of the head, moved outward."""
        theta = np.arccos(np.clip(y, -1, 1))
        low = max(-y, 0.0)
        side = np.clip(x / max(np.sin(theta) * (1 - 0.2 * low**1.5), 1e-3), -1, 1)
        point = at(theta, np.arccos(side))
        away = (point - centre) / half**2
        return np.asarray(point + away / np.linalg.norm(away) * out * s)

    for sign in (1.0, -1.0):
        eye, turn = on_face(0.36 * sign, -0.06), _facing(0.36 * sign)
        made.ball("eyes", eye, np.array([0.0118, 0.0165, 0.0075]) * s, _ON, around=8, across=4, turn=turn)
        made.ball("light", eye + np.array([0.0035, 0.006, 0.0066]) * s, np.array([0.003, 0.0036, 0.002]) * s, _ON,
                  around=5, across=3)  # fmt: skip
        brow = _facing(0.37 * sign) @ _tilt(-0.16 * sign)
        made.ball("hair", on_face(0.37 * sign, 0.2, 0.002), np.array([0.0185, 0.0042, 0.006]) * s, _ON, around=6,
                  across=3, turn=brow)  # fmt: skip
        made.ball("blush", on_face(0.5 * sign, -0.34, -0.0022), np.array([0.0165, 0.0105, 0.0042]) * s, _ON, around=8,
                  across=3, turn=_facing(0.72 * sign))  # fmt: skip
        ear = centre + np.array([0.985 * half[0] * sign, -0.1 * half[1], -0.06 * half[2]])
        made.ball("skin", ear, np.array([0.014, 0.028, 0.019]) * s, _ON, around=6, across=4)
    made.ball("skin", on_face(0.0, -0.24, 0.004), np.array([0.0125, 0.0135, 0.0135]) * s, _ON, around=7, across=4)
    _add_smile(made, [on_face(x, -0.52 + 0.42 * x * x, -0.0005) for x in np.linspace(-0.24, 0.24, 7)], 0.0042 * s)


def _add_hair(made: Sculpture, at: Callable[..., Floats]) -> None:
    """Add a cap that ends in a fringe in front, above the ears, and low at the back."""
    count, rings = 18, 5
    phi = 2 * np.pi * np.arange(count) / count
    front = np.sin(phi)  # 1 in front, -1 at the back
    size = np.abs(front)
    # Where it ends, from the crown: the fringe is swept to one side.
    edge = np.radians(np.where(front > 0, 88 - 32 * size**0.6 + 7 * front * np.cos(phi), 88 + 34 * size**0.8))
    share = np.linspace(0.1, 1.0, rings)
    theta = share[:, None] * edge[None]
    volume = 1.065 + 0.05 * np.sin(np.pi * np.clip(share, 0, 1))[:, None] * (0.4 + 0.6 * np.clip(front, 0, 1))[None]
    shell = [at(theta[i], phi, volume[i]) for i in range(rings)]
    shell += [at(edge * 1.015, phi, 1.045), at(edge * 0.97, phi, 0.97)]
    grid = np.array(shell)
    made.grid("hair", grid[:, ::-1], [_ON] * grid[..., 0].size, caps=False)
    crown = np.concatenate([grid[0][None], np.repeat(at(0.0, 0.0, 1.075)[None, None], count, 1)])[::-1]
    made.grid("hair", crown[:, ::-1], [_ON] * (2 * count), caps=False)


def _add_smile(made: Sculpture, path: list[Floats], radius: float) -> None:
    """Add a thin tube through points of the face."""
    points, count = np.array(path), 4
    turn = 2 * np.pi * np.arange(count) / count
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    up = np.cross(np.array([0.0, 0.0, 1.0]), along)
    out = np.cross(along, up)
    thick = radius * np.array([0.55, 0.85, 1, 1, 1, 0.85, 0.55])[:, None, None]
    grid = points[:, None] + thick * (np.cos(turn)[:, None] * up[:, None] + np.sin(turn)[:, None] * out[:, None] * 0.6)
    made.grid("mouth", grid[:, ::-1], [_ON] * grid[..., 0].size)


def _facing(x: float) -> Floats:
    """Return the axes of what lies on the face so far to the side."""
    a = 0.9 * x
    return np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])


def _tilt(a: float) -> Floats:
    return np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1.0]])
