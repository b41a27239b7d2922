"""What is exported: the user's wishes, and what the file will say of itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poise.extras.version import __version__
from poise.files.text import valid
from poise.networks import Checkpoint, metadata
from poise.skeletons import Skeleton, skeleton_of
from poise.skeletons.table import part_of_table

if TYPE_CHECKING:
    from poise.networks import PoseNetwork

STRIDE = 32


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What the export shall be; see :func:`poise.export.export` for the words.

    Attributes:
        height: Of the input, pixels; a multiple of 32.
        width: Likewise.
        sigma: The keypoints' standard deviation is a second output.
    """

    format: str
    precision: str
    height: int
    width: int
    dynamic: bool
    end2end: bool
    nms: bool
    batch: int
    opset: int
    simplify: bool
    sigma: bool
    conf: float
    iou: float
    max_det: int

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """Pictures a run, height and width of the input; None where they are free."""
        return None if self.dynamic else (self.batch, self.height, self.width)

    @property
    def selected(self) -> bool:
        """The graph gives rows that need no suppression."""
        return self.end2end or self.nms


def describe(checkpoint: Checkpoint, options: ExportOptions) -> dict[str, str]:
    """Return what an exported file says of itself: the keys that the field's exports have, and Poise's own."""
    said = metadata(
        checkpoint,
        end2end=options.end2end,
        imgsz=(options.height, options.width),
        batch=options.batch,
        dynamic=options.dynamic,
        opset=options.opset,
    )
    arguments: dict[str, int | float] = {
        "batch": options.batch,
        "half": options.precision == "fp16",
        "int8": options.precision == "int8",
        "dynamic": options.dynamic,
        "simplify": options.simplify,
        "opset": options.opset,
        "nms": options.nms,
    }
    if options.nms:
        arguments |= {"conf": options.conf, "iou": options.iou, "max_det": options.max_det}
    own = {
        "author": "Poise",
        "version": __version__,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "args": str(arguments),
        "docs": "",
        "poise.version": __version__,
        "poise.precision": options.precision,
        "poise.origin": valid(checkpoint.source.name),
        "poise.skeleton": json.dumps(_bones(checkpoint.skeleton)),
        "poise.sigmas": json.dumps([round(float(s), 6) for s in checkpoint.skeleton.sigmas]),
    }
    if checkpoint.train_args or checkpoint.train_metrics:
        training = {"args": dict(checkpoint.train_args), "metrics": dict(checkpoint.train_metrics)}
        own["poise.training"] = json.dumps(training, default=str)
    return said | own


def of_network(network: PoseNetwork, about: Checkpoint | None = None) -> Checkpoint:
    """Return a network in memory as a checkpoint.

    Args:
        network: The network, which needs not to have been in a file.
        about: What it is, as far as it is known.
    """
    from poise.networks import arrays

    weights = arrays(network)
    head = {name for name, _ in network.head.named_children()}
    held: dict[str, Any] = {
        "weights": weights,
        "fused": not any(".bn." in name for name in weights),
        "branches": tuple(b for b, part in (("one2many", "cv2"), ("one2one", "one2one_cv2")) if part in head),
        "sigma": bool(head & {"cv4_sigma", "one2one_cv4_sigma"}),
        "flow": "flow_model" in head,
    }
    if about is not None:
        return replace(about, **held)
    k = network.kpt_shape[0]
    names = {0: "person" if k == 17 else "object"} if network.nc == 1 else {i: f"class{i}" for i in range(network.nc)}
    return Checkpoint(
        source=Path(f"{network.family}{network.scale}-pose"),
        format="state_dict",
        family=network.family,
        scale=network.scale,
        names=names,
        kpt_shape=network.kpt_shape,
        skeleton=skeleton_of(k, instance=names[0] if len(names) == 1 else "object"),
        **held,
    )


def _bones(skeleton: Skeleton) -> dict[str, object]:
    return part_of_table(skeleton, "name", "keypoints", "edges", "flip_idx", "instance")
