"""Bodies that others made: run by a Python that has anny (Apache-2.0, its bodies CC0), for benchmarks/mocap.py --anny.

Reads movements (.npz: ``names``, ``turns`` (T, J, 4) of the bones in the world, x y z w, ``fps``), puts them on bodies
of several shapes, and writes where the skin has the 33 points that body-3d sees (.npz: ``points`` (B, T, 33, 3), y up,
z ahead, metres; ``heights`` (B,); ``shapes``). A bone of VRM turns all of anny's that it stands for, seen from anny's
body in a T-pose: so what a rotation means is the same, and all else (proportions, where joints lie, skin) is not.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from anny import Anny, KeypointsRegressor

SHAPES = {
    "man": {"gender": 1.0, "age": 0.67, "height": 0.55},
    "woman": {"gender": 0.0, "age": 0.67, "height": 0.45},
    "heavy": {"gender": 0.7, "age": 0.75, "weight": 0.9, "height": 0.5},
    "slim": {"gender": 0.3, "age": 0.6, "weight": 0.2, "height": 0.7},
}
# Which bone of VRM turns anny's, by how their names begin; what is not named turns with its parent.
CARRIED = {
    "root": "hips", "pelvis": "hips", "spine05": "hips", "spine04": "spine", "spine03": "spine", "spine02": "chest",
    "spine01": "chest", "neck01": "neck", "neck02": "neck", "neck03": "neck", "head": "head",
    "clavicle": "Shoulder", "shoulder01": "Shoulder", "upperarm": "UpperArm", "lowerarm": "LowerArm", "wrist": "Hand",
    "upperleg": "UpperLeg", "lowerleg": "LowerLeg", "foot": "Foot",
}  # fmt: skip
# Limbs that are straightened to the T-pose: bone, and where it ends.
LIMBS = {
    "upperarm01": "lowerarm01",
    "lowerarm01": "wrist",
    "wrist": "finger3-1",
    "upperleg01": "lowerleg01",
    "lowerleg01": "foot",
}
# Of anny's 23 keypoints those that body-3d has; the others lie on the skin of face, hands and feet.
COCO = ("nose", "eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "heel")


def main(read: str, write: str) -> None:
    given = np.load(read)
    names, turns = [str(name) for name in given["names"]], given["turns"]
    model = _model()
    points, heights = [], []
    for shape in SHAPES.values():
        found, height = posed(model, shape, names, turns)
        points.append(found)
        heights.append(height)
    np.savez(write, points=np.array(points), heights=np.array(heights), shapes=np.array(list(SHAPES)))


def _model() -> Anny:
    from anny import create_fullbody_model

    return create_fullbody_model()


def posed(model: Anny, shape: dict[str, float], names: list[str], turns: np.ndarray) -> tuple[np.ndarray, float]:
    """Return ``(T, 33, 3)`` of one body, and how tall it is."""
    labels, parents = list(model.bone_labels), list(model.bone_parents)
    phenotype = {name: shape.get(name, 0.5) for name in model.phenotype_labels}
    rest = model(phenotype_kwargs=phenotype)
    heads = rest["rest_bone_heads"][0].numpy()
    poses = rest["rest_bone_poses"][0].numpy()
    straight = t_pose(labels, parents, heads)
    carried = [_carrier(label) for label in labels]
    # anny is z up and faces -y.
    axes = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
    t = len(turns)
    world = np.empty((t, len(labels), 3, 3))
    for at, name in enumerate(carried):
        if name is None:
            world[:, at] = world[:, parents[at]]
            continue
        world[:, at] = axes.T @ _matrices(turns[:, names.index(name)]) @ axes
    delta = np.zeros((t, len(labels), 4, 4))
    delta[..., 3, 3] = 1.0
    # What a bone turns by in its own axes: from its place at rest under its parent to where it is to be.
    whole = world @ straight
    for at, above in enumerate(parents):
        own = poses[at, :3, :3]
        over = whole[:, above] if above >= 0 else np.eye(3)
        delta[:, at, :3, :3] = (
            own.T @ np.swapaxes(over, -1, -2) @ whole[:, at] @ own if above >= 0 else whole[:, at] @ own
        )
    regress = KeypointsRegressor.coco(model)
    out = []
    for low in range(0, t, 32):
        found = model(
            pose_parameters=torch.as_tensor(delta[low : low + 32]).to(model.dtype), phenotype_kwargs=phenotype,
            pose_parameterization="local-bone",
        )  # fmt: skip
        out.append(_seen(found, regress(found).numpy(), list(regress.labels), labels, heads))
    skin = rest["rest_vertices"][0].numpy()
    return np.concatenate(out) @ axes.T, float(np.ptp(skin[:, 2]))


def t_pose(labels: list[str], parents: list[int], heads: np.ndarray) -> np.ndarray:
    """Return ``(J, 3, 3)`` how each bone is turned in the world from anny's rest to a T-pose."""
    out = np.tile(np.eye(3), (len(labels), 1, 1))
    for at, label in enumerate(labels):
        if parents[at] >= 0:
            out[at] = out[parents[at]]
        part, _, side = label.partition(".")
        if side and part in LIMBS:
            end = heads[labels.index(f"{LIMBS[part]}.{side}")] - heads[at]
            goal = np.array([0.0, 0.0, -1.0]) if "leg" in part else np.array([1.0 if side == "L" else -1.0, 0.0, 0.0])
            out[at] = _between(end, goal)
        if side and part == "foot":
            out[at] = np.eye(3)
    return out


def _carrier(label: str) -> str | None:
    part, _, side = label.partition(".")
    name = next((vrm for start, vrm in CARRIED.items() if part.startswith(start)), None)
    if name is None or not side or name == "hips":
        return name
    return ("left" if side == "L" else "right") + name


def _seen(found: dict, coco: np.ndarray, names: list[str], labels: list[str], rest: np.ndarray) -> np.ndarray:
    """Return ``(T, 33, 3)``: joints inside limbs are anny's own, points on the skin those of its keypoints."""
    joints = found["bone_poses"][..., :3, 3].numpy()

    def bone(name: str) -> np.ndarray:
        return joints[:, labels.index(name)]

    def key(name: str) -> np.ndarray:
        return coco[:, names.index(name)]

    out = np.empty((len(joints), 33, 3))
    out[:, 0] = key("nose")
    for first, side, s in ((1, "left", "L"), (4, "right", "R")):
        eye, ear = key(f"{side}_eye"), key(f"{side}_ear")
        middle = (key("left_eye") + key("right_eye")) / 2
        out[:, first], out[:, first + 1], out[:, first + 2] = (
            eye + 0.3 * (middle - eye),
            eye,
            eye - 0.3 * (middle - eye),
        )
        k = 0 if side == "left" else 1
        out[:, 7 + k] = ear
        out[:, 9 + k] = bone(f"oris03.{s}")
        out[:, 11 + k], out[:, 13 + k], out[:, 15 + k] = (
            bone(f"{name}.{s}") for name in ("upperarm01", "lowerarm01", "wrist")
        )
        out[:, 17 + k], out[:, 19 + k], out[:, 21 + k] = (
            bone(f"{name}.{s}") for name in ("finger5-1", "finger2-1", "finger1-2")
        )
        out[:, 23 + k], out[:, 25 + k], out[:, 27 + k] = (
            bone(f"{name}.{s}") for name in ("upperleg01", "lowerleg01", "foot")
        )
        out[:, 29 + k], out[:, 31 + k] = key(f"{side}_heel"), key(f"{side}_big_toe")
    return out


def _matrices(q: np.ndarray) -> np.ndarray:
    x, y, z, w = np.moveaxis(q, -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def _between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the shortest rotation from one direction to another, less than half a turn away."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    v = np.cross(a, b)
    k = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    return np.eye(3) + k + k @ k / (1 + a @ b)


if __name__ == "__main__":
    main(*sys.argv[1:])
