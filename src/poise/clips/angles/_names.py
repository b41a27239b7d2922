"""The named angles of a skeleton, from the TOML files in this folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import suggest
from poise.skeletons import Skeleton, get
from poise.skeletons.tomlfile import TomlFile, read_toml

_FOLDER = Path(__file__).parent
_KEYS = {"joints": ("points", "neutral", "grows"), "segments": ("from", "to", "zero"), "distances": ("from", "to")}
_SIGN = {"closing": -1.0, "opening": 1.0}
# Degrees clockwise on the screen from the direction "right".
_ZERO = {"right": 0.0, "down": 90.0, "up": -90.0}


@dataclass(frozen=True, slots=True, eq=False)
class AngleSet:
    """Named angles and distances of one skeleton, as indices of keypoints.

    A point is the middle of two keypoints, which may be the same one twice.

    Attributes:
        skeleton: Whose keypoints.
        joints: J names; ``joint_points`` ``(J, 3, 2)`` keypoint indices, the joint itself in the middle; the value is
            ``joint_sign`` times (inner angle minus ``joint_neutral``), degrees.
        segments: S names; ``segment_points`` ``(S, 2, 2)`` from and to; the value is the direction clockwise on the
            screen from ``segment_zero`` (degrees from "right").
        distances: D names; ``distance_points`` ``(D, 2, 2)``.
    """

    skeleton: Skeleton
    joints: tuple[str, ...]
    joint_points: NDArray[np.intp]
    joint_neutral: NDArray[np.float64]
    joint_sign: NDArray[np.float64]
    segments: tuple[str, ...]
    segment_points: NDArray[np.intp]
    segment_zero: NDArray[np.float64]
    distances: tuple[str, ...]
    distance_points: NDArray[np.intp]

    @property
    def names(self) -> tuple[str, ...]:
        """Joints, then segments, then distances."""
        return (*self.joints, *self.segments, *self.distances)

    @property
    def sides(self) -> tuple[tuple[str, str, str], ...]:
        """The left-right pairs of joints: left name, right name, and the name without its side."""
        bases = [name.removeprefix("left_") for name in self.joints if name.startswith("left_")]
        return tuple((f"left_{base}", f"right_{base}", base) for base in bases if f"right_{base}" in self.joints)

    def index(self, name: str) -> int:
        """Return the position of a name in :attr:`names`.

        Raises:
            KeyError: With the nearest name that there is.
        """
        if name not in self.names:
            raise KeyError(f"no angle named {name!r} for {self.skeleton.name!r}{suggest(name, self.names)}")
        return self.names.index(name)


@lru_cache(maxsize=16)
def angle_set(skeleton: str) -> AngleSet:
    """Return the bundled angles of a skeleton.

    Raises:
        KeyError: There are none for it; with those that there are.
    """
    known = sorted(path.stem for path in _FOLDER.glob("*.toml"))
    if skeleton not in known:
        raise KeyError(f"no angles for skeleton {skeleton!r}{suggest(skeleton, known)}; or give the path of a .toml")
    return from_toml(_FOLDER / f"{skeleton}.toml")


def from_toml(path: str | Path) -> AngleSet:
    """Read named angles from a TOML file: see the bundled ones for how it is written.

    Raises:
        FormatError: Naming the file and line, what was found and what was expected.
    """
    return _Reader(read_toml(path)).read()


class _Reader:
    def __init__(self, file: TomlFile) -> None:
        self.file, self.table = file, file.table

    def read(self) -> AngleSet:
        self.file.check_keys(self.table, ("skeleton", *_KEYS))
        try:
            skeleton = get(self.table.get("skeleton", ""))
        except KeyError as error:
            raise self.file.wrong("skeleton", str(error.args[0])) from None
        joints, segments, distances = (self._entries(kind) for kind in _KEYS)
        return AngleSet(
            skeleton,
            tuple(joints),
            np.array([self._points(skeleton, f"joints.{n}", e["points"], 3) for n, e in joints.items()]).reshape(
                -1, 3, 2
            ),
            np.array([self._number(f"joints.{n}", e["neutral"]) for n, e in joints.items()]),
            np.array([self._choice(f"joints.{n}", e["grows"], _SIGN) for n, e in joints.items()]),
            tuple(segments),
            np.array(
                [self._points(skeleton, f"segments.{n}", [e["from"], e["to"]], 2) for n, e in segments.items()]
            ).reshape(-1, 2, 2),
            np.array([self._choice(f"segments.{n}", e["zero"], _ZERO) for n, e in segments.items()]),
            tuple(distances),
            np.array(
                [self._points(skeleton, f"distances.{n}", [e["from"], e["to"]], 2) for n, e in distances.items()]
            ).reshape(-1, 2, 2),
        )

    def _entries(self, kind: str) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.table.get(kind, {})
        for name, entry in found.items():
            at = f"{kind}.{name}"
            if not isinstance(entry, dict):
                raise self.file.wrong(kind, f"{at} must be a table with {', '.join(_KEYS[kind])}, got {entry!r}")
            self.file.check_keys(entry, _KEYS[kind], table=at)
            missing = [key for key in _KEYS[kind] if key not in entry]
            if missing:
                raise self.file.wrong(at, f"{at}: {missing[0]!r} is missing; expected {', '.join(_KEYS[kind])}")
        return found

    def _points(self, skeleton: Skeleton, name: str, points: Any, count: int) -> list[tuple[int, int]]:
        if not isinstance(points, list) or len(points) != count:
            raise self.file.wrong(name, f"{name}: points must be a list of {count} keypoints, got {points!r}")
        pairs = []
        for point in points:
            parts = [point] if isinstance(point, str) else point
            if not isinstance(parts, list) or len(parts) not in (1, 2) or not all(isinstance(p, str) for p in parts):
                raise self.file.wrong(name, f"{name}: a point is a keypoint or a list of two, got {point!r}")
            for part in parts:
                if part not in skeleton:
                    near = suggest(part, skeleton.keypoints)
                    raise self.file.wrong(name, f"{name}: no keypoint named {part!r} in {skeleton.name!r}{near}")
            pairs.append((skeleton.index(parts[0]), skeleton.index(parts[-1])))
        return pairs

    def _number(self, at: str, value: Any) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise self.file.wrong(at, f"{at}: neutral must be degrees, got {value!r}")
        return float(value)

    def _choice(self, at: str, value: Any, known: dict[str, float]) -> float:
        if not isinstance(value, str) or value not in known:
            raise self.file.wrong(at, f"{at}: expected {', '.join(map(repr, known))}, got {value!r}")
        return known[value]
