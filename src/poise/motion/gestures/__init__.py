"""Gestures of hands and bodies: defined in TOML or taught from examples, with "unknown" for everything else.

:class:`GestureRecognizer` says what results show. Shapes are taught with :func:`learn` and kept with
:func:`write_taught`; movements with :func:`learn_moves` from :class:`Try` examples, kept with :func:`write_moves`, and
followed in a stream by :class:`Spotter` or by a recogniser that has the set.
"""

from poise.motion.gestures.definitions import Condition, Definition, Definitions, bundled, read_definitions
from poise.motion.gestures.events import Gesture, GestureEvent, GestureEvents
from poise.motion.gestures.learning import alike, learn_moves, leave_one_out_moves
from poise.motion.gestures.looks import Look, body_look, hand_look, person_look
from poise.motion.gestures.movesfile import write_moves
from poise.motion.gestures.moving import Spotted, Spotter, TaughtMoves
from poise.motion.gestures.recognizer import DEFAULT_SETS, GestureRecognizer
from poise.motion.gestures.setfile import write_taught
from poise.motion.gestures.taught import UNKNOWN, Taught, learn, leave_one_out
from poise.motion.gestures.tries import Try, movements, trace, trimmed

__all__ = [
    "DEFAULT_SETS",
    "UNKNOWN",
    "Condition",
    "Definition",
    "Definitions",
    "Gesture",
    "GestureEvent",
    "GestureEvents",
    "GestureRecognizer",
    "Look",
    "Spotted",
    "Spotter",
    "Taught",
    "TaughtMoves",
    "Try",
    "alike",
    "body_look",
    "bundled",
    "hand_look",
    "learn",
    "learn_moves",
    "leave_one_out",
    "leave_one_out_moves",
    "movements",
    "person_look",
    "read_definitions",
    "trace",
    "trimmed",
    "write_moves",
    "write_taught",
]
