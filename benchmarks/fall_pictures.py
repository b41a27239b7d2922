"""Falls in pictures, seen by the networks: python benchmarks/fall_pictures.py

The pictures of somebody who stands are turned about the feet as a stick falls, to both sides, on a grey ground; so the
network, the tracker and the detector all have to work on somebody who lies. The background falls too, and light and
clothes do not change as they would. Prints what is found by each model.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from _common import arguments, save, table
from PIL import Image
from synthetic_falls import tip_angles

from poise import FallWatch, Pose
from poise.frames import Frame, Media
from poise.sources import open_source
from poise.tracking import Tracker, follow_stream

# Clip, and the second from which somebody stands whole in it for at least 1.2 s.
STANDING = (("gesture_none_stand", 0.0), ("squat_gym_hold", 0.0), ("people_one_by_one", 100.0))
BEFORE, LENGTH = 1.2, 4.5  # seconds


def falling(path: Path, start: float, side: int, pose: Pose) -> Iterator[Frame]:
    """Yield the frames of a fall to one side, 1: to the right, -1: to the left."""
    frames = [frame for frame in open_source(str(path)) if start <= frame.time < start + BEFORE]
    step = frames[1].time - frames[0].time
    feet = np.asarray(pose.predict(frames[-1].image, verbose=False)[0].keypoints.xy)[0, 15:17].mean(axis=0)
    height, width = frames[0].image.shape[:2]
    room = round(0.6 * max(height, width))
    media = Media(path.name, "video", 1 / step)
    there_and_back = [*frames, *frames[::-1]]
    for i in range(int(LENGTH / step)):
        ground = np.full((height + 2 * room, width + 2 * room, 3), 110, np.uint8)
        ground[room : room + height, room : room + width] = there_and_back[i % len(there_and_back)].image
        angle = float(np.degrees(tip_angles(np.array([i * step]), BEFORE))[0])
        middle = (float(feet[0]) + room, float(feet[1]) + room)
        turned = Image.fromarray(ground).rotate(
            -side * angle, Image.Resampling.BILINEAR, center=middle, fillcolor=(110, 110, 110)
        )
        turned.thumbnail((900, 900))
        yield Frame(np.ascontiguousarray(turned), media, i, i * step)


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__)
    parser.add_argument("--models", nargs="*", default=["body-fast", "body"])
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for model in options.models:
        pose = Pose(model)
        for name, start in STANDING:
            for side in (1, -1):
                path = options.shared / "data/videos" / f"{name}.mp4"
                watch, when, lying, seen = FallWatch(), None, 0, 0.0
                found = (
                    pose.predict(frame.image, verbose=False)[0].replace(
                        media=frame.media, frame=frame.index, time=frame.time
                    )
                    for frame in falling(path, start, side, pose)
                )
                for result in follow_stream(found, Tracker()):
                    said = [event.time for event in watch.update(result) if event.event == "fall"]
                    when = said[0] - BEFORE if said and when is None else when
                    if result.time > BEFORE + 1.2:
                        lying += 1
                        seen += float(np.mean(result.keypoints.conf)) if len(result) else 0.0
                line = {"model": model, "clip": name, "to the": "right" if side > 0 else "left"}
                rows.append(line | {"fall after s": when, "conf of keypoints, lying": seen / max(lying, 1)})
    table(rows, title="falls in turned pictures")
    for model in options.models:
        hits = [row["fall after s"] is not None for row in rows if row["model"] == model]
        print(f"\n{model}: {sum(hits)} of {len(hits)} found")
    save(options.json, falls=rows)


if __name__ == "__main__":
    main()
