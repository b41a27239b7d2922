"""Tables: one row a frame, with the path, the joint angles and the rotations, as CSV and as Parquet."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import require
from poise.mocap.angles import joint_angles
from poise.mocap.motion import Motion
from poise.mocap.sampling import steady

# Decimals in text; Parquet keeps all digits.
_DECIMALS = {"time": 6, "root": 6, "angle": 4, "rotation": 7, "trust": 4}


def motion_columns(motion: Motion, *, fps: float | None = None) -> dict[str, NDArray[Any]]:
    """Return name to ``(T,)`` of every column.

    ``frame``, ``time`` in seconds, ``root_x``, ``root_y``, ``root_z`` in metres, the angles of
    :func:`poise.mocap.angles.joint_angles` in degrees, ``contact_left`` and ``contact_right``, then of every bone
    ``BONE_qx``, ``_qy``, ``_qz``, ``_qw`` and ``BONE_trust``.

    Args:
        motion: One frame or more.
        fps: Frames per second; None: the motion's own frames at their own times.

    Raises:
        ValueError: ``fps`` is out of range.
    """
    return {name: values for name, (values, _) in _columns(motion, fps).items()}


def csv_text(motion: Motion, *, fps: float | None = None) -> str:
    """Return the table as CSV; see :func:`motion_columns`."""
    columns = _columns(motion, fps)
    texts = []
    for values, kind in columns.values():
        if kind in _DECIMALS:
            texts.append([f"{v:.{_DECIMALS[kind]}f}" for v in np.round(values, _DECIMALS[kind]) + 0.0])
        else:
            texts.append([str(int(v)) for v in values])
    lines = [",".join(columns), *(",".join(row) for row in zip(*texts, strict=True))]
    return "\n".join(lines) + "\n"


def parquet_bytes(motion: Motion, *, fps: float | None = None) -> bytes:
    """Return the table as Parquet; see :func:`motion_columns`.

    Raises:
        MissingExtra: pyarrow is not installed.
    """
    arrow = require("pyarrow", extra="tables", feature="writing .parquet")
    parquet = require("pyarrow.parquet", extra="tables", feature="writing .parquet")
    out = io.BytesIO()
    parquet.write_table(arrow.table(motion_columns(motion, fps=fps)), out)
    return out.getvalue()


def _columns(motion: Motion, fps: float | None) -> dict[str, tuple[NDArray[Any], str]]:
    motion = motion if fps is None else steady(motion, fps)
    out: dict[str, tuple[NDArray[Any], str]] = {
        "frame": (np.arange(len(motion)), "whole"),
        "time": (motion.times, "time"),
    }
    out |= {f"root_{axis}": (motion.root[:, k], "root") for k, axis in enumerate("xyz")}
    out |= {name: (values, "angle") for name, values in joint_angles(motion).items()}
    out |= {f"contact_{side}": (motion.contact[:, k], "whole") for k, side in enumerate(("left", "right"))}
    for at, bone in enumerate(motion.rig.bones):
        out |= {f"{bone}_q{axis}": (motion.rotations[:, at, k], "rotation") for k, axis in enumerate("xyzw")}
        out[f"{bone}_trust"] = (motion.trust[:, at], "trust")
    return out
