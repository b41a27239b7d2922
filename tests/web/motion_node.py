"""One Node process for the tests of a module, which calls the scripts of the page."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poise.skeletons import get
from poise.web import exercise_tables, small_script

HERE = Path(__file__).parent
SCRIPTS = HERE.parents[1] / "src/poise/web/page/engine/motion"


class Node:
    """A Node process that calls functions and classes of ``page/engine/motion``; see motion_node.mjs."""

    def __init__(self, folder: Path, *, lean: bool = False) -> None:
        command = shutil.which("node")
        if command is None:
            pytest.skip("needs node, which is not installed")
        # Browsers know a module by its <script>, Node by the nearest package.json.
        shutil.copytree(SCRIPTS, folder / "motion")
        for file in (folder / "motion").rglob("*.js") if lean else ():
            file.write_text(small_script(file.read_text(encoding="utf-8")), encoding="utf-8")
        (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
        self._process = subprocess.Popen(
            [command, str(HERE / "motion_node.mjs"), str(folder / "motion")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip

    def call(self, file: str, name: str, *args: Any) -> Any:
        """Call a function."""
        return self._ask(file=file, call=name, args=args)

    def make(self, file: str, name: str, args: list[Any], calls: list[tuple[str, list[Any]]]) -> list[Any]:
        """Make an object and call its methods one after the other."""
        return self._ask(file=file, make=name, args=args, calls=calls)

    def read(self, file: str, name: str) -> Any:
        """Read a constant."""
        return self._ask(file=file, read=name)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()

    def _ask(self, **job: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job, default=_typed, allow_nan=False) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"]


def node_process(tmp_path_factory: pytest.TempPathFactory, *, lean: bool = False) -> Iterator[Node]:
    """Start Node once for a module; each makes a fixture of its own of it. ``lean``: as scripts are sent."""
    node = Node(tmp_path_factory.mktemp("node"), lean=lean)
    yield node
    node.close()


def _typed(value: Any) -> Any:
    """Turn arrays of one axis into Float64Arrays, of two into lists of them."""
    if isinstance(value, np.generic):
        return value.item()
    if not isinstance(value, np.ndarray):
        raise TypeError(type(value))
    if value.ndim > 1:
        return [_typed(row) for row in value]
    special = {np.inf: "inf"}
    return {"f64": [None if one != one else special.get(one, one) for one in np.asarray(value, float).tolist()]}


def numbers(value: Any) -> np.ndarray:
    """Turn what came back into an array; null is NaN."""
    return np.array(value, dtype=float)


def skeleton_table(name: str = "coco17") -> dict[str, Any]:
    """Return a skeleton as the page has it."""
    skeleton = get(name)
    return {
        "name": skeleton.name,
        "keypoints": list(skeleton.keypoints),
        "edges": [list(edge) for edge in skeleton.edges],
        "flip_idx": list(skeleton.flip_idx),
        "sigmas": skeleton.sigmas.tolist(),
    }


def motion_parts(**settings: Any) -> list[Any]:
    """Return the arguments of a Motion."""
    return [{"skeleton": skeleton_table(), "exercises": exercise_tables(), "settings": settings}]
