"""Frames in: pictures, folders, video, cameras, streams, addresses and arrays, all through one function."""

from poise.sources._camera import cameras
from poise.sources._source import Source, open_source

__all__ = ["Source", "cameras", "open_source"]
