"""False events, falls found, cost of zones: python benchmarks/events.py --cache DIR.

DIR holds tracked clips as poise.clips.Clip files, NAME.MODEL.clip.npz; missing ones are made by running the networks.

Prints: falls, posture changes and zone events per minute over every clip; the share of falls found that are made of
real tracks (poise.evaluation.synthetic_falls) by direction, camera and noise; the cost of a frame.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from _common import arguments, save, table

from poise.clips import Clip
from poise.evaluation.synthetic_falls import tip_over
from poise.frames import Frame, Media
from poise.motion.falls import FallWatch
from poise.motion.posture import PostureWatch, measure
from poise.motion.zonefile import Zone, ZoneFile
from poise.motion.zones import ZoneWatch
from poise.results import Results
from poise.skeletons import get
from poise.tracking import Tracker, follow_stream

# People who stand or walk upright, whole, for the first seconds of these clips.
UPRIGHT = ("gesture_none_stand", "mocap_walk_side", "squat_gym_hold")
BLACK = np.zeros((1, 1, 3), np.uint8)


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
    said: dict[str, int] = {"falls": 0, "posture": 0, "zone": 0}
    spent = dict.fromkeys(said, 0.0)
    for result in clip.results():
        for key, detector in (("falls", falls), ("posture", posture), ("zone", zones)):
            start = time.perf_counter()
            said[key] += len(detector.update(result))
            spent[key] += time.perf_counter() - start
    minutes = max(clip.duration, 1e-9) / 60
    return {
        "clip": name,
        "seconds": clip.duration,
        "fall alarms": said["falls"],
        "postures a minute": said["posture"] / minutes,
        "zone events a minute": said["zone"] / minutes,
        "falls ms": 1e3 * spent["falls"] / len(clip),
        "zone ms": 1e3 * spent["zone"] / len(clip),
    }


def middle() -> ZoneFile:
    """Return one zone: the middle of the picture."""
    corners = np.array([[0.3, 0.3], [0.7, 0.3], [0.7, 1.0], [0.3, 1.0]])
    return ZoneFile((Zone("middle", corners),), relative=True)


def fallen(xy: np.ndarray, conf: np.ndarray, times: np.ndarray, size: tuple[int, int]) -> Iterator[Results]:
    """Yield results of one person, with id 1, whose box fits its keypoints."""
    media = Media("synthetic")
    picture = np.broadcast_to(BLACK, (size[1], size[0], 3))
    for t, (points, sure, now) in enumerate(zip(xy, conf, times, strict=True)):
        low, high = np.nanmin(points, axis=0) - 5, np.nanmax(points, axis=0) + 5
        yield Results.of(Frame(picture, media, t, float(now)), [[*low, *high, 1, 0.9, 0]], points[None], sure[None])


def falls_of(clip: Clip, *, track: bool = False, **view: Any) -> tuple[bool, float]:
    """Return whether a fall made of a clip's longest track is found, and how many seconds after it begins."""
    row = int(np.argmax(clip.present.sum(axis=1)))
    seen = np.flatnonzero(np.isfinite(clip.xy[row, :, 0, 0]))
    step = float(np.median(np.diff(clip.times)))
    wait = int(1.2 / step)  # frames upright before
    first = seen[:wait]
    # Afterwards the last upright frames come again, there and back, so that the trembling stays real.
    tail = np.resize(np.concatenate([first[::-1], first]), int(4.0 / step))
    order = np.concatenate([first, tail])
    xy, conf = clip.xy[row, order].astype(np.float64), clip.conf[row, order].astype(np.float64)
    times = np.arange(len(order)) * step
    boxes = clip.boxes[row, order].astype(np.float64)
    height = float(np.nanmedian(measure(xy, conf, boxes, get("coco17")).height))
    ankles = (clip.skeleton.index("left_ankle"), clip.skeleton.index("right_ankle"))
    made = tip_over(xy, times, start=1.2, ankles=ankles, height=height, **view)
    watch = FallWatch()
    results = fallen(made, conf, times, clip.size)
    for result in follow_stream(results, Tracker()) if track else results:
        for event in watch.update(result):
            if event.event == "fall":
                return True, event.time - 1.2
    return False, float("nan")


def main() -> None:
    """Print the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--models", nargs="*", default=["body-fast", "body"])
    parser.add_argument("--only", choices=("clips", "falls"), help="print one part")
    options = parser.parse_args()
    every = list(clips(options.shared, options.cache, options.models))
    rows = [false_events(name, clip) for name, clip in every] if options.only != "falls" else []
    if rows:
        table(rows, title="clips without falls")
        total = sum(row["seconds"] for row in rows) / 60
        print(f"\n{sum(row['fall alarms'] for row in rows)} fall alarms in {total:.1f} minutes of {len(rows)} clips")
    if options.only == "clips":
        return
    made = []
    usable = [clip for name, clip in every if name.split()[0] in UPRIGHT and name.endswith("body-fast")]
    for elevation in (0, 20, 40):
        for azimuth in (0, 90, 180, 270):
            line: dict[str, Any] = {"camera looks down": f"{elevation}°", "falls to": f"{azimuth}°"}
            late = []
            for noise in (0.0, 0.02):
                found = [falls_of(c, azimuth=azimuth, elevation=elevation, noise=noise) for c in usable]
                line[f"noise {noise}"] = f"{sum(hit for hit, _ in found)}/{len(found)}"
                late += [when for hit, when in found if hit]
            line["seconds after it begins"] = float(np.median(late)) if late else None
            made.append(line)
    table(made, title="falls made of real tracks: found / made")
    tracked = [falls_of(c, track=True, azimuth=a, noise=0.01)[0] for c in usable for a in (0, 90, 180, 270)]
    print(f"\nwith ids from the tracker: {sum(tracked)}/{len(tracked)}")
    save(options.json, false=rows, falls=made)


if __name__ == "__main__":
    main()
