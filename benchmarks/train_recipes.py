"""Compare the training recipes on small sets: python benchmarks/train_recipes.py --work FOLDER [--sets coco8 clips].

Each set is trained from random weights (yolo26n-pose) with both recipes and every seed of --seeds, for the same number
of epochs. Printed: mAP50-95 of the keypoints, by the field's protocol.

coco8: coco8-pose, judged on the four pictures that it learns (nothing can be learnt about others from four).
clips: frames of exercise clips with the keypoints of ``body-accurate``; train and val are different clips.
hands: frames of signing people with the 21 points of ``hands``; train and val are different clips.
"""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _common import arguments, save, table

from poise import Pose, Results
from poise.image import encode
from poise.skeletons import get

SETTINGS: dict[str, dict[str, Any]] = {
    "coco8": {"epochs": 200, "imgsz": 320, "batch": 4},
    "clips": {"epochs": 25, "imgsz": 256, "batch": 8},
    "hands": {"epochs": 30, "imgsz": 256, "batch": 8},
}
CLIPS = ["squat_home_front", "squat_gym_hold", "pushup_decline_side", "pushup_dark", "curl_alternating_side",
         "lunge_split_side", "situp_outdoor", "shoulder_press_seated", "hold_plank_gym"]  # fmt: skip
HELD_OUT = ["squat_barbell_side", "pushup_front", "curl_dumbbell_portrait", "jumping_jack_front"]


def coco8(shared: Path, folder: Path) -> Path:
    """Copy coco8-pose, with its train pictures in the place of the val pictures."""
    shutil.copytree(shared / "data/coco8-pose", folder, copy_function=shutil.copyfile)
    file = folder / "coco8-pose.yaml"
    file.chmod(0o644)
    file.write_text(file.read_text().replace("val: images/val", "val: images/train"))
    return file


def clips(shared: Path, folder: Path) -> Path:
    """Label frames of exercise clips with ``body-accurate``."""
    videos = shared / "data/videos"
    splits = {"train": [videos / f"{name}.mp4" for name in CLIPS], "val": [videos / f"{n}.mp4" for n in HELD_OUT]}
    return _labelled(folder, splits, Pose("body-accurate"), "person", stride=20)


def hands(shared: Path, folder: Path) -> Path:
    """Label frames of signing people with ``hands``."""
    videos = sorted((shared / "data/gestures/asl_clips").glob("*.mp4"))
    return _labelled(folder, {"train": videos[:7], "val": videos[7:]}, Pose("hands"), "hand", stride=4)


def _labelled(folder: Path, splits: dict[str, list[Path]], model: Pose, name: str, *, stride: int) -> Path:
    for split, videos in splits.items():
        for part in ("images", "labels"):
            (folder / part / split).mkdir(parents=True)
        for video in videos:
            for result in model.predict(video, stream=True, conf=0.4, vid_stride=stride, verbose=False):
                if not len(result):
                    continue
                stem = f"{video.stem}-{result.frame}"
                (folder / f"images/{split}/{stem}.jpg").write_bytes(encode(result.orig_img, ".jpg"))
                text = "".join(f"{line}\n" for line in _lines(result))
                (folder / f"labels/{split}/{stem}.txt").write_text(text)
    skeleton = get("coco17" if name == "person" else "hand21")
    file = folder / "data.yaml"
    file.write_text(
        f"path: .\ntrain: images/train\nval: images/val\nkpt_shape: [{len(skeleton)}, 3]\n"
        f"flip_idx: {list(skeleton.flip_idx)}\nnames:\n  0: {name}\n"
    )
    return file


def _lines(result: Results) -> Iterator[str]:
    for box, xy, conf in zip(result.boxes.xywhn, result.keypoints.xyn, result.keypoints.conf, strict=True):
        seen = conf > 0.4
        points = np.column_stack([np.where(seen[:, None], xy.clip(0, 1), 0), 2 * seen])
        yield "0 " + " ".join(f"{value:.6g}" for value in (*box.clip(0, 1), *points.ravel()))


SETS = {"coco8": coco8, "clips": clips, "hands": hands}


def main() -> None:
    """Make the sets, train, print."""
    parser = arguments(__doc__)
    parser.add_argument("--work", type=Path, required=True, help="sets and runs are kept here")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    rows = []
    for name in asked.sets:
        folder = asked.work.resolve() / name
        found = sorted(folder.glob("*.yaml"))
        data = found[0] if found else SETS[name](asked.shared, folder)
        for recipe in ("reference", "best"):
            scores = []
            for seed in asked.seeds:
                run = asked.work.resolve() / f"runs/{name}-{recipe}-{seed}"
                if not (run / "weights/best.pt").exists():
                    Pose("yolo26n-pose").train(
                        data=str(data), recipe=recipe, seed=seed, project=str(run.parent), name=run.name, exist_ok=True,
                        workers=0, cache="ram", plots=False, **SETTINGS[name],
                    )  # fmt: skip
                scored = Pose(run / "weights/best.pt").val(data=str(data), imgsz=SETTINGS[name]["imgsz"])
                scores.append(scored.pose.map)
                print(f"{name}, {recipe}, seed {seed}: pose mAP50-95 {scores[-1]:.3f}", flush=True)
            row: dict[str, Any] = {"set": name, "recipe": recipe, "epochs": SETTINGS[name]["epochs"]}
            row |= {f"seed {seed}": score for seed, score in zip(asked.seeds, scores, strict=True)}
            rows.append(row | {"mean": statistics.fmean(scores)})
    table(rows)
    save(asked.json, rows=rows)


if __name__ == "__main__":
    main()
