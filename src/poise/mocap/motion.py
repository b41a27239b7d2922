"""A movement: rotations of bones over time, the path of the hips, and how far each is to be trusted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.mocap.rig import Rig, forward

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class MotionFrame:
    """One moment of one person, as a live solver gives it; axes and units are those of :class:`Motion`.

    Attributes:
        id: Track id of the person.
        time: Seconds from the start of the source.
        rig: The person's bones as they are known by now.
        rotations: ``(J, 4)``.
        root: ``(3,)`` metres.
        trust: ``(J,)`` in [0, 1].
        contact: ``(2,)`` whether the left and the right foot stand.
    """

    id: int
    time: float
    rig: Rig
    rotations: Floats
    root: Floats
    trust: Floats
    contact: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Motion:
    """What one person did, ready for a character.

    Axes are those of :mod:`poise.mocap.rig`: metres, y up, the ground at y = 0, the camera looks along -z (somebody who
    faces it looks along +z), x to the right of the picture.

    Attributes:
        rig: The person's bones.
        times: ``(T,)`` seconds from the start of the source, increasing.
        rotations: ``(T, J, 4)`` unit quaternions x, y, z, w of each bone relative to its parent; the identity is the
            T-pose.
        root: ``(T, 3)`` metres: where the hips are.
        trust: ``(T, J)`` in [0, 1]: 1 seen well, 0 not seen: at rest, held or bridged.
        contact: ``(T, 2)`` whether the left and the right foot stand on the ground.
        id: Track id of the person, 1 where nobody was tracked.
        source: What was filmed, as the user named it.
        notes: Sentences about what was assumed or could not be known, such as an assumed height.
    """

    rig: Rig
    times: Floats
    rotations: Floats
    root: Floats
    trust: Floats
    contact: NDArray[np.bool_]
    id: int = 1
    source: str = "array"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        t, j = len(np.asarray(self.times)), len(self.rig.bones)
        shapes: dict[str, tuple[Any, tuple[int, ...]]] = {
            "times": (np.float64, (t,)),
            "rotations": (np.float64, (t, j, 4)),
            "root": (np.float64, (t, 3)),
            "trust": (np.float64, (t, j)),
            "contact": (np.bool_, (t, 2)),
        }
        for name, (kind, shape) in shapes.items():
            value = np.array(getattr(self, name), dtype=kind)
            if value.shape != shape:
                raise ValueError(f"{name} must have shape {shape} ({t} frames, {j} bones), got {value.shape}")
            if kind is np.float64 and not np.isfinite(value).all():
                raise ValueError(f"{name} must be finite")
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        if t > 1 and not (np.diff(self.times) > 0).all():
            raise ValueError("times must increase")

    def __len__(self) -> int:
        return len(self.times)

    def __repr__(self) -> str:
        span = f"{self.times[0]:.2f} to {self.times[-1]:.2f} s" if len(self) else "no time"
        return f"Motion({self.source}, id {self.id}, {len(self)} frames, {span}, {len(self.rig.bones)} bones)"

    def save(self, path: str | PathLike[str], **options: Any) -> None:
        """Write the movement as a file; the ending picks the format. See :func:`poise.mocap.files.write_motion`.

        Args:
            path: The file.
            **options: ``rig``, ``fps``, ``unit``, ``character``, ``overwrite``.

        Raises:
            PoiseError, ValueError: As there.
        """
        from poise.mocap.files import write_motion

        write_motion(self, path, **options)

    @property
    def fps(self) -> float:
        """Usual frames per second; 30 where one frame says nothing."""
        return 30.0 if len(self) < 2 else round(float(1 / np.median(np.diff(self.times))), 6)

    def replace(self, **changes: Any) -> Motion:
        """Return a copy with some attributes exchanged."""
        return replace(self, **changes)

    def joints(self) -> Floats:
        """``(T, J, 3)`` where the bones begin, metres."""
        return forward(self.rig, self.rotations, self.root)[0]
