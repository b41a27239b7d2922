"""Gestures of hands and bodies: defined in TOML or taught from examples, with "unknown" for everything else.

:class:`GestureRecognizer` says what results show. Shapes are taught with :func:`learn` and kept with
:func:`write_taught`; movements with :func:`learn_moves` from :class:`Try` examples, kept with :func:`write_moves`, and
followed in a stream by :class:`Spotter` or by a recogniser that has the set.
"""

from poise.gestures.definitions.definition import Condition, Definition, Definitions, bundled, read_definitions
from poise.gestures.events import Gesture, GestureEvent, GestureEvents
from poise.gestures.movements.examples import Try, movements, trace, trimmed
from poise.gestures.movements.learning import alike, learn_moves, leave_one_out_moves
from poise.gestures.movements.move_file import write_moves
from poise.gestures.movements.observations import Look, body_look, hand_look, person_look
from poise.gestures.movements.spotter import Spotted, Spotter, TaughtMoves
from poise.gestures.recognizer import DEFAULT_SETS, GestureRecognizer
from poise.gestures.shapes.shape_file import write_taught
from poise.gestures.shapes.taught_shapes import UNKNOWN, Taught, learn, leave_one_out
from poise.gestures.streams.detector import GestureWatch
from poise.gestures.streams.example_folders import gather_examples, gather_looks, gather_tries
from poise.gestures.streams.frames import Seen, watch_gestures
from poise.gestures.streams.hand_finder import HandFinder
from poise.gestures.streams.painter import GesturePainter, event_words

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
