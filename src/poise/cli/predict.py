"""``poise predict``: keypoints from pictures and video."""

from __future__ import annotations

from poise.cli._options import RunOptions, run_model


def predict(*source: str, options: RunOptions | None = None) -> int:
    """Find keypoints in SOURCE: pictures, folders, videos, a camera, an address, in any mixture.

    Without --json, --out or --no-save, annotated pictures and videos are written under runs/pose/predict.
    Results go to standard output, everything else to standard error. Exit code: 0 done, 1 something could not be
    read or written, 2 wrong use.

    Args:
        source: Picture, video, folder, glob, text file of paths, camera number, address, or - for standard input.
        options: The options below.
    """
    return run_model("predict", source, options)
