"""Count repetitions on the labelled clips: python benchmarks/reps.py --poses FOLDER

OBO (share of clips within one), exact share, MAE (mean of |error| / true count, as in the literature), and the time
error of the peaks; named and recognised, offline and live, for each model, with the field's plain angle counter
beside it. Keypoints are found once a clip and model and kept in --poses; without it they are found anew. --robust also
counts on keypoints that were stretched in time, mirrored, shaken, dropped, cut and thinned out. --scenes counts on sets
that were made instead: seated, turning, lunges, clapping push-ups, dances (_exercise_scenes.py, _exercise_sets.py).
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from _common import arguments, save, table
from _exercise_sets import filmed_anew
from _exercise_sets import scenes as made_scenes

from poise.frames import Frame, Media
from poise.reps import RepCounter, all_exercises, collect_people, count_reps, get_exercise, measure_person
from poise.reps.counting import count_exercise
from poise.reps.offline import count_person
from poise.reps.recognition import MIN_SCORE, recognise_exercise
from poise.results import Results
from poise.skeletons import get as skeleton

# The labels' words for the exercises, and the joint that the plain counter watches (its users choose it by hand).
NAMES = {
    "squat": ("squat", (11, 13, 15)), "push-up": ("push-up", (5, 7, 9)), "biceps curl": ("biceps-curl", (5, 7, 9)),
    "lunge": ("lunge", (11, 13, 15)), "jumping jack": ("jumping-jack", (11, 5, 7)), "sit-up": ("sit-up", (5, 11, 13)),
    "shoulder press": ("shoulder-press", (5, 7, 9)), "lat pull-down": ("pull-down", (5, 7, 9)),
}  # fmt: skip
FLIP = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]


@dataclass(frozen=True)
class Clip:
    """A labelled clip."""

    file: str
    exercise: str
    joint: tuple[int, ...]
    reps: int
    peaks: np.ndarray
    fps: float


def labelled(shared: Path) -> tuple[list[Clip], list[Clip]]:
    """Return the clips with repetitions, and those without."""
    import json

    labels = json.loads((shared / "data/videos/labels.json").read_text())
    clips = []
    for entry in labels["exercises"]:
        name, joint = next(v for k, v in NAMES.items() if entry["exercise"].startswith(k))
        peaks = np.array([r["peak"] for r in entry["rep_frames"]]) / entry["fps"]
        clips.append(Clip(entry["file"], name, joint, entry["reps"], peaks, entry["fps"]))
    return clips, [Clip(e["file"], "", (), 0, np.empty(0), e["fps"]) for e in labels["others"]]


def poses(shared: Path, folder: Path | None, file: str, model: str) -> Iterator[Results]:
    """Give a clip's results, found once and kept as arrays."""
    kept = folder / f"{Path(file).stem}.{model}.npz" if folder else None
    if kept is not None and kept.exists():
        yield from _read(kept, file)
        return
    from poise import Pose

    columns: dict[str, list[Any]] = {k: [] for k in ("n", "time", "frame", "xy", "conf", "box", "box_conf")}
    result = None
    for result in Pose(model, threads=1).predict(shared / "data/videos" / file, stream=True, conf=0.1, verbose=False):
        for key, value in (
            ("n", len(result)), ("time", result.time), ("frame", result.frame), ("xy", result.keypoints.xy),
            ("conf", result.keypoints.conf), ("box", result.boxes.xyxy), ("box_conf", result.boxes.conf),
        ):  # fmt: skip
            columns[key].append(np.asarray(value))
        yield result[result.boxes.conf >= 0.25]
    if kept is not None and result is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        flat = {k: np.array(v) if k in ("n", "time", "frame") else np.concatenate(v) for k, v in columns.items()}
        np.savez_compressed(kept, **flat, size=np.array(result.orig_shape))


def _read(path: Path, file: str) -> Iterator[Results]:
    data = dict(np.load(path))
    ends = np.cumsum(data["n"])
    blank = np.broadcast_to(np.uint8(0), (*data["size"].tolist(), 3))
    fps = (len(ends) - 1) / max(data["time"][-1] - data["time"][0], 1e-6)
    media = Media(file, "video", fps=float(fps))
    bones = skeleton("blazepose33" if data["xy"].shape[1] == 33 else "coco17")
    for i, (end, n) in enumerate(zip(ends, data["n"], strict=True)):
        rows = np.arange(end - n, end)
        rows = rows[data["box_conf"][rows] >= 0.25]
        boxes = np.concatenate([data["box"][rows], data["box_conf"][rows, None], np.zeros((len(rows), 1))], axis=1)
        frame = Frame(blank, media, i, float(data["time"][i]))
        yield Results.of(frame, boxes, data["xy"][rows], data["conf"][rows], skeleton=bones)


def peak_errors(found: list[float], true: np.ndarray) -> list[float]:
    """Return how far each true peak is from the nearest found one, seconds."""
    return [min((abs(p - t) for p in found), default=np.inf) for t in true]


def summary(name: str, pairs: list[tuple[int, int]], **more: Any) -> dict[str, Any]:
    """Return the figures of one way to count over all clips."""
    got, want = np.array(pairs).T
    return {
        "way": name,
        "exact": f"{(got == want).sum()}/{len(want)}",
        "OBO": float((abs(got - want) <= 1).mean()),
        "MAE": float((abs(got - want) / want).mean()),
        **more,
    }


def plain_counter(results: list[Results], joint: tuple[int, ...]) -> int:
    """Count as the field's plain counter does, of the first person in each frame: below 90 degrees, then above 145."""
    total, down = 0, False
    for result in results:
        if not len(result):
            continue
        a, b, c = np.asarray(result.keypoints.xy[0])[list(joint)]
        angle = abs(np.degrees(np.arctan2(*(c - b)[::-1]) - np.arctan2(*(a - b)[::-1])))
        angle = 360 - angle if angle > 180 else angle
        if angle < 90:
            down = True
        elif angle > 145 and down:
            total, down = total + 1, False
    return total


def bench_model(
    shared: Path, folder: Path | None, model: str, *, streaming: bool = True
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Count every clip in every way with one model; returns the figures, and a row a clip."""
    clips, others = labelled(shared)
    named, auto, live, live_auto, plain = [], [], [], [], []
    errors: list[float] = []
    recognised, lags, rows = 0, [], []
    for clip in clips:
        results = list(poses(shared, folder, clip.file, model))
        people = count_reps(results, clip.exercise).people
        one = people[0].found if people else None
        found = one.count if one else 0
        errors += peak_errors([r.peak for r in one.reps] if one else [], clip.peaks)
        free = count_reps(results).people
        guess = free[0].found if free else None
        right = guess is not None and guess.exercise == get_exercise(clip.exercise).name
        recognised += right
        counter, counter_auto = RepCounter(clip.exercise), RepCounter()
        for result in results if streaming else ():
            lags += [result.time - event.rep.end for event in counter.update(result)]
            counter_auto.update(result)
        old = plain_counter(results, clip.joint)
        for pairs, number in (
            (named, found), (auto, guess.count if guess else 0), (live, counter.count), (live_auto, counter_auto.count),
            (plain, old),
        ):  # fmt: skip
            pairs.append((number, clip.reps))
        rows.append(
            {
                "clip": Path(clip.file).stem, "true": clip.reps, "named": found,
                "auto": f"{guess.exercise if guess else 'none'} {guess.count if guess else 0}",
                "live": counter.count, "live auto": counter_auto.count, "plain": old,
            }
        )  # fmt: skip
    false = {}
    for clip in others:
        results = list(poses(shared, folder, clip.file, model))
        people = count_reps(results).people
        counter = RepCounter()
        for result in results if streaming else ():
            counter.update(result)
        main = people[0].found.count if people else 0
        everybody, streamed = sum(p.found.count for p in people), sum(counter.counts.values())
        rows.append(
            {
                "clip": Path(clip.file).stem,
                "true": 0,
                "auto": f"{main} (all people: {everybody})",
                "live auto": streamed,
            }
        )
        false[clip.file] = main
    finite = [e for e in errors if np.isfinite(e)]
    figures = [
        summary("offline, named", named, **{"peak error s": float(np.median(finite))}),
        summary(
            "offline, recognised",
            auto,
            recognised=f"{recognised}/{len(clips)}",
            **{"clips without reps that got some": f"{sum(v > 0 for v in false.values())}/{len(false)}"},
        ),
        summary(
            "live, named",
            live,
            **{"announced after s": f"{np.median(lags or [0.0]):.2f}, at most {max(lags, default=0.0):.2f}"},
        ),
        summary("live, recognised", live_auto),
        summary("plain angle counter, 90/145", plain),
    ]
    if not streaming:
        figures = [f for f in figures if not f["way"].startswith("live")]
        rows = [{k: v for k, v in row.items() if not k.startswith("live")} for row in rows]
    heads = list(dict.fromkeys(k for f in figures for k in f))
    return [{"model": model} | {h: f.get(h) for h in heads} for f in figures], rows


def disturbed(kind: str, time: np.ndarray, xy: np.ndarray, conf: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return keypoints as a worse camera, network or view would give them."""
    rng = np.random.default_rng(0)
    time, xy, conf = time.copy(), xy.copy(), conf.copy()
    word, _, amount = kind.partition(" ")
    size = float(amount) if amount and word not in ("hide", "cut") else 0.0
    if word == "time":
        time *= size
    elif word == "mirror":
        xy[..., 0] *= -1
        xy, conf = xy[:, FLIP], conf[:, FLIP]
    elif word == "noise":
        torso = np.nanmedian(measure_person(time, xy, conf).scale)
        xy += rng.normal(0, size * torso, xy.shape)
    elif word == "drop":
        gone = rng.random(conf.shape) < size
        xy[gone], conf[gone] = np.nan, 0
    elif word == "gap":
        start = time[0] + 0.43 * (time[-1] - time[0])
        keep = (time < start) | (time > start + size)
        time, xy, conf = time[keep], xy[keep], conf[keep]
    elif word == "fps":
        keep = [0]
        for i in range(len(time)):
            if time[i] - time[keep[-1]] >= 1 / size - 1e-3:
                keep.append(i)
        time, xy, conf = time[keep], xy[keep], conf[keep]
    elif word == "hide":
        points = {"legs": range(13, 17), "head": range(5), "left": range(5, 17, 2), "right": range(6, 17, 2)}[amount]
        xy[:, list(points)], conf[:, list(points)] = np.nan, 0
    elif word == "roll":
        turn = np.deg2rad(size)
        xy = xy @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    elif word == "squeeze":
        xy[..., 0] *= size
    elif word == "swap":
        flip = rng.random(len(time)) < size
        xy[flip], conf[flip] = xy[flip][:, FLIP], conf[flip][:, FLIP]
    elif word == "stand":
        n = int(size * 30)
        still = np.arange(1, n + 1) / 30
        shake = rng.normal(0, 1.5, (n, 17, 2))
        xy = np.concatenate([xy[:1] + shake, xy, xy[-1:] + shake])
        conf = np.concatenate([np.repeat(conf[:1], n, 0), conf, np.repeat(conf[-1:], n, 0)])
        time = np.concatenate([time[0] - still[::-1], time, time[-1] + still])
    return time, xy, conf


KINDS = [
    "none", "time 0.7", "time 1.4", "mirror", "noise 0.03", "noise 0.06", "drop 0.1", "drop 0.3", "gap 0.4", "gap 1",
    "fps 10", "fps 7", "fps 5", "hide legs", "hide head", "hide left", "hide right", "roll 8", "squeeze 0.8",
    "squeeze 0.6", "swap 0.05", "swap 0.3", "stand 3", "stand 8",
]  # fmt: skip


def bench_robust(shared: Path, folder: Path | None, model: str) -> list[dict[str, Any]]:
    """Count on disturbed keypoints of the main person."""
    clips, _ = labelled(shared)
    known, rows = all_exercises(), []
    people = {c.file: collect_people(poses(shared, folder, c.file, model))[0] for c in clips}
    for kind in KINDS:
        named, auto, right = [], [], 0
        for clip in clips:
            person = people[clip.file]
            measures = measure_person(*disturbed(kind, person.time, person.xy, person.conf))
            named.append((count_exercise(measures, get_exercise(clip.exercise)).count, clip.reps))
            scored = recognise_exercise(measures, known)
            best = scored[0][1] if scored and scored[0][0] >= MIN_SCORE else None
            auto.append((best.count if best else 0, clip.reps))
            right += best is not None and best.exercise == get_exercise(clip.exercise).name
        one, two = summary(kind, named), summary(kind, auto)
        rows.append(
            {
                "keypoints": kind, "named exact": one["exact"], "named OBO": one["OBO"], "auto exact": two["exact"],
                "auto OBO": two["OBO"], "recognised": f"{right}/{len(clips)}",
            }
        )  # fmt: skip
    return rows


def bench_sensitivity(shared: Path, folder: Path | None, model: str) -> list[dict[str, Any]]:
    """Leave each clip out in turn: how far the rest's figures hang on any one, and on the two constants they share."""
    from poise.reps import cycles, verdicts

    clips, _ = labelled(shared)
    people = {c.file: collect_people(poses(shared, folder, c.file, model))[0] for c in clips}
    measures = {file: measure_person(p.time, p.xy, p.conf) for file, p in people.items()}
    rows = []
    for share in (0.3, 0.4, 0.45, 0.5, 0.6):
        for scale in (0.7, 1.0, 1.3):
            cycles.SHARE = verdicts.SHARE = share
            right = []
            for clip in clips:
                exercise = get_exercise(clip.exercise)
                loose = type(exercise)(
                    **{f: getattr(exercise, f) for f in exercise.__slots__} | {"min_depth": exercise.min_depth * scale}
                )
                right.append(count_exercise(measures[clip.file], loose).count == clip.reps)
            left_out = [sum(right) - r for r in right]
            rows.append(
                {
                    "share of a usual rep": share, "min_depth x": scale, "exact": f"{sum(right)}/{len(clips)}",
                    "with one clip left out": f"{min(left_out)} to {max(left_out)} of {len(clips) - 1}",
                }
            )  # fmt: skip
    cycles.SHARE = verdicts.SHARE = 0.45
    return rows


def bench_scenes(
    shared: Path, folder: Path | None, split: str, each: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Count on sets that were made; returns a row a movement, and one a kind of dance."""
    known = all_exercises()
    sets: dict[tuple[str, str], list[tuple[int, int, bool, bool]]] = {}
    free: dict[str, list[tuple[float, str, int]]] = {}
    for scene in chain(made_scenes(split, each=each), filmed_anew(split, shared, folder, each=each)):
        found = count_person(scene.person, None, known).found
        name = scene.name.split(", legs")[0]
        if not scene.exercise:
            seconds = float(np.ptp(scene.person.time))
            free.setdefault(name, []).append((seconds, found.exercise, found.count))
            continue
        wanted = get_exercise(scene.exercise)
        counted = count_person(scene.person, wanted).found.count
        right = found.exercise == wanted.name
        row = (counted, scene.reps, right, right and found.count == scene.reps)
        for key in ((scene.kind, name), (scene.kind, "all")):
            sets.setdefault(key, []).append(row)
    rows = []
    for (kind, name), some in sorted(sets.items(), key=lambda item: (item[0][0], item[0][1] == "all")):
        got, want, right, exact = (np.array(column) for column in zip(*some, strict=True))
        rows.append(
            {
                "kind": kind, "movement": name, "sets": len(some), "exact, named": int((got == want).sum()),
                "OBO": float((abs(got - want) <= 1).mean()), "reps counted": f"{got.sum()} of {want.sum()}",
                "recognised": int(right.sum()), "exact, recognised": int(exact.sum()),
            }
        )  # fmt: skip
    dances = []
    for name, some in free.items():
        minutes = sum(seconds for seconds, _, _ in some) / 60
        said = Counter(exercise for _, exercise, count in some if count)
        total = sum(count for _, _, count in some)
        dances.append(
            {
                "movement": name, "clips": len(some), "minutes": minutes, "called something": sum(said.values()),
                "counts a minute": total / minutes, "as": ", ".join(f"{k} {v}" for k, v in said.most_common()),
            }
        )  # fmt: skip
    return rows, dances


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--poses", type=Path, help="folder of keypoints found before; filled where they are missing")
    parser.add_argument("--models", default="body-fast,body", help="comma between")
    parser.add_argument("--robust", action="store_true", help="also on disturbed keypoints, and with other constants")
    parser.add_argument("--offline", action="store_true", help="leave the live counters out: much faster")
    parser.add_argument("--scenes", action="store_true", help="on sets that were made, and on nothing else")
    parser.add_argument("--each", type=int, default=3, help="how many of each with --scenes")
    options = parser.parse_args()
    content: dict[str, Any] = {}
    for split in ("tuned", "held out") if options.scenes else ():
        sets, dances = bench_scenes(options.shared, options.poses, split, options.each)
        table(sets, title=f"Made sets, {split}")
        table(dances, title=f"Dances, {split}")
        content[f"scenes {split}"] = {"sets": sets, "dances": dances}
    for model in () if options.scenes else options.models.split(","):
        print(f"counting with {model}", file=sys.stderr)
        figures, rows = bench_model(options.shared, options.poses, model, streaming=not options.offline)
        table(figures, title=f"Repetitions, {model}")
        table(rows, title=f"Each clip, {model}")
        content[model] = {"figures": figures, "clips": rows}
    if options.robust and not options.scenes:
        model = options.models.split(",")[-1]
        content["robust"] = bench_robust(options.shared, options.poses, model)
        table(content["robust"], title=f"On disturbed keypoints, {model}")
        content["sensitivity"] = bench_sensitivity(options.shared, options.poses, model)
        table(content["sensitivity"], title=f"With other constants, {model}")
    save(options.json, **content)


if __name__ == "__main__":
    main()
