"""How well taught movements are told: python benchmarks/gestures_moving.py --cache DIR.

DIR keeps what the networks found, because running them over every clip takes twenty minutes: NAME.MODEL.clip.npz are
tracked bodies as benchmarks/events.py keeps them, NAME.MODEL.looks.npz the main person with hands.

Signs: each of ten signs is taught from its one clip as ``body-fast`` and the hand model see it, and told as ``body``
sees it, at other tempos and frame rates; nobody else makes the same sign in this data, so a sign made by another
person can only be judged as what is not known: every sign is shown to what the other signers taught. Exercises: taught
from the first half of a clip's repetitions, told in the second half; and taught from other people's clips. Then every
clip, with what is said of it. The table of distances is what the spreads of moving.py and the limits of learning.py
rest on.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from _common import arguments, save, table

from poise.clips import Clip
from poise.gestures.events import UNKNOWN
from poise.gestures.movements.examples import MoveExample, trace, trim_movement
from poise.gestures.movements.learning import column_weights, learn_moves
from poise.gestures.movements.learning import distances as apart_of
from poise.gestures.movements.observations import Observation, observe_body
from poise.gestures.movements.spotter import Spotter
from poise.gestures.movements.taught_moves import TaughtMoves, best_fit
from poise.gestures.movements.traces import trace_columns

Looks = list[tuple[float, Observation]]
# Kind, clip, tries, stream and true spans of each exercise clip.
Reps = list[tuple[str, str, list[MoveExample], Looks, list[tuple[float, float]]]]
KINDS = {
    "squat": "squat", "push-up": "push-up", "biceps curl": "curl", "lunge": "lunge", "jumping jack": "jumping jack",
    "sit-up": "sit-up", "shoulder press": "press", "lat pull-down": "pull-down",
}  # fmt: skip


def looks(path: Path, model: str, cache: Path) -> Looks:
    """Return what a clip's main person shows, from the cache or from the networks."""
    kept = cache / f"{path.stem}.{model}.looks.npz"
    if not kept.exists():
        from poise import Pose
        from poise.gestures.streams.example_folders import collect_observations

        cache.mkdir(parents=True, exist_ok=True)
        found = dict(collect_observations(path, part="both", hands=Pose("hands"), body=Pose(model)))
        ((_, seen),) = found.items()
        np.savez_compressed(
            kept, time=[at for at, _ in seen], xy=[one.xy for _, one in seen], conf=[one.conf for _, one in seen],
            hands=[one.hands for _, one in seen], flat=[one.flat for _, one in seen],
        )  # fmt: skip
    data = np.load(kept)
    return [
        (float(at), Observation(xy, conf, hands=hands, flat=flat))
        for at, xy, conf, hands, flat in zip(
            *(data[key] for key in ("time", "xy", "conf", "hands", "flat")), strict=True
        )
    ]


def bodies(path: Path, model: str, cache: Path) -> Looks:
    """Return the body of a clip's main person, the one that is largest over all frames."""
    kept = cache / f"{path.stem}.{model}.clip.npz"
    if not kept.exists():
        from poise import Pose

        cache.mkdir(parents=True, exist_ok=True)
        Clip.of(Pose(model).track(path, stream=True, verbose=False)).save(kept)
    clip = Clip.load(kept)
    sides = clip.boxes[..., 2:] - clip.boxes[..., :2]
    main = int(np.nan_to_num(sides.prod(axis=-1)).sum(axis=1).argmax())
    seen = np.isfinite(clip.boxes[main, :, 0])
    conf = np.nan_to_num(clip.conf[main])
    return [(float(clip.times[t]), Observation(clip.xy[main, t].astype(float), conf[t])) for t in np.flatnonzero(seen)]


def in_space(path: Path, cache: Path) -> Looks:
    """Return the body of a clip's largest person as ``body-3d`` gives it."""
    kept = cache / f"{path.stem}.body-3d.space.npz"
    if not kept.exists():
        from poise import Pose

        seen = []
        for result in Pose("body-3d").predict(path, stream=True):
            if len(result):
                sides = np.asarray(result.boxes.xyxy[:, 2:]) - np.asarray(result.boxes.xyxy[:, :2])
                look = observe_body(result, int(sides.prod(axis=1).argmax()))
                seen.append((result.time, look.xy, look.conf, look.xyz))
        times, xy, conf, xyz = zip(*seen, strict=True)
        np.savez_compressed(kept, time=times, xy=xy, conf=conf, xyz=xyz)
    data = np.load(kept)
    columns_of = (data[key] for key in ("time", "xy", "conf", "xyz"))
    return [(float(at), Observation(xy, conf, xyz=xyz)) for at, xy, conf, xyz in zip(*columns_of, strict=True)]


def spotted(moves: TaughtMoves, seen: Looks) -> list[str]:
    """Return the movements of a stream, in order."""
    spotter = Spotter(moves)
    made = [one.gesture for at, look in seen if (one := spotter.update(at, look)) is not None]
    return made + ([last.gesture] if (last := spotter.finish()) is not None else [])


def signs(shared: Path, cache: Path, part: Any) -> tuple[TaughtMoves, list[dict[str, Any]]]:
    """Teach ten signs, and tell them in other networks' points."""
    folder = shared / "data/gestures/asl_clips"
    clips = json.loads((folder / "labels.json").read_text())
    layout = trace_columns(part, "coco17")
    fast = {one["sign"]: looks(folder / one["file"], "body-fast", cache) for one in clips}
    other = {one["sign"]: looks(folder / one["file"], "body", cache) for one in clips}
    signer = {one["sign"]: one["person"] for one in clips}
    tries = [MoveExample(sign, sign, trim_movement(trace(part, seen), layout)) for sign, seen in fast.items()]
    moves = learn_moves("signs", part, tries)
    rows: list[dict[str, Any]] = []
    for words, source, step, tempo in (
        ("body's points, as filmed", other, 1, 1.0),
        ("1.3 times slower", other, 1, 1.3),
        ("1.3 times faster, 15 frames/s", other, 2, 1 / 1.3),
        ("10 frames/s", other, 3, 1.0),
    ):
        told = {
            sign: spotted(moves, [(at * tempo, look) for at, look in seen[::step]]) for sign, seen in source.items()
        }
        rows.append(
            {
                "what": f"{part}: {words}",
                "told once and right": sum(said == [sign] for sign, said in told.items()),
                "missed": sum(sign not in said for sign, said in told.items()),
                "wrong or again": sum(len(said) - (sign in said) for sign, said in told.items()),
                "of": len(told),
            }
        )
    foreign = {
        sign: spotted(learn_moves("others", part, [one for one in tries if signer[one.label] != signer[sign]]), seen)
        for sign, seen in other.items()
    }
    rows.append(
        {
            "what": f"{part}: shown to what other signers taught",
            "told once and right": "-",
            "missed": "-",
            "wrong or again": sum(len(said) for said in foreign.values()),
            "of": len(foreign),
        }
    )
    return moves, rows


def repetitions(shared: Path, cache: Path, *, skeleton: str = "coco17") -> Reps:
    """Return kind, clip, tries, stream and true spans of every exercise clip."""
    labels = json.loads((shared / "data/videos/labels.json").read_text())
    layout = trace_columns("body", skeleton)
    found = []
    for one in labels["exercises"]:
        kind = next(name for key, name in KINDS.items() if one["exercise"].startswith(key))
        path = shared / "data/videos" / one["file"]
        seen = bodies(path, "body", cache) if skeleton == "coco17" else in_space(path, cache)
        spans = [(rep["start"] / one["fps"], rep["end"] / one["fps"]) for rep in one["rep_frames"]]
        tries = [
            MoveExample(kind, f"{path.stem} #{n}", trim_movement(trace("body", part, skeleton=skeleton), layout))
            for n, (a, b) in enumerate(spans)
            if (part := [s for s in seen if a <= s[0] <= b])
        ]
        found.append((kind, path.stem, tries, seen, spans))
    return found


def exercises(reps: Reps, skeleton: str = "coco17") -> list[dict[str, Any]]:
    """Teach from the first half of each clip's repetitions and count the second half in the stream."""
    taught = [one for _, _, tries, _, _ in reps if len(tries) > 1 for one in tries[: min((len(tries) + 1) // 2, 5)]]
    moves = learn_moves("exercises", "body", taught, skeleton=skeleton)
    rows = []
    for kind, name, tries, seen, spans in reps:
        used = min((len(tries) + 1) // 2, 5)
        if len(tries) < 2:
            continue
        begin = spans[used][0] - 0.2
        told = Counter(spotted(moves, [s for s in seen if s[0] >= begin]))
        rows.append(
            {
                "clip": name, "taught": used, "left": len(tries) - used, "told": told[kind],
                "as something else": sum(told.values()) - told[kind],
            }
        )  # fmt: skip
    return rows


def other_people(reps: Reps, skeleton: str = "coco17") -> list[dict[str, Any]]:
    """Teach each kind that several clips show from the other clips, and everything else from all."""
    rows = []
    for kind, name, tries, _, _ in reps:
        others = [one for k, n, ts, _, _ in reps if n != name for one in ts]
        if not any(one.label == kind for one in others):
            continue
        for mirror in (False, True):
            moves = learn_moves("others", "body", others, skeleton=skeleton, mirror=mirror)
            told = Counter(best_fit(moves, one.rows) for one in tries)
            rows.append(
                {
                    "clip": name, "mirrored too": mirror, "repetitions": len(tries), "right": told[kind],
                    "unknown": told[UNKNOWN], "wrong": len(tries) - told[kind] - told[UNKNOWN],
                }
            )  # fmt: skip
    return rows


def distances(reps: Reps, skeleton: str = "coco17") -> list[dict[str, Any]]:
    """Return how far repetitions lie from others: of the same clip, of other people, of other kinds."""
    tries = [one for _, _, ts, _, _ in reps for one in ts]
    clips = np.array([name for _, name, ts, _, _ in reps for _ in ts])
    kinds = np.array([one.label for one in tries])
    layout = trace_columns("body", skeleton)
    weights = np.stack([column_weights([one.rows], layout) for one in tries])
    apart = apart_of(tries, tries, weights, layout).T
    same = clips[:, None] == clips[None]
    kind = kinds[:, None] == kinds[None]
    rows = []
    for words, mask in (
        ("another one of the same clip", same & kind & ~np.eye(len(tries), dtype=bool)),
        ("the same kind by somebody else", kind & ~same),
        ("another kind", ~kind),
    ):
        # The nearest template tells, so that of each repetition counts.
        nearest = np.where(mask, apart, np.inf).min(axis=1)
        nearest = nearest[mask.any(axis=1) & np.isfinite(nearest)]
        heads = ("least", "25 %", "median", "75 %", "most")
        quarters = dict(zip(heads, np.quantile(nearest, [0, 0.25, 0.5, 0.75, 1]), strict=True))
        rows.append({"nearest": words, "n": len(nearest)} | quarters)
    return rows


def silent(sets: dict[str, TaughtMoves], shared: Path, cache: Path) -> list[dict[str, Any]]:
    """Count what is said of clips, by set."""
    rows = []
    for path in sorted((shared / "data/videos").iterdir()):
        if path.suffix not in (".mp4", ".avi", ".gif"):
            continue
        seen = looks(path, "body-fast", cache)
        row: dict[str, Any] = {"clip": path.stem, "seconds": seen[-1][0] if seen else 0.0}
        for name, moves in sets.items():
            start = time.process_time()
            said = Counter(spotted(moves, seen))
            row[name] = ", ".join(f"{count} {layout}" for layout, count in said.items()) or "-"
            row[f"{name} ms"] = 1e3 * (time.process_time() - start) / max(len(seen), 1)
        rows.append(row)
    return rows


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    wanted = parser.parse_args()
    every: dict[str, Any] = {}
    sets = {}
    for part in ("both", "body"):
        sets[f"signs, {part}"], every[part] = signs(wanted.shared, wanted.cache, part)
    table(every["both"] + every["body"], title="Ten signs, one clip each")
    reps = repetitions(wanted.shared, wanted.cache)
    every["exercises"] = exercises(reps)
    table(every["exercises"], title="Exercises, the second half of a clip told by its first")
    every["others"] = other_people(reps)
    table(every["others"], title="Exercises told by other people's clips")
    every["distances"] = distances(reps)
    table(every["distances"], title="Spreads between repetitions")
    space, skeleton = repetitions(wanted.shared, wanted.cache, skeleton="blazepose33"), "blazepose33"
    for title, measure in (
        ("Exercises in space, the second half of a clip told by its first", exercises),
        ("Exercises in space told by other people's clips", other_people),
        ("Spreads in space between repetitions", distances),
    ):
        every[title] = measure(space, skeleton)
        table(every[title], title=title)
    sets["exercises"] = learn_moves("exercises", "body", [one for _, _, tries, _, _ in reps for one in tries])
    every["silent"] = silent(sets, wanted.shared, wanted.cache)
    table(every["silent"], title="What is said of every clip")
    save(wanted.json, **every)


if __name__ == "__main__":
    main()
