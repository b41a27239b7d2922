"""Time tracking, smoothing and counting in JavaScript: python benchmarks/browser_motion.py [--seconds 40] [--json FILE]

The bundled clip of squats, found once by body-fast and brought to 30 frames a second, goes through the page's Motion in
Node with every exercise in question (reps "auto"). Printed are milliseconds a frame, of wall and of processor time, the
best of five runs, and the sizes of the scripts.
"""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from _common import ROOT, arguments, save, table

from poise import Pose, samples
from poise.sinks import record
from poise.skeletons import get
from poise.web import exercise_tables, small_script

SCRIPTS = ROOT / "src/poise/web/page/engine/motion"
RATE = 30.0
RUN = """
import fs from "node:fs";
import {Motion} from "./motion/motion.js";
const {lines, ...parts} = JSON.parse(fs.readFileSync(process.argv[2]));
const runs = [];
for (let run = 0; run < 5; run++) {
  const motion = new Motion(parts);
  const used = process.cpuUsage();
  const start = performance.now();
  let [longest, last] = [0, null];
  for (const line of lines) {
    const before = performance.now();
    last = motion.update(line);
    longest = Math.max(longest, performance.now() - before);
  }
  const wall = (performance.now() - start) / lines.length;
  const {user, system} = process.cpuUsage(used);
  runs.push({wall, cpu: (user + system) / 1000 / lines.length, longest, reps: last.reps[0]});
}
console.log(JSON.stringify(runs));
"""


def frames(seconds: float) -> list[dict[str, Any]]:
    """Return records at 30 frames a second: the clip over and over, points halfway between those of its own frames."""
    clip = Path(samples.__file__).parent / "squats.mp4"
    seen = [record(result) for result in Pose("body-fast").predict(clip, stream=True, verbose=False)]
    times = np.array([line["time"] for line in seen])
    points = np.array([line["instances"][0]["keypoints"] for line in seen], float)
    boxes = np.array([line["instances"][0]["box"] for line in seen], float)
    out = []
    for n in range(round(seconds * RATE)):
        at = np.interp((n / RATE) % times[-1], times, np.arange(len(times)))
        low, high, share = int(at), min(int(at) + 1, len(times) - 1), at % 1
        line = {**seen[low], "frame": n, "time": n / RATE}
        person = {**seen[low]["instances"][0], "box": mixed(boxes[low], boxes[high], share)}
        line["instances"] = [{**person, "keypoints": mixed(points[low], points[high], share)}]
        out.append(line)
    return out


def mixed(a: np.ndarray, b: np.ndarray, share: float) -> list[Any]:
    values: list[Any] = (a + share * (b - a)).tolist()
    return values


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=40.0)
    options = parser.parse_args()
    node = shutil.which("node")
    if node is None:
        raise SystemExit("needs node, which is not installed")
    skeleton = get("coco17")
    told = {
        "keypoints": list(skeleton.keypoints),
        "edges": [list(e) for e in skeleton.edges],
        "sigmas": skeleton.sigmas.tolist(),
    }
    job = {
        "skeleton": told,
        "exercises": exercise_tables(),
        "settings": {"smooth": True, "reps": "auto"},
        "lines": frames(options.seconds),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(SCRIPTS, folder / "motion")
        (folder / "package.json").write_text('{"type": "module"}')
        (folder / "run.js").write_text(RUN)
        (folder / "job.json").write_text(json.dumps(job))
        command = [node, str(folder / "run.js"), str(folder / "job.json")]
        runs = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    rows = [
        {"milliseconds": "a frame, wall", "value": min(run["wall"] for run in runs)},
        {"milliseconds": "a frame, processor", "value": min(run["cpu"] for run in runs)},
        {"milliseconds": "longest frame, wall", "value": min(run["longest"] for run in runs)},
    ]
    table(rows, title=f"One person, {RATE:.0f} frames a second, {options.seconds:.0f} s, in the end {runs[0]['reps']}")
    texts = [file.read_text(encoding="utf-8") for file in sorted(SCRIPTS.rglob("*.js"))]
    lean = "".join(map(small_script, texts))
    sizes = [
        {"scripts": "as in the repository", "bytes": sum(len(text.encode()) for text in texts)},
        {"scripts": "as they are sent", "bytes": len(lean.encode())},
        {"scripts": "the same, gzip", "bytes": len(gzip.compress(lean.encode()))},
    ]
    table(sizes, title="Sizes")
    save(options.json, milliseconds=rows, sizes=sizes)


if __name__ == "__main__":
    main()
