"""How far joints are from where they should be when others read our files: python benchmarks/mocap_files.py

A walk of two seconds with waves, turns and fingers is written in every format and read by what is installed: our own
reader and bvhio for BVH, three.js and three-vrm in Chromium, ezc3d, and Blender for BVH and glTF (Debian's packages
blender and python3-numpy). Prints the largest distance of any joint in any frame, millimetres, and the files' sizes.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/web"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/mocap"))
from motions import walk
from npm_kit import ROOT

from poise.mocap import Motion
from poise.mocap.character import build_character
from poise.mocap.files import SUFFIXES, write_motion
from poise.mocap.formats.bvh_reader import read_bvh
from poise.mocap.preview import write_preview
from poise.mocap.rig_table import rig_table


def worst(found: np.ndarray, motion: Motion) -> float:
    """Return the largest distance, millimetres."""
    return 1000 * float(np.linalg.norm(found - motion.joints(), axis=-1).max())


def by_our_reader(path: Path, motion: Motion) -> float:
    read, table = read_bvh(path), rig_table("bvh")
    rows = [read.names.index(table.bones[bone][0]) for bone in motion.rig.bones]
    return worst(read.joints()[:, rows] / 100, motion)


def by_bvhio(path: Path, motion: Motion) -> float:
    import bvhio

    root, table = bvhio.readAsHierarchy(str(path)), rig_table("bvh")
    joints = {joint.Name: joint for joint, *_ in root.layout()}
    found = np.empty((len(motion), len(motion.rig.bones), 3))
    for frame in range(len(motion)):
        root.loadPose(frame)
        for at, bone in enumerate(motion.rig.bones):
            found[frame, at] = list(joints[table.bones[bone][0]].PositionWorld)
    return worst(found / 100, motion)


def by_ezc3d(path: Path, motion: Motion) -> float:
    import ezc3d

    read = ezc3d.c3d(str(path))
    names, points = read["parameters"]["POINT"]["LABELS"]["value"], read["data"]["points"]
    rows = [motion.rig.row(bone) for bone in ("leftHand", "rightHand", "leftFoot", "rightFoot")]
    found = np.stack([points[:3, names.index(name)].T for name in ("LWrist", "RWrist", "LAnkle", "RAnkle")], 1)
    return float(np.linalg.norm(found[..., [1, 2, 0]] - 1000 * motion.joints()[:, rows], axis=-1).max())


def by_blender(path: Path, motion: Motion) -> float:
    out = path.with_suffix(".json")
    script = Path(__file__).with_name("_mocap_in_blender.py")
    command = ["blender", "-b", "--python-exit-code", "1", "--python", script, "--", path, str(len(motion)), out]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    places = json.loads(out.read_text(encoding="utf-8"))
    table = rig_table("bvh" if path.suffix == ".bvh" else "vrm")
    found = np.array([places[table.bones[bone][0]] for bone in motion.rig.bones])
    return worst(np.swapaxes(found, 0, 1), motion)


def by_three(folder: Path, motion: Motion) -> dict[str, float]:
    from browser import open_browser
    from npm_kit import served
    from test_in_three import asked, vrm

    shutil.copy(ROOT / "tests/mocap/three.html", folder)
    (folder / "person.vrm").write_bytes(vrm(motion, "mixamo"))
    names, times = list(motion.rig.bones), motion.times.tolist()
    with served(folder) as address, open_browser() as browser:
        page = browser.page()
        page.open(f"{address}/three.html")
        page.wait("globalThis.ready === true")
        return {
            ".glb in three.js": worst(asked(page, "played", "walk.glb", names, times), motion),
            ".vrma in three-vrm": worst(asked(page, "avatar", "person.vrm", "walk.vrma", names, times), motion),
        }


def main() -> None:
    motion = walk(2.0, fingers=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"{len(motion)} frames, {len(motion.rig.bones)} bones")
        for ending in SUFFIXES:
            began = time.process_time()
            path = write_motion(motion, folder / f"walk{ending}")
            print(f"{ending:10} {path.stat().st_size / 1000:8.1f} kB  {1000 * (time.process_time() - began):6.0f} ms")
        page = write_preview(folder / "walk.html", motion)
        print(f"{'.html':10} {page.stat().st_size / 1000:8.1f} kB")
        for fingers in (False, True):
            mesh = build_character(walk(0.1, fingers=fingers).rig)
            print(f"character, {'with' if fingers else 'without'} fingers: {mesh.triangles} triangles")
        print("largest distance of a joint, mm")
        readers: dict[str, tuple[str, Callable[[Path, Motion], float]]] = {
            ".bvh, our reader": (".bvh", by_our_reader),
            ".bvh in bvhio": (".bvh", by_bvhio),
            ".bvh in Blender": (".bvh", by_blender),
            ".glb in Blender": (".glb", by_blender),
            ".c3d in ezc3d": (".c3d", by_ezc3d),
        }
        for label, (ending, reader) in readers.items():
            try:
                print(f"{label:20} {reader(folder / f'walk{ending}', motion):.5f}")
            except (ImportError, FileNotFoundError) as error:
                print(f"{label:20} not here: {error}")
        try:
            for label, value in by_three(folder, motion).items():
                print(f"{label:20} {value:.5f}")
        except BaseException as error:  # noqa: BLE001 - pytest's own skip is no Exception
            print(f"three.js             not here: {error}")


if __name__ == "__main__":
    main()
