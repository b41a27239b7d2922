"""What rewriting a published network brings: python benchmarks/folding.py [--shared DIR] [--json OUT].

TinyPose of the shared folder on labelled people of coco-mini: the share of its time that each kind of operation takes,
and its time step by step: as published, with pictures normalised plane by plane, with doubled maps folded into
convolutions, with channel shuffles folded too. One thread, crops one by one and by fours, the steps in turn; CPU time.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from _common import arguments, save, table
from accuracy import read_pictures

from poise.estimators.people import regions
from poise.frames import Image
from poise.graphs.doubled import drop_identities, fold_doubled
from poise.graphs.graph import Graph
from poise.graphs.pixels import turn_first
from poise.graphs.shuffles import fold_shuffles
from poise.image import crop
from poise.runtime import open_session

NAME, SIZE, REPEATS = "tinypose-256x192", (192, 256), 60
STEPS: list[tuple[str, Callable[[Graph], Any]]] = [
    ("pictures by planes", turn_first),
    ("doubled maps folded", fold_doubled),
    ("shuffles folded", fold_shuffles),
]


def crops(shared: Path) -> Image:
    """Cut out labelled people."""
    pictures = read_pictures(shared)
    cut = []
    for person in pictures.labelled[:8]:
        box = np.array(person["bbox"], np.float32)
        box[2:] += box[:2]
        cut.append(crop(pictures.image(person["image_id"]), regions(box[None], SIZE, 1.25), SIZE)[0][0, ..., ::-1])
    return np.ascontiguousarray(np.stack(cut))


def shares(data: bytes, pictures: Image) -> list[dict[str, Any]]:
    """Return the share of the time that each kind of operation takes, as onnxruntime's own profiler tells."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.enable_profiling = 1, True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = f"{folder}/profile"
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        for picture in pictures:
            for _ in range(5):
                session.run(None, {"image": picture[None]})
        events = json.loads(Path(session.end_profiling()).read_text())
    spent: dict[str, list[int]] = defaultdict(list)
    kinds: dict[str, str] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            spent[event["name"]].append(event["dur"])
            kinds[event["name"]] = event["args"]["op_name"]
    times: dict[str, float] = defaultdict(float)
    for name, durations in spent.items():
        times[kinds[name]] += min(durations)  # of each operation the run that nobody disturbed
    whole = sum(times.values())
    ranked = sorted(times.items(), key=lambda row: -row[1])
    return [{"operation": kind, "share in %": 100 * spent / whole} for kind, spent in ranked if spent > whole / 100]


def main() -> int:
    parser = arguments(__doc__)
    asked = parser.parse_args()
    data = (asked.shared / f"weights/{NAME}.onnx").read_bytes()
    pictures = crops(asked.shared)
    versions = {"as published": data}
    graph = Graph(data)
    drop_identities(graph)
    for name, step in STEPS:
        step(graph)
        drop_identities(graph)
        versions[f"+ {name}"] = graph.write()
    sessions = {name: open_session(version, threads=1) for name, version in versions.items()}
    expected = sessions["as published"].run({"image": pictures})["heatmap"]
    times: dict[str, dict[int, list[float]]] = {name: {1: [], 4: []} for name in sessions}
    for _ in range(REPEATS):
        for batch in (1, 4):
            for name, session in sessions.items():
                start = time.process_time()
                session.run({"image": pictures[:batch]})
                times[name][batch].append((time.process_time() - start) * 1e3 / batch)
    rows = []
    for name, session in sessions.items():
        apart = np.abs(session.run({"image": pictures})["heatmap"] - expected).max()
        row: dict[str, Any] = {"network": name}
        for batch in (1, 4):
            row[f"CPU ms a crop, {batch} at once: median (least)"] = (
                f"{np.median(times[name][batch]):.1f} ({min(times[name][batch]):.1f})"
            )
        rows.append(row | {"largest difference of the maps": f"{apart:.1g}"})
    of = shares(data, pictures)
    table(of, title="where the published network spends its time")
    table(rows, title=f"{NAME}, step by step")
    save(asked.json, shares=of, steps=rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
