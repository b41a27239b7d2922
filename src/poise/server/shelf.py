"""The models that a server offers: each opened once, when somebody first asks for it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from poise import weights
from poise.errors import ModelError, suggest
from poise.model import Pose

# Fast enough for a live picture on any machine.
_DEFAULT = "body-fast"
# What gestures of hands are found with.
_HANDS = "hands"


class Shelf:
    """Models by the names that clients say; a client never names a path.

    Args:
        models: Bundled names, or network files, which are offered by their file's name; the default first. Empty: all
            bundled models.
        device: Where their networks run.
        threads: CPU threads a network uses; None: the cores that this process may use.

    Raises:
        ModelError: Two files have one name, or there is no such file or model.
    """

    def __init__(self, models: Sequence[str] = (), *, device: str | None = None, threads: int | None = None) -> None:
        self._options: dict[str, Any] = {"device": device, "threads": threads}
        self._what: dict[str, str | Path] = {}
        bundled = [card.name for card in weights.models()]
        for model in models or sorted(bundled, key=lambda name: name != _DEFAULT):
            file = Path(model)
            name = file.name if file.suffix else model
            if name in self._what:
                raise ModelError(f"{model}: another model is offered as {name!r} already; give the file another name")
            self._what[name] = file if file.suffix else model
        self.default = next(iter(self._what))
        self._opened: dict[str, Pose] = {}
        self._locks = {name: threading.Lock() for name in (*self._what, _HANDS)}

    @property
    def names(self) -> list[str]:
        """What may be asked for, the default first."""
        return list(self._what)

    def check(self, name: str) -> None:
        """Raise unless a model is offered.

        Raises:
            ModelError: It is not, with the nearest one that is.
        """
        if name not in self._what:
            raise ModelError(f"no model named {name[:60]!r} is offered here{suggest(name[:60], self._what)}")

    def open(self, name: str) -> Pose:
        """Return a model that is offered, opened when it is first asked for.

        Raises:
            ModelError: It is not offered, or cannot be used; its file's path is not told.
        """
        self.check(name)
        return self._open(name, self._what[name])

    def hands(self) -> Pose:
        """Return the model of hands that gestures are found with."""
        return self._open(_HANDS, self._what.get(_HANDS, _HANDS))

    def describe(self) -> list[dict[str, Any]]:
        """Return a row for each model: ``name``, ``title``, ``notes``, ``skeleton``; the default first."""
        cards = {card.name: card for card in (*weights.models(), *weights.zoo_models())}
        rows = []
        for name, what in self._what.items():
            card = cards.get(str(what))
            opened = self._opened.get(name)
            skeleton = card.skeleton if card else opened.skeleton.name if opened else None
            title, notes = (card.summary, card.notes) if card else (name, "")
            rows.append({"name": name, "title": title, "notes": notes, "skeleton": skeleton})
        return rows

    def close(self) -> None:
        """Free all networks."""
        for pose in self._opened.values():
            pose.close()
        self._opened.clear()

    def _open(self, name: str, what: str | Path) -> Pose:
        with self._locks[name]:
            if name not in self._opened:
                try:
                    self._opened[name] = Pose(what, **self._options)
                except ModelError as error:
                    raise ModelError(str(error).replace(str(what), name)) from error
            return self._opened[name]
