"""One HTML file about a movement: the video, the skeleton and the character in 3D, what was seen. It opens offline."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poise.extras.version import __version__
from poise.files.text import valid
from poise.files.writing import PathLike, write_atomically
from poise.mocap import viewer
from poise.mocap.formats.gltf import glb_bytes
from poise.mocap.motion import Motion
from poise.mocap.preview_angles import shown_angles
from poise.mocap.preview_film import Film, shrink
from poise.mocap.rig import FINGER_BONES
from poise.sinks import refuse_existing

Floats = NDArray[np.float64]

_SIDES = ("UpperLeg", "LowerLeg", "Foot", "Toes")
_ARM = ("Shoulder", "UpperArm", "LowerArm", "Hand")
# The rows of the timeline.
_PARTS: dict[str, tuple[str, ...]] = {
    "head": ("neck", "head"),
    "trunk": ("hips", "spine", "chest"),
    "left arm": tuple("left" + part for part in _ARM),
    "right arm": tuple("right" + part for part in _ARM),
    "left leg": tuple("left" + part for part in _SIDES),
    "right leg": tuple("right" + part for part in _SIDES),
}
_FINGERS = {f"{side} fingers": tuple(b for b in FINGER_BONES if b.startswith(side)) for side in ("left", "right")}
# What counts as seen well, here and in the page.
_SEEN = 0.5
# Stands for a point that was not found, among 16-bit numbers.
_NONE = -32768


def write_preview(
    path: PathLike,
    motion: Motion,
    *,
    video: PathLike | None = None,
    points: ArrayLike | None = None,
    edges: Sequence[tuple[int, int]] | None = None,
    size: tuple[int, int] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the page.

    Args:
        path: The ``.html`` file.
        motion: One frame or more.
        video: What was filmed; it is put into the page, made small. None: the page has none.
        points: ``(T, K, 2)`` what the network saw, pixels of the video, NaN where nothing; drawn over it.
        edges: Which of the K points are joined; None: those of ``body-3d`` where K is 33, else none.
        size: Width and height of the picture that the points are of; None: the video's.
        overwrite: Replace an existing file.

    Returns:
        The path.

    Raises:
        ValueError: The movement has no frame, or ``points`` has another number of them.
        SourceError: The video cannot be read.
        MissingExtra: PyAV, which reads videos, is not installed.
        PoiseError: The file is there already or cannot be written; what was there stays.
    """
    path = Path(path)
    if not len(motion):
        raise ValueError(f"{path}: the movement has no frame, so there is nothing to show")
    refuse_existing(path, overwrite=overwrite)
    film = None if video is None else shrink(video, float(motion.times[0]), float(motion.times[-1]))
    write_atomically(path, render_preview(motion, film=film, points=points, edges=edges, size=size))
    return path


def render_preview(
    motion: Motion,
    *,
    film: Film | None = None,
    points: ArrayLike | None = None,
    edges: Sequence[tuple[int, int]] | None = None,
    size: tuple[int, int] | None = None,
) -> str:
    """Return the page; see :func:`write_preview`."""
    title = valid(motion.source.replace("\\", "/").rpartition("/")[2]) or "motion"
    about: dict[str, Any] = {
        "file": f"{Path(title).stem}.glb",
        "start": round(float(motion.times[0]), 6),
        "height": round(motion.rig.height, 4),
        "bones": motion.rig.bones,
        "tips": np.round(motion.rig.tips, 5).tolist(),
        "trust": _base64(np.round(255 * np.clip(motion.trust, 0, 1)).astype(np.uint8).tobytes()),
        "contact": _base64(motion.contact.astype(np.uint8).tobytes()),
        "angles": [
            {"name": group["name"], "lines": [_angle(**line) for line in group["lines"]]}
            for group in shown_angles(motion)
        ],
        "parts": [
            {"name": name, "bones": found}
            for name, bones in (*_PARTS.items(), *_FINGERS.items())
            if (found := [bone for bone in bones if bone in motion.rig.bones])
        ],
    }
    if film is not None:
        about["video"] = {"start": round(film.start, 6)}
        about["pictures"] = [[round(time, 4), _base64(jpeg)] for time, jpeg in film.pictures]
        if points is not None:
            about["points"] = _points(motion, points, edges, size or film.size)
    parts = {
        "TITLE": escape(title),
        "STYLE": viewer.part("preview.css"),
        "TWO": "" if film is None else " two",
        "FILM": "" if film is None else _film(film, points is not None),
        "START": f"{motion.times[0]:.6f}",
        "END": f"{motion.times[-1]:.6f}",
        "TILES": "".join(f"<div><b>{escape(v)}</b><span>{escape(k)}</span></div>" for k, v in _tiles(motion)),
        "NOTES": _notes(motion),
        "VERSION": escape(__version__),
        # "</script>" in a name would end the element.
        "ABOUT": json.dumps(about, separators=(",", ":")).replace("<", "\\u003c"),
        "GLB": _base64(glb_bytes(motion)),
        "CLIP": "" if film is None else _base64(film.mp4),
        "SCRIPT": viewer.script(),
    }
    page = viewer.part("preview.html")
    pieces = page.split("{{")
    # In one pass, so that braces inside what is put in stay as they are.
    return pieces[0] + "".join(parts[key] + rest for key, _, rest in (piece.partition("}}") for piece in pieces[1:]))


def foot_slide(motion: Motion) -> float:
    """Return how fast feet move over the ground while they stand, cm/s; NaN where none stands for two frames."""
    joints, speeds = motion.joints(), []
    for k, side in enumerate(("left", "right")):
        bone = next((side + b for b in ("Toes", "Foot") if side + b in motion.rig.bones), None)
        if bone is None or len(motion) < 2:
            continue
        way = np.linalg.norm(np.diff(joints[:, motion.rig.row(bone)][:, [0, 2]], axis=0), axis=1)
        stands = motion.contact[1:, k] & motion.contact[:-1, k]
        speeds.append((way / np.diff(motion.times))[stands])
    together = np.concatenate(speeds) if speeds else np.zeros(0)
    return 100 * float(together.mean()) if len(together) else float("nan")


def _tiles(motion: Motion) -> list[tuple[str, str]]:
    body = [at for at, bone in enumerate(motion.rig.bones) if any(bone in bones for bones in _PARTS.values())]
    slide = foot_slide(motion)
    way = np.linalg.norm(np.diff(motion.root[:, [0, 2]], axis=0), axis=1).sum()
    seen = (motion.trust[:, body] > _SEEN).mean()
    tiles = [
        ("length", f"{motion.times[-1] - motion.times[0]:.1f} s"),
        ("frames", f"{len(motion)}"),
        ("frames a second", f"{motion.fps:.3g}"),
        ("height", f"{motion.rig.height:.2f} m"),
        # Not rounded up: 100 % are all.
        ("seen well", f"{np.floor(100 * seen):.0f} %"),
        ("path of the hips", f"{way:.1f} m"),
    ]
    return tiles + ([("feet slide", f"{slide:.1f} cm/s")] if np.isfinite(slide) else [])


def _notes(motion: Motion) -> str:
    if not motion.notes:
        return ""
    lines = "".join(f"<li>{escape(valid(note))}</li>" for note in motion.notes)
    return f'<section class="card"><h2>Notes</h2><ul>{lines}</ul></section>'


def _film(film: Film, over: bool) -> str:
    inside = (
        '<video id="video" muted playsinline preload="auto"></video>'
        if film.mp4
        else '<img id="picture" alt="the clip">'
    )
    canvas = '<canvas id="over"></canvas>' if over else ""
    chip = '<div class="chips looks"><button id="marks" aria-pressed="true">Points</button></div>' if over else ""
    return f'<section class="pane film"><div class="fit">{inside}{canvas}</div>{chip}</section>'


def _points(motion: Motion, points: ArrayLike, edges: Sequence[tuple[int, int]] | None, size: tuple[int, int]) -> Any:
    xy = np.asarray(points, dtype=np.float64)
    if xy.ndim != 3 or xy.shape[0] != len(motion) or xy.shape[2] != 2:
        raise ValueError(f"points must have shape ({len(motion)}, K, 2) to match the movement, got {xy.shape}")
    if edges is None and xy.shape[1] == 33:
        from poise.skeletons import get

        edges = get("blazepose33").edges
    # Tenths of pixels where they fit into 16 bits.
    scale = min(10.0, 30_000 / max(size))
    whole = np.where(np.isfinite(xy), np.clip(np.round(np.nan_to_num(xy) * scale), -32_767, 32_767), _NONE)
    known = np.isfinite(xy).all(-1, keepdims=True)
    return {
        "xy": _base64(np.where(known, whole, _NONE).astype("<i2").tobytes()), "count": xy.shape[1], "scale": scale,
        "width": size[0], "height": size[1], "edges": [list(edge) for edge in edges or ()],
    }  # fmt: skip


def _angle(name: str, bone: str, degrees: Floats) -> dict[str, Any]:
    # Tenths of degrees where they fit into 16 bits: somebody who goes on turning has large ones.
    scale = min(10.0, 32_000 / max(float(np.abs(degrees).max()), 1e-9))
    whole = np.round(degrees * scale).astype("<i2")
    return {"name": name, "bone": bone, "scale": scale, "degrees": _base64(whole.tobytes())}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
