"""C3D: points in millimetres with names, as the programs of gait laboratories read them.

Source:
    Motion Lab Systems, The C3D file format user guide, 2008: header, parameters, 3D point data as floating point.
    Axes are those that laboratories have: z up; x forward, y to the left.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from poise.extras.version import __version__
from poise.mocap.formats.markers import markers
from poise.mocap.motion import Motion
from poise.mocap.sampling import steady

_BLOCK = 512
# Frames are counted in 16 bits; the header says no more than this, TRIAL:ACTUAL_END_FIELD says all.
_MOST_SAID = 65535
_MOST_LONG = 0xFFFFFFFF
_CHAR, _INTEGER, _REAL = -1, 2, 4
_LABEL, _TEXT = 32, 64
# Name, type, sizes, bytes.
_Parameter = tuple[str, int, tuple[int, ...], bytes]


def c3d_bytes(motion: Motion, *, fps: float | None = None) -> bytes:
    """Return a C3D file; a point that was not seen has a residual of -1.

    Args:
        motion: One frame or more.
        fps: Frames per second; None: the motion's own.

    Raises:
        ValueError: ``fps`` is out of range.
    """
    motion = steady(motion, fps)
    rate = float(fps) if fps is not None else round(motion.fps, 4)
    made = markers(motion)
    frames, count = made.places.shape[:2]
    parameters = _parameters(made.names, frames, rate)
    first_data = 2 + len(parameters) // _BLOCK
    parameters = _parameters(made.names, frames, rate, first_data)
    x, y, z = np.moveaxis(made.places, -1, 0)
    seen = np.isfinite(x)
    data = np.zeros((frames, count, 4), dtype="<f4")
    data[..., :3] = np.where(seen[..., None], np.stack([z, x, y], -1), 0.0)
    data[..., 3] = np.where(seen, 0.0, -1.0)
    body = data.tobytes()
    return _header(count, frames, rate, first_data) + parameters + body + bytes(-len(body) % _BLOCK)


def _header(count: int, frames: int, rate: float, first_data: int) -> bytes:
    head = struct.pack("<BBHHHHHfHHf", 2, 0x50, count, 0, 1, min(frames, _MOST_SAID), 10, -1.0, first_data, 0, rate)
    return head + bytes(_BLOCK - len(head))


def _parameters(names: Sequence[str], frames: int, rate: float, first_data: int = 0) -> bytes:
    """Return the section of parameters, in whole blocks."""
    labels = [name[:_LABEL] for name in names]
    # As two words, because one of them is signed or too small in many programs.
    last = min(frames, _MOST_LONG)
    point: list[_Parameter] = [
        ("USED", _INTEGER, (), _words(len(names))),
        ("SCALE", _REAL, (), struct.pack("<f", -1.0)),
        ("RATE", _REAL, (), struct.pack("<f", rate)),
        ("DATA_START", _INTEGER, (), _words(first_data)),
        ("FRAMES", _INTEGER, (), _words(min(frames, _MOST_SAID))),
        ("LABELS", _CHAR, (_LABEL, len(labels)), _texts(labels, _LABEL)),
        ("DESCRIPTIONS", _CHAR, (_TEXT, len(labels)), _texts([f"joint centre {name}" for name in labels], _TEXT)),
        ("UNITS", _CHAR, (2,), b"mm"),
        ("X_SCREEN", _CHAR, (2,), b"+Y"),
        ("Y_SCREEN", _CHAR, (2,), b"+Z"),
    ]
    trial: list[_Parameter] = [
        ("ACTUAL_START_FIELD", _INTEGER, (2,), _words(1, 0)),
        ("ACTUAL_END_FIELD", _INTEGER, (2,), _words(last & 0xFFFF, last >> 16)),
        ("CAMERA_RATE", _REAL, (), struct.pack("<f", rate)),
    ]
    made = f"Poise {__version__}"[:_TEXT].encode()
    maker: list[_Parameter] = [("SOFTWARE", _CHAR, (len(made),), made)]
    # No samples between frames: readers compare this with the header.
    analog: list[_Parameter] = [("USED", _INTEGER, (), _words(0)), ("RATE", _REAL, (), struct.pack("<f", 0.0))]
    groups: tuple[tuple[str, list[_Parameter]], ...] = (
        ("POINT", point),
        ("TRIAL", trial),
        ("ANALOG", analog),
        ("MANUFACTURER", maker),
    )
    out = b""
    for number, (group, members) in enumerate(groups, 1):
        out += _entry(group, -number, b"\0")
        for name, kind, shape, data in members:
            content = struct.pack("<bB", kind, len(shape)) + bytes(shape) + data + b"\0"
            out += _entry(name, number, content)
    out += b"\0\0"
    blocks = -(-(len(out) + 4) // _BLOCK)
    return struct.pack("<BBBB", 1, 0x50, blocks, 84) + out + bytes(blocks * _BLOCK - len(out) - 4)


def _entry(name: str, number: int, content: bytes) -> bytes:
    """Return a group or a parameter: its name, whose it is, how far it is to the next one, and what it says."""
    return struct.pack("<bb", len(name), number) + name.encode() + struct.pack("<h", len(content) + 2) + content


def _words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}H", *values)


def _texts(texts: Sequence[str], width: int) -> bytes:
    return b"".join(text.encode("ascii", "replace")[:width].ljust(width) for text in texts)
