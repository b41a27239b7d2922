"""The cost of everything behind the network, live: python benchmarks/live_chain.py --poses DIR [--exercise NAME].

Eight people stand in a grid before one camera, 30 frames a second for 60 seconds. Their poses are real: the main person
of recorded clips, as the network found them (kept in DIR, so that networks run once), each clip played forwards and
backwards. "squats" is the bundled clip eight times, shifted in time; "mixed" are eight clips with different exercises,
which needs --shared. Exercises are recognised, or one is named. No network and no picture is read while the clock runs.

Prints the CPU time of a frame in milliseconds, for each stage and the whole chain: tracker, smoother, repetitions,
zones, falls, postures, gestures of bodies. And what was said: the events of each detector with a digest of all their
fields, so that two versions can be compared.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from _common import arguments, save, table
from events import middle
from reps import poses

from poise import samples
from poise.events.event import Detector, Event
from poise.events.falls import FallWatch
from poise.events.posture import PostureWatch
from poise.events.zones import ZoneWatch
from poise.filters import Smoother
from poise.frames import Frame, Media
from poise.gestures import GestureWatch
from poise.reps import Person, RepWatch, collect_people
from poise.results import Results
from poise.tracking import Tracker

FPS, PEOPLE, COLUMNS, SIZE = 30.0, 8, 4, (1080, 1920)
MIXED = (
    "squat_home_front.mp4", "curl_alternating_side.mp4", "jumping_jack_front.mp4", "pushup_decline_side.mp4",
    "lunge_split_side.mp4", "lat_pulldown_back.mp4", "situp_outdoor.mp4", "gesture_wave.mp4",
)  # fmt: skip


def recorded(shared: Path, kept: Path, scene: str) -> list[Person]:
    """Return the main person of eight clips."""
    files = [str(samples.squats)] * PEOPLE if scene == "squats" else MIXED
    return [collect_people(poses(shared, kept, file, "body-fast"))[0] for file in files]


def play(person: Person, times: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ``(T, 17, 2)`` points, ``(T, 17)`` conf and ``(T, 4)`` boxes of a clip played to and fro."""
    length = person.time[-1] - person.time[0]
    at = person.time[0] + length - np.abs(times % (2 * length) - length)
    columns = np.concatenate([person.xy.reshape(len(person), -1), person.conf, person.box], axis=1)
    made = np.stack([np.interp(at, person.time, column) for column in columns.T], axis=1)
    return made[:, :34].reshape(-1, 17, 2), made[:, 34:51], made[:, 51:]


def stream(people: list[Person], seconds: float) -> Iterator[Results]:
    """Yield what a network would find, frame by frame; ids are for the tracker to give."""
    times = np.arange(round(seconds * FPS)) / FPS
    cell = np.array([SIZE[1] / COLUMNS, SIZE[0] / (PEOPLE / COLUMNS)])
    placed = []
    for n, person in enumerate(people):
        xy, conf, box = play(person, times + 1.7 * n)
        corners = box.reshape(-1, 2, 2)
        low, high = np.nanpercentile(corners[:, 0], 2, axis=0), np.nanpercentile(corners[:, 1], 98, axis=0)
        scale = 0.9 * float((cell / (high - low)).min())
        shift = cell * (n % COLUMNS + 0.5, n // COLUMNS + 0.5) - scale * (low + high) / 2
        placed.append((scale * xy + shift, conf, (scale * corners + shift).reshape(-1, 4)))
    # The tracker looks at colours and at cuts.
    picture = np.random.default_rng(0).integers(0, 255, (*SIZE, 3), dtype=np.uint8)
    media = Media("made.mp4", "video", fps=FPS)
    for i, now in enumerate(times.tolist()):
        boxes = np.array([[*box[i], 0.8, 0.0] for _, _, box in placed])
        xy, conf = np.array([one[i] for one, _, _ in placed]), np.array([one[i] for _, one, _ in placed])
        yield Results.of(Frame(picture, media, i, now), boxes, xy, conf)


def run(people: list[Person], seconds: float, exercise: str) -> tuple[dict[str, np.ndarray], dict[str, list[Event]]]:
    """Return the CPU milliseconds of each stage and frame, and the events of each detector."""
    tracker, smoother = Tracker(), Smoother()
    watches: dict[str, Detector] = {
        "repetitions": RepWatch(exercise), "zones": ZoneWatch(middle()), "falls": FallWatch(),
        "postures": PostureWatch(), "gestures": GestureWatch("body"),
    }  # fmt: skip
    spent: dict[str, list[float]] = {name: [] for name in ("tracker", "smoother", *watches)}
    said: dict[str, list[Event]] = {name: [] for name in watches}
    for result in stream(people, seconds):
        begin = time.process_time()
        tracked = tracker.update(result)
        spent["tracker"].append(time.process_time() - begin)
        begin = time.process_time()
        steady = smoother.update(tracked)
        spent["smoother"].append(time.process_time() - begin)
        for name, watch in watches.items():
            begin = time.process_time()
            said[name] += watch.update(steady)
            spent[name].append(time.process_time() - begin)
    return {name: 1e3 * np.array(each) for name, each in spent.items()}, said


def rows_of(spent: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    whole = np.sum(list(spent.values()), axis=0)
    return [
        {
            "stage": name,
            "mean ms": float(each.mean()),
            "median ms": float(np.median(each)),
            "p99 ms": float(np.percentile(each, 99)),
            "most ms": float(each.max()),
            "share %": float(100 * each.sum() / whole.sum()),
        }
        for name, each in (spent | {"whole chain": whole}).items()
    ]


def digest(events: list[Event]) -> str:
    text = "\n".join(json.dumps(one.record(), default=float) for one in events)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--poses", type=Path, required=True, help="folder of what the networks found")
    parser.add_argument("--scene", choices=("squats", "mixed"), action="append")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--exercise", default="auto", help="what is counted; auto: it is recognised")
    options = parser.parse_args()
    scenes = options.scene or ["squats", *(["mixed"] if options.shared.is_dir() else [])]
    figures = {}
    for scene in scenes:
        spent, said = run(recorded(options.shared, options.poses, scene), options.seconds, options.exercise)
        figures[scene] = rows_of(spent)
        table(figures[scene], title=f"{scene}, {options.exercise}: eight people, CPU time of a frame")
        print()
        for name, events in said.items():
            print(f"{name}: {len(events)} events, {digest(events)}")
    save(options.json, scenes=figures)


if __name__ == "__main__":
    main()
