"""The body as controller, on real clips: python benchmarks/play.py --cache DIR.

DIR keeps the tracked bodies of each clip (NAME.MODEL.clip.npz, as benchmarks/events.py keeps them), because networks
need minutes for them.

Latency: clips of people who play, looked at by ``body-fast`` frame by frame as ``poise play`` does; milliseconds from
when a frame is there to when its actions are. What a camera needs before, and a game after, is not in it.

Jumps: how long before the set ``moves`` tells a jump, which waits for the landing, the map ``runner`` presses one.

Nobody plays: every tracked person of clips in which nobody jumps, squats, punches or kicks, each as the only player;
presses a minute of each map. Clips of a camera that moves are a row of their own: such movements look like anything.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from _common import ROOT, arguments, save, table

from poise.clips import Clip
from poise.frames import Media
from poise.gestures import GestureRecognizer
from poise.play import BodyController, LatencyMeter, bundled_maps, play
from poise.results import Results
from poise.results.columns import Boxes, Keypoints, freeze
from poise.skeletons import get

PLAYED = ("squat_home_front", "squat_gym_hold", "jumping_jack_front", "mocap_walk_side", "gesture_wave")
IDLE = (
    "gesture_none_stand", "curl_alternating_side", "curl_dumbbell_home", "curl_dumbbell_portrait", "hold_plank_gym",
    "lat_pulldown_back", "people_one_by_one", "people_store_aisle", "people_vtest", "people_worker_zone",
    "pushup_decline_side", "pushup_front", "shoulder_press_seated", "situp_outdoor",
)  # fmt: skip
MOVING = ("people_street_pan", "curl_barbell_pan")
SIZE = (1080, 1920)


def latency(shared: Path) -> list[dict[str, Any]]:
    """Play clips as ``poise play`` does."""
    from poise import Pose

    model, rows = Pose("body-fast"), []
    for name in PLAYED:
        controller, meter, all_frames = BodyController("runner"), LatencyMeter(), LatencyMeter()
        for one in play(shared / f"data/videos/{name}.mp4", controller, model=model, meter=meter):
            if one.result is not None:
                all_frames.add(one.milliseconds)
        rows.append(
            {
                "clip": name, "frames": all_frames.count, "actions": meter.count,
                "action, median ms": round(meter.median, 1), "action, p95 ms": round(meter.p95, 1),
                "every frame, median ms": round(all_frames.median, 1), "every frame, p95 ms": round(all_frames.p95, 1),
            }
        )  # fmt: skip
    return rows


def controller_alone() -> dict[str, Any]:
    """Time the controller without any network."""
    import time

    frames = jumps() * 20
    spent = []
    for name in bundled_maps():
        controller = BodyController(name)
        began = time.process_time()
        for n, one in enumerate(frames):
            controller.update(one.replace(time=n / 30))
        spent.append({"map": name, "ms a frame": round((time.process_time() - began) * 1e3 / len(frames), 3)})
    return {one["map"]: one["ms a frame"] for one in spent}


def jumps() -> list[Results]:
    """Return the frames of a man who jumps five times, as the network found him."""
    data = np.load(ROOT / "tests/assets/gesture_moves.npz")
    rows = zip(data["jumps_time"], data["jumps_xy"], data["jumps_conf"], strict=True)
    return [frame(xy, conf, float(time), n) for n, (time, xy, conf) in enumerate(rows)]


MEDIA = Media("recorded", "video")


def frame(xy: np.ndarray, conf: np.ndarray, time: float, number: int) -> Results:
    """Return one person as results."""
    low, high = np.nanmin(xy, axis=0), np.nanmax(xy, axis=0)
    keypoints = Keypoints(freeze(xy[None].astype(float)), freeze(conf[None].astype(float)), get("coco17"), SIZE)
    boxes = Boxes(freeze(np.array([[*low, *high, 1, 0.9, 0]], dtype=float)), SIZE)
    return Results(np.zeros((1, 1, 3), np.uint8), boxes, keypoints, frame=number, time=time, media=MEDIA)


def earlier() -> list[dict[str, Any]]:
    """Compare a press with when a jump is told that has landed."""
    frames = jumps()
    recognizer, landed = GestureRecognizer("moves"), []
    for one in frames:
        recognizer.update(one)
        landed += [event.time for event in recognizer.events if event.state == "on"]
    pressed = [
        one.time for one in BodyController("runner").follow(frames) if one.name == "jump" and one.state == "press"
    ]
    return [
        {"jump": n + 1, "pressed, s": round(a, 2), "landed and told, s": round(b, 2), "earlier, s": round(b - a, 2)}
        for n, (a, b) in enumerate(zip(pressed, landed, strict=False))
    ]


def bodies(shared: Path, cache: Path, name: str, model: str) -> Clip:
    """Return the tracked people of a clip, from the cache or from the network."""
    kept = cache / f"{name}.{model}.clip.npz"
    if not kept.exists():
        from poise import Pose

        (path,) = (shared / "data/videos").glob(f"{name}.*")
        cache.mkdir(parents=True, exist_ok=True)
        Clip.of(Pose(model).track(path, stream=True, verbose=False)).save(kept)
    return Clip.load(kept)


def silence(shared: Path, cache: Path, names: tuple[str, ...], what: str) -> list[dict[str, Any]]:
    """Count what is pressed where nobody plays."""
    rows = []
    for map_name in bundled_maps():
        minutes, pressed = 0.0, {}
        for name in names:
            for model in ("body-fast", "body"):
                clip = bodies(shared, cache, name, model)
                for person in range(len(clip.boxes)):
                    seen = np.flatnonzero(np.isfinite(clip.boxes[person, :, 0]))
                    if len(seen) < 10:
                        continue
                    frames = [
                        frame(
                            clip.xy[person, t], np.nan_to_num(clip.conf[person, t]), float(clip.times[t]), int(t)
                        ) for t in seen
                    ]  # fmt: skip
                    step = float(np.median(np.diff(clip.times)))
                    minutes += len(seen) * step / 60
                    for one in BodyController(map_name).follow(frames):
                        if one.state == "press":
                            pressed[one.name] = pressed.get(one.name, 0) + 1
        told = ", ".join(f"{key} {value}" for key, value in sorted(pressed.items()))
        rows.append(
            {
                "clips": what, "map": map_name, "minutes of people": round(minutes, 1),
                "presses": sum(pressed.values()), "a minute": round(sum(pressed.values()) / minutes, 2), "which": told,
            }
        )  # fmt: skip
    return rows


def main() -> None:
    """Print all tables."""
    parser = arguments(__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="a folder for what the networks found")
    given = parser.parse_args()
    rows = latency(given.shared)
    table(rows, title="Frame to action")
    table([controller_alone()], title="Of which the controller, CPU ms a frame")
    ahead = earlier()
    table(ahead, title="Jumps, pressed as the feet leave the ground")
    quiet = silence(given.shared, given.cache, IDLE, "camera stands")
    quiet += silence(given.shared, given.cache, MOVING, "camera moves")
    table(quiet, title="Nobody plays")
    save(given.json, latency=rows, jumps=ahead, silence=quiet)


if __name__ == "__main__":
    main()
