"""The class that users meet: load a model, then predict on anything."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, overload

from poise.errors import ModelError, require
from poise.estimators import Estimator
from poise.estimators.assembly import Asked, build_own, build_registered
from poise.estimators.calibration import Calibrated, read_calibration
from poise.model.compatibility import Compatibility
from poise.model.opening import (
    CHECKPOINTS,
    bundled,
    device_name,
    open_file,
    quickened,
    untrained,
    weight_files,
)
from poise.model.prediction import predict
from poise.model.series import Series, SeriesStore
from poise.model.settings import Settings
from poise.results import Results
from poise.runtime import Session, open_session
from poise.skeletons import Skeleton
from poise.weights import Card, find, network, prepare, provide

if TYPE_CHECKING:
    from poise.evaluation import PoseMetrics
    from poise.info import Info

_log = logging.getLogger("poise")


class Pose(Compatibility):
    """A model that finds keypoints. The same class is also named ``YOLO``.

    Args:
        model: Name of a bundled model (``poise models`` lists them), of one of the zoo (``poise models --zoo``) or of a
            file that its maker publishes, such as ``"rtmpose-m"`` or ``"yolo26n-pose.pt"``, which is fetched once with
            its licence logged; or the path of a network file (``.onnx``, ``.pt``, ``.safetensors``, OpenVINO ``.xml``
            or its folder).
        task: Accepted for the field's habit; only ``"pose"`` exists.
        runtime: ``"auto"`` (the fastest that is installed: onnxruntime, or for a checkpoint OpenVINO where a lower
            precision is allowed), ``"onnxruntime"``, ``"openvino"``, or for a checkpoint ``"torch"``.
            ``result.speed.engine`` says which ran.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"`` … A device that is not there is an error.
        threads: CPU threads a network uses; None: the cores that this process may use.
        precision: ``"f32"``, or ``"auto"`` to allow the engine a faster one (bf16 in OpenVINO).
        verbose: Accepted for the field's habit.
        end2end: For a YOLO26 checkpoint: the one-to-one head without suppression (True), or the one-to-many head with
            it (False, and the default).
        calibration: A file that ``poise val --calibrate FILE`` wrote, which mends the confidences and standard
            deviations of keypoints.
        detector: For a network that looks at one instance a crop (RTMPose, HRNet, ViTPose, TinyPose …): what finds the
            instances. The name of a model, whose boxes are taken (``"body"``), or of a detector, a detector's ``.onnx``
            file, a table with ``file`` and the fields of ``spec`` that are known of it, or None: the bundled NanoDet.
        skeleton: For a network file: what its keypoints are. A name from ``poise.skeletons``, a ``.toml`` or ``.yaml``
            file, or a :class:`Skeleton`; None: what the file says, else as their number suggests.
        spec: For such a network: what is known of it better than the file shows, such as
            ``{"mean": (0, 0, 0), "colour": "bgr"}``; see docs/own-networks.md.

    One object serves many threads, and can be pickled for other processes, where its networks are opened anew from the
    same files. Between calls it keeps the tracks of ``track(persist=True)``, and for each thread
    the number and time of frames that are passed one by one; :meth:`reset` forgets both.

    Raises:
        ModelError: The model is not known, or its file, engine or device cannot be used.

    Example:
        >>> model = Pose("body-fast")
        >>> model.names
        {0: 'person'}
    """

    trainer: Any  # the last training, as users of this field ask for it

    def __init__(
        self,
        model: str | Path = "body",
        task: str | None = None,
        verbose: bool = False,
        *,
        runtime: str = "auto",
        device: str | int | None = None,
        threads: int | None = None,
        precision: str = "f32",
        end2end: bool | None = None,
        calibration: str | Path | None = None,
        detector: str | Path | Mapping[str, Any] | None = None,
        skeleton: str | Path | Skeleton | None = None,
        spec: Mapping[str, Any] | None = None,
    ) -> None:
        del verbose
        if task not in (None, "pose"):
            raise ValueError(f"task must be 'pose', got {task!r}")
        self.runtime = runtime
        self.device = device_name(device)
        self.threads = threads
        self.precision = precision
        self.end2end = end2end
        # One of the three: a registered model's card, the path of a network file, or a network that is to be trained.
        self.untrained: str | None = untrained(model)
        self.card: Card | None = None if self.untrained else bundled(model)
        self.path: Path | None = None if self.untrained or self.card else find(model, notice=_log.warning)
        if self.card is not None:
            prepare(self.card, notice=_log.warning)
        self._asked = Asked(detector=detector, skeleton=skeleton, spec=spec)
        self.calibration = None if calibration is None else read_calibration(calibration)
        self._begin()
        if not self.untrained:
            self._estimator(self.device)

    def __repr__(self) -> str:
        return f"Pose({self.name!r}, device={self.device!r}, runtime={self.runtime!r})"

    @property
    def name(self) -> str:
        """The registered model's name, the path of the network file, or the name of a network without weights."""
        return self.card.name if self.card else self.untrained or str(self.path)

    @property
    def names(self) -> dict[int, str]:
        """Class number to class name."""
        return dict(self._estimator(self.device).names)

    @property
    def skeleton(self) -> Skeleton:
        """What the keypoints are."""
        return self._estimator(self.device).skeleton

    @property
    def task(self) -> str:
        """Always ``"pose"``."""
        return "pose"

    @property
    def estimator(self) -> Estimator:
        """What runs the networks, for code that has frames of its own."""
        return self._estimator(self.device)

    def to(self, device: str) -> Self:
        """Run on another device from now on.

        Raises:
            ModelError: The device is not there.
        """
        wanted = device_name(device)
        self._estimator(wanted)
        self.device = wanted
        return self

    def close(self) -> None:
        """Free the networks, and finish the run in which frames passed one by one were saved."""
        self.reset()
        with self._lock:
            for session in self._sessions.values():
                session.close()
            self._sessions.clear()
            self._estimators.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def export(self, **arguments: Any) -> Path:
        """Write the network as a file for another engine, and prove that it finds the same.

        Args:
            **arguments: Those of :func:`poise.export.export_certified`, such as ``format="onnx"``, ``imgsz=640``,
                ``precision="int8"``, ``data="tiger-pose.yaml"``.

        Returns:
            The file, or OpenVINO's folder; the certificate lies beside it.

        Raises:
            ModelError: The model is not a checkpoint, or the exported file differs by more than its precision allows.
            MissingExtra: What the format needs is not installed: openvino, torch for ``torchscript``, onnx for int8.
        """
        self._require_weights()
        if self.path is None or self.path.suffix.lower() not in CHECKPOINTS:
            there = f"; {self.path} is exported already" if self.path else "; its networks are ONNX files already"
            raise ModelError(f"{self.name}: export() needs a checkpoint ({', '.join(CHECKPOINTS)}){there}")
        from poise.export import export

        return export(self.path, **({"end2end": self.end2end} | arguments))

    def val(self, data: str | Path | None = None, **arguments: Any) -> PoseMetrics:
        """Score the model on labelled pictures.

        Args:
            data: A data YAML, a bundled one's name, or a COCO ``.json`` file; None: what the checkpoint was trained on.
            **arguments: Every field of :class:`~poise.validation.ValSettings`, such as ``split``, ``imgsz``,
                ``protocol``, ``plots``.

        Returns:
            The scores, by the names that users of this field know: ``metrics.pose.map``, ``metrics.box.map50`` …

        Raises:
            FormatError: The data has no labels that can be used.
            ModelError: The model finds other keypoints or classes than the data labels, or records no data.
            TypeError, ValueError: A wrong argument, with the nearest known one.
        """
        from poise.model.training_data import trained_on  # brings the data sets' readers, which predictions do not need
        from poise.validation import ValSettings, validate_as

        self._require_weights()
        settings = ValSettings.of({"data": data or (self.path and trained_on(self.path)), **arguments})
        device = self.device if settings.device is None else device_name(settings.device)
        return validate_as(self._estimator(device), settings, facts=self._facts(device))

    def info(self) -> Info | list[Info]:
        """Say what the network file is: layers, parameters, operations, classes, skeleton, licence, origin.

        Returns:
            What :func:`poise.info.info` says; of a registered model, one for each of its networks.

        Raises:
            ModelError: The network has no weights yet.
        """
        from poise.info import info

        self._require_weights()
        if self.card is None:
            assert self.path is not None
            return info(self.path)
        return [info(network(name).path) for name in self.card.networks]

    def train(self, *, data: str | Path | None = None, cfg: str | Path | None = None, **settings: Any) -> Any:
        """Train the network on labelled pictures; afterwards this object holds the best weights.

        Args:
            data: The data set: a YOLO-pose YAML file or a COCO keypoint JSON file.
            cfg: A TOML or YAML file with further settings.
            **settings: Every field of :class:`poise.training.TrainSettings`, such as ``epochs``, ``imgsz``, ``batch``.

        Returns:
            The :class:`~poise.evaluation.PoseMetrics` of the best weights; None where nothing could be measured.

        Raises:
            PoiseError: The data or the network cannot be used, the loss was no number, or the disk is full.
            TypeError, ValueError: A wrong setting, with the nearest known one.
            KeyboardInterrupt: The user stopped it; the message says how to go on.
            MissingExtra: torch is not installed.
        """
        require("torch", extra="train", feature="training")
        from poise.training.callbacks import Callbacks
        from poise.training.loop import train
        from poise.training.run import settings_of

        if self.card is not None:
            raise ModelError(f"{self.name}: its ONNX networks cannot be trained; start from Pose('yolo26n-pose')")
        given = dict(settings) if data is None else {"data": data, **settings}
        if given.get("resume") is True and self.path is not None and self.path.name == "last.pt":
            given["resume"] = self.path
        given.setdefault("model", self.name)
        self.trainer = train(settings_of(given, cfg=cfg), callbacks=Callbacks(self._callbacks))
        self.close()
        self.untrained, self.path = None, self.trainer.best
        return self.trainer.results

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what belongs to this process: networks, tracks, the runs of frames, the last training."""
        left = ("_lock", "_sessions", "_estimators", "_series_store", "_callbacks", "trainer")
        return {name: value for name, value in self.__dict__.items() if name not in left}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

    def _begin(self) -> None:
        """Begin without networks, which are opened when they are first needed."""
        self.trainer = None
        self._callbacks = {}
        self._lock = threading.RLock()
        self._sessions: dict[tuple[str, str], Session] = {}
        self._estimators: dict[str, Estimator] = {}
        self._series_store = SeriesStore()

    def _require_weights(self) -> None:
        if self.untrained:
            raise ModelError(
                f"{self.untrained}: has no weights yet; train it, or load published ones: "
                f"{self.untrained.removesuffix('.yaml')}.pt"
            )

    def _estimator(self, device: str) -> Estimator:
        self._require_weights()
        with self._lock:
            if device not in self._estimators:
                made = self._made(device)
                if self.calibration is not None:
                    made = Calibrated(made, self.calibration)
                self._estimators[device] = made
            return self._estimators[device]

    def _made(self, device: str) -> Estimator:
        """Make the estimator of a model of the registry, or of a network file."""
        ways: Any = {
            "asked": self._asked,
            "open_network": lambda name: self._session(name, device),
            "open_file": lambda path: self._session("", device, path),
        }
        if self.card is not None:
            return build_registered(self.card, **ways)
        return build_own(self._session("", device), name=self.name, path=self.path, **ways)

    def _session(self, name: str, device: str, path: Path | None = None) -> Session:
        """Open one of the model's networks, once; a network that no picture needs is never opened.

        Args:
            name: In the registry; empty: a file.
            device: Where it runs.
            path: The file; None: the model's own.
        """
        with self._lock:
            key = (name or str(path or ""), device)
            if key not in self._sessions:
                ways: Any = {
                    "runtime": self.runtime,
                    "device": device,
                    "threads": self.threads,
                    "precision": self.precision,
                }
                file = path or self.path
                if name:
                    opened = open_session(quickened(provide(name, notice=_log.warning)), name=name, **ways)
                else:
                    assert file is not None
                    opened = open_file(file, end2end=self.end2end, **ways)
                self._sessions[key] = opened
            return self._sessions[key]

    @overload
    def __call__(self, source: Any = None, stream: Literal[False] = False, **arguments: Any) -> list[Results]: ...
    @overload
    def __call__(self, source: Any, stream: Literal[True], **arguments: Any) -> Generator[Results]: ...
    def __call__(
        self, source: Any = None, stream: bool = False, **arguments: Any
    ) -> list[Results] | Generator[Results]:
        """Same as :meth:`predict`."""
        return self.predict(source, stream, **arguments)  # type: ignore[call-overload,no-any-return]

    @overload
    def predict(self, source: Any = None, stream: Literal[False] = False, **arguments: Any) -> list[Results]: ...
    @overload
    def predict(self, source: Any, stream: Literal[True], **arguments: Any) -> Generator[Results]: ...
    def predict(self, source: Any = None, stream: bool = False, **arguments: Any) -> list[Results] | Generator[Results]:
        """Find keypoints in pictures and video.

        Args:
            source: File, folder, glob, list, text file of paths, video, camera number, ``rtsp://`` or ``http://``
                address, ``"-"`` (standard input), ``(H, W, 3)`` uint8 BGR array, PIL image,
                :class:`poise.frames.Frame`, bytes, or a list or iterator of those.
            stream: Return a generator, so that a long video needs no memory; breaking out of it closes the source.
            **arguments: Every field of :class:`Settings`, such as ``conf``, ``imgsz``, ``save``.

        Returns:
            One :class:`~poise.results.Results` a frame.

        Raises:
            SourceError: The source cannot be read. One unreadable file among several is logged and left out.
            TypeError, ValueError: A wrong argument, with the nearest known one.
        """
        settings = Settings.of({"stream": stream, **arguments})
        return self._start(source, settings, self._series_store.predicted(source, settings))

    @overload
    def track(
        self, source: Any = None, stream: Literal[False] = False, persist: bool = False, **arguments: Any
    ) -> list[Results]: ...
    @overload
    def track(
        self, source: Any, stream: Literal[True], persist: bool = False, **arguments: Any
    ) -> Generator[Results]: ...
    def track(
        self, source: Any = None, stream: bool = False, persist: bool = False, **arguments: Any
    ) -> list[Results] | Generator[Results]:
        """Find keypoints in video, and say who is who: ``boxes.id``.

        Args:
            source: As for :meth:`predict`. Each video has its own ids, from 1; several pictures are taken for the
                frames of one scene.
            stream: Return a generator, so that a long video needs no memory.
            persist: Continue the tracks of the last call: for frames passed one by one. Without it, for frames of
                another size, and for times that go back the ids begin anew, as after :meth:`reset`. Two streams at the
                same time need two models, or a :class:`poise.tracking.Tracker` each.
            **arguments: Every field of :class:`Settings`; ``tracker="bytetrack.yaml"`` chooses how. ``conf`` is 0.1
                unless given, because an unlikely instance can continue a track.

        Returns:
            One :class:`~poise.results.Results` a frame, with the instances that belong to a track.

        Raises:
            FormatError: The tracker's file is wrong, with the line.
            SourceError, TypeError, ValueError: As for :meth:`predict`.
        """
        given = {"stream": stream, "persist": persist, "conf": 0.1, **arguments}
        settings = Settings.of({**given, "name": given.get("name") or "track"}, call="track")
        return self._start(source, settings, self._series_store.tracked(source, settings))

    def reset(self) -> None:
        """Begin anew: the next frame that is passed is the first of another source, and ids start at 1."""
        self._series_store.reset()

    def _start(self, source: Any, settings: Settings, series: Series) -> list[Results] | Generator[Results]:
        if source is None:
            raise ValueError(
                f"{'predict' if series.tracker is None else 'track'}() needs a source: a path, folder, glob, address, "
                "camera number, array or PIL image"
            )
        running = self._run(source, settings, series)
        return running if settings.stream else list(running)

    def _run(self, source: Any, settings: Settings, series: Series) -> Generator[Results]:
        device = self.device if settings.device is None else device_name(settings.device)
        estimator = self._estimator(device)
        if settings.boxes is not None and not getattr(estimator, "takes_boxes", False):
            raise ValueError(
                f"boxes= needs a model that looks at one instance a crop, such as 'body'; {self.name} finds its own"
            )
        yield from predict(source, settings, estimator, series=series, facts=lambda: self._facts(device))

    def _facts(self, device: str) -> dict[str, Any]:
        """Return what a manifest says of this model."""
        return {
            "model": self.name,
            "runtime": self.runtime,
            "device": device,
            "precision": self.precision,
            "weights": weight_files(self.card, self.path, self.name),
        }


# The name that users of this field write.
YOLO = Pose
