"""From where a person is seen, and which measures that changes.

A person who turns, or a camera that goes round, changes every distance and angle in the picture but heights: what is
above what by how much stays the same from wherever it is seen, as long as the camera does not look down steeply.
"""

from __future__ import annotations

from poise.reps.measures import PersonMeasures
from poise.reps.series import clamp, median, seen_of, spread
from poise.reps.signals import COLUMN

HEIGHTS = frozenset(
    {
        "wrist_lift", "wrist_over_elbow", "elbow_lift", "wrist_over_hip", "hip_lift", "hip_over_knee", "ankle_over_hip",
        "shoulder_over_hip", "shoulder_over_wrist", "shoulder_over_ankle", "head_lift", "head_over_hip", "hip_y",
        "shoulder_y", "wrist_y", "ankle_y",
    }
)  # fmt: skip
# Torso lengths from shoulder to shoulder, seen square on: keypoints lie in the joints, 0.36 m apart in a body whose
# torso has 0.5 m. Halfway between front and side, at 45 degrees, it is 0.7 of that.
_SQUARE, _HALFWAY = 0.72, 0.5
# The width of the shoulders trembles by a tenth of a torso, and narrows where arms go overhead; from 30 to 60 degrees
# it changes by 0.27, from the front to the side by 0.7.
_STEADY, _TURNED = 0.25, 0.5


def measure_turning(person: PersonMeasures, inside: slice = slice(None)) -> float:
    """Return, in [0, 1], how far the view changes: 0 from one side all the time, 1 from the front and from the side."""
    width = seen_of(person.shoulder_width[inside])
    if len(width) < 8:
        return 0.0
    change = spread(width, 10, 90) / _SQUARE
    return clamp((change - _STEADY) / (_TURNED - _STEADY), 0.0, 1.0)


def is_seen_from(person: PersonMeasures, view: str, span: slice) -> bool:
    """Return whether a stretch is seen from ``front`` (or behind) or ``side``; True where shoulders are not seen."""
    width = seen_of(person.values[span, COLUMN["shoulder_width"]])
    if len(width) < 3:
        return True
    front = median(width) > _HALFWAY
    return front == (view == "front")
