"""Who plays: player 1, 2, … as people come, go, and come back under another id."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

# A seat is kept for so long, seconds, for somebody who is not seen.
AWAY_S = 2.0
# Somebody who turns up within so many trunks of where a player vanished is that player.
_NEAR = 1.5
# People much smaller than the largest stand behind and watch.
_LEAST_SHARE = 0.5


@dataclass(slots=True)
class Seat:
    """A player's place.

    Attributes:
        key: Who has it; None: nobody.
        last: When they were last seen, seconds.
        x: Where, pixels.
        y: The same.
    """

    key: Hashable | None = None
    last: float = 0.0
    x: float = 0.0
    y: float = 0.0


class Players:
    """Gives people numbers: those who come together from the picture's left to its right, who comes later a free one.

    Args:
        count: How many may play.
    """

    def __init__(self, count: int) -> None:
        self.seats = [Seat() for _ in range(count)]

    def update(self, people: Sequence[tuple[Hashable, float, float, float]], time: float) -> list[int | None]:
        """Take everybody in the next frame.

        Args:
            people: Who, x and y of the shoulders and the trunk's length, pixels; a trunk of NaN is nobody.
            time: Of the frame, seconds.

        Returns:
            The number of each from 0; None for who does not play.
        """
        rows: dict[int, int] = {}
        by_key = {seat.key: n for n, seat in enumerate(self.seats) if seat.key is not None}
        for row, (key, *_) in enumerate(people):
            if key in by_key and by_key[key] not in rows.values():
                rows[row] = by_key[key]
        largest = max((size for *_, size in people if size > 0), default=0.0)
        waiting = [row for row, one in enumerate(people) if row not in rows and one[3] >= _LEAST_SHARE * largest > 0]
        for n, seat in enumerate(self.seats):
            if seat.key is None or n in rows.values() or not waiting:
                continue
            apart = {row: _apart(seat, people[row]) for row in waiting}
            nearest = min(waiting, key=apart.__getitem__)
            if apart[nearest] <= _NEAR:
                rows[nearest] = n
                waiting.remove(nearest)
            elif time - seat.last > AWAY_S:
                seat.key = None
        free = [n for n, seat in enumerate(self.seats) if seat.key is None and n not in rows.values()]
        # The largest come first; of those who come together the one on the left has the lower number.
        coming = sorted(waiting, key=lambda row: -people[row][3])[: len(free)]
        for n, row in zip(free, sorted(coming, key=lambda row: people[row][1]), strict=False):
            rows[row] = n
        for row, n in rows.items():
            key, x, y, _ = people[row]
            seat = self.seats[n]
            seat.key, seat.last = key, time
            if x == x and y == y:
                seat.x, seat.y = x, y
        return [rows.get(row) for row in range(len(people))]

    def gone(self, time: float) -> list[int]:
        """Return the numbers of those who have been away for too long, and free their places."""
        left = [n for n, seat in enumerate(self.seats) if seat.key is not None and time - seat.last > AWAY_S]
        for n in left:
            self.seats[n].key = None
        return left


def _apart(seat: Seat, person: tuple[Hashable, float, float, float]) -> float:
    _, x, y, size = person
    return float(((x - seat.x) ** 2 + (y - seat.y) ** 2) ** 0.5 / size) if size > 0 else float("inf")
