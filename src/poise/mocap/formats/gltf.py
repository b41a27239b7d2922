"""glTF 2.0 in one binary file: bones that move, with or without the character that they carry.

Source:
    Khronos, glTF 2.0 specification (ISO/IEC 12113), sections 3.7 (geometry, skins), 3.11 (animations), 4 (GLB).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.extras.version import __version__
from poise.files.text import valid
from poise.mocap import quaternions as quat
from poise.mocap.character import MATERIALS, build_character
from poise.mocap.motion import Motion
from poise.mocap.retargeting import Retargeted, retarget
from poise.mocap.rig import PARENTS
from poise.mocap.rig_table import RigTable, rig_table
from poise.mocap.sampling import steady

_FLOAT, _BYTE, _SHORT = 5126, 5121, 5123
_COMPONENT = {"float32": _FLOAT, "uint8": _BYTE, "uint16": _SHORT}
_KINDS = {1: "SCALAR", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
_VERTICES, _CORNERS = 34962, 34963


class Gltf:
    """A glTF document and the bytes that it refers to.

    Attributes:
        document: What becomes JSON.
    """

    def __init__(self) -> None:
        self.document: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": f"Poise {__version__}"}, "scene": 0, "scenes": [{"nodes": []}],
            "nodes": [], "accessors": [], "bufferViews": [], "buffers": [{"byteLength": 0}],
        }  # fmt: skip
        self._bytes = bytearray()

    def accessor(self, values: NDArray[Any], *, target: int = 0, bounds: bool = False, normalised: bool = False) -> int:
        """Add an array of float32, uint8 or uint16 and return its number."""
        values = np.ascontiguousarray(values)
        self._bytes += bytes(-len(self._bytes) % 4)
        view: dict[str, Any] = {"buffer": 0, "byteOffset": len(self._bytes), "byteLength": values.nbytes}
        self.document["bufferViews"].append(view | ({"target": target} if target else {}))
        self._bytes += values.tobytes()
        width = 1 if values.ndim == 1 else int(np.prod(values.shape[1:]))
        entry: dict[str, Any] = {
            "bufferView": len(self.document["bufferViews"]) - 1, "componentType": _COMPONENT[str(values.dtype)],
            "count": len(values), "type": _KINDS[width],
        }  # fmt: skip
        if normalised:
            entry["normalized"] = True
        if bounds:
            flat = values.reshape(len(values), width)
            entry |= {"min": flat.min(0).tolist(), "max": flat.max(0).tolist()}
        self.document["accessors"].append(entry)
        return len(self.document["accessors"]) - 1

    def node(self, node: Mapping[str, Any]) -> int:
        """Add a node and return its number."""
        self.document["nodes"].append(dict(node))
        return len(self.document["nodes"]) - 1

    def to_bytes(self) -> bytes:
        """Return the file."""
        body = bytes(self._bytes) + bytes(-len(self._bytes) % 4)
        self.document["buffers"][0]["byteLength"] = len(body)
        text = json.dumps(self.document, separators=(",", ":"), ensure_ascii=False).encode()
        text += b" " * (-len(text) % 4)
        chunks = _chunk(b"JSON", text) + _chunk(b"BIN\0", body)
        return b"glTF" + (2).to_bytes(4, "little") + (12 + len(chunks)).to_bytes(4, "little") + chunks


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "little") + kind + data


def glb_bytes(
    motion: Motion,
    *,
    rig: str | Path | RigTable | None = None,
    fps: float | None = None,
    character: bool = True,
) -> bytes:
    """Return a binary glTF file: metres, y up, the front along +z, times from 0.

    Args:
        motion: One frame or more.
        rig: Names, axes and rest pose of the nodes; None: VRM's names, all axes the world's.
        fps: Frames per second; None: the motion's own frames at their own times.
        character: With a skinned person; False: the bones and their movement only.

    Raises:
        ValueError: No rig has this name, or ``fps`` is out of range.
        FormatError: The file of a rig cannot be read.
    """
    motion = motion if fps is None else steady(motion, fps)
    table = replace(rig_table(rig), unit="m", up="y")
    made = retarget(motion, table)
    gltf = Gltf()
    add_bones(gltf, made)
    if character:
        _add_character(gltf, motion, made)
    add_movement(gltf, motion, made)
    return gltf.to_bytes()


def add_bones(gltf: Gltf, made: Retargeted) -> None:
    """Add a node for each bone, at rest, in the order of the bones: a bone's row is its node's number."""
    for at, name in enumerate(made.names):
        node: dict[str, Any] = {"name": valid(name), "translation": _listed(made.offsets[at])}
        if quat.angle(made.rest[at]) > 1e-9:
            node["rotation"] = _listed(made.rest[at])
        children = np.flatnonzero(made.parents == at).tolist()
        gltf.node(node | ({"children": children} if children else {}))
    gltf.document["scenes"][0]["nodes"].append(0)


def add_movement(gltf: Gltf, motion: Motion, made: Retargeted) -> None:
    """Add the animation: the path of the hips and the rotations of all bones, on a straight or the shortest way."""
    times = gltf.accessor((motion.times - motion.times[0]).astype(np.float32), bounds=True)
    samplers, channels = [], []

    def add(node: int, path: str, values: NDArray[Any]) -> None:
        samplers.append({"input": times, "output": gltf.accessor(values.astype(np.float32)), "interpolation": "LINEAR"})
        channels.append({"sampler": len(samplers) - 1, "target": {"node": node, "path": path}})

    add(made.hips, "translation", made.root)
    for at, bone in enumerate(made.bones):
        if bone:
            add(at, "rotation", made.rotations[:, at])
    about = {"source": valid(motion.source), "id": motion.id, "notes": [valid(note) for note in motion.notes]}
    animation = {"name": valid(Path(motion.source).stem) or "motion", "samplers": samplers, "channels": channels}
    gltf.document["animations"] = [animation | {"extras": about}]


def _add_character(gltf: Gltf, motion: Motion, made: Retargeted) -> None:
    mesh = build_character(motion.rig)
    attributes = {
        "POSITION": gltf.accessor(mesh.positions, target=_VERTICES, bounds=True),
        "NORMAL": gltf.accessor(mesh.normals, target=_VERTICES),
        # A row without a share is 0.
        "JOINTS_0": gltf.accessor(_carriers(motion, made)[mesh.joints] * (mesh.weights > 0), target=_VERTICES),
        "WEIGHTS_0": gltf.accessor(mesh.weights, target=_VERTICES, normalised=True),
    }
    materials, primitives = [], []
    for part, corners in mesh.parts.items():
        colour, rough = MATERIALS[part]
        surface = {"baseColorFactor": _linear(colour), "metallicFactor": 0, "roughnessFactor": rough}
        materials.append({"name": part, "pbrMetallicRoughness": surface})
        indices = gltf.accessor(corners.reshape(-1), target=_CORNERS)
        primitives.append({"attributes": attributes, "indices": indices, "material": len(materials) - 1})
    document = gltf.document
    document["materials"] = materials
    document["meshes"] = [{"name": "person", "primitives": primitives}]
    bind = gltf.accessor(_inverse_bind(motion, made).astype(np.float32))
    joints = list(range(len(made.names)))
    document["skins"] = [{"name": "person", "inverseBindMatrices": bind, "joints": joints, "skeleton": 0}]
    document["scenes"][0]["nodes"].append(gltf.node({"name": "person", "mesh": 0, "skin": 0}))


def _carriers(motion: Motion, made: Retargeted) -> NDArray[np.uint8]:
    """Return the row in the file of each of the motion's bones, or that of the nearest above which it has."""
    rows = {bone: at for at, bone in enumerate(made.bones) if bone}
    found = []
    for bone in motion.rig.bones:
        name: str | None = bone
        while name not in rows:
            name = PARENTS[str(name)]
        found.append(rows[name])
    return np.array(found, dtype=np.uint8)


def _inverse_bind(motion: Motion, made: Retargeted) -> NDArray[np.float64]:
    """Return ``(B, 4, 4)``, columns first: from the skin, which is in the T-pose, to each bone's own axes."""
    rig = motion.rig
    still = np.tile(quat.IDENTITY, (1, len(rig.bones), 1))
    none = np.zeros((1, len(rig.bones)))
    pose = Motion(rig, np.zeros(1), still, rig.offsets[:1], none, np.zeros((1, 2), dtype=np.bool_))
    places, turns = retarget(pose, made.table).world()
    back = quat.inverse(turns[0])
    out = np.zeros((len(back), 4, 4))
    out[:, :3, :3] = np.swapaxes(quat.to_matrix(back), 1, 2)
    out[:, 3, :3] = -quat.rotate(back, places[0])
    out[:, 3, 3] = 1.0
    return out


def _linear(colour: str) -> list[float]:
    """Return a colour of the web as glTF has it: linear, with opacity."""
    srgb = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return [*np.round(linear, 5).tolist(), 1.0]


def _listed(values: NDArray[np.float64]) -> list[float]:
    listed: list[float] = (np.round(values, 9) + 0.0).tolist()
    return listed
