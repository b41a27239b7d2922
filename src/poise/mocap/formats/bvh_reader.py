"""BVH files of others, read within bounds: any order of channels, any names; errors name the line."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from poise import files
from poise.errors import FormatError
from poise.mocap import quaternions as quat

Floats = NDArray[np.float64]

_KINDS = ("Xposition", "Yposition", "Zposition", "Xrotation", "Yrotation", "Zrotation")
# A person with fingers, a face and twist bones has some 200.
_MOST_BONES = 4096
_DEEPEST = 200
_MOST_CHANNELS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Bvh:
    """What a BVH file says.

    Attributes:
        names: B names, parents before children.
        parents: ``(B,)`` row of each parent, -1 for the first.
        offsets: ``(B, 3)`` as written, in the file's unit.
        ends: Row of a bone to ``(3,)``: where it ends.
        channels: The channels of each bone, in their order.
        frame_time: Seconds a frame.
        values: ``(T, C)`` of all channels, degrees for angles.
    """

    names: tuple[str, ...]
    parents: NDArray[np.intp]
    offsets: Floats
    ends: dict[int, Floats]
    channels: tuple[tuple[str, ...], ...]
    frame_time: float
    values: Floats

    def rotations(self) -> Floats:
        """``(T, B, 4)`` of each bone, seen from its parent: its channels in their order, the first outermost."""
        return self._poses()[1]

    def joints(self) -> Floats:
        """``(T, B, 3)`` where the bones begin, in the file's unit."""
        places, local = self._poses()
        world = np.empty_like(local)
        for at, above in enumerate(self.parents):
            if above < 0:
                world[:, at] = local[:, at]
            else:
                world[:, at] = quat.multiply(world[:, above], local[:, at])
                places[:, at] = places[:, above] + quat.rotate(world[:, above], places[:, at])
        return places

    def _poses(self) -> tuple[Floats, Floats]:
        frames, bones = len(self.values), len(self.names)
        places = np.tile(self.offsets, (frames, 1, 1))
        turns = np.tile(quat.IDENTITY, (frames, bones, 1))
        column = 0
        for at, kinds in enumerate(self.channels):
            for kind in kinds:
                value, axis = self.values[:, column], "XYZ".index(kind[0])
                column += 1
                if kind.endswith("position"):
                    places[:, at, axis] = self.offsets[at, axis] + value
                else:
                    about = np.broadcast_to(np.eye(3)[axis], (frames, 3))
                    turns[:, at] = quat.multiply(turns[:, at], quat.from_axis_angle(about, np.radians(value)))
        return places, turns


def read_bvh(path: str | Path) -> Bvh:
    """Read a BVH file.

    Raises:
        FormatError: It cannot be read or is not BVH; with the line, what was found and what was expected.
    """
    try:
        text = files.read_text(path, most=files.MOST_TEXT)
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: not a readable BVH file: {error}") from error
    return _Reader(str(path), text).read()


class _Reader:
    """One pass over the lines."""

    def __init__(self, path: str, text: str) -> None:
        self._path, self._lines, self._at = path, text.split("\n"), 0
        self._names: list[str] = []
        self._parents: list[int] = []
        self._offsets: list[list[float]] = []
        self._channels: list[tuple[str, ...]] = []
        self._ends: dict[int, Floats] = {}

    def read(self) -> Bvh:
        self._expect(["HIERARCHY"])
        self._tree()
        word, count = self._pair("Frames:", "a number of frames")
        if not count.isdecimal():
            raise self._wrong(f"'{word} {count[:20]}' is no number of frames")
        _, step = self._pair("Frame Time:", "seconds a frame")
        seconds = self._number(step)
        if not 0 < seconds < 1e6:
            raise self._wrong(f"a frame must last more than 0 seconds, got {step[:20]!r}")
        return Bvh(
            tuple(self._names), np.array(self._parents, dtype=np.intp), np.array(self._offsets), self._ends,
            tuple(self._channels), seconds, self._values(int(count)),
        )  # fmt: skip

    def _tree(self) -> None:
        above: list[int] = []  # rows of the bones whose braces are open; -1 stands for an end site
        while True:
            words = self._next("the bones")
            kind = words[0].upper()
            if kind in ("ROOT", "JOINT"):
                if (kind == "ROOT") != (not above) or (kind == "ROOT" and self._names):
                    raise self._wrong(f"{kind} here: a file begins with one ROOT, and JOINTs are inside of it")
                if len(self._names) >= _MOST_BONES or len(above) >= _DEEPEST:
                    raise self._wrong(f"more than {_MOST_BONES} bones, or {_DEEPEST} one inside the other")
                self._names.append(" ".join(words[1:]) or f"bone{len(self._names)}")
                self._parents.append(above[-1] if above else -1)
                self._expect(["{"])
                self._offsets.append(self._offset())
                self._channels.append(self._channel_names())
                above.append(len(self._names) - 1)
            elif kind == "END" and above:
                self._expect(["{"])
                self._ends[above[-1]] = np.array(self._offset())
                self._expect(["}"])
            elif kind == "}" and above:
                above.pop()
            elif kind == "MOTION" and self._names and not above:
                return
            else:
                raise self._wrong(f"{' '.join(words)[:40]!r} where ROOT, JOINT, End Site, }} or MOTION was expected")

    def _offset(self) -> list[float]:
        words = self._next("OFFSET")
        if words[0].upper() != "OFFSET" or len(words) != 4:
            raise self._wrong(f"'OFFSET x y z' was expected, got {' '.join(words)[:40]!r}")
        return [self._number(word) for word in words[1:]]

    def _channel_names(self) -> tuple[str, ...]:
        words = self._next("CHANNELS")
        known = {kind.lower(): kind for kind in _KINDS}
        kinds = [known.get(word.lower(), "") for word in words[2:]]
        good = words[0].upper() == "CHANNELS" and len(words) >= 2 and words[1] == str(len(kinds)) and all(kinds)
        if not good or len(kinds) > _MOST_CHANNELS or len(set(kinds)) != len(kinds):
            raise self._wrong(f"'CHANNELS' with their number and names was expected, got {' '.join(words)[:60]!r}")
        return tuple(kinds)

    def _pair(self, label: str, what: str) -> tuple[str, str]:
        line = " ".join(self._next(what))
        if not line.lower().startswith(label.lower()):
            raise self._wrong(f"'{label}' with {what} was expected, got {line[:40]!r}")
        return label, line[len(label) :].strip()

    def _values(self, frames: int) -> Floats:
        width = sum(map(len, self._channels))
        rows: list[Floats] = []
        # The promised number is not believed before the lines are there.
        for _ in range(min(frames, len(self._lines))):
            words = self._next(f"frame {len(rows) + 1} of {frames}")
            if len(words) != width:
                raise self._wrong(f"frame {len(rows) + 1} has {len(words)} numbers, expected {width}")
            try:
                row = np.array(words, dtype=np.float64)
            except ValueError:
                row = np.array([self._number(word) for word in words])
            if not np.isfinite(row).all():
                raise self._wrong(f"frame {len(rows) + 1} has a number that is not finite")
            rows.append(row)
        if len(rows) < frames:
            raise self._wrong(f"{frames} frames are promised, and {len(rows)} are there")
        return np.array(rows).reshape(frames, width)

    def _number(self, word: str) -> float:
        try:
            value = float(word)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self._wrong(f"{word[:20]!r} is no number")
        return value

    def _next(self, what: str) -> list[str]:
        """Return the words of the next line that has any."""
        while self._at < len(self._lines):
            words = self._lines[self._at].split()
            self._at += 1
            if words:
                return words
        raise self._wrong(f"the file ends where {what} was expected")

    def _expect(self, words: list[str]) -> None:
        found = self._next(words[0])
        if [word.upper() for word in found] != words:
            raise self._wrong(f"{words[0]!r} was expected, got {' '.join(found)[:40]!r}")

    def _wrong(self, message: str) -> FormatError:
        return FormatError(f"{self._path}:{max(self._at, 1)}: {message}")
