"""A folder a run: ``runs/pose/predict``, ``predict2``, ``predict3`` …, with a manifest and all that was asked for."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from poise.errors import PoiseError
from poise.extras.version import __version__
from poise.files.addresses import masked
from poise.files.writing import PathLike, check_folder, numbered, write_atomically, writing
from poise.results import Results
from poise.sinks._jsonlines import JsonLinesSink
from poise.sinks._labels import YoloTxtSink
from poise.sinks._pictures import CropSink, FramePictureSink, PictureSink
from poise.sinks._rows import printable
from poise.sinks._sink import Render, SinkBase, Stems, default_render
from poise.sinks._tables import CsvSink
from poise.sinks._video import VideoFolderSink

Status = Literal["running", "done", "interrupted", "failed"]


class RunFolder:
    """A new folder for one run, whose manifest says how the run went.

    In a ``with`` block the manifest says ``"running"`` until the block ends, then ``"done"``, ``"interrupted"``
    (Ctrl-C, a signal, a stream that was left) or ``"failed"``, with the errors: what ended the block, or what of the
    sources could not be read. A run that did not get as far as its first frame leaves no folder.

    Args:
        project: Folder of all runs.
        name: Name of this one; ``predict2``, ``predict3`` … where it exists.
        exist_ok: Use the folder even if it exists.

    Attributes:
        path: The folder, made.

    Raises:
        PoiseError: It cannot be made.
    """

    def __init__(self, project: PathLike = "runs/pose", name: str = "predict", exist_ok: bool = False) -> None:
        base = Path(project) / name
        self._made = True
        with writing(base):
            for free in numbered(base.name):
                self.path = base.with_name(free)
                try:
                    # mkdir and not a look beforehand, so that two runs at once never share a folder.
                    self.path.mkdir(parents=True)
                except FileExistsError:
                    if not exist_ok:
                        continue
                    if not self.path.is_dir():
                        raise PoiseError(f"{self.path}: is a file, expected a folder for the run") from None
                    self._made = False
                break
        self._started = datetime.now(UTC)
        self._place = self._identity()
        self._written = False
        self._facts: dict[str, Any] = {}
        self._at_end: list[Callable[[], Mapping[str, Any]]] = []

    @staticmethod
    def check(project: PathLike, name: str, *, exist_ok: bool = False) -> None:
        """Find out before the work whether the folder of a run can be made; nothing is made.

        Raises:
            PoiseError: It cannot.
        """
        base = Path(project) / name
        check_folder(base if exist_ok else base.parent)

    def __enter__(self) -> Self:
        if not self._written:
            self.manifest("running")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish(error)

    def at_end(self, facts: Callable[[], Mapping[str, Any]]) -> None:
        """Ask for further facts when the run ends: counts, files, and ``errors``, with which the run has failed."""
        self._at_end.append(facts)

    def finish(self, error: BaseException | None = None) -> Path | None:
        """Write how the run ended.

        Args:
            error: What ended it; None: nothing, it is done.

        Returns:
            Path of the manifest; None where it cannot be written and there is an error already, which matters more, and
            where nothing came of the run, so that its folder is gone.

        Raises:
            PoiseError: It cannot be written.
        """
        facts: dict[str, Any] = {}
        for more in self._at_end:
            facts |= more()
        status: Status = "failed" if facts.get("errors") else "done"
        if error is not None:
            status = "failed" if isinstance(error, Exception) else "interrupted"
        worked = any(count for name, count in facts.get("counts", {}).items() if name != "errors")
        if status != "done" and not worked and self._removed():
            return None
        if status == "failed" and error is not None:
            errors = list(facts.get("errors", []))
            told = any(str(error) == one for one in errors)
            facts["errors"] = errors if told else [*errors, error_words(error)]
            if "errors" in facts.get("counts", {}):
                facts["counts"] = {**facts["counts"], "errors": len(facts["errors"])}
        try:
            return self.manifest(status, **facts)
        except PoiseError:
            if error is None:
                raise
        return None

    def manifest(self, status: Status = "running", **facts: Any) -> Path:
        """Write ``manifest.json``: what was run, how, and what came of it.

        Call it at the start and at the end; what an earlier call said stays unless said again.

        Args:
            status: ``"running"``, then ``"done"``, ``"interrupted"`` or ``"failed"``.
            **facts: ``arguments``, ``weights`` (name, file, sha256), ``runtime``, ``timings``, ``counts``, ``errors``,
                ``notes``, ``files``, and what else there is; paths become text, files are named relative to the folder.

        Returns:
            Path of the manifest.

        Raises:
            PoiseError: It cannot be written, or the folder is gone.
        """
        if self._identity() != self._place:
            raise PoiseError(
                f"{self.path}: the run's folder was removed while the run was at work; nothing is kept there"
            )
        self._facts |= facts
        self._written = True
        now = datetime.now(UTC)
        content = {
            "poise": __version__,
            "status": status,
            "started": self._started.isoformat(timespec="seconds"),
            "ended": None if status == "running" else now.isoformat(timespec="seconds"),
            "seconds": round((now - self._started).total_seconds(), 3),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "command": [masked(printable(word)) for word in sys.argv],
            **self._facts,
        }
        path = self.path / "manifest.json"
        text = masked(json.dumps(content, indent=2, ensure_ascii=False, default=self._plain))
        try:
            write_atomically(path, text.encode("utf-8", "replace") + b"\n")
        except PoiseError:
            if status != "running":
                _say_failed(path)
            elif self._made:
                with suppress(OSError):
                    self.path.rmdir()  # only where it is empty
            raise
        return path

    def _removed(self) -> bool:
        """Remove the run's folder if it is this run's own and nothing but the manifest is in it."""
        try:
            if not self._made or [path.name for path in self.path.iterdir()] != ["manifest.json"]:
                return False
            (self.path / "manifest.json").unlink()
            self.path.rmdir()
        except OSError:
            return False
        return True

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _plain(self, value: Any) -> Any:
        if isinstance(value, os.PathLike):
            path = Path(value)
            return printable(str(path.relative_to(self.path) if path.is_relative_to(self.path) else path))
        if isinstance(value, Mapping):
            return dict(value)
        if isinstance(value, (set, frozenset, tuple)):
            return list(value)
        if hasattr(value, "tolist"):
            return value.tolist()
        return str(value)


def error_words(error: BaseException) -> str:
    """Return an error as a manifest tells it: other errors than Poise's own need their kind to be understood."""
    return str(error) if isinstance(error, PoiseError) else f"{type(error).__name__}: {error}"


def _say_failed(path: Path) -> None:
    """Change the status in a manifest where there is no room for another one: no byte more than before."""
    old, new = b'"status": "running",', b'"status": "failed", '
    with suppress(OSError), path.open("r+b") as file:
        place = file.read().find(old)
        if place >= 0:
            file.seek(place)
            file.write(new)


class RunSink(SinkBase):
    """Everything that ``predict(save=True)`` and its sisters leave in one folder.

    Pictures go to ``NAME.jpg`` (or .png), videos and live streams to ``NAME.mp4``, labels to ``labels/NAME.txt``,
    crops to ``crops/CLASS/NAME.jpg``, frames of a video to ``NAME_frames/FRAME.jpg``, and all results to
    ``results.jsonl`` and ``results.csv``.

    Args:
        folder: Made when the first file is written.
        save: Write annotated pictures and videos.
        render: Draws a result, ``(H, W, 3)`` uint8 BGR; ``result.plot()`` unless given.
        save_txt: Write YOLO labels.
        save_conf: Write them with confidences, as predictions.
        save_crop: Write a picture of every instance.
        save_json: Write ``results.jsonl``.
        save_csv: Write ``results.csv``.
        save_frames: Write every frame of a video as a picture too.
        overwrite: Replace files from before this run instead of choosing another name.

    Raises:
        PoiseError: A file exists already.
    """

    def __init__(
        self,
        folder: PathLike,
        *,
        save: bool = True,
        render: Render | None = None,
        save_txt: bool = False,
        save_conf: bool = False,
        save_crop: bool = False,
        save_json: bool = False,
        save_csv: bool = False,
        save_frames: bool = False,
        overwrite: bool = False,
    ) -> None:
        super().__init__()
        self.folder = Path(folder)
        self._render = render or default_render
        self._save = save
        self._save_frames = save_frames
        self._overwrite = overwrite
        self._stems = Stems()
        self._parts: list[SinkBase] = []
        self._data: list[SinkBase] = []
        self._drawn: dict[type[PictureSink | VideoFolderSink], SinkBase] = {}
        if save_txt:
            self._data.append(YoloTxtSink(self.folder / "labels", save_conf, overwrite=overwrite, stems=self._stems))
        if save_crop:
            self._data.append(CropSink(self.folder / "crops", overwrite=overwrite, stems=self._stems))
        if save_json:
            self._data.append(JsonLinesSink(self.folder / "results.jsonl", overwrite=overwrite))
        if save_csv:
            self._data.append(CsvSink(self.folder / "results.csv", overwrite=overwrite))
        for sink in self._data:
            self._adopt(sink)

    @property
    def twins(self) -> dict[str, str]:
        """Where sources are from whose name another one had before: name in this folder to path."""
        return dict(self._stems.twins)

    def write(self, result: Results) -> None:
        """Take one frame.

        Raises:
            PoiseError: Something cannot be written.
            MissingExtra: The first frame of a video comes and PyAV is not installed.
        """
        for sink in self._data:
            sink.write(result)
        moving = result.media.kind in ("video", "stream")
        if self._save:
            self._drawing(VideoFolderSink if moving else PictureSink).write(result)
        if self._save_frames and moving:
            self._drawing(FramePictureSink).write(result)

    def flush(self) -> None:
        """Wait until all that was taken is in its files."""
        for sink in self._parts:
            sink.flush()

    def close(self) -> None:
        """Finish every file; if some cannot be finished, the others are, and the first error is raised."""
        first: Exception | None = None
        for sink in self._parts:
            try:
                sink.close()
            except Exception as error:  # noqa: BLE001 - raised below, when the other files are whole
                first = first or error
        if first is not None:
            raise first

    def _drawing(self, kind: type[PictureSink | VideoFolderSink]) -> SinkBase:
        """Return the sink of a kind, made for the first frame that is drawn so."""
        if kind not in self._drawn:
            sink = kind(self.folder, self._render, overwrite=self._overwrite, stems=self._stems)
            self._adopt(sink)
            self._drawn[kind] = sink
        return self._drawn[kind]

    def _adopt(self, sink: SinkBase) -> None:
        # One list for all, so that paths stand in the order in which they were written.
        sink.paths, sink.notes = self.paths, self.notes
        self._parts.append(sink)
