"""What code of this field asks of a model besides predictions: done, harmless, or answered in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn, Self

from poise.errors import suggest

# What is done in another way here.
_ELSEWHERE = {
    "model": "the networks are ONNX graphs; info() describes them, names and skeleton say what they find",
    "overrides": "pass arguments such as conf=0.4 with the call",
    "half": "precision='auto' when the model is opened lets the engine choose a faster one",
    "float": "networks run in float32 unless they are opened with precision='auto'",
    "ckpt_path": "path is the network's file",
    "benchmark": "poise doctor measures speed",
    "tune": "train() takes its settings as arguments",
}


class Compatibility:
    """The part of :class:`poise.Pose` that exists so that code written for other packages runs."""

    _callbacks: dict[str, list[Callable[[Any], object]]]

    def reset(self) -> None:
        """Begin anew: the next frame is the first of another source."""
        raise NotImplementedError  # pragma: no cover

    @property
    def predictor(self) -> Any:
        """For code that writes ``model.predictor.trackers[0].reset()`` or ``model.predictor = None``: :meth:`reset`."""
        return SimpleNamespace(trackers=[self])

    @predictor.setter
    def predictor(self, value: None) -> None:
        self.reset()

    def add_callback(self, event: str, function: Callable[[Any], object]) -> None:
        """Call a function while :meth:`train` runs, such as at ``"on_fit_epoch_end"``.

        Args:
            event: One of :data:`poise.training.callbacks.EVENTS`.
            function: Gets the training: its ``epoch``, ``metrics``, ``save_dir`` and so on.

        Raises:
            ValueError: There is no such event, with the nearest name.
        """
        from poise.training.callbacks import Callbacks

        Callbacks({event: [function]})
        self._callbacks.setdefault(event, []).append(function)

    def clear_callback(self, event: str) -> None:
        """Forget the functions of an event."""
        self._callbacks.pop(event, None)

    def fuse(self) -> Self:
        """Do nothing: networks are made ready when they are loaded."""
        return self

    def eval(self) -> Self:
        """Do nothing: networks that predict are never in training mode."""
        return self

    if not TYPE_CHECKING:  # a type checker is to find what is not there by itself

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):
                raise AttributeError(name)
            if name in _ELSEWHERE:
                raise AttributeError(f"Pose has no {name!r}: {_ELSEWHERE[name]}")
            known = [one for one in dir(type(self)) if not one.startswith("_")]
            raise AttributeError(f"Pose has no attribute {name!r}{suggest(name, known)}")
