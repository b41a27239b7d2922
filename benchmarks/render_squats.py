"""Render the sample video of the package: the drawn person of the tests does four squats.

    pip install anny==0.6.2 av pillow                # in an environment of its own: needs torch and warp
    python benchmarks/render_squats.py [--samples 32] [--only 12]

Writes src/poise/samples/squats.mp4, 12 seconds at 15 frames a second. --only writes one depth as a picture instead.
"""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFilter
import render_person
from render_person import LOOSE, ROOT, Camera, Person, linear, noise, ramp, swing, turn, unit

TROUSERS, SHOES = (66, 66, 74), (214, 206, 194)
SIZE, RATE, DEPTHS, VIEW = (480, 480), 15, 25, 52.0
# How deep each squat goes, and how long down, hold, up and rest take, seconds.
SQUATS = ((1.0, 1.0, 0.2, 0.9, 0.6), (0.96, 1.1, 0.2, 0.9, 0.6), (1.0, 1.0, 0.3, 1.0, 0.6), (0.92, 1.1, 0.2, 0.9, 0.8))


class Athlete(Person):
    """The person of the tests with trousers and shoes, who can squat."""

    def __init__(self) -> None:
        super().__init__()
        legs = np.maximum(self.share("upperleg", "lowerleg"), self.share("root", "pelvis", "spine05"))
        height = self.rest[:, 2] - self.head("foot.L")[2]
        self.trousers = np.where(legs > 0.3, np.minimum(height - 0.03, 0.06), -0.2)
        self.shoes = np.where(self.share("foot", "toe") > 0.5, 0.06, -0.2)

    def squat(self, depth: float) -> None:
        """Stand at 0; at 1 the thighs are level, the trunk leans forward and the arms reach out."""
        self.local = {}
        forward = np.array([1.0, 0, 0])
        lean, thigh, shank = 38 * depth, 92 * depth, 32 * depth
        self.aim("root", turn(forward, 0.75 * lean))
        self.aim("spine03", turn(forward, lean))
        self.aim("neck01", turn(forward, 0.3 * lean))
        for side, sign in (("L", 1), ("R", -1)):
            hip, knee, ankle = (self.head(f"{b}.{side}") for b in ("upperleg01", "lowerleg01", "foot"))
            out = 0.12 + 0.22 * depth
            up = np.radians(thigh)
            self.aim(f"upperleg01.{side}", swing(knee - hip, np.array([sign * out, -np.sin(up), -np.cos(up)])))
            back = np.radians(shank)
            self.aim(f"lowerleg01.{side}", swing(ankle - knee, np.array([-sign * 0.1, np.sin(back), -np.cos(back)])))
            self.aim(f"foot.{side}", turn(np.array([0, 0, 1.0]), sign * 14))
            reach = (1 - depth) * np.array([sign * 0.20, 0.02, -1]) + depth * np.array([sign * 0.15, -1, 0.05])
            fore = (1 - depth) * np.array([sign * 0.10, -0.22, -1]) + depth * np.array([-sign * 0.1, -1, 0.1])
            self.arm(side, unit(reach), unit(fore), unit(fore), np.array([-sign * (1 - depth), 0, -depth]) + 1e-3)
            self.bend_fingers(side, LOOSE)

    def dressed_whole(self) -> dict[str, np.ndarray]:
        """Return the mesh with shirt, trousers and shoes, turned to the camera's view, its feet where they stand."""
        shirt = self.shirt
        below = np.maximum(self.trousers, self.shoes)
        self.shirt = np.maximum(shirt, self.trousers)
        mesh = self.dressed()
        self.shirt = shirt
        count = len(self.rest)
        cloth = linear(TROUSERS) * (1 + 0.05 * noise(self.rest, 80, 21))[:, None]
        leather = np.tile(linear(SHOES), (count, 1))
        legs = (below > shirt) & (below > self.hair)
        over = np.where(
            legs[:, None], np.where((self.shoes > self.trousers)[:, None], leather, cloth), mesh["over"][:count]
        )
        field = np.maximum.reduce([shirt, self.hair, below])
        a, b = self._middles()
        mesh["over"] = np.concatenate([over, (over[a] + over[b]) / 2])
        mesh["field"] = np.concatenate([field, (field[a] + field[b]) / 2])
        ankles = np.mean([self._now(f"foot.{side}") for side in "LR"], axis=0)
        stand = np.mean([self.head(f"foot.{side}") for side in "LR"], axis=0)
        mesh["v"] = (mesh["v"] - ankles) @ turn(np.array([0, 0, 1.0]), VIEW).T + [0, 0, stand[2]]
        return mesh

    def _middles(self) -> np.ndarray:
        f = self.faces
        pairs = np.sort(np.concatenate([f[:, [0, 1]], f[:, [1, 2]], f[:, [2, 0]]]), 1)
        return np.unique(pairs, axis=0).T

    def _now(self, bone: str) -> np.ndarray:
        i = self.bones.index(bone)
        world = self.world()[i]
        return world[:3, :3] @ self.heads[i] + world[:3, 3]


def gym(width: int, height: int) -> np.ndarray:
    """A wall, a floor and a mat with a soft shadow, as linear light."""
    w, h = 2 * width, 2 * height
    image = PIL.Image.new("RGB", (w, h), (188, 192, 190))
    pen = PIL.ImageDraw.Draw(image)
    pen.rectangle([0, 0.70 * h, w, h], fill=(150, 126, 100))
    pen.rectangle([0.05 * w, 0.12 * h, 0.30 * w, 0.50 * h], fill=(222, 230, 236))
    pen.rectangle([0.74 * w, 0.44 * h, 0.97 * w, 0.70 * h], fill=(120, 104, 92))
    for i, rgb in enumerate(((64, 92, 88), (150, 66, 54), (70, 76, 110))):
        pen.ellipse([(0.755 + 0.07 * i) * w, 0.62 * h, (0.815 + 0.07 * i) * w, 0.68 * h], fill=rgb)
    pen.ellipse([0.16 * w, 0.82 * h, 0.84 * w, 0.985 * h], fill=(86, 116, 128))
    image = image.filter(PIL.ImageFilter.GaussianBlur(0.012 * width))
    shadow = PIL.Image.new("L", (w, h), 0)
    PIL.ImageDraw.Draw(shadow).ellipse([0.34 * w, 0.865 * h, 0.70 * w, 0.95 * h], fill=150)
    image.paste((52, 66, 74), mask=shadow.filter(PIL.ImageFilter.GaussianBlur(0.03 * width)))
    return linear(np.asarray(image.resize((width, height), PIL.Image.Resampling.LANCZOS)))


def depths() -> list[float]:
    """How deep the person is in each frame."""
    out = [0.0] * round(0.8 * RATE)
    for deep, down, hold, up, rest in SQUATS:
        n = round(down * RATE)
        out += [deep * float(ramp(np.array(i), 0, n)) for i in range(1, n + 1)]
        out += [deep] * round(hold * RATE)
        n = round(up * RATE)
        out += [deep * float(1 - ramp(np.array(i), 0, n)) for i in range(1, n + 1)]
        out += [0.0] * round(rest * RATE)
    return out


def render(person: Athlete, level: int, samples: int) -> np.ndarray:
    person.squat(level / (DEPTHS - 1))
    camera = Camera(np.array([0.0, -0.12, 0.88 * 1.0 + person.rest[:, 2].min()]), 4.6, 25, SIZE)
    return np.asarray(camera.shoot(person.dressed_whole(), samples))


def write(path: Path, pictures: dict[int, np.ndarray]) -> None:
    rng = np.random.default_rng(7)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("h264", rate=RATE, options={"crf": "25", "preset": "veryslow"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.time_base = Fraction(1, RATE)
        for depth in depths():
            at = depth * (DEPTHS - 1)
            low, share = int(at), at - int(at)
            mixed = pictures[low] if share < 0.5 else pictures[min(low + 1, DEPTHS - 1)]
            seen = (mixed + rng.normal(0, 1.0, mixed.shape)).clip(0, 255).round().astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(seen, format="rgb24")))
        container.mux(stream.encode())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=32, help="rays a pixel")
    parser.add_argument("--only", type=int, nargs="*", help="depths to write as pictures, 0 to 24")
    given = parser.parse_args()
    render_person.room = gym
    person = Athlete()
    folder = ROOT / "src/poise/samples"
    if given.only:
        for level in given.only:
            PIL.Image.fromarray(render(person, level, given.samples)).save(f"squat{level}.png")
    else:
        write(folder / "squats.mp4", {level: render(person, level, given.samples) for level in range(DEPTHS)})
        print(f"{folder / 'squats.mp4'}: {(folder / 'squats.mp4').stat().st_size} bytes")
