"""Speed of a page of ``poise web`` in a headless Chromium: python benchmarks/browser.py [--models body-fast] [--json].

A fresh browser with empty caches opens the page from this machine; "first result" is the time from the navigation to
the first answer, all files fetched, unpacked and opened in between. "frames/s" is how many frames of the bundled clip
of squats (one person, 480 x 480) are answered, as fast as they go, each at the time at which it is asked for.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import PIL.Image
from _chromium import Chromium, find, headers_of, served
from _common import table

from poise import samples
from poise.sources import open_source
from poise.web import Bundle, write_bundle

FRAMES = 24
SECONDS = 8
PAGE = '<!doctype html><meta charset="utf-8"><title>Speed</title><script type="module" src="speed.js"></script>'
SCRIPT = """
import { LocalEngine } from "./engine/local.js";
const { settings, threads, frames, seconds } = await (await fetch("speed.json")).json();
const bitmap = async (i) => createImageBitmap(await (await fetch(`frame-${i}.png`)).blob());
window.measured = (async () => {
  const engine = await LocalEngine.open(settings, { threads });
  const pictures = await Promise.all(Array.from({ length: frames }, (_, i) => bitmap(i)));
  await engine.process(pictures[0], 0);
  const first = performance.now();
  let count = 0;
  const speed = {};
  for (; performance.now() - first < seconds * 1000; count++) {
    const answer = await engine.process(pictures[count % frames], performance.now() / 1000);
    for (const [stage, ms] of Object.entries(answer.speed)) speed[stage] = (speed[stage] ?? 0) + ms;
  }
  const elapsed = performance.now() - first;
  for (const stage of Object.keys(speed)) speed[stage] /= count;
  const { info } = engine;
  engine.close();
  return { first, rate: (count / elapsed) * 1000, speed, info };
})();
"""


def prepare(folder: Path) -> Bundle:
    """Write a bundle with a page that measures itself, and the frames of the clip."""
    bundle = write_bundle(folder)
    (folder / "speed.html").write_text(PAGE, encoding="utf-8")
    (folder / "speed.js").write_text(SCRIPT, encoding="utf-8")
    for number, frame in zip(range(FRAMES), open_source(samples.squats), strict=False):
        PIL.Image.fromarray(frame.image[..., ::-1]).save(folder / f"frame-{number}.png")
    return bundle


def measure(folder: Path, program: str, model: str, threads: int, reps: str | None) -> dict[str, Any]:
    """Open the page in a fresh browser and let it measure itself."""
    job = {"settings": {"model": model, "reps": reps}, "threads": threads, "frames": FRAMES, "seconds": SECONDS}
    (folder / "speed.json").write_text(json.dumps(job), encoding="utf-8")
    with served(folder, headers_of(folder)) as address, Chromium(program) as browser:
        browser.open(f"{address}speed.html")
        found = browser.run(
            "(async () => { while (!window.measured) await new Promise((r) => setTimeout(r, 20)); return measured; })()"
        )
    return {
        "model": model,
        "threads": found["info"]["threads"],
        "frames/s": round(found["rate"], 1),
        "first result, s": round(found["first"] / 1000, 2),
        **{f"{stage}, ms": round(ms, 1) for stage, ms in found["speed"].items()},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["body-fast", "body"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--reps", help="count repetitions too: auto, or an exercise")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args(arguments)
    program = find()
    if program is None:
        print("needs Chromium: no program of that name is there", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        bundle = prepare(site)
        sizes = {
            "whole folder": bundle.bytes,
            "networks": sum(n for name, n in bundle.sizes.items() if name.startswith("networks/")),
            "onnxruntime-web": sum(n for name, n in bundle.sizes.items() if name.startswith("runtime/")),
            "scripts of ours": bundle.script_bytes,
        }
        rows = [
            measure(site, program, model, threads, chosen.reps) for model in chosen.models for threads in chosen.threads
        ]
    if chosen.json:
        print(json.dumps({"sizes": sizes, "speed": rows}, indent=1))
        return 0
    table([{"part": name, "kB": round(size / 1000, 1)} for name, size in sizes.items()], title="Sizes")
    table(rows, title="Speed")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
