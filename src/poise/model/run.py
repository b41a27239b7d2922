"""A saved run: its folder, the files in it, and the manifest that says how they came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from poise.drawing import Trails, draw_trails
from poise.files.addresses import masked
from poise.frames import Image
from poise.geometry import Floats
from poise.model.settings import Settings
from poise.results import Results
from poise.sinks import Render, RunFolder, RunSink

# What must be the same for frames of several calls to be saved in one run.
_KEPT = (
    *("project", "name", "exist_ok"),
    *("save", "save_txt", "save_conf", "save_crop", "save_frames", "save_json", "save_csv"),
)
_STAGES = ("preprocess", "inference", "postprocess")


class Run:
    """Writes the results of one ``predict(save=True)``; a context manager.

    Whatever ends it, the files hold every result that was written before, and the manifest's status says how it ended.

    Args:
        settings: What is to be saved, and where.
        source: What the user gave, for the manifest.
        model: What ran: name, runtime, device, and the weights with their checksums.
        errors: Messages of what could not be read, such as a damaged video or a stream that broke off; read at the
            end, and with one the run has failed.
        notes: What was assumed or mended in the sources; read at the end.

    Attributes:
        path: The run's folder.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        source: Any,
        model: Mapping[str, Any],
        errors: list[str],
        notes: Sequence[str] = (),
    ) -> None:
        self._folder = RunFolder(
            settings.project or "runs/pose", settings.name or "predict", exist_ok=settings.exist_ok
        )
        self.path: Path = self._folder.path
        self._errors = errors
        self._notes = notes
        self._frames = 0
        self._instances = 0
        self._stages = np.zeros(len(_STAGES))
        self._settings = settings
        self._painter = Painter(settings)
        self._sink = RunSink(
            self.path,
            render=self._painter,
            save=settings.save,
            save_txt=settings.save_txt,
            save_conf=settings.save_conf,
            save_crop=settings.save_crop,
            save_frames=settings.save_frames,
            save_json=settings.save_json,
            save_csv=settings.save_csv,
            overwrite=settings.exist_ok,
        )
        self._folder.manifest("running", source=_words(source), arguments=_arguments(settings), **model)
        self._folder.at_end(self._end)
        self._closed = False
        if settings.on_saved is not None:
            settings.on_saved(self.path)

    def write(self, result: Results) -> None:
        """Write one result.

        Raises:
            PoiseError: It cannot be written.
        """
        self._painter.take(result)
        self._sink.write(result)
        self._frames += 1
        self._instances += len(result)
        self._stages += [result.speed.get(stage, 0.0) for stage in _STAGES]

    def takes(self, settings: Settings) -> bool:
        """Whether a further call with these settings is saved here too; if so, it is drawn as they say."""
        if self._closed or any(getattr(self._settings, name) != getattr(settings, name) for name in _KEPT):
            return False
        self._settings = self._painter.settings = settings
        return True

    @property
    def files(self) -> list[Path]:
        """What has been written."""
        return [Path(path) for path in self._sink.paths]

    def flush(self) -> None:
        """Wait until all that was taken is in its files.

        Raises:
            PoiseError: Something could not be written.
        """
        self._sink.flush()

    def close(self) -> None:
        """Finish the files and the manifest; calling it again does nothing."""
        if not self._closed:
            self.__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        try:
            if isinstance(error, Exception):
                self._sink.__exit__(kind, error, trace)
            else:  # what could not be finished matters more than that somebody stopped it
                self._sink.close()
        except BaseException as late:
            self._folder.finish(late)
            raise
        self._folder.finish(error)

    def _end(self) -> dict[str, Any]:
        mean = self._stages / max(self._frames, 1)
        return {
            "counts": {"frames": self._frames, "instances": self._instances, "errors": len(self._errors)},
            "timings": {f"{stage} ms a frame": round(float(ms), 3) for stage, ms in zip(_STAGES, mean, strict=True)},
            "errors": self._errors,
            "notes": [*self._notes, *self._sink.notes],
            "files": self._sink.paths,
            **({"renamed": self._sink.twins} if self._sink.twins else {}),
        }


class Painter:
    """Draws results, with the trails of those that are tracked.

    Pictures are drawn while later results come in, so what is drawn of a frame is settled when it comes.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._trails = Trails()

    def take(self, result: Results) -> None:
        """Take the next frame."""
        if result.boxes.is_track and self.settings.show_trails:
            self._trails.add(result)

    def bound(self, result: Results) -> Render:
        """Return what draws the frame that was taken last."""
        trailed = result.boxes.is_track and self.settings.show_trails
        return partial(_draw, paths=self._trails.paths() if trailed else {}, options=self.settings.drawing)

    def __call__(self, result: Results) -> Image:
        """Draw the frame that was taken last."""
        return self.bound(result)(result)


def _draw(result: Results, *, paths: Mapping[int, Floats], options: Mapping[str, Any]) -> Image:
    image = None
    if paths:
        image = result.orig_img.copy()
        draw_trails(image, paths)
    picture: Image = result.plot(img=image, **options)
    return picture


def _arguments(settings: Settings) -> dict[str, Any]:
    return {
        f.name: value
        for f in fields(settings)
        if not callable(value := getattr(settings, f.name)) and value is not None
    }


def _words(source: Any) -> Any:
    """Name a source in the manifest: paths and addresses as they are, anything else by its type."""
    if isinstance(source, (str, Path, int)):
        return masked(str(source))
    if isinstance(source, (list, tuple)):
        return [_words(item) for item in source[:1000]]
    return type(source).__name__
