"""What was found in one frame. ``Results`` is the only thing that travels from room to room.

The methods that draw, show and write (``plot``, ``show``, ``save`` …) open the rooms above for the user's comfort:
each imports ``poise.drawing`` or ``poise.sinks`` when it is called, and holds no algorithm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from poise.columns import Array, Boxes, Keypoints, Point, Rows, attribute_error, freeze
from poise.frames import Frame, Image, Media
from poise.skeletons import Skeleton, get

_SPEED = {"preprocess": 0.0, "inference": 0.0, "postprocess": 0.0}


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
        speed: Milliseconds for ``preprocess``, ``inference``, ``postprocess``.
    """

    orig_img: Image
    boxes: Boxes
    keypoints: Keypoints
    names: Mapping[int, str] = field(default_factory=lambda: {0: "person"})
    frame: int = 0
    time: float = 0.0
    media: Media = field(default_factory=lambda: Media("array"))
    speed: Mapping[str, float] = field(default_factory=lambda: dict(_SPEED))
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
            dict(speed or _SPEED),
        )

    def replace(self, **changes: Any) -> Results:
        """Return a copy with some attributes exchanged."""
        fields = ("orig_img", "boxes", "keypoints", "names", "frame", "time", "media", "speed")
        for name in changes:
            if name not in fields:
                raise TypeError(f"replace() has no argument {name!r}; known: {', '.join(fields)}")
        return Results(**({name: getattr(self, name) for name in fields} | changes))

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, rows: Rows) -> Results:
        part = (self.boxes[rows], self.keypoints[rows])
        single = isinstance(rows, (int, np.integer))
        return Results(self.orig_img, *part, self.names, self.frame, self.time, self.media, self.speed, single)

    def __iter__(self) -> Iterator[Results]:
        return (self[i] for i in range(len(self)))

    def __getattr__(self, name: str) -> Point:
        if name.startswith("_") or name not in self.keypoints.skeleton:
            raise attribute_error("Results", name, [*self.keypoints.skeleton.keypoints, *_public(type(self))])
        point = self.keypoints.named(name)
        return Point(*(float(column[0]) for column in point)) if self._single else point

    def __dir__(self) -> list[str]:
        return [*object.__dir__(self), *self.keypoints.skeleton.keypoints]

    def __repr__(self) -> str:
        height, width = self.orig_shape
        return f"Results({self.path}, frame {self.frame}, {width}x{height}, {self.verbose()})"

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

    def cpu(self) -> Results:
        """Return the same results: they live in main memory."""
        return self

    def cuda(self, *_: Any, **__: Any) -> Results:
        """Return the same results: they live in main memory."""
        return self

    def to(self, *_: Any, **__: Any) -> Results:
        """Return the same results: they live in main memory."""
        return self

    def numpy(self) -> Results:
        """Return the same results: they are numpy arrays already."""
        return self

    def verbose(self) -> str:
        """Return the count of each class in words: ``"2 persons"``, ``"nothing found"``."""
        if not len(self):
            return "nothing found"
        numbers, counts = np.unique(np.asarray(self.boxes.cls).astype(int), return_counts=True)
        return ", ".join(
            f"{count} {self.names.get(number, str(number))}{'s' if count > 1 else ''}"
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
                on); ``pil``; ``style``: see :func:`poise.drawing.draw`.

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


def _public(kind: type) -> list[str]:
    return [name for name in dir(kind) if not name.startswith("_")]


__all__ = ["Array", "Boxes", "Keypoints", "Point", "Results", "freeze"]
