"""Gestures of hands and bodies, frame by frame."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path

import numpy as np

from poise.bodies.hands import readable
from poise.bodies.points import read_points
from poise.geometry import Floats
from poise.gestures.definitions.body_measures import body_measures
from poise.gestures.definitions.definition import Definitions
from poise.gestures.definitions.history import BodyHistory
from poise.gestures.definitions.scorers import BodyScorer, HandScorer, pick_body_gesture, pick_hand_gesture
from poise.gestures.events import UNKNOWN, Gesture, GestureEvent, GestureEvents
from poise.gestures.movements.move_watch import MoveWatch, with_move
from poise.gestures.movements.taught_moves import TaughtMoves
from poise.gestures.movements.traces import SPACE
from poise.gestures.sets import read_set
from poise.gestures.shapes.embedding import embed, unmirrored
from poise.gestures.shapes.taught_shapes import TaughtShapes
from poise.gestures.streams.hand_follower import FollowedHands, HandFollower, follow_hands
from poise.results import Results

DEFAULT_SETS = ("hands", "body")
# A body below this is too doubtful to say anything of: from here its points are usable.
_MIN_BODY_CONF = 0.3
# Points of a body below this are not compared with taught ones.
_MIN_POINT = 0.3


class GestureRecognizer:
    """Says what hands and bodies show.

    Args:
        set: Name of a bundled set (``"hands"``, ``"numbers"``, ``"body"``, ``"moves"``), the path of a TOML file of
            definitions or taught examples, or several of them. The default is hands and body.
        mirrored: The pictures are mirrored, as selfie cameras give them: left and right are exchanged.
        hold_s: Seconds until a gesture counts as an event; see :class:`GestureEvents`.
        release_s: Seconds that it may be missing.

    ``recognize`` looks at one frame alone. ``update`` is for the frames of one video in order; it keeps the past that
    moving gestures need, and ``events`` holds what began or ended in the last frame.

    Raises:
        ValueError: There is no such set; with the nearest name.
        FormatError: A file is wrong: its line, what was found, what was expected.

    Example:
        >>> GestureRecognizer().names[:3]
        ['fist', 'open_palm', 'point']
    """

    def __init__(
        self,
        set: str | Path | Sequence[str | Path] | None = None,
        *,
        mirrored: bool = False,
        hold_s: float = 0.2,
        release_s: float = 0.4,
    ) -> None:
        wanted = DEFAULT_SETS if set is None else [set] if isinstance(set, (str, Path)) else set
        sets = [read_set(one) for one in wanted]
        self.sets = [one for one in sets if isinstance(one, Definitions)]
        self.taught = [one for one in sets if isinstance(one, TaughtShapes)]
        self.moves = [one for one in sets if isinstance(one, TaughtMoves)]
        gestures = [gesture for one in self.sets for gesture in one.gestures]
        self.mirrored = mirrored
        self._hands, self._bodies = HandScorer(gestures), BodyScorer(gestures)
        holds = {one.name: one.hold_s for one in gestures if one.hold_s is not None}
        self._stream = GestureEvents(hold_s=hold_s, release_s=release_s, holds=holds)
        self._taught_names = {one.name: one.names for one in self.moves} | {one.name: one.names for one in self.taught}
        self._watch = MoveWatch(self.moves)
        self._past: dict[Hashable, BodyHistory] = {}
        self._follower = HandFollower()
        self.events: list[GestureEvent] = []

    @property
    def names(self) -> list[str]:
        """Every gesture that can be said, in the order of the sets."""
        taught = [name for names in self._taught_names.values() for name in names]
        return list(dict.fromkeys([*taught, *self._hands.names, *self._bodies.names]))

    @property
    def parts(self) -> tuple[str, ...]:
        """Which models it needs: ``"hand"``, ``"body"`` or both."""
        skeletons = {one.skeleton for one in self.taught}
        moving = {one.part for one in self.moves}
        hand = self._hands.names or "hand21" in skeletons or moving & {"hand", "both"}
        body = self._bodies.names or skeletons - {"hand21"} or moving & {"body", "both"}
        return tuple(part for part, there in (("hand", hand), ("body", body)) if there)

    @property
    def _needs(self) -> dict[str, str]:
        """Skeleton of the bodies that each set needs."""
        needs = {one.name: one.skeleton for one in self.taught} | {one.name: one.skeleton for one in self.moves}
        if self._bodies.names:
            needs["gestures of bodies"] = "coco17"
        return {name: skeleton for name, skeleton in needs.items() if skeleton != "hand21"}

    @property
    def in_space(self) -> bool:
        """Whether the sets were taught from bodies in space, and need a model such as ``body-3d``."""
        return SPACE in self._needs.values()

    def check_body(self, model: str, skeleton: str) -> None:
        """Make sure that a body model gives the points that the sets need.

        Args:
            model: Its name, for the message.
            skeleton: Name of what it gives.

        Raises:
            ValueError: A set needs others; with what to do.
        """
        needs = self._needs
        for name, needed in needs.items():
            if needed != skeleton:
                raise ValueError(
                    f"{name}: needs bodies of skeleton {needed!r}, but {model} gives {skeleton!r}; name another body "
                    "model (poise models lists them), or another set"
                )

    @property
    def conflicts(self) -> list[str]:
        """One sentence for each two gestures of the sets that nothing tells apart."""
        gestures = tuple(gesture for one in self.sets for gesture in one.gestures)
        found = Definitions("all", gestures).conflicts
        defined = {gesture.name for gesture in gestures}
        for set_name, names in self._taught_names.items():
            found += [
                f"{set_name}: {name!r} is taught and defined; what was taught is asked first"
                for name in names
                if name in defined
            ]
        return found

    def reset(self) -> None:
        """Forget the past, as a new object does."""
        self._past.clear()
        self._stream.reset()
        self._follower = HandFollower()
        self._watch.reset()
        self.events = []

    def recognize(self, *results: Results) -> list[Gesture]:
        """Say what each hand or body of one frame shows, without a past; moving gestures are not seen.

        Args:
            *results: Of the same frame, of a model with 21 points a hand, of coco17, or of both: the bodies' wrists
                then tell left hands from right ones better than the hands do.

        Raises:
            ValueError: The keypoints are of another kind.
        """
        gestures: list[Gesture] = []
        ids = [_ids(result) for result in results]
        for result in results:
            if result.skeleton.name == "hand21":
                followed = follow_hands(HandFollower(), result, results, ids)
                gestures += self._of_hands(result, followed, _ids(result))
            elif self._asks_bodies(results):
                gestures += self._of_bodies(result, None)
        return gestures

    def update(self, *results: Results, ids: Sequence[Sequence[int | None]] | None = None) -> list[Gesture]:
        """Take the results of the next frame, of one or several models, and say what each hand or body shows.

        Hands are followed here. A hand near a wrist of a body in ``results`` has that person's id, any other one of
        its own; see :class:`Gesture`.

        Args:
            *results: Of the same frame. Bodies beside hands get no answer when no gesture of a body is asked for.
            ids: Who each row of each result is; the default is ``boxes.id``.
        """
        gestures: list[Gesture] = []
        keys: list[Hashable] = []
        seen: list[tuple[Results, list[Gesture]]] = []
        time = max((result.time for result in results), default=0.0)
        known = [_ids(result) for result in results] if ids is None else [list(one) for one in ids]
        for n, result in enumerate(results):
            if result.skeleton.name == "hand21":
                followed = follow_hands(self._follower, result, results, known)
                named = [a if a is not None else b for a, b in zip(known[n], followed.ids, strict=True)]
                found = self._of_hands(result, followed, named)
                keys += [("hand", key) for key in followed.keys]
            elif not self._asks_bodies(results):
                continue
            else:
                found = self._of_bodies(result, time, known[n])
                # Bodies that nobody tracks are told apart by their order.
                keys += [(one.part, one.id if one.id is not None else f"row {one.row}") for one in found]
            seen.append((result, found))
            gestures += found
        if self.moves:
            # A movement says more than the shape that it ends in.
            made = self._watch.update(seen, time, keys, mirrored=self.mirrored)
            gestures = [one if move is None else with_move(one, move) for one, move in zip(gestures, made, strict=True)]
        self.events = self._stream.update(gestures, time, keys=keys)
        return gestures

    def finish(self, time: float) -> list[GestureEvent]:
        """End what is on, because the video ends; a movement that was just over is said too."""
        last = self._watch.finish()
        events = self._stream.update([one for _, one in last], time, keys=[key for key, _ in last]) if last else []
        return events + self._stream.finish(time)

    def _asks_bodies(self, results: Sequence[Results]) -> bool:
        """Whether bodies get an answer; beside hands they may be there only to say whose a hand is."""
        return "body" in self.parts or not any(result.skeleton.name == "hand21" for result in results)

    def _of_hands(self, result: Results, followed: FollowedHands, ids: Sequence[int | None]) -> list[Gesture]:
        points = result.keypoints
        xy, sure = np.asarray(points.xy, dtype=np.float64), np.asarray(result.boxes.conf, dtype=np.float64)
        scores = self._hands(xy, np.asarray(points.xyz, dtype=np.float64))
        clear = readable(xy, sure, result.orig_shape) if len(xy) else np.zeros(0, dtype=bool)
        taught = self._taught(result)
        gestures = []
        for row, conf in enumerate(sure.tolist()):
            part = "right_hand" if bool(followed.right[row]) != self.mirrored else "left_hand"
            name, score = pick_hand_gesture(self._hands.names, scores[row]) if self._hands.names else taught[row]
            if taught[row][0] != UNKNOWN:
                name, score = taught[row]
            if not clear[row]:
                name, score = UNKNOWN, max(0.5, 1.0 - conf)
            gestures.append(Gesture(part, name, float(score * conf if name != UNKNOWN else score), ids[row], row))
        return gestures

    def _of_bodies(self, result: Results, time: float | None, ids: Sequence[int | None] | None = None) -> list[Gesture]:
        skeleton = result.skeleton
        taught = self._taught(result)
        own = {one.skeleton for one in self.taught} | {one.skeleton for one in self.moves}
        if skeleton.name != "coco17" and skeleton.name in own:
            known = _ids(result) if ids is None else ids
            return [Gesture("body", *said, known[row], row) for row, said in enumerate(taught)]
        if skeleton.name != "coco17":
            raise ValueError(
                f"gestures need keypoints of skeleton 'hand21' or 'coco17', got {skeleton.name!r}; "
                "convert them with Skeleton.convert, or use a model of those"
            )
        xy, conf = read_points(result)
        if self.mirrored:
            xy, conf = xy[:, skeleton.flip_idx], conf[:, skeleton.flip_idx]
        known = _ids(result) if ids is None else ids
        gestures = []
        rows, about = body_measures(xy, conf)
        for row, sure in enumerate(np.asarray(result.boxes.conf).tolist()):
            key = known[row] if known[row] is not None else f"row {row}"
            scores = self._bodies(self._remember(key, time, rows[row], about[row]))
            name, score = pick_body_gesture(self._bodies.names, scores, self._bodies.moving)
            if taught[row][0] != UNKNOWN or not self._bodies.names:
                name, score = taught[row]
            if sure < _MIN_BODY_CONF:
                name, score = UNKNOWN, 1.0 - sure
            gestures.append(Gesture("body", name, float(score), known[row], row))
        if time is not None:
            self._forget(time)
        return gestures

    def _taught(self, result: Results) -> list[tuple[str, float]]:
        """Ask the taught sets of this skeleton; the surest answer counts."""
        said = [(UNKNOWN, 1.0)] * len(result)
        xy = np.asarray(result.keypoints.xy, dtype=np.float64)
        if result.keypoints.conf is not None and result.skeleton.name != "hand21":
            xy = np.where(np.asarray(result.keypoints.conf)[..., None] >= _MIN_POINT, xy, np.nan)
        xyz = np.asarray(result.keypoints.xyz, dtype=np.float64)
        if self.mirrored and result.skeleton.name != "hand21":
            xy = unmirrored(xy, result.skeleton)
        for one in self.taught:
            if one.skeleton != result.skeleton.name or not len(result):
                continue
            found = one.classify(embed(result.skeleton, xy, xyz, upright=one.upright))
            for row, (name, conf) in enumerate(found):
                if name != UNKNOWN and (said[row][0] == UNKNOWN or conf > said[row][1]):
                    said[row] = (name, conf)
                elif said[row][0] == UNKNOWN:
                    said[row] = (UNKNOWN, min(said[row][1], conf))
        return said

    def _remember(self, key: Hashable, time: float | None, row: Floats, about: Floats) -> BodyHistory:
        """Add the present to somebody's past, and return it."""
        past = BodyHistory(self._bodies.past_s) if time is None else self._past.get(key)
        if past is None:
            past = self._past[key] = BodyHistory(max(self._bodies.past_s, 0.5))
        past.push(time or 0.0, row, about)
        return past

    def _forget(self, time: float) -> None:
        for key in [key for key, past in self._past.items() if past.time[-1] < time - self._bodies.past_s - 1.0]:
            del self._past[key]


def _ids(result: Results) -> list[int | None]:
    ids = result.boxes.id
    return [None] * len(result) if ids is None else [int(one) for one in np.asarray(ids).tolist()]
