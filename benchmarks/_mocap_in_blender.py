"""Inside Blender: read a movement, write where bones begin: blender -b --python this.py -- FILE FRAMES OUT.json"""

import json
import sys

import bpy

path, frames, out = sys.argv[sys.argv.index("--") + 1 :]
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.context.scene.render.fps = 30
if path.endswith(".bvh"):
    # Blender 3.4 opens files in a mode that Python has not had since 3.11, with which Debian builds it.
    bpy.ops.preferences.addon_enable(module="io_anim_bvh")
    import io_anim_bvh.import_bvh as reader

    reader.open = lambda name, mode="r": open(name, mode.replace("U", ""))  # noqa: PTH123, SIM115
    bpy.ops.import_anim.bvh(filepath=path, global_scale=0.01, rotate_mode="NATIVE")
else:
    import numpy

    # Its glTF add-on uses names that NumPy has given up since.
    numpy.bool = bool
    bpy.ops.import_scene.gltf(filepath=path, bone_heuristic="BLENDER")
armature = next(thing for thing in bpy.data.objects if thing.type == "ARMATURE")
places = {}
first = int(armature.animation_data.action.frame_range[0])
for frame in range(int(frames)):
    bpy.context.scene.frame_set(first + frame)
    for bone in armature.pose.bones:
        x, y, z = armature.matrix_world @ bone.head
        # Blender's z is up, and its y away.
        places.setdefault(bone.name, []).append([x, z, -y])
with open(out, "w", encoding="utf-8") as file:  # noqa: PTH123
    json.dump(places, file)
