"""Gestures of hands and bodies: defined in TOML or taught from examples, with "unknown" for everything else.

:class:`GestureRecognizer` says what results show. Shapes are taught with :func:`learn_shapes` and kept with
:func:`write_shapes`; movements with :func:`learn_moves` from :class:`MoveExample`, kept with :func:`write_moves`, and
followed in a stream by :class:`Spotter` or by a recogniser that has the set.

What is defined is in ``definitions`` and the bundled TOML in ``sets``; what is taught in ``shapes`` and ``movements``;
what meets models and video in ``streams``.
"""

from poise.gestures.events import Gesture, GestureEvent, GestureEvents
from poise.gestures.movements.examples import MoveExample, trace, trim_movement
from poise.gestures.movements.learning import find_move_conflicts, learn_moves
from poise.gestures.movements.move_file import write_moves
from poise.gestures.movements.observations import Observation, observe_body, observe_hand, observe_person
from poise.gestures.movements.spotter import SpottedMove, Spotter
from poise.gestures.movements.taught_moves import TaughtMoves
from poise.gestures.recognizer import GestureRecognizer
from poise.gestures.sets import bundled_sets, read_definitions
from poise.gestures.shapes.examples import find_shape_conflicts
from poise.gestures.shapes.learning import learn_shapes
from poise.gestures.shapes.shape_file import write_shapes
from poise.gestures.shapes.taught_shapes import TaughtShapes
from poise.gestures.streams.detector import GestureWatch
from poise.gestures.streams.frames import GestureFrame, watch_gestures
from poise.gestures.streams.hand_finder import HandFinder
from poise.gestures.streams.painter import GesturePainter
from poise.gestures.streams.tally import GestureTally

__all__ = [
    "Gesture",
    "GestureEvent",
    "GestureEvents",
    "GestureFrame",
    "GesturePainter",
    "GestureRecognizer",
    "GestureTally",
    "GestureWatch",
    "HandFinder",
    "MoveExample",
    "Observation",
    "SpottedMove",
    "Spotter",
    "TaughtMoves",
    "TaughtShapes",
    "bundled_sets",
    "find_move_conflicts",
    "find_shape_conflicts",
    "learn_moves",
    "learn_shapes",
    "observe_body",
    "observe_hand",
    "observe_person",
    "read_definitions",
    "trace",
    "trim_movement",
    "watch_gestures",
    "write_moves",
    "write_shapes",
]

# Names that code may still import.
Look, Seen, Taught, Try = Observation, GestureFrame, TaughtShapes, MoveExample
body_look, hand_look, person_look = observe_body, observe_hand, observe_person
learn, write_taught, alike, trimmed = learn_shapes, write_shapes, find_move_conflicts, trim_movement
