"""Put a network file of the user's own together with what finds its instances."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from poise import files
from poise.errors import ModelError, suggest
from poise.estimators._estimator import FAMILIES, Estimator, build
from poise.estimators.detectors import FAMILIES as DETECTORS
from poise.estimators.own import family_of, named, recognise, recognise_detector
from poise.estimators.recognise import describe
from poise.estimators.spec import Spec, registered
from poise.estimators.yolo import Yolo
from poise.runtime import Session
from poise.skeletons import Skeleton, get
from poise.weights import Card, model, models, network

# What finds the instances where nothing else is named.
DEFAULT = "nanodet-416"
# COCO's classes of mammals, cat to giraffe, which NanoDet finds too.
_ANIMALS = [15, 16, 17, 18, 19, 20, 21, 22, 23]

Opener = Callable[[str], Session]
FileOpener = Callable[[Path], Session]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a user says of a network file.

    Attributes:
        detector: What finds the instances: the name of a model, whose boxes are taken, or of a detector, a detector's
            file, a table with ``file`` and what is known of it (fields of a spec), or None: the bundled NanoDet.
        skeleton: What the keypoints are: a name, a file, or the skeleton itself.
        spec: Fields of :class:`~poise.estimators.spec.Spec` that are known better than the file shows.
    """

    detector: str | Path | Mapping[str, Any] | None = None
    skeleton: str | Path | Skeleton | None = None
    spec: Mapping[str, Any] | None = None

    def __bool__(self) -> bool:
        return any(value is not None for value in (self.detector, self.skeleton, self.spec))


def build_registered(card: Card, *, asked: Asked, open_network: Opener, open_file: FileOpener) -> Estimator:
    """Make the estimator of a registered model, with another detector where one is asked for.

    Args:
        card: Of the model.
        asked: What the user says of it.
        open_network: Opens a network of the registry.
        open_file: Opens a file.

    Raises:
        ModelError: The model does not take what is asked.
    """
    if not asked:
        return build(card, open_network)
    if asked.skeleton is not None or asked.spec is not None:
        raise ModelError(
            f"{card.name}: skeleton= and spec= are for network files; what this model is, the registry says: leave "
            "them out"
        )
    refiner = card.settings.get("refiner")
    if card.estimator != "top-down" or not refiner:
        raise ModelError(f"{card.name}: detector= is for models that refine boxes; leave {asked.detector!r} out")
    skeleton = get(card.skeleton)
    found, beside = _detectors(asked.detector, skeleton.instance, open_file)
    parts = tuple(entry["network"] for entry in found if entry["network"] not in beside) + (refiner,)
    settings = {**card.settings, "detectors": found}
    person = card.settings.get("person", {})
    if "evidence" in person and len(found) != len(person["evidence"]):
        # How sure to be of an instance was fitted with a weight for each of the model's own detectors; others share it.
        settings["person"] = {**person, "evidence": [sum(person["evidence"]) / len(found)] * len(found)}
    changed = replace(card, networks=parts, settings=settings)
    return _top_down(changed, skeleton, beside, open_network)


def build_own(
    session: Session,
    *,
    name: str,
    path: Path | None,
    asked: Asked,
    open_network: Opener,
    open_file: FileOpener,
) -> Estimator:
    """Make the estimator of a network file: a YOLO network, a one-stage network, or one that refines boxes.

    Args:
        session: The file, opened.
        name: How errors call it.
        path: Where it is.
        asked: What the user says of it.
        open_network: Opens a network of the registry.
        open_file: Opens a file.

    Raises:
        ModelError: The network is none that can be run, or contradicts what is said of it.
        FormatError: A field of a spec that is not known.
    """
    if is_yolo(session) and not (asked.spec or {}).get("family"):
        return _yolo(session, name, asked)
    own = recognise(session, name=name, path=path, spec=asked.spec, skeleton=asked.skeleton)
    if own.skeleton is None:
        raise ModelError(
            f"{name}: finds boxes and no keypoints; it looks like {describe(session)}; give it to a network that "
            f"refines them: Pose('my_network.onnx', detector={name!r})"
        )
    files: dict[str, tuple[Session, Spec]] = {name: (session, own.spec)}
    settings: dict[str, Any] = {"detectors": [{"network": name}]}
    if own.refines:
        found, beside = _detectors(asked.detector, own.skeleton.instance, open_file)
        files |= beside
        settings = {"detectors": found, "refiner": name}
    elif asked.detector is not None:
        raise ModelError(f"{name}: finds people and keypoints in one stage; leave detector={asked.detector!r} out")
    parts = tuple(entry["network"] for entry in settings["detectors"] if entry["network"] not in files)
    card = Card(name, f"{own.spec.family}: {name}", "top-down", parts, own.skeleton.name, settings)
    return _top_down(card, own.skeleton, files, open_network)


def _top_down(
    card: Card,
    skeleton: Skeleton,
    files: Mapping[str, tuple[Session, Spec]],
    open_network: Opener,
) -> Estimator:
    """Join detectors and refiner; those that are files are known already."""
    made: Estimator = resolve_name(FAMILIES["top-down"])(
        card,
        lambda name: files[name][0] if name in files else open_network(name),
        skeleton,
        lambda name: files[name][1] if name in files else registered(name),
    )
    return made


def is_yolo(session: Session) -> bool:
    """Whether a network may be a YOLO pose network: it says so, or has one output of rows and no other family's."""
    if session.metadata.get("task"):
        return True
    rows = [t for t in session.outputs if t.name != "sigma"]
    return family_of(session) is None and len(rows) == 1 and len(rows[0].shape) == 3


def _yolo(session: Session, name: str, asked: Asked) -> Estimator:
    for argument in ("detector", "spec"):
        if getattr(asked, argument) is not None:
            raise ModelError(
                f"{name}: {argument}= is for networks that look at one instance a crop, but this looks like "
                f"{describe(session)}; leave it out"
            )
    made = Yolo(session, name=name)
    if asked.skeleton is not None:
        made.skeleton = named(made.kpt_shape[0], asked.skeleton, name=name)
    return made


def _detectors(
    asked: str | Path | Mapping[str, Any] | None, instance: str, open_file: FileOpener
) -> tuple[list[dict[str, Any]], dict[str, tuple[Session, Spec]]]:
    """Return the detectors' settings, and the sessions and specs of those that are files."""
    if asked is None:
        return _usual(instance), {}
    known: dict[str, Any] = {}
    if isinstance(asked, Mapping):
        known = dict(asked)
        if "file" not in known:
            raise ModelError(f"detector: a table needs 'file', the path of a network, got {known}")
        asked = Path(known.pop("file"))
    text = str(asked)
    path = Path(asked).expanduser()
    if path.suffix.lower() in (".onnx", ".xml") or path.is_file():
        if not path.is_file():
            raise ModelError(f"detector {text}: {files.no_file(path)}")
        opened = open_file(path)
        found = recognise_detector(opened, name=text, path=path, spec=known)
        return [{"network": text}], {text: (opened, found)}
    return _registered(text), {}


def _usual(instance: str) -> list[dict[str, Any]]:
    """Return what finds the instances of a skeleton; nothing where the bundled detector does not know them."""
    if instance in ("person", "object"):
        return [{"network": DEFAULT}]
    if instance in ("animal", "dog", "tiger"):
        return [{"network": DEFAULT, "classes": _ANIMALS}]
    return []


def usual_detector(instance: str) -> str | None:
    """Return what finds the instances of a skeleton where nothing is named; None: nothing bundled does."""
    return DEFAULT if _usual(instance) else None


def _registered(name: str) -> list[dict[str, Any]]:
    """Return the detectors of a model of the registry, or a detector of that name."""
    cards = {card.name: card for card in models()}
    try:
        card = cards[name] if name in cards else model(name)
    except ModelError:
        try:
            entry = network(name)
        except ModelError:
            raise ModelError(
                f"no model and no detector named {name!r}{suggest(name, [*cards, DEFAULT])}; "
                "or give the path of an .onnx file"
            ) from None
        family = getattr(entry, "spec", {}).get("family")
        if family is not None and family not in DETECTORS:
            raise ModelError(
                f"{name!r} is no detector, but of the family {family!r}; for example {DEFAULT!r}"
            ) from None
        return [{"network": name}]
    found = _own(card)
    if not found:
        raise ModelError(
            f"model {name!r} has no boxes to lend ({card.summary}); name a detector such as {DEFAULT!r}, or a model "
            "such as 'body'"
        )
    return found


def _own(card: Card) -> list[dict[str, Any]]:
    """Return the settings of a model's own detectors."""
    return [dict(entry) for entry in card.settings.get("detectors", ())]
