"""The arguments of a validation, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from poise.errors import suggest
from poise.results.arguments import check_common, refuse_unknown, take_harmless
from poise.results.arrays import longer_side, plain
from poise.validation._detection import Watch
from poise.validation._validate import PROTOCOLS

# Arguments that users of this field pass and that mean nothing here: accepted at the values that change nothing.
_HARMLESS: Mapping[str, tuple[Any, ...]] = {
    "half": (False, None),
    "int8": (False, None),
    "rect": (True,),
    "dnn": (False,),
    "augment": (False,),
    "agnostic_nms": (False,),
    "single_cls": (False,),
    "save_txt": (False,),
    "save_hybrid": (False,),
    "save_conf": (False,),
    "mode": ("val", None),
    "task": ("pose", None),
}
# The same, whatever their value: they say how the work is done, not what comes out.
_IGNORED = ("workers", "verbose")


@dataclass(frozen=True, slots=True, kw_only=True)
class ValSettings:
    """Every argument of :meth:`Pose.val`.

    Attributes:
        data: A data set's YAML file, the name of one that comes with Poise, or a COCO keypoint ``.json`` file.
        split: ``"train"``, ``"val"`` or ``"test"``.
        images: Folder of the pictures, where they are not where the files say.
        min_conf: Of labels that are saved predictions: a keypoint counts as labelled above this confidence.
        protocol: ``"yolo"``: the original package's, as its users know the numbers; ``"coco"``: COCO's.
        imgsz: Longer side of the network's input, pixels; None: the model's own.
        batch: Pictures a run.
        conf: Drop finds below this confidence.
        iou: Of two finds whose boxes overlap more than this, the better stays.
        max_det: Most finds a picture.
        plots: Write curves, the reliability of confidences, and labels beside finds, as pictures.
        save_json: Write the finds as a COCO results file, ``predictions.json``.
        project: Folder of the runs, where something is written.
        name: Name of the run; a number is added when it exists.
        exist_ok: Write into an existing run's folder.
        device: Where to run; None: where the model was opened.
        watch: Wraps the batches, for a progress bar.
        on_saved: Called with the run's folder, where ``plots`` or ``save_json`` write one.
    """

    data: str | Path
    split: str = "val"
    images: Path | None = None
    min_conf: float = 0.0
    protocol: str = "yolo"
    imgsz: int | None = None
    batch: int = 16
    conf: float = 0.001
    iou: float = 0.7
    max_det: int = 300
    plots: bool = False
    save_json: bool = False
    project: str | Path | None = None
    name: str | None = None
    exist_ok: bool = False
    device: str | None = None
    watch: Watch | None = None
    on_saved: Callable[[Path], None] | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, plain(getattr(self, field.name)))
        check_common(self, counts=("max_det", "batch"), optional=False)
        if self.protocol not in PROTOCOLS:
            raise ValueError(f"no protocol named {self.protocol!r}{suggest(self.protocol, PROTOCOLS)}")

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> ValSettings:
        """Check the keyword arguments of a call.

        Raises:
            TypeError: An argument that is not known, with the nearest one that is.
            ValueError: A value that cannot be.
        """
        known = {f.name for f in fields(cls)}
        given = {name: value for name, value in arguments.items() if name not in _IGNORED}
        take_harmless(given, _HARMLESS, "in validation")
        if "nms" in given and given.pop("nms") is not None:
            raise ValueError("nms chooses YOLO26's head in the original; here: Pose(model, end2end=True).val(…)")
        refuse_unknown(given, known, "val")
        if given.get("data") is None:
            raise ValueError("val() needs data: a data set's YAML file or a COCO keypoint .json file")
        given["imgsz"] = longer_side(given.get("imgsz"))
        return cls(**given)
