"""The original package's checkpoints: a pickled dictionary that holds whole module objects, or a plain state dict."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import ModelError
from poise.files.networks import read_network
from poise.networks import own
from poise.networks.archive import Archive
from poise.networks.pickled import Instance, TensorRef
from poise.networks.recognise import Found
from poise.networks.safetensors import widen
from poise.networks.unpickle import unpickle

_MAX_DEPTH = 32
_MAX_MODULES = 20_000
_MAX_VALUES = 200_000
_MAX_PLAIN = 1_000_000
_MAX_PREFIX = 1000
_MAX_SIDE = 16_384
_TASKS = {
    "DetectionModel": "detection",
    "SegmentationModel": "segmentation",
    "SemanticModel": "segmentation",
    "ClassificationModel": "classification",
    "OBBModel": "oriented box",
    "RTDETRDetectionModel": "RT-DETR detection",
    "WorldModel": "open-vocabulary detection",
    "YOLOEModel": "open-vocabulary detection",
    "YOLOESegModel": "open-vocabulary segmentation",
}
_ACTIVATIONS = {"SiLU", "Identity"}
_OTHER_BLOCKS = {"head": {"Pose", "Pose26"}, "sppf": {True: "Identity", False: "SiLU"}}


def read(path: Path, archive: Archive) -> Found:
    """Read an archive.

    Raises:
        ModelError: It holds no pose network, or is refused; with the reason.
    """
    root = unpickle(archive.read("data.pkl"), name=str(path))
    top = root if isinstance(root, dict) else {}
    model = next((m for m in (top.get("ema"), top.get("model"), root) if isinstance(m, Instance)), None)
    if model is not None:
        return _module(path, archive, model, top)
    for tensors in (top.get("ema"), top.get("model"), top.get("state_dict"), top):
        if isinstance(tensors, dict) and any(isinstance(v, TensorRef) for v in tensors.values()):
            named = {str(k).removeprefix("module."): v for k, v in tensors.items() if isinstance(v, TensorRef)}
            if isinstance(top.get("poise"), str):
                return own.describe(path, _arrays(path, archive, named), {"poise": top["poise"]})
            return Found("state_dict", _arrays(path, archive, named))
    keys = ", ".join(str(k) for k in list(top)[:8]) or type(root).__name__
    raise ModelError(f"{path}: no network in this checkpoint (found: {keys}), expected one under 'model' or 'ema'")


def read_plain(path: str | Path) -> Any:
    """Read a torch archive of dictionaries, lists, numbers, text and tensors; tensors become numpy arrays.

    Nothing in the file is run, and an object of any other kind becomes None.

    Raises:
        ModelError: It is no such archive, or is refused; with the reason.
    """
    path = Path(path)
    archive = Archive(path, read_network(path))
    root = unpickle(archive.read("data.pkl"), name=str(path))
    refs: dict[str, TensorRef] = {}

    seen = 0

    def name(item: Any, depth: int = 0) -> Any:
        # A list may be in itself, or ten times in each of ten others.
        nonlocal seen
        seen += 1
        if seen > _MAX_PLAIN or depth > _MAX_DEPTH:
            raise ModelError(
                f"{path}: refused: its values are nested more than {_MAX_DEPTH} deep, or stand for more than "
                f"{_MAX_PLAIN:,}, which no training's state does"
            )
        if isinstance(item, TensorRef):
            refs[str(len(refs))] = item
            return item
        if isinstance(item, dict):
            return {k: name(v, depth + 1) for k, v in item.items()}
        if isinstance(item, list | tuple):
            return type(item)(name(v, depth + 1) for v in item)
        return item if item is None or isinstance(item, bool | int | float | str) else None

    named = name(root)
    arrays = iter(_arrays(path, archive, refs).values())

    def fill(item: Any) -> Any:
        if isinstance(item, TensorRef):
            return next(arrays)
        if isinstance(item, dict):
            return {k: fill(v) for k, v in item.items()}
        if isinstance(item, list | tuple):
            return type(item)(fill(v) for v in item)
        return item

    return fill(named)


def _module(path: Path, archive: Archive, model: Instance, top: Mapping[Any, Any]) -> Found:
    state = model.state if isinstance(model.state, dict) else {}
    kind = model.kind.name
    task = _TASKS.get(kind, "")
    if kind != "PoseModel":
        what = f"a {task} network" if task else "not a pose network"
        raise ModelError(f"{path}: {what} (class {model.kind}); Poise runs pose networks")
    layers = _children(_children(model).get("model"))
    if not layers:
        raise ModelError(f"{path}: the network has no layers; the file is damaged")
    head = list(layers.values())[-1]
    if not isinstance(head, Instance) or head.kind.name not in _OTHER_BLOCKS["head"]:
        shown = head.kind if isinstance(head, Instance) else type(head).__name__
        raise ModelError(f"{path}: a network with an unsupported head ({shown}); known: Pose, Pose26")
    tensors, modules = _walk(path, model)
    args = _plain(top.get("train_args") or state.get("args"))
    yaml = _plain(state.get("yaml"))
    yaml = yaml if isinstance(yaml, dict) else {}
    args = args if isinstance(args, dict) else {}
    metrics, results = _plain(top.get("train_metrics")), _plain(top.get("train_results"))
    shape = _plain(state.get("kpt_shape")) or (
        _plain(head.state.get("kpt_shape")) if isinstance(head.state, dict) else None
    )
    _check_activations(path, modules, layers)
    imgsz = args.get("imgsz")
    return Found(
        format="module",
        weights=_arrays(path, archive, tensors),
        names=_names(path, state.get("names")),
        kpt_shape=shape,
        kpt_names=_keypoint_names(state.get("kpt_names")),
        kpt_sigmas=_sigmas(state.get("kpt_oks_sigmas")),
        end2end=args.get("end2end") is True,
        bn_eps=_epsilon(path, modules),
        imgsz=_side(imgsz),
        licence=_text(top.get("license")),
        date=_text(top.get("date")),
        version=_text(top.get("version")),
        description=_text(yaml.get("yaml_file")).removesuffix(".yaml"),
        train_args=args,
        train_metrics={k: float(v) for k, v in metrics.items() if isinstance(v, int | float)}
        if isinstance(metrics, dict)
        else {},
        train_results={k: v for k, v in results.items() if isinstance(v, list)} if isinstance(results, dict) else {},
    )


def _children(module: Any) -> dict[str, Any]:
    state = module.state if isinstance(module, Instance) else None
    children = state.get("_modules") if isinstance(state, dict) else None
    return children if isinstance(children, dict) else {}


def _walk(path: Path, root: Instance) -> tuple[dict[str, TensorRef], list[tuple[str, Instance]]]:
    """Return the state dict of a module, and all modules in it with their names."""
    tensors: dict[str, TensorRef] = {}
    modules: list[tuple[str, Instance]] = []
    todo: list[tuple[str, Any, int]] = [("", root, 0)]
    looked = 0
    while todo:
        prefix, module, depth = todo.pop()
        if not isinstance(module, Instance) or not isinstance(module.state, dict):
            continue
        modules.append((prefix, module))
        looked += 1 + sum(len(part) for part in module.state.values() if isinstance(part, dict))
        if depth > _MAX_DEPTH or len(modules) > _MAX_MODULES or looked > _MAX_PLAIN or len(prefix) > _MAX_PREFIX:
            raise ModelError(f"{path}: modules inside modules without end; the file is damaged or built to harm")
        passing = module.state.get("_non_persistent_buffers_set")
        skipped = passing if isinstance(passing, set) else set()
        for kind in ("_parameters", "_buffers"):
            own = module.state.get(kind)
            for name, value in own.items() if isinstance(own, dict) else ():
                if isinstance(value, TensorRef) and not (kind == "_buffers" and name in skipped):
                    tensors[f"{prefix}{name}"] = value
        todo += [(f"{prefix}{name}.", child, depth + 1) for name, child in reversed(_children(module).items())]
    return tensors, modules


def _arrays(path: Path, archive: Archive, tensors: Mapping[str, TensorRef]) -> dict[str, NDArray[Any]]:
    """Turn references into arrays: views of the file where the layout allows it.

    Together they may not hold more numbers than the file does: a small file whose tensors share one storage a thousand
    times would fill the memory.
    """
    claimed = sum(prod(t.shape) for t in tensors.values())
    there = sum({t.storage.key: t.storage.count for t in tensors.values()}.values())
    if claimed > there + 4096:
        raise ModelError(f"{path}: refused: its tensors claim {claimed} numbers, but the file holds {there}")
    order = archive.byte_order
    storages: dict[str, NDArray[Any]] = {}
    arrays = {}
    for name, tensor in tensors.items():
        block = tensor.storage
        if block.key not in storages:
            kind = np.dtype(order + ("u2" if block.dtype == "bf16" else block.dtype))
            record = archive.read(f"data/{block.key}")
            if len(record) != block.count * kind.itemsize:
                raise ModelError(
                    f"{path}: tensor {name!r} says {block.count} numbers of {block.dtype}, but record data/{block.key} "
                    f"has {len(record)} bytes; the file is damaged"
                )
            storages[block.key] = np.frombuffer(record, kind)
        view = _view(storages[block.key], tensor)
        arrays[name] = widen(view) if block.dtype == "bf16" else view
    return arrays


def _view(flat: NDArray[Any], tensor: TensorRef) -> NDArray[Any]:
    """Return a tensor's numbers in its storage; the reference was checked to lie inside."""
    count = prod(tensor.shape)
    if tensor.strides == tuple(prod(tensor.shape[i + 1 :]) for i in range(len(tensor.shape))):
        return flat[tensor.offset : tensor.offset + count].reshape(tensor.shape)
    steps = tuple(s * flat.itemsize for s in tensor.strides)
    return np.lib.stride_tricks.as_strided(flat[tensor.offset :], tensor.shape, steps, writeable=False)


def _check_activations(path: Path, modules: list[tuple[str, Instance]], layers: Mapping[str, Any]) -> None:
    """The wiring is ours, so a network with other activations than ours would be wrong without a word."""
    for name, module in modules:
        if name.endswith(".act.") and module.kind.name not in _ACTIVATIONS:
            raise ModelError(f"{path}: activation {module.kind.name} at {name}; only SiLU is supported")
    head = list(layers.values())[-1]
    for name, module in modules:
        if module.kind.name == "SPPF":
            linear = head.kind.name == "Pose26"
            act = _children(_children(module).get("cv1")).get("act")
            if isinstance(act, Instance) and act.kind.name != _OTHER_BLOCKS["sppf"][linear]:  # type: ignore[index]
                raise ModelError(
                    f"{path}: {name}cv1 has activation {act.kind.name}; {head.kind.name} networks have another"
                )


def _side(imgsz: Any) -> int:
    """Return the side of the pictures in training: a number, or the longest of several; else what is usual."""
    sides = imgsz if isinstance(imgsz, list) else [imgsz]
    return max((side for side in sides if type(side) is int and 0 < side <= _MAX_SIDE), default=640)


def _epsilon(path: Path, modules: list[tuple[str, Instance]]) -> float:
    found = {m.state.get("eps") for _, m in modules if m.kind.name == "BatchNorm2d"}
    if len(found) > 1 or not all(isinstance(v, float) and 0 < v < 1 for v in found):
        raise ModelError(f"{path}: batch norms with different or odd epsilons: {sorted(map(str, found))[:4]}")
    return float(next(iter(found), 1e-3))


def _names(path: Path, names: Any) -> dict[int, str]:
    if isinstance(names, list | tuple):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not all(type(k) is int and isinstance(v, str) for k, v in names.items()):
        raise ModelError(f"{path}: class names must be text by number, got {type(names).__name__}")
    return {k: names[k] for k in sorted(names)}


def _keypoint_names(names: Any) -> list[str] | None:
    """Names are given for each class; all classes share one head, so the first class speaks for all."""
    first = next(iter(names.values()), None) if isinstance(names, dict) else names
    if isinstance(first, list | tuple) and first and all(isinstance(n, str) for n in first):
        return list(first)
    return None


def _sigmas(values: Any) -> list[float] | None:
    if isinstance(values, list | tuple) and values and all(isinstance(v, int | float) for v in values):
        return [float(v) for v in values]
    return None


def _text(value: Any) -> str:
    return value[:1000] if isinstance(value, str) else ""


def _plain(value: Any) -> Any:
    """Turn metadata into JSON's types; what has no such form becomes None."""
    budget = [_MAX_VALUES]

    def turn(item: Any, depth: int) -> Any:
        budget[0] -= 1
        if depth > 12 or budget[0] < 0:
            return None
        if item is None or isinstance(item, bool | int | float | str):
            return item
        if isinstance(item, dict):
            return {str(k): turn(v, depth + 1) for k, v in item.items() if isinstance(k, str | int | float)}
        if isinstance(item, list | tuple):
            return [turn(v, depth + 1) for v in item]
        if isinstance(item, set):
            return sorted((turn(v, depth + 1) for v in item), key=str)
        if isinstance(item, Instance):
            if item.kind.module.startswith("pathlib"):
                return "/".join(a for a in item.args if isinstance(a, str))
            if item.kind.module.endswith("multiarray") and item.kind.name == "scalar":
                return _numpy_number(item)
            if isinstance(item.state, dict):
                return turn(item.state, depth + 1)
        return None

    return turn(value, 0)


def _numpy_number(item: Instance) -> float | int | bool | None:
    """Read ``numpy.core.multiarray.scalar(dtype, bytes)``."""
    if len(item.args) != 2 or not isinstance(item.args[0], Instance) or not isinstance(item.args[1], bytes):
        return None
    code = item.args[0].args[0] if item.args[0].args else None
    if code not in ("f8", "f4", "f2", "i8", "i4", "i2", "u1", "b1") or np.dtype(code).itemsize != len(item.args[1]):
        return None
    number: float | int | bool = np.frombuffer(item.args[1], code)[0].item()
    return number
