"""What a live stream is asked to do, as a value that can be pickled, compared and sent as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from poise.errors import suggest
from poise.events import read_zones
from poise.filters.smoothing import FILTERS
from poise.gestures import bundled_sets
from poise.reps import exercise_names

TRACKERS = ("pose.yaml", "bytetrack.yaml", "botsort.yaml")
# A page of zones has a few hundred characters.
_MOST_ZONES = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """What a :class:`Stream` looks for. Every value is plain, so settings travel as JSON.

    Attributes:
        model: What finds the keypoints, a name from ``poise models`` or a network file.
        conf: Drop instances below this confidence, 0 to 1; 0.1 as in ``track``, because an unlikely instance can
            continue a track.
        imgsz: Longer side of the picture as the network sees it, pixels; None: the model's own.
        max_det: Most instances a frame.
        smooth: Steady the keypoints: True (one-euro), ``"one-euro"``, ``"kalman"`` or False.
        tracker: ``"pose.yaml"``, ``"bytetrack.yaml"`` or ``"botsort.yaml"``.
        reps: Count repetitions of this exercise, or of those that are recognised (``"auto"``); None: count none.
        gestures: Look for gestures of these sets: ``hands``, ``numbers``, ``body``, ``moves``; True: hands and body.
            Kept as a tuple of names.
        mirrored: The pictures are mirrored, as a selfie camera gives them.
        falls: Look for falls.
        posture: Look for changes between standing, sitting, bending and lying.
        zones: The text of a TOML file of zones, lines and triggers; see docs/events.md.

    Raises:
        ValueError: A value that cannot be, with what is expected.
        FormatError: The text of the zones is wrong, with the line.
    """

    model: str = "body-fast"
    conf: float = 0.1
    imgsz: int | None = None
    max_det: int = 300
    smooth: bool | str = True
    tracker: str = "pose.yaml"
    reps: str | None = None
    gestures: Any = ()
    mirrored: bool = False
    falls: bool = False
    posture: bool = False
    zones: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "gestures", _sets(self.gestures))
        for name in ("mirrored", "falls", "posture"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be true or false, got {getattr(self, name)!r}")
        if not _number(self.conf) or not 0 <= self.conf <= 1:
            raise ValueError(f"conf must be from 0 to 1, got {self.conf!r}")
        if self.imgsz is not None and not (_number(self.imgsz) and 32 <= self.imgsz <= 8192):
            raise ValueError(f"imgsz must be from 32 to 8192 pixels, got {self.imgsz!r}")
        if isinstance(self.max_det, bool) or not isinstance(self.max_det, int) or not 1 <= self.max_det <= 10_000:
            raise ValueError(f"max_det must be a whole number from 1 to 10000, got {self.max_det!r}")
        if not isinstance(self.model, str) or not self.model:
            raise ValueError(f"model must be a name, got {self.model!r}")
        if not isinstance(self.smooth, bool):
            _one_of("smooth", self.smooth, tuple(FILTERS), "true, false, ")
        _one_of("tracker", self.tracker, TRACKERS)
        if self.reps is not None:
            _one_of("reps", self.reps, ("auto", *exercise_names()))
        if self.zones is not None:
            if not isinstance(self.zones, str) or len(self.zones) > _MOST_ZONES:
                raise ValueError(f"zones must be the text of a TOML file, at most {_MOST_ZONES} characters")
            read_zones("zones", self.zones)

    @classmethod
    def parse(cls, given: Any, base: StreamSettings | None = None) -> StreamSettings:
        """Check settings that came as JSON; what is not named stays as in ``base``.

        Nothing in them names a file on this machine, except ``model``, which the server compares with those that it
        offers.

        Raises:
            ValueError: Not an object, a key that does not exist, with the nearest one that does, or a wrong value.
        """
        if not isinstance(given, Mapping):
            raise ValueError(f"settings must be a JSON object, got {type(given).__name__}")
        known = [field.name for field in fields(cls)]
        for key in given:
            if key not in known:
                raise ValueError(f"settings have no {str(key)[:40]!r}{suggest(str(key)[:40], known)}")
        start = {} if base is None else {name: getattr(base, name) for name in known}
        return cls(**{**start, **given})

    def record(self) -> dict[str, Any]:
        """Return them as plain values, for JSON."""
        return {**asdict(self), "gestures": list(self.gestures)}


def _sets(given: Any) -> tuple[str, ...]:
    """Return the sets of gestures that are meant, by their names."""
    if given is None or isinstance(given, bool):
        return ("hands", "body") if given else ()
    names = (given,) if isinstance(given, str) else given
    if not isinstance(names, (list, tuple)):
        raise ValueError(f"gestures must be true, false or a list of sets, got {given!r}")
    for one in names:
        _one_of("gestures", one, tuple(bundled_sets()))
    return tuple(names)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _one_of(name: str, value: Any, known: tuple[str, ...], others: str = "") -> None:
    if value not in known if isinstance(value, str) else True:
        hint = (
            suggest(value, known) if isinstance(value, str) and not others else f"; expected {others}{', '.join(known)}"
        )
        raise ValueError(f"{name}: no {str(value)[:40]!r}{hint}")
