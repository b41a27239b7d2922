"""Hold the families of networks against rtmlib: python benchmarks/against_rtmlib.py --python RTMLIBS_PYTHON.

The same five networks (benchmarks/_tiny_networks.py) are run by rtmlib 0.0.16, in an environment of its own, and by
Poise, over the same pictures and boxes. "Same input": Poise gets the pixels that rtmlib cut out, so that normalisation,
decoding, suppression and the way back to the picture are compared. "Own resampling": each cuts and shrinks by itself
(OpenCV's bilinear filter there; here one as wide as the shrinking asks for), so that a random filter often answers
elsewhere. What that means for a real network is told by TinyPose on the labelled people of coco-mini, where the folder
of shared data is there.

``--write FOLDER`` also writes the networks and what rtmlib found in drawn pictures that need no resampling; tests hold
Poise against it without rtmlib.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from _common import ROOT, arguments, save, table
from _tiny_networks import CROP, NETWORKS, SIDE, export

from poise.estimators import detectors, refiners
from poise.estimators.people import regions, to_picture
from poise.estimators.spec import Spec
from poise.frames import Image
from poise.geometry import affine_apply, affine_invert
from poise.image import crop
from poise.runtime import open_session

SCORE = 0.3  # of the detectors; and of keypoints whose places are compared
# Pixels beyond which a box or person has no partner: rtmlib measures overlap with a pixel added to both sides of every
# box, in the picture's pixels, so that suppression decides otherwise in a few cases near its threshold.
NEAR = 10.0
# As rtmlib feeds them: BGR pictures; of RTMPose and ViTPose with ImageNet's mean and scale in the order of RGB.
MEAN, SCALE = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
SPECS = {
    "simcc": Spec(family="simcc", size=CROP, colour="bgr", mean=MEAN, scale=SCALE),
    "heatmap": Spec(
        family="heatmap", size=CROP, colour="bgr", mean=MEAN, scale=SCALE, options={"udp": True, "blur": 11}
    ),
    "tinypose": Spec(
        family="heatmap", size=(192, 256), colour="bgr", mean=MEAN, scale=SCALE, options={"udp": True, "blur": 11}
    ),
    "rtmo": Spec(family="rtmo", size=(SIDE, SIDE), colour="bgr", options={"max_iou": 0.45}),
    "yolox": Spec(family="yolox", size=(SIDE, SIDE), colour="bgr"),
    "rtmdet": Spec(family="rtmdet", size=(SIDE, SIDE), colour="bgr", mean=MEAN[::-1], scale=SCALE[::-1]),
}


def drawn(seed: int, width: int, height: int) -> Image:
    """Return a picture of soft coloured ellipses on a slope, the same for a seed on every machine."""
    rng = np.random.default_rng(seed)
    x, y = np.arange(width)[None, :, None], np.arange(height)[:, None, None]
    picture = 70 + 90 * np.concatenate([x / width + 0 * y, y / height + 0 * x, (x + y) / (width + height)], axis=2)
    for _ in range(14):
        cx, cy = rng.uniform(0, width), rng.uniform(0, height)
        a, b = rng.uniform(6, 24, 2)
        inside = np.clip(1.5 - np.square((x - cx) / a) - np.square((y - cy) / b), 0, 1)
        picture += inside * (rng.integers(0, 256, 3) - picture)
    return np.rint(picture).astype(np.uint8)


def pictures() -> dict[str, Image]:
    """Return the pictures: a photo, drawn ones of other sizes, and one of the detectors' input size."""
    with PIL.Image.open(ROOT / "tests/assets/astronaut.jpg") as photo:
        astronaut = np.ascontiguousarray(np.asarray(photo.convert("RGB"))[..., ::-1])
    return {
        "photo": astronaut,
        "wide": drawn(1, 400, 240),
        "high": drawn(2, 210, 380),
        "fits": drawn(3, SIDE, SIDE),
    }


def boxes_of(image: Image, fits: bool) -> list[list[float]]:
    """Return boxes of every kind: plain, wide, beyond the rim, small; or those whose crops need no resampling."""
    height, width = image.shape[:2]
    if fits:
        # 1.25 times such a box is the crop itself, moved by whole pixels.
        w, h = CROP[0] / 1.25, CROP[1] / 1.25
        middles = [(80, 80), (60, 70), (101, 90), (52, 67)]
        return [[x - w / 2, y - h / 2, x + w / 2, y + h / 2] for x, y in middles]
    rng = np.random.default_rng(width)
    boxes = []
    for _ in range(12):
        w, h = rng.uniform(0.1, 0.8) * width, rng.uniform(0.1, 0.9) * height
        x, y = rng.uniform(-0.1, 0.8) * width, rng.uniform(-0.1, 0.8) * height
        boxes.append([x, y, x + w, y + h])
    return boxes


def tinypose(shared: Path, target: Path) -> dict[str, tuple[Image, list[list[float]]]]:
    """Write TinyPose with the input that rtmlib feeds, float and channels first; return labelled people to try it on.

    Its own first operations, which normalise bytes, are left out.
    """
    import onnx
    from accuracy import read_pictures

    model = onnx.load(shared / "weights/tinypose-256x192.onnx")
    nodes = [
        n for n in model.graph.node if not {"pixels", "pixels_centred", "pixels_normal", "pixels_nchw"} & {*n.output}
    ]
    del model.graph.node[:], model.graph.input[:]
    model.graph.node.extend(nodes)
    picture = onnx.helper.make_tensor_value_info("pixels_nchw", onnx.TensorProto.FLOAT, ["N", 3, 256, 192])
    model.graph.input.append(picture)
    onnx.save(model, target)
    people: dict[str, tuple[Image, list[list[float]]]] = {}
    labelled = read_pictures(shared)
    for image_id in sorted({a["image_id"] for a in labelled.labelled})[:20]:
        boxes = np.array([a["bbox"] for a in labelled.labelled if a["image_id"] == image_id])
        boxes[:, 2:] += boxes[:, :2]
        people[str(image_id)] = (labelled.image(image_id), boxes.tolist())
    return people


def other(folder: Path, python: str, shared: Path) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """Run rtmlib over the pictures; returns what it found and what it was asked."""
    export(folder)
    images = pictures()
    boxes = {name: boxes_of(image, name == "fits") for name, image in images.items()}
    plan: dict[str, Any] = {
        "networks": {name: {"kind": name, "size": SPECS[name].size, "pictures": list(images)} for name in NETWORKS},
        "score": SCORE,
    }
    if (shared / "weights/tinypose-256x192.onnx").is_file():
        people = tinypose(shared, folder / "tinypose.onnx")
        plan["networks"]["tinypose"] = {"kind": "heatmap", "size": SPECS["tinypose"].size, "pictures": list(people)}
        images |= {name: image for name, (image, _) in people.items()}
        boxes |= {name: found for name, (_, found) in people.items()}
    plan["boxes"] = boxes
    np.savez(folder / "pictures.npz", **images)
    (folder / "plan.json").write_text(json.dumps(plan))
    subprocess.run(
        [python, str(Path(__file__).with_name("_rtmlib_side.py")), str(folder)], check=True, stdout=subprocess.DEVNULL
    )
    return np.load(folder / "found.npz"), plan | {"images": images}


def ours(
    folder: Path, name: str, image: Image, boxes: list[list[float]], pixels: Image | None, ratio: float
) -> dict[str, Any]:
    """Return what Poise finds, with the pixels that rtmlib cut out or with its own."""
    session, spec = open_session(folder / f"{name}.onnx", threads=1), SPECS[name]
    if spec.family in refiners.FAMILIES:
        refiner = refiners.refiner(spec, session)
        region = regions(np.array(boxes, np.float32), spec.size, spec.expand)
        crops, matrices = crop(image, region, spec.size)
        xy, conf = refiner.decode(session.run(refiner.prepare(crops if pixels is None else pixels)))
        return {"points": affine_apply(affine_invert(matrices), xy), "scores": conf}
    detector = detectors.detector(spec, session)
    feeds, back = detector.prepare(image)
    if pixels is not None:
        feeds = {session.inputs[0].name: spec.feed(pixels)}
        back = np.array([[1 / ratio, 0, 0], [0, 1 / ratio, 0]])
    people = to_picture(detector.decode(session.run(feeds), min_score=SCORE), back)
    return {"boxes": people.boxes, "points": people.xy, "scores": people.conf}


def compare(found: Mapping[str, Any], expected: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """Return the differences of what both give, and how many instances have no partner.

    Boxes and people are compared with the nearest; crops row by row.
    """
    key = "boxes" if "boxes" in expected else "points"
    mine, theirs = (np.asarray(side[key], float).reshape(len(side[key]), -1) for side in (found, expected))
    apart = np.abs(mine[:, None] - theirs[None]).max(axis=2)
    rows = np.arange(len(theirs)) if "boxes" not in found else apart.argmin(axis=0)
    alone = apart[rows, np.arange(len(theirs))] > NEAR if "boxes" in found else np.zeros(len(theirs), bool)
    differences = {
        k: np.abs(np.asarray(found[k])[rows[~alone]] - np.asarray(expected[k])[~alone])
        for k in ("boxes", "points", "scores")
        if k in expected
    }
    if "points" in differences:
        # Of a keypoint that is hardly seen the map is flat, and rtmlib's step has no limit.
        differences["points"] = differences["points"][np.asarray(expected["scores"])[~alone] > SCORE]
    differences = {key: values.reshape(-1) for key, values in differences.items()}
    return differences, int(alone.sum())


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--python", default=sys.executable, help="a Python in which rtmlib 0.0.16 is installed")
    parser.add_argument("--write", type=Path, help="write networks and expected.json for the tests here")
    asked = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        given, plan = other(folder, asked.python, asked.shared)
        for same in (True, False):
            for name, entry in plan["networks"].items():
                found: dict[str, list[Any]] = {"boxes": [], "points": [], "scores": []}
                count = alone = 0
                for picture in entry["pictures"]:
                    theirs = {k.rsplit("/", 1)[1]: given[k] for k in given if k.startswith(f"{name}/{picture}/")}
                    mine = ours(
                        folder,
                        name,
                        plan["images"][picture],
                        plan["boxes"][picture],
                        theirs["input"] if same else None,
                        float(theirs.get("ratio", 1)),
                    )
                    differences, missing = compare(mine, theirs)
                    for key, values in differences.items():
                        found[key].append(values)
                    count += len(theirs["boxes"] if "boxes" in theirs else theirs["points"])
                    alone += missing
                rows.append(summary(name, found, count, alone, same))
        if asked.write:
            write(asked.write, folder, given, plan)
    half = len(rows) // 2
    table(rows[:half], title="same input: largest difference, pixels of the picture")
    table(rows[half:], title="own resampling: median and 95th percentile, pixels of the picture")
    save(asked.json, rows=rows)
    return 0


def summary(name: str, found: Mapping[str, list[Any]], count: int, alone: int, same: bool) -> dict[str, Any]:
    """Return a row of the table."""
    row: dict[str, Any] = {"network": name, "instances": count, "without a partner": alone}
    for key, parts in found.items():
        values = np.concatenate(parts) if parts else np.array([])
        if not len(values):
            row[key] = None
        elif same:
            row[key] = f"{values.max():.1g}"
        else:
            row[key] = f"{np.median(values):.1g}, {np.percentile(values, 95):.1g}"
    return row


def write(target: Path, folder: Path, given: Mapping[str, Any], plan: Mapping[str, Any]) -> None:
    """Write the networks, and what rtmlib found where nothing was resampled."""
    target.mkdir(parents=True, exist_ok=True)
    expected: dict[str, Any] = {"boxes": plan["boxes"]["fits"], "score": SCORE}
    for name in NETWORKS:
        (target / f"{name}.onnx").write_bytes((folder / f"{name}.onnx").read_bytes())
        expected[name] = {
            key: np.round(np.asarray(given[f"{name}/fits/{key}"], float), 5).tolist()
            for key in ("boxes", "points", "scores")
            if f"{name}/fits/{key}" in given
        }
    (target / "expected.json").write_text(json.dumps(expected) + "\n")
    PIL.Image.fromarray(np.ascontiguousarray(pictures()["fits"][..., ::-1])).save(target / "picture.png")


if __name__ == "__main__":
    raise SystemExit(main())
