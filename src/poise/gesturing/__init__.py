"""Where models, tracking and gestures meet: hands found with the help of bodies, gestures of any source, examples."""

from poise.gesturing.detector import GestureWatch
from poise.gesturing.examples import gather_examples, gather_looks, gather_tries
from poise.gesturing.hands import HandFinder
from poise.gesturing.showing import GesturePainter, event_words
from poise.gesturing.tally import GestureTally
from poise.gesturing.watch import Seen, watch_gestures

__all__ = [
    "GesturePainter",
    "GestureTally",
    "GestureWatch",
    "HandFinder",
    "Seen",
    "event_words",
    "gather_examples",
    "gather_looks",
    "gather_tries",
    "watch_gestures",
]
