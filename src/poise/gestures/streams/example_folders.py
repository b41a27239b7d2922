"""Examples to teach gestures from, found in folders of pictures and video."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from poise.bodies.points import read_points
from poise.errors import SourceError
from poise.frames import Frame, continues
from poise.gestures.events import NONE
from poise.gestures.movements.examples import MoveExample, split_movements, trace, trim_movement
from poise.gestures.movements.observations import Observation, observe_body, observe_hand, observe_person
from poise.gestures.movements.traces import Part, trace_columns
from poise.gestures.movements.traces import mirrored as turned_round
from poise.gestures.shapes.embedding import unmirrored
from poise.gestures.shapes.examples import ExamplePicture
from poise.gestures.streams.frames import track_bodies
from poise.gestures.streams.hand_finder import HandFinder
from poise.gestures.streams.hand_follower import wrist_pairs
from poise.results import Results

if TYPE_CHECKING:
    from poise.model import Pose

# Points of a body below this are no part of an example.
_MIN_POINT = 0.3

# Passes results on as they come.
Watch = Callable[[Iterable[Results]], Iterable[Results]]


def collect_shapes(
    folders: Sequence[str | Path],
    *,
    hands: Pose | None,
    body: Pose,
    every_s: float = 0.3,
    mirrored: bool = False,
    watch: Watch | None = None,
) -> list[ExamplePicture]:
    """Find the hands, or bodies, in folders of examples.

    Args:
        folders: One a class, named after it; pictures and videos in them.
        hands: ``Pose("hands")`` to learn from hands; None: from bodies.
        body: Finds the bodies, and helps to find hands.
        every_s: Seconds between two frames of a video that become examples; frames in between look alike.
        mirrored: The pictures are mirrored, as selfie cameras give them; hands look the same either way.
        watch: Passes the results of each folder on, to show how far it is.

    Raises:
        SourceError: A folder is not there or holds nothing that can be read.
    """
    pictures = []
    for folder in folders:
        path = Path(folder)
        if not path.is_dir():
            raise SourceError(f"{path}: no such folder; expected one folder a gesture, named after it")
        finder = None if hands is None else HandFinder(hands)
        media, taken = None, -np.inf
        results: Iterable[Results] = body.predict(path, stream=True)
        for result in results if watch is None else watch(results):
            frame = Frame(result.orig_img, result.media, result.frame, result.time)
            if not continues(frame.media, media, scene=False):
                media, taken = frame.media, -np.inf
            found = finder.find(frame, result) if finder else result
            if frame.media.kind != "image" and frame.time - taken < every_s:
                continue
            taken = frame.time
            xy, conf = np.asarray(found.keypoints.xy, dtype=np.float64), found.keypoints.conf
            if finder is None and conf is not None:
                xy = np.where(np.asarray(conf)[..., None] >= _MIN_POINT, xy, np.nan)
            if finder is None and mirrored:
                xy = unmirrored(xy, found.skeleton)
            pictures.append(
                ExamplePicture(path.name, frame.media.name, xy, np.asarray(found.keypoints.xyz, dtype=np.float64))
            )
    return pictures


def collect_moves(
    folders: Sequence[str | Path],
    *,
    part: Part,
    hands: Pose | None,
    body: Pose,
    split: bool = False,
    mirrored: bool = False,
    watch: Watch | None = None,
) -> list[MoveExample]:
    """Find the movements in folders of videos.

    Of several people the one counts who is largest over the whole video; of two hands the one that moves more.

    Args:
        folders: One a class, named after it; each video is one try.
        part: What to learn from.
        hands: ``Pose("hands")``; None where hands do not matter.
        body: Finds the bodies, and helps to find hands.
        split: A video holds several tries with rests in between.
        mirrored: The videos are mirrored, as selfie cameras give them.
        watch: Passes the results of each folder on, to show how far it is.

    Returns:
        One an example; without rows where nothing was found.

    Raises:
        SourceError: A folder is not there or holds no video that can be read.
    """
    skeleton = "hand21" if part == "hand" else body.skeleton.name
    layout = trace_columns(part, skeleton)
    examples = []
    for folder in folders:
        path = Path(folder)
        if not path.is_dir():
            raise SourceError(f"{path}: no such folder; expected one folder a gesture, named after it")
        for name, observations in collect_observations(path, part=part, hands=hands, body=body, watch=watch):
            rows = trace(part, observations, skeleton=skeleton)
            if mirrored:
                rows = turned_round(rows, layout)
            if path.name == NONE:
                examples.append(MoveExample(NONE, name, rows))
            elif split:
                found = split_movements(rows, layout)
                examples += [MoveExample(path.name, f"{name} #{n}", one) for n, one in enumerate(found, 1)] or [
                    MoveExample(path.name, name, rows[:0])
                ]
            else:
                examples.append(MoveExample(path.name, name, trim_movement(rows, layout)))
    return examples


def collect_observations(
    source: str | Path, *, part: Part, hands: Pose | None, body: Pose, watch: Watch | None = None
) -> Iterator[tuple[str, list[tuple[float, Observation]]]]:
    """Yield each video of a source with the seconds and looks of the one hand or person that counts.

    Args:
        source: A video or a folder of videos.
        part: As for :func:`collect_moves`.
        hands: ``Pose("hands")``; None where hands do not matter.
        body: Finds the bodies.
        watch: Passes the results on, to show how far it is.

    Raises:
        SourceError: There is no video in it.
    """
    for name, frames in _videos(Path(source), hands, body, watch):
        yield name, _looks(frames, part)


# A frame of an example: its time, the bodies, the hands and the row of the body that each belongs to.
_Seen = tuple[float, Results, Results | None, list[int | None]]


def _videos(path: Path, hands: Pose | None, body: Pose, watch: Watch | None) -> Iterator[tuple[str, list[_Seen]]]:
    """Yield each video of a folder with what its frames show; pictures are left out, as nothing moves in them."""
    finder = None if hands is None else HandFinder(hands)
    media, frames = None, list[_Seen]()
    pictures = 0
    results: Iterable[Results] = track_bodies(body, path, {"stream": True})
    for result in results if watch is None else watch(results):
        if result.media.kind == "image":
            pictures += 1
            continue
        if not continues(result.media, media):
            if media is not None:
                yield media.name, frames
            media, frames = result.media, []
        frame = Frame(result.orig_img, result.media, result.frame, result.time)
        found = None if finder is None else finder.find(frame, result)
        mine: list[int | None] = []
        if found is not None and result.skeleton.name == "coco17":
            rows, _ = wrist_pairs(np.asarray(found.keypoints.xy, dtype=np.float64), *read_points(result))
            mine = [row if row >= 0 else None for row in rows.tolist()]
        # Only the points are kept: a folder of videos would not fit into memory.
        small = result.replace(orig_img=np.broadcast_to(np.uint8(0), result.orig_img.shape))
        if found is not None:
            found = found.replace(orig_img=small.orig_img)
        frames.append((result.time, small, found, mine))
    if media is None:
        there = {0: "no video", 1: "a picture and no video"}.get(pictures, f"{pictures} pictures and no video")
        raise SourceError(f"{path}: {there}; a movement is taught from videos, one try each")
    yield media.name, frames


def _looks(frames: Sequence[_Seen], part: Part) -> list[tuple[float, Observation]]:
    if part == "hand":
        ways = [_hand_looks(frames, left=left) for left in (True, False)]
        return max(ways, key=_way)
    who = _main_person(frames)
    observations = []
    for time, bodies, hands, mine in frames:
        row = who(bodies)
        if row is None:
            continue
        rows = [n for n, owner in enumerate(mine) if owner == row or (owner is None and len(bodies) == 1)]
        observations.append(
            (time, observe_body(bodies, row) if part == "body" else observe_person(bodies, row, hands, rows))
        )
    return observations


def _main_person(frames: Sequence[_Seen]) -> Callable[[Results], int | None]:
    """Return what finds the row of the person who is largest over all frames; without ids of each frame."""
    sizes: Counter[int] = Counter()
    for _, bodies, _, _ in frames:
        if bodies.boxes.id is not None:
            sizes.update(dict(zip(np.asarray(bodies.boxes.id, dtype=int).tolist(), _areas(bodies), strict=True)))

    def of(bodies: Results) -> int | None:
        if not len(bodies):
            return None
        if bodies.boxes.id is None or not sizes:
            return int(np.argmax(_areas(bodies)))
        rows = np.flatnonzero(np.asarray(bodies.boxes.id, dtype=int) == sizes.most_common(1)[0][0])
        return int(rows[0]) if len(rows) else None

    return of


def _areas(bodies: Results) -> list[int]:
    boxes = np.asarray(bodies.boxes.xyxy, dtype=np.float64)
    areas: list[int] = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).astype(int).tolist()
    return areas


def _hand_looks(frames: Sequence[_Seen], *, left: bool) -> list[tuple[float, Observation]]:
    observations = []
    for time, _, hands, _ in frames:
        assert hands is not None  # a hand is looked for with a hand model
        named = [hands.names[int(one)] == "left_hand" for one in np.asarray(hands.boxes.cls).tolist()]
        rows = [row for row, one in enumerate(named) if one == left]
        if rows:
            observations.append((time, observe_hand(hands, rows[0], left=left)))
    return observations


def _way(observations: Sequence[tuple[float, Observation]]) -> float:
    """Return how far a hand goes, in its own sizes."""
    if len(observations) < 2:
        return 0.0
    middles = np.array([observation.xy.mean(axis=0) for _, observation in observations])
    size = np.mean([np.ptp(observation.xy, axis=0).max() for _, observation in observations])
    return float(np.linalg.norm(np.diff(middles, axis=0), axis=1).sum() / max(size, 1e-9))
