"""The network that a training starts from: random, or with the weights of a checkpoint; and which of it learn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from poise.errors import ModelError, suggest
from poise.networks import FAMILIES, Checkpoint, PoseNetwork, build, read_checkpoint
from poise.networks.architectures import named

_CHECKPOINTS = (".pt", ".pth", ".safetensors")


@dataclass(frozen=True, slots=True)
class Transfer:
    """What a network took from a checkpoint.

    Attributes:
        source: The checkpoint; None if every weight is random.
        moved: Tensors that were taken over as they are.
        rows: Tensors of which the rows of known classes were taken over.
        fresh: Names of those that start from random weights.
        classes: Names of the classes whose rows were taken over.
    """

    source: Path | None
    moved: int = 0
    rows: int = 0
    fresh: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.source is None:
            return "random weights"
        total = self.moved + self.rows + len(self.fresh)
        text = f"{self.moved} of {total} tensors from {self.source}"
        if self.rows:
            text += f", {self.rows} by class name ({', '.join(self.classes[:5])})"
        if self.fresh:
            groups = sorted({".".join(name.split(".")[:3]) for name in self.fresh})
            shown = ", ".join(groups[:6]) + (", …" if groups[6:] else "")
            text += f"; {len(self.fresh)} start from random weights: {shown}"
        return text


def start_network(
    model: str | Path, *, names: Mapping[int, str], kpt_shape: tuple[int, int], pretrained: bool | str | Path = True
) -> tuple[PoseNetwork, Transfer]:
    """Make the network of a training for the classes and keypoints of its data set.

    Args:
        model: Name of a network (random weights), or a checkpoint.
        names: Class number to class name.
        kpt_shape: Keypoints, and values a keypoint.
        pretrained: A checkpoint to take weights from instead; False takes a checkpoint's architecture only.

    Raises:
        ModelError: The model is not known, or the checkpoint cannot be used.
    """
    checkpoint = None
    kind = named(str(model))
    if kind is None:
        checkpoint = _read_trainable(model)
        kind = (checkpoint.family, checkpoint.scale)
    if isinstance(pretrained, str | Path):
        checkpoint = _read_trainable(pretrained)
    network = build(*kind, len(names), kpt_shape)
    if checkpoint is None or pretrained is False:
        return network, Transfer(None)
    return network, transfer(network, checkpoint, names)


def transfer(network: PoseNetwork, checkpoint: Checkpoint, names: Mapping[int, str]) -> Transfer:
    """Take over every tensor of a checkpoint that has the same name and shape, and rows of classes by their names.

    Args:
        network: Changed in place.
        checkpoint: Where from.
        names: The network's class number to class name.

    Raises:
        ModelError: Batch norms of the checkpoint are folded away, or nothing fits.
    """
    if checkpoint.fused:
        raise ModelError(
            f"{checkpoint.source}: its batch norms are folded into the convolutions, as for use; training needs the "
            "checkpoint before that"
        )
    known = {name: number for number, name in checkpoint.names.items()}
    pairs = [(number, known[name]) for number, name in names.items() if name in known]
    own = network.state_dict()
    moved, rows, fresh = 0, 0, []
    taken: dict[str, Tensor] = {}
    for key, value in own.items():
        array = checkpoint.weights.get(key)
        if array is None:
            fresh.append(key)
            continue
        theirs = _tensor(array, value)
        by_class = _is_class_row(key) and len(theirs) == checkpoint.nc and theirs.shape[1:] == value.shape[1:]
        # Where no class is known by name, old rows are still a better start than random ones.
        if by_class and pairs and dict(names) != dict(checkpoint.names):
            mine, other = zip(*pairs, strict=True)
            taken[key] = value.index_copy(0, torch.tensor(mine), theirs[list(other)])
            rows += 1
        elif theirs.shape == value.shape:
            taken[key] = theirs
            moved += 1
        else:
            fresh.append(key)
    if not taken:
        raise ModelError(f"{checkpoint.source}: none of its tensors fit {network.family}{network.scale}-pose")
    network.load_state_dict(taken, strict=False)
    counted = [key for key in fresh if key.endswith("num_batches_tracked")]
    return Transfer(
        checkpoint.source,
        moved,
        rows,
        tuple(key for key in fresh if key not in counted),
        tuple(names[number] for number, _ in pairs),
    )


def _is_class_row(key: str) -> bool:
    """The last convolution of a class branch: ``model.N.cv3.L.2.weight`` and its bias."""
    parts = key.split(".")
    return len(parts) == 6 and parts[2] in ("cv3", "one2one_cv3") and parts[4] == "2"


def _tensor(array: Any, like: Tensor) -> Tensor:
    native = array.astype(array.dtype.newbyteorder("="), copy=True)
    return torch.from_numpy(native).to(like.dtype)


def _read_trainable(path: str | Path) -> Checkpoint:
    if Path(path).suffix.lower() not in _CHECKPOINTS:
        example = "yolo26n-pose (random weights) or yolo26n-pose.pt"
        sizes = [f"{family}{size}-pose" for family in FAMILIES for size in FAMILIES[family].scales]
        raise ModelError(
            f"{path}: cannot be trained; expected a name or a checkpoint, such as {example}" + suggest(str(path), sizes)
        )
    from poise.weights import find

    return read_checkpoint(find(path))


def freeze_layers(network: PoseNetwork, layers: int | str | tuple[int | str, ...] | None) -> list[str]:
    """Switch off the gradients of layers.

    Args:
        network: Changed in place.
        layers: The first n layers; a list of layers' numbers or of parts of parameters' names; or ``"backbone"``: all
            but the head.

    Returns:
        The names of the modules that do not learn: their batch norms keep their statistics too.

    Raises:
        ValueError: Nothing is left to learn, or nothing is meant.
    """
    last = len(network.model) - 1
    if layers is None or layers == () or layers == 0:
        return []
    if layers == "backbone":
        layers = last
    parts = [f"model.{i}." for i in range(layers)] if isinstance(layers, int) else []
    if not isinstance(layers, int):
        listed: Iterable[int | str] = (layers,) if isinstance(layers, str) else layers
        parts = [f"model.{part}." if isinstance(part, int) else part for part in listed]
    count = 0
    for name, parameter in network.named_parameters():
        if any(part in name for part in parts):
            parameter.requires_grad_(False)
            count += 1
    if not count:
        raise ValueError(f"freeze={layers!r} means no parameter; layers are numbered from 0 to {last}")
    if not any(p.requires_grad for p in network.parameters()):
        raise ValueError(f"freeze={layers!r} leaves nothing to learn; the head is layer {last}")
    return [
        name
        for name, module in network.named_modules()
        if isinstance(module, nn.BatchNorm2d) and any(part in f"{name}." for part in parts)
    ]


def lay_out_memory(network: nn.Module) -> None:
    """Change a network in place, before its optimiser is made, so that steps are faster; results differ by rounding.

    Channels go last, which batch norm and convolutions prefer on CPUs and on GPUs with half precision, and activations
    are not done in place, because for the gradient torch would copy their input first. One thread of a CPU, YOLO26n at
    8 x 3 x 320 x 320: 0.67 s of CPU time a step before, 0.57 s after (``benchmarks/train_step.py``).
    """
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for module in network.modules():
        if isinstance(module, nn.SiLU):
            module.inplace = False
