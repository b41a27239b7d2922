"""Frames in: pictures, folders, video, cameras, streams, addresses and arrays, all through one function."""

from poise.sources._camera import cameras
from poise.sources._how import StreamLost
from poise.sources._look import Look, look
from poise.sources._names import PICTURES, natural
from poise.sources._one import picture_size, read_picture
from poise.sources._sort import is_lazy, is_one
from poise.sources._source import Source, open_source

__all__ = [
    "PICTURES",
    "Look",
    "Source",
    "StreamLost",
    "cameras",
    "is_lazy",
    "is_one",
    "look",
    "natural",
    "open_source",
    "picture_size",
    "read_picture",
]
