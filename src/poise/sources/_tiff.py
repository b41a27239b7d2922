"""TIFF pictures of kinds that Pillow does not read: colours as floats or wide integers, plane after plane."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

# Types of a tag's values and their bytes. Source: TIFF 6.0, section 2; LONG8 and beyond are BigTIFF's.
_TYPES = {1: "B", 2: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 16: "Q"}
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _COLOURS = 256, 257, 258, 259, 262
_OFFSETS, _SAMPLES, _ROWS, _COUNTS, _PLANES, _PREDICTOR, _FORMAT = 273, 277, 278, 279, 284, 317, 339
_MOST_TAGS = 4096
_MOST_STRIPS = 2**20


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the pixels lie in the file."""

    width: int
    height: int
    samples: int
    bits: int
    kind: str
    apart: bool
    colours: int
    deflated: bool
    rows: int
    offsets: tuple[int, ...]
    counts: tuple[int, ...]
    order: str


def misread(file: IO[bytes]) -> bool:
    """Return whether Pillow opens a TIFF and gives other pixels than are in it: wide integers in planes or unsigned."""
    try:
        layout = _layout(file)
    except (OSError, struct.error):
        return False
    return layout is not None and layout.bits > 8 and (layout.apart or (layout.bits == 32 and layout.kind == "u"))


def read_tiff(file: IO[bytes], max_pixels: int) -> PIL.Image.Image | None:
    """Read the first picture of a TIFF file, uncompressed or deflated, in strips.

    Colours of floats are taken as 0 to 1 where all lie there, else stretched from the lowest to the highest value;
    integers of 16 and 32 bits are scaled to 8.

    Returns:
        The picture in modes L or RGB; None where the file is no such TIFF.

    Source:
        TIFF 6.0, sections 2 to 4; Adobe's deflate (compression 8), and SampleFormat.
    """
    layout = _layout(file)
    if layout is None or layout.width * layout.height > max_pixels:
        return None
    planes = layout.samples if layout.apart else 1
    across = layout.width * (1 if layout.apart else layout.samples)
    strips = -(-layout.height // layout.rows)
    if len(layout.offsets) != planes * strips or len(layout.counts) != len(layout.offsets):
        return None
    dtype = np.dtype(f"{layout.order}{layout.kind}{layout.bits // 8}")
    values: NDArray[Any] = np.zeros((planes, layout.height, across), dtype)
    for number, (offset, count) in enumerate(zip(layout.offsets, layout.counts, strict=True)):
        plane, strip = divmod(number, strips)
        rows = min(layout.rows, layout.height - strip * layout.rows)
        wanted = rows * across * dtype.itemsize
        file.seek(offset)
        data = file.read(min(count, 2 * wanted + 1024))
        if layout.deflated:
            data = zlib.decompressobj().decompress(data, wanted)
        if len(data) < wanted:
            raise EOFError
        begin = strip * layout.rows
        values[plane, begin : begin + rows] = np.frombuffer(data, dtype, count=rows * across).reshape(rows, across)
    if layout.apart:
        picture = np.moveaxis(values, 0, -1)
    else:
        picture = values.reshape(layout.height, layout.width, layout.samples)
    grey = picture[..., : 3 if layout.samples >= 3 else 1]
    small = _small(grey)
    if layout.colours == 0:  # white is zero
        small = 255 - small
    return PIL.Image.fromarray(small[..., 0] if small.shape[2] == 1 else small)


def _small(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return values of any type as 0 to 255."""
    if values.dtype.kind == "f":
        values = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        low, high = float(values.min()), float(values.max())
        if low >= 0 and high <= 1:
            low, high = 0.0, 1.0
        elif low >= 0 and 1 < high <= 255:
            low, high = 0.0, 255.0
    elif values.dtype.itemsize == 4:  # as of grey that Pillow reads: the least range that holds all
        low, high = float(values.min()), float(values.max())
        ceiling = next((top for top in (255.0, 65535.0) if high <= top), high)
        low, high = (0.0, ceiling) if low >= 0 and high <= 65535 else (low, high)
    else:
        low, high = 0.0, float(np.iinfo(values.dtype).max)
    return np.asarray(((values - low) * (255.0 / max(high - low, 1e-12)) + 0.5).clip(0, 255), dtype=np.uint8)


def _layout(file: IO[bytes]) -> _Layout | None:
    file.seek(0)
    head = file.read(8)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(head[:4])
    if order is None or len(head) < 8:
        return None
    tags = _tags(file, order, struct.unpack(f"{order}I", head[4:])[0])

    def one(tag: int, usual: int = 0) -> int:
        return tags.get(tag, (usual,))[0]

    bits, formats = set(tags.get(_BITS, (1,))), set(tags.get(_FORMAT, (1,)))
    width, height, samples = one(_WIDTH), one(_HEIGHT), one(_SAMPLES, 1)
    kind = {1: "u", 2: "i", 3: "f"}.get(one(_FORMAT, 1))
    sound = len(bits) == len(formats) == 1 and kind is not None and width > 0 and height > 0 and 1 <= samples <= 16
    known = one(_BITS) in ((16, 32, 64) if kind == "f" else (8, 16, 32)) and one(_COLOURS, 1) in (0, 1, 2)
    plain = one(_COMPRESSION, 1) in (1, 8, 32946) and one(_PREDICTOR, 1) == 1 and len(tags.get(_OFFSETS, ())) > 0
    if not (sound and known and plain) or kind is None:
        return None
    return _Layout(
        width=width,
        height=height,
        samples=samples,
        bits=one(_BITS),
        kind=kind,
        apart=one(_PLANES, 1) == 2 and samples > 1,
        colours=one(_COLOURS, 1),
        deflated=one(_COMPRESSION, 1) != 1,
        rows=min(max(one(_ROWS, height), 1), height),
        offsets=tags[_OFFSETS],
        counts=tags.get(_COUNTS, ()),
        order=order,
    )


def _tags(file: IO[bytes], order: str, place: int) -> dict[int, tuple[int, ...]]:
    file.seek(place)
    number = file.read(2)
    if len(number) < 2:
        return {}
    entries = [file.read(12) for _ in range(min(struct.unpack(f"{order}H", number)[0], _MOST_TAGS))]
    tags: dict[int, tuple[int, ...]] = {}
    for entry in entries:
        if len(entry) < 12:
            break
        tag, kind, count = struct.unpack(f"{order}HHI", entry[:8])
        if kind not in _TYPES or not 0 < count <= _MOST_STRIPS:
            continue
        size = struct.calcsize(f"={_TYPES[kind]}") * count
        data = entry[8 : 8 + size]
        if size > 4:
            file.seek(struct.unpack(f"{order}I", entry[8:])[0])
            data = file.read(size)
        if len(data) == size:
            tags[tag] = struct.unpack(f"{order}{count}{_TYPES[kind]}", data)
    return tags
