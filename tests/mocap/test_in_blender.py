"""Blender, where it is installed: what the page on other programs says of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from motions import walk
from npm_kit import ROOT

from poise.mocap.files import write_motion

# The glTF add-on of Blender 3.4 uses a name that the NumPy of some distributions has given up.
OLD_NAMES = "import numpy\nnumpy.bool = bool\n"
PAGE = ROOT / "docs/mocap-programs.md"
READ = """
import json, sys
import bpy
source, out, count = sys.argv[-3:]
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.context.scene.render.fps = 30
bpy.ops.import_scene.fbx(filepath=source)
armature = next(thing for thing in bpy.data.objects if thing.type == "ARMATURE")
first = int(armature.animation_data.action.frame_range[0])
places = {}
for frame in range(int(count)):
    bpy.context.scene.frame_set(first + frame)
    for bone in armature.pose.bones:
        x, y, z = armature.matrix_world @ bone.head
        places.setdefault(bone.name, []).append([x, z, -y])
with open(out, "w") as file:
    json.dump(places, file)
"""


def blender(script: Path, *words: object) -> None:
    command = [shutil.which("blender"), "-b", "--python-exit-code", "1", "--python", script, "--", *map(str, words)]
    # The Python inside Blender takes the first one on the PATH for its own.
    own = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")} | {"PATH": os.defpath}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=own)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_script_of_the_page_makes_fbx(tmp_path: Path) -> None:
    if shutil.which("blender") is None:
        pytest.skip("needs Blender, which this machine does not have")
    (code,) = re.findall(r"```python\n(.*?bpy.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    script, read = tmp_path / "to_fbx.py", tmp_path / "read.py"
    script.write_text(OLD_NAMES + code, encoding="utf-8")
    read.write_text(READ, encoding="utf-8")
    motion = walk(1.0)
    write_motion(motion, tmp_path / "walk.glb")

    blender(script, tmp_path / "walk.glb", tmp_path / "walk.fbx", 30)
    blender(read, tmp_path / "walk.fbx", tmp_path / "back.json", len(motion))

    places = json.loads((tmp_path / "back.json").read_text(encoding="utf-8"))
    found = np.array([places[bone] for bone in motion.rig.bones]).swapaxes(0, 1)
    assert np.abs(found - motion.joints()).max() < 0.0005
