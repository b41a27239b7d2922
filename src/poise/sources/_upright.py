"""Decoded video frames as upright BGR arrays with square pixels and the usual range of brightness."""

from __future__ import annotations

import itertools
import struct
from fractions import Fraction
from typing import Any

from poise.frames import Image
from poise.sources._bright import CURVES, table_file
from poise.sources._options import ReadOptions
from poise.sources._pictures import check_size

# Display matrix (signs of its a, b, c, d) -> filters that turn the frame upright.
# Source: ISO/IEC 14496-12, 6.2.2: x' = a x + c y, y' = b x + d y.
_FILTERS: dict[tuple[int, int, int, int], tuple[tuple[str, str], ...]] = {
    (0, 1, -1, 0): (("transpose", "clock"),),
    (0, -1, 1, 0): (("transpose", "cclock"),),
    (-1, 0, 0, -1): (("hflip", ""), ("vflip", "")),
    (-1, 0, 0, 1): (("hflip", ""),),
    (1, 0, 0, -1): (("vflip", ""),),
    (0, 1, 1, 0): (("transpose", "cclock_flip"),),
    (0, -1, -1, 0): (("transpose", "clock_flip"),),
}
# Pixels whose sides differ by less are square: encoders round. Beyond eight to one a file is wrong, not anamorphic.
_NEARLY_SQUARE = 0.005
_MOST_OBLONG = 8.0


class Upright:
    """Turns decoded frames into upright BGR arrays.

    Args:
        av: PyAV.
        options: Its limit of pixels.
        name: How errors call the source.
        aspect: Width of a pixel over its height, as stored; None or 0 where it is not stated.

    Attributes:
        notes: What the user may want to know.
    """

    def __init__(self, av: Any, options: ReadOptions, name: str, aspect: Fraction | None) -> None:
        self.av = av
        self.options = options
        self.name = name
        self.notes: list[str] = []
        self.aspect = _believable(aspect)
        self.reformatter = av.video.reformatter.VideoReformatter()
        self.shape: tuple[Any, ...] | None = None
        self.size: tuple[int, int] | None = None  # width and height with square pixels, where they differ
        self.graph: Any = None

    def __call__(self, picture: Any) -> Image:
        """Return ``(H, W, 3)`` uint8 BGR.

        Raises:
            SourceError: The frame has too many pixels.
        """
        shape = (picture.width, picture.height, picture.format.name, int(picture.color_trc))
        if shape != self.shape:
            self._prepare(picture)
            self.shape = shape
        if self.graph is not None:
            # Turning the planes before they become BGR moves half the bytes, with the filter's vector code.
            self.graph.push(picture)
            picture = self.graph.pull()
        if self.size is None:
            image: Image = self.reformatter.reformat(picture, format="bgr24").to_ndarray()
        else:
            width, height = self.size
            image = self.reformatter.reformat(picture, width=width, height=height, format="bgr24").to_ndarray()
        return image

    def _prepare(self, picture: Any) -> None:
        """Find out how frames like this one are turned, stretched and mapped."""
        width, height = square(picture.width, picture.height, self.aspect)
        check_size(self.name, picture.width, picture.height, self.options.max_frame)
        check_size(self.name, width, height, self.options.max_frame)
        steps = self._turn(picture)
        if any(name == "transpose" for name, _ in steps):
            width, height, turned = height, width, (picture.height, picture.width)
        else:
            turned = (picture.width, picture.height)
        self.size = None if (width, height) == turned else (width, height)
        if self.size is not None:
            self._note(f"its pixels are not square; frames are given as {width} x {height}, as players show them")
        curve = int(picture.color_trc)
        if curve not in CURVES:
            self.graph = self._chain(picture, steps) if steps else None
        elif "lut3d" not in self.av.filter.filters_available:  # pragma: no cover - every build so far has it
            self._note(f"{CURVES[curve]} video, whose colours this build of FFmpeg cannot map: it looks pale")
            self.graph = self._chain(picture, steps) if steps else None
        else:
            self._note(f"{CURVES[curve]} video: its brightness is mapped to the range of usual pictures")
            wide = int(picture.color_primaries) == 9
            matrix = "bt2020" if int(picture.colorspace) in (9, 10) else "auto"
            with table_file(curve, wide=wide) as path:
                mapping = (
                    ("scale", f"in_color_matrix={matrix}"),
                    ("format", "gbrp16le"),
                    ("lut3d", f"file={_escaped(path)}:interp=trilinear"),
                    ("format", "bgr24"),
                )
                self.graph = self._chain(picture, (*steps, *mapping))

    def _note(self, text: str) -> None:
        note = f"{self.name}: {text}"
        if note not in self.notes:
            self.notes.append(note)

    def _turn(self, picture: Any) -> tuple[tuple[str, str], ...]:
        # PyAV ties a frame whose side data was asked for to itself, which keeps it until the garbage collector comes
        # by; so the question goes to a thumbnail.
        thumbnail = self._chain(picture, (("scale", "16:16"),))
        thumbnail.push(picture)
        return _FILTERS.get(_display_matrix(thumbnail.pull()), ())

    def _chain(self, picture: Any, steps: tuple[tuple[str, str], ...]) -> Any:
        """Return a filter graph for frames like ``picture``."""
        graph = self.av.filter.Graph()
        base = picture.time_base or Fraction(1, 1_000_000)
        chain = [graph.add_buffer(width=picture.width, height=picture.height, format=picture.format, time_base=base)]
        chain += [graph.add(name, argument or None) for name, argument in steps]
        chain.append(graph.add("buffersink"))
        for left, right in itertools.pairwise(chain):
            left.link_to(right)
        graph.configure()
        return graph


def square(width: int, height: int, aspect: float) -> tuple[int, int]:
    """Return width and height with square pixels: what is too narrow is widened, what is too low is heightened.

    Args:
        width: Stored columns.
        height: Stored rows.
        aspect: Width of a pixel over its height.

    Example:
        >>> square(720, 576, 64 / 45), square(720, 480, 8 / 9), square(640, 480, 1.0)
        ((1024, 576), (720, 540), (640, 480))
    """
    return (round(width * aspect), height) if aspect >= 1 else (width, round(height / aspect))


def _believable(aspect: Fraction | None) -> float:
    value = float(aspect or 1)
    usual = not 1 / _MOST_OBLONG <= value <= _MOST_OBLONG or abs(value - 1) < _NEARLY_SQUARE
    return 1.0 if usual else value


def _escaped(path: str) -> str:
    """Return a path as FFmpeg's filters read it: colons and quotes mean something there."""
    return path.replace("\\", "/").replace("'", "\\'").replace(":", "\\:")


def _display_matrix(picture: Any) -> tuple[int, int, int, int]:
    """Return the signs of a frame's display matrix; a matrix that turns by less than a quarter is none."""
    for entry in picture.side_data:
        # PyAV 19 gives the kinds, earlier versions the data.
        if getattr(entry, "type", entry).name == "DISPLAYMATRIX":
            data = entry if hasattr(entry, "type") else picture.side_data[entry]
            a, b, _, c, d = struct.unpack("=5i", bytes(data)[:20])
            most = max(abs(a), abs(b), abs(c), abs(d), 1)
            signs = tuple(round(value / most) for value in (a, b, c, d))
            return (signs[0], signs[1], signs[2], signs[3])
    return (1, 0, 0, 1)
