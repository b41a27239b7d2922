"""A trained network on disk: what it is, and its weights. Read without torch and without running anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from poise.errors import ModelError
from poise.files.networks import POINTER, read_network
from poise.files.text import valid
from poise.networks import own, published
from poise.networks.architectures import FAMILIES, STRIDES
from poise.networks.archive import Archive
from poise.networks.recognise import Found, Identity, identify, kpt_shape
from poise.networks.safetensors import read
from poise.skeletons import Skeleton, skeleton_of

# The first bytes of a pickle of torch's format before 1.6 (2020): a magic number of ten bytes.
_OLD_TORCH = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A trained YOLO-pose network and everything that its file says about it.

    Attributes:
        source: The file.
        format: ``"module"`` (the original package's pickled network), ``"state_dict"``, or ``"poise"``.
        family: ``"yolov8"``, ``"yolo11"`` or ``"yolo26"``.
        scale: Size letter.
        names: Class number to class name.
        kpt_shape: Keypoints, and values a keypoint (2: x, y; 3: x, y, confidence).
        skeleton: The keypoints' names, edges, left-right pairs and OKS sigmas, as far as the file or COCO tells them.
        weights: Tensor name to array, in the file's precision; read-only.
        fused: Batch norms are folded into convolutions.
        branches: The head's branches that the file holds.
        sigma: The file holds the keypoints' standard deviation (YOLO26).
        flow: The file holds the learned density of errors (YOLO26), which gives sigma its unit.
        unit_std: Standard deviation of an error along x and y at sigma 1, where the file says it.
        end2end: The file asks for the one-to-one branch by default.
        bn_eps: Epsilon of the batch norms.
        strides: Input pixels per cell of each level.
        imgsz: Longer side of the training pictures, pixels.
        licence: As the file says it; empty if it says none.
        date: When it was written.
        version: The version of the package that wrote it.
        description: What it is, in words.
        train_args: The training's settings.
        train_metrics: Name to value, at its end.
        train_results: Name to values, one an epoch.
    """

    source: Path
    format: str
    family: str
    scale: str
    names: Mapping[int, str]
    kpt_shape: tuple[int, int]
    skeleton: Skeleton
    weights: Mapping[str, NDArray[Any]] = field(repr=False)
    fused: bool = False
    branches: tuple[str, ...] = ("one2many",)
    sigma: bool = False
    flow: bool = False
    unit_std: tuple[float, float] | None = None
    end2end: bool = False
    bn_eps: float = 1e-3
    strides: tuple[int, ...] = STRIDES
    imgsz: int = 640
    licence: str = ""
    date: str = ""
    version: str = ""
    description: str = ""
    train_args: Mapping[str, Any] = field(default_factory=dict, repr=False)
    train_metrics: Mapping[str, float] = field(default_factory=dict, repr=False)
    train_results: Mapping[str, list[Any]] = field(default_factory=dict, repr=False)

    @property
    def nc(self) -> int:
        """Number of classes."""
        return len(self.names)

    @property
    def head(self) -> str:
        """The head's name in exported networks: ``"Pose"`` or ``"Pose26"``."""
        return FAMILIES[self.family].head

    @property
    def name(self) -> str:
        """Such as ``"yolo11n-pose"``."""
        return f"{self.family}{self.scale}-pose"


def read_checkpoint(path: str | Path, *, kpt_shape: tuple[int, int] | None = None) -> Checkpoint:
    """Read a checkpoint: the original package's ``.pt``, a plain state dict, or our own ``.safetensors``.

    Nothing in the file is run. The kind of file is told by its content, not by its ending.

    Args:
        path: The file.
        kpt_shape: Keypoints and values a keypoint, for weights that do not tell it.

    Raises:
        ModelError: The file is no YOLO-pose network, is damaged, or is refused; with the reason.
    """
    return parse_checkpoint(Path(path), read_network(Path(path)), kpt_shape=kpt_shape)


def parse_checkpoint(path: Path, data: bytes, *, kpt_shape: tuple[int, int] | None = None) -> Checkpoint:
    """Make sense of a checkpoint's bytes; see :func:`read_checkpoint`."""
    if data[:4] == b"PK\x03\x04":
        found = published.read(path, Archive(path, data))
    elif data.startswith(_OLD_TORCH[:14]):
        raise ModelError(
            f"{path}: torch's format from before 2020, which cannot be read safely; load it with torch where you trust "
            "it and save it again with torch.save"
        )
    elif data[8:9] == b"{":
        found = own.describe(path, *read(path, data))
    else:
        raise ModelError(f"{path}: {_guess(data)}; expected a torch checkpoint (.pt) or a .safetensors file")
    return _assemble(path, found, kpt_shape)


def _guess(data: bytes) -> str:
    start = data[:512].lstrip().lower()
    if not data:
        return "an empty file"
    if start.startswith(POINTER):
        return "a Git LFS pointer, not the file itself (run: git lfs pull)"
    if start.startswith((b"<!doctype", b"<html")):
        return "a web page (the download did not give the file)"
    if b"onnx" in start or start.startswith(b"\x08"):
        return "perhaps an ONNX network, which is no checkpoint (name it .onnx)"
    return f"an unknown kind of file (first bytes {data[:8].hex(' ')})"


def _assemble(path: Path, found: Found, given: tuple[int, int] | None) -> Checkpoint:
    identity: Identity = identify(found.weights, name=str(path))
    shape = kpt_shape(identity, given or found.kpt_shape, name=str(path))
    names = {i: valid(name) for i, name in found.names.items()} or {i: str(i) for i in range(identity.nc)}
    if list(names) != list(range(identity.nc)):
        raise ModelError(
            f"{path}: the file names classes {list(names)[:20]}, but its weights have {identity.nc} classes"
        )
    ours = {f.name for f in fields(Checkpoint)}
    # What the weights show goes before what the file says.
    said = {f.name: getattr(found, f.name) for f in fields(found) if f.name in ours}
    seen = {f.name: getattr(identity, f.name) for f in fields(identity) if f.name in ours}
    known = {
        "source": path,
        "names": names,
        "kpt_shape": shape,
        "skeleton": found.skeleton or _skeleton(path, shape[0], names, found),
        "description": found.description or f"{identity.family}{identity.scale}-pose",
    }
    return Checkpoint(**said | seen | known)


def _skeleton(path: Path, count: int, names: Mapping[int, str], found: Found) -> Skeleton:
    instance = next(iter(names.values())) if len(names) == 1 else "object"
    try:
        return skeleton_of(count, found.kpt_names or (), instance=instance, sigmas=found.kpt_sigmas)
    except ValueError as error:
        raise ModelError(f"{path}: {error}") from error
