"""three.js, three-vrm and Khronos' validator read what we write."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from motions import still, walk
from npm_kit import ROOT, needed, served, validated
from test_gltf import opened

sys.path.insert(0, str(ROOT / "tests/web"))
from browser import Page, open_browser

from poise.mocap import Motion
from poise.mocap.files import write_motion
from poise.mocap.formats.gltf import glb_bytes
from poise.mocap.rig_table import rig_table


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needed("three")
    folder = tmp_path_factory.mktemp("three")
    shutil.copy(Path(__file__).with_name("three.html"), folder)
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> Iterator[Page]:
    with served(folder) as address, open_browser() as browser:
        page = browser.page()
        page.open(f"{address}/three.html")
        page.wait("globalThis.ready === true")
        yield page


def asked(page: Page, call: str, *arguments: Any) -> np.ndarray:
    return np.array(page.evaluate(f"{call}({', '.join(json.dumps(a) for a in arguments)})"))


@pytest.mark.parametrize("rig", [None, "mixamo", "unreal"])
def test_three_js_moves_the_bones_as_the_movement_does(rig: str | None, folder: Path, page: Page) -> None:
    motion = walk(1.0, fingers=True)
    write_motion(motion, folder / f"walk-{rig}.glb", rig=rig)
    table = rig_table(rig)
    # three.js keeps such marks for the paths of its own animations.
    names = [table.bones[bone][0].replace(":", "") for bone in motion.rig.bones]

    found = asked(page, "played", f"walk-{rig}.glb", names, motion.times.tolist())

    assert np.abs(found - motion.joints()).max() < 5e-4
    assert page.errors == []


def vrm(motion: Motion, rig: str) -> bytes:
    """Return an avatar: the character on another rig's axes, with what makes it VRM 1.0."""
    document, _ = opened(data := glb_bytes(motion, rig=rig))
    table = rig_table(rig)
    rows = {node["name"]: at for at, node in enumerate(document["nodes"])}
    bones = {bone: {"node": rows[table.bones[bone][0]]} for bone in motion.rig.bones}
    document.pop("animations")
    meta = {"name": "person", "authors": ["tests"], "licenseUrl": "https://vrm.dev/licenses/1.0/"}
    document["extensionsUsed"] = ["VRMC_vrm"]
    document["extensions"] = {"VRMC_vrm": {"specVersion": "1.0", "meta": meta, "humanoid": {"humanBones": bones}}}
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    length = int.from_bytes(data[12:16], "little")
    rest = data[20 + length :]
    whole = 12 + 8 + len(text) + len(rest)
    return data[:8] + whole.to_bytes(4, "little") + len(text).to_bytes(4, "little") + b"JSON" + text + rest


@pytest.mark.parametrize("rig", ["vrm", "mixamo"])
def test_a_vrm_avatar_moves_as_the_movement_does(rig: str, folder: Path, page: Page) -> None:
    """Whatever the avatar's own axes are."""
    needed("@pixiv/three-vrm-animation")
    motion = walk(1.0, fingers=True)
    write_motion(motion, folder / "walk.vrma", overwrite=True)
    (folder / f"{rig}.vrm").write_bytes(vrm(still(fingers=True), rig))

    found = asked(page, "avatar", f"{rig}.vrm", "walk.vrma", list(motion.rig.bones), motion.times.tolist())

    assert np.abs(found - motion.joints()).max() < 5e-4


@pytest.mark.parametrize("name", ["walk.glb", "still.glb", "walk.vrma", "mixamo.glb", "unreal.glb"])
def test_khronos_validator_finds_no_fault(name: str, tmp_path: Path) -> None:
    rig = Path(name).stem if name in ("mixamo.glb", "unreal.glb") else None
    path = write_motion(still() if name == "still.glb" else walk(0.2, fingers=True), tmp_path / name, rig=rig)

    issues = json.loads(validated(path))

    assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues["messages"]
