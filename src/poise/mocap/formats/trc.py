"""TRC: points in millimetres as text with tabs, as OpenSim and Pose2Sim read it.

Source:
    OpenSim documentation, Marker (.trc) files. Axes are OpenSim's: x forward, y up, z to the right.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from poise.files.text import one_line
from poise.mocap.formats.markers import markers
from poise.mocap.motion import Motion
from poise.mocap.sampling import steady


def trc_text(motion: Motion, *, name: str = "motion.trc", fps: float | None = None) -> str:
    """Return a TRC file.

    Args:
        motion: One frame or more.
        name: What the file calls itself.
        fps: Frames per second; None: the motion's own.

    Raises:
        ValueError: ``fps`` is out of range.
    """
    return "\n".join(_lines(motion, name, fps)) + "\n"


def _lines(motion: Motion, name: str, fps: float | None) -> Iterator[str]:
    motion = steady(motion, fps)
    rate = float(fps) if fps is not None else round(motion.fps, 4)
    made = markers(motion)
    x, y, z = np.moveaxis(made.places, -1, 0)
    places = np.round(np.stack([z, y, -x], -1), 4) + 0.0
    count = len(made.names)
    # A tab or a line break in the name would shift what follows.
    yield f"PathFileType\t4\t(X/Y/Z)\t{one_line(name).replace(chr(9), ' ')}"
    keys = ("DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units", "OrigDataRate", "OrigDataStartFrame")
    yield "\t".join((*keys, "OrigNumFrames"))
    yield f"{rate:g}\t{rate:g}\t{len(motion)}\t{count}\tmm\t{rate:g}\t1\t{len(motion)}"
    yield "Frame#\tTime\t" + "\t\t\t".join(made.names) + "\t\t"
    yield "\t\t" + "\t".join(f"{axis}{n}" for n in range(1, count + 1) for axis in "XYZ")
    yield ""
    for at, (time, row) in enumerate(
        zip(motion.times - motion.times[0], places.reshape(len(motion), -1), strict=True), 1
    ):
        # A gap is an empty field.
        yield f"{at}\t{time:.6f}\t" + "\t".join(f"{v:.4f}" if v == v else "" for v in row.tolist())
