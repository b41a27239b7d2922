"""Names of keys, and of buttons and axes of a gamepad, that maps may use; what presses them is a plug-in."""

from __future__ import annotations

import string

# As pynput calls its keys, and every printable ASCII character.
KEYS = (
    "space", "enter", "esc", "tab", "backspace", "delete", "insert", "home", "end", "page_up", "page_down",
    "up", "down", "left", "right", "shift", "ctrl", "alt", *(f"f{n}" for n in range(1, 13)),
    *string.ascii_lowercase, *string.digits, *string.punctuation,
)  # fmt: skip
# As XInput lays a gamepad out.
BUTTONS = (
    "a", "b", "x", "y", "left_shoulder", "right_shoulder", "back", "start", "guide", "left_thumb", "right_thumb",
    "dpad_up", "dpad_down", "dpad_left", "dpad_right",
)  # fmt: skip
AXES = ("left_x", "left_y", "right_x", "right_y", "left_trigger", "right_trigger")
