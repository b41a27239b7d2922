"""Importing Poise is light, silent and without effect on its host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"
HEAVY = {
    "cv2",
    "onnxruntime",
    "PIL",
    "scipy",
    "torch",
    "rich",
    "cyclopts",
    "av",
    "yaml",
    "polars",
    "openvino",
    "fastapi",
}


def fresh(code: str) -> Any:
    """Run code in a new interpreter; it prints one JSON value."""
    paths = os.pathsep.join([str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": paths, "COVERAGE_PROCESS_START": ""},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "module", ["poise", "poise.results", "poise.skeletons", "poise.geometry", "poise.errors", "poise.frames"]
)
def test_import_loads_nothing_heavy(module: str) -> None:
    loaded = fresh(
        f"import json, sys, {module}; print(json.dumps(sorted({{m.partition('.')[0] for m in sys.modules}})))"
    )

    assert HEAVY.isdisjoint(loaded)


def test_importing_poise_loads_only_its_front_door() -> None:
    loaded = fresh("import json, sys, poise; print(json.dumps([m for m in sys.modules if m.startswith('poise')]))")

    assert sorted(loaded) == ["poise", "poise.extras", "poise.extras.version"]


STATE = """
import json, logging, os, random, signal, sys, threading, warnings
import numpy as np

def state():
    return [
        dict(os.environ), threading.active_count(), [repr(h) for h in logging.getLogger().handlers],
        logging.getLogger().level, sorted(logging.root.manager.loggerDict), repr(random.getstate()),
        repr(np.random.get_state()), np.geterr(), repr(np.get_printoptions()), len(warnings.filters),
        sys.getrecursionlimit(), repr(signal.getsignal(signal.SIGINT)), os.getcwd(), repr(sys.excepthook), sys.path,
    ]

before = json.loads(json.dumps(state()))
import poise
from poise import Boxes, Keypoints, PoiseError, Results, Skeleton
poise.skeletons.get("coco17")
after = json.loads(json.dumps(state()))
print(json.dumps([i for i, (a, b) in enumerate(zip(before, after)) if a != b]))
"""


def test_import_changes_nothing_of_its_host() -> None:
    assert fresh(STATE) == []


BLOCKED = """
import json, socket

def refuse(*args, **kwargs):
    raise AssertionError("network")

socket.socket = socket.create_connection = socket.getaddrinfo = refuse
import numpy as np
import poise
from poise import Results
result = Results.of(np.zeros((4, 4, 3), np.uint8), np.array([[0, 0, 2, 2, 0.5, 0]]))
print(json.dumps(len(result.summary())))
"""


def test_import_and_results_need_no_network() -> None:
    assert fresh(BLOCKED) == 1


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'poise' has no attribute 'Pos'"):
        _ = __import__("poise").Pos


def test_public_names_show_in_completion() -> None:
    poise = __import__("poise")

    assert set(poise.__all__) <= set(dir(poise))
