"""Draw the pictures of docs/augmentation.md: python benchmarks/augmentation_pictures.py [--out FOLDER]

Each shows one setting at work on two pictures of the repository, labelled by the bundled network, with the keypoints
drawn where the labels say after it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
from _common import ROOT, arguments

from poise import Pose
from poise.datasets import open_dataset, scan
from poise.sinks import open_sink
from poise.training import Augmentation, Batch, Loader

PICTURES = (ROOT / "src/poise/cli/demo.jpg", ROOT / "tests/assets/astronaut.jpg")
SIDE = 320
STILL = {"hsv_h": 0, "hsv_s": 0, "hsv_v": 0, "translate": 0, "scale": 0, "fliplr": 0, "mosaic": 0}
# Setting -> its value in the picture, and a seed that shows it well.
SHOWN = {
    "plain": ({}, 0),
    "hsv": ({"hsv_h": 0.015, "hsv_s": 0.7, "hsv_v": 0.4}, 2),
    "translate": ({"translate": 0.2}, 2),
    "scale": ({"scale": 0.5}, 5),
    "degrees": ({"degrees": 30}, 2),
    "shear": ({"shear": 20}, 1),
    "perspective": ({"perspective": 0.001}, 1),
    "fliplr": ({"fliplr": 1}, 0),
    "flipud": ({"flipud": 1}, 0),
    "mosaic": ({"mosaic": 1}, 1),
    "mixup": ({"mixup": 1}, 1),
    "cutmix": ({"cutmix": 1}, 2),
    "bgr": ({"bgr": 1}, 0),
    "erasing": ({"erasing": 1}, 3),
    "blur": ({"blur": 1}, 1),
    "grey": ({"grey": 1}, 0),
    "jpeg": ({"jpeg": 1}, 3),
}
COLOURS = {"left": (80, 220, 80), "right": (240, 80, 60)}


def drawn(batch: Batch, row: int, names: tuple[str, ...], edges: tuple[tuple[int, int], ...]) -> PIL.Image.Image:
    """Draw the keypoints of one picture of a batch: left green, right red."""
    image = PIL.Image.fromarray(batch.images[row].permute(1, 2, 0).numpy())
    pen = PIL.ImageDraw.Draw(image)
    mine = batch.targets.picture == row
    columns = (batch.targets.boxes[mine], batch.targets.keypoints[mine], batch.targets.visible[mine])
    for box, points, visible in zip(*(column.tolist() for column in columns), strict=True):
        pen.rectangle(box, outline=(250, 210, 60), width=2)
        for a, b in edges:
            if visible[a] and visible[b]:
                pen.line([*points[a], *points[b]], fill=(255, 255, 255), width=2)
        for name, (x, y), seen in zip(names, points, visible, strict=True):
            if seen:
                pen.ellipse([x - 4, y - 4, x + 4, y + 4], fill=COLOURS.get(name.partition("_")[0], (90, 140, 255)))
    return image


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs/assets/augmentation")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for path in PICTURES:
            (Path(folder) / path.name).write_bytes(path.read_bytes())
        labels = Path(folder) / "labels.coco.json"
        with open_sink(labels) as sink:
            for result in Pose()(folder, stream=True):
                sink.write(result)
        dataset = open_dataset(labels, images=Path(folder))
        found = scan(dataset)
        for name, (settings, seed) in SHOWN.items():
            augmentation = Augmentation(**{**STILL, **settings})
            loader = Loader(dataset, found, imgsz=SIDE, batch=2, augmentation=augmentation, seed=seed, cache="ram")
            batch = next(iter(loader.epoch(0)))
            row = int(np.argmin([n.endswith("demo.jpg") is False for n in batch.names]))
            skeleton = dataset.spec.skeleton
            picture = drawn(batch, row, skeleton.keypoints, skeleton.edges)
            picture.save(given.out / f"{name}.jpg", quality=85, optimize=True)
    print(f"{len(SHOWN)} pictures in {given.out}")
