"""The settings of a training, checked. No torch here."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from poise.errors import FormatError, suggest
from poise.skeletons.tomlfile import read_toml
from poise.skeletons.yamlfile import yaml_table

_log = logging.getLogger(__name__)

# What users of this field pass and what means nothing for keypoints: accepted at the values that change nothing.
_HARMLESS: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {
        "task": ("pose", None),
        "mode": ("train", None),
        "split": ("val", None),
        "save": (True,),
        "compile": (False,),
        "profile": (False,),
        "dropout": (0, 0.0, None),
        "overlap_mask": (True, False),
        "mask_ratio": (1, 4),
        "copy_paste": (0, 0.0),
        "copy_paste_mode": ("flip", "mixup"),
        "auto_augment": ("randaugment", "autoaugment", "augmix", None),
        "erasing": (0, 0.0, 0.4),
        "conf": (None, 0.001),
        "half": (False, None),
        "dnn": (False,),
        "cls_pw": (0, 0.0),
        "save_json": (False,),
        "simplify": (True, False),
    }
)

# What may change between a training and its continuation without making it another one.
_CHANGEABLE = frozenset(
    {"device", "workers", "cache", "patience", "time", "save_period", "val", "plots", "verbose", "project", "name"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """Every setting of :meth:`Pose.train`.

    Attributes:
        data: The data set: a YOLO-pose YAML file, the name of one that comes with Poise, or a COCO keypoint JSON file.
        images: Folder of the pictures, where they are not where the data set's files say.
        min_conf: Of labels that are saved predictions: a keypoint counts as labelled above this confidence.
        model: A network to start from: a checkpoint, or a name such as yolo26n-pose for random weights.
        pretrained: Also take weights from this checkpoint; False starts a checkpoint's network from random weights.
        recipe: What is done where no setting says it: best, or reference, the published settings of this field.
        epochs: Times that every picture is seen.
        time: Hours to train; the epochs follow from it.
        patience: Stop after so many epochs without a better fitness; 0 never stops early.
        batch: Pictures of a batch; -1 finds what fits a GPU's memory.
        imgsz: Side of the network's square input, pixels; a multiple of 32.
        device: cpu, 0, cuda:1, or 0,1 for several GPUs under torchrun; by default the first GPU, else the CPU.
        workers: Processes that read pictures; by default one on a CPU, more beside a GPU.
        cache: Keep decoded pictures: ram, or disk.
        fraction: Use only this share of the train pictures.
        rect: Batches of pictures of one shape, without mosaic.
        single_cls: Treat all classes as one.
        project: Folder of the runs.
        name: Name of the run; a number is added when it exists.
        exist_ok: Write into an existing run's folder.
        resume: Continue a training: the path of its last.pt, or True for the newest run.
        save_period: Keep a checkpoint every so many epochs; -1 keeps none beside last.pt and best.pt.
        val: Validate after every epoch.
        plots: Draw curves, batches and predictions.
        verbose: Show the progress on standard error.
        seed: Of all that is random.
        deterministic: Prefer algorithms that give the same result every time.
        amp: Half precision on a GPU (bfloat16, or float16 with scaled gradients); bf16 asks for it on a CPU too.
        optimizer: auto, AdamW, Adam, SGD or MuSGD.
        lr0: Learning rate after warm-up; auto chooses its own.
        lrf: Learning rate at the end, as a share of the first.
        cos_lr: Lower the learning rate along a cosine instead of evenly.
        momentum: Momentum of SGD, first beta of Adam; auto chooses its own.
        weight_decay: Of weights that are neither bias nor normalisation, for steps of nbs pictures.
        warmup_epochs: Epochs in which the learning rate rises.
        warmup_momentum: Momentum where warm-up starts.
        warmup_bias_lr: Learning rate of biases where warm-up starts.
        nbs: Pictures of one step of the optimiser; smaller batches add their gradients up.
        freeze: Layers that do not learn: the first n, a list of numbers or of names, or backbone.
        head_only: Train only the head, on features of the frozen layers that are computed once: fast on a CPU.
        variants: With head_only, augmented variants of each picture whose features are kept.
        close_mosaic: Epochs at the end without mosaic.
        box: Gain of the boxes' loss.
        cls: Gain of the classes' loss.
        dfl: Gain of the loss of the boxes' sides.
        pose: Gain of the keypoints' loss.
        kobj: Gain of the loss of the keypoints' conf.
        rle: Gain of the likelihood of the keypoints' errors (YOLO26).
        hsv_h: Change of hue, at most, as a share of the circle.
        hsv_s: Change of saturation, at most, as a share.
        hsv_v: Change of brightness, at most, as a share.
        degrees: Rotation, at most, degrees.
        translate: Shift, at most, as a share of imgsz.
        scale: Change of size, at most, as a share.
        shear: Shear, at most, degrees.
        perspective: Strength of perspective, at most; 0.001 is a lot.
        flipud: Probability of an upside-down picture.
        fliplr: Probability of a mirrored picture.
        flip_idx: Mirror map in place of the data set's, such as 0,2,1; as-given keeps one that the names contradict.
        flipud_idx: Mirror map of upside-down pictures, such as 3,2,1,0; by default flip_idx of the data set.
        bgr: Probability of exchanged red and blue.
        mosaic: Probability of a mosaic of four pictures.
        mixup: Probability of two pictures on top of each other.
        cutmix: Probability of a piece of another picture.
        blur: Probability of a slight blur.
        grey: Probability of a picture without colours.
        jpeg: Probability of the traces of a strong JPEG compression.
        multi_scale: Change of imgsz from batch to batch, at most, as a share.
        iou: In validation, of two instances more alike than this the better stays.
        max_det: In validation, most instances a picture.
        given: Names of the settings that the user gave; the recipe leaves them alone.
    """

    data: str | None = None
    images: str | None = None
    min_conf: float = 0.0
    model: str = "yolo26n-pose"
    pretrained: bool | str = True
    recipe: str = "best"
    epochs: int = 100
    time: float | None = None
    patience: int = 100
    batch: int = 16
    imgsz: int = 640
    device: str | None = None
    workers: int | None = None
    cache: bool | str = False
    fraction: float = 1.0
    rect: bool = False
    single_cls: bool = False
    project: str = "runs/pose"
    name: str = "train"
    exist_ok: bool = False
    resume: bool | str = False
    save_period: int = -1
    val: bool = True
    plots: bool = True
    verbose: bool = True
    seed: int = 0
    deterministic: bool = True
    amp: bool | str = True
    optimizer: str = "auto"
    lr0: float = 0.01
    lrf: float = 0.01
    cos_lr: bool = False
    momentum: float = 0.937
    weight_decay: float = 0.0005
    warmup_epochs: float = 3.0
    warmup_momentum: float = 0.8
    warmup_bias_lr: float = 0.1
    nbs: int = 64
    freeze: int | str | tuple[int | str, ...] | None = None
    head_only: bool = False
    variants: int = 4
    close_mosaic: int = 10
    box: float = 7.5
    cls: float = 0.5
    dfl: float = 1.5
    pose: float = 12.0
    kobj: float = 1.0
    rle: float = 1.0
    hsv_h: float = 0.015
    hsv_s: float = 0.7
    hsv_v: float = 0.4
    degrees: float = 0.0
    translate: float = 0.1
    scale: float = 0.5
    shear: float = 0.0
    perspective: float = 0.0
    flipud: float = 0.0
    fliplr: float = 0.5
    flip_idx: tuple[int, ...] | str | None = None
    flipud_idx: tuple[int, ...] | None = None
    bgr: float = 0.0
    mosaic: float = 1.0
    mixup: float = 0.0
    cutmix: float = 0.0
    blur: float = 0.0
    grey: float = 0.0
    jpeg: float = 0.0
    multi_scale: float = 0.0
    iou: float = 0.7
    max_det: int = 300
    given: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

    def __post_init__(self) -> None:
        _check(self)

    @classmethod
    def of(cls, arguments: Mapping[str, Any], *, cfg: str | Path | None = None) -> TrainSettings:
        """Check the settings of a call; those that are given directly win over those of a file.

        Args:
            arguments: Name to value.
            cfg: A TOML or YAML file with further settings.

        Raises:
            TypeError: A name that is not known, with the nearest one that is, or a value of another type.
            ValueError: A value that cannot be.
            FormatError: The file is not readable.
        """
        known = {f.name for f in fields(cls)} - {"given"}
        written = read_settings(cfg) if cfg is not None else {}
        if _is_foreign(written):
            written, unused = _from_foreign(written, known)
            _log.warning("%s: not used, as they mean nothing in a training here: %s", cfg, ", ".join(unused) or "none")
        table = {**written, **arguments}
        given: dict[str, Any] = {}
        for name, value in table.items():
            if name in _HARMLESS:
                if value not in _HARMLESS[name]:
                    raise ValueError(f"{name}={value!r} is not supported for keypoints; leave it out")
            elif name not in known:
                where = f"{cfg}: " if cfg is not None and name not in arguments else "train() "
                raise TypeError(f"{where}has no setting {name!r}{suggest(name, known)}")
            else:
                given[name] = _normalised(name, value)
        return cls(**given, given=frozenset(given))

    def continued(self, changed: Mapping[str, Any]) -> TrainSettings:
        """Return the settings with which a training goes on.

        Raises:
            ValueError: A change that would make it another training.
        """
        table = self.table()
        for name, value in changed.items():
            if name in _HARMLESS or name in ("resume", "model") or table.get(name) == value:
                continue
            if name not in table:
                raise TypeError(f"train() has no setting {name!r}{suggest(name, table)}")
            if name not in _CHANGEABLE:
                raise ValueError(
                    f"{name}={value!r}: this training was started with {name}={table[name]!r}, and goes on with it; "
                    f"what may change: {', '.join(sorted(_CHANGEABLE - {'project', 'name'}))}"
                )
            table[name] = value
        return TrainSettings.of(table)

    def table(self) -> dict[str, Any]:
        """Return all settings as plain values, as ``args.yaml`` and checkpoints hold them."""
        return {n: list(v) if isinstance(v, tuple) else v for n, v in asdict(self).items() if n != "given"}


def read_settings(path: str | Path) -> dict[str, Any]:
    """Read settings from a ``.toml``, ``.yaml`` or ``.yml`` file.

    Raises:
        FormatError: It is not there or not readable.
    """
    path = Path(path)
    if path.suffix == ".toml":
        return read_toml(path).table
    if path.suffix in (".yaml", ".yml"):
        return yaml_table(path, feature="reading settings from YAML")
    raise FormatError(f"{path}: settings are read from .toml, .yaml or .yml files")


def _is_foreign(table: Mapping[str, Any]) -> bool:
    """Return whether settings are the ``args.yaml`` of the field's original: every mode's settings in one file."""
    return "mode" in table and "task" in table and len(set(table) - set(_HARMLESS)) > len(_HARMLESS)


def _from_foreign(table: Mapping[str, Any], known: Collection[str]) -> tuple[dict[str, Any], list[str]]:
    """Return of another package's settings those that are known here, and the names of the others.

    A GPU's number belongs to the machine that the file is from; without one the first GPU is taken, else the CPU.
    """
    taken: dict[str, Any] = {}
    unused = []
    for name, value in table.items():
        if name in _HARMLESS and value in _HARMLESS[name]:
            continue
        if (
            name in _HARMLESS
            or name not in known
            or (name == "device" and str(value) not in ("cpu", "mps", "None"))
            or (name == "resume" and value)
            or (name == "batch" and isinstance(value, float) and not value.is_integer())
        ):
            unused.append(name)
        elif name == "imgsz" and isinstance(value, int) and not isinstance(value, bool):
            taken[name] = -(-value // 32) * 32  # which the original does too
        elif value is None and name not in ("time", "device", "freeze", "data", "workers"):
            continue  # its own default
        else:
            taken[name] = float(value) if name == "multi_scale" and isinstance(value, bool) else value
    return taken, unused


_TEXTS = frozenset({"data", "images", "model", "device", "project", "name"})

_INTEGERS = ("epochs", "patience", "batch", "imgsz", "workers", "save_period", "seed", "nbs", "close_mosaic", "max_det")


def _normalised(name: str, value: Any) -> Any:
    """Take the forms that users write (paths, lists, numbers as text from a command line) as the one that is kept."""
    if name in _TEXTS and value is not None:
        if isinstance(value, list | tuple):
            return ",".join(str(part) for part in value)
        return str(value)
    if name in ("pretrained", "resume", "cache", "freeze", "amp") and isinstance(value, str | Path):
        words = {"true": True, "false": False, "none": None}
        text = str(value).strip()
        if text.lower() in words:
            return words[text.lower()]
        if name == "freeze":
            parts = tuple(int(p) if p.strip().isdigit() else p.strip() for p in text.strip("[]").split(","))
            return parts[0] if len(parts) == 1 else parts
        return text
    if name == "flip_idx" and value == "as-given":
        return value
    if name in ("flip_idx", "flipud_idx") and isinstance(value, str):
        indices = [part.strip() for part in value.strip("[]() ").split(",") if part.strip()]
        if not all(index.isdecimal() for index in indices):
            also = " or as-given" if name == "flip_idx" else ""
            raise ValueError(f"{name} must be numbers such as 3,2,1,0{also}, got {value!r}")
        return tuple(map(int, indices))
    if name in ("freeze", "flip_idx", "flipud_idx") and isinstance(value, list):
        return tuple(value)
    if name == "imgsz" and isinstance(value, list | tuple):
        return max(int(v) for v in value)
    if name in _INTEGERS and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _check(settings: TrainSettings) -> None:
    for setting in fields(settings):
        value = getattr(settings, setting.name)
        kind = str(setting.type)
        if kind == "bool" and not isinstance(value, bool):
            raise TypeError(f"{setting.name} must be True or False, got {value!r}")
        if kind.startswith("int") and "tuple" not in kind and value is not None and type(value) is not int:
            raise TypeError(f"{setting.name} must be a whole number, got {value!r}")
        if kind.startswith("float") and value is not None and (isinstance(value, bool) or not _is_finite_number(value)):
            raise TypeError(f"{setting.name} must be a number, got {value!r}")
    for name in ("epochs", "nbs", "max_det", "variants"):
        if getattr(settings, name) < 1:
            raise ValueError(f"{name} must be 1 or more, got {getattr(settings, name)}")
    if settings.recipe not in ("best", "reference"):
        raise ValueError(f"recipe must be 'best' or 'reference', got {settings.recipe!r}")
    if settings.batch < 1 and settings.batch != -1:
        raise ValueError(f"batch must be 1 or more, or -1 to find what fits, got {settings.batch}")
    if settings.imgsz % 32 or not 32 <= settings.imgsz <= 4096:
        raise ValueError(f"imgsz must be a multiple of 32 from 32 to 4096 pixels, got {settings.imgsz}")
    if settings.time is not None and not settings.time > 0:
        raise ValueError(f"time must be hours above 0, got {settings.time}")
    if not 0 < settings.fraction <= 1:
        raise ValueError(f"fraction must be above 0 and at most 1, got {settings.fraction}")
    if settings.amp not in (True, False, "bf16"):
        raise ValueError(f"amp must be True, False or 'bf16', got {settings.amp!r}")
    if settings.head_only and settings.freeze not in (None, "backbone"):
        raise ValueError(f"head_only freezes all layers before the head; leave freeze={settings.freeze!r} out")
    if settings.cache not in (True, False, None, "ram", "disk"):
        raise ValueError(f"cache must be 'ram', 'disk' or False, got {settings.cache!r}")
    if not 0 <= settings.iou <= 1:
        raise ValueError(f"iou must be from 0 to 1, got {settings.iou}")
    check_ranges(asdict(settings))
    gains = ("box", "cls", "dfl", "pose", "kobj", "rle", "lr0", "lrf", "weight_decay", "warmup_epochs")
    for name in (*gains, "warmup_bias_lr", "patience", "close_mosaic"):
        if getattr(settings, name) < 0:
            raise ValueError(f"{name} must not be negative, got {getattr(settings, name)}")


def _is_finite_number(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) < float("inf")


# Largest value of each setting; probabilities and shares end at 1. What lies beyond makes pictures of nothing: a
# perspective of 0.01 a pixel already puts the horizon into the picture, a scale of 1 shrinks it to a point.
LIMITS: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys(("hsv_h", "hsv_s", "hsv_v", "translate", "flipud", "fliplr", "bgr", "mosaic", "mixup"), 1.0),
        **dict.fromkeys(("cutmix", "blur", "grey", "jpeg", "erasing"), 1.0),
        "degrees": 180.0,
        "scale": 0.99,
        "shear": 89.0,
        "perspective": 0.01,
        "multi_scale": 0.9,
    }
)


def check_ranges(values: Mapping[str, Any]) -> None:
    """Check the settings of augmentation among others.

    Raises:
        ValueError: One is no number from 0 to its limit, or a mirror map is none.
    """
    for name, limit in LIMITS.items():
        value = values.get(name, 0.0)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= limit:
            raise ValueError(f"{name} must be a number from 0 to {limit:g}, got {value!r}")
    order = values.get("flipud_idx")
    if order is not None and (not len(order) or sorted(order) != list(range(len(order)))):
        raise ValueError(f"flipud_idx must hold each index from 0 to {max(len(order), 1) - 1} once, got {list(order)}")
