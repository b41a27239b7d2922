"""``poise track``: keypoints from video, and who is who."""

from __future__ import annotations

from poise.cli._options import RunOptions, run_model


def track(
    *source: str,
    tracker: str = "pose.yaml",
    show_trails: bool = True,
    options: RunOptions | None = None,
) -> int:
    """Find keypoints in SOURCE and give everybody an id that stays: videos, a camera, an address, a folder of frames.

    Without --json, --out or --no-save, annotated videos are written under runs/pose/track.
    Results go to standard output, everything else to standard error. Exit code: 0 done, 1 something could not be
    read or written, 2 wrong use.

    Args:
        source: Video, camera number, address, folder of frames, or - for standard input.
        tracker: pose.yaml, bytetrack.yaml, botsort.yaml, or the path of such a file (.yaml or .toml).
        show_trails: Draw where everybody came from.
        options: The options below.
    """
    return run_model("track", source, options, tracker=tracker, show_trails=show_trails)
