"""The registry: bundled networks and models of ``registry.toml``, those of the zoo of ``downloads.toml``."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from poise.errors import ModelError, suggest
from poise.weights import _zoo
from poise.weights._cache import folder

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Network:
    """One network file: bundled, or one of the zoo, which is fetched from its maker.

    Attributes:
        name: Name in the registry, such as ``"movenet-thunder"``.
        file: File name in the package or in the cache.
        sha256: Checksum of the file, checked at every load; empty where none was known before the first fetch.
        bytes: Size of the file; 0 where it is not known.
        origin: Where the weights come from.
        licence: SPDX name.
        evidence: What the licence statement rests on.
        training: What is known of the training data and its terms.
        input: Input tensor in words.
        output: Output tensors in words.
        spec: How the network wants its pictures and who decodes it: ``poise.estimators.spec.Spec``.
        addresses: Where a network of the zoo is published, in the order to try; empty for a bundled one.
        member: Name of the network's file in the archive that the addresses give; empty where they give it as it is.
        maker: Who made a network of the zoo.
        kind: ``"detector"``, ``"refiner"`` or ``"one-stage"``; empty for a bundled one.
        skeleton: Name of the skeleton of its keypoints; empty for a detector.
        score: The maker's figure of merit; None where none is published.
        metric: What the figure is.
        on: The data that it was measured on.
        params: Parameters, millions; None where the maker does not say.
        gflops: Billions of multiply-adds for one input; None where the maker does not say.
        ms: The maker's time for one input; None where the maker does not say.
        ms_on: The machine of that time.
        terms: The terms of the training data in one line.
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
    addresses: tuple[str, ...] = ()
    member: str = ""
    maker: str = ""
    kind: str = ""
    skeleton: str = ""
    score: float | None = None
    metric: str = "AP"
    on: str = ""
    params: float | None = None
    gflops: float | None = None
    ms: float | None = None
    ms_on: str = ""
    terms: str = ""

    @property
    def bundled(self) -> bool:
        """Whether the file ships with Poise."""
        return not self.addresses

    @property
    def path(self) -> Path:
        """Where the file is; one of the zoo need not be there yet."""
        return _FOLDER / "networks" / self.file if self.bundled else folder() / self.file

    @property
    def size(self) -> str:
        """Size of the file in words: ``"13.4 MB"``, ``"about 55 MB"`` (by its parameters), or nothing."""
        if self.bytes:
            return f"{self.bytes / 1e6:.1f} MB"
        # Published networks hold four bytes a parameter.
        return f"about {4 * self.params:.0f} MB" if self.params else ""


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


def zoo_models() -> list[Card]:
    """Return the cards of the models whose networks are fetched by name: ready pairs first."""
    return [model(name) for name in _zoo.model_names()]


def model(name: str) -> Card:
    """Return the card of a model, bundled or of the zoo.

    Raises:
        ModelError: With the nearest name that there is.
    """
    table = _registry()["models"]
    if name in table:
        entry = dict(table[name])
        return Card(name, networks=tuple(entry.pop("networks")), settings=entry.pop("settings", {}), **entry)
    fields = _zoo.model_fields(name)
    if fields is not None:
        return Card(name, **fields)
    if name in _zoo.tables():
        raise ModelError(f"{name} finds boxes, and no keypoints: it is a detector for a model that refines them")
    raise ModelError(f"no model named {name!r}{_near(name, table, _zoo.model_names())}")


def network(name: str) -> Network:
    """Return the registry entry of a network, bundled or of the zoo.

    Raises:
        ModelError: With the nearest name that there is.
    """
    table = _registry()["networks"]
    if name in table:
        return Network(name, **table[name])
    if name in _zoo.tables():
        return Network(name, **_zoo.network_fields(name))
    raise ModelError(f"no network named {name!r}{_near(name, table, _zoo.tables())}")


def networks() -> list[Network]:
    """Return the networks of the zoo: those that give keypoints first, then the detectors."""
    found = [network(name) for name in _zoo.tables()]
    return sorted(found, key=lambda entry: entry.kind == "detector")


def _near(name: str, bundled: Mapping[str, Any], zoo: Any) -> str:
    near = suggest(name, [*bundled, *zoo])
    return near if near.startswith("; did you mean") else f"{suggest(name, bundled)}; fetched: poise models --zoo"


def load(name: str) -> bytes:
    """Read a bundled network and check it against the registry's checksum.

    Raises:
        ModelError: The file is missing or is not the one that the registry names, or the network is not bundled.
    """
    entry = network(name)
    if not entry.bundled:
        raise ModelError(f"{name} is a network of the zoo and not bundled: poise.weights.provide({name!r}) fetches it")
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
