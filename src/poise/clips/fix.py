"""The offline second pass over one clip: swaps, points off the body, gaps, trembling; and a report of all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.clips.clip import Clip
from poise.clips.jitter import jitter_index
from poise.clips.packed import PackedClip
from poise.clips.repair import cuts, fill_gaps, outliers
from poise.clips.swaps import Swap, repair_swaps
from poise.errors import suggest
from poise.filters import kalman
from poise.filters import offline as filters
from poise.filters.smoothing import Kalman
from poise.filters.uncertainty import point_sigma, sizes
from poise.geometry import Bools, Floats

STEADY = ("rts", "savgol", "butterworth", "none")

# A point that was not seen is worth less than the worse of its neighbours in time.
_FILLED_CONF = 0.5


@dataclass(frozen=True, slots=True)
class FixReport:
    """What the second pass changed.

    Attributes:
        swaps: Stretches in which left and right were exchanged.
        outliers: ``(I, T, K)`` keypoints that were taken out because a limb cannot be so long.
        filled: ``(I, T, K)`` keypoints that were filled in.
        cuts: ``(I, T)`` first frames after a cut: nothing was carried across them.
        jitter_before: ``(I,)`` percent of the instance's size, root mean square over the keypoints; see
            :func:`poise.clips.jitter_index`.
        jitter_after: ``(I,)`` the same of the repaired clip, over the frames and points that were there before.
        ids: ``(I,)`` whose.
        keypoints: Names of the K keypoints.
        times: ``(T,)`` seconds.
        joined: What was re-linked before, in words; filled in by :func:`poise.model.second_pass.second_pass`.
    """

    swaps: tuple[Swap, ...]
    outliers: Bools
    filled: Bools
    cuts: Bools
    jitter_before: Floats
    jitter_after: Floats
    ids: NDArray[np.int64]
    keypoints: tuple[str, ...]
    times: Floats
    joined: tuple[str, ...] = ()

    def replace(self, **changes: Any) -> FixReport:
        """Return a copy with some attributes exchanged."""
        return replace(self, **changes)

    def summary(self) -> dict[str, Any]:
        """Return plain values for JSON: counts a person and keypoint, the swaps, the cuts' times."""
        people = []
        for i, id in enumerate(self.ids.tolist()):
            people.append(
                {
                    "id": id,
                    "jitter_before": _number(self.jitter_before[i]),
                    "jitter_after": _number(self.jitter_after[i]),
                    "filled": _counts(self.filled[i], self.keypoints),
                    "outliers": _counts(self.outliers[i], self.keypoints),
                    "cuts": [round(float(t), 3) for t in self.times[self.cuts[i]]],
                }
            )
        return {"joined": list(self.joined), "swaps": [asdict(swap) for swap in self.swaps], "people": people}

    def text(self) -> str:
        """Return the report in sentences, one a line."""
        lines = list(self.joined)
        for swap in self.swaps:
            span = f"{swap.start:.2f} s" if swap.first == swap.last else f"{swap.start:.2f} to {swap.end:.2f} s"
            frames = f"frame {swap.first}" if swap.first == swap.last else f"frames {swap.first} to {swap.last}"
            lines.append(f"id {swap.id}: left and right of the {swap.part} exchanged back, {span} ({frames})")
        for i, id in enumerate(self.ids.tolist()):
            for what, flags in (("left out: the limb would be too long", self.outliers), ("filled in", self.filled)):
                count = int(flags[i].sum())
                if count:
                    lines.append(f"id {id}: {count} keypoint{'s' if count > 1 else ''} {what}")
            if self.cuts[i].any():
                lines.append(f"id {id}: cuts at {', '.join(f'{t:.2f} s' for t in self.times[self.cuts[i]])}")
            if np.isfinite(self.jitter_before[i]):
                lines.append(
                    f"id {id}: jitter {self.jitter_before[i]:.2f} % of the person's size before, "
                    f"{self.jitter_after[i]:.2f} % after"
                )
        return "\n".join(lines)


def _number(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def _counts(flags: Bools, names: Sequence[str]) -> dict[str, int]:
    return {name: int(n) for name, n in zip(names, flags.sum(axis=0), strict=True) if n}


def fix(
    clip: Clip,
    *,
    swaps: bool = True,
    gate: bool = True,
    max_gap_s: float = 0.5,
    steady: str = "rts",
    agility: float = 4.0,
) -> tuple[Clip, FixReport]:
    """Repair a whole clip with knowledge of what comes after: nothing comes late.

    In this order: left and right exchanged back, keypoints off the body left out, short gaps filled, trembling
    smoothed. Nothing is carried across a cut.

    Args:
        clip: The clip.
        swaps: Look for exchanged sides.
        gate: Leave out keypoints whose limb would be too long.
        max_gap_s: Longest gap that is filled, seconds; 0 fills none.
        steady: ``"rts"`` (Kalman smoother weighted by sigma and conf), ``"savgol"``, ``"butterworth"`` or ``"none"``.
        agility: Of the Kalman smoother: see :class:`poise.filters.Kalman`. More than the live filter's, since knowing
            the future already steadies: at 4 jumping jacks keep their speed (``benchmarks/motion.py``).

    Returns:
        The repaired clip and the report. A filled keypoint has half the lower confidence of the points around it, and
        no sigma. Sigma of the others stays: most of a network's error does not tremble, so smoothing leaves it.

    Raises:
        ValueError: ``steady`` is not known, or ``max_gap_s`` is negative.
    """
    if steady not in STEADY:
        raise ValueError(f"no filter named {steady!r}{suggest(steady, STEADY)}")
    if not max_gap_s >= 0:
        raise ValueError(f"max_gap_s must not be negative, got {max_gap_s}")
    if isinstance(clip, PackedClip):
        options: dict[str, Any] = {"swaps": swaps, "gate": gate, "max_gap_s": max_gap_s, "steady": steady}
        return _by_id(clip, **options, agility=agility)
    broken = cuts(clip)
    mended, log = repair_swaps(clip, breaks=broken) if swaps else (clip, [])
    wild = outliers(mended) if gate else np.zeros(clip.conf.shape, dtype=bool)
    xy = np.where(wild[..., None], np.nan, mended.xy.astype(np.float64))
    conf = np.where(wild, np.nan, mended.conf)
    boxes, conf_filled, box_conf = np.array(clip.boxes), conf.copy(), np.array(clip.box_conf)
    lines, filled = np.empty_like(xy), np.zeros(conf.shape, dtype=bool)
    for i in range(len(clip.ids)):
        limits = {"max_gap_s": max_gap_s, "breaks": broken[i]}
        lines[i], gaps = fill_gaps(xy[i], clip.times, **limits)
        filled[i] = gaps.all(-1)
        boxes[i] = fill_gaps(clip.boxes[i], clip.times, **limits)[0]
        conf_filled[i] = _lower(conf[i], filled[i])
        box_conf[i] = _lower(clip.box_conf[i], np.isfinite(boxes[i]).all(-1) & ~np.isfinite(clip.boxes[i]).all(-1))
    points = _steady(clip, xy, lines, conf_filled, broken, steady, agility, max_gap_s)
    points = np.where((filled | np.isfinite(xy).all(-1))[..., None], points, np.nan)
    out = clip.replace(
        xy=points,
        conf=conf_filled if np.isfinite(clip.conf).any() else clip.conf,
        boxes=boxes,
        box_conf=box_conf,
        sigma=np.where(np.isfinite(points) & ~filled[..., None], mended.sigma, np.nan),
        xyz=mended.xyz,
    )
    seen = np.isfinite(clip.xy)
    report = FixReport(
        swaps=tuple(log),
        outliers=wild,
        filled=filled,
        cuts=broken,
        jitter_before=_jitter(clip, clip.xy),
        jitter_after=_jitter(clip, np.where(seen, points, np.nan)),
        ids=clip.ids,
        keypoints=clip.skeleton.keypoints,
        times=clip.times,
    )
    return out, report


def _by_id(clip: PackedClip, **options: Any) -> tuple[Clip, FixReport]:
    """Repair one id after the other, each in the frames from its first to its last."""
    i, t, k = len(clip.ids), len(clip), len(clip.skeleton)
    # Zeros take no memory until something is written among them.
    wild, filled = np.zeros((i, t, k), dtype=bool), np.zeros((i, t, k), dtype=bool)
    broken = np.zeros((i, t), dtype=bool)
    jitter = np.full((2, i), np.nan)
    log: list[Swap] = []
    pieces = []
    for row in range(i):
        at, one = clip.piece(row)
        mended, report = fix(one, **options)
        pieces.append((at, mended))
        wild[row, at], filled[row, at], broken[row, at] = report.outliers[0], report.filled[0], report.cuts[0]
        jitter[:, row] = report.jitter_before[0], report.jitter_after[0]
        log += report.swaps
    whole = FixReport(
        swaps=tuple(log),
        outliers=wild,
        filled=filled,
        cuts=broken,
        jitter_before=jitter[0],
        jitter_after=jitter[1],
        ids=clip.ids,
        keypoints=clip.skeleton.keypoints,
        times=clip.times,
    )
    return PackedClip.joined(clip, clip.ids, pieces), whole


def _steady(
    clip: Clip, xy: Floats, lines: Floats, conf: Floats, broken: Bools, steady: str, agility: float, max_gap_s: float
) -> Floats:
    """Return ``(I, T, K, 2)`` smoothed points; the Kalman smoother fills gaps on its own, from both sides' motion."""
    if steady == "none":
        return lines
    if steady != "rts":
        smooth = filters.savitzky_golay if steady == "savgol" else filters.butterworth
        made = [smooth(line, clip.times, breaks=cut) for line, cut in zip(lines, broken, strict=True)]
        return np.stack(made) if made else lines
    settings = Kalman(agility=agility)
    # The box of an instance wobbles with its points: its median over the clip would hide who comes nearer, so the line
    # through its gaps is all that is done to it.
    size = sizes(clip.boxes.astype(np.float64))
    for i, row in enumerate(size):
        size[i] = fill_gaps(row, clip.times, max_gap_s=np.inf)[0]
    sigma = point_sigma(conf, size, clip.skeleton.sigmas, sigma=clip.sigma)
    scale = np.moveaxis(np.broadcast_to(size[..., None, None], xy.shape), 1, 0)
    points, _ = kalman.smooth(
        np.moveaxis(xy, 1, 0),
        clip.times,
        np.square(settings.noise * np.moveaxis(sigma, 1, 0)),
        np.square(agility * scale),
        speed=settings.max_speed * scale,
        max_gap_s=max(max_gap_s, 1e-6),
        breaks=np.moveaxis(np.broadcast_to(broken[..., None, None], xy.shape), 1, 0),
    )
    return np.moveaxis(points, 0, 1)


def _lower(conf: Floats, filled: Bools) -> Floats:
    """Return conf with half the lower of both neighbours in time where a value was filled in."""
    before, after = conf.copy(), conf.copy()
    for t in range(1, len(conf)):
        before[t] = np.where(np.isfinite(conf[t]), conf[t], before[t - 1])
        after[-t - 1] = np.where(np.isfinite(conf[-t - 1]), conf[-t - 1], after[-t])
    return np.asarray(np.where(filled, _FILLED_CONF * np.fmin(before, after), conf))


def _jitter(clip: Clip, xy: Floats) -> Floats:
    size = sizes(clip.boxes.astype(np.float64))
    middle = np.array([np.median(s[np.isfinite(s)]) if np.isfinite(s).any() else np.nan for s in size])
    each = [jitter_index(points, np.full(len(clip), s)) for points, s in zip(xy, middle, strict=True)]
    return np.array([np.sqrt(np.mean(np.square(e[np.isfinite(e)]))) if np.isfinite(e).any() else np.nan for e in each])
