"""The sink for a path, chosen by its ending."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from poise.errors import PoiseError
from poise.files.writing import PathLike, check_folder, check_writable
from poise.results import Results
from poise.sinks._animation import AnimationSink
from poise.sinks._journal import SUFFIX
from poise.sinks._jsonlines import JsonLinesSink
from poise.sinks._labels import CocoAnnotationsSink, CocoResultsSink, recover_coco
from poise.sinks._pictures import PictureFileSink, PictureSink
from poise.sinks._sink import Render, SinkBase, refuse_existing
from poise.sinks._tables import CsvSink, ParquetSink, recover_parquet
from poise.sinks._video import VideoSink
from poise.sinks._videofile import CONTAINERS

_ENDINGS = ".jsonl .json .coco.json .coco-results.json .csv .parquet .mp4 .m4v .mov .mkv .gif .webp .png .jpg .jpeg"


def open_sink(path: PathLike, *, render: Render | None = None, overwrite: bool = False) -> SinkBase:
    """Return the sink that a path asks for by its ending.

    Args:
        path: ``.coco.json`` (a COCO data set), ``.coco-results.json`` (the list that COCO's evaluation reads), any
            other ``.json`` or ``.jsonl`` (one line of JSON a frame), ``.csv``, ``.parquet`` (one row a keypoint),
            ``.mp4``, ``.m4v``, ``.mov``, ``.mkv``, ``.gif`` (video), ``.png``, ``.jpg``, ``.jpeg`` (picture), ``.webp``
            (picture, or animation when the first frame is from a video), a folder (a picture a frame), ``-`` (JSON
            lines to the standard output).
        render: Draws a result for pictures and video; ``result.plot()`` unless given.
        overwrite: Replace an existing file.

    Raises:
        ValueError: The ending says nothing.
        PoiseError: The file exists, or its folder cannot be written to.
        MissingExtra: The format needs a package that is not installed.
    """
    if os.fspath(path) == "-":
        return JsonLinesSink(sys.stdout)
    target = Path(path)
    suffix = target.suffix.lower()
    (check_folder if target.is_dir() else check_writable)(target)
    if target.is_dir() or (not suffix and not target.exists()):
        return PictureSink(target, render, overwrite=overwrite)
    if target.name.lower().endswith(".coco.json"):
        return CocoAnnotationsSink(target, overwrite=overwrite)
    if target.name.lower().endswith(".coco-results.json"):
        return CocoResultsSink(target, overwrite=overwrite)
    if suffix in (".jsonl", ".json"):
        return JsonLinesSink(target, overwrite=overwrite)
    if suffix == ".csv":
        return CsvSink(target, overwrite=overwrite)
    if suffix == ".parquet":
        return ParquetSink(target, overwrite=overwrite)
    if suffix in CONTAINERS:
        return VideoSink(target, render, overwrite=overwrite)
    if suffix == ".gif":
        return AnimationSink(target, render, overwrite=overwrite)
    if suffix == ".webp":
        return _WebPSink(target, render, overwrite=overwrite)
    if suffix in (".png", ".jpg", ".jpeg"):
        return PictureFileSink(target, render, overwrite=overwrite)
    raise ValueError(f"{target}: the ending {suffix!r} says no format; known: {_ENDINGS}, or a folder for pictures")


def recover(journal: PathLike) -> Path:
    """Make the file of a journal that a crash left behind, with every frame before the crash.

    Args:
        journal: ``out.parquet.journal`` or ``out.json.journal``.

    Returns:
        The file, ``out.parquet`` or ``out.json``; the journal is removed.

    Raises:
        PoiseError: The file exists already, or there is no such journal.
        FormatError: It is not a journal.
    """
    source = Path(journal)
    if source.suffix != SUFFIX or not source.is_file():
        raise PoiseError(f"{source}: no such journal; its name ends in {SUFFIX!r}, beside the file that it is for")
    target = source.with_suffix("")
    refuse_existing(target, overwrite=False)
    if target.suffix.lower() == ".parquet":
        recover_parquet(source, target)
    else:
        recover_coco(source, target)
    return target


class _WebPSink(SinkBase):
    """A still or an animated WebP: the first frame decides."""

    def __init__(self, path: Path, render: Render | None, *, overwrite: bool) -> None:
        super().__init__()
        refuse_existing(path, overwrite=overwrite)
        self._arguments: tuple[Any, ...] = (path, render)
        self._overwrite = overwrite
        self._sink: SinkBase | None = None

    def write(self, result: Results) -> None:
        if self._sink is None:
            kind = PictureFileSink if result.media.kind == "image" else AnimationSink
            self._sink = kind(*self._arguments, overwrite=self._overwrite)
            self._sink.paths, self._sink.notes = self.paths, self.notes
        self._sink.write(result)

    def close(self) -> None:
        if self._sink is not None:
            self._sink.close()
