"""Frames in: pictures, folders, video, cameras, streams, addresses and arrays, all through one function."""

from poise.sources._between import frames_between
from poise.sources._camera import cameras
from poise.sources._names import PICTURES, natural
from poise.sources._options import StreamLost
from poise.sources._picture_file import Preview, decode_picture, picture_size, preview, read_picture
from poise.sources._pieces import Piece, read_piece, video_pieces
from poise.sources._resolve import Listed, is_lazy, is_one, list_source
from poise.sources._source import Source, open_again, open_source

__all__ = [
    "PICTURES",
    "Listed",
    "Piece",
    "Preview",
    "Source",
    "StreamLost",
    "cameras",
    "decode_picture",
    "frames_between",
    "is_lazy",
    "is_one",
    "list_source",
    "natural",
    "open_again",
    "open_source",
    "picture_size",
    "preview",
    "read_picture",
    "read_piece",
    "video_pieces",
]
