"""Draw the pictures of the documentation: python benchmarks/docs_pictures.py [--only hero gestures …]

Everything is drawn by today's models on the pictures and the clip of tests/assets, so run it again when they change:

- hero.jpg: ``poise predict park.jpg``, the first thing that README and docs show
- gestures.jpg: two frames of ``poise gestures gestures.mp4``
- doctor.jpg: what the snippet of docs/doctor.md writes
- which-model.jpg: what each bundled model finds in the sample pictures, for docs/which-model.md
- drawing-switches.jpg: the options of docs/drawing.md on one picture
- drawing-own.png: what the last snippet of docs/drawing.md draws
- angles-plot.png, angles-video.jpg: what ``poise angles squats.mp4 --save`` writes
- mocap.jpg: the page of ``poise mocap squats.mp4 --preview squats.html``, in Chromium
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

from poise import GestureRecognizer, Pose, samples
from poise.charts import sheet
from poise.clips import Clip
from poise.clips.angles import angle_rows, draw_angles, plot_angles
from poise.datasets import open_dataset, scan
from poise.datasets.doctor import write_sheet
from poise.drawing import Style
from poise.gestures import GesturePainter, watch_gestures
from poise.mocap import MotionCapture
from poise.mocap.preview import write_preview
from poise.mocap.solving import joined
from poise.model.second_pass import second_pass
from poise.sources import open_source
from poise.training.plots import draw_labels

ASSETS, OUT = ROOT / "tests/assets", ROOT / "docs/assets"
# Frames of gestures.mp4 in which the hand is open, and shows two fingers.
SHOWN = (13, 25)
SHOWN_KNEES = ["left_knee_flexion", "right_knee_flexion"]


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
        samples.write()
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(snippet, "docs/doctor.md", "exec"), space)  # noqa: S102 - our own documentation
        write_sheet(space["found"], "sheet.png")  # type: ignore[arg-type]
        with PIL.Image.open("sheet.png") as sheet:
            sheet.convert("RGB").save(path, quality=88, optimize=True)


def which_model(path: Path) -> None:
    """Show the same pictures by every bundled model, a row a model."""
    pictures, captions = [], []
    for model in ("body-fast", "body", "body-accurate", "body-3d", "hands", "face"):
        pose = Pose(model)
        for picture in (samples.runner, samples.hand):
            result = pose(picture, verbose=False)[0]
            pictures.append(result.plot(labels=False, kpt_radius=1 if model == "face" else None))
            captions.append(f"{model}: {result.verbose().rstrip(', ')}")
    rgb(sheet(pictures, captions, columns=2, cell=(460, 330))).save(path, quality=84, optimize=True)


def switches(path: Path) -> None:
    result = Pose()(samples.runner, verbose=False)[0]
    brand = Style(left="#00c2a8", right="#ff4f79", middle="#ffffff", limb_width=0.03, core=0)
    ways = {
        "plot()": result.plot(),
        "boxes=False, labels=False": result.plot(boxes=False, labels=False),
        "kpt_line=False, kpt_radius=4": result.plot(kpt_line=False, kpt_radius=4),
        "line_width=6, font_size=24": result.plot(line_width=6, font_size=24),
        "img=result.orig_img // 3": result.plot(img=result.orig_img // 3),
        "style=Style(left=…, right=…, core=0), boxes=False": result.plot(style=brand, boxes=False),
    }
    rgb(sheet(list(ways.values()), list(ways), columns=2, cell=(460, 310))).save(path, quality=84, optimize=True)


def own_things(path: Path) -> None:
    """Run the page's own snippet."""
    page = (ROOT / "docs/drawing.md").read_text(encoding="utf-8")
    (snippet,) = (code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "draw_trails(" in code)
    space: dict[str, np.ndarray] = {}
    exec(compile(snippet, "docs/drawing.md", "exec"), space)  # noqa: S102 - our own documentation
    rgb(space["canvas"]).save(path, optimize=True)


def squats() -> Clip:
    clip, _ = second_pass(Clip.of(Pose("body").track(samples.squats, stream=True, verbose=False)))
    return clip


def angles_plot(path: Path) -> None:
    table, _ = angle_rows(squats(), names=["left_hip_flexion", "right_hip_flexion"] + SHOWN_KNEES)
    rgb(plot_angles(table)).save(path, optimize=True)


def angles_video(path: Path) -> None:
    with open_source(samples.squats) as frames:
        shown = [rgb(draw_angles(r, names=SHOWN_KNEES)) for r in squats().results(frames) if r.frame in (18, 22, 27)]
    both = PIL.Image.new("RGB", (sum(f.width for f in shown), shown[0].height))
    for i, frame in enumerate(shown):
        both.paste(frame, (i * frame.width, 0))
    both.resize((both.width * 2 // 3, both.height * 2 // 3)).save(path, quality=86, optimize=True)


def labels(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for picture in (ROOT / "src/poise/cli/demo.jpg", ASSETS / "park.jpg"):
            shutil.copy(picture, folder)
        dataset = open_dataset(ASSETS / "people.coco.json", images=folder)
        rgb(draw_labels(dataset.spec, scan(dataset))).save(path, optimize=True)


def augmentation(path: Path) -> None:
    program = Path(__file__).with_name("augmentation_pictures.py")
    subprocess.run([sys.executable, str(program), "--out", str(path)], check=True)


def mocap(path: Path) -> None:
    """Photograph the preview of somebody who squats; needs Chromium and websockets."""
    sys.path.insert(0, str(ROOT / "tests/web"))
    from browser import open_browser

    clip = joined(Clip.of(Pose("body-3d").track(samples.squats, stream=True, verbose=False)))
    motion = MotionCapture().solve(clip)
    points = clip.xy[clip.row(motion.id)][clip.times.searchsorted(motion.times)]
    with tempfile.TemporaryDirectory() as folder, open_browser(("--use-angle=swiftshader",)) as browser:
        page = browser.page()
        page.viewport(1200, 785)
        page.prefer(color_scheme="light")
        preview = write_preview(
            Path(folder) / "squats.html", motion, video=samples.squats, points=points, size=clip.size
        )
        page.open(preview.as_uri())
        page.wait("globalThis.preview && preview.scene && video.readyState > 1")
        # In the middle of a squat, and low enough that the chart is in the picture.
        page.evaluate("document.querySelectorAll('.pane, video').forEach((one) => (one.style.height = '410px'))")
        page.evaluate("preview.seek(1.9)")
        page.wait("!video.seeking && document.querySelector('#values').textContent.includes('°')")
        shot = PIL.Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    # Without the bar beside it that scrolls.
    shot.crop((0, 0, 1185, 785)).save(path, quality=86, optimize=True)


PICTURES = {
    "hero": (hero, "hero.jpg"),
    "gestures": (gestures, "gestures.jpg"),
    "doctor": (doctor, "doctor.jpg"),
    "which-model": (which_model, "which-model.jpg"),
    "switches": (switches, "drawing-switches.jpg"),
    "own": (own_things, "drawing-own.png"),
    "angles-plot": (angles_plot, "angles-plot.png"),
    "angles-video": (angles_video, "angles-video.jpg"),
    "mocap": (mocap, "mocap.jpg"),
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
