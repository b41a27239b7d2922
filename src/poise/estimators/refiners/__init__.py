"""Networks that look at one instance a crop: one family a file."""

from __future__ import annotations

from poise.estimators.protocols import Refiner
from poise.estimators.spec import Spec
from poise.runtime import Session

# Family -> "module:class"; the class is called with (spec, session).
FAMILIES = {
    "heatmap": "poise.estimators.refiners.heatmap:Heatmap",
    "simcc": "poise.estimators.refiners.simcc:SimCc",
    "thunder": "poise.estimators.refiners.thunder:Thunder",
}


def refiner(spec: Spec, session: Session) -> Refiner:
    """Make the refiner that a spec names.

    Raises:
        FormatError: There is no such family.
    """
    made: Refiner = spec.family_class(FAMILIES, "refiner")(spec, session)
    return made
