"""Ids of box-only ByteTrack (Roboflow's ``trackers``) for detections in files: run by tracking.py --other PYTHON.

It runs in an environment of its own (pip install trackers==2.6.1) and imports nothing of Poise.

    python benchmarks/tracking_bytetrack.py FOLDER PATIENCE_SECONDS

For each FOLDER/NAME.boxes.npz it writes FOLDER/NAME.SETTING.npy: an id for every row, -1 where it gives none. Three
settings of its thresholds, since the best depends on how a network's confidence is scaled.
"""

import sys
import warnings
from pathlib import Path

import numpy as np

warnings.filterwarnings("ignore")

# Its own defaults; those of the field's bytetrack.yaml; those of Poise's tracker.
SETTINGS = {"default": (0.6, 0.7), "low": (0.25, 0.25), "same": (0.4, 0.4)}


def main(folder: Path, patience: float) -> None:
    import supervision as sv
    from trackers import ByteTrackTracker

    for path in sorted(folder.glob("*.boxes.npz")):
        clip = np.load(path)
        for setting, (high, new) in SETTINGS.items():
            tracker = ByteTrackTracker(
                frame_rate=float(clip["fps"]) or 30.0,
                lost_track_buffer=round(patience * 30),
                track_activation_threshold=new,
                high_conf_det_threshold=high,
            )
            ids = np.full(len(clip["boxes"]), -1)
            start = 0
            for count in clip["counts"]:
                rows = np.arange(start, start + count)
                start += count
                found = sv.Detections(
                    xyxy=clip["boxes"][rows, :4].astype(np.float32),
                    confidence=clip["boxes"][rows, 4].astype(np.float32),
                    class_id=np.zeros(count, int),
                    data={"row": rows},
                )
                tracked = tracker.update(found)
                if len(tracked):
                    ids[tracked.data["row"]] = tracked.tracker_id
            np.save(path.with_name(path.name.replace(".boxes.npz", f".{setting}.npy")), ids)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
