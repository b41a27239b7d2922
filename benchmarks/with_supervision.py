"""Draw with supervision what Poise found: python benchmarks/with_supervision.py [--out FOLDER]

Runs the snippet of docs/from-supervision.md with the release that is installed, and prints what it took.
"""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import PIL.Image
from _common import ROOT, arguments

from poise import samples

if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--out", type=Path, help="a folder for the picture")
    given = parser.parse_args()
    page = (ROOT / "docs/from-supervision.md").read_text(encoding="utf-8")
    snippet = next(code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "import supervision" in code)
    space: dict[str, object] = {}
    code = snippet.replace('"runner.jpg"', repr(str(samples.runner)))
    exec(compile(code, "docs/from-supervision.md", "exec"), space)  # noqa: S102 - our own documentation
    points, boxes = space["points"], space["boxes"]
    print(
        f"supervision {version('supervision')}: {len(points)} people, {points.xy.shape[1]} points each, "
        f"{len(boxes)} boxes"
    )
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(space["picture"][..., ::-1]).save(given.out / "supervision.png")
