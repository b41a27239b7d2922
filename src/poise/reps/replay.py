"""What is drawn of a counted clip: the report's pictures and the annotated video, from a second reading of the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from poise.drawing import draw
from poise.errors import PoiseError
from poise.files.writing import write_atomically
from poise.frames import Image
from poise.image import small_jpeg
from poise.reps.offline import RepClip
from poise.reps.overlay import draw_reps
from poise.reps.report import ReportPicture, render_report
from poise.reps.timeline import Timeline
from poise.results import Results
from poise.sinks import RunFolder, open_sink
from poise.sources import open_again

# Frames of a report: enough to scrub through, few enough that the page stays small.
_MOST_PICTURES = 240
_WIDTH = 400


class Replay:
    """Keeps what was found in each frame, without its picture; the video is read a second time to draw on it."""

    def __init__(self) -> None:
        self._found: list[Results] = []
        self._path = ""

    def keep(self, results: Iterable[Results]) -> Iterator[Results]:
        """Pass results through, and keep what is small of them."""
        for result in results:
            self._path = result.media.path or result.path
            blank = np.broadcast_to(np.uint8(0), (*result.orig_shape, 3))
            self._found.append(result.replace(orig_img=blank))
            yield result

    def read_again(self) -> Iterator[Results]:
        """Read the video again, with what was found in it."""
        if not Path(self._path).is_file():
            raise PoiseError(f"{self._path}: pictures can only be drawn of a video file, which is read a second time")
        with open_again(self._path) as frames:
            by_index = {result.frame: result for result in self._found}
            for frame in frames:
                if frame.index in by_index:
                    yield by_index[frame.index].replace(orig_img=frame.image)

    def write_report(self, clip: RepClip, path: Path, *, overwrite: bool) -> Path:
        """Write the page; returns its path."""
        if path.exists() and not overwrite:
            raise PoiseError(f"{path} exists; pass --overwrite to replace it")
        timeline = Timeline(clip)
        step = max(1, -(-len(self._found) // _MOST_PICTURES))
        peaks = {timeline.nearest(rep.peak) for rep in timeline.reps}
        pictures = []
        for n, result in enumerate(self.read_again()):
            at_peak = result.frame in peaks
            if n % step and not at_peak:
                continue
            jpeg = small_jpeg(_draw_main_person(result, timeline), _WIDTH, quality=68)
            pictures.append(ReportPicture(result.time, jpeg, peak=at_peak))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, render_report(clip, pictures))
        return path

    def write_video(self, clip: RepClip, path: Path | None, *, overwrite: bool, errors: Sequence[str] = ()) -> Path:
        """Write the video with the counter on it; returns its path.

        Args:
            clip: What was counted.
            path: The video; None: one in the folder of a new run.
            overwrite: Replace a file that exists.
            errors: Messages of what could not be read: with one the run has failed.
        """
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._draw_video(clip, path, overwrite=overwrite)
            return path
        folder = RunFolder("runs/pose", "reps")
        folder.manifest("running", source=self._path)
        target = folder.path / f"{Path(self._path).stem}.mp4"
        told: dict[str, Any] = {"errors": list(errors)} if errors else {}
        folder.at_end(lambda: {"counts": {"frames": len(self._found)}, "files": [target], **told})
        with folder:
            self._draw_video(clip, target, overwrite=overwrite)
        return target

    def _draw_video(self, clip: RepClip, path: Path, *, overwrite: bool) -> None:
        timeline = Timeline(clip)
        with open_sink(path, overwrite=overwrite, render=lambda result: _draw_counter(result, timeline)) as sink:
            for result in self.read_again():
                sink.write(result)


def _draw_main_person(result: Results, timeline: Timeline) -> Image:
    row = timeline.row(result)
    return draw(result if row is None else result[[row]], boxes=False, labels=False)


def _draw_counter(result: Results, timeline: Timeline) -> Image:
    now = timeline.at(result)
    return draw_reps(
        result, row=now.row, label=now.label, count=now.count, progress=now.progress, exercise=timeline.exercise,
        trail=now.trail, flash=now.flash,
    )  # fmt: skip
