"""The hands of people whose bodies are tracked: found in the same pass over a video, and told whose they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poise.bodies.points import read_coco_points
from poise.clips import Clip
from poise.frames import Frame, Media, continues
from poise.gestures.streams.hand_finder import HandFinder
from poise.gestures.streams.hand_follower import MIN_LONE_WRIST, HandFollower
from poise.mocap.hand_motion import hand_id
from poise.mocap.who import rows_of_people
from poise.results import Boxes, Results
from poise.skeletons import get

if TYPE_CHECKING:
    from poise.model import Pose

Floats = NDArray[np.float64]

# Knuckles of index to little finger; and how much nearer than the hand's own wrist one of them must be to the body's,
# in sizes of the hand, to mean something.
_KNUCKLES, _SLACK = [5, 9, 13, 17], 0.1


class HandWatch:
    """Finds the hands of tracked bodies frame by frame.

    Wrists of the bodies tell where to look, whose a hand is and which of the two; what is not at anybody's wrist is
    left out.

    Args:
        model: Finds hands; None: ``Pose("hands")``, made with the first frame.
    """

    def __init__(self, model: Pose | None = None) -> None:
        self._model = model
        self._finder: HandFinder | None = None
        self._follower = HandFollower()
        self._media: Media | None = None

    def update(self, bodies: Results) -> Results:
        """Return the hands of the next frame, ``hand21`` with xyz, each with the id of :func:`hand_id`.

        Args:
            bodies: One frame of a body model, tracked, with its picture.
        """
        if self._finder is None:
            if self._model is None:
                from poise.model import Pose

                self._model = Pose("hands")
            self._finder = HandFinder(self._model)
        if not continues(bodies.media, self._media, scene=False):
            self._follower = HandFollower()
        self._media = bodies.media
        pairs = list(rows_of_people(bodies))
        ids, rows = [id for id, _ in pairs], np.array([row for _, row in pairs], dtype=np.intp)
        xy, sure = read_coco_points(bodies)
        frame = Frame(bodies.orig_img, bodies.media, bodies.frame, bodies.time)
        corners = np.asarray(bodies.boxes.xyxy)[rows]
        columns = np.concatenate([corners, np.asarray(bodies.boxes.conf)[rows, None], np.zeros((len(rows), 1))], axis=1)
        seen = Results.of(frame, columns, xy[rows], sure[rows], skeleton=get("coco17"))
        return self._owned(frame, self._finder.find(frame, seen), (xy[rows], sure[rows]), ids)

    def _owned(self, frame: Frame, hands: Results, bodies: tuple[Floats, Floats], ids: Sequence[int]) -> Results:
        points = np.asarray(hands.keypoints.xy, dtype=np.float64)
        right = np.array([hands.names.get(int(one)) == "right_hand" for one in np.asarray(hands.boxes.cls)], dtype=bool)
        told = self._follower.update(points, right, frame.time, bodies=bodies, people=ids)
        known = {id: row for row, id in enumerate(ids)}
        conf = np.asarray(hands.boxes.conf)
        best: dict[int, int] = {}
        for row in np.argsort(-conf, kind="stable").tolist():
            side = int(told.right[row])
            body = known.get(told.ids[row])
            if body is not None and not _backwards(points[row], bodies[0][body, 9 + side], bodies[1][body, 9 + side]):
                best.setdefault(hand_id(told.ids[row], side), row)
        rows = np.array(list(best.values()), dtype=np.intp)
        return _named(hands[rows], np.array(list(best), dtype=np.float32))


def _backwards(hand: Floats, wrist: Floats, sure: float) -> bool:
    """Whether a hand was seen the wrong way round: its fingers begin at the body's wrist, its wrist is far from it.

    Args:
        hand: ``(21, 2)`` pixels.
        wrist: ``(2,)`` of the body.
        sure: Confidence of that.
    """
    if sure < MIN_LONE_WRIST:
        return False
    away = np.linalg.norm(hand - wrist, axis=-1)
    return bool(away[0] > away[_KNUCKLES].min() + _SLACK * np.ptp(hand, axis=0).max())


def _named(hands: Results, ids: NDArray[np.float32]) -> Results:
    data = np.asarray(hands.boxes.data)
    data = np.column_stack([data[:, :4], ids, data[:, -2:]])
    return hands.replace(boxes=Boxes(data, hands.orig_shape))  # type: ignore[arg-type]  # it freezes what it is given


def with_hands(results: Iterable[Results], model: Pose | None = None) -> tuple[Clip, Clip]:
    """Collect the results of a body model, and the hands of these people from the same pictures.

    Args:
        results: Of one source, tracked, with their pictures.
        model: As for :class:`HandWatch`.

    Returns:
        The bodies, in which the pieces of broken tracks are one, and the hands, ids as in :func:`hand_id`.

    Raises:
        ValueError: As :meth:`poise.clips.Clip.of`.
    """
    from poise.tracking import relink

    watch, found = HandWatch(model), []

    def watched() -> Iterator[Results]:
        for result in results:
            height, width = result.orig_shape
            hands = watch.update(result)
            # Without the picture, so that no video lies in memory.
            found.append(hands.replace(orig_img=np.broadcast_to(np.zeros(1, np.uint8), (height, width, 3))))
            yield result

    bodies, joins = relink(Clip.of(watched()))
    owner = {join.joined: join.kept for join in joins}
    return bodies, Clip.of(_renamed(found, owner) if owner else found)


def _renamed(found: Sequence[Results], owner: dict[int, int]) -> Iterator[Results]:
    """Give hands the ids of the people whose broken tracks were joined; two of one side in a frame: the first stays."""
    for hands in found:
        given = np.asarray(hands.boxes.id).astype(int).tolist() if len(hands) else []
        ids = [hand_id(owner.get((id + 1) // 2, (id + 1) // 2), (id + 1) % 2) for id in given]
        kept = [row for row, id in enumerate(ids) if id not in ids[:row]]
        yield _named(hands[np.array(kept, dtype=np.intp)], np.array(ids, dtype=np.float32)[kept])
