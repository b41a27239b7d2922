"""Every number that the project quotes about accuracy."""

from poise.evaluation.coco import (
    KeypointScores,
    bootstrap_keypoints,
    coco_rows,
    coco_truth,
    evaluate_keypoints,
    read_truth,
)
from poise.evaluation.tracking import TrackingScores, clear_counts, evaluate_tracking, hota_curves, identity_matches

__all__ = [
    "KeypointScores",
    "TrackingScores",
    "bootstrap_keypoints",
    "clear_counts",
    "coco_rows",
    "coco_truth",
    "evaluate_keypoints",
    "evaluate_tracking",
    "hota_curves",
    "identity_matches",
    "read_truth",
]
