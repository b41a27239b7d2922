"""On which data a network file says that it was trained, so that it can be validated on them unasked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from poise import files
from poise.datasets import find_yaml, read_spec, yaml_in
from poise.errors import FormatError, ModelError
from poise.model.opening import CHECKPOINTS

# Read as plain values. A stranger's file chooses which one, so no other kind is opened.
_ENDINGS = (".yaml", ".yml", ".json")
# Where the original package keeps its own descriptions; the same sets are described here under the same names.
_OWN = ("cfg", "datasets")


def trained_on(path: Path) -> str:
    """Return the data set that a network file records, as :func:`poise.datasets.open_dataset` takes it.

    Args:
        path: A checkpoint, or an ONNX file that Poise exported from one. A relative record counts from the working
            folder, as it did in the training.

    Raises:
        ModelError: The file records none, or one that is not here or that is not read unasked.
        MissingExtra: The YAML reader is not installed.
    """
    told = _record(path)
    give = "give the data: data='data.yaml' (--data data.yaml)"
    if not isinstance(told, str) or not told.strip():
        raise ModelError(f"{path}: does not say on which data it was trained; {give}")
    # Looking at an address of another machine would log in there.
    if told.startswith(("//", "\\\\")) or "://" in told or "\0" in told:
        raise ModelError(f"{path}: was trained on {told!r}, which is not on this machine; {give}")
    file = Path(told)
    described = yaml_in(file) if file.is_dir() else file
    if described is not None and described.is_file() and described.suffix.lower() in _ENDINGS:
        return told
    if file.exists():
        raise ModelError(f"{path}: was trained on {told!r}; only {', '.join(_ENDINGS)} files are read unasked; {give}")
    name = file.name if len(file.parts) == 1 or file.parts[-3:-1] == _OWN else told
    try:
        find_yaml(name)
    except FormatError:
        raise ModelError(f"{path}: was trained on {told!r}, which is not here (from {Path.cwd()}); {give}") from None
    root = read_spec(name).root
    if not root.is_dir():
        raise ModelError(
            f"{path}: was trained on {told!r}, whose pictures are not in {root} (from {Path.cwd()}); put them there, "
            f"set POISE_DATASETS to the folder that holds {root.name}, or {give}"
        )
    return name


def _record(path: Path) -> Any:
    ending = path.suffix.lower()
    if ending in CHECKPOINTS:
        from poise.networks import read_checkpoint

        return read_checkpoint(path).train_args.get("data")
    if ending == ".onnx":
        from poise.info.onnxfile import read_onnx

        try:
            training = json.loads(
                read_onnx(path, files.read_bytes(path, most=files.MOST_NETWORK)).metadata.get("poise.training", "{}")
            )
            return training["args"].get("data")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
    return None
