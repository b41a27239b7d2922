"""Read how a network wants its pictures from the ``pipeline.json`` that MMDeploy writes beside it.

Source:
    MMDeploy (Apache-2.0), its SDK's model package: ``pipeline.tasks`` holds a list of ``transforms`` with
    ``TopDownAffine`` or ``Resize`` and ``Normalize``, and a last task with the decoder's ``params``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from poise import files

_LARGEST = 1 << 20
_DECODERS = {"SimCCLabelDecode": "simcc", "TopdownHeatmapSimpleHeadDecode": "heatmap"}


def deployed(path: Path) -> Mapping[str, Any]:
    """Return the fields of a spec that the file beside a network tells; empty where there is none.

    The network's own shape is surer than the size that is written here, which in some published packages is another
    network's.

    Args:
        path: The network file.
    """
    beside = path.with_name("pipeline.json")
    try:
        if not beside.is_file() or beside.stat().st_size > _LARGEST:
            return {}
        tasks = json.loads(files.read_text(beside, most=files.MOST_SETTINGS))["pipeline"]["tasks"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    found: dict[str, Any] = {}
    for step in _steps(tasks):
        kind = step.get("type")
        if kind == "Normalize" and _triple(step.get("mean")) and _triple(step.get("std")):
            # Mean and scale are in the order of the channels after the turn.
            found |= {"mean": tuple(step["mean"]), "scale": tuple(step["std"])}
            found["colour"] = "rgb" if step.get("to_rgb") else "bgr"
        elif kind == "TopDownGetBboxCenterScale" and isinstance(step.get("padding"), (int, float)):
            found["expand"] = float(step["padding"])
    for task in tasks:
        params = task.get("params") if isinstance(task, dict) else None
        family = _DECODERS.get(task.get("component", "")) if isinstance(task, dict) else None
        if family is None or not isinstance(params, dict):
            continue
        found["family"] = family
        size = params.get("input_size")
        if isinstance(size, list) and len(size) == 2 and all(isinstance(v, int) and v > 0 for v in size):
            found["size"] = tuple(size)
        ratio = params.get("simcc_split_ratio")
        if family == "simcc" and isinstance(ratio, (int, float)) and ratio > 0:
            found["options"] = {"split": float(ratio)}
        if params.get("use_udp") is True:
            found["options"] = {"udp": True, "blur": 11}
    return found


def _steps(tasks: Any) -> Iterator[Mapping[str, Any]]:
    for task in tasks if isinstance(tasks, list) else ():
        steps = task.get("transforms") if isinstance(task, dict) else None
        for step in steps if isinstance(steps, list) else ():
            if isinstance(step, dict):
                yield step


def _triple(values: Any) -> bool:
    return isinstance(values, list) and len(values) == 3 and all(isinstance(v, (int, float)) for v in values)
