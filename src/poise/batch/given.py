"""An item on its way to the model: a path as it is, a piece of a video as frames, a file of a storage fetched first."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from poise.batch.manifest import Item
from poise.batch.worklist import fsspec, is_remote
from poise.errors import SourceError
from poise.files.addresses import masked
from poise.frames import Frame, Media
from poise.sources import Piece, open_source, read_piece


def open_item(item: Item, stack: ExitStack, note: Callable[[Exception], None], *, vid_stride: int = 1) -> Any:
    """Return what the model is given: a path, an address, or an iterator of frames.

    Args:
        item: The item.
        stack: What is opened here is closed with it.
        note: Is told of damage to a video whose other frames are read.
        vid_stride: Every n-th frame of a video is read.

    Raises:
        SourceError: It cannot be fetched.
    """
    if is_remote(item.source):
        path = _fetched(item.source, stack)
        source = stack.enter_context(open_source(path, vid_stride=vid_stride, on_error=note))
        return _renamed(iter(source), masked(item.source))
    if item.begin is not None or item.until is not None:
        piece = Piece(item.begin, item.until, item.first)
        return read_piece(item.source, piece, vid_stride=vid_stride, on_error=note)
    return item.source


def _fetched(address: str, stack: ExitStack) -> str:
    """Copy a file of a storage to this machine, for as long as the item is worked on."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="poise-"))
    path = Path(folder, "file" + Path(urlsplit(address).path).suffix)
    try:
        storage, name = fsspec().core.url_to_fs(address)
        storage.get_file(name, str(path))
    except Exception as error:
        # Every storage has errors of its own kind.
        raise SourceError(f"{masked(address)}: cannot be fetched: {error or type(error).__name__}") from error
    return str(path)


def _renamed(frames: Iterator[Frame], name: str) -> Iterator[Frame]:
    """Give frames the name of where they are from; one source stays one."""
    media: Media | None = None
    for frame in frames:
        if media is None or media.kind != frame.media.kind:
            media = replace(frame.media, name=name, path="")
        yield replace(frame, media=media)
