"""One thing that a player has done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Action:
    """What a game is told.

    Attributes:
        name: Of the button or axis in the map.
        state: ``"press"``, ``"repeat"`` and ``"release"`` of a button; ``"move"`` of an axis.
        value: 1 while a button is down and 0 as it comes up; of an axis where it is, -1 to 1 or as the map says.
        player: From 1.
        id: Track id of the person; None where nobody is tracked.
        time: Of the frame, seconds.
        conf: How sure the gesture is, in [0, 1]; of an axis the least confidence of the points that it needs.
        key: Key that the map gives it; empty: none.
        gamepad: Button or axis of a gamepad that the map gives it; empty: none.
    """

    name: str
    state: Literal["press", "repeat", "release", "move"]
    value: float
    player: int
    id: int | None
    time: float
    conf: float
    key: str = ""
    gamepad: str = ""

    def record(self) -> dict[str, Any]:
        """Return plain values for a line of JSON."""
        return {
            "action": self.name, "state": self.state, "value": round(self.value, 3), "player": self.player,
            "id": self.id, "time": round(self.time, 3), "conf": round(self.conf, 3), "key": self.key or None,
            "gamepad": self.gamepad or None,
        }  # fmt: skip
