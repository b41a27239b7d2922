"""What ``poise reps`` writes besides its answer: the report and the annotated video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from poise.cli._report import silent
from poise.errors import PoiseError
from poise.files.writing import write_atomically
from poise.frames import Image
from poise.reps import Clip
from poise.reps.overlay import draw_reps
from poise.reps.report import Picture, html
from poise.reps.showing import Showing
from poise.results import Results

# Frames of a report: enough to scrub through, few enough that the page stays small.
_MOST_PICTURES = 240
_WIDTH = 400


class Kept:
    """Keeps what was found in each frame, without its picture; the video is read a second time to draw on it."""

    def __init__(self) -> None:
        self._found: list[Results] = []
        self._path = ""

    def watch(self, results: Iterable[Results]) -> Iterator[Results]:
        """Pass results through and keep what is small of them."""
        for result in results:
            self._path = result.media.path or result.path
            blank = np.broadcast_to(np.uint8(0), (*result.orig_shape, 3))
            self._found.append(result.replace(orig_img=blank))
            yield result

    def _again(self) -> Iterator[Results]:
        """Read the video again, with what was found in it."""
        from poise.sources import open_source

        if not Path(self._path).is_file():
            raise PoiseError(f"{self._path}: pictures can only be drawn of a video file, which is read a second time")
        # What is wrong with it was told when it was read first.
        with open_source(self._path, on_error=silent, on_note=silent) as frames:
            by_index = {result.frame: result for result in self._found}
            for frame in frames:
                if frame.index in by_index:
                    yield by_index[frame.index].replace(orig_img=frame.image)

    def report(self, clip: Clip, path: Path, *, overwrite: bool) -> Path:
        """Write the page; returns its path."""
        if path.exists() and not overwrite:
            raise PoiseError(f"{path} exists; pass --overwrite to replace it")
        showing = Showing(clip)
        every = max(1, -(-len(self._found) // _MOST_PICTURES))
        peaks = {showing.nearest(rep.peak) for rep in showing.reps}
        pictures = []
        for n, result in enumerate(self._again()):
            at_peak = result.frame in peaks
            if n % every and not at_peak:
                continue
            pictures.append(Picture(result.time, _small(_plain(result, showing)), peak=at_peak))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, html(clip, pictures))
        return path

    def video(self, clip: Clip, path: Path | None, *, overwrite: bool, errors: Sequence[str] = ()) -> Path:
        """Write the video with the counter on it; returns its path.

        Args:
            clip: What was counted.
            path: The video; None: one in the folder of a new run.
            overwrite: Replace a file that exists.
            errors: Messages of what could not be read: with one the run has failed.
        """
        from poise.sinks import RunFolder

        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write(clip, path, overwrite=overwrite)
            return path
        folder = RunFolder("runs/pose", "reps")
        folder.manifest("running", source=self._path)
        target = folder.path / f"{Path(self._path).stem}.mp4"
        told: dict[str, Any] = {"errors": list(errors)} if errors else {}
        folder.at_end(lambda: {"counts": {"frames": len(self._found)}, "files": [target], **told})
        with folder:
            self._write(clip, target, overwrite=overwrite)
        return target

    def _write(self, clip: Clip, path: Path, *, overwrite: bool) -> None:
        from poise.sinks import open_sink

        showing = Showing(clip)
        with open_sink(path, overwrite=overwrite, render=lambda result: _with_counter(result, showing)) as sink:
            for result in self._again():
                sink.write(result)


def _plain(result: Results, showing: Showing) -> Image:
    from poise.drawing import draw

    row = showing.row(result)
    return draw(result if row is None else result[[row]], boxes=False, labels=False)


def _with_counter(result: Results, showing: Showing) -> Image:
    now = showing.at(result)
    return draw_reps(
        result, row=now.row, label=now.label, count=now.count, progress=now.progress, exercise=showing.exercise,
        trail=now.trail, flash=now.flash,
    )  # fmt: skip


def _small(picture: Image) -> bytes:
    """Shrink and encode a picture for the page."""
    import io

    from poise.image import to_pil

    image: Any = to_pil(picture)
    image.thumbnail((_WIDTH, _WIDTH))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=68, optimize=True)
    return buffer.getvalue()
