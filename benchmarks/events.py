"""False events, falls found, postures, counts at zones, cost: python benchmarks/events.py --cache DIR.

DIR holds tracked clips as poise.clips.Clip files, NAME.MODEL.clip.npz; missing ones are made by running the networks.

Prints: falls, posture changes and zone events per minute over every clip, and the fall alarms of two plain detectors;
falls made of real tracks (tests/synthetic_falls) that are found, by direction, camera and noise, and what
looks like falls and raises alarms; alarms of exercises and dances that were made; postures against labels made by eye;
counts at zones and lines against counts made by eye; the cost of a frame.
"""

from __future__ import annotations

import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from _common import arguments, save, table
from _exercise_scenes import results as exercise_results
from _exercise_sets import on_the_floor
from _exercise_sets import scenes as exercise_scenes
from _fall_scenes import (
    HELD_OUT,
    NEGATIVES,
    START,
    UPRIGHT,
    BoxAspect,
    LowShoulders,
    Points,
    Upright,
    collapse,
    falling,
    hidden,
    leave,
    lie_down,
    results,
    upright,
)
from numpy.typing import NDArray

from poise.clips import Clip
from poise.events.falls import FallWatch
from poise.events.posture import POSTURES, PostureWatch, classify, measure
from poise.events.zonefile import Line, Zone, ZoneFile
from poise.events.zones import ZoneWatch
from poise.tracking import Tracker, follow_stream

# The two rules that most projects on falls use.
PLAIN = {"box aspect": BoxAspect, "low shoulders": LowShoulders}
PARTS = ("clips", "falls", "speeds", "exercises", "postures", "zones")
LABELS = ("standing", "sitting", "squat", "kneel", "bending", "lying")
# What a label is to be called.
CALLED = {"squat": "sitting", "kneel": "sitting"}


def clips(shared: Path, cache: Path, models: list[str]) -> Iterator[tuple[str, Clip]]:
    """Yield every clip with the tracks of every model."""
    for path in sorted((shared / "data/videos").iterdir()):
        if path.suffix not in (".mp4", ".avi", ".gif"):
            continue
        for model in models:
            kept = cache / f"{path.stem}.{model}.clip.npz"
            if not kept.exists():
                from poise import Pose

                cache.mkdir(parents=True, exist_ok=True)
                Clip.of(Pose(model).track(path, stream=True, verbose=False)).save(kept)
            yield f"{path.stem} {model}", Clip.load(kept)


def false_events(name: str, clip: Clip) -> dict[str, Any]:
    """Count what is said about a clip without falls."""
    falls, posture, zones = FallWatch(), PostureWatch(), ZoneWatch(middle())
    plain = {key: kind() for key, kind in PLAIN.items()}
    said: dict[str, int] = {"falls": 0, "posture": 0, "zone": 0} | dict.fromkeys(PLAIN, 0)
    spent = dict.fromkeys(said, 0.0)
    for result in clip.results():
        for key, detector in (("falls", falls), ("posture", posture), ("zone", zones)):
            start = time.thread_time()
            said[key] += len(detector.update(result))
            spent[key] += time.thread_time() - start
        for key, one in plain.items():
            said[key] += one.update(result)
    minutes = max(clip.duration, 1e-9) / 60
    return {
        "clip": name,
        "seconds": clip.duration,
        "fall alarms": said["falls"],
        **{key: said[key] for key in PLAIN},
        "postures a minute": said["posture"] / minutes,
        "zone events a minute": said["zone"] / minutes,
        "falls ms": 1e3 * spent["falls"] / len(clip),
        "posture ms": 1e3 * spent["posture"] / len(clip),
        "zone ms": 1e3 * spent["zone"] / len(clip),
    }


def _zone(x0: float, y0: float, x1: float, y1: float) -> NDArray[np.float64]:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


# Zones and lines of two clips in pixels, and how often each is entered and left (a line: crossed "in" and "out").
# One by one: six visits to the table, told in the clip's own labels; everybody leaves to the right.
# vtest: a line across the road; the crossings were counted in a slice of the picture through time, that is the line's
# column of every frame side by side, and their directions in frames before and after each.
SCENES: dict[str, tuple[ZoneFile, dict[str, tuple[int, int]]]] = {
    "people_one_by_one": (
        ZoneFile((Zone("table", _zone(345, 302, 553, 432)),), (Line("exit", np.array([[620.0, 432], [620, 250]])),)),
        {"table": (6, 6), "exit": (6, 0)},
    ),
    "people_vtest": (
        ZoneFile((), (Line("road", np.array([[560.0, 150], [560, 420]])),)),
        {"road": (18, 15)},
    ),
}


def middle() -> ZoneFile:
    """Return one zone: the middle of the picture."""
    corners = np.array([[0.3, 0.3], [0.7, 0.3], [0.7, 1.0], [0.3, 1.0]])
    return ZoneFile((Zone("middle", corners),), relative=True)


def alarm(
    one: Upright, made: Points, *, conf: Points | None = None, track: bool = False, watch: FallWatch | None = None
) -> float | None:
    """Return how many seconds after a scene begins a fall is said, or None."""
    watch = FallWatch() if watch is None else watch  # an empty one is false
    seen = results(one, made, conf=conf)
    for result in follow_stream(seen, Tracker()) if track else seen:
        for event in watch.update(result):
            if event.event == "fall":
                return event.time - START
    return None


def plain_alarm(one: Upright, made: Points, plain: BoxAspect, *, conf: Points | None = None) -> float | None:
    """Return the same of a plain detector."""
    for result in results(one, made, conf=conf):
        if plain.update(result):
            return result.time - START
    return None


def fall_tables(people: list[Upright]) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[float]]:
    """Return the falls that are found by direction, what raises a false alarm, and the delays, seconds."""
    falls, late = [], []
    for elevation in (0, 20, 40, 50, 60):
        for azimuth in (0, 90, 180, 270):
            line: dict[str, Any] = {"camera looks down": f"{elevation}°", "falls to": f"{azimuth}°"}
            for noise in (0.0, 0.02):
                scene = falling(azimuth, elevation, noise)
                made = [scene(one.xy, one.times, one.height) for one in people]
                said = [alarm(one, points) for one, points in zip(people, made, strict=True)]
                late += [when for when in said if when is not None] if elevation <= 40 else []
                line[f"noise {noise}"] = f"{sum(when is not None for when in said)}/{len(said)}"
                if noise:
                    for name, kind in PLAIN.items():
                        hits = [
                            plain_alarm(one, points, kind()) is not None
                            for one, points in zip(people, made, strict=True)
                        ]
                        line[name] = f"{sum(hits)}/{len(hits)}"
            falls.append(line)
    for seconds in (0.7, 1.0, 1.5, 2.5):
        scene = collapse(seconds)
        said = [alarm(one, scene(one.xy, one.times, one.height)) for one in people]
        line = {"camera looks down": "0°", "falls to": f"knees give way, down in {seconds} s"}
        falls.append(line | {"noise 0.0": f"{sum(when is not None for when in said)}/{len(said)}"})
    wrong = []
    for what, scenes in NEGATIVES.items():
        line = {"what": what, "made": len(scenes) * len(people), "fall alarms": 0} | dict.fromkeys(PLAIN, 0)
        for _, scene in scenes:
            for one in people:
                points = scene(one.xy, one.times, one.height)
                conf = hidden(one, points) if scene is leave else None
                line["fall alarms"] += alarm(one, points, conf=conf) is not None
                for name, kind in PLAIN.items():
                    line[name] += plain_alarm(one, points, kind(), conf=conf) is not None
        wrong.append(line)
    return falls, wrong, late


def held_out(people: list[Upright]) -> str:
    """Return how many falls of other people are found, with noise, and what else raises an alarm."""
    found = made = 0
    for elevation in (0, 20, 40):
        for azimuth in (0, 90, 180, 270):
            scene = falling(azimuth, elevation, 0.02)
            found += sum(alarm(one, scene(one.xy, one.times, one.height)) is not None for one in people)
            made += len(people)
    wrong: list[str] = []
    count = 0
    for what, scenes in NEGATIVES.items():
        for _, scene in scenes:
            for one in people:
                points = scene(one.xy, one.times, one.height)
                conf = hidden(one, points) if scene is leave else None
                wrong += [what] if alarm(one, points, conf=conf) is not None else []
                count += 1
    return f"{found} of {made} falls found, {len(wrong)} alarms of {count} that are none: {dict(Counter(wrong))}"


def sensitivity(every: list[tuple[str, Clip]], people: list[Upright]) -> list[dict[str, Any]]:
    """Return what other limits of the head's speed find, and what they alarm for, over all clips and people."""
    frames = [list(clip.results()) for _, clip in every]
    scenes = {f"knees give way in {s} s": collapse(s) for s in (1.0, 1.5, 2.0)}
    scenes |= {f"lies down in {s} s": lie_down(s) for s in (2.0, 3.0, 4.0)}
    rows = []
    for speed in (0.5, 0.6, 0.7, 0.8, 1.0):
        line: dict[str, Any] = {"min_speed": speed, "alarms in clips": 0}
        for clip in frames:
            watch = FallWatch(min_speed=speed)
            line["alarms in clips"] += sum(event.event == "fall" for result in clip for event in watch.update(result))
        for name, scene in scenes.items():
            made = [alarm(o, scene(o.xy, o.times, o.height), watch=FallWatch(min_speed=speed)) for o in people]
            line[name] = f"{sum(when is not None for when in made)}/{len(made)}"
        rows.append(line)
    return rows


def exercises(split: str) -> list[dict[str, Any]]:
    """Return the fall alarms of sets and dances that were made, by movement."""
    rows: dict[str, dict[str, Any]] = {}
    for scene in chain(on_the_floor(split), exercise_scenes(split, each=1)):
        # Push-ups by how they begin and end; the other sets by their kind, dances by their name.
        key = scene.name if ", from " in scene.name or not scene.exercise else f"sets: {scene.kind}"
        row = rows.setdefault(key, {"what": key, "made": 0, "fall alarms": 0} | dict.fromkeys(PLAIN, 0))
        watch = FallWatch()
        plain = {name: kind() for name, kind in PLAIN.items()}
        row["made"] += 1
        for result in exercise_results(scene):
            row["fall alarms"] += sum(event.event == "fall" for event in watch.update(result))
            for name, one in plain.items():
                row[name] += one.update(result)
    total = {"what": "all", **{k: sum(r[k] for r in rows.values()) for k in ("made", "fall alarms", *PLAIN)}}
    return [*rows.values(), total]


def postures(every: list[tuple[str, Clip]], model: str) -> list[dict[str, Any]]:
    """Return how often each labelled posture is called what, in frames."""
    labels = tomllib.loads(Path(__file__).with_name("posture_labels.toml").read_text(encoding="utf-8"))
    said: dict[str, Counter[str]] = {kind: Counter() for kind in LABELS}
    for name, clip in every:
        stem, used = name.split()
        if used != model or stem not in labels:
            continue
        size = clip.boxes[..., 2:] - clip.boxes[..., :2]
        largest = int(np.nan_to_num(size.prod(axis=-1)).sum(axis=1).argmax())
        for row in range(len(clip.ids)) if labels[stem]["who"] == "all" else [largest]:
            conf = np.nan_to_num(clip.conf[row]).astype(np.float64)
            xy, boxes = clip.xy[row].astype(np.float64), clip.boxes[row].astype(np.float64)
            names, _ = classify(measure(xy, conf, boxes, clip.skeleton, size=clip.size))
            for first, last, kind in labels[stem]["spans"]:
                span = clip.present[row] & (clip.times >= first) & (clip.times <= last)
                said[kind].update(names[span].tolist())
    rows = []
    for kind, counts in said.items():
        named = sum(counts.values()) - counts["unknown"]
        right = counts[CALLED.get(kind, kind)]
        line = {"label": kind} | {name: counts[name] for name in (*POSTURES, "unknown")}
        rows.append(line | {"right of those named": right / named if named else None})
    return rows


def visits(every: list[tuple[str, Clip]]) -> list[dict[str, Any]]:
    """Return counts at zones and lines beside those made by eye."""
    rows = []
    for name, clip in every:
        stem, model = name.split()
        if stem not in SCENES:
            continue
        file, by_eye = SCENES[stem]
        watch = ZoneWatch(file)
        for result in clip.results():
            watch.update(result)
        watch.finish()
        for shape, (entered, left) in by_eye.items():
            got = watch.counts[shape]
            rows.append(
                {"clip": stem, "model": model, "shape": shape, "in": got.entered, "in by eye": entered}
                | {"out": got.left, "out by eye": left}
            )
    return rows


def main() -> None:
    """Print the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--models", nargs="*", default=["body-fast", "body"])
    parser.add_argument("--only", choices=PARTS, help="print one part")
    options = parser.parse_args()
    every = list(clips(options.shared, options.cache, options.models))
    wanted = (options.only,) if options.only else PARTS
    said: dict[str, Any] = {}
    if "clips" in wanted:
        rows = [false_events(name, clip) for name, clip in every]
        table(rows, title="clips without falls")
        total = sum(row["seconds"] for row in rows) / 60
        alarms = {key: sum(row[key] for row in rows) for key in ("fall alarms", *PLAIN)}
        print(f"\nfall alarms in {total:.1f} minutes of {len(rows)} clips: {alarms}")
        said["clips"] = rows
    everybody: list[Upright] = []
    for model in options.models if {"falls", "speeds"} & set(wanted) else ():
        people = [
            one
            for name, clip in every
            if name.endswith(f" {model}") and name.split()[0] in UPRIGHT
            for one in upright(name.split()[0], clip)
        ]
        everybody += people
        if "falls" not in wanted:
            continue
        falls, wrong, late = fall_tables(people)
        table(falls, title=f"{model}: falls made of {len(people)} real tracks, found / made")
        spread = np.percentile(late, [0, 10, 50, 90, 100]).round(2).tolist()
        made = 2 * 3 * 4 * len(people)  # noise, heights of the camera up to 40°, directions
        print(f"\ncamera up to 40°: {len(late)} of {made} found; seconds after it begins: least, 10 %, "
              f"median, 90 %, most: {spread}")  # fmt: skip
        table(wrong, title=f"{model}: what is no fall, alarms of those made")
        scenes = [falling(azimuth, 0, 0.01) for azimuth in (0, 90, 180, 270)]
        hits = [alarm(o, scene(o.xy, o.times, o.height), track=True) is not None for o in people for scene in scenes]
        print(f"\nwith ids from the tracker: {sum(hits)}/{len(hits)}")
        said[f"falls {model}"] = {"found": falls, "wrong": wrong, "late": late}
    if "falls" in wanted:
        others = [one for name, clip in every if name.split()[0] in HELD_OUT for one in upright(name.split()[0], clip)]
        print(f"\nheld out, {len(others)} tracks of {', '.join(sorted({o.name for o in others}))}: {held_out(others)}")
    if "speeds" in wanted:
        said["speeds"] = sensitivity(every, everybody)
        table(said["speeds"], title="other limits of the head's speed, both models")
    for split in ("tuned", "held out") if "exercises" in wanted else ():
        said[f"exercises {split}"] = exercises(split)
        table(said[f"exercises {split}"], title=f"{split}: exercises and dances that were made, alarms")
    for model in options.models if "postures" in wanted else ():
        said[f"postures {model}"] = postures(every, model)
        table(said[f"postures {model}"], title=f"{model}: frames by label (rows) and posture said (columns)")
    if "zones" in wanted:
        said["zones"] = visits(every)
        table(said["zones"], title="counts at zones and lines")
    save(options.json, **said)


if __name__ == "__main__":
    main()
