"""Events from a source: tracking and the detectors meet here, and what they find is handed to the sinks.

Tracking and motion are rooms side by side that do not know each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from poise.drawing import draw_label, draw_zone_labels, draw_zones, paint_heat
from poise.errors import FormatError
from poise.events.event import Detector, Event, EventStream
from poise.events.falls import FallWatch
from poise.events.heatmap import Heatmap
from poise.events.posture import PostureWatch
from poise.events.zones import ZoneWatch
from poise.files.writing import write_atomically
from poise.frames import Image
from poise.geometry import Floats
from poise.image import encode
from poise.results import Results
from poise.sinks import RunFolder, VideoFolderSink

# Seconds for which an event stays on the drawn video.
_SHOWN_S = 3.0


class EventSink(Protocol):
    """Takes events as plain values."""

    def write_record(self, record: dict[str, Any]) -> None:
        """Take one event."""
        ...


@runtime_checkable
class Painted(Protocol):
    """A detector that draws what it saw of the last frame."""

    def paint(self, image: Image) -> Image:
        """Return the picture, drawn on."""
        ...


def detectors(
    *, zones: Sequence[Any] = (), falls: bool = False, posture: bool = False, more: Sequence[Detector] = ()
) -> list[Detector]:
    """Return the detectors that are wanted.

    Args:
        zones: Files of zones.
        falls: Look for falls.
        posture: Look for changes of posture.
        more: Others, such as of gestures.

    Raises:
        FormatError: A file of zones is wrong, with the line; or two files use one name.
        ValueError: Nothing is wanted.
    """
    watches = [ZoneWatch(path) for path in zones]
    homes: dict[str, Any] = {}
    for path, watch in zip(zones, watches, strict=True):
        for name in [*(one.name for one in watch.file.shapes), *(one.event for one in watch.file.triggers)]:
            if name in homes:
                raise FormatError(f"{path}: {name!r} is defined in {homes[name]} too; every name must be of one file")
        homes |= {one.name: path for one in watch.file.shapes} | {one.event: path for one in watch.file.triggers}
    found: list[Detector] = [*watches]
    found += [FallWatch()] if falls else []
    found += [PostureWatch()] if posture else []
    found += more
    if not found:
        raise ValueError("nothing to look for; give zones (--zone door.toml), --falls, --posture, --reps or --gestures")
    return found


def run_events(
    results: Iterable[Results], stream: EventStream, sinks: Sequence[EventSink] = ()
) -> Iterator[tuple[Results, list[Event]]]:
    """Pass results on, each with what happened, after the sinks have taken it.

    Args:
        results: Tracked results, such as those of ``Pose.track(stream=True)``.
        stream: The detectors.
        sinks: Take each event.
    """
    for result, events in stream.watch(results):
        for event in events:
            for sink in sinks:
                sink.write_record(event.record())
        yield result, events


class EventPainter:
    """Draws skeletons, zones with their counters, gestures, and the last events, which fade.

    Args:
        detectors: Those of the stream; zones among them are drawn, and what others paint of their own.
    """

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self._zones = [one for one in detectors if isinstance(one, ZoneWatch)]
        self._painted = [one for one in detectors if isinstance(one, Painted)]
        self._recent: list[Event] = []

    def paint(self, result: Results, events: Sequence[Event]) -> Image:
        """Return the picture of a frame, drawn on; called once a frame, in order."""
        self.take(result, events)
        return self.draw(result)

    def take(self, result: Results, events: Sequence[Event]) -> None:
        """Remember what happened in a frame, which need not be drawn; called once a frame, in order."""
        self._recent = [one for one in (*self._recent, *events) if 0 <= result.time - one.time < _SHOWN_S][-6:]

    def draw(self, result: Results) -> Image:
        """Return the picture of the frame that was taken last, drawn on."""
        ground = np.array(result.orig_img, order="C")
        size = (ground.shape[1], ground.shape[0])
        zones: dict[str, Floats] = {}
        lines: dict[str, Floats] = {}
        labels: dict[str, str] = {}
        active: set[str] = set()
        for watch in self._zones:
            shapes, counts = watch.polygons(size), watch.counts
            zones |= {zone.name: shapes[zone.name] for zone in watch.file.zones}
            lines |= {line.name: shapes[line.name] for line in watch.file.lines}
            labels |= {zone.name: f"{zone.name}: {len(counts[zone.name].now)}" for zone in watch.file.zones}
            labels |= {
                line.name: f"{line.name}: {counts[line.name].entered} in, {counts[line.name].left} out"
                for line in watch.file.lines
            }
            active |= {zone.name for zone in watch.file.zones if counts[zone.name].now}
        # Whole for half of the time, then fading.
        said = [(_words(one), 2 - 2 * max(0.0, result.time - one.time) / _SHOWN_S) for one in self._recent]
        draw_zones(ground, zones, lines, active=active)
        picture: Image = result.plot(img=ground)
        for one in self._painted:
            picture = one.paint(picture)
        draw_zone_labels(picture, zones, lines, labels=labels, said=said)
        return picture


class EventVideo:
    """Writes the drawn video into the folder of a new run.

    Args:
        detectors: Those of the stream.
        project: Folder of the runs, ``runs/pose`` unless given.
        name: Name of the run, ``events`` unless given.
        exist_ok: Write into an existing run's folder.
        errors: Messages of what could not be read; read at the end, and with one the run has failed.
        **facts: What the manifest says: the source, the model.

    Attributes:
        path: The folder.
    """

    def __init__(
        self,
        detectors: Sequence[Detector],
        *,
        project: str | Path | None = None,
        name: str | None = None,
        exist_ok: bool = False,
        errors: Sequence[str] = (),
        **facts: Any,
    ) -> None:
        self._painter = EventPainter(detectors)
        self._folder = RunFolder(project or "runs/pose", name or "events", exist_ok=exist_ok)
        self.path = self._folder.path
        self._errors = errors
        self._folder.manifest("running", **facts)
        # The picture is drawn before it is handed on, because the counters go on while the video is encoded.
        self._videos = VideoFolderSink(self.path, lambda result: result.orig_img, overwrite=exist_ok)
        self._folder.at_end(self._end)
        self._frame: tuple[str, int] | None = None
        self._frames = 0

    def write(self, result: Results, events: Sequence[Event]) -> None:
        """Draw and write a frame; one that comes again, with what ended, is not written twice."""
        at = (result.media.key, result.frame)
        if at == self._frame:
            return
        self._frame = at
        self._frames += 1
        self._videos.write(result.replace(orig_img=self._painter.paint(result, events)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the video; what was written until an error stays, and the manifest says so."""
        try:
            self._videos.__exit__(kind, error, trace)
        except BaseException as late:
            self._folder.finish(late)
            raise
        self._folder.finish(error)

    def close(self) -> None:
        """Finish the video and the manifest."""
        self.__exit__(None, None, None)

    def _end(self) -> dict[str, Any]:
        facts: dict[str, Any] = {"counts": {"frames": self._frames}, "files": self._videos.paths}
        return facts | ({"errors": list(self._errors)} if self._errors else {})


def save_heatmap(path: str | Path, heatmap: Heatmap, picture: Image) -> None:
    """Write where people were, over a picture of the place.

    Raises:
        PoiseError: It cannot be written.
    """
    drawn, seconds = picture.copy(), heatmap.smooth()
    paint_heat(drawn, seconds)
    if seconds.any():
        font = max(12.0, min(drawn.shape[:2]) / 34)
        words = f"red: {seconds.max():.1f} s within {heatmap.cell} pixels"
        draw_label(drawn, (font / 2, font / 2), words, (40, 40, 40), font)
    write_atomically(path, encode(drawn, Path(path).suffix or ".png"))


def _words(event: Event) -> str:
    value = f"{event.value:.1f}" if isinstance(event.value, float) else str(event.value)
    who = "" if event.id is None else f"#{event.id} "
    return f"{event.time:.1f} s  {who}{event.event} {value}"
