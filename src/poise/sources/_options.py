"""What every reader is told, and what it tells besides frames."""

from __future__ import annotations

from dataclasses import dataclass

from poise.errors import SourceError

# A picture of 100 kB can unpack to gigabytes. Source: Pillow's own limit.
MAX_PIXELS = 178_956_970
# Of one frame of a video or an animation, of which one may follow the other without end: 8K has 33 million.
MAX_FRAME = 1 << 26
# A live source that breaks off is opened again so often in a row, after 1, 2, 4, 8 seconds.
RECONNECT = 4


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read.

    Attributes:
        vid_stride: Give every n-th frame of a video or stream.
        max_pixels: Refuse pictures and frames with more pixels.
        reconnect: Open a live source that breaks off again, at most so often in a row.
        follow: Lists and playlists may name what is not below their own folder.
    """

    vid_stride: int = 1
    max_pixels: int = MAX_PIXELS
    reconnect: int = RECONNECT
    follow: bool = False

    @property
    def max_frame(self) -> int:
        """Refuse frames of videos and animations with more pixels."""
        return min(self.max_pixels, MAX_FRAME)


class StreamLost(SourceError):
    """A live source broke off and did not come back."""


@dataclass(frozen=True, slots=True)
class Report:
    """Something went wrong, in between frames.

    Attributes:
        error: What.
        partly: The frames that could be read were given; else the whole file is lost.
    """

    error: SourceError
    partly: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """Something that the user may want to know: what was assumed or mended. Nothing is lost.

    Attributes:
        text: One sentence, with the source's name.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing came yet, and the reader goes on: it is no driver that hangs."""


# What comes between frames.
Message = Report | Note | Waiting
