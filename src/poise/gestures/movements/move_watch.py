"""Taught movements spotted for every hand and person of a stream."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

from poise.gestures.events import Gesture
from poise.gestures.movements.observations import Observation, observe_body, observe_hand, observe_person
from poise.gestures.movements.spotter import SpottedMove, Spotter
from poise.gestures.movements.taught_moves import TaughtMoves
from poise.results import Results

# Who was not seen for this long, seconds, is forgotten.
_FORGET_S = 2.0


def with_move(one: Gesture, made: SpottedMove) -> Gesture:
    """Return the gesture of a hand or body that has just made a movement."""
    return replace(one, gesture=made.gesture, conf=made.conf, span=(made.start, made.end))


class MoveWatch:
    """Follows the movements of everybody in a stream."""

    def __init__(self, sets: Sequence[TaughtMoves]) -> None:
        self._sets = list(sets)
        # Templates are stacked once; each person's spotter shares them.
        self._warpers = [one.warper() for one in self._sets]
        self._spotters: dict[tuple[int, Hashable], tuple[float, Gesture, Spotter]] = {}

    def reset(self) -> None:
        """Forget the past."""
        self._spotters.clear()

    def update(
        self, seen: Sequence[tuple[Results, list[Gesture]]], time: float, keys: Sequence[Hashable], *, mirrored: bool
    ) -> list[SpottedMove | None]:
        """Take the next frame.

        Args:
            seen: The results of each model with one gesture a row; whose each is, is in the gestures.
            time: Of the frame, seconds.
            keys: Who each gesture is of, over all results.
            mirrored: Whether the pictures are mirrored.

        Returns:
            What each has made, one a gesture over all results; None while nothing is over.
        """
        made: list[SpottedMove | None] = []
        hands = next((one for one in seen if one[0].skeleton.name == "hand21"), None)
        people = [one.id for result, found in seen if result.skeleton.name != "hand21" for one in found]
        for result, found in seen:
            for one in found:
                key = keys[len(made)]
                made.append(self._follow(result, one, key, time, hands, people=people, mirrored=mirrored))
        for key in [key for key, (last, _, _) in self._spotters.items() if time - last > _FORGET_S]:
            del self._spotters[key]
        return made

    def finish(self) -> list[tuple[Hashable, Gesture]]:
        """Return who made what last, because the stream ends, and forget everything."""
        made = [
            (key, with_move(one, spotted))
            for (_, key), (_, one, spotter) in self._spotters.items()
            if (spotted := spotter.finish()) is not None
        ]
        self._spotters.clear()
        return made

    def _follow(
        self,
        result: Results,
        one: Gesture,
        key: Hashable,
        time: float,
        hands: tuple[Results, list[Gesture]] | None,
        *,
        people: Sequence[int | None],
        mirrored: bool,
    ) -> SpottedMove | None:
        best: SpottedMove | None = None
        for n, moves in enumerate(self._sets):
            observation: Observation | None = None
            if moves.part == "hand":
                if result.skeleton.name == "hand21":
                    left = (one.part == "left_hand") != mirrored
                    observation = observe_hand(result, one.row, left=left)
            elif result.skeleton.name == moves.skeleton:
                if moves.part == "body":
                    observation = observe_body(result, one.row)
                else:
                    # A hand belongs to the person with its id; the only person has all that belong to nobody else.
                    rows = [] if hands is None else [
                        hand.row for hand in hands[1]
                        if (hand.id == one.id if hand.id is not None and hand.id in people else len(people) == 1)
                    ]  # fmt: skip
                    observation = observe_person(result, one.row, None if hands is None else hands[0], rows)
            if observation is None:
                continue
            known = self._spotters.get((n, key))
            spotter = Spotter(moves, self._warpers[n], mirrored=mirrored) if known is None else known[2]
            self._spotters[n, key] = (time, one, spotter)
            spotted = spotter.update(time, observation)
            if spotted is not None and (best is None or spotted.conf > best.conf):
                best = spotted
        return best
