"""From how well a gesture fits in each frame to presses: debounce, hold, repeat, cooldown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from poise.play.maps import Button

# A tap is down so long: games look at their keys once a frame, of which there are 30 or more a second.
TAP_S = 0.08
# What is down stays down until it fits by this much less than it needed.
_HYSTERESIS = 0.15
State = Literal["press", "repeat", "release"]


@dataclass(slots=True)
class ButtonState:
    """One button of one player.

    Attributes:
        button: What the map says of it.
        down: Whether it is pressed.
        shown: Whether the gesture is on: a tap may be over long before.
    """

    button: Button
    down: bool = False
    shown: bool = False
    _since: float | None = None  # shown without a gap
    _last: float = 0.0  # last shown
    _pressed: float = float("-inf")
    _told: float = 0.0  # last press or repeat

    def update(self, press: float, keep: float, time: float) -> list[State]:
        """Take the next frame.

        Args:
            press: How well the gestures fit that press it, in [0, 1].
            keep: The same of those that keep it down.
            time: Of the frame, seconds.
        """
        button = self.button
        said: list[State] = []
        if self.shown:
            if max(press, keep) >= button.conf - _HYSTERESIS:
                self._last = time
            elif time - self._last >= button.release_s - 1e-9:
                self.shown, self._since = False, None
                said += self._release()
        elif press >= button.conf:
            self._since = time if self._since is None else self._since
            if time - self._since >= button.debounce_s - 1e-9 and time - self._pressed >= button.cooldown_s - 1e-9:
                said += self._release()
                self.shown = self.down = True
                self._last = self._pressed = self._told = time
                return [*said, "press"]
        else:
            self._since = None
        if self.shown and button.repeat_s is not None and time - self._told >= button.repeat_s - 1e-9:
            self._told = time
            if button.mode == "hold":
                return [*said, "repeat"]
            said += self._release()
            self.down, self._pressed = True, time
            return [*said, "press"]
        if self.down and button.mode == "tap" and time - self._pressed >= TAP_S - 1e-9:
            said += self._release()
        return said

    def finish(self) -> list[State]:
        """Let go, because the player is gone."""
        self.shown, self._since = False, None
        return self._release()

    def _release(self) -> list[State]:
        was, self.down = self.down, False
        return ["release"] if was else []
