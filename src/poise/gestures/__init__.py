"""Gestures of hands and bodies: defined in TOML or taught from examples, with "unknown" for everything else.

:class:`GestureRecognizer` says what results show. Shapes are taught with :func:`learn` and kept with
:func:`write_taught`; movements with :func:`learn_moves` from :class:`Try` examples, kept with :func:`write_moves`, and
followed in a stream by :class:`Spotter` or by a recogniser that has the set.
"""

from poise.gestures.definitions import Condition, Definition, Definitions, bundled, read_definitions
from poise.gestures.detector import GestureWatch
from poise.gestures.events import Gesture, GestureEvent, GestureEvents
from poise.gestures.gathering import gather_examples, gather_looks, gather_tries
from poise.gestures.hand_finder import HandFinder
from poise.gestures.learning import alike, learn_moves, leave_one_out_moves
from poise.gestures.looks import Look, body_look, hand_look, person_look
from poise.gestures.movesfile import write_moves
from poise.gestures.moving import Spotted, Spotter, TaughtMoves
from poise.gestures.painter import GesturePainter, event_words
from poise.gestures.recognizer import DEFAULT_SETS, GestureRecognizer
from poise.gestures.setfile import write_taught
from poise.gestures.tally import GestureTally
from poise.gestures.taught import UNKNOWN, Taught, learn, leave_one_out
from poise.gestures.tries import Try, movements, trace, trimmed
from poise.gestures.watch import Seen, watch_gestures

__all__ = [
    "DEFAULT_SETS",
    "UNKNOWN",
    "Condition",
    "Definition",
    "Definitions",
    "Gesture",
    "GestureEvent",
    "GestureEvents",
    "GesturePainter",
    "GestureRecognizer",
    "GestureTally",
    "GestureWatch",
    "HandFinder",
    "Look",
    "Seen",
    "Spotted",
    "Spotter",
    "Taught",
    "TaughtMoves",
    "Try",
    "alike",
    "body_look",
    "bundled",
    "event_words",
    "gather_examples",
    "gather_looks",
    "gather_tries",
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
    "watch_gestures",
    "write_moves",
    "write_taught",
]
