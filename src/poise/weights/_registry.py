"""Read ``registry.toml`` and the network files beside it."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from poise.errors import ModelError, suggest

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Network:
    """One network file.

    Attributes:
        name: Name in the registry, such as ``"movenet-thunder"``.
        file: File name in the package.
        sha256: Checksum of the file, checked at every load.
        bytes: Size of the file.
        origin: Where the weights come from.
        licence: SPDX name.
        evidence: What the licence statement rests on.
        training: What is known of the training data.
        input: Input tensor in words.
        output: Output tensors in words.
        spec: How it wants its pictures and who decodes it: what ``poise.estimators.spec.Spec`` reads.
    """

    name: str
    file: str
    sha256: str
    bytes: int
    origin: str
    licence: str
    evidence: str
    training: str
    input: str
    output: str
    spec: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where the file is."""
        return _FOLDER / "networks" / self.file


@dataclass(frozen=True, slots=True)
class Card:
    """One model that a user can name: an estimator and the networks that it runs.

    Attributes:
        name: What the user types, such as ``"body"``.
        summary: One line.
        estimator: Family in ``poise.estimators``.
        networks: Names of the networks that it runs.
        skeleton: Name of its skeleton.
        settings: The family's settings for this model.
        notes: What to know before using it.
    """

    name: str
    summary: str
    estimator: str
    networks: tuple[str, ...]
    skeleton: str
    settings: dict[str, Any]
    notes: str = ""


@cache
def _registry() -> dict[str, Any]:
    return tomllib.loads((_FOLDER / "registry.toml").read_text(encoding="utf-8"))


def models() -> list[Card]:
    """Return the cards of all bundled models, the default first."""
    return [model(name) for name in _registry()["models"]]


def model(name: str) -> Card:
    """Return the card of a bundled model.

    Raises:
        ModelError: With the nearest name that there is.
    """
    table = _registry()["models"]
    if name not in table:
        raise ModelError(f"no model named {name!r}{suggest(name, table)}")
    entry = dict(table[name])
    return Card(name, networks=tuple(entry.pop("networks")), settings=entry.pop("settings", {}), **entry)


def network(name: str) -> Network:
    """Return the registry entry of a bundled network."""
    table = _registry()["networks"]
    if name not in table:
        raise ModelError(f"no network named {name!r}{suggest(name, table)}")
    return Network(name, **table[name])


def load(name: str) -> bytes:
    """Read a bundled network and check it against the registry's checksum.

    Raises:
        ModelError: The file is missing or is not the one that the registry names.
    """
    entry = network(name)
    try:
        data = entry.path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{entry.path}: the bundled network is missing; reinstall poise") from None
    found = hashlib.sha256(data).hexdigest()
    if found != entry.sha256:
        raise ModelError(
            f"{entry.path}: sha256 is {found[:16]}…, expected {entry.sha256[:16]}…; the file was changed or damaged: "
            "reinstall poise, or name the file by its path to run it as your own network"
        )
    return data
