"""What was found in one frame. ``Results`` is the only thing that travels from room to room.

The methods that draw, show and write (``plot``, ``show``, ``save`` …) open the rooms above for the user's comfort:
each imports ``poise.drawing`` or ``poise.sinks`` when it is called, and holds no algorithm.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from poise.frames import Frame, Image, Media, TimeFrom
from poise.results.arrays import Array, freeze
from poise.results.columns import Boxes, Keypoints, Point, Rows, attribute_error, one_row
from poise.results.summary import summary, summary_csv, summary_df
from poise.skeletons import Skeleton, get

_SPEED = {"preprocess": 0.0, "inference": 0.0, "postprocess": 0.0}
_FIELDS = ("orig_img", "boxes", "keypoints", "names", "frame", "time", "media", "speed", "time_from", "save_dir")


class Speed(dict[str, float]):
    """Milliseconds a stage, and what ran the network.

    Attributes:
        engine: Such as ``"onnxruntime"``; empty where it is not known.
    """

    def __init__(self, stages: Mapping[str, float], engine: str = "") -> None:
        super().__init__(stages)
        self.engine = engine


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """The instances of one frame: boxes, keypoints, and where and when they are from.

    ``len(result)`` is the number of instances N. ``result[i]``, ``result[1:3]``, ``result[result.boxes.conf > 0.5]``
    give a ``Results`` of those rows; iterating gives one a row. A keypoint's name is an attribute: ``result.left_knee``
    holds ``x``, ``y``, ``conf`` of all instances, ``result[0].left_knee`` those of one, as numbers.

    Attributes:
        orig_img: ``(H, W, 3)`` uint8 BGR, the upright source picture.
        boxes: Boxes of the N instances.
        keypoints: Keypoints of the N instances.
        names: Class number to class name.
        frame: Zero-based index in its source.
        time: Seconds from the start of its source.
        media: The source that the frame is from.
        speed: Milliseconds for ``preprocess``, ``inference``, ``postprocess``; ``speed.engine`` says what ran the
            network (``"onnxruntime"``, ``"openvino"``, ``"torch"``), where it is one.
        time_from: Where the time is from, as :class:`~poise.frames.Frame` says it: ``"assumed"`` where nobody said.
        save_dir: The run's folder where it was saved, else None.
    """

    orig_img: Image
    boxes: Boxes
    keypoints: Keypoints
    names: Mapping[int, str] = field(default_factory=lambda: {0: "person"})
    frame: int = 0
    time: float = 0.0
    media: Media = field(default_factory=lambda: Media("array"))
    speed: Mapping[str, float] = field(default_factory=lambda: Speed(_SPEED))
    time_from: TimeFrom = "source"
    save_dir: str | None = None
    _single: bool = False

    def __post_init__(self) -> None:
        if len(self.boxes) != len(self.keypoints):
            raise ValueError(
                f"boxes must have {len(self.keypoints)} rows to match the keypoints, got {len(self.boxes)}"
            )

    @classmethod
    def of(
        cls,
        frame: Frame | Image,
        boxes: ArrayLike = (),
        xy: ArrayLike | None = None,
        conf: ArrayLike | None = None,
        *,
        skeleton: Skeleton | None = None,
        names: Mapping[int, str] | None = None,
        sigma: ArrayLike | None = None,
        xyz: ArrayLike | None = None,
        speed: Mapping[str, float] | None = None,
    ) -> Results:
        """Build results from plain arrays.

        Args:
            frame: The frame, or a BGR picture.
            boxes: ``(N, 6)`` x1, y1, x2, y2, conf, class; ``(N, 7)`` with a track id before conf.
            xy: ``(N, K, 2)`` pixels; None: no keypoint was predicted (NaN).
            conf: ``(N, K)`` in [0, 1].
            skeleton: What the K points are; coco17 unless given.
            names: Class number to class name.
            sigma: ``(N, K, 2)`` pixels.
            xyz: ``(N, K, 3)`` metres.
            speed: Milliseconds a stage.
        """
        frame = frame if isinstance(frame, Frame) else Frame(frame, Media("array"))
        shape = (frame.image.shape[0], frame.image.shape[1])
        skeleton = skeleton or get("coco17")
        rows = Boxes(np.asarray(boxes, dtype=np.float32), shape)  # type: ignore[arg-type]
        if xy is None:
            xy = np.full((len(rows), len(skeleton), 2), np.nan, dtype=np.float32)
        points = Keypoints(xy, conf, skeleton, shape, sigma, xyz)  # type: ignore[arg-type]
        return cls(
            frame.image,
            rows,
            points,
            dict(names or {0: skeleton.instance}),
            frame.index,
            frame.time,
            frame.media,
            speed if isinstance(speed, Speed) else Speed(speed or _SPEED),
            frame.time_from,
        )

    def replace(self, **changes: Any) -> Results:
        """Return a copy with some attributes exchanged; a time that is given here counts as given."""
        if "time" in changes:
            changes.setdefault("time_from", "given")
        for name in changes:
            if name not in _FIELDS:
                raise TypeError(f"replace() has no argument {name!r}; known: {', '.join(_FIELDS)}")
        return Results(**({name: getattr(self, name) for name in _FIELDS} | changes), _single=self._single)

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, rows: Rows) -> Results:
        rest = {name: getattr(self, name) for name in _FIELDS[3:]}
        return Results(self.orig_img, self.boxes[rows], self.keypoints[rows], **rest, _single=one_row(rows))

    def __iter__(self) -> Iterator[Results]:
        return (self[i] for i in range(len(self)))

    def __getattr__(self, name: str) -> Point:
        if name.startswith("_"):
            raise AttributeError(name)
        # Not self.keypoints: on an object that pickle is still building, that would lead here again.
        keypoints: Keypoints = object.__getattribute__(self, "keypoints")
        if name not in keypoints.skeleton:
            raise attribute_error("Results", name, [*keypoints.skeleton.keypoints, *_public(type(self))])
        point = keypoints.named(name)
        return Point(*(float(column[0]) for column in point)) if self._single else point

    def __dir__(self) -> list[str]:
        return [*object.__dir__(self), *self.keypoints.skeleton.keypoints]

    def __repr__(self) -> str:
        height, width = self.orig_shape
        return f"Results({self.path}, frame {self.frame}, {width}x{height}, {self.verbose().rstrip(', ')})"

    @property
    def skeleton(self) -> Skeleton:
        """What the keypoints are."""
        return self.keypoints.skeleton

    @property
    def orig_shape(self) -> tuple[int, int]:
        """Height and width of the source picture, pixels."""
        return (self.orig_img.shape[0], self.orig_img.shape[1])

    @property
    def path(self) -> str:
        """The source as the user named it."""
        return self.media.name

    def numpy(self) -> Results:
        """Return a copy whose boxes and keypoints are plain numpy arrays that may be written to."""
        return self.replace(boxes=self.boxes.numpy(), keypoints=self.keypoints.numpy())

    def clone(self) -> Results:
        """Return a copy whose boxes and keypoints may be written to."""
        return self.replace(boxes=self.boxes.clone(), keypoints=self.keypoints.clone())

    def cpu(self) -> Results:
        """Return a copy whose boxes and keypoints may be written to."""
        return self.clone()

    def cuda(self, *_: Any, **__: Any) -> Results:
        """Return a copy whose boxes and keypoints may be written to: results live in main memory."""
        return self.clone()

    def to(self, *_: Any, **__: Any) -> Results:
        """Return a copy whose boxes and keypoints may be written to: results live in main memory."""
        return self.clone()

    @property
    def masks(self) -> None:
        """None: Poise finds no masks; here for code that asks."""

    @property
    def probs(self) -> None:
        """None: Poise does not classify pictures; here for code that asks."""

    @property
    def obb(self) -> None:
        """None: Poise finds no oriented boxes; here for code that asks."""

    def update(self, boxes: ArrayLike | Boxes | None = None, keypoints: ArrayLike | Keypoints | None = None) -> None:
        """Exchange boxes, keypoints or both in place, as users of this field know it.

        Everything else here leaves results as they are: :meth:`replace` returns a changed copy.

        Args:
            boxes: ``(N, 6)`` x1, y1, x2, y2, conf, class; ``(N, 7)`` with a track id before conf.
            keypoints: ``(N, K, 2)`` x, y or ``(N, K, 3)`` x, y, conf, pixels, of the same skeleton.

        Raises:
            ValueError: The rows of boxes and keypoints do not match.
        """
        new_boxes, new_points = self.boxes, self.keypoints
        if boxes is not None:
            new_boxes = boxes if isinstance(boxes, Boxes) else Boxes(freeze(boxes), self.orig_shape)
        if keypoints is not None:
            new_points = keypoints if isinstance(keypoints, Keypoints) else self._points(freeze(keypoints))
        changed = self.replace(boxes=new_boxes, keypoints=new_points)
        object.__setattr__(self, "boxes", changed.boxes)
        object.__setattr__(self, "keypoints", changed.keypoints)

    def _points(self, data: Array) -> Keypoints:
        if data.ndim != 3 or data.shape[2] not in (2, 3):
            raise ValueError(f"keypoints must have shape (N, {len(self.skeleton)}, 2 or 3), got {data.shape}")
        conf = data[:, :, 2] if data.shape[2] == 3 else None
        return Keypoints(data[:, :, :2], conf, self.skeleton, self.orig_shape)

    def summary(self, normalize: bool = False, decimals: int = 5) -> list[dict[str, Any]]:
        """Return one dictionary an instance, of plain Python values.

        Args:
            normalize: Positions divided by the picture's width and height, instead of pixels.
            decimals: Digits after the point.

        Returns:
            ``name``, ``class``, ``confidence``, ``box`` (``x1`` … ``y2``), ``track_id`` where there is one, and
            ``keypoints`` (lists ``x``, ``y`` and, where the network gives confidence, ``visible``). A keypoint that
            was not predicted is None.
        """
        return summary(self.boxes, self.keypoints, self.names, normalize=normalize, decimals=decimals)

    def to_json(self, normalize: bool = False, decimals: int = 5) -> str:
        """Return :meth:`summary` as JSON text; a keypoint that was not predicted is null."""
        return json.dumps(self.summary(normalize, decimals), indent=2, allow_nan=False, ensure_ascii=False)

    tojson = to_json

    def to_csv(self, normalize: bool = False, decimals: int = 5) -> str:
        """Return a table as CSV text, one row an instance.

        The columns are those of :meth:`summary`, spread out: ``name``, ``class``, ``confidence``, ``x1`` … ``y2``,
        ``track_id`` where there is one, then ``nose_x``, ``nose_y``, ``nose_visible`` and so on. What was not predicted
        is an empty cell.
        """
        return summary_csv(self.boxes, self.keypoints, self.names, normalize=normalize, decimals=decimals)

    def to_df(self, normalize: bool = False, decimals: int = 5) -> Any:
        """Return :meth:`summary` as a polars DataFrame, one row an instance; box and keypoints are structs.

        Raises:
            MissingExtra: polars is not installed.
        """
        return summary_df(self.boxes, self.keypoints, self.names, normalize=normalize, decimals=decimals)

    def save_txt(self, txt_file: str | Path, save_conf: bool = False) -> str:
        """Append the instances to a YOLO label file, one line each; nothing is written when there are none.

        Args:
            txt_file: The file; missing folders are made.
            save_conf: Predictions in place of labels: confidences of keypoints in place of their visibility, and the
                instance's own at the end of the line.

        Returns:
            The path of the file.
        """
        from poise.sinks import yolo_lines

        path = Path(txt_file)
        lines = yolo_lines(self, save_conf=save_conf)
        if lines:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines)
        return str(path)

    def save_crop(self, save_dir: str | Path, file_name: str | Path = "im.jpg") -> list[str]:
        """Cut every instance out and write it as ``save_dir/<class>/<file_name>.jpg``.

        A box is cut with 2 % and 10 pixels around it. An existing file is kept; the next is ``im2.jpg``, and so on.

        Args:
            save_dir: The folder; missing ones are made.
            file_name: Name of the files; the ending is always ``.jpg``.

        Returns:
            The paths of the written files; a box that lies outside the picture has none.
        """
        from poise.sinks import cut_out

        return cut_out(self, Path(save_dir), Path(file_name).stem)

    def verbose(self) -> str:
        """Return the count of each class as logs of this field word it: ``"2 persons, 1 dog, "``.

        Without instances it is ``"(no detections), "``.
        """
        if not len(self):
            return "(no detections), "
        numbers, counts = np.unique(np.asarray(self.boxes.cls).astype(int), return_counts=True)
        return "".join(
            f"{count} {self.names.get(number, number)}{'s' if count > 1 else ''}, "
            for number, count in zip(numbers.tolist(), counts.tolist(), strict=True)
        )

    def new(self) -> Results:
        """Return results of the same frame without instances."""
        return self[:0]

    def plot(self, **options: Any) -> Any:
        """Draw the result on a copy of its picture.

        Args:
            **options: ``boxes``, ``labels``, ``conf``, ``ids``, ``kpt_line``, ``sigma`` (True or False);
                ``kpt_radius``, ``line_width``, ``font_size`` (pixels); ``min_conf``; ``img`` (a BGR picture to draw
                on); ``pil``; ``save``, ``filename``, ``show``; ``style``: see :func:`poise.drawing.draw`.

        Returns:
            ``(H, W, 3)`` uint8 BGR; with ``pil=True`` a Pillow picture (RGB).

        Raises:
            TypeError: An option that does not exist, with the nearest that does.
        """
        from poise.drawing import plot

        return plot(self, **options)

    def show(self, **options: Any) -> str | None:
        """Draw the result and show it in the notebook or a window; with neither, write a file and print its path.

        Args:
            **options: Those of :meth:`plot`.

        Returns:
            The path of the file when one was written, else None.
        """
        from poise.drawing import show

        return show(self, **options)

    def save(self, filename: Any = None, **options: Any) -> str:
        """Draw the result and write it to a file.

        Args:
            filename: A path whose ending picks the format; None: ``results_NAME`` in the working folder.
            **options: Those of :meth:`plot`.

        Returns:
            The path.
        """
        from poise.drawing import write

        return write(self, filename, **options)

    def _repr_png_(self) -> bytes:
        from poise.drawing import png

        return png(self)

    def _repr_html_(self) -> str:
        from poise.drawing import page

        return page(self)


def _assign(self: Results, name: str, value: Any) -> None:
    """Exchange an attribute in place, as users of this field write it.

    Raises:
        AttributeError: There is no such attribute, or it follows from others.
        ValueError: Boxes and keypoints would no longer have the same rows.
    """
    if name in ("boxes", "keypoints"):
        rows = np.shape(value)[0] if isinstance(value, np.ndarray) else len(value)
        if rows != len(self):
            raise ValueError(
                f"result.{name} must keep its {len(self)} rows, got {rows}: boxes and keypoints belong together; to "
                "choose instances write result = result[rows]"
            )
        self.update(**{name: value})
    elif name == "path":
        object.__setattr__(self, "media", replace(self.media, name=str(value)))
    elif name in _FIELDS:
        object.__setattr__(self, name, value)
    elif isinstance(getattr(type(self), name, None), property):
        raise AttributeError(f"result.{name} follows from what was found; result.replace(…) gives a changed copy")
    else:
        raise attribute_error("Results", name, list(_FIELDS))


# A frozen class writes a method of its own here, whose message does not say what to do.
Results.__setattr__ = _assign  # type: ignore[assignment,method-assign]


def _public(kind: type) -> list[str]:
    return [name for name in dir(kind) if not name.startswith("_")]


__all__ = ["Array", "Boxes", "Keypoints", "Point", "Results", "freeze"]
