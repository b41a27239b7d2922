"""What is looked for: poses and movements of pictures, frames, stretches of video, files of poses and gesture sets."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poise.bodies.pose_embedding import Layout, Vectors, embed, layout, mirrored
from poise.errors import FormatError, PoiseError, suggest
from poise.results import Results
from poise.search.looks import look_again
from poise.search.products import Question, question_of
from poise.search.reading import READERS, read_poses
from poise.search.rows import PoseRows
from poise.skeletons import get

if TYPE_CHECKING:
    from poise.model import Pose

# A pose of less weight than this, in points of importance 1, fits anything.
_LEAST = 3.0
# FILE@12.5 and FILE@10-12, in seconds.
_AT = re.compile(r"(?P<file>.+)@(?P<start>\d+(?:\.\d+)?)(?:-(?P<end>\d+(?:\.\d+)?))?", re.DOTALL)


@dataclass(frozen=True, slots=True, eq=False)
class Like:
    """Poses that are looked for, Q of them.

    Attributes:
        embedding: ``(Q, 2 P + 1)`` float32 of :func:`poise.bodies.pose_embedding.embed`.
        weight: ``(Q, P)`` float32.
        layout: Which points these are.
        person: ``(Q,)`` int64 whose pose each is: several of one person are looks at the same pose.
        times: ``(Q,)`` float64 seconds, of the poses of one movement; empty where each stands for itself.
        name: What it is from.
        pictures: The frames that they are from, where there are any, each with the person's row in it: one a person,
            or one a pose of a movement.
    """

    embedding: Vectors
    weight: Vectors
    layout: Layout
    person: NDArray[np.int64]
    times: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    name: str = ""
    pictures: tuple[tuple[Results, int], ...] = ()

    def __len__(self) -> int:
        return len(self.embedding)

    @classmethod
    def of(cls, result: Results, *, person: int | None = None, name: str = "", model: Pose | None = None) -> Like:
        """Look for the people of one frame.

        Args:
            result: The frame.
            person: Only this one, numbered by size from 1, the largest; None: everybody who shows enough.
            name: What it is from; the frame's source unless given.
            model: Looks at the picture again, turned a little to both sides: it sees another pose each time, and a hit
                is like one of them. None: only what the result holds.

        Raises:
            ValueError: Nobody is in it who shows enough of a pose, or there are fewer people.
        """
        looks = look_again(result, model)
        embedding, weight = embed(looks.xy, looks.conf, result.skeleton)
        name, used = name or result.path, layout(result.skeleton)
        chosen = _chosen(np.asarray(result.boxes.xyxy), _enough(weight[: len(result)], used), person, name)
        # Looks of a person that show too little are left out.
        rows = [np.flatnonzero((looks.person == i) & _enough(weight, used)) for i in chosen]
        whose = np.repeat(np.arange(len(rows)), [len(some) for some in rows])
        every = np.concatenate(rows)
        pictures = tuple((result, i) for i in chosen)
        return cls(embedding[every], weight[every], used, whose, name=name, pictures=pictures)

    def poses(self, *, mirror: bool = False) -> tuple[Vectors, Vectors]:
        """Return ``(Q, 2 P + 1)`` embeddings and ``(Q, P)`` weights; with ``mirror`` the mirrored ones follow, 2 Q."""
        if not mirror:
            return self.embedding, self.weight
        other = mirrored(self.embedding, self.weight, self.layout)
        return np.concatenate([self.embedding, other[0]]), np.concatenate([self.weight, other[1]])

    def question(self, used: Layout, *, mirror: bool = False) -> Question:
        """Return it ready for the product; the mirrored poses follow the others.

        Raises:
            ValueError: Its points are not those of the index.
        """
        if used.points != self.layout.points:
            raise ValueError(
                f"{self.name}: shows poses of {self.layout.name}, and what is searched are poses of {used.name}; "
                "use the model with which those were found (--model)"
            )
        return question_of(*self.poses(mirror=mirror), used)


def read_like(
    text: str | Path,
    *,
    model: Callable[[], Pose] | None = None,
    person: int | None = None,
    window: bool = False,
    looks: bool = True,
) -> Like:
    """Read what is looked for.

    Args:
        text: A picture; ``VIDEO@SECONDS`` a frame of a video; ``VIDEO@FROM-TO`` a movement; a file of poses
            (``.jsonl``, ``.parquet``, ``.csv``), of which the first frame with people counts, or with ``@SECONDS`` the
            nearest one; or ``SET.toml:NAME`` a taught gesture of bodies, whose examples are looked for.
        model: Opens the model that looks at pictures; None: ``Pose("body")``.
        person: Which person, numbered by size from 1; None: everybody, and of a movement who is seen longest.
        window: The stretch of a video is a movement; without it ``VIDEO@FROM-TO`` is refused.
        looks: The model looks at a picture three times; see :meth:`Like.of`.

    Raises:
        ValueError: It is none of these, or nobody is found in it.
        PoiseError: A file cannot be read.
    """
    text = str(text)
    made = _AT.fullmatch(text)
    file, start, end = text, None, None
    if made is not None and not Path(text).exists():
        file, start = made["file"], float(made["start"])
        end = None if made["end"] is None else float(made["end"])
    if window and end is None:
        raise ValueError(f"{text}: a movement is a stretch of a video, such as clip.mp4@10-12")
    if end is not None:
        if not window:
            raise ValueError(
                f"{text}: a stretch of time is a movement; add --window, or give one time: {file}@{start:g}"
            )
        from poise.search.movements import read_movement

        return read_movement(file, float(start or 0.0), end, model=_opened(model), person=person)
    head, colon, gesture = file.rpartition(":")
    if colon and head.lower().endswith(".toml"):
        return _gesture(head, gesture)
    if Path(file).suffix.lower() == ".toml":
        raise ValueError(f"{file}: say which gesture of the set, such as {file}:NAME")
    if Path(file).suffix.lower() in READERS:
        return _from_poses(Path(file), start, person)
    opened = _opened(model)
    return Like.of(_look(file, start, opened), person=person, name=text, model=opened if looks else None)


def _opened(model: Callable[[], Pose] | None) -> Pose:
    if model is not None:
        return model()
    from poise.model import Pose

    return Pose()


def _look(file: str, start: float | None, model: Pose) -> Results:
    from poise.sources import frames_between, open_source

    if start is not None:
        frame = next(frames_between(file, start))
    else:
        with open_source(file, prefetch=0) as source:
            frame = next(iter(source))
        if frame.media.kind != "image":
            raise ValueError(f"{file}: say which moment of it, such as {file}@12.5 (seconds)")
    results: list[Results] = model.predict(frame, verbose=False)
    return results[0]


def _from_poses(path: Path, start: float | None, person: int | None) -> Like:
    """Look for the people of the first frame of a file of poses, or of the frame at a time."""
    best: tuple[float, PoseRows] | None = None
    for rows in read_poses(path):
        if not len(rows):
            continue
        times = np.nan_to_num(rows.time)
        at = 0 if start is None else int(np.argmin(np.abs(times - start)))
        away = 0.0 if start is None else float(abs(times[at] - start))
        if best is None or away < best[0]:
            same = (rows.source == rows.source[at]) & (rows.frame == rows.frame[at])
            best = away, rows[np.flatnonzero(same)]
        if start is None:
            break
    if best is None:
        raise ValueError(f"{path}: nobody is in it, so there is no pose to look for")
    rows = best[1]
    embedding, weight = embed(rows.xy, rows.conf, rows.skeleton)
    used = layout(rows.skeleton)
    chosen = _chosen(rows.box, _enough(weight, used), person, str(path))
    return Like(embedding[chosen], weight[chosen], used, np.arange(len(chosen)), name=str(path))


def _chosen(box: NDArray[np.float32], enough: NDArray[np.bool_], person: int | None, name: str) -> list[int]:
    """Return the rows of the people who are looked for, the largest first.

    Args:
        box: ``(N, 4)`` pixels.
        enough: ``(N,)`` who shows enough of a pose.
        person: Only this one, from 1; None: all who do.
        name: What it is from, for errors.

    Raises:
        ValueError: There are fewer people, or too little is shown.
    """
    if not len(box):
        raise ValueError(f"{name}: nobody was found in it, so there is no pose to look for")
    with np.errstate(invalid="ignore"):
        areas = np.nan_to_num(np.prod(box[:, 2:].astype(np.float64) - box[:, :2], axis=1))
    order = np.argsort(-areas, kind="stable")
    if person is not None:
        if not 1 <= person <= len(order):
            raise ValueError(f"{name}: person must be from 1 (the largest) to {len(order)}, got {person}")
        order = order[person - 1 : person]
    rows: list[int] = order[enough[order]].tolist()
    if not rows:
        who = "nobody in it shows" if person is None else f"person {person} does not show"
        raise ValueError(f"{name}: {who} enough of a pose: three points or more must be seen")
    return rows


def _gesture(path: str, name: str) -> Like:
    """Look for the examples of a taught gesture."""
    from poise.gestures import TaughtShapes
    from poise.gestures.shapes.shape_file import parse_shapes
    from poise.skeletons.tomlfile import read_toml

    file = read_toml(path)
    if file.table.get("kind") != "taught":
        raise FormatError(
            f"{path}: holds no poses, but what gestures are told by; give a set that 'poise gestures teach' learned of "
            "bodies, or a picture of the gesture"
        )
    taught: TaughtShapes = parse_shapes(file)
    if name not in taught.classes:
        raise ValueError(f"{path}: no gesture named {name!r}{suggest(name, taught.classes)}")
    if taught.skeleton == "hand21":
        raise FormatError(
            f"{path}: holds measures of hands, from which no pose can be drawn; give a picture of the hand"
        )
    try:
        skeleton = get(taught.skeleton)
    except (KeyError, PoiseError):
        raise FormatError(
            f"{path}: its skeleton {taught.skeleton!r} is not known here; give a picture instead"
        ) from None
    rows = taught.vectors[taught.labels == taught.classes.index(name)]
    embedding, weight = embed(rows.reshape(len(rows), -1, 2), None, skeleton)
    used = layout(skeleton)
    enough = _enough(weight, used)
    if not enough.any():
        raise ValueError(f"{path}:{name}: no example shows enough of a pose: three points or more must be seen")
    # All are looks at one pose.
    whose = np.zeros(int(enough.sum()), dtype=np.int64)
    return Like(embedding[enough], weight[enough], used, whose, name=f"{path}:{name}")


def _enough(weight: Vectors, used: Layout) -> NDArray[np.bool_]:
    least = min(_LEAST, 0.5 * float(used.importance.sum()))
    shown: NDArray[np.bool_] = (weight * used.importance).sum(axis=1) >= least
    return shown
