"""The proof that an exported network finds what the original finds: both run over the same pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.estimators import Estimate, Options
from poise.estimators.postprocess import MAX_CANDIDATES
from poise.estimators.yolo import Yolo
from poise.evaluation import Expected
from poise.export._average import average_precision
from poise.export._bounds import BOUNDS, Bounds
from poise.export._pairs import agree, match, without_swaps
from poise.export._pictures import Pictures

__all__ = ["BOUNDS", "Bounds", "Certificate", "certify", "match"]

_CONF = 0.25
# What average precision is counted from. Source: the field's validation.
_CONF_AP = 0.001
_UNKNOWN = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What was compared, and how far apart the two were. Pixels are those of the pictures.

    What is not given was not compared.

    Attributes:
        file: The exported file.
        origin: The original network.
        format: Such as ``"onnx"``.
        precision: ``"fp32"``, ``"fp16"`` or ``"int8"``.
        imgsz: Height and width of the input.
        pictures: Number of pictures compared on.
        data: What they are.
        conf: Detections above this were compared.
        detections: How many the original found.
        lost: Of these, how many the export did not find.
        gained: How many only the export found.
        swapped: Where several rows describe an object equally well, how often the export kept another one of them.
        box_max: Largest error of a box corner.
        box_median: Median of the same.
        point_max: Largest distance of a keypoint.
        point_median: Median of the same.
        point_share_median: Median distance of a keypoint as a share of its box's diagonal.
        point_share_tail: The same that 95 in 100 keypoints stay below.
        conf_max: Largest error of a box's confidence.
        point_conf_max: Largest error of a keypoint's confidence; None where there is none.
        sigma_max: Largest error of a keypoint's standard deviation; None where there is none.
        ap_before: mAP50-95 of keypoints of the original; None without labels.
        ap_after: The same of the export.
        box_ap_before: mAP50-95 of boxes of the original.
        box_ap_after: The same of the export.
        ms_before: Median time of a run of the original, milliseconds a picture.
        ms_after: The same of the export, in ``engine``.
        engine: What ran the export.
        worst: The example that is furthest off.
        failures: Each bound that does not hold, in words; empty: passed.
        bounds: What was asked.
        against: What the original ran in; begins with "nothing" where it did not run, so that nothing was compared
            and differences are NaN.
    """

    file: str
    origin: str
    format: str
    precision: str
    imgsz: tuple[int, int]
    pictures: int
    data: str
    conf: float
    detections: int
    lost: int = 0
    gained: int = 0
    swapped: int = 0
    box_max: float = _UNKNOWN
    box_median: float = _UNKNOWN
    point_max: float = _UNKNOWN
    point_median: float = _UNKNOWN
    point_share_median: float = _UNKNOWN
    point_share_tail: float = _UNKNOWN
    conf_max: float = _UNKNOWN
    point_conf_max: float | None = None
    sigma_max: float | None = None
    ap_before: float | None = None
    ap_after: float | None = None
    box_ap_before: float | None = None
    box_ap_after: float | None = None
    ms_before: float = _UNKNOWN
    ms_after: float
    engine: str
    worst: str = ""
    failures: tuple[str, ...] = ()
    bounds: Bounds = field(repr=False)
    against: str = "torch"

    @property
    def passed(self) -> bool:
        """True where every bound that was looked at holds; see ``against`` for whether anything was."""
        return not self.failures

    def to_json(self) -> str:
        """Return all of it as JSON."""
        return json.dumps(asdict(self) | {"passed": self.passed}, indent=1, allow_nan=True)

    @classmethod
    def from_json(cls, text: str) -> Certificate:
        """Read what ``to_json`` wrote."""
        said: dict[str, Any] = json.loads(text)
        known = {f.name: said[f.name] for f in fields(cls) if f.name in said}
        return cls(
            **known
            | {
                "imgsz": tuple(said["imgsz"]),
                "failures": tuple(said["failures"]),
                "bounds": Bounds(**said["bounds"]),
            }
        )

    def table(self) -> str:
        """Return it as lines of text for a person."""

        def pair(a: float | None, b: float | None) -> str:
            return "no labels" if a is None or b is None else f"{a:.4f} before, {b:.4f} after ({b - a:+.4f})"

        compared = not self.against.startswith("nothing")
        lines = {
            "export": f"{self.file} ({self.format}, {self.precision}, {self.imgsz[0]} x {self.imgsz[1]})",
            "original": f"{self.origin}, in {self.against}" if compared else self.origin,
            "pictures": f"{self.pictures}: {self.data}",
        }
        found = f"{self.detections} above conf {self.conf:.3g}"
        if compared:
            swapped = f", {self.swapped} swapped for an equal row" if self.swapped else ""
            lines |= {
                "detections": f"{found}; {self.lost} lost, {self.gained} gained{swapped}",
                "box error": f"max {self.box_max:.4f} px, median {self.box_median:.4f} px",
                "point error": f"max {self.point_max:.4f} px, median {self.point_median:.4f} px "
                f"({self.point_share_median:.3%} of the box's diagonal; 95 in 100 below {self.point_share_tail:.3%})",
                "conf error": f"max {self.conf_max:.6f}",
            }
            if self.point_conf_max is not None:
                lines["point conf"] = f"max {self.point_conf_max:.6f}"
            if self.sigma_max is not None:
                lines["sigma error"] = f"max {self.sigma_max:.4f} px"
            lines |= {
                "AP, points": pair(self.ap_before, self.ap_after),
                "AP, boxes": pair(self.box_ap_before, self.box_ap_after),
                "time": f"{self.ms_before:.1f} ms the original, {self.ms_after:.1f} ms in {self.engine}",
                "worst": self.worst or "none",
                "verdict": "passed" if self.passed else "FAILED: " + "; ".join(self.failures),
            }
        else:
            lines |= {
                "detections": found,
                "time": f"{self.ms_after:.1f} ms in {self.engine}",
                "verdict": f"written, but compared with {self.against}",
            }
        width = max(map(len, lines))
        return "\n".join(f"{name:<{width}}  {text}" for name, text in lines.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of an export before it runs.

    Attributes:
        file: Name of the exported file.
        origin: Name of the original.
        format: Of the export.
        precision: Of the export.
        engine: What runs the export.
        against: What runs the original.
        bounds: How far apart they may be; None: those of the precision.
        floor: Confidence below which the export gives nothing (suppression inside the graph).
    """

    file: str
    origin: str
    format: str
    precision: str
    engine: str
    against: str = "torch"
    bounds: Bounds | None = None
    floor: float = 0.0

    def certificate(
        self, exported: Yolo, pictures: Pictures, found: Sequence[Estimate], **compared: Any
    ) -> Certificate:
        """Return the certificate of what an export found, with what came of a comparison."""
        said = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("bounds", "floor")}
        return Certificate(
            **said,
            bounds=self.bounds or BOUNDS[self.precision],
            imgsz=(exported.imgsz[1], exported.imgsz[0]),
            pictures=len(found),
            data=pictures.origin,
            ms_after=_median([one.speed["inference"] for one in found]),
            **compared,
        )


@dataclass(slots=True)
class _Tally:
    """What piles up over the pictures."""

    lost: int = 0
    gained: int = 0
    swapped: int = 0
    count: int = 0
    boxes: list[float] = field(default_factory=list)
    points: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    confs: list[float] = field(default_factory=list)
    point_confs: list[float] = field(default_factory=list)
    sigmas: list[float] = field(default_factory=list)
    worst: tuple[float, str] = (-1.0, "")


def certify(
    original: Yolo,
    exported: Yolo,
    pictures: Pictures,
    facts: Facts,
    *,
    limits: tuple[float, int] | None = None,
) -> Certificate:
    """Run both over the pictures and compare what they find.

    Args:
        original: The network in float32.
        exported: The exported file.
        pictures: To run over.
        facts: What is known of the export.
        limits: Overlap and number of rows of that suppression.
    """
    bounds, floor = facts.bounds or BOUNDS[facts.precision], facts.floor
    labelled = bool(pictures.truths)
    low = max(_CONF_AP, floor)
    options = Options(conf=low, multi_label=labelled and len(original.names) > 1 and not floor)
    if limits is not None:
        options = replace(options, iou=limits[0], max_det=limits[1])
    before: list[Estimate] = []
    after: list[Estimate] = []
    truths: list[Expected | None] = []
    names: list[str] = []
    for name, image, truth in pictures:
        if not names:  # the first run of a shape is slower
            original([image], options), exported([image], options)
        before += original([image], options)
        after += exported([image], options)
        truths.append(truth)
        names.append(name)
    best = max((float(e.boxes[:, 4].max()) for e in before if len(e.boxes)), default=0.0)
    # A network that is not sure of anything here is compared on what it is least unsure of.
    conf = _CONF if best > _CONF else max(best / 2, low)
    tally = _Tally()
    spread = original.skeleton.sigmas
    every = replace(options, iou=1.0, max_det=MAX_CANDIDATES, conf=conf / 2)
    for i, (name, a, b) in enumerate(zip(names, before, after, strict=True)):
        if not original.end2end and not exported.end2end and not agree(a, b, conf, bounds, spread):
            image = pictures.image(i)
            pools = original([image], every)[0], exported([image], every)[0]
            a, b, swapped = without_swaps(a, b, pools, conf, bounds, spread)
            tally.swapped += swapped
        _compare(name, a, b, conf, bounds.conf, spread, tally)
    ap: tuple[float | None, float | None] = (None, None)
    box_ap = ap
    if labelled and all(t is not None for t in truths):
        known = [t for t in truths if t is not None]
        one, other = (average_precision(e, known, spread) for e in (before, after))
        box_ap, ap = (one[0], other[0]), (one[1], other[1])
    made = facts.certificate(
        exported,
        pictures,
        after,
        conf=conf,
        detections=tally.count,
        lost=tally.lost,
        gained=tally.gained,
        swapped=tally.swapped,
        box_max=_max(tally.boxes),
        box_median=_median(tally.boxes),
        point_max=_max(tally.points),
        point_median=_median(tally.points),
        point_share_median=_median(tally.shares),
        point_share_tail=float(np.percentile(tally.shares, 95)) if tally.shares else 0.0,
        conf_max=_max(tally.confs),
        point_conf_max=_max(tally.point_confs) if tally.point_confs else None,
        sigma_max=_max(tally.sigmas) if tally.sigmas else None,
        ap_before=ap[0],
        ap_after=ap[1],
        box_ap_before=box_ap[0],
        box_ap_after=box_ap[1],
        ms_before=_median([e.speed["inference"] for e in before]),
        worst=tally.worst[1],
    )
    return replace(made, failures=tuple(_failures(made)))


def uncompared(exported: Yolo, pictures: Pictures, facts: Facts) -> Certificate:
    """Run an export over the pictures where there is nothing to hold it against, and say so; as :func:`certify`."""
    found: list[Estimate] = []
    options = Options(conf=max(_CONF, facts.floor))
    for _, image, _ in pictures:
        if not found:  # the first run of a shape is slower
            exported([image], options)
        found += exported([image], options)
    return facts.certificate(exported, pictures, found, conf=options.conf, detections=sum(len(e.boxes) for e in found))


def _failures(found: Certificate) -> list[str]:
    """Return in words each bound that does not hold."""
    b = found.bounds
    failures: list[str] = []

    def check(what: str, value: float | None, most: float, unit: str = "") -> None:
        if value is not None and not value <= most:
            failures.append(f"{what} {value:.4g}{unit}, at most {most:.4g}{unit}")

    if not found.detections:
        failures.append(
            "nothing was found in any picture, so nothing is proved; give data= with pictures of what it finds"
        )
    check("box error", found.box_max, b.pixels, " px")
    check("point error", found.point_max, b.pixels, " px")
    check("sigma error", found.sigma_max, b.pixels, " px")
    check("median point error", found.point_share_median, b.median, " of the box")
    check("point error of 95 in 100", found.point_share_tail, b.tail, " of the box")
    check("conf error", found.conf_max, b.conf)
    # A single detection near the limit may go either way where the numbers are coarse.
    most = max(b.missed * found.detections, 1.0 if b.missed else 0.0)
    check("detections lost", found.lost, most)
    check("detections gained", found.gained, most)
    if found.ap_before is not None and found.ap_after is not None:
        check("average precision lost", found.ap_before - found.ap_after, b.ap)
    return failures


def _compare(
    name: str, a: Estimate, b: Estimate, conf: float, margin: float, spread: NDArray[np.float64], tally: _Tally
) -> None:
    """Match what two networks found in one picture, and add up the differences.

    A detection whose confidence is within ``margin`` of the limit may be on either side of it, and counts as neither
    lost nor gained.
    """
    ours, theirs = match(a, b, spread)
    sure_a, sure_b = a.boxes[:, 4] > conf, b.boxes[:, 4] > conf
    tally.count += int(sure_a.sum())
    lost = np.setdiff1d(np.flatnonzero(a.boxes[:, 4] > conf + margin), ours)
    tally.lost += len(lost)
    tally.gained += len(np.setdiff1d(np.flatnonzero(b.boxes[:, 4] > conf + margin), theirs))
    if len(lost) and tally.worst[0] < np.inf:
        x1, y1, x2, y2 = a.boxes[lost[0], :4]
        where = f"[{x1:.0f}, {y1:.0f}, {x2:.0f}, {y2:.0f}]"
        tally.worst = (np.inf, f"{name}: detection of conf {a.boxes[lost[0], 4]:.3f} at {where} is lost")
    both = sure_a[ours] | sure_b[theirs]
    ours, theirs = ours[both], theirs[both]
    if not len(ours):
        return
    boxes_a, boxes_b = a.boxes[ours], b.boxes[theirs]
    corner = np.abs(boxes_a[:, :4] - boxes_b[:, :4]).max(axis=1)
    off = np.linalg.norm(a.xy[ours] - b.xy[theirs], axis=2)
    diagonal = np.maximum(np.linalg.norm(boxes_a[:, 2:4] - boxes_a[:, :2], axis=1), 1.0)
    tally.boxes += corner.tolist()
    tally.points += off.ravel().tolist()
    tally.shares += (off / diagonal[:, None]).ravel().tolist()
    tally.confs += np.abs(boxes_a[:, 4] - boxes_b[:, 4]).tolist()
    if a.conf is not None and b.conf is not None:
        tally.point_confs += np.abs(a.conf[ours] - b.conf[theirs]).ravel().tolist()
    if a.sigma is not None and b.sigma is not None:
        tally.sigmas += np.abs(a.sigma[ours] - b.sigma[theirs]).ravel().tolist()
    i, k = np.unravel_index(int(np.nanargmax(off)), off.shape)
    box = int(corner.argmax())
    if corner[box] > max(off[i, k], tally.worst[0]):
        tally.worst = (float(corner[box]), f"{name}: box of conf {boxes_a[box, 4]:.3f} is off by {corner[box]:.4f} px")
    elif off[i, k] > tally.worst[0]:
        x, y = a.xy[ours[i], k]
        tally.worst = (
            float(off[i, k]),
            f"{name}: keypoint {k} at ({x:.1f}, {y:.1f}) of the detection of conf {boxes_a[i, 4]:.3f} is off by "
            f"{off[i, k]:.4f} px",
        )


def _max(values: Sequence[float]) -> float:
    return float(np.max(values)) if values else 0.0


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else 0.0
