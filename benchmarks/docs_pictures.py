"""Draw the pictures of the documentation: python benchmarks/docs_pictures.py [--only hero gestures …]

Everything is drawn by today's models on the pictures and the clip of tests/assets, so run it again when they change:

- hero.jpg: ``poise predict park.jpg``, the first thing that README and docs show
- gestures.jpg: two frames of ``poise gestures gestures.mp4``
- doctor.jpg: what the snippet of docs/doctor.md writes
- train_labels.png: the overview that a training writes, of the labels in people.coco.json
- augmentation/: what augmentation_pictures.py draws
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import PIL.Image
from _common import ROOT, arguments

from poise import GestureRecognizer, Pose
from poise.datasets import open_dataset, scan
from poise.datasets.doctor import write_sheet
from poise.gesturing import GesturePainter, watch_gestures
from poise.training.plots import label_overview

ASSETS, OUT = ROOT / "tests/assets", ROOT / "docs/assets"
# Frames of gestures.mp4 in which the hand is open, and shows two fingers.
SHOWN = (13, 25)


def rgb(image: np.ndarray) -> PIL.Image.Image:
    return PIL.Image.fromarray(np.ascontiguousarray(image[..., ::-1]))


def hero(path: Path) -> None:
    rgb(Pose()(ASSETS / "park.jpg", verbose=False)[0].plot()).save(path, quality=88, optimize=True)


def gestures(path: Path) -> None:
    painter, frames = GesturePainter(), []
    seen = watch_gestures(
        str(ASSETS / "gestures.mp4"), GestureRecognizer(), hands=Pose("hands"), body=Pose("body-fast")
    )
    for one in seen:
        if one.bodies is not None:
            painted = painter.paint(one)
            frames += [rgb(painted.orig_img)] if painted.frame in SHOWN else []
    both = PIL.Image.new("RGB", (sum(f.width for f in frames), frames[0].height))
    for i, frame in enumerate(frames):
        both.paste(frame, (i * frame.width, 0))
    both.save(path, quality=88, optimize=True)


def doctor(path: Path) -> None:
    """Run the page's own snippet on the pictures that its tests use."""
    page = (ROOT / "docs/doctor.md").read_text(encoding="utf-8")
    (snippet,) = (code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "write_sheet(" in code)
    space: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        shutil.copy(ROOT / "src/poise/cli/demo.jpg", "runner.jpg")
        Path("street").mkdir()
        shutil.copy(ASSETS / "astronaut.jpg", "street/b.jpg")
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(snippet, "docs/doctor.md", "exec"), space)  # noqa: S102 - our own documentation
        write_sheet(space["found"], "sheet.png")  # type: ignore[arg-type]
        with PIL.Image.open("sheet.png") as sheet:
            sheet.convert("RGB").save(path, quality=88, optimize=True)


def labels(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for picture in (ROOT / "src/poise/cli/demo.jpg", ASSETS / "park.jpg"):
            shutil.copy(picture, folder)
        dataset = open_dataset(ASSETS / "people.coco.json", images=folder)
        rgb(label_overview(dataset.spec, scan(dataset))).save(path, optimize=True)


def augmentation(path: Path) -> None:
    program = Path(__file__).with_name("augmentation_pictures.py")
    subprocess.run([sys.executable, str(program), "--out", str(path)], check=True)


PICTURES = {
    "hero": (hero, "hero.jpg"),
    "gestures": (gestures, "gestures.jpg"),
    "doctor": (doctor, "doctor.jpg"),
    "labels": (labels, "train_labels.png"),
    "augmentation": (augmentation, "augmentation"),
}

if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--only", nargs="+", choices=PICTURES, default=list(PICTURES))
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    os.environ.pop("DISPLAY", None)
    for name in given.only:
        draw, file = PICTURES[name]
        draw(given.out.resolve() / file)
        print(f"drawn: {file}")
