"""TorchScript programs, which torch runs in C++ or Python without the package that made them."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch

from poise.export._options import ExportOptions
from poise.files.writing import write_all
from poise.networks import Checkpoint, PoseNetwork, deploy, from_checkpoint


def deployed(about: Checkpoint, options: ExportOptions) -> PoseNetwork:
    """Return a network in torch as it is exported: folded, with the branch that is wanted."""
    return deploy(from_checkpoint(about), end2end=options.end2end, sigma=options.sigma)


def write(about: Checkpoint, options: ExportOptions, path: Path, said: Mapping[str, str]) -> None:
    """Trace a network and write it, with its metadata as JSON in the record ``config.txt``.

    Feature maps' sizes are read while it runs, so other sizes of picture work too.
    """
    picture = torch.zeros(options.batch, 3, options.height, options.width)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.jit.trace(deployed(about, options), picture, strict=False, check_trace=False)  # type: ignore[no-untyped-call]
    _save(program, path, said)


def stamp(path: Path, said: Mapping[str, str]) -> None:
    """Set the metadata of a file that :func:`write` has just written."""
    _save(torch.jit.load(str(path), map_location="cpu"), path, said)  # type: ignore[no-untyped-call]


def _save(program: torch.jit.ScriptModule, path: Path, said: Mapping[str, str]) -> None:
    whole = io.BytesIO()  # torch ends the process when a disk fills up under its own writer
    torch.jit.save(program, whole, _extra_files={"config.txt": json.dumps(dict(said))})
    with path.open("wb", buffering=0) as file:
        write_all(file, whole.getbuffer())
