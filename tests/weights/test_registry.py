"""The bundled networks are what the registry says, and a file that is not is refused."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from poise import skeletons, weights
from poise.errors import ModelError
from poise.weights import _registry


@pytest.mark.parametrize("card", weights.models(), ids=lambda card: card.name)
def test_every_model_has_its_networks_and_its_skeleton(card: weights.Card) -> None:
    assert len(skeletons.get(card.skeleton)) > 0
    for name in card.networks:
        entry = weights.network(name)
        data = weights.load(name)
        assert len(data) == entry.bytes
        assert hashlib.sha256(data).hexdigest() == entry.sha256
        assert entry.licence == "Apache-2.0"


def test_every_bundled_file_is_needed_by_a_model() -> None:
    """Wheels carry no network that no name needs."""
    needed = {weights.network(name).file for card in weights.models() for name in card.networks}
    folder = weights.network("movenet-thunder").path.parent

    assert {path.name for path in folder.glob("*.onnx")} == needed


def test_a_changed_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = weights.network("face-mesh")
    data = bytearray(entry.path.read_bytes())
    data[1000] ^= 1
    (tmp_path / "networks").mkdir()
    (tmp_path / "networks" / entry.file).write_bytes(data)
    monkeypatch.setattr(_registry, "_FOLDER", tmp_path)
    monkeypatch.setattr(_registry, "network", lambda name: replace(entry))

    with pytest.raises(ModelError, match=r"face-mesh\.onnx: sha256 is .*expected 809be63adb849af0.*reinstall"):
        weights.load("face-mesh")


def test_a_missing_file_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = weights.network("face-mesh")
    monkeypatch.setattr(_registry, "_FOLDER", tmp_path)
    monkeypatch.setattr(_registry, "network", lambda name: entry)

    with pytest.raises(ModelError, match="reinstall poise"):
        weights.load("face-mesh")
