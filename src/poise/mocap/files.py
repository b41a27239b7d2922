"""Movements out: one call, and the ending of the name says which format."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from poise.errors import require
from poise.files.writing import PathLike, write_atomically
from poise.mocap.motion import Motion
from poise.mocap.rig_table import RigTable, rig_table
from poise.mocap.sampling import FASTEST, SLOWEST
from poise.sinks import refuse_existing

# Ending: the file in formats/, its function, and what it can be told besides the frames per second.
_WRITERS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    ".bvh": ("bvh", "bvh_text", ("rig", "unit")),
    ".glb": ("gltf", "glb_bytes", ("rig", "character")),
    ".vrma": ("vrma", "vrma_bytes", ()),
    ".trc": ("trc", "trc_text", ("name",)),
    ".c3d": ("c3d", "c3d_bytes", ()),
    ".csv": ("tables", "csv_text", ()),
    ".parquet": ("tables", "parquet_bytes", ()),
}
SUFFIXES: tuple[str, ...] = tuple(_WRITERS)


def check_wanted(
    paths: Sequence[PathLike], *, rig: str | Path | RigTable | None = None, fps: float | None = None
) -> None:
    """Refuse what :func:`write_motion` would refuse for its arguments alone, before a long work is begun.

    Args:
        paths: The files to be.
        rig: As there.
        fps: As there.

    Raises:
        ValueError: No format has an ending, one file is named twice, a rig is named and no format takes it, no rig has
            this name, or ``fps`` is out of range.
        FormatError: The file of a rig cannot be read.
        MissingExtra: A package that a format needs is not installed.
    """
    seen: set[Path] = set()
    for path in map(Path, paths):
        ending = path.suffix.lower()
        if ending not in _WRITERS:
            raise _no_format(path)
        if path.resolve() in seen:
            raise ValueError(f"{path}: is named twice; name each file once")
        seen.add(path.resolve())
        if ending == ".parquet":
            require("pyarrow", extra="tables", feature="writing .parquet")
    if rig is not None:
        rig_table(rig)
        rigged = [ending for ending, (_, _, known) in _WRITERS.items() if "rig" in known]
        if paths and not any(Path(path).suffix.lower() in rigged for path in paths):
            raise ValueError(f"a rig is for {' and '.join(rigged)}; {Path(paths[0])} has bones of its own")
    if fps is not None and not SLOWEST <= fps <= FASTEST:
        raise ValueError(f"fps must be {SLOWEST:g} to {FASTEST:g} frames per second, got {fps:g}")


def write_motion(
    motion: Motion,
    path: PathLike,
    *,
    rig: str | Path | RigTable | None = None,
    fps: float | None = None,
    unit: str | None = None,
    character: bool = True,
    overwrite: bool = False,
) -> Path:
    """Write a movement.

    Args:
        motion: One frame or more.
        path: The file; its ending, one of :data:`SUFFIXES`, says which format.
        rig: A name or the path of a ``.toml`` of another rig, for .bvh and .glb; None: the format's own names. The
            other formats have names of their own.
        fps: Frames per second, 1 to 1000; None: the motion's own.
        unit: Of lengths in .bvh: ``m``, ``cm``, ``mm`` or ``in``; None: the rig's, centimetres without one.
        character: Put a skinned person into .glb; False: bones and their movement only.
        overwrite: Replace an existing file.

    Returns:
        The path.

    Raises:
        TypeError: It is no movement.
        ValueError: No format has this ending, the movement has no frame, no rig or unit has this name, or ``fps`` is
            out of range.
        FormatError: The file of a rig cannot be read.
        MissingExtra: A package that the format needs is not installed.
        PoiseError: The file is there already or cannot be written; what was there stays.

    Example:
        >>> from poise.mocap import Motion, Rig
        >>> rig = Rig.of_height(1.75)
        >>> still = Motion(rig, [0.0], [[[0, 0, 0, 1]] * 21], rig.offsets[:1], [[1.0] * 21], [[True, True]])
        >>> write_motion(still, "still.fst")
        Traceback (most recent call last):
        ...
        ValueError: still.fst: no movement is written as '.fst'; known: .bvh, .glb, .vrma, .trc, .c3d, .csv, .parquet
    """
    path = Path(path)
    if not isinstance(motion, Motion):
        raise TypeError(
            f"{path}: a movement is a Motion, got {type(motion).__name__}; make one with MotionCapture().solve(…)"
        )
    ending = path.suffix.lower()
    if ending not in _WRITERS:
        raise _no_format(path)
    if not len(motion):
        raise ValueError(f"{path}: the movement has no frame, so there is nothing to write")
    refuse_existing(path, overwrite=overwrite)
    module, function, known = _WRITERS[ending]
    told: dict[str, Any] = {"rig": rig, "unit": unit, "character": character, "name": path.name}
    make = getattr(import_module(f"poise.mocap.formats.{module}"), function)
    write_atomically(path, make(motion, fps=fps, **{key: told[key] for key in known}))
    return path


def _no_format(path: Path) -> ValueError:
    ending = path.suffix.lower()
    if ending == ".fbx":
        return ValueError(
            f"{path}: no movement is written as '.fbx'; write .glb or .bvh, import that in Blender and export FBX there"
        )
    return ValueError(f"{path}: no movement is written as {ending!r}; known: {', '.join(SUFFIXES)}")
