"""Gestures of bodies in clips: python benchmarks/gesture_clips.py --cache DIR [--varied] [--made] [--noise] [--speed].

DIR holds tracked clips as poise.clips.Clip files, NAME.MODEL.clip.npz; missing ones are made by running the networks,
which takes the best part of an hour on two cores. What people really show is written down in
gesture_labels/clips.toml, judged by eye.

Prints for each clip and model how many events of the sets "body" and "moves" are right, false and missed, and how late
they come; with --varied the same of the clips mirrored, with half of the frames and with noise; with --made the same of
gestures made of a real track (tests/synthetic_gestures); with --noise how far networks place points from
frame to frame; with --speed the cost of a body.
"""

from __future__ import annotations

import time
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from _common import ROOT, arguments, save, table
from synthetic_gestures import MOVES, OTHERS, act, lasts

from poise.clips import Clip
from poise.frames import Media
from poise.gestures import GestureRecognizer
from poise.gestures.events import GestureEvent
from poise.results import Results
from poise.results.columns import Boxes, Keypoints, freeze
from poise.skeletons import get

LABELS = ROOT / "benchmarks/gesture_labels/clips.toml"
BODY = get("coco17")
SETS = ("body", "moves")
TEMPOS, SIZES = (0.7, 1.0, 1.4), (0.8, 1.0, 1.2)  # of gestures that are made
VIEWS = ("front", "behind", "mirrored", "desk")  # at a desk, nothing from the hips down is seen
LEGS = ("lean", "kick", "jump", "squat", "step")
SLACK_S = 0.3  # an event may begin or end this much beside what is labelled


@dataclass(frozen=True)
class Label:
    """What somebody shows from start to end."""

    clip: str
    start: float
    end: float
    gesture: list[str]
    must: bool = True
    where: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)


def labels() -> dict[str, list[Label]]:
    found = defaultdict(list)
    for entry in tomllib.loads(LABELS.read_text())["label"]:
        found[entry["clip"]].append(Label(**entry))
    return found


def clips(shared: Path, cache: Path, models: list[str]) -> Iterator[tuple[str, str, Clip]]:
    """Yield every clip with the tracks of every model."""
    signs = [(f"asl_{path.stem}", path) for path in sorted((shared / "data/gestures/asl_clips").glob("*.mp4"))]
    films = [
        (path.stem, path)
        for path in sorted((shared / "data/videos").iterdir())
        if path.suffix in (".mp4", ".avi", ".gif")
    ]
    for name, path in [*films, *signs]:
        for model in models:
            kept = cache / f"{name}.{model}.clip.npz"
            if not kept.exists():
                from poise import Pose

                cache.mkdir(parents=True, exist_ok=True)
                Clip.of(Pose(model).track(path, stream=True, verbose=False)).save(kept)
            yield name, model, Clip.load(kept)


def events(clip: Clip, name: str) -> tuple[list[GestureEvent], list[GestureEvent]]:
    """Return what begins and what ends, in the same order."""
    recognizer, on, off = GestureRecognizer(name), [], {}
    for result in clip.results():
        recognizer.update(result)
        for event in recognizer.events:
            if event.state == "on":
                on.append(event)
            else:
                off[event.id, event.start] = event
    for event in recognizer.finish(float(clip.times[-1])):
        off[event.id, event.start] = event
    return on, [off[event.id, event.start] for event in on]


def place(clip: Clip, event: GestureEvent) -> tuple[float, float]:
    """Return where the person is when the event begins, relative to the picture."""
    t = int(np.abs(clip.times - event.start).argmin())
    box = clip.boxes[clip.row(int(event.id or 0)), t]
    return float((box[0] + box[2]) / 2 / clip.size[0]), float((box[1] + box[3]) / 2 / clip.size[1])


def judge(
    clip: Clip, name: str, wanted: list[Label], known: set[str]
) -> tuple[dict[str, Any], list[tuple[str, float]]]:
    """Compare the events of one clip with what was seen by eye."""
    on, off = events(clip, name)
    right, false, seen, late = 0, [], set(), []
    for begun, ended in zip(on, off, strict=True):
        x, y = place(clip, begun)
        fits = [
            label
            for label in wanted
            if begun.gesture in label.gesture
            and label.where[0] <= x <= label.where[2]
            and label.where[1] <= y <= label.where[3]
            and begun.start <= label.end + SLACK_S
            and (ended.end or begun.start) >= label.start - SLACK_S
        ]
        right += bool(fits)
        if not fits:
            false.append(f"{begun.gesture} {begun.start:.1f}")
        # One event is one movement, so it answers for one label: the first that is still open.
        for label in [one for one in fits if one.must and id(one) not in seen][:1]:
            late.append((begun.gesture, begun.time - label.start))
            seen.add(id(label))
    asked = [label for label in wanted if label.must and known & set(label.gesture)]
    missed = [f"{'|'.join(label.gesture)} {label.start:.1f}" for label in asked if id(label) not in seen]
    row = {
        "events": len(on),
        "right": right,
        "false": len(false),
        "to see": len(asked),
        "missed": len(missed),
        "which": "; ".join(
            [f"false: {', '.join(false)}"] * bool(false) + [f"missed: {', '.join(missed)}"] * bool(missed)
        ),
    }
    return row, late


def films(shared: Path, cache: Path, models: list[str]) -> list[dict[str, Any]]:
    known = {name: set(GestureRecognizer(name).names) for name in SETS}
    wanted, rows = labels(), []
    late: dict[tuple[str, str], list[float]] = defaultdict(list)
    for clip_name, model, clip in clips(shared, cache, models):
        for name in SETS:
            row, delays = judge(clip, name, wanted[clip_name], known[name])
            minutes = clip.duration / 60
            person = float(clip.present.sum()) / max(len(clip), 1) * minutes
            head = {"clip": clip_name, "model": model, "set": name, "minutes": minutes, "person minutes": person}
            rows.append(head | row)
            for gesture, delay in delays:
                late[model, gesture].append(delay)
    table(
        [
            {"clip": clip_name, "model": model, "minutes": both[0]["minutes"]}
            | {f"{name} a minute": row["events"] / row["minutes"] for name, row in zip(SETS, both, strict=True)}
            | {key: sum(row[key] for row in both) for key in ("right", "false", "to see", "missed")}
            | {"which": "; ".join(row["which"] for row in both if row["which"])}
            for clip_name, model, both in _by_clip(rows)
        ],
        title="events in clips",
    )
    sums = []
    for model in models:
        for name in SETS:
            mine = [row for row in rows if row["model"] == model and row["set"] == name]
            total = {key: sum(row[key] for row in mine) for key in mine[0] if not isinstance(mine[0][key], str)}
            sums.append({"model": model, "set": name, **total, "false a minute": total["false"] / total["minutes"]})
    table(sums, title="all clips")
    table(
        [
            {"model": model, "gesture": gesture, "seen": len(delays), "on after the start, s": float(np.median(delays)),
             "at most": max(delays)}
            for (model, gesture), delays in sorted(late.items())
        ],
        title="how late, from the labelled start",
    )  # fmt: skip
    return rows


def varied(shared: Path, cache: Path, models: list[str]) -> list[dict[str, Any]]:
    """Judge the clips again as nobody looked at them: mirrored, with half of the frames, with noise of two pixels."""
    wanted, rows = labels(), []
    known = {name: set(GestureRecognizer(name).names) for name in SETS}
    totals: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for clip_name, model, clip in clips(shared, cache, models):
        for how, changed, answers in (
            ("mirrored", _mirrored(clip), [_other_side(label) for label in wanted[clip_name]]),
            ("half of the frames", _halved(clip), wanted[clip_name]),
            ("2 px noise", _noisy(clip), wanted[clip_name]),
        ):
            for name in SETS:
                totals[how, model, name].append(judge(changed, name, answers, known[name])[0])
    for (how, model, name), judged in totals.items():
        counts = {key: sum(row[key] for row in judged) for key in ("events", "right", "false", "to see", "missed")}
        rows.append({"clips": how, "model": model, "set": name, **counts})
    table(rows, title="all clips, changed")
    return rows


def _mirrored(clip: Clip) -> Clip:
    boxes, xy = clip.boxes.copy(), clip.xy * (-1, 1) + (clip.size[0], 0)
    boxes[..., [0, 2]] = clip.size[0] - clip.boxes[..., [2, 0]]
    return clip.replace(xy=xy[:, :, BODY.flip_idx], conf=clip.conf[:, :, BODY.flip_idx], boxes=boxes)


def _halved(clip: Clip) -> Clip:
    rows = {name: getattr(clip, name)[:, ::2] for name in ("boxes", "box_conf", "xy", "conf", "sigma")}
    return clip.replace(times=clip.times[::2], frames=clip.frames[::2], **rows)


def _noisy(clip: Clip) -> Clip:
    return clip.replace(xy=clip.xy + np.random.default_rng(0).normal(0.0, 2.0, clip.xy.shape))


def _other_side(label: Label) -> Label:
    swap = {"left": "right", "right": "left"}
    names = [name.rpartition("_") for name in label.gesture]
    gesture = [f"{stem}_{swap[side]}" if side in swap else f"{stem}{bar}{side}" for stem, bar, side in names]
    x1, y1, x2, y2 = label.where
    return replace(label, gesture=gesture, where=(1 - x2, y1, 1 - x1, y2))


def _by_clip(rows: list[dict[str, Any]]) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """Yield the rows of both sets together."""
    for first in range(0, len(rows), len(SETS)):
        both = rows[first : first + len(SETS)]
        yield both[0]["clip"], both[0]["model"], both


def standing(cache: Path, fps: float, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Return somebody who really stands and faces the camera, at a frame rate, there and back for as long as asked."""
    clip = Clip.load(cache / "gesture_none_stand.body.clip.npz")
    xy, times = clip.xy[0].astype(float), clip.times - clip.times[0]
    there = np.isfinite(xy).all(axis=(1, 2))
    xy, times = xy[there], times[there]
    at = np.arange(0, seconds, 1 / fps)
    span = times[-1]
    folded = span - np.abs(at % (2 * span) - span)
    columns = [np.interp(folded, times, column) for column in xy.reshape(len(xy), -1).T]
    return np.column_stack(columns).reshape(-1, 17, 2), at


def film(xy: np.ndarray, at: np.ndarray, sets: list[str], view: str) -> list[GestureEvent]:
    recognizer, media, said = GestureRecognizer(sets, mirrored=view == "mirrored"), Media("made", "video"), []
    image = np.broadcast_to(np.uint8(0), (1000, 1000, 3))
    conf = np.full((1, 17), 0.9)
    conf[:, 11:] = 0.05 if view == "desk" else 0.9
    for frame, (points, moment) in enumerate(zip(xy, at, strict=True)):
        data = np.array([[*points.min(axis=0), *points.max(axis=0), 1, 0.9, 0]])
        boxes = Boxes(freeze(data), (1000, 1000))
        keypoints = Keypoints(freeze(points[None]), freeze(conf), BODY, (1000, 1000))
        recognizer.update(Results(image, boxes, keypoints, {0: "person"}, frame, float(moment), media))
        said += [event for event in recognizer.events if event.state == "on"]
    return said


def made(cache: Path) -> list[dict[str, Any]]:
    """Ask for every gesture: slower, quicker, smaller and larger, from the front, from behind and mirrored."""
    rows, start = [], 2.0
    for name in (*MOVES, *OTHERS):
        late, wrong = [], defaultdict(int)
        seen: dict[str, list[bool]] = {
            key: [] for key in ("all", *(f"tempo {x}" for x in TEMPOS), *(f"size {x}" for x in SIZES))
        }
        for fps, view, tempo, size in product((30.0, 15.0), VIEWS, TEMPOS, SIZES):
            if view == "desk" and name.startswith(LEGS):
                continue
            base, at = standing(cache, fps, start + lasts(name) / tempo + 2.0)
            points = base if view in ("front", "desk") else base * (-1, 1) + (1000, 0)
            acted = act(points, at, name, start=start, tempo=tempo, size=size, noise=2.0, seed=len(late))
            if view == "mirrored":
                acted = acted[:, BODY.flip_idx]
            said = film(acted, at, list(SETS), view)
            hits = [event for event in said if event.gesture == name]
            for key in ("all", f"tempo {tempo}", f"size {size}"):
                seen[key].append(bool(hits))
            if hits and tempo == size == 1:
                late.append(hits[0].time - start)
            for event in said:
                wrong[event.gesture] += event.gesture != name
        rows.append(
            {"gesture": name, "lasts, s": lasts(name),
             "on after its start, s": float(np.median(late)) if late else None, "at most": max(late, default=None)}
            | {key: f"{sum(some)}/{len(some)}" if name in MOVES else "" for key, some in seen.items()}
            | {"others said": ", ".join(f"{other} {count}" for other, count in wrong.items() if count)}
        )  # fmt: skip
    table(rows, title="gestures made of a real track")
    return rows


def noise(shared: Path, cache: Path, models: list[str]) -> list[dict[str, Any]]:
    """Print by the length of the trunk how far points are placed from frame to frame, in pixels and in trunks."""
    found: dict[tuple[str, int], list[tuple[float, float]]] = defaultdict(list)
    for _, model, clip in clips(shared, cache, models):
        for row in range(len(clip.ids)):
            xy = np.where((clip.conf[row] >= 0.3)[..., None], clip.xy[row].astype(float), np.nan)
            trunk = np.linalg.norm(xy[:, [5, 6]].mean(axis=1) - xy[:, [11, 12]].mean(axis=1), axis=-1)
            # Third differences leave little of the movement, and 20 times the square of white noise.
            rough = np.abs(np.diff(xy[:, 5:], n=3, axis=0)).ravel() / np.sqrt(20)
            rough = rough[np.isfinite(rough)]
            if len(rough) < 300:
                continue
            size, sigma = float(np.nanmedian(trunk)), 1.4826 * float(np.median(rough))
            bin_ = next((edge for edge in (24, 48, 96, 192) if size < edge), 400)
            found[model, bin_].append((sigma, sigma / size))
    rows = [
        {"model": model, "trunk below, px": edge, "people": len(some),
         "noise, px": float(np.median([a for a, _ in some])), "noise, trunks": float(np.median([b for _, b in some]))}
        for (model, edge), some in sorted(found.items())
    ]  # fmt: skip
    table(rows, title="noise from frame to frame (median of people, robust)")
    return rows


def speed(cache: Path) -> list[dict[str, Any]]:
    """Print the CPU time a body costs with both sets together."""
    rows = []
    base, at = standing(cache, 30.0, 20.0)
    acted = act(act(base, at, "waving_left", start=3.0), at, "punch_right", start=8.0)
    for people in (1, 2, 8):
        recognizer, media, spent = GestureRecognizer(list(SETS)), Media("made", "video"), []
        image = np.broadcast_to(np.uint8(0), (1000, 1000, 3))
        for frame, moment in enumerate(at):
            points = np.repeat(acted[frame : frame + 1], people, axis=0)
            data = np.array([[0, 0, 900, 900, person + 1, 0.9, 0] for person in range(people)], dtype=float)
            keypoints = Keypoints(freeze(points), freeze(np.full((people, 17), 0.9)), BODY, (1000, 1000))
            result = Results(
                image, Boxes(freeze(data), (1000, 1000)), keypoints, {0: "person"}, frame, float(moment), media
            )
            begun = time.process_time()
            recognizer.update(result)
            spent.append((time.process_time() - begun) / people * 1e3)
        rows.append({"people": people, "ms a body, median": float(np.median(spent)), "mean": float(np.mean(spent)),
                     "99 of 100": float(np.quantile(spent, 0.99))})  # fmt: skip
    table(rows, title="CPU time of both sets, 30 frames a second")
    return rows


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--models", nargs="+", default=["body-fast", "body"])
    for what in ("varied", "made", "noise", "speed", "no-clips"):
        parser.add_argument(f"--{what}", action="store_true")
    wanted = parser.parse_args()
    rows: list[dict[str, Any]] = []
    if not wanted.no_clips:
        rows += films(wanted.shared, wanted.cache, wanted.models)
    if wanted.varied:
        rows += varied(wanted.shared, wanted.cache, wanted.models)
    if wanted.made:
        rows += made(wanted.cache)
    if wanted.noise:
        rows += noise(wanted.shared, wanted.cache, wanted.models)
    if wanted.speed:
        rows += speed(wanted.cache)
    save(wanted.json, rows=rows)


if __name__ == "__main__":
    main()
