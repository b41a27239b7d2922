"""A movement at a steady number of frames per second, as most files have it."""

from __future__ import annotations

import numpy as np

from poise.mocap import quaternions as quat
from poise.mocap.motion import Motion

# What files and players take.
SLOWEST, FASTEST = 1.0, 1000.0
# Times that differ by less than this share of a frame are those of a steady clock, rounded.
_STEADY = 0.02


def is_steady(motion: Motion) -> bool:
    """Return whether all frames are equally far apart."""
    steps = np.diff(motion.times)
    return len(steps) == 0 or bool(np.abs(steps - steps.mean()).max() <= _STEADY * steps.mean())


def steady(motion: Motion, fps: float | None = None) -> Motion:
    """Return the movement with equally spaced frames, from its first time to its last.

    Rotations in between are on the shortest way from one to the next (slerp), places on a straight line; a foot stands
    where it stands in the nearest frame.

    Args:
        motion: Any times.
        fps: Frames per second, 1 to 1000; None: the motion's own, and the frames themselves where they are steady.

    Raises:
        ValueError: ``fps`` is out of range.
    """
    if fps is None and is_steady(motion):
        return motion
    fps = round(motion.fps, 3) if fps is None else float(fps)
    if not SLOWEST <= fps <= FASTEST:
        raise ValueError(f"fps must be {SLOWEST:g} to {FASTEST:g} frames per second, got {fps:g}")
    start, end = (float(motion.times[0]), float(motion.times[-1])) if len(motion) else (0.0, -1.0)
    # A last frame that rounding puts behind the end belongs to it.
    count = int(np.floor((end - start) * fps + _STEADY)) + 1 if end >= start else 0
    times = start + np.arange(count) / fps
    if len(motion) < 2:
        return motion
    after = np.clip(np.searchsorted(motion.times, times, side="right"), 1, len(motion) - 1)
    before = after - 1
    share = np.clip((times - motion.times[before]) / (motion.times[after] - motion.times[before]), 0.0, 1.0)
    nearest = np.where(share < 0.5, before, after)

    def mixed(values: np.ndarray) -> np.ndarray:
        part = share.reshape(-1, *[1] * (values.ndim - 1))
        return np.asarray(values[before] * (1 - part) + values[after] * part)

    return motion.replace(
        times=times,
        rotations=quat.slerp(motion.rotations[before], motion.rotations[after], share[:, None]),
        root=mixed(motion.root),
        trust=mixed(motion.trust),
        contact=motion.contact[nearest],
    )
