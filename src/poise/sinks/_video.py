"""Video out: the sinks, which draw and encode in the background, one file a source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from poise.errors import PoiseError, require
from poise.files.writing import PathLike
from poise.frames import Media, continues
from poise.results import Results
from poise.sinks._sink import Background, Names, Render, SinkBase, Stems, default_render, ready, refuse_existing
from poise.sinks._videofile import CONTAINERS, VideoFile


class _Videos(SinkBase):
    """Draws results and encodes them in a thread, one file a source."""

    def __init__(
        self,
        suffix: str,
        render: Render | None,
        *,
        overwrite: bool,
        fps: float = 25.0,
        audio: bool = True,
        crf: int = 23,
        preset: str = "superfast",
    ) -> None:
        super().__init__()
        if suffix.lower() not in CONTAINERS:
            raise ValueError(f"videos end in {', '.join(CONTAINERS)}, got {suffix!r}")
        require("av", extra="video", feature=f"writing {suffix.lower()}")
        self._render = render or default_render
        self._overwrite = overwrite
        self._options: dict[str, Any] = {"fps": fps, "audio": audio, "crf": crf, "preset": preset}
        self._names = Names(overwrite=overwrite)
        self._open: list[tuple[Media, VideoFile]] = []
        self._worker: Background[tuple[Render, Results]] = Background(self._encode)

    def write(self, result: Results) -> None:
        """Take one frame; drawing and encoding happen in the background.

        Raises:
            PoiseError: An earlier frame could not be written.
        """
        self._worker.put(ready(self._render, result))

    def close(self) -> None:
        """Encode what is waiting and finish the files."""
        first: BaseException | None = None
        try:
            self._worker.close()
        except BaseException as error:  # noqa: BLE001 - raised below, when the files are whole
            first = error
        while self._open:
            try:
                self._finish(0)
            except PoiseError as error:
                first = first or error
        if first is not None:
            raise first

    def _target(self, media: Media) -> Path:
        raise NotImplementedError  # pragma: no cover

    def _encode(self, item: tuple[Render, Results]) -> None:
        render, result = item
        self._file(result.media).write(render(result), result.time)

    def _file(self, media: Media) -> VideoFile:
        for i, (other, file) in enumerate(self._open):
            if continues(media, other):
                return file
            if other.kind == "video" and media.kind == "video":
                self._finish(i)  # the next video has begun; live streams run side by side and stay open
                break
        path = self._target(media)
        file = VideoFile(path, media, overwrite=self._overwrite, **self._options)
        self._open.append((media, file))
        self.paths.append(path)
        return file

    def _finish(self, i: int) -> None:
        file = self._open.pop(i)[1]
        file.close()
        self.notes += file.notes


class VideoSink(_Videos):
    """Draws every result and writes it as a frame of an H.264 video.

    Frames keep their own times, so a variable rate stays variable and a video read with ``vid_stride`` keeps its
    duration; sound is copied without encoding it again. A second video goes to ``name-2.mp4``; pictures follow each
    other at ``fps``. A live stream starts at time 0 with its first frame. An odd width or height gets one more column
    or row (a copy of the last); a frame of another size than the first is fitted into the first with black beside it;
    a picture larger than 4096 x 2304 (or 2304 x 4096) is made smaller, because players stop there.

    Drawing and encoding run in a thread of their own with at most four frames waiting. Whenever the process ends, even
    by SIGKILL, the file opens and holds all frames but those waiting (four) and in the encoder (three; half a second
    more where the sound has ended before the picture).
    On ``close`` it is rewritten once, without encoding, as a plain file with its index in front.

    Args:
        path: Ends in .mp4, .m4v, .mov or .mkv.
        render: Draws a result, ``(H, W, 3)`` uint8 BGR; ``result.plot()`` unless given.
        overwrite: Replace an existing file.
        fps: Frames per second of sources that state none, such as pictures.
        audio: Keep the sound of the source.
        crf: Constant quality of x264, 0 (best) to 51; 23 is x264's own default.
        preset: Speed of x264; ``veryfast`` takes about half as long again for files up to a third smaller.

    Raises:
        MissingExtra: PyAV is not installed.
        PoiseError: The file exists.
    """

    def __init__(
        self,
        path: PathLike,
        render: Render | None = None,
        *,
        overwrite: bool = False,
        fps: float = 25.0,
        audio: bool = True,
        crf: int = 23,
        preset: str = "superfast",
    ) -> None:
        self.path = Path(path)
        super().__init__(self.path.suffix, render, overwrite=overwrite, fps=fps, audio=audio, crf=crf, preset=preset)
        refuse_existing(self.path, overwrite=overwrite)

    def _target(self, media: Media) -> Path:
        return self._names.take(self.path.parent, self.path.stem, self.path.suffix)


class VideoFolderSink(_Videos):
    """Draws results and writes each source's as ``NAME.mp4`` into a folder; everything else as :class:`VideoSink` does.

    Args:
        folder: Made when the first frame is written.
        render: Draws a result, ``(H, W, 3)`` uint8 BGR; ``result.plot()`` unless given.
        overwrite: Replace videos from before this run instead of choosing another name.
        stems: Names of the sources, shared with other sinks of the same run.
    """

    def __init__(
        self, folder: PathLike, render: Render | None = None, *, overwrite: bool = False, stems: Stems | None = None
    ) -> None:
        super().__init__(".mp4", render, overwrite=overwrite)
        self.folder = Path(folder)
        self._stems = stems or Stems()

    def _target(self, media: Media) -> Path:
        return self._names.take(self.folder, self._stems.source(media), ".mp4")
