"""Inside Blender: read a movement and write where its bones begin: blender -b --python this.py -- FILE FRAMES OUT.json"""

import json
import sys

import bpy

path, frames, out = sys.argv[sys.argv.index("--") + 1 :]
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.context.scene.render.fps = 30
if path.endswith(".bvh"):
    bpy.ops.import_anim.bvh(filepath=path, global_scale=0.01, rotate_mode="NATIVE", frame_start=0)
else:
    bpy.ops.import_scene.gltf(filepath=path, bone_heuristic="BLENDER")
armature = next(thing for thing in bpy.data.objects if thing.type == "ARMATURE")
places = {}
for frame in range(int(frames)):
    bpy.context.scene.frame_set(frame)
    for bone in armature.pose.bones:
        x, y, z = armature.matrix_world @ bone.head
        # Blender's z is up, and its y away.
        places.setdefault(bone.name, []).append([x, z, -y])
with open(out, "w", encoding="utf-8") as file:  # noqa: PTH123
    json.dump(places, file)
