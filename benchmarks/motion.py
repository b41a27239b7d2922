"""Steady points and repair on real clips: python benchmarks/motion.py [--cache DIR] [--models body …] [--calibrate].

Prints: time a person and frame; jitter and lag of the live filters; jitter before and after the second pass; left-right
swaps put into real tracks and recovered, and those found in the tracks as they are. ``--calibrate`` prints the errors
of the models' keypoints by confidence, on which ``poise.filters.point_sigma`` rests. Poses are kept as saved clips in
the cache folder, one a video and model, so that networks run once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _common import ROOT, arguments, save, table, versions

from poise.bodies.limbs import pair_groups
from poise.clips import Clip, fix, jitter_index, lag_s, repair_swaps, wobble_index
from poise.clips.angles import angle_set, measure, velocity
from poise.filters import Kalman, OneEuro, Smoother, point_sigma, savitzky_golay
from poise.filters.uncertainty import sizes
from poise.frames import Frame, Media
from poise.results import Results
from poise.skeletons import get

MODELS = ("body-fast", "body", "body-accurate", "body-3d")
# Somebody stands or holds still in these frames of these clips (data/videos/labels.json says so).
STILL = {
    "gesture_none_stand": (0, 53),
    "hold_plank_gym": (0, 140),
    "squat_gym_hold": (0, 235),
    "curl_barbell_pan": (235, 290),
}
METHODS: dict[str, OneEuro | Kalman] = {"one-euro": OneEuro(), "kalman": Kalman()}
SURE = 0.3  # keypoints less confident than this on average are out of the picture


def poses(shared: Path, cache: Path, model: str, only: list[str] | None) -> Iterator[tuple[str, Clip]]:
    """Yield every clip of one person with the largest person's poses, from the cache where they are there."""
    labels = json.loads((shared / "data/videos/labels.json").read_text())
    for entry in labels["exercises"] + labels["others"]:
        stem = Path(entry["file"]).stem
        if stem.startswith("people") or (only and stem not in only):
            continue
        kept = cache / f"{stem}.{model}.npz"
        if not kept.exists():
            from poise import Pose

            results = Pose(model).predict(shared / "data/videos" / entry["file"], stream=True, verbose=False)
            cache.mkdir(parents=True, exist_ok=True)
            Clip.of(followed(results)).save(kept)
        yield stem, Clip.load(kept)


def followed(results: Iterator[Results]) -> Iterator[Results]:
    """Keep the person that is largest at first, and then the one nearest to where that one was."""
    last: np.ndarray | None = None
    for result in results:
        box = np.asarray(result.boxes.xyxy, dtype=np.float64)
        if len(box) and last is None:
            at = int(np.argmax(sizes(box)))
        elif len(box) and last is not None:
            gap = np.linalg.norm((box[:, :2] + box[:, 2:]) / 2 - (last[:2] + last[2:]) / 2, axis=1)
            gap = gap / sizes(last) + 0.6 * np.abs(np.log(sizes(box) / sizes(last)))
            at = int(np.argmin(gap))
            if gap[at] > 0.8:
                yield result[:0]
                continue
        else:
            yield result
            continue
        last = box[at]
        yield result[at : at + 1]


def live(clip: Clip, method: OneEuro | Kalman) -> np.ndarray:
    smoother = Smoother(method)
    out = np.full(clip.xy.shape[1:], np.nan)
    for t, result in enumerate(clip.results()):
        if len(result):
            out[t] = np.asarray(smoother.update(result).keypoints.xy)[0]
    return out


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.nanmean(np.square(values))))


def steadiness(clips: dict[tuple[str, str], Clip]) -> list[dict[str, Any]]:
    """Jitter and wobble of people who stand, and lag of those who move."""
    rows = []
    for (stem, model), clip in clips.items():
        raw = clip.xy[0].astype(np.float64)
        size = np.full(len(clip), np.nanmedian(sizes(clip.boxes[0].astype(np.float64))))
        low, high = STILL.get(stem, (0, len(clip)))
        sure = np.nanmean(clip.conf[0, low:high], axis=0) > SURE
        part = (slice(low, high), sure)
        row: dict[str, Any] = {"clip": stem, "model": model, "stands": stem in STILL, "fps": round(1 / step(clip), 1)}
        row["jitter %"] = rms(jitter_index(raw[part], size[low:high]))
        for name, method in METHODS.items():
            found = live(clip, method)
            row[f"{name} cut"] = row["jitter %"] / rms(jitter_index(found[part], size[low:high]))
            if stem in STILL:
                wobble = [rms(wobble_index(x[part], clip.times[low:high], size[low:high])) for x in (raw, found)]
                row[f"{name} wobble cut"] = wobble[0] / wobble[1]
            else:
                row[f"{name} lag ms"] = 1000 * lag_s(raw[:, sure], found[:, sure], clip.times, size)
        mended, report = fix(clip, swaps=False, gate=False)
        row["fix speed kept"] = fastest(mended.xy[0][:, sure], clip.times) / fastest(
            savitzky_golay(raw[:, sure], clip.times, window_s=0.2), clip.times
        )
        row["fix cut"] = float(report.jitter_before[0] / report.jitter_after[0])
        rows.append(row)
    return rows


def fastest(xy: np.ndarray, times: np.ndarray) -> float:
    """Return the 95th percentile of the points' speed."""
    return float(np.nanpercentile(np.linalg.norm(velocity(xy, times), axis=-1), 95))


def step(clip: Clip) -> float:
    return float(np.median(np.diff(clip.times)))


def inject(clip: Clip, part: str, rng: np.random.Generator) -> tuple[Clip, np.ndarray, list[tuple[int, int]]]:
    """Exchange left and right in up to six stretches of up to 0.8 s, a fifth of the clip at most."""
    groups = pair_groups(clip.skeleton)
    pairs = [pair for each in groups.values() for pair in each] if part == "body" else list(groups[part])
    count = len(clip)
    wrong = np.zeros(count, dtype=bool)
    for _ in range(6):
        low = int(rng.integers(2, count - 4))
        high = min(low + int(rng.integers(1, max(2, int(0.8 / step(clip))))), count - 2)
        if not wrong[max(low - 5, 0) : high + 5].any() and wrong.sum() + high - low <= 0.2 * count:
            wrong[low:high] = True
    left, right = (list(side) for side in zip(*pairs, strict=True))
    columns = {name: np.array(getattr(clip, name)) for name in ("xy", "conf")}
    for column in columns.values():
        at = np.flatnonzero(wrong)[:, None]
        column[0][at, left + right] = column[0][at, right + left]
    return clip.replace(**columns), wrong, pairs


def swaps(clips: dict[tuple[str, str], Clip]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Frames with injected swaps that are repaired, of those where the exchanged points are sure and apart."""
    rows, found = [], []
    for (stem, model), clip in clips.items():
        base, log = repair_swaps(clip)
        found += [
            {"clip": stem, "model": model, "part": s.part, "first": s.first, "last": s.last, "gain": s.gain}
            for s in log
        ]
        rng = np.random.default_rng(1)
        size = np.nanmedian(sizes(clip.boxes[0].astype(np.float64)))
        row: dict[str, Any] = {"clip": stem, "model": model}
        for part in ("body", "legs", "arms"):
            spoilt, wrong, pairs = inject(base, part, rng)
            mended, _ = repair_swaps(spoilt)
            same, judged = np.ones(len(clip), dtype=bool), np.zeros(len(clip), dtype=bool)
            for a, b in pairs:
                sure = np.nan_to_num(np.fmin(base.conf[0][:, a], base.conf[0][:, b])) > SURE
                apart = np.linalg.norm(base.xy[0][:, a] - base.xy[0][:, b], axis=-1) > 0.05 * size
                moved = np.linalg.norm(base.xy[0][:, a] - mended.xy[0][:, a], axis=-1) > 1e-3
                same &= ~(sure & apart & moved)
                judged |= sure & apart
            row[f"{part} frames"] = int((wrong & judged).sum())
            row[f"{part} repaired"] = int((wrong & judged & same).sum())
            row[f"{part} spoilt"] = int((~wrong & ~same).sum())
            row["others"] = row.get("others", 0) + int((~wrong & judged).sum())
        rows.append(row)
    return rows, found


def speed() -> list[dict[str, Any]]:
    """CPU time of live smoothing and of angles with their uncertainty."""
    rows, rng, angles = [], np.random.default_rng(0), angle_set("coco17")
    picture, media = np.zeros((480, 640, 3), np.uint8), Media("drawn.mp4", "video", 30.0)
    for count in (1, 5, 10, 50):
        base = rng.uniform(0, 400, (count, 17, 2))
        boxes = np.column_stack(
            [np.tile([0, 0, 100, 200.0], (count, 1)), np.arange(count) + 1, np.full(count, 0.9), np.zeros(count)]
        )
        frames = [Frame(picture, media, t, t / 30) for t in range(100)]
        results = [Results.of(f, boxes, base + rng.normal(size=base.shape), np.full((count, 17), 0.9)) for f in frames]
        row: dict[str, Any] = {"people": count}
        for name, method in METHODS.items():
            row[f"{name} us"] = best(partial(smooth_all, results, method)) / len(frames) / count * 1e6

        def angles_of_all(results: list[Results] = results) -> None:
            for r in results:
                xy, conf = np.asarray(r.keypoints.xy, dtype=np.float64), np.asarray(r.keypoints.conf, dtype=np.float64)
                size = sizes(np.asarray(r.boxes.xyxy, dtype=np.float64))
                measure(xy, point_sigma(conf, size, r.skeleton.sigmas), conf, angles)

        row["angles us"] = best(angles_of_all) / len(frames) / count * 1e6
        rows.append(row)
    return rows


def smooth_all(results: list[Results], method: OneEuro | Kalman) -> None:
    smoother = Smoother(method)
    for result in results:
        smoother.update(result)


def best(call: Callable[[], None], repeats: int = 7) -> float:
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def calibrate(shared: Path, models: list[str]) -> list[dict[str, Any]]:
    """Errors on each axis in units of sκ (s² = 0.53 of the predicted box) by confidence, beside what is stated."""
    from accuracy import read_pictures

    from poise import Pose

    pictures, rows = read_pictures(shared), []
    people: dict[int, list[dict[str, Any]]] = {}
    for entry in pictures.labelled:
        people.setdefault(entry["image_id"], []).append(entry)
    sigmas = get("coco17").sigmas
    for model in models:
        pose, pairs = Pose(model), []
        if pose.skeleton.name != "coco17":
            continue
        for image_id, truths in people.items():
            (result,) = pose.predict(pictures.image(image_id), conf=0.1, verbose=False)
            xy, size = np.asarray(result.keypoints.xy, np.float64), sizes(np.asarray(result.boxes.xyxy, np.float64))
            for truth in truths:
                known = np.array(truth["keypoints"], dtype=np.float64).reshape(-1, 3)
                seen = known[:, 2] > 0
                if seen.sum() < 5 or not len(xy):
                    continue
                away = np.linalg.norm(xy - known[None, :, :2], axis=-1) / (2 * sigmas)
                alike = np.where(seen, np.exp(-np.square(away) / truth["area"] / 2), 0).sum(1) / seen.sum()
                if alike.max() > 0.5:
                    i = int(alike.argmax())
                    unit = away[i] / (np.sqrt(0.53) * size[i])
                    conf = np.asarray(result.keypoints.conf)[i]
                    pairs += [(conf[k], unit[k]) for k in np.flatnonzero(seen)]
        found = np.array(pairs)
        for low, high in (
            (0, 0.3),
            (0.3, 0.5),
            (0.5, 0.7),
            (0.7, 0.8),
            (0.8, 0.85),
            (0.85, 0.9),
            (0.9, 0.93),
            (0.93, 1),
        ):
            part = found[(found[:, 0] >= low) & (found[:, 0] < high)]
            if len(part) > 10:
                stated = point_sigma(part[:, :1].mean(0), np.float64(1), np.array([0.5 / np.sqrt(0.53)]))[0, 0]
                error = np.sqrt(np.mean(np.square(np.minimum(part[:, 1], 4))) / 2)
                rows.append(
                    {"model": model, "conf": f"{low}-{high}", "points": len(part), "rms": error, "stated": stated}
                )
    return rows


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--cache", type=Path, default=ROOT / "runs/motion-cache", help="folder of saved poses")
    parser.add_argument("--models", nargs="*", default=list(MODELS))
    parser.add_argument("--clips", nargs="*", help="only these clips, by their names without ending")
    parser.add_argument("--calibrate", action="store_true")
    options = parser.parse_args()
    content: dict[str, Any] = {"versions": versions()}
    if options.calibrate:
        content["calibration"] = calibrate(options.shared, options.models)
        table(content["calibration"], title="Errors of keypoints by confidence, in units of sκ on each axis")
        save(options.json, **content)
        return
    content["speed"] = speed()
    table(content["speed"], title="Time a person and frame, one thread")
    clips = {
        (stem, model): clip
        for model in options.models
        for stem, clip in poses(options.shared, options.cache, model, options.clips)
    }
    rows = content["steadiness"] = steadiness(clips)
    table([r for r in rows if r["stands"]], title="People who stand or hold still")
    table([r for r in rows if not r["stands"]], title="People who move")
    summary = []
    for model in options.models:
        still, moving = ([r for r in rows if r["model"] == model and r["stands"] is s] for s in (True, False))
        row = {"model": model}
        for name in METHODS:
            row[f"{name} cut (median)"] = float(np.median([r[f"{name} cut"] for r in still]))
            lags = [r[f"{name} lag ms"] for r in moving if np.isfinite(r[f"{name} lag ms"])]
            row[f"{name} lag ms (median)"], row[f"{name} lag ms (most)"] = float(np.median(lags)), float(np.max(lags))
        row["fix speed kept (median)"] = float(np.median([r["fix speed kept"] for r in moving]))
        row["fix cut (median)"] = float(np.median([r["fix cut"] for r in still + moving]))
        summary.append(row)
    content["summary"] = summary
    table(summary, title="Summary")
    repaired, found = swaps(clips)
    content["swaps"], content["found"] = repaired, found
    table(found, title="Swaps found in the tracks as they are")
    total = []
    for model in options.models:
        part = [r for r in repaired if r["model"] == model]
        row = {"model": model}
        for what in ("body", "legs", "arms"):
            frames, mended = (sum(r[f"{what} {key}"] for r in part) for key in ("frames", "repaired"))
            row[what] = f"{mended}/{frames} ({mended / max(frames, 1):.1%})"
        spoilt = sum(r[f"{what} spoilt"] for r in part for what in ("body", "legs", "arms"))
        row["others spoilt"] = f"{spoilt}/{sum(r['others'] for r in part)}"
        total.append(row)
    content["swaps total"] = total
    table(total, title="Injected swaps: frames repaired")
    save(options.json, **content)


if __name__ == "__main__":
    main()
