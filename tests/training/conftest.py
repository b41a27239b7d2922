"""Trainings that many tests look at, made once."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tiny import Interrupt, draw, run


class Trained(NamedTuple):
    """A training that has ended, and the events that its callbacks saw."""

    training: Any
    events: list[str]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The YAML file of a data set; nobody changes it."""
    return draw(tmp_path_factory.mktemp("cards"))


@pytest.fixture(scope="session")
def stopped(cards: Path) -> Path:
    """The folder of a training that was stopped in its second epoch."""
    with pytest.raises(KeyboardInterrupt, match="--resume"):
        run(cards, name="stopped", model="yolo26n-pose", callbacks={"on_train_batch_end": [Interrupt(1)]})
    return cards.parent / "runs/stopped"


@pytest.fixture(scope="session")
def trained(cards: Path, stopped: Path) -> Trained:
    """A training to the end with everything on, newer than the one that was stopped beside it."""
    from poise.training import EVENTS

    events: list[str] = []
    record = {event: [lambda _, event=event: events.append(event)] for event in EVENTS}
    return Trained(run(cards, name="trained", model="yolo26n-pose", nbs=2, plots=True, callbacks=record), events)
