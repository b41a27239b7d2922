"""Render the drawn person of the tests: a body of the CC0 model 'anny', dressed, lit and ray-traced on the CPU.

    pip install anny==0.6.2 av pillow                # in an environment of its own: needs torch and warp
    python benchmarks/render_person.py [--samples 48]

Writes tests/assets/hand.jpg with where the joints of its hand truly are (hand.json), and tests/assets/gestures.mp4: a
hand goes up, opens, and shows two fingers. Axes: x to the person's left, y backwards, z up, metres.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import anny
import av
import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFilter
import torch
import warp as wp

ROOT = Path(__file__).resolve().parents[1]
LOOKS = {"gender": 1.0, "age": 0.64, "muscle": 0.55, "weight": 0.42, "height": 0.5, "proportions": 0.8}
SMILE = {"mouthSmileLeft": 0.55, "mouthSmileRight": 0.55}
SKIN, SHIRT, HAIR = (206, 150, 124), (58, 92, 140), (62, 44, 34)
# Finger 1 is the thumb: degrees by which its three joints bend to the palm, and by which it is spread.
OPEN = {1: (-5, -5, -10, 0), 2: (-16, -8, -6, 5), 3: (-18, -8, -6, 0), 4: (-20, -8, -6, -4), 5: (-22, -8, -6, -9)}
TWO = {1: (20, 30, 35, 0), 2: (-14, -8, -6, -8), 3: (-14, -8, -6, 8), 4: (62, 80, 50, 0), 5: (60, 80, 50, 0)}
LOOSE = {1: (5, 5, 5, 0)} | dict.fromkeys(range(2, 6), (8, 12, 8, 0))


def unit(v: np.ndarray) -> np.ndarray:
    return np.asarray(v, float) / np.linalg.norm(v)


def turn(axis: np.ndarray, degrees: float) -> np.ndarray:
    """Rotation about an axis (Rodrigues)."""
    (x, y, z), t = unit(axis), np.radians(degrees)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(t) * k + (1 - np.cos(t)) * k @ k


def swing(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The smallest rotation that takes direction a to b."""
    axis = np.cross(unit(a), unit(b))
    length = np.linalg.norm(axis)
    return turn(axis, np.degrees(np.arctan2(length, unit(a) @ unit(b)))) if length > 1e-8 else np.eye(3)


def axes(along: np.ndarray, normal: np.ndarray) -> np.ndarray:
    d = unit(along)
    n = unit(normal - d * (np.asarray(normal, float) @ d))
    return np.stack([d, n, np.cross(d, n)], 1)


def noise(points: np.ndarray, scale: float, seed: int) -> np.ndarray:
    """Smooth noise in space, about -1 to 1: a sum of random waves."""
    rng = np.random.default_rng(seed)
    waves, phases = rng.normal(size=(24, 3)) * scale, rng.uniform(0, 2 * np.pi, 24)
    return np.sin(points @ waves.T + phases).mean(1) * 2.3


def ramp(x: np.ndarray, low: float, high: float) -> np.ndarray:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def linear(rgb: tuple[int, int, int] | np.ndarray) -> np.ndarray:
    x = np.asarray(rgb, float) / 255
    return np.where(x < 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def normals(v: np.ndarray, faces: np.ndarray) -> np.ndarray:
    n = np.zeros_like(v)
    across = np.cross(v[faces[:, 1]] - v[faces[:, 0]], v[faces[:, 2]] - v[faces[:, 0]])
    for corner in range(3):
        np.add.at(n, faces[:, corner], across)
    return n / np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-12)


class Person:
    """A body at rest, where its clothes and hair are, and the rotations that pose it."""

    def __init__(self) -> None:
        model = anny.Anny(facial_actions="all")
        still = torch.eye(4)[None, None].repeat(1, model.bone_count, 1, 1)
        made = model(pose_parameters=still, phenotype_kwargs=LOOKS, facial_actions=SMILE)
        self.rest = made["rest_vertices"][0].detach().numpy().astype(float)
        self.heads = made["rest_bone_poses"][0, :, :3, 3].detach().numpy().astype(float)
        self.parents, self.bones = list(model.bone_parents), list(model.bone_labels)
        self.weights, self.of = model.vertex_bone_weights.numpy(), model.vertex_bone_indices.numpy()
        self.faces = np.asarray(model.faces.tolist())
        uv = np.zeros((len(self.rest), 2))
        uv[self.faces.ravel()] = model.texture_coordinates.numpy()[
            model.face_texture_coordinate_indices.numpy().ravel()
        ]
        self.uv = uv
        pairs = np.concatenate([self.faces[:, [0, 1]], self.faces[:, [1, 2]], self.faces[:, [2, 0]]])
        self.edges = np.unique(np.sort(pairs, 1), axis=0)
        self.shirt, self.hair = self._shirt(), self._hair()
        self.local: dict[int, np.ndarray] = {}

    def head(self, bone: str) -> np.ndarray:
        return self.heads[self.bones.index(bone)]

    def share(self, *starts: str) -> np.ndarray:
        """How much of each vertex moves with the bones of these names."""
        ids = [i for i, name in enumerate(self.bones) if name.startswith(starts)]
        return (self.weights * np.isin(self.of, ids)).sum(1)

    def mask(self, name: str) -> np.ndarray:
        """A part of the skin that the model ships as a picture in texture coordinates."""
        path = Path(anny.__file__).parent / f"data/mpfb2/textures/mpfb_{name}.jpg"
        picture = np.asarray(PIL.Image.open(path).convert("L"), float) / 255
        last = len(picture) - 1
        rows, columns = ((1 - self.uv[:, 1]) * last).astype(int), (self.uv[:, 0] * last).astype(int)
        return picture[rows.clip(0, last), columns.clip(0, last)]

    def _shirt(self) -> np.ndarray:
        """Above 0 where the shirt is."""
        v, sleeve = self.rest, np.ones(len(self.rest))
        for side in "LR":
            start, end = self.head(f"upperarm01.{side}"), self.head(f"lowerarm01.{side}")
            along = (v - start) @ (end - start) / ((end - start) @ (end - start))
            arm = self.share(f"upperarm01.{side}", f"upperarm02.{side}", "lowerarm", "wrist", "finger", "metacarpal")
            sleeve = np.where((arm > 0.5) & (np.sign(v[:, 0]) == np.sign(start[0])), 0.66 - along, sleeve)
        round_neck = (v - self.head("neck01")) / [0.088, 0.10, 0.085] - [0, -0.15, 0.25]
        collar = (np.linalg.norm(round_neck, axis=1) - 1) * 0.3
        above = np.where(self.share("neck", "head", "eye") > 0.35, -0.2, 1)
        hem = 3 * (v[:, 2] - self.head("upperleg01.L")[2] + 0.03)
        return np.minimum.reduce([sleeve, collar, above, hem])

    def _hair(self) -> np.ndarray:
        """Above 0 where hair grows: from the forehead over the top to the nape, and not on the ears."""
        on = self.share("head", "neck03", "eye") > 0.6
        middle = np.array([0, self.rest[on, 1].mean(), self.head("eye.L")[2]])
        x, y, z = ((self.rest - middle) / (self.rest[on, 2].max() - middle[2])).T
        field = np.where(on, z - 0.62 + 0.95 * np.clip(y + 0.25, -0.6, 1.2) - 0.1 * np.abs(x), -1)
        return np.where(self.mask("ears") > 0.3, -0.3, field)

    def world(self) -> np.ndarray:
        """``(bones, 4, 4)``: where each bone takes what is fixed to it. A bone turns all behind it about its head."""
        placed: list[np.ndarray] = []
        for i, parent in enumerate(self.parents):
            own = np.eye(4)
            if i in self.local:
                own[:3, :3] = self.local[i]
                own[:3, 3] = self.heads[i] - self.local[i] @ self.heads[i]
            placed.append(own if parent < 0 else placed[parent] @ own)
        return np.array(placed)

    def aim(self, bone: str, rotation: np.ndarray) -> None:
        """Turn a bone from rest by this rotation, whatever those before it do."""
        i = self.bones.index(bone)
        self.local[i] = self.world()[self.parents[i]][:3, :3].T @ rotation

    def palm(self, side: str) -> tuple[np.ndarray, np.ndarray]:
        """Direction of the fingers and of the palm at rest."""
        knuckle = self.head(f"finger3-1.{side}")
        along = unit(knuckle - self.head(f"wrist.{side}"))
        normal = np.cross(along, self.head(f"finger2-1.{side}") - self.head(f"finger5-1.{side}"))
        return along, unit(normal) * np.sign(normal @ (self.head(f"finger3-3.{side}") - knuckle))

    def arm(self, side: str, upper: np.ndarray, fore: np.ndarray, fingers: np.ndarray, palm: np.ndarray) -> None:
        """Aim an arm by the directions of its parts; the forearm takes up two thirds of the hand's twist."""
        shoulder, elbow, wrist = (self.head(f"{b}.{side}") for b in ("upperarm01", "lowerarm01", "wrist"))
        self.aim(f"upperarm01.{side}", swing(elbow - shoulder, upper))
        bend, hand = swing(wrist - elbow, fore), axes(fingers, palm) @ axes(*self.palm(side)).T
        rest = hand @ bend.T
        sine = np.array([rest[2, 1] - rest[1, 2], rest[0, 2] - rest[2, 0], rest[1, 0] - rest[0, 1]]) @ unit(fore)
        twist = np.degrees(2 * np.arctan2(sine, 1 + np.trace(rest)))
        self.aim(f"lowerarm01.{side}", turn(fore, 0.35 * twist) @ bend)
        self.aim(f"lowerarm02.{side}", turn(fore, 0.7 * twist) @ bend)
        self.aim(f"wrist.{side}", hand)

    def bend_fingers(self, side: str, how: dict[int, tuple[float, float, float, float]]) -> None:
        _, normal = self.palm(side)
        for finger, (*angles, spread) in how.items():
            joints = [self.head(f"finger{finger}-{j}.{side}") for j in (1, 2, 3)]
            along = [joints[1] - joints[0], joints[2] - joints[1], joints[2] - joints[1]]
            for j, (direction, angle) in enumerate(zip(along, angles, strict=True)):
                rotation = turn(np.cross(direction, normal), angle)
                spread_by = turn(normal, spread) if j == 0 else np.eye(3)
                self.local[self.bones.index(f"finger{finger}-{j + 1}.{side}")] = rotation @ spread_by

    def pose(self, raised: float, fingers: dict[int, tuple[float, float, float, float]]) -> None:
        """Both arms hang at 0; at 1 the right hand is beside the head, its palm to the camera."""
        self.local = {self.bones.index("clavicle.R"): turn(np.array([0, 1, 0]), 6 * raised)}
        hanging = [(-0.18, 0.02, -1), (-0.10, -0.22, -1), (-0.05, -0.15, -1), (1, -0.2, -0.1)]
        up = [(-0.42, -0.30, -0.85), (-0.22, -0.42, 0.88), (-0.08, -0.12, 1), (0.06, -1, -0.08)]
        self.arm("R", *((1 - raised) * np.array(hanging) + raised * np.array(up)))
        self.arm("L", *(np.array(hanging) * [-1, 1, 1]))
        self.bend_fingers("R", fingers)
        self.bend_fingers("L", LOOSE)

    def posed(self) -> np.ndarray:
        blend = (self.weights[..., None, None] * self.world()[self.of]).sum(1)
        return np.einsum("nij,nj->ni", blend[:, :3, :3], self.rest) + blend[:, :3, 3]

    def hand_joints(self, side: str) -> np.ndarray:
        """``(21, 3)``: wrist, then four joints a finger, thumb first, in the order of hand21."""
        world, v = self.world(), self.posed()
        place = {bone: world[i][:3, :3] @ self.heads[i] + world[i][:3, 3] for i, bone in enumerate(self.bones)}
        joints = [place[f"wrist.{side}"]]
        for finger in range(1, 6):
            bones = [place[f"finger{finger}-{j}.{side}"] for j in (1, 2, 3)]
            last = v[self.share(f"finger{finger}-3.{side}") > 0.5]
            forward = unit(bones[2] - bones[1])
            # The tip is a finger's half thickness, 6 mm, before its end.
            joints += [*bones, bones[2] + forward * (((last - bones[2]) @ forward).max() - 0.006)]
        return np.array(joints)

    def _smoothed(self, v: np.ndarray, amount: np.ndarray, steps: int) -> np.ndarray:
        degree = np.maximum(np.bincount(self.edges.ravel(), minlength=len(v)), 1)[:, None]
        for _ in range(steps):
            around = np.zeros_like(v)
            for a, b in ((0, 1), (1, 0)):
                np.add.at(around, self.edges[:, a], v[self.edges[:, b]])
            v = v + amount[:, None] * (around / degree - v)
        return v

    def dressed(self) -> dict[str, np.ndarray]:
        """Return the mesh with shirt and hair, and what the light meets on it."""
        rest, cloth, hairy = self.rest, ramp(self.shirt, 0, 0.06), ramp(self.hair, 0, 0.25)
        v = self._smoothed(self.posed(), 0.6 * cloth, 12)
        folds = 0.007 + 0.0022 * noise(rest, 30, 5) + 0.0012 * noise(rest, 75, 6)
        v = self._smoothed(v + normals(v, self.faces) * (cloth * folds)[:, None], 0.6 * hairy, 6)
        locks = 0.022 + 0.004 * noise(rest * [3, 1, 0.4], 60, 8)
        v = v + normals(v, self.faces) * (hairy * locks)[:, None]
        colour = linear(SKIN) * (1 + 0.05 * noise(rest, 60, 1) + 0.04 * noise(rest, 200, 2))[:, None]
        colour *= 1 + self.share(*(f"finger{i}-3" for i in range(1, 6)))[:, None] * [0.04, -0.1, -0.1]
        for name, share, rgb in (("fingernails", 1.0, (226, 168, 150)), ("lips", 0.7, (168, 92, 84))):
            mask = share * self.mask(name)[:, None]
            colour = colour * (1 - mask) + mask * linear(rgb)
        for side in "LR":
            eye = self.head(f"eye.{side}")
            x, z = (rest[:, 0] - eye[0] - np.sign(eye[0]) * 0.003) / 0.019, rest[:, 2] - eye[2] - 0.0245
            brow = 0.75 * np.exp(-(x**4) - ((z + 0.004 * x**2) / 0.0042) ** 2) * (rest[:, 1] < eye[1] + 0.01)
            colour = colour * (1 - brow[:, None]) + brow[:, None] * linear(HAIR)
            ball = self.share(f"eye.{side}") > 0.5
            out = (rest - eye) / (np.linalg.norm(rest - eye, axis=1, keepdims=True) + 1e-9)
            angle = np.degrees(np.arccos(np.clip(-out[:, 1], -1, 1)))[:, None]
            iris = np.where(angle < 13, linear((20, 16, 14)), linear((84, 58, 40)))
            colour = np.where(ball[:, None], np.where(angle < 30, iris, linear((226, 222, 216))), colour)
        strands = linear(HAIR) * (1 + 0.25 * noise(rest * [4, 1.5, 0.3], 70, 9))[:, None]
        weave = linear(SHIRT) * (1 + 0.05 * noise(rest, 90, 11))[:, None]
        over = np.where((self.share("head", "neck") > 0.5)[:, None], strands, weave)
        gloss = np.where(self.share("eye.") > 0.5, 0.5, 0.05) + 0.12 * self.mask("fingernails")
        parts = {"v": v, "colour": colour, "over": over, "gloss": gloss, "field": np.maximum(self.shirt, self.hair)}
        return divided(parts, self.faces)


def divided(parts: dict[str, np.ndarray], faces: np.ndarray) -> dict[str, np.ndarray]:
    """Split each triangle into four; the new corners lie on the curved surface."""
    v = parts["v"]
    n = normals(v, faces)
    pairs = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), 1)
    (a, b), inverse = (lambda u, i: (u.T, i.reshape(3, -1).T))(*np.unique(pairs, axis=0, return_inverse=True))
    made = {name: np.concatenate([x, (x[a] + x[b]) / 2]) for name, x in parts.items()}
    middle = made["v"][len(v) :]
    lifted = [middle - ((middle - v[i]) * n[i]).sum(1, keepdims=True) * n[i] for i in (a, b)]
    made["v"][len(v) :] = 0.5 * middle + 0.25 * (lifted[0] + lifted[1])
    m = len(v) + inverse
    corners = [np.stack([faces[:, i], m[:, i], m[:, i - 1]], 1) for i in range(3)]
    return made | {"faces": np.concatenate([*corners, m])}


@wp.kernel
def trace(
    mesh: wp.uint64,
    normal: wp.array(dtype=wp.vec3),
    colour: wp.array(dtype=wp.vec3),
    over: wp.array(dtype=wp.vec3),
    gloss: wp.array(dtype=float),
    field: wp.array(dtype=float),
    eye: wp.vec3,
    forward: wp.vec3,
    right: wp.vec3,
    up: wp.vec3,
    wide: float,
    width: int,
    height: int,
    samples: int,
    out: wp.array(dtype=wp.vec4),
):
    """One pixel: a lamp with soft shadows, and light from a room that is brighter above than below."""
    t = wp.tid()
    state = wp.rand_init(1, t)
    lamp = wp.normalize(wp.vec3(-0.55, -0.75, 0.8))
    lamp_light, sky = wp.vec3(1.08, 1.01, 0.92), wp.vec3(0.50, 0.53, 0.59)
    floor = wp.vec3(0.225, 0.19, 0.16)
    total = wp.vec3(0.0, 0.0, 0.0)
    covered = float(0.0)  # noqa: UP018 - a variable for warp, where a literal is a constant
    for _ in range(samples):
        x = (float(t % width) + wp.randf(state) - 0.5 * float(width)) / (0.5 * float(width)) * wide
        y = -(float(t // width) + wp.randf(state) - 0.5 * float(height)) / (0.5 * float(width)) * wide
        ray = wp.normalize(forward + right * x + up * y)
        hit = wp.mesh_query_ray(mesh, eye, ray, 1000.0)
        if hit.result:
            i = wp.mesh_get_index(mesh, hit.face * 3)
            j = wp.mesh_get_index(mesh, hit.face * 3 + 1)
            k = wp.mesh_get_index(mesh, hit.face * 3 + 2)
            rest = 1.0 - hit.u - hit.v
            flat = hit.normal
            if wp.dot(flat, ray) > 0.0:
                flat = -flat
            n = wp.normalize(normal[i] * hit.u + normal[j] * hit.v + normal[k] * rest)
            if wp.dot(n, flat) < 0.0:
                n = -n
            skin = colour[i] * hit.u + colour[j] * hit.v + colour[k] * rest
            shine = gloss[i] * hit.u + gloss[j] * hit.v + gloss[k] * rest
            if field[i] * hit.u + field[j] * hit.v + field[k] * rest > 0.0:
                skin = over[i] * hit.u + over[j] * hit.v + over[k] * rest
                shine = 0.0
            start = eye + ray * hit.t + flat * 0.0006
            to = wp.normalize(lamp + wp.vec3(wp.randn(state), wp.randn(state), wp.randn(state)) * 0.14)
            # Light wraps around an edge, as it does in skin.
            facing = wp.max(0.0, (wp.dot(n, to) + 0.25) / 1.25)
            if facing > 0.0:
                shadow = wp.mesh_query_ray(mesh, start, to, 1000.0)
                lit = float(1.0)  # noqa: UP018
                if shadow.result:
                    lit = wp.where(shadow.t < 0.012, 0.25, 0.0)
                bright = shine * wp.pow(wp.max(0.0, wp.dot(n, wp.normalize(to - ray))), 28.0)
                total += lit * (wp.cw_mul(skin, lamp_light) * facing + lamp_light * bright)
            for _ in range(2):
                radius, angle = wp.randf(state), 6.2831853 * wp.randf(state)
                side = wp.where(wp.abs(n[2]) > 0.9, wp.vec3(1.0, 0.0, 0.0), wp.vec3(0.0, 0.0, 1.0))
                first = wp.normalize(wp.cross(side, n))
                second = wp.cross(n, first)
                around = first * wp.cos(angle) + second * wp.sin(angle)
                to_room = around * wp.sqrt(radius) + n * wp.sqrt(1.0 - radius)
                part = 0.5 + 0.5 * to_room[2]
                light = sky * part + floor * (1.0 - part)
                near = wp.mesh_query_ray(mesh, start, to_room, 0.6)
                if near.result:
                    light = wp.cw_mul(light, wp.vec3(0.40, 0.28, 0.245))
                total += 0.5 * wp.cw_mul(skin, light)
            covered += 1.0
    out[t] = wp.vec4(total[0], total[1], total[2], covered) / float(samples)


class Camera:
    """Looks along +y from ``distance`` metres in front of a point."""

    def __init__(self, at: np.ndarray, distance: float, degrees: float, size: tuple[int, int]) -> None:
        self.eye, self.wide, self.size = at - [0, distance, 0], np.tan(np.radians(degrees) / 2), size

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels from the picture's outer top-left corner."""
        d, half = points - self.eye, np.array(self.size) / 2
        return np.stack([d[:, 0], -d[:, 2]], 1) / d[:, 1:2] / self.wide * half[0] + half

    def shoot(self, mesh: dict[str, np.ndarray], samples: int) -> PIL.Image.Image:
        width, height = self.size

        def upload(name: str, kind: type) -> wp.array:
            return wp.array(mesh[name].astype(np.float32), dtype=kind)

        points, out = upload("v", wp.vec3), wp.zeros(width * height, dtype=wp.vec4)
        surface = wp.Mesh(points=points, indices=wp.array(mesh["faces"].astype(np.int32).ravel(), dtype=int))
        smooth = wp.array(normals(mesh["v"], mesh["faces"]).astype(np.float32), dtype=wp.vec3)
        looks = [upload("colour", wp.vec3), upload("over", wp.vec3), upload("gloss", float), upload("field", float)]
        view = [wp.vec3(*map(float, self.eye)), wp.vec3(0, 1, 0), wp.vec3(1, 0, 0), wp.vec3(0, 0, 1), float(self.wide)]
        inputs = [surface.id, smooth, *looks, *view, width, height, samples, out]
        wp.launch(trace, dim=width * height, inputs=inputs, device="cpu")
        light = out.numpy().reshape(height, width, 4)
        seen = np.clip(light[..., :3] + (1 - light[..., 3:]) * room(width, height), 0, 1)
        coded = np.where(seen < 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
        grain = np.random.default_rng(1).normal(0, 0.006, coded.shape)
        return PIL.Image.fromarray(((coded + grain).clip(0, 1) * 255).round().astype(np.uint8))


def room(width: int, height: int) -> np.ndarray:
    """A window and two shelves, out of focus, as linear light."""
    w, h = 2 * width, 2 * height
    image = PIL.Image.new("RGB", (w, h), (176, 172, 164))
    pen = PIL.ImageDraw.Draw(image)
    boxes = [((0, 0, 0.30, 0.62), (208, 214, 216)), ((0.02, 0.03, 0.27, 0.58), (224, 232, 238))]
    boxes += [((0.70, top, 0.97, top + 0.03), (112, 88, 66)) for top in (0.18, 0.48)]
    books = [(150, 66, 54), (64, 92, 88), (196, 160, 88), (70, 76, 110), (168, 140, 120)]
    tops = (0.05, 0.07, 0.055, 0.075, 0.05)
    boxes += [((0.72 + 0.036 * i, tops[i], 0.75 + 0.036 * i, 0.18), rgb) for i, rgb in enumerate(books)]
    for box, rgb in boxes:
        pen.rectangle([value * (w, h)[i % 2] for i, value in enumerate(box)], fill=rgb)
    pen.ellipse([0.80 * w, 0.36 * h, 0.90 * w, 0.48 * h], fill=(88, 120, 82))
    return linear(np.asarray(image.filter(PIL.ImageFilter.GaussianBlur(0.022 * width)).resize((width, height))))


def blend(a: dict[int, tuple], b: dict[int, tuple], share: float) -> dict[int, tuple]:
    return {f: tuple((1 - share) * x + share * y for x, y in zip(a[f], b[f], strict=True)) for f in a}


def picture(person: Person, folder: Path, samples: int) -> None:
    """Write hand.jpg, and where the joints of its hand are."""
    person.pose(1.0, OPEN)
    camera = Camera(person.head("head") + [-0.14, 0, -0.075], 1.5, 27, (640, 480))
    camera.shoot(person.dressed(), samples).save(folder / "hand.jpg", quality=92, optimize=True)
    joints = camera.project(person.hand_joints("R")).round(1).tolist()
    (folder / "hand.json").write_text(json.dumps({"picture": "hand.jpg", "right_hand": joints}) + "\n")


def clip_poses() -> list[tuple[float, float]]:
    """How far the hand is up, and how far it shows two fingers: three seconds at 10 frames a second."""
    return [(float(ramp(np.array(f), 2, 7)), float(ramp(np.array(f), 16, 19))) for f in range(30)]


def frame_of_clip(person: Person, raised: float, two: float, samples: int) -> PIL.Image.Image:
    person.pose(raised, blend(blend(LOOSE, OPEN, raised), TWO, two))
    return Camera(person.head("head") + [-0.10, 0, -0.16], 1.75, 32, (400, 400)).shoot(person.dressed(), samples)


def write_clip(path: Path, pictures: Iterable[PIL.Image.Image]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("h264", rate=10, options={"crf": "24", "preset": "veryslow"})
        stream.width, stream.height, stream.pix_fmt = 400, 400, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 10)
        for one in pictures:
            container.mux(stream.encode(av.VideoFrame.from_image(one)))
        container.mux(stream.encode())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=48, help="rays a pixel")
    parser.add_argument("--out", type=Path, default=ROOT / "tests/assets")
    given = parser.parse_args()
    someone = Person()
    picture(someone, given.out, given.samples)
    poses = clip_poses()
    made = {pose: frame_of_clip(someone, *pose, given.samples) for pose in dict.fromkeys(poses)}
    write_clip(given.out / "gestures.mp4", (made[pose] for pose in poses))
