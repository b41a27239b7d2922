"""From what users call a model to networks that run: one of the registry, a file, or one that is to be trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from poise.errors import ModelError, require, suggest
from poise.files.networks import refuse_pointer
from poise.graphs import optimise
from poise.runtime import ENGINES, Session, fastest, open_session
from poise.weights import ENDINGS, Card, digest, faster, model, models, network, zoo_models

CHECKPOINTS = (".pt", ".pth", ".safetensors")
# Most that a rewritten network may differ from the one it is made of, over its largest output: rounded sums of float32.
_EQUAL = 1e-4


def untrained(name: str | Path) -> str | None:
    """Return the name of a network without weights, such as ``"yolo26n-pose"``, or None."""
    text = str(name)
    if "-pose" not in text or Path(text).exists():
        return None
    from poise.networks.architectures import named

    return text if named(text) else None


def bundled(name: str | Path) -> Card | None:
    """Return the card of a model of the registry, bundled or of the zoo, or None where a file is meant.

    Raises:
        ModelError: Neither; with the nearest name.
    """
    path = Path(name)
    if path.suffix.lower() in ENDINGS:
        return None  # no model is called so, and reading the whole registry takes as long as starting an engine
    if isinstance(name, str) and name in [card.name for card in (*models(), *zoo_models())]:
        return model(name)
    if path.suffix or path.exists() or len(path.parts) > 1:
        return None
    return model(str(name))


def quickened(network: bytes | Path) -> bytes | Path:
    """Return the copy of a network of the cache that runs faster, else the network as it is.

    The copy is made when the network is first opened, and is only kept if both give the same for a random picture.
    """
    return network if isinstance(network, bytes) else faster(network, _rewritten)


def _rewritten(data: bytes) -> bytes | None:
    """Write a network anew so that it runs faster; None where nothing is gained or it would not be the same."""
    made, changes = optimise(data)
    if not changes:
        return None
    try:
        before, after = (open_session(part, threads=1) for part in (data, made))
        feeds = {tensor.name: _noise(tensor.shape, tensor.dtype) for tensor in before.inputs}
        expected, found = before.run(feeds), after.run(feeds)
    except Exception:  # noqa: BLE001 - onnxruntime raises a dozen unrelated types
        return None  # it wants something else than a picture: then nothing is proven
    for name, values in expected.items():
        scale = max(1.0, float(np.abs(values).max(initial=0)))
        if values.shape != found[name].shape or np.abs(values - found[name]).max(initial=0) > _EQUAL * scale:
            return None
    return made


def _noise(shape: tuple[int | None, ...], dtype: np.dtype[Any]) -> Any:
    """Return a random picture; free axes are one picture, or sides of 128 pixels, a multiple of every stride."""
    whole = [side or (1 if i == 0 else 128) for i, side in enumerate(shape)]
    values = np.random.default_rng(0).integers(0, 256, whole)
    return values.astype(dtype) if dtype.kind in "iu" else ((values - 120) / 60).astype(dtype)


def device_name(device: str | int | None) -> str:
    """Turn what users of this field write (``0``, ``"0"``, ``"cuda:0"``, None) into a device name."""
    text = "" if device is None else str(device).strip().lower()
    if not text:
        return "cpu"
    return f"cuda:{text}" if text.isdigit() else text


def open_file(
    path: Path, *, runtime: str, device: str, threads: int | None, precision: str, end2end: bool | None
) -> Session:
    """Open the user's own network file by what its ending says it is.

    Args:
        path: The file.
        runtime: As for :class:`poise.Pose`, and so are the others.
        device: Of :func:`device_name`.
        threads: CPU threads; None: the cores that this process may use.
        precision: ``"f32"`` or ``"auto"``.
        end2end: The head of a YOLO26 checkpoint.

    Raises:
        ModelError: The file cannot be run.
        ValueError: The runtime does not run such files.
        MissingExtra: The engine that is asked for is not installed, or only torch has the device and is not.
    """
    ending = path.suffix.lower()
    refuse_pointer(path, ModelError)
    if ending == ".torchscript":
        if runtime not in ("auto", "torch"):
            raise ValueError(f"{path}: runtime {runtime!r} runs .onnx files; a .torchscript file runs in torch")
        require("torch", extra="train", feature=f"running {path.name} (an exported .onnx needs no torch)")
        from poise.runtime import torchscript

        return torchscript.open(path, device=device, threads=threads, precision=precision)
    if ending in (".onnx", ".xml"):
        engine = "openvino" if ending == ".xml" else runtime
        if ending == ".xml":
            refuse_pointer(path.with_suffix(".bin"), ModelError)
        return open_session(
            quickened(path), runtime=engine, device=device, threads=threads, precision=precision, name=str(path)
        )
    if ending in CHECKPOINTS:
        return _open_checkpoint(path, runtime, device, threads, precision, end2end)
    known = ", ".join((*ENDINGS, ".torchscript", ".xml"))
    raise ModelError(f"{path}: files that end in {ending or 'nothing'!r} cannot be run; expected {known}")


def _open_checkpoint(
    path: Path, runtime: str, device: str, threads: int | None, precision: str, end2end: bool | None
) -> Session:
    """Run a checkpoint as a graph in the fastest engine, or in torch where that is asked for or alone has the device.

    "gpu" and "mps" are such devices on most machines, and CUDA where the installed onnxruntime is the one for CPUs.
    """
    from poise.networks import graph_of

    engine = fastest(device, precision) if runtime == "auto" else runtime
    if engine in (None, "torch"):
        what = "runtime 'torch'" if engine else f"device {device!r} (no other installed engine has it)"
        require("torch", extra="train", feature=f"{path}: {what}")
        from poise.networks import open_session as open_in_torch

        return open_in_torch(path, device=device, threads=threads, precision=precision, end2end=end2end)
    if engine not in ENGINES:
        raise ValueError(f"no runtime named {engine!r}{suggest(engine, ['auto', 'torch', *ENGINES])}")
    graph = graph_of(path, end2end=end2end)
    return open_session(graph, runtime=engine, device=device, threads=threads, precision=precision, name=str(path))


def weight_files(card: Card | None, path: Path | None, name: str) -> list[dict[str, Any]]:
    """Return what a manifest says of the files that hold the weights.

    Args:
        card: Of a model of the registry, or None.
        path: The user's own file, or None.
        name: What the file is called.
    """
    if card is None:
        return [{"name": name, "file": name, "sha256": "" if path is None else digest(path)}]
    entries = [network(part) for part in card.networks]
    return [
        # What a network of the zoo is, its file says where the registry does not know.
        {"name": e.name, "file": e.file, "sha256": e.sha256 or digest(e.path), "licence": e.licence}
        for e in entries
    ]
