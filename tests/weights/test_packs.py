"""Networks of the zoo carried to a machine without a network: packs, makers' archives, plain files."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from zoo_kit import archive, onnx_bytes, publish

from poise import weights
from poise.errors import FormatError, ModelError

NETWORK, OTHER = onnx_bytes(), onnx_bytes(seed=1)
SHA = hashlib.sha256(NETWORK).hexdigest()
ADDRESS = "https://maker.example/onnx_sdk/rtmpose-s-of-the-maker.zip"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POISE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("POISE_OFFLINE", "1")
    publish(monkeypatch, "rtmpose-s", ADDRESS)
    publish(monkeypatch, "rtmdet-nano-hand", "https://maker.example/hand.zip")
    return tmp_path / "home" / "weights"


def keep(home: Path, **networks: bytes) -> None:
    home.mkdir(parents=True, exist_ok=True)
    for name, data in networks.items():
        (home / f"{name}.onnx").write_bytes(data)


@pytest.fixture
def pack(home: Path, tmp_path: Path) -> Path:
    """A pack of rtmpose-s, and an empty cache."""
    keep(home, **{"rtmpose-s": NETWORK})
    weights.pack(["body-best"], tmp_path / "best.zip")
    weights.remove("rtmpose-s", forget=True)
    return tmp_path / "best.zip"


def changed(pack: Path, row: dict[str, Any], files: dict[str, bytes] | None = None, **manifest: Any) -> Path:
    """Return the pack with other words in its manifest, or other files."""
    with zipfile.ZipFile(pack) as old:
        told = json.loads(old.read("poise-weights.json"))
        inside = {"rtmpose-s.onnx": old.read("rtmpose-s.onnx")} if files is None else files
    told["networks"][0] |= row
    with zipfile.ZipFile(pack, "w") as new:
        new.writestr("poise-weights.json", json.dumps(told | manifest))
        for name, data in inside.items():
            new.writestr(name, data)
    return pack


def test_a_pack_carries_a_model_s_networks_with_what_is_known_of_them(pack: Path, home: Path) -> None:
    with zipfile.ZipFile(pack) as opened:
        assert sorted(opened.namelist()) == ["poise-weights.json", "rtmpose-s.onnx"]
        (row,) = json.loads(opened.read("poise-weights.json"))["networks"]
    assert (row["name"], row["sha256"], row["licence"], row["bytes"]) == ("rtmpose-s", SHA, "Apache-2.0", len(NETWORK))

    assert weights.bring(pack) == [home / "rtmpose-s.onnx"]

    assert weights.provide("rtmpose-s").read_bytes() == NETWORK  # type: ignore[union-attr]
    assert (home / "rtmpose-s.onnx.sha256").read_text().startswith(SHA)


def test_several_names_make_one_pack_without_doubles(home: Path, tmp_path: Path) -> None:
    keep(home, **{"rtmpose-s": NETWORK, "rtmdet-nano-hand": OTHER})

    packed = weights.pack(["best", "rtmpose-s", "rtmdet-nano-hand"], tmp_path / "a.zip")

    assert [entry.name for entry in packed] == ["rtmpose-s", "rtmdet-nano-hand"]
    with zipfile.ZipFile(tmp_path / "a.zip") as opened:
        assert len(opened.namelist()) == 3


@pytest.mark.parametrize(
    ("row", "files", "message"),
    [
        ({}, {"rtmpose-s.onnx": OTHER}, r"sha256 is .*in its manifest"),
        ({}, {"rtmpose-s.onnx": NETWORK[:-50]}, "not a whole ONNX network"),
        ({}, {"other.onnx": NETWORK}, "0 files named rtmpose-s.onnx"),
        ({"name": "rtmpose-ss"}, None, "did you mean 'rtmpose-s'"),
        ({"name": "face-mesh", "file": "face-mesh.onnx"}, None, "not a network of the zoo"),
        ({"file": "../../rtmpose-s.onnx"}, None, "not a network of the zoo in the file"),
    ],
)
def test_a_pack_that_was_changed_is_refused(
    row: dict[str, Any], files: dict[str, bytes] | None, message: str, pack: Path
) -> None:
    with pytest.raises(ModelError, match=message):
        weights.bring(changed(pack, row, files))

    assert weights.cached() == []


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ({"format": 2}, "a pack of format 2, expected 1; update poise"),
        ({"networks": "all"}, "needs a list of networks"),
        ({"networks": [{"name": 7}]}, "needs a list of networks"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_refused(manifest: dict[str, Any], message: str, pack: Path) -> None:
    with pytest.raises(FormatError, match=message):
        weights.bring(changed(pack, {}, **manifest))


def test_a_pack_against_what_was_pinned_here_is_refused(pack: Path, home: Path) -> None:
    keep(home, **{"rtmpose-s": OTHER})
    weights.provide("rtmpose-s")  # pinned as the other
    weights.remove("rtmpose-s")

    with pytest.raises(ModelError, match=r"as at the first fetch here.*remove rtmpose-s --forget"):
        weights.bring(pack)


def test_a_pack_against_what_is_published_is_refused(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, "rtmpose-s", ADDRESS, sha256="0" * 64)

    with pytest.raises(ModelError, match="as published"):
        weights.bring(pack)


def test_the_maker_s_own_archive_can_be_imported(home: Path, tmp_path: Path) -> None:
    """As a browser saves it."""
    own = tmp_path / "rtmpose-s-of-the-maker.zip"
    own.write_bytes(archive(NETWORK))

    assert weights.bring(own) == [home / "rtmpose-s.onnx"]
    assert weights.provide("rtmpose-s").read_bytes() == NETWORK  # type: ignore[union-attr]


@pytest.mark.parametrize(("file", "name"), [("rtmpose-s.onnx", None), ("x.onnx", "rtmpose-s"), ("x", "rtmpose-s.onnx")])
def test_a_plain_file_can_be_imported_as_a_network_of_the_zoo(file: str, name: str | None, tmp_path: Path) -> None:
    (tmp_path / file).write_bytes(NETWORK)

    weights.bring(tmp_path / file, name=name)

    assert weights.provide("rtmpose-s").read_bytes() == NETWORK  # type: ignore[union-attr]


def test_a_plain_file_that_is_another_network_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, "rtmpose-s", ADDRESS, sha256=SHA)
    (tmp_path / "rtmpose-s.onnx").write_bytes(OTHER)

    with pytest.raises(ModelError, match=r"not the file expected.*as published"):
        weights.bring(tmp_path / "rtmpose-s.onnx")


def test_other_weight_files_are_kept_as_they_are(home: Path, tmp_path: Path) -> None:
    """A torch checkpoint is a zip file too, and no pack."""
    with zipfile.ZipFile(tmp_path / "mine.pt", "w") as opened:
        opened.writestr("mine/data.pkl", b"x")

    assert weights.bring(tmp_path / "mine.pt") == [home / "mine.pt"]
    with pytest.raises(ModelError, match="expected a plain file name that ends in"):
        weights.bring(tmp_path / "mine.pt", name="../mine.pt")


def test_what_is_bundled_needs_no_pack(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="body is bundled with poise"):
        weights.pack(["body"], tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()
