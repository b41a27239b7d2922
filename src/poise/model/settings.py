"""The arguments of a prediction, checked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import SourceError
from poise.estimators import Options
from poise.filters.smoothing import Kalman, OneEuro, filter_named
from poise.results.arguments import check_common, refuse_unknown, take_harmless
from poise.results.arrays import longer_side, plain
from poise.results.columns import Boxes

if TYPE_CHECKING:
    from poise.tracking import TrackSettings

_log = logging.getLogger("poise")

# Arguments that users of this field pass and that mean nothing here: accepted at the values that change nothing.
_HARMLESS: Mapping[str, tuple[Any, ...]] = {
    "half": (False, True, None),
    "int8": (False, None),
    "visualize": (False,),
    "embed": (None,),
    "rect": (True, False),
    "retina_masks": (False,),
    "dnn": (False,),
    "workers": tuple(range(65)),
    "compile": (False, None),
    "mode": ("predict", "track", None),
    "task": ("pose", None),
}
# Former names of arguments, and whether they said the opposite.
_FORMER = {"hide_labels": ("show_labels", True), "hide_conf": ("show_conf", True)}
_FORMER["line_thickness"] = ("line_width", False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every argument of :meth:`Pose.predict` and :meth:`Pose.track`.

    Attributes:
        conf: Drop instances below this confidence, 0 to 1.
        iou: Of two instances more alike than this, the better stays; None: the model's own.
        imgsz: Longer side of the picture as the detecting network sees it, pixels; None: the model's own. Of a bundled
            model it is the finest size at which it looks: the model's own sizes below it stay.
        max_det: Most instances a frame.
        classes: Class numbers to keep; None keeps all.
        agnostic_nms: Let instances of different classes suppress each other.
        nms: What makes two instances of a YOLO network one: ``"iou"`` of boxes, or ``"oks"`` of keypoints.
        boxes: ``(N, 4)`` xyxy boxes of your own, pixels, for every picture, or a list with one such array a picture, or
            the ``boxes`` of other results: nothing is searched, and each box gives one instance, in their order. Not
            for YOLO networks.
        augment: Run mirrored too and average (flip test): more accurate, slower.
        tile: Search overlapping tiles as well, for small instances: slower.
        batch: Pictures a run; a video goes frame by frame.
        stream: Return a generator instead of a list: memory stays constant.
        vid_stride: Read every n-th frame of a video.
        follow: Lists and playlists may name files outside their own folder, addresses and cameras.
        stream_buffer: Keep every frame of a camera; False drops stale ones to stay current.
        reconnect: Open a live source that breaks off again, at most so often in a row; 0: never.
        save: Write annotated pictures and videos.
        save_txt: Write YOLO text labels.
        save_conf: With confidences of keypoints and instances, as predictions; they are no labels to train from then.
        save_crop: Write one picture an instance.
        save_frames: Write a video's annotated frames as pictures.
        save_json: Write ``results.jsonl``, a line a frame.
        save_csv: Write ``results.csv``, a row a keypoint.
        show: Show pictures, and videos, cameras and frames that belong together in one window; see docs/drawing.md.
        project: Folder of the runs.
        name: Name of the run; a number is added when it exists.
        exist_ok: Write into an existing run's folder.
        verbose: True: print one line a frame. Unless it is False, each frame is logged (logger ``poise``, level INFO),
            and one line is printed that says where results were saved.
        line_width: Width of boxes and limbs, pixels; None: from the person's size.
        kpt_radius: Radius of keypoints, pixels; None: from the person's size.
        kpt_line: Draw limbs.
        show_labels: Draw labels.
        show_conf: Draw confidences.
        show_boxes: Draw boxes.
        font: A font file or the name of an installed font, for labels; None: Pillow's own, and installed ones for
            letters that it lacks.
        show_trails: Draw where tracks came from.
        tracker: How :meth:`Pose.track` decides who is who: see :func:`poise.tracking.read_settings`.
        persist: Continue the tracks of the last call of :meth:`Pose.track`, for frames passed one by one.
        smooth: Steady the keypoints of a video: True (``"one-euro"``), ``"kalman"``, or a filter of ``poise.filters``.
        fps: Frames a second of frames that are passed as pictures: each is 1/``fps`` seconds after the last.
        time: When they were taken: seconds of the frame, a list or iterator of seconds, or ``"clock"`` for the time at
            which they are passed. None: see docs/sources.md.
        device: Where to run: ``"cpu"``, ``"cuda"``, ``"cuda:1"``; None: where the model was opened.
        on_error: Called with each file of several that cannot be read; None logs a warning.
        on_saved: Called with the run's folder as soon as it exists.
    """

    conf: float = 0.25
    iou: float | None = None
    imgsz: int | None = None
    max_det: int = 300
    classes: tuple[int, ...] | None = None
    agnostic_nms: bool = False
    nms: str | None = None
    boxes: Any = None
    augment: bool = False
    tile: bool = False
    batch: int = 1
    stream: bool = False
    vid_stride: int = 1
    follow: bool = False
    stream_buffer: bool = False
    reconnect: int = 4
    save: bool = False
    save_txt: bool = False
    save_conf: bool = False
    save_crop: bool = False
    save_frames: bool = False
    save_json: bool = False
    save_csv: bool = False
    show: bool = False
    project: str | Path | None = None
    name: str | None = None
    exist_ok: bool = False
    verbose: bool | None = None
    line_width: int | None = None
    kpt_radius: int | None = None
    kpt_line: bool = True
    show_labels: bool = True
    show_conf: bool = True
    show_boxes: bool = True
    font: str | None = None
    show_trails: bool = True
    tracker: str | Path | TrackSettings | None = None
    persist: bool = False
    smooth: bool | str | OneEuro | Kalman = False
    fps: float | None = None
    time: Any = None
    device: str | None = None
    on_error: Callable[[SourceError], None] | None = None
    on_saved: Callable[[Path], None] | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, plain(getattr(self, field.name)))
        check_common(self, counts=("max_det", "batch", "vid_stride"), optional=True)
        object.__setattr__(self, "classes", _classes(self.classes))
        if not isinstance(self.reconnect, int) or self.reconnect < 0:
            raise ValueError(f"reconnect must be a whole number from 0, got {self.reconnect!r}")
        for name in ("line_width", "kpt_radius"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, (int, float)) and 0 < value < np.inf):
                raise ValueError(f"{name} must be pixels, more than 0, or None, got {value!r}")
        if self.fps is not None and not (
            isinstance(self.fps, (int, float)) and 0 < self.fps < np.inf and self.time is None
        ):
            raise ValueError(
                f"fps must be frames a second, more than 0, got {self.fps!r}"
                if self.time is None
                else "give fps= or time=, not both: time= says when each frame was taken"
            )
        object.__setattr__(self, "time", _times(self.time))
        if self.nms not in (None, "iou", "oks"):
            raise ValueError(
                f"nms must be 'iou' or 'oks', got {self.nms!r}; for YOLO26's head without it: Pose(…, end2end=True)"
            )
        if self.smooth is not False:
            filter_named(self.smooth)
        if self.font is not None:
            from poise.drawing import find_font

            object.__setattr__(self, "font", find_font(str(self.font)))
        if self.boxes is not None:
            object.__setattr__(self, "boxes", _boxes(self.boxes))

    @property
    def saves(self) -> bool:
        """Whether anything is written."""
        return self.save or self.save_txt or self.save_crop or self.save_frames or self.save_json or self.save_csv

    @property
    def drawing(self) -> dict[str, Any]:
        """The arguments of ``Results.plot``."""
        return {
            "line_width": self.line_width,
            "kpt_radius": self.kpt_radius,
            "kpt_line": self.kpt_line,
            "labels": self.show_labels,
            "conf": self.show_conf,
            "boxes": self.show_boxes,
            "font": self.font,
        }

    @property
    def options(self) -> Options:
        """What the estimator has to know."""
        return Options(
            conf=self.conf,
            iou=self.iou,
            max_det=self.max_det,
            classes=self.classes,
            imgsz=self.imgsz,
            augment=self.augment,
            tile=self.tile,
            agnostic=self.agnostic_nms,
            nms="oks" if self.nms == "oks" else "iou",
        )

    @classmethod
    def of(cls, arguments: Mapping[str, Any], *, call: str = "predict") -> Settings:
        """Check the keyword arguments of a call of ``predict`` or ``track``.

        Raises:
            TypeError: An argument that is not known, with the nearest one that is.
            ValueError: A value that cannot be.
        """
        known = {f.name for f in fields(cls)}
        given = dict(arguments)
        for old, (name, turned) in _FORMER.items():
            if old in given:
                given[name] = not given.pop(old) if turned else given.pop(old)
        take_harmless(given, _HARMLESS, "for keypoints")
        if arguments.get("half"):
            _note_half()
        refuse_unknown(given, known, call)
        if isinstance(given.get("boxes"), bool):  # "draw boxes", as older code says it
            given["show_boxes"] = given.pop("boxes")
        if given.get("device") == "":
            given["device"] = None
        if "conf" in given and given["conf"] is None:  # "the default", as older code says it
            del given["conf"]
        given["imgsz"] = longer_side(given.get("imgsz"))
        return cls(**given)


@cache
def _note_half() -> None:
    """Say once what half=True does here."""
    _log.warning(
        "half=True changes nothing: a network's precision is chosen when it is opened; "
        "Pose(…, precision='auto') lets the engine take a faster one"
    )


def _classes(given: Any) -> tuple[int, ...] | None:
    """Check the classes to keep: one number, or several."""
    if given is None:
        return None
    several = given if isinstance(given, Iterable) and not isinstance(given, str) else (given,)
    numbers = [plain(one) for one in several]
    if not all(isinstance(one, (int, float)) and one >= 0 and float(one).is_integer() for one in numbers):
        raise ValueError(f"classes must be class numbers from 0, such as 0 or [0, 2], got {given!r}")
    return tuple(map(int, numbers))


def _times(given: Any) -> Any:
    """Check when frames were taken: one number as a tuple, several as they are."""
    if given is None or (isinstance(given, str) and given == "clock"):
        return given
    if np.ndim(given) == 0 and not isinstance(given, (str, Iterable)):
        try:
            seconds = float(given)
        except (TypeError, ValueError):
            seconds = np.nan
        if np.isfinite(seconds):
            return (seconds,)
    elif not isinstance(given, str):
        return given
    raise ValueError(f"time must be seconds, a list of seconds, or 'clock', got {given!r}")


def _boxes(given: Any) -> tuple[NDArray[np.float32], ...]:
    """Check the user's boxes: one array for every picture, or one a picture."""
    if isinstance(given, Iterator):
        given = list(given)
    several = isinstance(given, (list, tuple)) and any(isinstance(one, Boxes) or np.ndim(one) == 2 for one in given)
    arrays = []
    for i, one in enumerate(given if several else [given]):
        try:
            array = np.asarray(one.xyxy if isinstance(one, Boxes) else one, dtype=np.float32)
        except (TypeError, ValueError):
            if one is not None:
                raise ValueError(
                    f"boxes must be numbers of shape (N, 4), x1 y1 x2 y2 in pixels, got {str(one)[:80]!r}"
                ) from None
            array = np.empty(0, np.float32)
        if array.size == 0:
            array = array.reshape(0, 4)
        where = f"boxes[{i}]" if several else "boxes"
        if array.ndim == 1 and len(array) == 4 and not several:
            array = array[None]
        if array.ndim != 2 or array.shape[1] != 4:
            raise ValueError(f"{where} must have shape (N, 4), x1 y1 x2 y2 in pixels, got {np.shape(one)}")
        wrong = np.flatnonzero(~(np.isfinite(array).all(axis=1) & (array[:, 2:] > array[:, :2]).all(axis=1)))
        if len(wrong):
            raise ValueError(
                f"{where}: row {wrong[0]} is {array[wrong[0]].tolist()}, expected x1 < x2 and y1 < y2 in pixels "
                "(xyxy, not xywh)"
            )
        arrays.append(array)
    return tuple(arrays)
