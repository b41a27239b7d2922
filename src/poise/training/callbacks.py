"""Functions of the user that are called while a training runs, by the names of this field."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from poise.errors import suggest

EVENTS = (
    "on_pretrain_routine_end",
    "on_train_start",
    "on_train_epoch_start",
    "on_train_batch_start",
    "on_before_zero_grad",
    "on_train_batch_end",
    "on_train_epoch_end",
    "on_val_start",
    "on_val_end",
    "on_fit_epoch_end",
    "on_model_save",
    "on_train_end",
    "teardown",
)

Callback = Callable[[Any], object]


class Callbacks:
    """What is to be called when; each function gets the :class:`~poise.training.state.Training`.

    Args:
        functions: Event to functions.
    """

    def __init__(self, functions: Mapping[str, Sequence[Callback]] | None = None) -> None:
        self._functions: dict[str, list[Callback]] = {event: [] for event in EVENTS}
        for event, several in (functions or {}).items():
            for function in several:
                self.add(event, function)

    def add(self, event: str, function: Callback) -> None:
        """Call a function at every event of a name.

        Raises:
            ValueError: There is no such event, with the nearest name.
        """
        if event not in self._functions:
            raise ValueError(f"no callback event named {event!r}{suggest(event, EVENTS)}")
        self._functions[event].append(function)

    def clear(self, event: str) -> None:
        """Forget the functions of an event."""
        self._functions[event].clear()

    def __call__(self, event: str, training: Any) -> None:
        """Call the functions of an event in the order in which they were added."""
        for function in self._functions[event]:
            function(training)
