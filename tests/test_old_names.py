"""Names that code of before imports: they are the things of today."""

from __future__ import annotations

from importlib import import_module

import pytest

OLD = {
    "poise.motion.reps.signals.SIDED": "poise.reps.signals.SIDED",
    "poise.motion.reps.count_reps": "poise.reps.count_reps",
    "poise.motion.angles.angle_rows": "poise.clips.angles.angle_rows",
    "poise.motion.falls.FallWatch": "poise.events.falls.FallWatch",
    "poise.motion.gestures.learn": "poise.gestures.learn_shapes",
    "poise.motion.gestures.write_taught": "poise.gestures.write_shapes",
    "poise.motion.gestures.Try": "poise.gestures.MoveExample",
    "poise.motion.gestures.body_look": "poise.gestures.observe_body",
    "poise.motion.gestures.examples.conflicts": "poise.gestures.find_shape_conflicts",
    "poise.motion.gestures.learning.alike": "poise.gestures.find_move_conflicts",
    "poise.motion.gestures.looks.Look": "poise.gestures.Observation",
    "poise.motion.gestures.moving.Spotter": "poise.gestures.Spotter",
    "poise.motion.gestures.setfile.write_taught": "poise.gestures.write_shapes",
    "poise.motion.gestures.taught.Taught": "poise.gestures.TaughtShapes",
    "poise.motion.gestures.tries.Try": "poise.gestures.MoveExample",
    "poise.reps.every": "poise.reps.all_exercises",
    "poise.reps.get": "poise.reps.get_exercise",
    "poise.reps.names": "poise.reps.exercise_names",
    "poise.reps.Clip": "poise.reps.RepClip",
}


def found(path: str) -> object:
    import_module("poise.motion")
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


@pytest.mark.parametrize(("old", "new"), OLD.items())
def test_an_old_name_is_the_new_thing(old: str, new: str) -> None:
    assert found(old) is found(new)
