"""What a bundle's manifest says of models and networks: all that the JavaScript engine has to know."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from poise import files
from poise.errors import ModelError
from poise.estimators.yolo import Yolo
from poise.files.text import one_line, valid
from poise.graphs import compact as compacted
from poise.graphs import optimise
from poise.model import Pose
from poise.networks import graph_of
from poise.skeletons import Skeleton, get
from poise.weights import Card, load, model, network

# Models of the registry whose families page/engine knows; they run the same networks, so a bundle has both.
BUNDLED = ("body-fast", "body")
_AS_STORED = "as stored"
_BYTES = "int8 with a scale for each output channel, computed in float32"


@dataclass(frozen=True, slots=True)
class Models:
    """The models of a bundle.

    Attributes:
        models: Entries of the manifest, the first is the one that a page begins with.
        networks: Entries of the manifest by name, without their checksums.
        files: Bytes of each network by its name.
    """

    models: list[dict[str, Any]]
    networks: dict[str, dict[str, Any]]
    files: dict[str, bytes]


def read_models(name: str, *, compact: bool, end2end: bool | None) -> Models:
    """Read the networks of a model and describe them.

    Args:
        name: ``"body-fast"`` or ``"body"``, or the path of a YOLO pose network: ``.onnx``, ``.pt`` or ``.safetensors``.
        compact: Store weights in a byte each.
        end2end: The head of a YOLO26 checkpoint; None: as :class:`poise.Pose` chooses.

    Raises:
        ModelError: A model that runs in Python only, or none.
    """
    if name in BUNDLED:
        return _bundled([name, *(other for other in BUNDLED if other != name)], compact)
    pose = Pose(name, end2end=end2end)
    if pose.card is not None:
        raise ModelError(
            f"model {pose.card.name!r} does not run in a browser yet; {' and '.join(BUNDLED)} do, and YOLO pose "
            f"networks of your own (best.onnx, best.pt)"
        )
    with pose:
        return _own(pose, compact, end2end)


def skeleton_entry(skeleton: Skeleton) -> dict[str, Any]:
    """Return a skeleton as plain values."""
    return {
        "name": skeleton.name,
        "keypoints": list(skeleton.keypoints),
        "edges": [list(edge) for edge in skeleton.edges],
        "flip_idx": list(skeleton.flip_idx),
        "sigmas": skeleton.sigmas.tolist(),
        "colours": {side: list(colour) for side, colour in skeleton.colours.items()},
        "instance": skeleton.instance,
    }


def _bundled(names: list[str], compact: bool) -> Models:
    cards = [model(name) for name in names]
    networks: dict[str, dict[str, Any]] = {}
    data: dict[str, bytes] = {}
    for part in dict.fromkeys(part for card in cards for part in card.networks):
        about = network(part)
        data[part], stored = _stored(optimise(load(part))[0], compact)
        networks[part] = {
            "weights": stored,
            "spec": dict(about.spec),
            "licence": about.licence,
            "origin": about.origin,
            "original_sha256": about.sha256,
        }
    return Models([_card_entry(card) for card in cards], networks, data)


def _card_entry(card: Card) -> dict[str, Any]:
    skeleton = get(card.skeleton)
    return {
        "name": card.name,
        "title": card.summary,
        "notes": card.notes,
        "estimator": card.estimator,
        "networks": list(card.networks),
        "skeleton": skeleton_entry(skeleton),
        "names": {"0": skeleton.instance},
        "settings": card.settings,
    }


def _own(pose: Pose, compact: bool, end2end: bool | None) -> Models:
    path, yolo = pose.path, pose.estimator
    if path is None or not isinstance(yolo, Yolo):
        raise ModelError(f"{pose.name}: expected a YOLO pose network; networks of other families run in Python only")
    ending = path.suffix.lower()
    if ending == ".onnx":
        data = files.read_bytes(path, most=files.MOST_NETWORK)
    elif ending in (".pt", ".pth", ".safetensors"):
        data = graph_of(path, end2end=end2end)
    else:
        raise ModelError(
            f"{path}: a browser runs ONNX files; give the .onnx, or the checkpoint (.pt, .safetensors) it was made of"
        )
    if yolo.dtype.name != "float32":
        raise ModelError(
            f"{path}: its input is {yolo.dtype.name}, and a browser gives float32; write it again with: "
            "poise export best.pt --format onnx"
        )
    name = valid(one_line(path.stem))
    data, stored = _stored(data, compact)
    entry = {
        "name": name,
        "title": f"YOLO pose network, {len(yolo.skeleton)} points, {len(yolo.names)} class"
        + ("" if len(yolo.names) == 1 else "es"),
        "notes": "",
        "estimator": "yolo",
        "networks": [name],
        "skeleton": skeleton_entry(yolo.skeleton),
        "names": {str(number): word for number, word in yolo.names.items()},
        "settings": {
            "layout": asdict(yolo.layout),
            "imgsz": list(yolo.imgsz),
            "stride": yolo.stride,
            "free": yolo.free,
            "select": yolo.select,
            "batch": yolo.batch or 1,
            "output": yolo.output,
            "sigma": yolo.sigma,
        },
    }
    network_entry = {"weights": stored, "spec": {"family": "yolo"}, "licence": yolo.licence, "origin": path.name}
    return Models([entry], {name: network_entry}, {name: data})


def _stored(data: bytes, compact: bool) -> tuple[bytes, str]:
    made, changed = compacted(data) if compact else (data, 0)
    return made, _BYTES if changed else _AS_STORED
