"""Time the stages of a YOLO pose network: python benchmarks/yolo_stages.py best.onnx [--picture photo.jpg]

Milliseconds a frame in preprocessing, inference, postprocessing and the making of results, on a picture and on a
1280x720 frame, in each engine that is installed; and how much of the whole is not inference.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
from _common import ROOT, arguments, save, table

from poise.errors import MissingExtra, ModelError
from poise.estimators import Options, to_results
from poise.estimators.yolo import Yolo
from poise.frames import Frame, Image, Media
from poise.image import resize
from poise.runtime import open_session

STAGES = ("preprocess", "inference", "postprocess", "results")


def measure(model: Yolo, image: Image, options: Options, repeats: int) -> dict[str, float]:
    """Return the median milliseconds of each stage."""
    frame = Frame(image, Media("frame"))
    rows: list[dict[str, float]] = []
    count = 0
    for turn in range(repeats + 3):
        [found] = model([image], options)
        start = time.perf_counter()
        count = len(to_results(frame, found, model).boxes)
        results = (time.perf_counter() - start) * 1e3
        if turn >= 3:
            rows.append({**found.speed, "results": results})
    middle = {stage: statistics.median(row[stage] for row in rows) for stage in STAGES}
    whole = sum(middle.values())
    return {**middle, "all": whole, "not inference %": 100 * (1 - middle["inference"] / whole), "instances": count}


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("network", type=Path, help="an .onnx file")
    parser.add_argument("--picture", type=Path, default=ROOT / "src/poise/cli/demo.jpg")
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--conf", type=float, default=0.25)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=30)
    given = parser.parse_args()
    with PIL.Image.open(given.picture) as opened:
        picture = np.asarray(PIL.ImageOps.exif_transpose(opened).convert("RGB"))[:, :, ::-1]
    scenes = {
        f"picture {picture.shape[1]}x{picture.shape[0]}": picture,
        "frame 1280x720": resize(np.ascontiguousarray(picture), (1280, 720)),
    }
    rows = []
    for runtime in ("onnxruntime", "openvino"):
        try:
            session = open_session(given.network, runtime=runtime, threads=given.threads)
        except (MissingExtra, ModelError) as error:
            print(f"{runtime}: left out: {error}")
            continue
        model = Yolo(session, name=str(given.network))
        for name, image in scenes.items():
            figures = measure(
                model, np.ascontiguousarray(image), Options(conf=given.conf, imgsz=given.imgsz), given.repeats
            )
            rows.append({"engine": runtime, "scene": name, **figures})
    table(rows, title=f"{given.network.name}, imgsz {given.imgsz}, {given.threads} threads, ms a frame")
    save(given.json, rows=rows)
