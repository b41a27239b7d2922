"""Pack the large files of a bundle, for servers that do not do it themselves; ``page/engine/runtime.js`` unpacks them.

The weights of networks are numbers of two or four bytes, whose first bytes are much alike and whose last are noise. Put
into planes, all first bytes in a row and then all second ones, they pack a twelfth smaller. Nothing is lost.
"""

from __future__ import annotations

import gzip

_WIDTHS = (1, 2, 4)
# Bytes from the middle of a file that show which number of planes takes the least room; a multiple of them all.
_SAMPLE = 1 << 20


def pack(data: bytes, widths: tuple[int, ...] = _WIDTHS) -> tuple[bytes, int]:
    """Pack bytes in whichever number of planes takes the least room.

    Args:
        data: What to pack.
        widths: Numbers of planes to try.

    Returns:
        The packed bytes, and the number of planes.
    """
    start = max(0, len(data) - _SAMPLE) // 2 // _SAMPLE * _SAMPLE
    sample = data[start : start + _SAMPLE]
    width = min(widths, key=lambda width: len(gzip.compress(_planes(sample, width), 6)))
    # Without a time, so that the same contents are the same bytes.
    return gzip.compress(_planes(data, width), 9, mtime=0), width


def _planes(data: bytes, width: int) -> bytes:
    return data if width == 1 else b"".join(data[first::width] for first in range(width))
