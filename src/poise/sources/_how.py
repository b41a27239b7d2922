"""What every reader is told, and what it tells besides frames."""

from __future__ import annotations

from dataclasses import dataclass

from poise.errors import SourceError

# A picture of 100 kB can unpack to gigabytes. Source: Pillow's own limit.
MAX_PIXELS = 178_956_970


@dataclass(frozen=True, slots=True)
class How:
    """How to read.

    Attributes:
        vid_stride: Give every n-th frame of a video or stream.
        max_pixels: Refuse pictures and frames with more pixels.
    """

    vid_stride: int = 1
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True, slots=True)
class Report:
    """Something went wrong, in between frames.

    Attributes:
        error: What.
        partly: The frames that could be read were given; else the whole file is lost.
    """

    error: SourceError
    partly: bool = False
