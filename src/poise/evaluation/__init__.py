"""Every number that the project quotes about accuracy."""

from poise.evaluation.coco import (
    KeypointScores,
    bootstrap_keypoints,
    coco_rows,
    coco_truth,
    evaluate_keypoints,
    read_truth,
)

__all__ = [
    "KeypointScores",
    "bootstrap_keypoints",
    "coco_rows",
    "coco_truth",
    "evaluate_keypoints",
    "read_truth",
]
