"""Which item is in which shard: by the order of the items alone."""

from __future__ import annotations

from poise.sources import PICTURES

# A shard is full with so many items, or with about so many frames, whichever comes first.
MOST_ITEMS = 2000
MOST_FRAMES = 20_000
# Bytes of a frame of a video. A guess: it need not be good, only the same each time.
_FRAME_BYTES = 20_000
# Frames of something whose size is not known, such as an address.
_UNKNOWN_FRAMES = 50


def weight(name: str, size: int | None) -> int:
    """Return about how many frames an item has, from its name and its bytes; a picture has one.

    Example:
        >>> weight("a.jpg", 3_000_000), weight("a.mp4", 3_000_000), weight("https://example.org/a.mp4", None)
        (1, 150, 50)
    """
    ending = name[name.rfind(".") :].lower() if "." in name else ""
    if ending in PICTURES:
        return 1
    return _UNKNOWN_FRAMES if size is None else max(1, size // _FRAME_BYTES)


class Planner:
    """Gives one item after the other its shard.

    Items that are entered later begin a new shard, so a shard never changes once its items are entered.

    Args:
        first: Number of the first shard.
        most_items: Items after which a shard is full.
        most_frames: Frames after which a shard is full; an item is never divided.

    Example:
        >>> planner = Planner(0, most_items=2)
        >>> [planner.shard(1) for _ in range(5)]
        [0, 0, 1, 1, 2]
    """

    def __init__(self, first: int, *, most_items: int = MOST_ITEMS, most_frames: int = MOST_FRAMES) -> None:
        self._shard = first
        self._most_items, self._most_frames = most_items, most_frames
        self._items = self._frames = 0

    def shard(self, frames: int) -> int:
        """Return the shard of the next item.

        Args:
            frames: About how many frames it has, see :func:`weight`.
        """
        if self._items and (self._items >= self._most_items or self._frames + frames > self._most_frames):
            self._shard, self._items, self._frames = self._shard + 1, 0, 0
        self._items += 1
        self._frames += frames
        return self._shard
