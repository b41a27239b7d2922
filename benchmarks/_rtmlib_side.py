"""What rtmlib finds with networks in files: run by against_rtmlib.py --python PYTHON.

It runs in an environment of its own (pip install rtmlib==0.0.16 onnxruntime opencv-python-headless) and imports nothing
of Poise.

    python benchmarks/_rtmlib_side.py FOLDER

FOLDER holds NAME.onnx, pictures.npz (BGR) and plan.json; found.npz is written beside them. For each network and picture
it holds what rtmlib gave the network, before it was normalised, and what it made of the outputs.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np

warnings.filterwarnings("ignore")


def main(folder: Path) -> None:
    from rtmlib import RTMO, YOLOX, RTMDet, RTMPose, ViTPose

    plan = json.loads((folder / "plan.json").read_text())
    pictures = np.load(folder / "pictures.npz")
    kinds = {"simcc": RTMPose, "heatmap": ViTPose, "rtmo": RTMO, "yolox": YOLOX, "rtmdet": RTMDet}
    found = {}
    for name, entry in plan["networks"].items():
        tool = kinds[entry["kind"]](
            str(folder / f"{name}.onnx"),
            model_input_size=tuple(entry["size"]),
            backend="onnxruntime",
            **({"score_thr": plan["score"]} if entry["kind"] in ("rtmo", "yolox", "rtmdet") else {}),
            # Its "human" leaves boxes of every class.
            **({"det_mode": "multiclass"} if name == "yolox" else {}),
        )
        for picture in entry["pictures"]:
            image = pictures[picture]
            boxes = np.array(plan["boxes"][picture], float)
            if entry["kind"] in ("simcc", "heatmap"):
                crops = np.stack([plain(tool.preprocess(image, box)[0], tool) for box in boxes])
                points, scores = tool(image, boxes)
                given = {"input": crops, "points": points, "scores": scores}
            else:
                canvas, ratio = tool.preprocess(image)
                given = {"input": plain(canvas, tool)[None], "ratio": np.array(ratio)}
                if name == "rtmo":
                    given["points"], given["scores"] = tool(image)
                elif name == "yolox":
                    boxes, classes = tool(image)
                    given["boxes"] = boxes[classes == 0]
                else:
                    given["boxes"] = np.asarray(tool(image)).reshape(-1, 4)
            found |= {f"{name}/{picture}/{key}": value for key, value in given.items()}
    np.savez_compressed(folder / "found.npz", **found)


def plain(image: np.ndarray, tool: object) -> np.ndarray:
    """Return the pixels from 0 to 255 that were normalised."""
    if tool.mean is not None:
        image = image * np.asarray(tool.std) + np.asarray(tool.mean)
    whole = np.rint(image).astype(np.uint8)
    assert np.abs(whole - image).max() < 1e-6
    return whole


if __name__ == "__main__":
    main(Path(sys.argv[1]))
