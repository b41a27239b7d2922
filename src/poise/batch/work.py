"""What is done with each item: the same as a command does with one source, described in plain values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poise.errors import ModelError, PoiseError, suggest
from poise.extras.version import __version__
from poise.results import Results
from poise.skeletons import Skeleton, get

if TYPE_CHECKING:
    from poise.model import Pose

# Arguments of a run of the model that a batch takes; what would save, show or pace something is not among them.
_RUNNING = (
    *("conf", "iou", "imgsz", "max_det", "classes", "agnostic_nms", "nms", "augment", "tile", "vid_stride", "follow"),
    *("smooth", "tracker"),
)
_TRACKING = tuple(name for name in _RUNNING if name not in ("smooth", "follow"))
# Work -> the arguments that it takes, and the model unless one is given.
WORKS: Mapping[str, tuple[str, ...]] = {
    "predict": tuple(name for name in _RUNNING if name != "tracker"),
    "track": _RUNNING,
    "reps": ("exercise", "exercises", *_TRACKING),
    "gestures": ("set", "mirrored", "body", "hands", "hands_only", "vid_stride"),
    "events": ("zone", "falls", "posture", "reps", "gestures", "mirrored", "hands", *_TRACKING),
    "angles": ("names", "repair", *_TRACKING),
}
OPENING = ("device", "runtime", "threads", "precision", "end2end", "calibration", "detector", "skeleton")
_ENGINE = ("device", "runtime", "threads", "precision")
# Families that give positions in metres.
_SPATIAL = frozenset(("blazepose", "hands"))

Tap = Callable[[Iterable[Results]], Iterator[Results]]
Note = Callable[[Exception], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is done with each item. Plain values only, so that it can be sent and compared.

    Attributes:
        name: One of ``WORKS``, or ``"module:function"`` for one of the user's own: the function takes a source and the
            arguments, and gives a ``Results`` a frame, of skeleton ``function.skeleton`` (coco17 where it has none).
        model: As for :class:`poise.Pose`.
        opening: How it is opened.
        arguments: Of the work.
        form: ``"parquet"``, ``"jsonl"`` or ``"coco"``.
        unit: What a row of keypoints is in Parquet: ``"person"`` or ``"keypoint"``.
    """

    name: str = "predict"
    model: str = "body"
    opening: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    form: str = "parquet"
    unit: str = "person"

    def plain(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)

    @property
    def own(self) -> bool:
        """Whether it is a function of the user's."""
        return ":" in self.name

    @property
    def kind(self) -> str:
        """What is found: ``"results"``, or the name of records."""
        return "results" if self.own or self.name in ("predict", "track") else self.name

    @property
    def follows(self) -> bool:
        """Whether something is followed over time, so that a video is not to be divided."""
        return self.name != "predict" or bool(self.arguments.get("smooth"))


def make_work(name: str, model: str | Path | None, *, form: str, rows: str, given: Mapping[str, Any]) -> Work:
    """Check what a batch is asked for.

    Args:
        name: Of the work.
        model: Of the model; None: that which the work takes by itself.
        form: Of the output.
        rows: What a row of keypoints is.
        given: Arguments of the work and how the model is opened; None counts as not given.

    Raises:
        TypeError: An argument that this work does not take, with the nearest one.
        ValueError: A work, format or value that cannot be.
    """
    from poise.batch.rows import FORMATS

    own = ":" in name
    if not own and name not in WORKS:
        raise ValueError(f"no work named {name!r}{suggest(name, WORKS)}")
    if form not in FORMATS:
        raise ValueError(f"no format named {form!r}{suggest(form, FORMATS)}")
    if rows not in ("person", "keypoint"):
        raise ValueError(f"rows must be 'person' or 'keypoint', got {rows!r}")
    opening, arguments = {"threads": 1}, {}
    for key, value in given.items():
        if value is None:
            continue
        if key in OPENING:
            opening[key] = _plain(key, value)
        elif own or key in WORKS[name]:
            arguments[key] = _plain(key, value)
        else:
            known = (*WORKS[name], *OPENING)
            raise TypeError(f"run_batch(work={name!r}) has no argument {key!r}{suggest(key, known)}")
    work = Work(
        name=name,
        model=str(model or default_model(name, arguments)),
        opening=opening,
        arguments=arguments,
        form=form,
        unit=rows,
    )
    _check(work)
    return work


def default_model(name: str, arguments: Mapping[str, Any]) -> str:
    """Return the model that a command takes by itself."""
    if name == "gestures":
        return str(arguments.get("body", "body-fast"))
    return "body-fast" if name == "events" and arguments.get("falls") else "body"


def weights_of(work: Work) -> list[dict[str, str]]:
    """Return the networks of a work, each with the sha256 of its file: what tells one model from another.

    Raises:
        ModelError: A model is not known.
    """
    if work.own:
        return []
    from poise.model.opening import bundled, untrained, weight_files
    from poise.weights import find, prepare

    found: list[dict[str, str]] = []
    for name in _models(work):
        if untrained(name):
            raise ModelError(f"{name}: has no weights; a batch needs a model that is trained, such as 'body'")
        card = bundled(name)
        if card is not None:
            prepare(card)
        for one in weight_files(card, None if card else find(name), name):
            found.append({"name": str(one["name"]), "sha256": str(one["sha256"])})
    return found


def fingerprint(work: Work, *, split: float | None) -> dict[str, Any]:
    """Return what results depend on: two batches with equal ones may be one."""
    return {
        "poise": __version__,
        "weights": weights_of(work),
        "split_s": split,
        **json.loads(json.dumps(work.plain())),
    }


def _models(work: Work) -> list[str]:
    names = [work.model]
    if work.name == "gestures" or (work.name == "events" and work.arguments.get("gestures")):
        names.append(str(work.arguments.get("hands", "hands")))
    if isinstance(detector := work.opening.get("detector"), str):
        names.append(detector)
    return [name for name in dict.fromkeys(names) if name]


def _plain(key: str, value: Any) -> Any:
    """Return a value as it is sent to workers and compared with that of a later run."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [_plain(key, one) for one in value]
    if isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f"{key} must be a plain value, so that it can be sent to workers, got {type(value).__name__}")


def _check(work: Work) -> None:
    """Refuse what every item would fail at.

    Raises:
        ValueError, PoiseError: With what is wrong.
    """
    arguments = dict(work.arguments)
    if work.form == "coco" and work.kind != "results":
        raise ValueError(f"format='coco' holds keypoints; what work={work.name!r} gives is written as parquet or jsonl")
    if work.own:
        own_function(work.name)
        return
    from poise.model import Settings

    Settings.of({name: value for name, value in arguments.items() if name in _RUNNING})
    if work.name == "reps" and (exercise := arguments.get("exercise", "auto")) != "auto":
        from poise.reps import get_exercise

        get_exercise(exercise, folder=arguments.get("exercises"))
    if work.name == "events":
        _watches(arguments)
    if work.name == "gestures":
        from poise.gestures import GestureRecognizer

        parts = GestureRecognizer(arguments.get("set"), mirrored=bool(arguments.get("mirrored"))).parts
        if arguments.get("hands_only") and "hand" not in parts:
            raise ValueError("hands_only needs a set with gestures of hands")


def own_function(name: str) -> Callable[..., Iterable[Results]]:
    """Return a user's function.

    Raises:
        ValueError: There is none of this name.
    """
    module, _, function = name.partition(":")
    try:
        found = getattr(import_module(module), function)
    except Exception as error:  # noqa: BLE001 - the module is the user's, and may fail in any way
        said = f"{error}" if isinstance(error, (ImportError, AttributeError)) else f"{type(error).__name__}: {error}"
        raise ValueError(f"work={name!r}: cannot be imported: {said}; expected 'module:function'") from None
    if not callable(found):
        raise ValueError(f"work={name!r}: is no function; expected 'module:function'")
    made: Callable[..., Iterable[Results]] = found
    return made


class OpenWork:
    """A work with its models open, in the process that does it.

    Args:
        work: What is done.

    Attributes:
        work: The same.
        skeleton: Of results; None where records are found.
        spatial: The network gives positions in metres.

    Raises:
        PoiseError: A model cannot be used.
    """

    def __init__(self, work: Work) -> None:
        self.work = work
        self.skeleton: Skeleton | None = None
        self.spatial = False
        self._pose: Pose | None = None
        self._hands: Pose | None = None
        self._own: Callable[..., Iterable[Results]] | None = None
        if work.own:
            self._own = own_function(work.name)
            self.skeleton = get(getattr(self._own, "skeleton", "coco17"))
            return
        from poise.model import Pose

        opening, arguments = dict(work.opening), work.arguments
        engine = {name: value for name, value in opening.items() if name in _ENGINE}
        if work.name == "gestures":
            from poise.gestures import GestureRecognizer

            recognizer = GestureRecognizer(arguments.get("set"), mirrored=bool(arguments.get("mirrored")))
            if "hand" in recognizer.parts:
                self._hands = Pose(arguments.get("hands", "hands"), **engine)
            if not arguments.get("hands_only"):
                name = work.model
                if "body" not in arguments and recognizer.in_space:
                    name = "body-3d"
                self._pose = Pose(name, **engine)
                recognizer.check_body(name, self._pose.skeleton.name)
            return
        self._pose = Pose(work.model, **opening)
        if work.name == "events" and arguments.get("gestures"):
            self._hands = Pose(arguments.get("hands", "hands"), **engine)
        self.skeleton = self._pose.skeleton
        self.spatial = self._pose.card is not None and self._pose.card.estimator in _SPATIAL

    def do(self, source: Any, tap: Tap, note: Note) -> Iterator[Any]:
        """Give what is found in a source: a ``Results`` a frame, or records.

        Args:
            source: A path or an address, or an iterator of frames.
            tap: All results of the model pass through it.
            note: Is told of what was wrong, where it was not all.
        """
        arguments = dict(self.work.arguments)
        if self._own is not None:
            yield from tap(self._own(source, **arguments))
        elif self.work.name == "gestures":
            yield from self._gestures(source, arguments, tap, note)
        else:
            yield from getattr(self, f"_{self.work.name}")(source, arguments, tap, note)

    def _results(self, call: str, source: Any, arguments: dict[str, Any], tap: Tap, note: Note) -> Iterator[Results]:
        running = {name: value for name, value in arguments.items() if name in _RUNNING}
        if isinstance(running.get("classes"), list):
            running["classes"] = tuple(running["classes"])
        found = getattr(self._pose, call)(source, stream=True, verbose=False, on_error=note, **running)
        try:
            yield from tap(found)
        finally:
            found.close()

    def _predict(self, source: Any, arguments: dict[str, Any], tap: Tap, note: Note) -> Iterator[Results]:
        return self._results("predict", source, arguments, tap, note)

    def _track(self, source: Any, arguments: dict[str, Any], tap: Tap, note: Note) -> Iterator[Results]:
        return self._results("track", source, arguments, tap, note)

    def _reps(self, source: Any, arguments: dict[str, Any], tap: Tap, note: Note) -> Iterator[dict[str, Any]]:
        from poise.reps import count_reps

        results = self._results("track", source, arguments, tap, note)
        clip = count_reps(results, arguments.get("exercise", "auto"), folder=arguments.get("exercises")).record()
        if self.work.form == "jsonl":
            yield clip
            return
        head = {name: clip[name] for name in ("source", "fps", "duration")}
        yield from (head | person for person in clip["people"])

    def _angles(self, source: Any, arguments: dict[str, Any], tap: Tap, note: Note) -> Iterator[dict[str, Any]]:
        from poise.clips import Clip
        from poise.clips.angles import angle_rows
        from poise.model.second_pass import second_pass
        from poise.sinks import printable

        clip = Clip.of(self._results("track", source, arguments, tap, note))
        if arguments.get("repair", True):
            clip, _ = second_pass(clip)
        table, warnings = angle_rows(clip, names=arguments.get("names"))
        if warnings:
            note(PoiseError("; ".join(warnings)))
        yield {"source": printable(str(source)), **table}

    def _events(self, source: Any, arguments: dict[str, Any], tap: Tap, note: Note) -> Iterator[dict[str, Any]]:
        from poise.events.event import EventStream
        from poise.sinks import printable

        # Counters and detectors of one source know nothing of another.
        stream = EventStream(_watches(arguments, hands=self._hands))
        for result, found in stream.watch(self._results("track", source, arguments, tap, note)):
            name = printable(result.path)
            yield from ({"source": name, **event.record()} for event in found)

    def _gestures(self, source: Any, arguments: dict[str, Any], tap: Tap, note: Note) -> Iterator[dict[str, Any]]:
        from poise.gestures import GestureRecognizer, watch_gestures

        recognizer = GestureRecognizer(arguments.get("set"), mirrored=bool(arguments.get("mirrored")))
        seen = watch_gestures(
            source,
            recognizer,
            hands=self._hands,
            body=self._pose,
            on_error=note,
            vid_stride=int(arguments.get("vid_stride", 1)),
        )
        try:
            for one in seen:
                result = one.hands if one.bodies is None else one.bodies
                if result is not None:
                    for _ in tap([result]):
                        pass
                yield from one.records()
        finally:
            seen.close()


def _watches(arguments: Mapping[str, Any], *, hands: Pose | None = None) -> list[Any]:
    """Return the detectors of a work of events.

    Raises:
        ValueError: Nothing is looked for.
    """
    from poise.events.pipeline import detectors

    more: list[Any] = []
    if arguments.get("gestures"):
        from poise.gestures import GestureRecognizer, GestureWatch

        sets = arguments["gestures"]
        asked = GestureRecognizer(None if sets is True else sets, mirrored=bool(arguments.get("mirrored")))
        more.append(GestureWatch(asked, hands=hands))
    if arguments.get("reps"):
        from poise.reps import RepWatch

        more.append(RepWatch(arguments["reps"]))
    return detectors(
        zones=[Path(one) for one in arguments.get("zone") or ()],
        falls=bool(arguments.get("falls")),
        posture=bool(arguments.get("posture")),
        more=more,
    )
