"""Pictures and clips to try Poise on; the pages of the documentation use them by the names that ``poise sample`` gives.

Their origin and licences are told in NOTICE.

Example:
    >>> from poise import Pose, samples
    >>> len(Pose()(samples.runner, verbose=False)[0])
    3
"""

from __future__ import annotations

import shutil
from errno import ENOTDIR
from pathlib import Path

_HERE = Path(__file__).parent

runner = _HERE / "runner.jpg"
"""A man jumps, a woman walks and the man runs off, 840 x 560."""
hand = _HERE / "hand.jpg"
"""A drawn woman shows her open right hand, 640 x 480."""
clip = _HERE / "clip.mp4"
"""A woman walks past, 480 x 270, 20 frames at 10 a second."""
squats = _HERE / "squats.mp4"
"""A drawn woman does four squats, 480 x 480, 12 seconds at 15 frames a second."""

# What "write" makes: the name in the user's folder, and the file.
_FILES = {
    "runner.jpg": runner,
    "hand.jpg": hand,
    "clip.mp4": clip,
    "squats.mp4": squats,
    "street/jump.jpg": _HERE.parent / "cli/demo.jpg",
    "street/walk.jpg": _HERE / "walk.jpg",
}

__all__ = ["clip", "hand", "runner", "squats", "write"]


def write(folder: str | Path = ".", *, overwrite: bool = False) -> list[Path]:
    """Copy the samples into a folder: runner.jpg, hand.jpg, clip.mp4, squats.mp4, and street/ with two pictures.

    Args:
        folder: Made if it is not there.
        overwrite: Replace files that exist; otherwise they stay as they are.

    Returns:
        The files that were written.

    Raises:
        NotADirectoryError: ``folder`` is a file.
    """
    if Path(folder).is_file():
        raise NotADirectoryError(ENOTDIR, "is a file, expected a folder for the samples", str(folder))
    written = []
    for name, source in _FILES.items():
        target = Path(folder) / name
        if target.exists() and not overwrite:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        written.append(target)
    return written
