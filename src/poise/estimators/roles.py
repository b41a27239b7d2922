"""Say of a network how it can be run, from its inputs, outputs and metadata alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from poise.errors import ModelError, PoiseError
from poise.estimators import detectors, refiners
from poise.estimators.assembly import is_yolo, usual_detector
from poise.estimators.own import BY_COUNT, declared, family_of, recognise, shared_family
from poise.estimators.recognise import kind
from poise.runtime import Session
from poise.skeletons import get

# Families that are detectors by their place and give keypoints too.
_ONE_STAGE = ("rtmo", "multipose")


class NotRunError(Exception):
    """A network that is only described was to be run."""


@dataclass(frozen=True, slots=True)
class Role:
    """What a network is for.

    Attributes:
        kind: ``"whole"`` finds instances with their keypoints; ``"refiner"`` looks at one instance a crop;
            ``"detector"`` finds boxes; ``"other"`` is not run by Poise.
        words: What it looks like; of a network that looks like one that runs and cannot be, why.
        detector: Of a refiner, what finds its instances; None: none is known for what it shows.
        families: Of a detector, those that it may be of; more than one: the user has to say which.
    """

    kind: Literal["whole", "refiner", "detector", "other"]
    words: str
    detector: str | None = None
    families: tuple[str, ...] = ()


def role_of(session: Session, path: Path) -> Role:
    """Find out what a network is for; it is not run.

    Args:
        session: The network, or only its description, whose ``run`` raises :class:`NotRunError`.
        path: The file, beside which its makers may have said more.
    """
    words = kind(session)
    if session.metadata.get("task"):
        return Role("whole" if session.metadata["task"] == "pose" else "other", words)
    try:
        table = declared(session, path)
    except PoiseError:
        return Role("other", words)
    family = table.get("family") or family_of(session)
    if family in refiners.FAMILIES:
        try:
            recognise(session, name=path.name, path=path)
        except NotRunError:
            pass  # only a run tells how many keypoints there are; nothing speaks against it
        except PoiseError as error:
            return Role("other", str(error).removeprefix(f"{path.name}: ").partition("; this looks like")[0])
        return Role("refiner", words, usual_detector(_instance(session)))
    if family in _ONE_STAGE:
        return Role("whole", words)
    if family in detectors.FAMILIES:
        return Role("detector", words, families=(str(family),))
    try:
        found = shared_family(session, path.name, told="mean" in table)
    except ModelError:
        return Role("detector", words, families=("rtmdet", "yolox"))
    if found is not None:
        return Role("detector", words, families=(found,))
    return Role("whole" if is_yolo(session) and "pose" in words else "other", words)


def _instance(session: Session) -> str:
    """Return what a refiner's keypoints are of, as the number of them tells."""
    counts = [t.shape[1] for t in session.outputs if len(t.shape) in (3, 4)]
    skeleton = BY_COUNT.get(counts[0]) if counts and counts[0] is not None else None
    return get(skeleton).instance if skeleton else "person"
