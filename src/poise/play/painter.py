"""What a player sees in the window: the skeleton, who is which player, and what they just did."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from poise.drawing import draw, draw_label, draw_zone_labels, label_size, place_label
from poise.frames import Image
from poise.play.action import Action
from poise.play.stream import Played

# Plates of labels, BGR: what is down is green, a player's number blue.
_DOWN, _PLAYER = (120, 205, 60), (220, 160, 60)
# Seconds that the last presses stay, and how many.
_SHOWN_S, _SHOWN = 1.5, 4


class PlayPainter:
    """Draws the frames of one source, in order."""

    def __init__(self) -> None:
        self._down: dict[int, dict[str, int]] = {}
        self._axes: dict[int, dict[str, float]] = {}
        self._ids: dict[int, int | None] = {}
        self._recent: list[Action] = []

    def take(self, played: Played) -> None:
        """Remember what happened in a frame, which need not be drawn; called once a frame."""
        for one in played.actions:
            self._ids[one.player] = one.id
            if one.state == "move":
                self._axes.setdefault(one.player, {})[one.name] = one.value
            elif one.state == "release":
                self._down.setdefault(one.player, {}).pop(one.name, None)
            else:
                self._down.setdefault(one.player, {})[one.name] = 1
        now = played.frame.time
        pressed = [one for one in played.actions if one.state == "press"]
        self._recent = [one for one in (*self._recent, *pressed) if 0 <= now - one.time < _SHOWN_S][-_SHOWN:]

    def draw(self, played: Played) -> Image:
        """Return the frame that was taken last with everything drawn on it."""
        result = played.result
        image: Image = np.array(played.frame.image)
        if result is None:
            return image
        image = draw(result, image=image, boxes=False, labels=False)
        height, width = image.shape[:2]
        size = max(13.0, min(height, width) / 26)
        taken = np.zeros((0, 4))
        ids = result.boxes.id
        known = [None] * len(result) if ids is None else np.asarray(ids).astype(int).tolist()
        for player, id in sorted(self._ids.items()):
            if id not in known:
                continue
            box = np.asarray(result.boxes.xyxy[known.index(id)]).tolist()
            down = list(self._down.get(player, {}))
            words = " · ".join([f"player {player}", *down, *self._moved(player)])
            place = place_label((height, width), box, label_size(words, size), taken)
            draw_label(image, place[:2], words, _DOWN if down else _PLAYER, size)
            taken = np.vstack([taken, place])
        if self._recent:
            # Each fades in its second half.
            now = played.frame.time
            said = [(one.name, 2 - 2 * max(0.0, now - one.time) / _SHOWN_S) for one in self._recent]
            draw_zone_labels(image, {}, {}, said=said)
        return image

    def _moved(self, player: int) -> Sequence[str]:
        return [f"{name} {value:+.2f}" for name, value in self._axes.get(player, {}).items()]
