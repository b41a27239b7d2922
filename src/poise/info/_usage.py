"""How a network file is run: the lines to type."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.estimators.roles import NotRunError, role_of
from poise.info.onnxfile import Value
from poise.runtime import Tensor

# What stands for a file that the user has to add.
_DETECTOR = "DETECTOR.onnx"


@dataclass(slots=True)
class _Described:
    """What a file says of its network, in the place of the network."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)
    engine: str = ""
    device: str = ""

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Refuse: a file that is looked at is not run."""
        raise NotRunError

    def close(self) -> None:
        """Do nothing: nothing is open."""


def pose_usage(path: Path) -> tuple[str, ...]:
    """Return how a network is run that needs no other."""
    return _lines(f"--model {_quoted(path)}", f"Pose({_string(path)})")


def usage(
    path: Path, inputs: tuple[Value, ...], outputs: tuple[Value, ...], meta: Mapping[str, str]
) -> tuple[str, ...]:
    """Return how a network is run: the line for a terminal and the one for Python; else what it looks like.

    Args:
        path: The file.
        inputs: As the file says them.
        outputs: As the file says them.
        meta: Its metadata.
    """
    role = role_of(_Described(tuple(map(_tensor, inputs)), tuple(map(_tensor, outputs)), meta), path)
    if role.kind == "whole":
        return pose_usage(path)
    if role.kind == "refiner":
        by = role.detector or _DETECTOR
        return _lines(f"--model {_quoted(path)} --detector {by}", f"Pose({_string(path)}, detector={_string(by)})")
    if role.kind == "detector" and len(role.families) == 1:
        return _lines(f"--model body --detector {_quoted(path)}", f'Pose("body", detector={_string(path)})')
    if role.kind == "detector":
        either = " or ".join(f'"{family}"' for family in role.families)
        return (f'Pose("body", detector={{"file": {_string(path)}, "family": {either}}}), whichever it is',)
    return (f"not as it is: {role.words}",)


def _lines(options: str, python: str) -> tuple[str, ...]:
    return (f"poise predict PICTURE {options}", f"in Python: {python}")


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _string(path: Path | str) -> str:
    return json.dumps(str(path), ensure_ascii=False)


def _tensor(value: Value) -> Tensor:
    shape = tuple(axis if isinstance(axis, int) and axis > 0 else None for axis in value.shape)
    try:
        dtype = np.dtype(value.kind)
    except TypeError:
        dtype = np.dtype(np.void)
    return Tensor(value.name, shape, dtype)
