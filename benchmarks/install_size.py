"""Install the base package into a fresh environment and print what it takes on disk.

python benchmarks/install_size.py

The environment's own pip is not counted. Byte code (``__pycache__``) is what Python writes at install or first import
and may be deleted at any time; it is shown on a line of its own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from _common import ROOT, arguments, save, table


def measure(python: str) -> list[dict[str, object]]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "env"
        subprocess.run([python, "-m", "venv", "--without-pip", str(home)], check=True)
        target = next(home.glob("lib/python*/site-packages"))
        subprocess.run(
            [sys.executable, "-m", "pip", "--python", str(home), "install", "--quiet", str(ROOT)], check=True
        )
        sizes: Counter[str] = Counter()
        code: Counter[str] = Counter()
        for path in target.rglob("*"):
            if path.is_file():
                package = path.relative_to(target).parts[0].partition("-")[0].removesuffix(".libs")
                (code if path.suffix == ".pyc" else sizes)[package] += path.stat().st_size
    rows: list[dict[str, object]] = [
        {"package": name, "MB": size / 1e6, "byte code MB": code[name] / 1e6} for name, size in sizes.most_common(12)
    ]
    rows.append({"package": "total", "MB": sum(sizes.values()) / 1e6, "byte code MB": sum(code.values()) / 1e6})
    return rows


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--python", default=sys.executable)
    options = parser.parse_args()
    rows = measure(options.python)
    table(rows, title="Installed size of the base package")
    save(options.json, rows=rows)
