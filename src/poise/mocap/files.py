"""Movements out: one call, and the ending of the name says which format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from poise.errors import suggest
from poise.files.writing import PathLike, replacing, write_all
from poise.mocap.motion import Motion
from poise.mocap.rig_table import RigTable
from poise.sinks import refuse_existing

Bytes = Callable[[Motion, "str | Path | RigTable | None", "float | None"], bytes]


def _bvh(motion: Motion, rig: str | Path | RigTable | None, fps: float | None) -> bytes:
    from poise.mocap.formats.bvh import bvh_lines

    return ("\n".join(bvh_lines(motion, rig=rig, fps=fps)) + "\n").encode()


def _glb(motion: Motion, rig: str | Path | RigTable | None, fps: float | None) -> bytes:
    from poise.mocap.formats.gltf import glb_bytes

    return glb_bytes(motion, rig=rig, fps=fps)


def _vrma(motion: Motion, rig: str | Path | RigTable | None, fps: float | None) -> bytes:
    from poise.mocap.formats.vrma import vrma_bytes

    return vrma_bytes(motion, fps=fps)


def _trc(motion: Motion, rig: str | Path | RigTable | None, fps: float | None) -> bytes:
    from poise.mocap.formats.trc import trc_lines

    return ("\n".join(trc_lines(motion, fps=fps)) + "\n").encode()


def _c3d(motion: Motion, rig: str | Path | RigTable | None, fps: float | None) -> bytes:
    from poise.mocap.formats.c3d import c3d_bytes

    return c3d_bytes(motion, fps=fps)


def _csv(motion: Motion, rig: str | Path | RigTable | None, fps: float | None) -> bytes:
    from poise.mocap.formats.tables import csv_bytes

    return csv_bytes(motion, fps=fps)


def _parquet(motion: Motion, rig: str | Path | RigTable | None, fps: float | None) -> bytes:
    from poise.mocap.formats.tables import parquet_bytes

    return parquet_bytes(motion, fps=fps)


_WRITERS: dict[str, Bytes] = {
    ".bvh": _bvh, ".glb": _glb, ".vrma": _vrma, ".trc": _trc, ".c3d": _c3d, ".csv": _csv, ".parquet": _parquet,
}  # fmt: skip
SUFFIXES: tuple[str, ...] = tuple(_WRITERS)


def write_motion(
    motion: Motion,
    path: PathLike,
    *,
    rig: str | Path | RigTable | None = None,
    fps: float | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a movement.

    Args:
        motion: One frame or more.
        path: The file; its ending, one of :data:`SUFFIXES`, says which format.
        rig: A name or the path of a ``.toml`` of another rig, for .bvh and .glb; None: the format's own names.
        fps: Frames per second; None: the motion's own.
        overwrite: Replace an existing file.

    Returns:
        The path.

    Raises:
        ValueError: No format has this ending, the movement has no frame, no rig has this name, or ``fps`` is out of
            range.
        FormatError: The file of a rig cannot be read.
        MissingExtra: A package that the format needs is not installed.
        PoiseError: The file is there already or cannot be written; what was there stays.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in _WRITERS:
        raise ValueError(f"{path}: no movement is written as {ending!r}{suggest(ending, SUFFIXES)}")
    if not len(motion):
        raise ValueError(f"{path}: the movement has no frame, so there is nothing to write")
    refuse_existing(path, overwrite=overwrite)
    data = _WRITERS[ending](motion, rig, fps)
    with replacing(path) as part, part.open("wb", buffering=0) as stream:
        write_all(stream, data)
    return path
