"""The exceptions that Poise raises on purpose.

    PoiseError
    ├── ModelError      a network or a checkpoint cannot be used
    ├── SourceError     a picture, video, camera or address cannot be read
    ├── FormatError     a data file (labels, skeleton, settings) is not what it should be
    └── MissingExtra    an optional package is not installed

Wrong arguments are ``ValueError`` or ``TypeError``, as everywhere in Python. A message names what was wrong, what was
expected, and what to do next.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from types import ModuleType

from poise.extras import engines


class PoiseError(Exception):
    """Any error that Poise raises on purpose."""


class ModelError(PoiseError):
    """A network or a checkpoint cannot be used."""


class SourceError(PoiseError):
    """A picture, video, camera or address cannot be read."""


class FormatError(PoiseError):
    """A data file is not what it should be."""


class MissingExtra(PoiseError, ImportError):
    """An optional package is not installed."""


class WindowClosed(GeneratorExit):
    """The user has closed the window: what goes on ends well, and what it saves says that the stream was left."""


def require(module: str, *, extra: str, feature: str) -> ModuleType:
    """Import ``module``, or say in one sentence which extra brings it.

    Args:
        module: Dotted name to import.
        extra: The extra of this package that installs it.
        feature: What the user wanted, as the subject of the sentence.

    Raises:
        MissingExtra: When the module is not installed. A module that is installed but broken raises its own error.
    """
    try:
        return engines.load(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        from poise.extras.installation import installing

        raise MissingExtra(f"{feature} needs {module}; run: {installing(extra)}") from None


def suggest(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'nearest'?"``, or all known names when none is near.

    Example:
        >>> suggest("left_foot", ["left_ankle", "nose", "left_hip"])
        "; did you mean 'left_hip'?"
        >>> suggest("zzz", ["a", "b"])
        '; known: a, b'
    """
    names = sorted(set(known))
    near = get_close_matches(word, names, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]!r}?"
    shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    return f"; known: {shown}" if names else ""
